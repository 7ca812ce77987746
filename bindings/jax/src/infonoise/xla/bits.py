"""The bits of arrays as uint32, so that arrays of several types can travel as one."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def as_bits(array: jax.Array) -> jax.Array:
    """uint32 of the same shape; elements are of four bytes, or small unsigned integers."""
    return jax.lax.bitcast_convert_type(array, jnp.uint32) if array.dtype.itemsize == 4 else array.astype(jnp.uint32)


def of_bits(bits, dtype):
    """The array that ``as_bits`` was given, which was of ``dtype``; a NumPy array from one."""
    if dtype.itemsize != 4:
        return bits.astype(dtype)
    return bits.view(dtype) if isinstance(bits, np.ndarray) else jax.lax.bitcast_convert_type(bits, dtype)
