"""Schedules that trainers use, as distributions of sigma, for ``infonoise.diagnose``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """A distribution of sigma: a kind with its two numbers, or a table of K masses."""

    kind: str
    a: float = 0.0
    b: float = 0.0
    table: tuple[float, ...] | None = None

    def __str__(self) -> str:
        numbers = {"cosine": (), "table": (), "shifted_flow": (self.a,)}.get(self.kind, (self.a, self.b))
        return self.kind + (f"({', '.join(f'{x:g}' for x in numbers)})" if numbers else "")


def lognormal(mean: float = -1.2, std: float = 1.2) -> Schedule:
    """ln sigma is normal; the defaults are EDM's."""
    return Schedule("lognormal", mean, std)


def loguniform(low: float = 0.002, high: float = 80.0) -> Schedule:
    """ln sigma is uniform between two sigmas."""
    return Schedule("loguniform", low, high)


def logitnormal(mean: float = 0.0, std: float = 1.0) -> Schedule:
    """logit t is normal in flow time; the defaults are SD3's."""
    return Schedule("logitnormal", mean, std)


def cosine() -> Schedule:
    """The variance-preserving cosine schedule: sigma = tan(pi t / 2), t uniform."""
    return Schedule("cosine")


def shifted_flow(shift: float = 1.0) -> Schedule:
    """Uniform flow time, shifted: sigma = shift t / (1 - t). Plain flow is 1."""
    return Schedule("shifted_flow", shift)


def table(masses: Sequence[float]) -> Schedule:
    """K masses of bins, as in ``profile()["density"]``."""
    return Schedule("table", table=tuple(float(mass) for mass in masses))
