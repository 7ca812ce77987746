"""How far an existing schedule is from the target that the losses give.

    print(infonoise.diagnose(scheduler, infonoise.schedules.lognormal(-1.2, 1.2))["verdict"])
"""

from __future__ import annotations

import numpy as np

from infonoise import _native
from infonoise.arrays import one_block
from infonoise.config import Config
from infonoise.schedules import Schedule


def diagnose(state, schedule: Schedule, *, estimate: bool = False) -> dict:
    """Compares a schedule with the target of a ``Scheduler`` or ``infonoise.jax.State``.

    ``estimate`` takes the target from what the rings hold now, for instance after
    log-uniform draws on a frozen checkpoint, instead of from the last refresh.

    Returns ``total_variation`` between the schedule's realised emphasis (density
    times weight) and the target, ``emphasis`` itself (masses of bins),
    ``band_low`` and ``band_high`` (5 and 95 % quantiles of the target),
    ``inside_band`` and ``off_grid`` (shares of the draws), ``wasted`` (1 - inside_band
    divided by the share that the target's density has there) and ``verdict``,
    one line. The first compares what is emphasised, the others what is drawn: under a
    steep weight they can differ much.
    """
    block = one_block(state)
    target = _native.profile(block, 1)["target"] if estimate else None
    found = _native.diagnose(block, *_arguments(schedule), target)
    found["emphasis"] = np.array(found["emphasis"])
    found["verdict"] = (
        f"{schedule} puts {found['inside_band']:.0%} of its draws between sigma {found['band_low']:.3g} and "
        f"{found['band_high']:.3g}, where 90% of the target lies: {found['wasted']:.0%} of the budget is wasted "
        f"(total variation {found['total_variation']:.2f})"
    )
    return found


def masses(schedule: Schedule, edges) -> np.ndarray:
    """The share of a schedule's draws in each bin of a grid with these ``edges``, uniform
    in ln sigma as in ``profile()["edges"]``; if they sum to less than 1, the rest of the draws is off the grid."""
    config = Config(bins=len(edges) - 1, sigma_min=float(edges[0]), sigma_max=float(edges[-1]))
    return np.array(_native.schedule_masses(config, *_arguments(schedule)))


def _arguments(schedule: Schedule) -> tuple[str, str, float, float, np.ndarray | None]:
    """A schedule as arguments of the native calls."""
    if not isinstance(schedule, Schedule):
        raise TypeError(f"schedule must come from infonoise.schedules, got {type(schedule).__name__}")
    table = None if schedule.table is None else np.asarray(schedule.table, np.float64)
    return str(schedule), schedule.kind, schedule.a, schedule.b, table
