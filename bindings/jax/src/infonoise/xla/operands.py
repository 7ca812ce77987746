"""Users' arguments as the operands of the custom calls of ``infonoise.jax``, checked."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from infonoise import _native
from infonoise.arrays import as_numbers, narrowed
from infonoise.config import Config
from infonoise.scheduler import check_ways, checked_seed, checked_slice


def batch_slice(n, rank, world, offset, total, counts) -> tuple[int, jax.Array, int]:
    """n, the offset as an operand of the call, and the total. The call itself checks a traced offset."""
    for name, value in (("rank", rank), ("offset", offset)):
        if isinstance(value, jax.core.Tracer) and (value.shape != () or not jnp.issubdtype(value.dtype, jnp.integer)):
            raise TypeError(
                f"{name} must be one integer, got {kind_of(value)}: under shard_map, jax.lax.axis_index gives the rank"
            )
    if isinstance(rank, jax.core.Tracer):
        check_ways(rank, world, offset, total, counts)
        if counts is not None:
            raise TypeError(
                "counts needs a rank that is no tracer, since each rank draws another number: inside shard_map all draw the "
                "largest of them; mask those that are not used"
            )
        n, _, total = checked_slice(n, 0, world)
        return n, (rank.astype(jnp.uint32) * on_device(np.uint32(n))).reshape(1), total
    traced = isinstance(offset, jax.core.Tracer)
    n, known, total = checked_slice(n, rank, world, 0 if traced else offset, total, counts)
    return n, offset.astype(jnp.uint32).reshape(1) if traced else on_device(np.array([known], np.uint32)), total


def pairs(sigma, error, mask) -> list[jax.Array]:
    """A batch as flat float32 (and uint8) operands, with gradients stopped."""
    arrays = [_numbers("sigma", sigma), _numbers("error", error)]
    for name, array in zip(("sigma", "error"), arrays):
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise TypeError(f"{name} must be floating point, got {array.dtype}")
    # NumPy arrays are converted on the host: without x64 mode JAX would round them first.
    arrays[1] = (_narrowed if isinstance(arrays[1], jax.Array) else narrowed)(arrays[1])
    arrays = [on_device(x) for x in (*arrays, mask) if x is not None]
    # Sigmas drawn as (n, 1, 1, 1), to be multiplied with images, have one error each too.
    if len({tuple(length for length in array.shape if length != 1) for array in arrays}) != 1:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ValueError(
            f"sigma, error and mask must have the same shape, got {shapes}: "
            "pass one error for each sigma, reduced over the data's dimensions"
        )
    flat = [jax.lax.stop_gradient(x).astype(jnp.float32).ravel() for x in arrays[:2]]
    return flat + [x.astype(bool).astype(jnp.uint8).ravel() for x in arrays[2:]]


# In a program of its own, so that its constants are no transfers.
_narrowed = jax.jit(functools.partial(narrowed, xp=jnp))


def on_device(values) -> jax.Array:
    """A JAX array. What the caller has on the host is transferred explicitly, as ``jax.transfer_guard`` calls it,
    and as a copy, since ``device_put`` may use the memory itself, which the caller may write to."""
    return values if isinstance(values, jax.Array) else jax.device_put(np.array(values))


def float32_array(name: str, values) -> jax.Array:
    array = _numbers(name, values)
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise TypeError(f"{name} must be real numbers, got {array.dtype}")
    return on_device(array).astype(jnp.float32)


def _numbers(name: str, values):
    """A JAX array from JAX arrays or lists of them, a NumPy array from anything else."""
    leaves = jax.tree.leaves(values)
    return jnp.asarray(values) if any(isinstance(x, jax.Array) for x in leaves) else as_numbers(name, values)


def record(config: Config) -> np.ndarray:
    return np.frombuffer(_native.record(config), np.int64)


def table_words(table: np.ndarray | None) -> np.ndarray:
    return np.zeros(1, np.int64) if table is None else table.view(np.int64)


def seed_words(seed) -> jax.Array:
    """A seed as two uint32, low half first."""
    dtype, shape = getattr(seed, "dtype", None), getattr(seed, "shape", None)
    if dtype is not None and jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key) and shape == ():
        seed = jax.random.key_data(seed)
    elif dtype != np.uint32 or shape not in ((2,), (4,)):
        return _integer_words(seed)
    a, b, *more = on_device(seed)
    high, low = (a ^ more[1], b ^ more[0] ^ more[1]) if more else (a, b)
    return jnp.stack([low, high])


def _integer_words(seed) -> jax.Array:
    if isinstance(seed, np.ndarray) and seed.shape == ():
        seed = seed[()]  # before JAX cuts it to 32 bits
    if isinstance(seed, (int, np.integer)):
        seed = checked_seed(seed)
        return on_device(np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint32))
    seed = jnp.asarray(seed)
    if seed.shape == () and not isinstance(seed, jax.core.Tracer) and jnp.issubdtype(seed.dtype, jnp.integer):
        return _integer_words(int(seed))
    if seed.shape != () or not jnp.issubdtype(seed.dtype, jnp.integer):
        raise TypeError(f"seed must be one integer, got {seed.dtype}{list(seed.shape)}")
    high = (seed >> 32).astype(jnp.uint32) if seed.dtype.itemsize == 8 else on_device(np.uint32(0))
    return jnp.stack([seed.astype(jnp.uint32), high])


def kind_of(array) -> str:
    shape = getattr(array, "shape", None)
    return type(array).__name__ if shape is None else f"{array.dtype}{list(shape)}"
