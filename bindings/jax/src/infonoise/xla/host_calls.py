"""Calls on the host from inside a JAX program, on platforms without a native call."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from infonoise.xla.bits import as_bits, of_bits


def call(host, results, operands):
    """``jax.pure_callback`` of ``host``; under ``vmap`` one callback runs it on every row.

    ``operands`` are arrays as ``as_bits`` takes them, ``results`` a shape with a dtype of four bytes, or a
    tuple of them. ``host`` gets NumPy arrays: those of the results, to write, then the operands, to read.
    The memory of the first result and of the first operand is 8-aligned, as blocks need it.

    All travel as one array in each direction: JAX spends some 50 us on a callback, and 20 us more on each
    further operand; and JAX 0.7 cannot compile a callback of several results in shard_map."""
    likes, tree = jax.tree.flatten(results)
    (takes, taken), (gives, given) = _parts(operands), _parts(likes)

    def on_numpy(packed):
        # NumPy's array, since an operation on JAX's would wait for a device that waits for this callback.
        packed = np.asarray(packed)
        out = np.empty((*packed.shape[:-1], given // 2), np.uint64).view(np.uint32)
        for row, written in zip(packed.reshape(-1, taken), out.reshape(-1, given)):
            host(*_of_row(written, gives), *_of_row(row, takes))
        return out

    def program(*operands):
        flat = [as_bits(_replicated(x)).ravel() for x in operands]
        packed = jnp.concatenate([*flat, jnp.zeros(taken - sum(x.size for x in flat), jnp.uint32)])
        like = jax.ShapeDtypeStruct((given,), jnp.uint32)
        return _of_row(jax.pure_callback(on_numpy, like, packed, vmap_method="broadcast_all"), gives)

    # In jit, and never the callback's whole result: under jax.set_mesh JAX cannot take that as an argument again.
    return tree.unflatten(jax.jit(program, inline=True)(*operands))


def _parts(arrays) -> tuple[list, int]:
    """Where each array is in a row of all of them, with its shape and dtype; and the row's length, which is
    even, so that the next row is 8-aligned too, and more than they need."""
    parts, end = [], 0
    for array in arrays:
        start, end = end, end + math.prod(array.shape)
        parts.append((slice(start, end), array.shape, np.dtype(array.dtype)))
    return parts, end + 2 - end % 2


def _replicated(x):
    """On a mesh of explicit axes an array's type says how it is divided, and only equal types can be joined."""
    sharding = jax.typeof(x).sharding
    return jax.sharding.reshard(x, NamedSharding(sharding.mesh, PartitionSpec())) if any(sharding.spec) else x


def _of_row(row, parts) -> list:
    return [of_bits(row[place], dtype).reshape(shape) for place, shape, dtype in parts]
