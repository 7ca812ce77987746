#!/usr/bin/env bash
# jax.ops.segment_sum of bfloat16 numbers stops growing at 256 times their size, while
# jnp.sum of the same numbers is right.
#
# Versions: jax and jaxlib 0.10.2 (CPU), CPython 3.11.
# Behaviour: a thousand bfloat16 ones, summed by jnp.sum, jnp.mean, jnp.cumsum or a matrix product
#   with ones, give 1000: these accumulate in float32. jax.ops.segment_sum into one segment and
#   x.at[i].add give 256, in jit and outside: they add one number after the other in bfloat16,
#   where 256 + 1 is 256. Sample means over packed sequences (segment_sum divided by lengths)
#   are therefore too small, the more the longer the sequence is: for 4096 numbers of
#   an exponential law .35 of the true mean. The docstring of segment_sum names no precision, and
#   there is no warning.
# So: convert to float32 before segment_sum or .at[].add.
# Needs python3 (3.11 to 3.13). Exits non-zero if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2
cat >sums.py <<'PY'
import jax
import jax.numpy as jnp
import numpy as np


def segment(x):
    return jax.ops.segment_sum(x, jnp.zeros(x.size, int), num_segments=1)[0]


def scatter(x):
    return jnp.zeros(1, x.dtype).at[jnp.zeros(x.size, int)].add(x)[0]


ones = jnp.ones(1000, jnp.bfloat16)
ways = {
    "sum": jnp.sum,
    "mean * 1000": lambda x: jnp.mean(x) * 1000,
    "cumsum": lambda x: jnp.cumsum(x)[-1],
    "product": lambda x: x @ jnp.ones_like(x),
    "segment_sum": segment,
    "segment_sum in jit": jax.jit(segment),
    "at.add": scatter,
    "segment_sum of float32": lambda x: segment(x.astype(jnp.float32)),
}
for name, way in ways.items():
    print(f"{name}: {float(way(ones)):g}")
errors = jnp.asarray(np.random.default_rng(0).exponential(size=4096), jnp.bfloat16)
print(f"of the true mean of 4096: {float(segment(errors)) / 4096 / float(errors.astype(jnp.float32).mean()):.2f}")
PY
venv/bin/python sums.py | tee output
expect() {
  grep -qx "$1" output || { echo "changed: no line '$1'" >&2; exit 1; }
}
for name in sum 'mean \* 1000' cumsum product 'segment_sum of float32'; do expect "$name: 1000"; done
for name in segment_sum 'segment_sum in jit' at.add; do expect "$name: 256"; done
expect 'of the true mean of 4096: 0\.3[0-9]'
echo "as described"
