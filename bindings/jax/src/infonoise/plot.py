"""Pictures of a schedule, one call each (needs matplotlib: ``infonoise[plot]``).

    from infonoise import plot, schedules
    plot.profile(scheduler)                       # the entropy rate, the gate, what the draws follow
    plot.density(scheduler, against={"EDM": schedules.lognormal()})
    plot.history(history)                         # an infonoise.History, or a journal's path
    plot.info_grid(scheduler, 18)                 # the sampler's steps, against EDM's
    plot.spectrum(scheduler)                      # the Gaussian data that a planned grid is for

Each takes a ``Scheduler`` or an ``infonoise.jax.State`` (outside jit), draws on ``ax``
or on a new figure, and returns the Axes. Nothing is shown or saved.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np

from infonoise.diagnosis import masses
from infonoise.history import History, as_scheduler
from infonoise.plan import Plan
from infonoise.schedules import Schedule

try:
    from matplotlib import pyplot
    from matplotlib.axes import Axes
    from matplotlib.patheffects import Normal, Stroke
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
except ImportError as error:
    raise ImportError("infonoise.plot needs matplotlib: pip install 'infonoise[plot]'") from error

__all__ = ["density", "history", "info_grid", "profile", "sigma_axis", "spectrum"]

# Okabe and Ito's colours, which colour-blind readers can distinguish; other schedules also differ in dashes.
GREEN, BLUE, ORANGE, GREY = "#009E73", "#0072B2", "#D55E00", "#6E6E6E"
OTHERS = [(ORANGE, "-"), (BLUE, "--"), ("#CC79A7", "-."), ("#56B4E9", ":"), ("#E69F00", (0, (6, 1, 1, 1, 1, 1)))]
SIGMA = "noise level sigma (data units)"


def profile(state, *, estimate: bool = False, ax: Axes | None = None) -> Axes:
    """The entropy rate that the losses give, and the gate on it.

    ``estimate`` shows what the losses in memory would give now instead of what is in force.
    """
    scheduler = as_scheduler(state)
    curves, report = scheduler.estimate() if estimate else scheduler.profile(), scheduler.report()
    ax = ax or _axes()
    ax.set_ylabel("entropy rate\n(nats per dimension per unit ln sigma)")
    sigma_axis(ax, curves["edges"])
    if not estimate and not report["refreshes"]:
        ax.text(0.5, 0.5, "no refresh yet: no rate to show", transform=ax.transAxes, ha="center", color=GREY)
        ax.set_ylim(0, 1)
        return ax
    rate = curves["rate"] * curves["sigma"]
    gated = rate * curves["gate"]
    # The scale follows the gated rate, so that what the gate removes does not flatten it.
    top = max(min(rate.max(), 6 * gated.max()), 1e-12)
    cut = " (cut at the top)" if rate.max() > top else ""
    _stairs(ax, curves, np.minimum(rate, 1.08 * top), color="black", lw=1.6, label=f"rate of the losses{cut}")
    _stairs(ax, curves, gated, color=GREEN, lw=2.4, label="gated: the target")
    _stairs(ax, curves, curves["gate"] * top, color=ORANGE, lw=1.6, ls="--", label="gate, from 0 to 1")
    if not estimate and report["pivot"] > 0:
        ax.axvline(report["pivot"], color=GREY, lw=1.2, ls=":", label=f"pivot {report['pivot']:.3g}")
    ax.set_ylim(0, 1.08 * top)
    return _legend(ax)


def density(
    state, against: Schedule | Mapping[str, Schedule] | Iterable[Schedule] = (), *, ax: Axes | None = None
) -> Axes:
    """The density of the draws with its quantiles, compared with other ``infonoise.schedules``.

    ``against`` is one, a list of them, or a dict from names to them. All are densities of the
    draws, not of the emphasis that a weight makes of them.
    """
    scheduler = as_scheduler(state)
    curves, report = scheduler.profile(), scheduler.report()
    edges = curves["edges"]
    against = [against] if isinstance(against, Schedule) else against
    named = against.items() if isinstance(against, Mapping) else [(str(other), other) for other in against]
    others = [(name, *_curve(other, edges)) for name, other in named]
    # Created last, so that a call that fails leaves no empty figure.
    ax = ax or _axes()
    for low, high, alpha, name in [("q05", "q95", 0.13, "5 to 95%"), ("q25", "q75", 0.22, "25 to 75%")]:
        label = f"{name}: {report[low]:.3g} to {report[high]:.3g}"
        ax.axvspan(report[low], report[high], color=GREEN, alpha=alpha, lw=0, label=label)
    ax.axvline(report["q50"], color=GREEN, lw=1.2, label=f"median {report['q50']:.3g}")
    # Before the first refresh the density is the warm-up's baseline.
    label = "density in force" if report["refreshes"] else "warm-up"
    _stairs(ax, curves, _per_unit(curves["density"], edges), color=GREEN, lw=2.4, label=label)
    for (name, centres, curve), (colour, dashes) in zip(others, itertools.cycle(OTHERS)):
        ax.plot(centres, curve, color=colour, ls=dashes, lw=1.8, label=name)
    ax.set_ylabel("sampling density (per unit ln sigma)")
    ax.set_ylim(bottom=0)
    sigma_axis(ax, edges)
    return _legend(ax)


def history(source: History | str | os.PathLike, *, ax: Axes | None = None) -> Axes:
    """The density during training: a heat map over steps and sigma, with median and pivot.

    ``source`` is an ``infonoise.History``, or the path of a journal, which is executed again.
    """
    if not isinstance(source, History | str | os.PathLike):
        raise TypeError(
            f"source must be an infonoise.History or a journal's path, got {type(source).__name__}: a schedule does "
            "not know its past; call record(scheduler) of a History after each optimizer step"
        )
    seen = source if isinstance(source, History) else History.from_journal(source)
    if not seen.steps or seen.end <= seen.steps[0]:
        raise ValueError("the history holds no step: call record(scheduler) after each optimizer step")
    # A density that the last step installed has not been drawn from yet.
    n = int(np.searchsorted(seen.steps, seen.end))
    ax, steps = ax or _axes(), np.array([*seen.steps[:n], seen.end])
    shades = np.transpose([_per_unit(mass, seen.edges) for mass in seen.density[:n]])
    # A few high bins must not make all others dark.
    mesh = ax.pcolormesh(steps, seen.edges, shades, cmap="viridis", vmin=0, vmax=np.quantile(shades, 0.999))
    outline = [Stroke(linewidth=3.6, foreground="black"), Normal()]
    ax.stairs(seen.median[:n], steps, baseline=None, color="white", lw=1.8, path_effects=outline, label="median draw")
    pivot = np.where(np.array(seen.pivot[:n]) > 0, seen.pivot[:n], np.nan)
    if np.isfinite(pivot).any():
        ax.stairs(pivot, steps, baseline=None, color="#E69F00", lw=2, ls="--", label="pivot")
    ax.set_xlabel("optimizer steps")
    ax.set_xlim(steps[0], steps[-1])
    sigma_axis(ax, seen.edges, "y")
    ax.grid(False)
    ax.figure.colorbar(mesh, ax=ax, label="sampling density (per unit ln sigma)")
    ax.legend(loc="lower right", fontsize=9, facecolor="#333333", labelcolor="white", framealpha=0.85)
    return ax


def info_grid(state, n: int, *, power: float = 1.0, rho: float = 7.0, ax: Axes | None = None) -> Axes:
    """The n noise levels of ``Scheduler.info_grid`` for a sampler, against EDM's grid of that ``rho``.

    Shaded is where 90 % of the training draws go.
    """
    if not 0 < rho < np.inf:
        raise ValueError(f"rho = {rho} must be positive and finite: EDM's is 7")
    scheduler = as_scheduler(state)
    ours, report = scheduler.info_grid(n, power=power), scheduler.report()
    karras = np.linspace(ours[0] ** (1 / rho), ours[-1] ** (1 / rho), n) ** rho
    low, high = report["q05"], report["q95"]
    ax = ax or _axes()
    ax.axhspan(low, high, color=GREY, alpha=0.15, lw=0, label=f"band, 5 to 95% of the draws: {low:.3g} to {high:.3g}")
    styles = [(ours, GREEN, "o-", f"InfoGrid, power {power:g}"), (karras, ORANGE, "s--", f"EDM's grid, rho {rho:g}")]
    for grid, colour, marks, name in styles:
        inside = int(((grid >= low) & (grid <= high)).sum())
        ax.plot(range(n), grid, marks, color=colour, ms=4.5, lw=1.6, clip_on=False, label=f"{name}: {inside} of {n} in the band")
    ax.set_xlabel("step of the sampler")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="x", alpha=0.25)
    sigma_axis(ax, scheduler.profile()["edges"], "y")
    return _legend(ax)


def spectrum(source, *, estimate: bool = False, ax: Axes | None = None) -> Axes:
    """The spectrum of a profile: masses over the standard deviations of Gaussian data with the same mmse.

    ``source`` is an ``infonoise.Plan``, whose levels are marked too, or a schedule, whose profile is taken (or
    ``estimate``, what the losses in memory would give now).
    """
    planned = isinstance(source, Plan)
    plan = source if planned else as_scheduler(source).plan_grid(1, estimate=estimate)
    deviation, mass = np.sqrt(plan.variance), plan.mass / plan.mass.sum()
    ends = [*deviation, *plan.sigma] if planned else deviation
    ax = ax or _axes()
    label = f"spectrum: {len(mass)} variance{'s' * (len(mass) != 1)}, {plan.mass.sum():.3g} per dimension in all"
    ax.vlines(deviation, 0, mass, color=GREEN, lw=2.4, label=label)
    ax.plot(deviation, mass, "o", color=GREEN, ms=5)
    if planned:
        ax.plot(plan.sigma, np.full(len(plan), -0.03), "|", color=ORANGE, ms=9, mew=1.6, label=f"the plan's {len(plan)} levels")
    ax.set_ylabel("share of the mass")
    sigma_axis(ax, [min(ends) / 2, max(ends) * 2])
    ax.set_xlabel("standard deviation (data units)")
    ax.set_ylim(-0.06 if planned else 0, 1.08 * mass.max())
    return _legend(ax)


def sigma_axis(ax: Axes, edges, which: Literal["x", "y"] = "x") -> None:
    """Makes ``ax``'s "x" or "y" a logarithmic sigma axis from the first of ``edges`` to the last."""
    low, high = float(edges[0]), float(edges[-1])
    axis = ax.xaxis if which == "x" else ax.yaxis
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    (ax.set_xlim if which == "x" else ax.set_ylim)(low, high)
    # On a log axis matplotlib itself has few ticks, written as powers of ten.
    axis.set_major_locator(FixedLocator(_ticks(low, high)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda sigma, _: f"{sigma:.3g}"))
    axis.set_label_text(SIGMA)
    ax.grid(axis=which, alpha=0.25)


