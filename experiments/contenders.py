"""The schedules that are compared, beyond the demo's three: each an Arm, by its name."""

import infonoise
import infonoise.jax as inj
import jax.numpy as jnp

import arms
import edm

# A pivot that someone would name who knows images: the median of EDM's noise levels, e^-1.2.
GUESSED_PIVOT = 0.3

# The fixed ones, among which the target is looked for.
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


def make(name, endpoint, settings, density=None):
    """The arm of this name for data of this endpoint; `density` holds the masses of the transferred schedule."""
    shared = {
        "sigma_min": arms.SIGMA_MIN,
        "sigma_max": arms.SIGMA_MAX,
        "warmup_steps": settings.warmup_steps,
        "refresh_every": settings.refresh_every,
        "min_count": settings.min_count,
    }

    def plain(**changes):
        return arms.infonoise(infonoise.Config(endpoint=endpoint, **shared, **changes))

    def weighted(**changes):
        config = infonoise.Config.edm(edm.SIGMA_DATA, endpoint=endpoint, **shared, **changes)
        return arms.infonoise(config)._replace(weight=edm.weight)

    if name == "transferred":
        config = infonoise.Config.edm(edm.SIGMA_DATA, **shared, baseline="table", baseline_table=density, coverage=0)
        arm = weighted()._replace(start=lambda seed: inj.freeze(inj.init(config, seed=seed)))
    else:
        arm = {
            "edm": arms.edm,
            "loguniform": arms.loguniform,
            "loguniform-edm": lambda: arms.loguniform()._replace(weight=edm.weight),
            "infonoise": plain,
            "infonoise-edm": weighted,
            "infonoise-edm-samples": lambda: weighted(emphasis="samples"),
            # Without the guard too, which would hold what comes of it.
            "no-gate": lambda: plain(pivot="off", guard=False),
            "fixed-pivot": lambda: plain(pivot="fixed", pivot_value=GUESSED_PIVOT),
        }[name]()
    return arm._replace(name=name, label=LABELS[name])


def adapts(name):
    return name not in FIXED
