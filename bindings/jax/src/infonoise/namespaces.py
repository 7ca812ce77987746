"""One formula for the arrays of NumPy, JAX (traced ones too) and PyTorch: the library an array belongs to, and derivatives."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[[Any], Any]


def belongs(array, library: str, kind: str) -> bool:
    """Whether this is an array of a library; one that nobody imported has none."""
    module = sys.modules.get(library)
    return module is not None and isinstance(array, getattr(module, kind, ()))


def is_jax(array) -> bool:
    return belongs(array, "jax", "Array")


def is_torch(array) -> bool:
    return belongs(array, "torch", "Tensor")


def namespace(array) -> Any:
    """``jax.numpy``, ``torch`` or, for everything else, ``numpy``."""
    if is_jax(array):
        return sys.modules["jax"].numpy
    return sys.modules["torch"] if is_torch(array) else np


def is_traced(array) -> bool:
    """Whether its numbers are unknown yet, as under ``jax.jit``."""
    return is_jax(array) and isinstance(array, sys.modules["jax"].core.Tracer)


def as_float(values) -> Any:
    """An array of a library as it is, in floating point; anything else as NumPy's float64."""
    if is_jax(values):
        xp = namespace(values)
        return values if xp.issubdtype(values.dtype, xp.floating) else values.astype(np.float32)
    if is_torch(values):
        return values if values.dtype.is_floating_point else values.float()
    return np.asarray(values, np.float64)


def as_numpy(array) -> np.ndarray:
    """Its numbers as float64, on the host."""
    return np.asarray(array.detach().cpu() if is_torch(array) else array, np.float64)


def single(array) -> Any:
    """The same in single precision."""
    return array.float() if is_torch(array) else array.astype(np.float32)


def constant(array) -> Any:
    """The same, through which no gradient of JAX flows."""
    return sys.modules["jax"].lax.stop_gradient(array) if is_jax(array) else array


def given(values: np.ndarray, library: str) -> Any:
    """The same numbers as an array of a library."""
    if library == "numpy":
        return values
    if library == "torch":
        return sys.modules["torch"].asarray(values)
    return sys.modules["jax"].numpy.asarray(values)


def answer(name: str, function: Function, values: np.ndarray) -> Any:
    """``function(values)`` of a row of numbers, on an array of the first library that it takes: NumPy, JAX, PyTorch."""
    causes: list[Exception] = []
    for library in ("numpy", *(name for name in ("jax", "torch") if name in sys.modules)):
        try:
            with compile_time():
                return function(given(values, library))
        except Exception as error:  # also those of type checkers, which have a base of their own
            causes.append(error)
    reasons = "; ".join(f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}" for error in causes)
    raise TypeError(
        f"{name} must map a row of numbers to one of that length, and no library's arrays suited it: {reasons}. Write it with "
        "+, *, ** and the functions of numpy, jax.numpy or torch; jax.vmap makes a function of one number one of rows"
    ) from causes[0]


def compile_time() -> contextlib.AbstractContextManager:
    """Within it JAX's functions of known numbers give numbers, also while another function is traced."""
    jax = sys.modules.get("jax")
    return contextlib.nullcontext() if jax is None else jax.ensure_compile_time_eval()


def derivative(function: Function, t, low: float, high: float) -> Any:
    """df/dt of an elementwise function at t in [low, high]: exact in JAX and PyTorch, else by differences of fourth order.

    Functions such as ln t are singular at an end, so the differences are a thousandth of the distance to it wide:
    a relative error of about 1e-11 in float64, and of 1e-5 within 1e-7 of the range from an end.
    """
    if is_jax(t):
        jax = sys.modules["jax"]
        value, back = jax.vjp(function, t)  # trainers' functions may have a jax.custom_vjp, which jvp refuses
        return back(jax.numpy.ones_like(value))[0]
    if is_torch(t):
        torch = sys.modules["torch"]
        with torch.enable_grad():
            t = t.detach().requires_grad_()
            return torch.autograd.grad(function(t).sum(), t)[0]
    h = 1e-3 * np.maximum(np.minimum(t - low, high - t), 1e-7 * (high - low))
    t = np.clip(t, low + 2 * h, high - 2 * h)
    near, far = (function(t + h * k) - function(t - h * k) for k in (1, 2))
    return (8 * near - far) / (12 * h)
