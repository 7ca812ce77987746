"""The schedules that are compared, beyond the demo's three: each an Arm, by its name."""

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


def adapts(name):
    return name not in FIXED


def config(name, endpoint, **changes):
    """The configuration of an adaptive arm for data of this endpoint."""
    own = {
        "infonoise": {},
        "infonoise-edm": {},
        "infonoise-edm-samples": {"emphasis": "samples"},
        # Without the guard too, which would hold the resulting refreshes.
        "no-gate": {"pivot": "off", "guard": False},
        "fixed-pivot": {"pivot": "fixed", "pivot_value": GUESSED_PIVOT},
    }[name]
    changes = {"endpoint": endpoint, "sigma_min": arms.SIGMA_MIN, "sigma_max": arms.SIGMA_MAX, **own, **changes}
    return infonoise.Config.edm(edm.SIGMA_DATA, **changes) if "edm" in name else infonoise.Config(**changes)


def make(name, endpoint, settings, density=None):
    """The arm of this name; `density` holds the masses of the schedule that is transferred."""
    timing = {
        "warmup_steps": settings.warmup_steps,
        "refresh_every": settings.refresh_every,
        "min_count": settings.min_count,
    }
    if name == "edm":
        arm = arms.edm()
    elif name.startswith("loguniform"):
        arm = arms.loguniform()
    elif name == "transferred":
        frozen = config("infonoise-edm", endpoint, **timing, baseline="table", baseline_table=density, coverage=0)
        arm = arms.infonoise(frozen)._replace(start=lambda seed: inj.freeze(inj.init(frozen, seed=seed)))
    else:
        arm = arms.infonoise(config(name, endpoint, **timing))
    weight = edm.weight if "edm" in name or name == "transferred" else jnp.ones_like
    return arm._replace(name=name, label=LABELS[name], weight=weight)
