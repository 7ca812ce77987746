"""infonoise: information-guided noise schedules for diffusion training.

    import infonoise, infonoise.jax as inj

    config = infonoise.Config.edm(sigma_data=infonoise.data_deviation(data))
    state = inj.init(config, seed=0)
    state, sigma = inj.sample(state, 128)
    state = inj.observe(state, sigma, error)   # per-sample, unweighted
    state = inj.step(state)                    # once per optimizer step

The package is thin: every rule lives in the core that C and C++ link too, so
the same configuration, seed and errors give the same bits everywhere.
"""

from infonoise import _native

# Checked before any call: a struct whose layout differs would be misread.
if _native.abi_version() != _native.HEADER_ABI_VERSION:
    raise ImportError(
        f"{_native.__file__} was compiled against ABI {_native.HEADER_ABI_VERSION} of the infonoise library "
        f"(include/infonoise.h), but the library linked into it has ABI {_native.abi_version()}: they come from "
        "two versions of the sources. Remove target/, then build and install the package again: "
        "pip install --force-reinstall ."
    )

from infonoise import coordinates, schedules, timesteps
from infonoise._version import __version__
from infonoise.config import Config
from infonoise.deviation import data_deviation
from infonoise.diagnosis import diagnose
from infonoise.history import History
from infonoise.journal import Journal, Replay, ReplayError, replay
from infonoise.paths import Levels, Path
from infonoise.plan import Plan, plan_grid
from infonoise.scheduler import Scheduler

__all__ = [
    "Config",
    "History",
    "Journal",
    "Levels",
    "Path",
    "Plan",
    "Replay",
    "ReplayError",
    "Scheduler",
    "__version__",
    "coordinates",
    "data_deviation",
    "diagnose",
    "plan_grid",
    "replay",
    "schedules",
    "timesteps",
]
