"""A monotone pair alpha(t), sigma(t): its ratio, slope and inverse on NumPy, JAX and PyTorch arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from infonoise.namespaces import (
    Function,
    answer,
    as_float,
    as_numpy,
    compile_time,
    derivative,
    given,
    is_jax,
    is_torch,
    is_traced,
    namespace,
)

#: Where a new pair is looked at: this many intervals of its range.
NODES = 1024
#: The search of the inverse cuts its interval into PARTS, LEVELS times: to 8^-9 = 7e-9 of the range, and
#: interpolates there. Halving costs less arithmetic, but three times the calls of the pair's functions.
PARTS, LEVELS = 8, 9


class Curve:
    """x_t = alpha(t) x0 + sigma(t) eps for t0 <= t <= t1.

    ``alpha`` and ``sigma`` map rows of numbers to rows, elementwise, or are constant: NumPy's rows, else JAX's, else
    PyTorch's. Between the ends both are positive and sigma / alpha is strictly monotone, rising or falling: ValueError
    shows where it is not. At an end it may be 0 or infinite, or NaN (as a log-SNR of the tangent). ``inverse`` is the
    closed form of t for sigma / alpha, ``log_ratio`` that of ln(sigma / alpha), if there is one.

    Functions that close over traced values (a learned schedule inside ``jax.jit``) cannot be checked.
    """

    def __init__(
        self,
        alpha: Function,
        sigma: Function,
        t0: float,
        t1: float,
        inverse: Function | None = None,
        log_ratio: Function | None = None,
    ):
        if not -np.inf < t0 < t1 < np.inf:
            raise ValueError(f"t0 = {t0} and t1 = {t1} must be finite numbers, t0 below t1")
        self.t0, self.t1 = float(t0), float(t1)
        self._alpha_of, self._sigma_of = _on_rows("alpha", alpha), _on_rows("sigma", sigma)
        self._inverse, self._direct = inverse, log_ratio and _on_rows("log_ratio", log_ratio)
        self._library = self._take_arrays()
        self._sign = self._check()

    def _take_arrays(self) -> str:
        """The library whose arrays the functions give for NumPy's, or ask for."""
        middle = np.array([(self.t0 + self.t1) / 2])
        values = [answer(name, f, middle) for name, f in (("alpha", self._alpha_of), ("sigma", self._sigma_of))]
        return "jax" if any(map(is_jax, values)) else "torch" if any(map(is_torch, values)) else "numpy"

    def _check(self) -> Any:
        """1 where sigma / alpha rises with t, -1 where it falls."""
        t = self.t0 + (self.t1 - self.t0) * np.arange(NODES + 1) / NODES
        with np.errstate(all="ignore"):
            first, last = self.log_ratio(t[1:2]), self.log_ratio(t[-2:-1])
            if is_traced(first):
                return namespace(first).where(first[0] < last[0], 1.0, -1.0)
            alpha, sigma = as_numpy(self.alpha(t)), as_numpy(self.sigma(t))
        for name, value in (("alpha", alpha), ("sigma", sigma)):
            inside = (value > 0) & (value < np.inf)
            inside[[0, -1]] |= ~(value[[0, -1]] < -1e-6)  # cos(pi / 2) in float32 is -4e-8
            for i in np.flatnonzero(~inside)[:1]:
                raise ValueError(
                    f"{name}({t[i]:.6g}) = {value[i]:.6g} must be positive and finite between the ends: move t0 = "
                    f"{self.t0:g} or t1 = {self.t1:g}, or correct the function"
                )
        sign = 1.0 if first[0] < last[0] else -1.0
        with np.errstate(all="ignore"):
            ratio = np.log(np.maximum(sigma, 0)) - np.log(np.maximum(alpha, 0))
            ratio[[0, -1]] = np.where(np.isnan(ratio[[0, -1]]), sign * np.array([-np.inf, np.inf]), ratio[[0, -1]])
        for i in np.flatnonzero(~(sign * np.diff(ratio) > 0))[:1]:
            raise ValueError(
                f"sigma / alpha must be strictly monotone in t, and it {'rises' if sign > 0 else 'falls'} from "
                f"{np.exp(ratio[1]):.6g} at t = {t[1]:.6g} to {np.exp(ratio[-2]):.6g} at t = {t[-2]:.6g}, but from "
                f"t = {t[i]:.6g} to {t[i + 1]:.6g} it goes from {np.exp(ratio[i]):.9g} to {np.exp(ratio[i + 1]):.9g}: "
                "correct the functions, or choose t0 and t1 where it is monotone"
            )
        return sign

    def _call(self, function: Function, t) -> Any:
        """``function(t)`` on arrays that the pair's functions take; the answer for NumPy's arrays is NumPy's."""
        t = as_float(t)
        if namespace(t) is not np or self._library == "numpy":
            return function(t)
        with compile_time():
            value = function(given(t, self._library))
        return value if is_traced(value) else as_numpy(value)

    def alpha(self, t) -> Any:
        """The factor of x0 at t."""
        return self._call(self._alpha_of, t)

    def sigma(self, t) -> Any:
        """The factor of eps at t."""
        return self._call(self._sigma_of, t)

    def _log_ratio(self, t) -> Any:
        if self._direct is not None:
            return self._direct(t)
        xp = namespace(t)
        return xp.log(self._sigma_of(t)) - xp.log(self._alpha_of(t))

    def log_ratio(self, t) -> Any:
        """ln of sigma / alpha, infonoise's sigma."""
        return self._call(self._log_ratio, t)

    def slope(self, t) -> Any:
        """|d ln(sigma / alpha) / dt|: how many units of ln sigma a unit of t spans."""
        return abs(self._call(lambda t: derivative(self._log_ratio, t, self.t0, self.t1), t))

    def time(self, ratio) -> Any:
        """The t whose sigma / alpha is ``ratio``, to 1e-8 of the range (and what the dtype holds); beyond the
        ends that end."""
        return self._call(self._search if self._inverse is None else self._invert, ratio)

    def _invert(self, ratio) -> Any:
        xp = namespace(ratio)
        assert self._inverse is not None
        return xp.clip(self._inverse(ratio), self.t0, self.t1)

    def _search(self, ratio) -> Any:
        xp, length = namespace(ratio), self.t1 - self.t0
        target = self._sign * xp.log(ratio)
        steps = xp.asarray(np.arange(1, PARTS) / PARTS, dtype=ratio.dtype)
        if is_torch(ratio):
            steps = steps.to(ratio.device)

        def at(share):
            return self._sign * self._log_ratio(self.t0 + length * share)

        share, width = xp.zeros_like(ratio), 1.0
        for _ in range(LEVELS):
            below = at(share[..., None] + width * steps) <= target[..., None]
            width /= PARTS
            share = share + xp.where(below, steps[0] * 0 + width, steps[0] * 0).sum(-1)
        with np.errstate(all="ignore"):
            low, high = at(share), at(share + width)
            part = xp.clip((target - low) / (high - low), 0.0, 1.0)
        part = xp.where(xp.isfinite(part), part, xp.zeros_like(part))  # at an end whose ratio is 0 or infinite
        return self.t0 + length * xp.clip(share + width * part, 0.0, 1.0)



def _on_rows(name: str, function: Function) -> Function:
    """The function called with a row, whatever the shape of t; it may be a constant."""

    def on_rows(t):
        row = t.reshape(-1)
        try:
            value = function(row) + 0 * row
        except TypeError as error:
            if type(error).__name__ != "TracerArrayConversionError":
                raise
            raise TypeError(f"{name} uses NumPy on JAX's arrays: write it with jax.numpy, for a state of infonoise.jax") from error
        if value.shape != row.shape:
            raise ValueError(f"{name} must be elementwise: t of shape {tuple(row.shape)} gave shape {tuple(value.shape)}")
        return value.reshape(t.shape)

    return on_rows
