#!/usr/bin/env bash
# `jax.device_put(array, may_alias=False)` returns a JAX array that changes when the NumPy array
# is written to, if the NumPy array's memory begins at a multiple of 64 bytes.
#
# Versions: jax and jaxlib 0.10.2, numpy 2.4.6, CPU. CPython 3.11.
# Behaviour: its documentation promises a copy when `may_alias` is False. On the CPU a 64-byte aligned
#   array is not copied: with `may_alias=False`, with a device and with `donate=False` the JAX array
#   reads what NumPy wrote afterwards. At any other address the same call copies, so the same program
#   is right or wrong by where malloc put an array. `jnp.array` and `jnp.asarray` (even with
#   `copy=False`) copy at every address.
# Output seen: "offset 0: device_put(x, may_alias=False) holds [2]", where the array held 1 when it was
#   passed; "offset 16: device_put(x, may_alias=False) holds [1]"; "offset 0: jnp.array(x) holds [1]".
# So: do not hand out the memory of an array that changes; copy it, or use `jnp.array`.
# Needs python3 (3.11 to 3.13). Exits non-zero if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

cat >use.py <<'PY'
import jax, jax.numpy as jnp, numpy as np

cpu = jax.devices("cpu")[0]
WAYS = {
    "device_put(x)": jax.device_put,
    "device_put(x, may_alias=False)": lambda x: jax.device_put(x, may_alias=False),
    "device_put(x, cpu, donate=False, may_alias=False)": lambda x: jax.device_put(x, cpu, donate=False, may_alias=False),
    "jnp.asarray(x, copy=False)": lambda x: jnp.asarray(x, copy=False),
    "jnp.array(x)": jnp.array,
}

def ones(offset, n=20000):
    """An array whose memory begins `offset` bytes after a multiple of 64."""
    raw = np.empty(4 * n + 128, np.uint8)
    start = -raw.ctypes.data % 64 + offset
    array = raw[start : start + 4 * n].view(np.uint32)
    array[:] = 1
    return array

for offset in (0, 16):
    for name, way in WAYS.items():
        array = ones(offset)
        result = jax.block_until_ready(way(array))
        array[:] = 2
        print(f"offset {offset}: {name} holds {np.unique(np.asarray(result)).tolist()}")
PY
JAX_PLATFORMS=cpu venv/bin/python use.py | tee output
expect() {
  grep -qF "$1" output || { echo "changed: no line '$1'" >&2; exit 1; }
}
expect 'offset 0: device_put(x, may_alias=False) holds [2]'
expect 'offset 0: device_put(x, cpu, donate=False, may_alias=False) holds [2]'
expect 'offset 16: device_put(x, may_alias=False) holds [1]'
expect 'offset 0: jnp.asarray(x, copy=False) holds [1]'
expect 'offset 0: jnp.array(x) holds [1]'
