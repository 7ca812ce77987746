"""The configuration, as a frozen dataclass over the core's record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infonoise import _native
from infonoise.arrays import as_numbers

_DEFAULT = _native.preset("default")


@dataclass(frozen=True)
class Config:
    """The configuration of a schedule. Sigmas are standard deviations in data units.

    Checked when it is made: ``ValueError`` names the field, its value, the bound
    and the remedy. The defaults are the core's preset ``default``; start from a
    preset and change what differs: ``Config.edm(sigma_data=0.5, refresh_every=50)``.

    Grid: ``bins`` K (8 to 256), ``window`` B, losses kept per bin (8 to
    4096), ``sigma_min``, ``sigma_max`` (rounded to float32). Ends that are not given,
    or 0, are .004 and 160 times ``sigma_data``, or .002 and 80 without it (the presets
    flow and epsilon have ends of their own); the made configuration holds the numbers.

    Errors: ``objective``, the space of the errors that you pass: "x0", "edm"
    (x0 error before lambda), "epsilon", "velocity" (flow, t = 1 is noise), "v",
    "score" (of x0 + sigma eps); ``sigma_data``, the data's standard deviation per
    dimension (required by edm, 0 = unknown), which bounds a denoiser's errors and
    should be set for every objective; ``reduction_dim``, 0 if errors are means over dimensions, d if
    they are sums over d; ``emphasis``, "target" or "samples".

    Pivot of the low-noise gate: ``endpoint`` "continuous" or "discrete";
    ``pivot`` "auto", "paper", "onset", "onset_literal", "foot", "power_law",
    "knee", "fixed" (``pivot_value``) or "off"; ``onset_threshold``,
    ``gate_exponent``.

    Safety: ``ceiling`` caps the profile at the error of the best linear denoiser,
    sigma^2 s^2 / (sigma^2 + s^2) with s = ``sigma_data``, ``guard`` holds degenerate
    refreshes, ``smoothing`` passes over the log profile, ``coverage`` share of
    draws spread over all bins.

    Timing, in optimizer steps: ``warmup_steps`` before the first refresh (0: as soon as
    every bin holds ``min_count`` losses); after one at step s the next is due after
    s / ``refresh_growth`` steps, at most ``refresh_every`` (growth 0: always that);
    ``fresh_means`` averages the newest half of what a bin ever got, not its whole ring;
    ``ema_rate`` is the weight of the NEW mean; the warm-up draws from ``baseline`` "loguniform", "lognormal"
    (``baseline_mean``, ``baseline_std`` of ln sigma) or "table".

    ``draw`` is "independent" or "stratified".

    Tables of K numbers: ``weight``, further positive factors that you apply to
    the error at the bin centres; ``baseline_table``, the masses that the warm-up
    draws from, for ``baseline="table"``.
    """

    bins: int = _DEFAULT["bins"]
    window: int = _DEFAULT["window"]
    sigma_min: float = _DEFAULT["sigma_min"]
    sigma_max: float = _DEFAULT["sigma_max"]
    objective: str = _DEFAULT["objective"]
    sigma_data: float = _DEFAULT["sigma_data"]
    reduction_dim: int = _DEFAULT["reduction_dim"]
    emphasis: str = _DEFAULT["emphasis"]
    endpoint: str = _DEFAULT["endpoint"]
    pivot: str = _DEFAULT["pivot"]
    pivot_value: float = _DEFAULT["pivot_value"]
    onset_threshold: float = _DEFAULT["onset_threshold"]
    gate_exponent: float = _DEFAULT["gate_exponent"]
    ceiling: bool = _DEFAULT["ceiling"]
    guard: bool = _DEFAULT["guard"]
    smoothing: int = _DEFAULT["smoothing"]
    coverage: float = _DEFAULT["coverage"]
    baseline: str = _DEFAULT["baseline"]
    baseline_mean: float = _DEFAULT["baseline_mean"]
    baseline_std: float = _DEFAULT["baseline_std"]
    warmup_steps: int = _DEFAULT["warmup_steps"]
    refresh_every: int = _DEFAULT["refresh_every"]
    refresh_growth: int = _DEFAULT["refresh_growth"]
    min_count: int = _DEFAULT["min_count"]
    fresh_means: bool = _DEFAULT["fresh_means"]
    ema_rate: float = _DEFAULT["ema_rate"]
    draw: str = _DEFAULT["draw"]

    weight: Sequence[float] | np.ndarray | None = None
    baseline_table: Sequence[float] | np.ndarray | None = None

    def __post_init__(self) -> None:
        ends = _native.grid_ends(self)  # refuses fields that cannot be used
        for name, end in zip(("sigma_min", "sigma_max"), ends):
            # The schedule's ends are float32; the shortest decimal of one is what the user wrote.
            object.__setattr__(self, name, float(str(np.float32(end))))
        for name in ("weight", "baseline_table"):
            table = getattr(self, name)
            if table is not None:
                # Tuples can be compared and hashed.
                numbers = as_numbers(name, table).astype(np.float64)
                object.__setattr__(self, name, tuple(numbers.ravel().tolist()))
        _native.check_tables(self, *self.tables())

    def tables(self) -> list[np.ndarray | None]:
        """``weight`` and ``baseline_table`` as float64 arrays."""
        tables = (self.weight, self.baseline_table)
        return [None if table is None else np.array(table, np.float64) for table in tables]

    @classmethod
    def preset(cls, name: str, **changes) -> Config:
        """The preset "default", "discrete", "edm", "flow", "epsilon" or "paper"."""
        return cls(**{**_native.preset(name), **changes})

    @classmethod
    def discrete(cls, **changes) -> Config:
        """Data on finitely many points (tokens, binary images, sequences); x0 errors."""
        return cls.preset("discrete", **changes)

    @classmethod
    def edm(cls, sigma_data: float = 0.5, **changes) -> Config:
        """EDM preconditioning: pass (D - x0)^2 before lambda, averaged over dimensions."""
        return cls.preset("edm", sigma_data=sigma_data, **changes)

    @classmethod
    def flow(cls, **changes) -> Config:
        """Flow matching: pass velocity errors; the grid is t from .001 to .999."""
        return cls.preset("flow", **changes)

    @classmethod
    def epsilon(cls, **changes) -> Config:
        """Epsilon prediction over the sigmas of the Stable Diffusion table."""
        return cls.preset("epsilon", **changes)

    @classmethod
    def paper(cls, endpoint: str = "continuous", **changes) -> Config:
        """The paper's literal rules, without ceiling, guard and coverage."""
        return cls.preset("paper", endpoint=endpoint, **changes)

    @classmethod
    def from_profile(cls, profile: Mapping[str, np.ndarray], like: Config | None = None, **changes) -> Config:
        """A configuration on another run's grid whose warm-up draws from that run's density.

        Everything else comes from ``like`` (for example that run's configuration) or, without it,
        is the default; a profile does not contain the objective of its run.
        """
        other = {} if like is None else dataclasses.asdict(like)
        edges, density = profile["edges"], profile["density"]
        grid = {"bins": len(density), "sigma_min": float(edges[0]), "sigma_max": float(edges[-1])}
        return cls(**{**other, **grid, "baseline": "table", "baseline_table": density, **changes})
