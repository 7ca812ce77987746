#!/usr/bin/env bash
# sbgm's SubVPSDE trains with up to twice the noise of its own SDE.
#
# Versions: sbgm 0.0.38, equinox 0.13.2, jax and jaxlib 0.10.2 (CPU), CPython 3.11.
# Behaviour: SubVPSDE.sde(x, t) is the sub-VP SDE, whose deviation at t is 1 - exp(-B), B the integral of
#   beta from 0 to t. The docstring of marginal_prob says the same, and so does the paper it cites (2011.13456,
#   equation 29). What marginal_prob(x, t) returns, and training adds, is 1 - exp(-2 B): 1.99 times the
#   deviation at B = .01, 1.61 times at .5, 1.05 at 3. The mean is that of the SDE. So the network learns the
#   scores of other densities than the ones that the sampler passes through, and nothing says so.
# So: a path's name is not enough. Ask the trainer's own function for alpha and sigma.
# Needs python3 (3.11 to 3.13). Imports sbgm.sde alone: the package's __init__ wants data sets and torchvision.
# Exits non-zero if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
pip() { venv/bin/pip install --quiet --disable-pip-version-check "$@"; }
pip jax==0.10.2 jaxlib==0.10.2 equinox==0.13.2 jaxtyping beartype ml_collections
pip --no-deps --ignore-requires-python sbgm==0.0.38
cat >noise.py <<'PY'
import importlib.util
import sys
import types

import jax
import jax.numpy as jnp

package = types.ModuleType("sbgm")
package.__path__ = importlib.util.find_spec("sbgm").submodule_search_locations
sys.modules["sbgm"] = package
from sbgm.sde import SubVPSDE

sde = SubVPSDE(lambda t: t, t1=4.0)  # beta = 1, so that B = t
one = jnp.ones(())


def deviation(end, steps=4000):
    """Of x at the end, from the drift f x and the diffusion g of the SDE: dV/dt = 2 f V + g^2, by the midpoint rule."""
    h = end / steps

    def slope(v, t):
        drift, diffusion = sde.sde(one, t)
        return 2 * drift * v + diffusion**2

    def step(v, i):
        t = i * h
        middle = v + h / 2 * slope(v, t)
        return v + h * slope(middle, t + h / 2), None

    return jnp.sqrt(jax.lax.scan(step, jnp.zeros(()), jnp.arange(steps))[0])


for end in (0.01, 0.5, 3.0):
    mean, added = sde.marginal_prob(one, jnp.float32(end))
    print(f"B = {end}: mean {mean / jnp.exp(-end / 2):.2f} times, deviation {added / deviation(end):.2f} times that of the SDE")
PY
venv/bin/python noise.py | tee output
for line in 'B = 0.01: mean 1.00 times, deviation 1.9[89] times' 'B = 0.5: mean 1.00 times, deviation 1.61 times' \
  'B = 3.0: mean 1.00 times, deviation 1.05 times'; do
  grep -q "^$line" output || { echo "changed: no line '$line'" >&2; exit 1; }
done
echo "as described"
