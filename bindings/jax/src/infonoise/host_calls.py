"""Calls on the host from inside a JAX program, on platforms without a native call."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from infonoise.arrays import empty_words
from infonoise.bits import as_bits, of_bits


def call(host, results, operands):
    """``jax.pure_callback`` of ``host``; under ``vmap`` one callback runs it on every row.

    ``operands`` are arrays as ``as_bits`` takes them, ``results`` a shape with a dtype of four bytes, or a
    tuple of them. ``host`` gets NumPy arrays: those of the results, to write, then the operands, to read.
    The memory of the first result and of the first operand is 8-aligned, as blocks need it.

    JAX spends some 50 us on a callback, and 20 us more on each operand but the first: they travel as one."""
    shapes, tree = jax.tree.flatten(results)
    takes, end = [], 0
    for x in operands:
        start, end = end, end + math.prod(x.shape)
        takes.append((slice(start, end), x.shape, np.dtype(x.dtype)))
    length = end + end % 2  # the next row is 8-aligned too

    def on_numpy(packed):
        # NumPy's array, since an operation on JAX's would wait for a device that waits for this callback.
        packed = np.asarray(packed)
        rows = packed.reshape(-1, length)
        written = [[_empty(x) for x in shapes] for _ in rows]
        for row, out in zip(rows, written):
            host(*out, *(of_bits(row[place], dtype).reshape(shape) for place, shape, dtype in takes))
        if packed.ndim == 1:
            return tree.unflatten(written[0])
        return tree.unflatten(np.stack(x).reshape(packed.shape[:-1] + x[0].shape) for x in zip(*written))

    padding = [jnp.zeros(length - end, jnp.uint32)]
    packed = jnp.concatenate([as_bits(x).ravel() for x in operands] + padding)
    return jax.pure_callback(on_numpy, results, packed, vmap_method="broadcast_all")


def _empty(like) -> np.ndarray:
    return empty_words(math.prod(like.shape)).view(like.dtype).reshape(like.shape)