def _ticks(low: float, high: float) -> list[float]:
    """The ends, and round numbers between them that leave room for their labels."""
    decades = np.log10(high / low)
    digits = [1, 1.5, 2, 3, 4, 5, 7] if decades < 1.5 else [1, 3] if decades < 6.5 else [1]
    powers = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1, np.ceil(decades / 10))
    ticks = [low, high]
    for round_number in (digit * 10.0**power for power in powers for digit in digits):
        if low < round_number < high and all(abs(np.log10(round_number / tick)) > 0.06 * decades for tick in ticks):
            ticks.append(round_number)
    return sorted(ticks)


def _curve(other: Schedule, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sigmas on a schedule's grid, and another schedule's density there."""
    # A finer grid than the schedule's own draws a smooth curve; a table has a bin for each mass.
    fine = edges if getattr(other, "table", None) else np.geomspace(edges[0], edges[-1], 257)
    return np.sqrt(fine[1:] * fine[:-1]), _per_unit(masses(other, fine), fine)


def _per_unit(mass: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Masses of bins as a density per unit ln sigma."""
    return mass / np.diff(np.log(edges))


def _stairs(ax: Axes, curves: Mapping[str, np.ndarray], values: np.ndarray, **style) -> None:
    ax.stairs(values, curves["edges"], baseline=None, **style)


def _axes() -> Axes:
    return pyplot.subplots(figsize=(8, 4.2), layout="constrained")[1]


def _legend(ax: Axes) -> Axes:
    ax.grid(axis="y", alpha=0.25)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=9)
    return ax
