"""The paths that trainers use: alpha(t), sigma(t), the ends of t, and t for a ratio sigma / alpha."""

from __future__ import annotations

import math
from typing import NamedTuple

from infonoise.namespaces import Function, namespace


class Pair(NamedTuple):
    """What ``infonoise.paths.curve.Curve`` takes."""

    alpha: Function
    sigma: Function
    t0: float
    t1: float
    inverse: Function | None
    log_ratio: Function | None = None


def flow(shift: float, data_at: int) -> Pair:
    """sigma / alpha = shift u / (1 - u) and alpha + sigma = 1, u = t or 1 - t."""
    _positive("shift", shift)
    if data_at not in (0, 1):
        raise ValueError(f"data_at = {data_at!r} must be 0 (t = 1 is noise) or 1 (t = 0 is noise)")

    def noise(u):
        return shift * u / (1 + (shift - 1) * u)

    def data(u):
        return (1 - u) / (1 + (shift - 1) * u)

    if data_at == 0:
        return Pair(data, noise, 0, 1, lambda ratio: ratio / (shift + ratio))
    return Pair(lambda t: data(1 - t), lambda t: noise(1 - t), 0, 1, lambda ratio: shift / (shift + ratio))


def cosine(shift: float) -> Pair:
    """sigma / alpha = shift tan(pi t / 2), variance preserving."""
    _positive("shift", shift)

    def length(data, noise):
        return (data**2 + noise**2) ** 0.5

    def data(t):
        return namespace(t).cos(math.pi / 2 * t)

    def noise(t):
        return shift * namespace(t).sin(math.pi / 2 * t)

    return Pair(
        lambda t: data(t) / length(data(t), noise(t)),
        lambda t: noise(t) / length(data(t), noise(t)),
        0, 1, lambda ratio: 2 / math.pi * namespace(ratio).arctan(ratio / shift),
    )  # fmt: skip


def vp_linear(beta_min: float, beta_max: float) -> Pair:
    """beta(t) linear: ln alpha = -(beta_max - beta_min) t^2 / 4 - beta_min t / 2, sigma^2 = 1 - alpha^2."""
    log_alpha, time = _linear_beta(beta_min, beta_max)
    return Pair(
        lambda t: namespace(t).exp(log_alpha(t)),
        lambda t: (-namespace(t).expm1(2 * log_alpha(t))) ** 0.5,
        0, 1, lambda ratio: time(namespace(ratio).log1p(ratio**2) / 2),
    )  # fmt: skip


def subvp(beta_min: float, beta_max: float) -> Pair:
    """The alpha of ``vp_linear``, and sigma = 1 - alpha^2: alpha = exp(-asinh(ratio / 2))."""
    log_alpha, time = _linear_beta(beta_min, beta_max)
    return Pair(
        lambda t: namespace(t).exp(log_alpha(t)),
        lambda t: -namespace(t).expm1(2 * log_alpha(t)),
        0, 1, lambda ratio: time(namespace(ratio).arcsinh(ratio / 2)),
    )  # fmt: skip


def ve(sigma_min: float, sigma_max: float) -> Pair:
    """alpha = 1, ln sigma linear in t."""
    _ascending("sigma_min", sigma_min, "sigma_max", sigma_max)
    low, length = math.log(sigma_min), math.log(sigma_max / sigma_min)
    return Pair(
        lambda t: 1.0,
        lambda t: namespace(t).exp(low + length * t),
        0, 1, lambda ratio: (namespace(ratio).log(ratio) - low) / length,
    )  # fmt: skip


def edm(sigma_min: float, sigma_max: float) -> Pair:
    """alpha = 1, sigma = t."""
    _ascending("sigma_min", sigma_min, "sigma_max", sigma_max)
    return Pair(lambda t: 1.0, lambda t: t, sigma_min, sigma_max, lambda ratio: ratio)


def log_snr(function: Function, t0: float, t1: float) -> Pair:
    """alpha^2 = sigmoid(function(t)), sigma^2 = sigmoid(-function(t))."""

    def root_sigmoid(x):
        return 1 / (1 + namespace(x).exp(-x)) ** 0.5

    return Pair(
        lambda t: root_sigmoid(function(t)),
        lambda t: root_sigmoid(-function(t)),
        t0, t1, None, lambda t: function(t) * -0.5,
    )  # fmt: skip


def _linear_beta(beta_min: float, beta_max: float) -> tuple[Function, Function]:
    """ln alpha(t), and t for -ln alpha."""
    _ascending("beta_min", beta_min, "beta_max", beta_max)
    square, linear = (beta_max - beta_min) / 4, beta_min / 2

    def log_alpha(t):
        return -(square * t + linear) * t

    def time(depth):  # the positive root, in the form in which nothing cancels
        return 2 * depth / (linear + (linear**2 + 4 * square * depth) ** 0.5)

    return log_alpha, time


def _positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} = {value} must be above 0 and finite")


def _ascending(low_name: str, low: float, high_name: str, high: float) -> None:
    if not 0 < low < high < math.inf:
        raise ValueError(f"{low_name} = {low} and {high_name} = {high} must be above 0, the first below the second")
