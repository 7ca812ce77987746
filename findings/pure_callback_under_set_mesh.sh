#!/usr/bin/env bash
# Under `jax.set_mesh` of several devices, the result of `jax.pure_callback` cannot be used:
# not outside jit, and not as the result of a jitted function.
#
# Versions: jax and jaxlib 0.10.2, numpy 2.4.6, CPU with four forced devices. CPython 3.11. (JAX
#   0.7.0 with `jax.sharding.use_mesh`, and 0.12.0.1, do the same.)
# Behaviour: with a mesh of several devices set, of explicit or automatic axes, `y = f(x)` succeeds
#   and prints its numbers, where f is a pure_callback, jitted or not, and x an ordinary array. Its
#   sharding is GSPMDSharding({maximal device=0}), and `y + 1` raises TypeError, "Cannot convert
#   GSPMDSharding {maximal device=0} into SdyArray". Without the mesh `y + 1` works. Inside jit a
#   further operation on the result works (`jit(lambda x: f(x)[:3])(x) + 1`), one that XLA removes
#   does not (`f(x)[:4]` of four).
# Output seen: "AxisType.Auto, jitted: [2. 2. 2. 2.] GSPMDSharding TypeError Cannot convert GSPMDSharding
#   {maximal device=0} into SdyArray."; "AxisType.Auto, cut: [2. 2. 2.] NamedSharding plus one: [3. 3. 3.]".
# So: jit the callback together with an operation that really changes the shape of its result.
# Needs python3 (3.11 to 3.13). Exits non-zero if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

cat >use.py <<'PY'
import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType

like = jax.ShapeDtypeStruct((4,), jnp.float32)


def f(x):
    return jax.pure_callback(lambda x: np.asarray(x) * 2, like, x)


def add_one(name, function, x):
    try:
        y = function(x)
        print(name, y, type(y.sharding).__name__, "plus one:", y + 1)
    except Exception as error:
        print(name, y, type(y.sharding).__name__, type(error).__name__, str(error).splitlines()[0])


ways = {"plain": f, "jitted": jax.jit(f), "cut": jax.jit(lambda x: f(x)[:3]), "uncut": jax.jit(lambda x: f(x)[:4])}
for name, function in ways.items():
    add_one(f"no mesh, {name}:", function, jnp.ones(4))
for kind in (AxisType.Explicit, AxisType.Auto):
    with jax.set_mesh(jax.make_mesh((4,), ("x",), axis_types=(kind,))):
        for name, function in ways.items():
            add_one(f"{kind}, {name}:", function, jnp.ones(4))
PY
venv/bin/python use.py 2>errors | tee output
expect() {
  grep -qF "$1" output || { echo "changed: no line '$1'" >&2; exit 1; }
}
for way in plain jitted cut uncut; do
  expect "no mesh, $way: [2. 2. 2." && grep -F "no mesh, $way:" output | grep -qF 'plus one: [3. 3. 3.'
done
for kind in Explicit Auto; do
  for way in plain jitted uncut; do
    expect "$kind, $way: [2. 2. 2. 2.] GSPMDSharding TypeError Cannot convert GSPMDSharding {maximal device=0} into SdyArray"
  done
  expect "$kind, cut: [2. 2. 2.] NamedSharding plus one: [3. 3. 3.]"
done
echo "as described"
