"""Conversion of users' arguments to arrays that the core accepts."""

from __future__ import annotations

import operator

import numpy as np

#: The smallest normal float32.
SMALLEST = float(np.finfo(np.float32).tiny)

ONE_OF_A_BATCH = "take one of a batch by jax.tree.map(lambda words: words[i], batch)"

#: Why words of another type are refused.
CAST = (
    "a cast changes a schedule's words, and a cast back does not restore them. Take them from the checkpoint as "
    "uint32, and cast floating-point leaves only"
)


def empty_words(length: int) -> np.ndarray:
    """Uninitialised uint32 words with 8-aligned memory, as a block needs."""
    return np.empty((length + 1) // 2, np.uint64).view(np.uint32)[:length]


def own_words(words) -> np.ndarray:
    """A writable, 8-aligned copy of a block."""
    words = np.asarray(words)
    if words.dtype != np.uint32 or words.ndim != 1:
        cast = f": {CAST}" if words.ndim and words.dtype != np.uint32 else ""
        raise TypeError(f"words must be uint32[N], got {words.dtype}{list(words.shape)}{cast}")
    copy = empty_words(words.size)
    copy[...] = words
    return copy


def one_block(state) -> np.ndarray:
    """The words of a ``Scheduler`` or an ``infonoise.jax.State``, or the words themselves."""
    words = getattr(state, "words", getattr(state, "state", state))
    name, shape = type(state).__name__, getattr(words, "shape", None)
    if getattr(words, "dtype", None) != np.uint32 or not shape:
        raise TypeError(f"a Scheduler or one infonoise.jax.State is needed, got {name}")
    if len(shape) != 1:
        raise ValueError(f"one schedule is needed, got {name} of a batch of shape {shape[:-1]}: {ONE_OF_A_BATCH}")
    return np.asarray(words)


def as_array(values) -> np.ndarray:
    """An array from an array, an object with the buffer protocol or DLPack on the CPU, or a sequence. A
    PyTorch tensor is detached from its gradient."""
    if hasattr(values, "detach"):
        values = values.detach()
        if str(values.dtype) == "torch.bfloat16":  # NumPy has no such type; float32 holds each of its numbers.
            values = values.float()
        if values.device.type != "cpu":
            raise TypeError(f"a tensor on {values.device} must come to the host first: pass tensor.cpu()")
    elif hasattr(values, "__dlpack__") and not hasattr(values, "__array__"):
        return np.from_dlpack(values)
    return np.asarray(values)


def as_numbers(name: str, values) -> np.ndarray:
    """``as_array`` for real numbers; masked entries and other types are refused."""
    if values is None:
        raise TypeError(f"{name} must be an array, got None")
    if np.ma.is_masked(values):
        raise TypeError(f"{name} has masked entries, which would count: pass its data, and mask=~{name}.mask")
    array = as_array(values)
    # Complex numbers would lose their imaginary part; texts and dates would be converted to numbers.
    if not np.can_cast(array.dtype, np.float32, "same_kind"):
        raise TypeError(f"{name} must be real numbers, got {array.dtype}")
    return array


def narrowed(error, xp=np):
    """Errors as float32. XLA and NumPy treat numbers too small for float32 differently, and a negative error
    must not become -0, since negative errors are rejected."""
    if error.dtype.itemsize > 4 and error.dtype.kind == "f":
        error = xp.where(error < 0, -1.0, xp.where(error < SMALLEST, 0.0, error))
    return error.astype(np.float32)


def native_pairs(sigma, error, mask) -> list[np.ndarray]:
    """A batch as rows of float32, with its mask as uint8 if there is one."""
    pairs = [as_numbers("sigma", sigma), narrowed(as_numbers("error", error))]
    pairs = [np.ascontiguousarray(x, np.float32) for x in pairs]
    if mask is not None:
        pairs.append(np.ascontiguousarray(as_array(mask) != 0, np.uint8))
    if any(x.shape != pairs[0].shape for x in pairs):
        shapes = ", ".join(str(x.shape) for x in pairs)
        raise ValueError(f"sigma, error and mask must have the same shape, got {shapes}: pass one error for each sigma")
    return [x.reshape(-1) for x in pairs]


def checked_integer(name: str, value, kind: str) -> int:
    """An integer, NumPy's and JAX's included, as a Python int."""
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:  # no integer, or a traced one
        pass
    raise TypeError(f"{name} must be {kind}, got {value!r}")
