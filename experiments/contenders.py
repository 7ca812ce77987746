"""The schedules that are compared, beyond the demo's three: each an Arm, by its name."""

from typing import NamedTuple

import infonoise
import infonoise.jax as inj
import jax.numpy as jnp

import arms
import edm

# A pivot that experience with images suggests: the median of EDM's noise levels, e^-1.2.
GUESSED_PIVOT = 0.3

# The fixed schedules, the best of which sets the target.
FIXED = ("edm", "loguniform", "loguniform-edm", "transferred")

LABELS = {
    "edm": "EDM recipe",
    "loguniform": "log-uniform, w = 1",
    "loguniform-edm": "log-uniform, EDM loss",
    "infonoise": "InfoNoise, w = 1",
    "infonoise-edm": "InfoNoise, EDM loss",
    "infonoise-edm-samples": "InfoNoise, EDM loss, pi = rho",
    "no-gate": "InfoNoise, w = 1, no gate",
    "fixed-pivot": f"InfoNoise, w = 1, pivot {GUESSED_PIVOT}",
    "transferred": "the 14 x 14 schedule, frozen",
}


class Known(NamedTuple):
    """What a schedule is told about the data."""

    endpoint: str
    deviation: float  # per dimension


def adapts(name):
    return name not in FIXED


def config(name, known, **changes):
    """The configuration of an adaptive arm: the library's defaults, but for what is known of the data."""
    own = {
        "infonoise": {},
        "infonoise-edm": {},
        "infonoise-edm-samples": {"emphasis": "samples"},
        # Without the guard too, which would hold the resulting refreshes.
        "no-gate": {"pivot": "off", "guard": False},
        "fixed-pivot": {"pivot": "fixed", "pivot_value": GUESSED_PIVOT},
    }[name]
    ends = {"sigma_min": arms.SIGMA_MIN, "sigma_max": arms.SIGMA_MAX}
    changes = {"endpoint": known.endpoint, "sigma_data": known.deviation, **ends, **own, **changes}
    if "edm" not in name:
        return infonoise.Config(**changes)
    if known.deviation == edm.SIGMA_DATA:
        return infonoise.Config.edm(**changes)
    # The weight stays that of the preconditioning's deviation, which is not the data's: so it is given as a table.
    centres = infonoise.Scheduler(infonoise.Config(**changes)).profile()["sigma"]
    return infonoise.Config(**changes, weight=edm.weight(centres))


def make(name, known, timing=(), density=None):
    """The arm of this name. `timing` changes an adaptive schedule's; `density` holds the masses of the transferred one."""
    if name == "edm":
        arm = arms.edm()
    elif name.startswith("loguniform"):
        arm = arms.loguniform()
    elif name == "transferred":
        frozen = config("infonoise-edm", known, **dict(timing), baseline="table", baseline_table=density, coverage=0)
        arm = arms.infonoise(frozen)._replace(start=lambda seed: inj.freeze(inj.init(frozen, seed=seed)))
    else:
        arm = arms.infonoise(config(name, known, **dict(timing)))
    weight = edm.weight if "edm" in name or name == "transferred" else jnp.ones_like
    return arm._replace(name=name, label=LABELS[name], weight=weight)
