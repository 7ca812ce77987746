"""Noise levels for a sampler, planned for its solver from a profile.

    plan = scheduler.plan_grid(nfe=17)            # Heun's rule, 17 evaluations of the network
    sigma = np.append(plan, 0)                    # from sigma_max down; the sampler ends at 0
    print(plan.verdict)                           # 9 levels (17 evaluations): as good as EDM's 19

docs/specification.md, "Planned grid", has the mathematics.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from infonoise import _native
from infonoise.arrays import as_numbers, checked_integer
from infonoise.coordinates import from_sigma


@dataclass(frozen=True, eq=False)
class Plan:
    """Planned levels, and what they are expected to cost. NumPy takes it as the array ``levels``.

    Costs are sums over the steps, the last one to 0 included: ``error``, the solver's error on Gaussian data
    of the same mmse (a weighted difference of logarithms), and ``leaps``, the squared shares of the information
    that the steps pass. The plan minimises their sum.
    """

    #: Noise levels, standard deviations in data units, descending (float32[n]); append 0.
    sigma: np.ndarray
    #: The same in the coordinate that was asked for.
    levels: np.ndarray
    #: "heun" or "euler".
    solver: str
    #: Evaluations of the network that the solver spends on them.
    nfe: int
    error: float
    leaps: float
    #: The costs of EDM's grid (rho 7) with as many levels, from one end of the grid to the other.
    edm_error: float
    edm_leaps: float
    #: The fewest levels with which EDM's grid costs no more; 0 if that takes more than 1024.
    edm_levels: int
    #: The spectrum, Gaussian data of the same mmse: variances, ascending, and their masses (float64).
    variance: np.ndarray
    mass: np.ndarray

    @property
    def verdict(self) -> str:
        """One line: the levels, the evaluations, and how many levels of EDM's grid are as good."""
        return _native.plan_verdict(len(self.sigma), self.nfe, self.edm_levels)

    def __len__(self) -> int:
        return len(self.levels)

    def __iter__(self) -> Iterator:
        return iter(self.levels)

    def __getitem__(self, index):
        return self.levels[index]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self.levels, dtype, copy=copy)


def plan_grid(
    sigma,
    mmse,
    n: int | None = None,
    *,
    nfe: int | None = None,
    low: float | None = None,
    high: float | None = None,
    solver: str = "heun",
    end: float | str = "free",
    coordinate: str = "sigma",
) -> Plan:
    """Plans from a profile that was measured elsewhere, as ``Scheduler.plan_grid`` does from its own.

    ``mmse`` are a denoiser's squared x0 errors per dimension at the ascending standard deviations ``sigma``
    (two or more, data units). The first level is ``high``, none is below ``low``; they are the ends of
    ``sigma`` unless given. ``ValueError`` for numbers that are no profile."""
    at, error = (np.ascontiguousarray(as_numbers(*pair), np.float64).reshape(-1) for pair in [("sigma", sigma), ("mmse", mmse)])
    check_table(at, error)
    low, high = float(at[0] if low is None else low), float(at[-1] if high is None else high)
    if not 0 < low < high < np.inf:
        raise ValueError(f"low = {low:g} and high = {high:g} must be positive, low below high: the ends of the grid")
    levels = np.empty(_count(n, nfe, solver), np.float32)
    found = _native.plan_table(at, error, low, high, solver, levels, _checked_end(end, high, len(levels)))
    return _plan(levels, solver, coordinate, found)


def plan_of_words(
    words: np.ndarray, n: int | None, nfe: int | None, solver: str, end: float | str, estimate: bool, coordinate: str
) -> Plan:
    """The plan from a block's words."""
    levels = np.empty(_count(n, nfe, solver), np.float32)
    last = _checked_end(end, _native.config_get(words)["sigma_max"], len(levels))
    return _plan(levels, solver, coordinate, _native.plan_grid(words, solver, levels, last, estimate))


def check_table(sigma: np.ndarray, mmse: np.ndarray) -> None:
    """Whether these are a profile; ValueError names the entry that is wrong."""
    if sigma.size != mmse.size or sigma.size < 2:
        raise ValueError(f"sigma has {sigma.size} numbers and mmse {mmse.size}: two or more are needed, one error for each sigma")
    before = np.concatenate([[0.0], sigma[:-1]])
    wrong = [("sigma", sigma, ~((sigma > before) & (sigma < np.inf)), "finite and above the one before it: sort by sigma")]
    wrong += [("mmse", mmse, ~((mmse >= 0) & (mmse < np.inf)), "finite and not negative: a mean squared error of x0")]
    for name, values, bad, must in wrong:
        if bad.any():
            raise ValueError(f"{name}[{bad.argmax()}] = {values[bad.argmax()]:g} must be {must}")
    if not mmse.any():
        raise ValueError("mmse is 0 everywhere: a plan needs errors above 0")


def _count(n: int | None, nfe: int | None, solver: str) -> int:
    """How many levels are asked for."""
    if (n is None) == (nfe is None):
        raise TypeError(f"pass n, the number of levels, or nfe, evaluations of the network, got n = {n} and nfe = {nfe}")
    if n is None:
        if (nfe := checked_integer("nfe", nfe, "a static integer, the evaluations of the network")) < 1:
            raise ValueError(f"nfe = {nfe} must be at least 1: the last step, to 0")
        n = _native.plan_levels(solver, nfe)
        if n > _native.MOST_LEVELS:
            raise ValueError(f"nfe = {nfe} makes {n} levels, must make at most {_native.MOST_LEVELS}: lower it")
        return n
    if not 1 <= (n := checked_integer("n", n, "a static integer, the number of levels")) <= _native.MOST_LEVELS:
        raise ValueError(f"n = {n} must be from 1 to {_native.MOST_LEVELS}: the number of levels")
    return n


def _checked_end(end: float | str, high: float, n: int) -> float:
    """The last level as the core takes it: 0 where it is free."""
    if isinstance(end, str):
        if end != "free":
            raise ValueError(f"end = {end} must be \"free\" or a noise level, the last one above 0")
        return 0.0
    if not 0 < end < high:
        raise ValueError(f"end = {end} must be above 0 and below the first level, {high:g}; or \"free\"")
    if n == 1:
        raise ValueError(f"end = {end} needs n = 1 to be at least 2: a single level is the first one")
    return float(end)


def _plan(sigma: np.ndarray, solver: str, coordinate: str, found: dict) -> Plan:
    levels = sigma if coordinate == "sigma" else from_sigma(coordinate, sigma)
    found |= {name: np.array(found[name]) for name in ("variance", "mass")}
    return Plan(sigma=sigma, levels=levels, solver=solver, **found)
