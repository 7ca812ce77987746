"""Noise levels in the trainer's own time t, with x_t = alpha(t) x0 + sigma(t) eps."""

from __future__ import annotations

import dataclasses
import functools
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from infonoise import _native
from infonoise.arrays import as_numbers, narrowed
from infonoise.config import Config
from infonoise.namespaces import Function, answer, as_numpy, belongs, constant, is_jax, is_traced, namespace, single
from infonoise.paths import named
from infonoise.paths.curve import NODES, Curve
from infonoise.paths.levels import Levels
from infonoise.scheduler import Scheduler

if TYPE_CHECKING:
    from infonoise.paths.table import TablePath

#: What a network may predict: the core has an objective of each name, on one path.
PREDICTIONS = ("x0", "epsilon", "v", "score", "velocity")
#: A ratio sigma / alpha beyond these counts as 0 or infinite: x_t is x0 or eps alone there.
NO_NOISE, ALL_NOISE = 1e-6, 1e6
#: The share of the range that is left out at such an end: the preset flow's grid is t = .001 to .999.
LEFT_OUT = 1e-3
#: What it may then come to, in units of the data's deviation, whatever the law of t.
LOW_ENDS, HIGH_ENDS = (4e-4, 4e-3), (160.0, 2000.0)


class Path(Curve):
    """Noise levels in the trainer's own time.

        path = infonoise.Path.cosine()
        config = path.config(predicts="v", sigma_data=0.5)
        state = inj.init(config)                             # or infonoise.Scheduler(config)
        state, levels = path.sample(state, 256)              # levels.t .alpha .sigma .log_prob
        x = levels.alpha[:, None] * x0 + levels.sigma[:, None] * eps
        state = path.observe(state, levels, error)           # per sample, before any weight
        state = inj.step(state)                              # or state.step()

    ``Path(alpha, sigma, t0, t1)`` is any pair of functions whose ratio sigma / alpha, infonoise's sigma, is
    strictly monotone (``infonoise.paths.curve.Curve``); they must take the arrays that you use, jax.numpy's under
    JAX. The constructors are paths that trainers use. ``alpha(t)``, ``sigma(t)``, ``slope(t)`` and the inverse
    ``time(ratio)`` take NumPy's, JAX's (traced ones too) and PyTorch's arrays.

    docs/path.md says which factors of a loss are declared, and which are not.
    """

    @classmethod
    def flow(cls, shift: float = 1.0, data_at: int = 0) -> Path:
        """Rectified flow, x_t = (1 - t) x0 + t eps, or with ``data_at=1`` x_t = t x0 + (1 - t) eps.

        A ``shift`` multiplies sigma / alpha at each t. If the network is conditioned on the shifted time, that is
        t, and shift is 1: then it only says by which law your t was drawn."""
        return cls(*named.flow(shift, data_at))

    @classmethod
    def flow_reversed(cls, shift: float = 1.0) -> Path:
        """``flow`` with the data at t = 1."""
        return cls.flow(shift, data_at=1)

    @classmethod
    def cosine(cls, shift: float = 1.0) -> Path:
        """Variance preserving, sigma / alpha = shift tan(pi t / 2); with shift 1, alpha = cos(pi t / 2)."""
        return cls(*named.cosine(shift))

    @classmethod
    def vp_linear(cls, beta_min: float = 0.1, beta_max: float = 20.0) -> Path:
        """The variance-preserving SDE, beta(t) from beta_min to beta_max, linear in t from 0 to 1:
        ln alpha = -(beta_max - beta_min) t^2 / 4 - beta_min t / 2."""
        return cls(*named.vp_linear(beta_min, beta_max))

    @classmethod
    def subvp(cls, beta_min: float = 0.1, beta_max: float = 20.0) -> Path:
        """The sub-variance-preserving SDE: alpha of ``vp_linear``, sigma = 1 - alpha^2."""
        return cls(*named.subvp(beta_min, beta_max))

    @classmethod
    def ve(cls, sigma_min: float = 0.01, sigma_max: float = 50.0) -> Path:
        """The variance-exploding SDE: alpha = 1, sigma = sigma_min (sigma_max / sigma_min)^t, t from 0 to 1."""
        return cls(*named.ve(sigma_min, sigma_max))

    @classmethod
    def edm(cls, sigma_min: float = 0.002, sigma_max: float = 80.0) -> Path:
        """EDM's: alpha = 1, and t is sigma."""
        return cls(*named.edm(sigma_min, sigma_max))

    @classmethod
    def log_snr(cls, function: Function, t0: float = 0.0, t1: float = 1.0) -> Path:
        """Variance preserving, ln(alpha^2 / sigma^2) = function(t), rising or falling; VDM's gamma is its negative.
        With a function that is learned make the path anew in each step, inside ``jax.jit``, where it is not checked."""
        return cls(*named.log_snr(function, t0, t1))

    @staticmethod
    def table(levels, alpha=None) -> TablePath:
        """Discrete timesteps: ``levels[t]`` is sigma / alpha of timestep t, positive and strictly monotone, and
        ``alpha[t]`` the factor of x0, by default the variance-preserving one, 1 / sqrt(1 + levels^2); or what
        ``infonoise.timesteps.measured`` gave, whose ``timesteps[t]`` are then the trainer's.

        Draws are rounded to timesteps. A table has no derivative: its velocity is eps - x0."""
        from infonoise.paths.table import TablePath

        return TablePath(levels, alpha)

    def config(
        self,
        predicts: str = "x0",
        loss_weight: Function | None = None,
        *,
        time_density: Function | None = None,
        sigma_data: float = 0.0,
        **fields: Any,
    ) -> Config:
        """The configuration for a trainer on this path.

        ``predicts``: whose squared error is trained on and observed. "x0", "epsilon", "v" = alpha eps - sigma x0,
        "velocity" = alpha' x0 + sigma' eps (derivatives in t), "score" = -eps / sigma, of x_t.
        ``loss_weight(t)``: the factor that the loss puts on that error; None is a plain mean.
        ``time_density(t)``: only if the loss *divides* by it (any scale): the density of your former draws.
        ``sigma_data``: the data's standard deviation per dimension, as in ``Config``.

        The grid goes from end to end of the path. At an end where sigma / alpha is 0 or infinite (beyond 1e-6 or 1e6)
        it leaves out a thousandth of the range of t, but ends between .0004 and .004, or 160 and 2000, times
        ``sigma_data`` (1 if that is unknown). As in the presets the draws follow the target for epsilon and score
        (``emphasis="samples"``), and density times weight otherwise. ``fields`` of ``Config`` replace these.
        ValueError names a weight that is not positive, with its t.
        """
        if predicts not in PREDICTIONS:
            raise ValueError(f"predicts = {predicts!r} must be one of {', '.join(PREDICTIONS)}")
        for name, instead in (("objective", "predicts"), ("weight", "loss_weight, a function of t")):
            if name in fields:
                raise TypeError(f"{name} follows from the path: pass {instead}")
        ends = {name: end for name, end in zip(("sigma_min", "sigma_max"), self.ends(sigma_data)) if not fields.get(name)}
        emphasis = "samples" if predicts in ("epsilon", "score") else "target"
        own = {"objective": predicts, "sigma_data": sigma_data, "emphasis": emphasis}
        config = Config(**{**own, **fields, **ends})
        self._check_grid(config)
        weight = self._weight(config, loss_weight, time_density)
        return config if (weight == weight[0]).all() else dataclasses.replace(config, weight=weight)

    def _weight(self, config: Config, loss_weight: Function | None, time_density: Function | None) -> np.ndarray:
        """The loss's factor on an error in the core's units, at the bin centres."""
        t = self.time(Scheduler(config).profile()["sigma"])
        weight = np.ones(config.bins)
        if loss_weight is not None:
            weight = self._factor("loss_weight", loss_weight, t)
        if time_density is not None:
            weight = weight / self._factor("time_density", time_density, t)
        return weight if config.objective in self.own else weight / as_numpy(self.to_core(config.objective, t))

    def _factor(self, name: str, function: Function, t: np.ndarray) -> np.ndarray:
        value, alone = (as_numpy(answer(name, function, x)).reshape(-1) for x in (t, t[-1:]))
        if value.size not in (1, t.size) or alone.size != 1 or not np.isclose(value[-1], alone[0], 1e-5, 0, equal_nan=True):
            raise ValueError(f"{name} must give each t its own number: {t.size} of them gave {value.size}, and other numbers one by one")
        value = np.broadcast_to(value, t.shape)
        if (wrong := np.flatnonzero(~((value > 0) & (value < np.inf)))).size:
            i = wrong[0]
            raise ValueError(
                f"{name}({t[i]:.6g}) = {value[i]:g} must be positive and finite, as a factor on the error: to leave out "
                "a part of the range set sigma_min or sigma_max"
            )
        return value

    def ends(self, sigma_data: float = 0.0) -> tuple[float, float]:
        """The lowest and the highest sigma / alpha of a grid."""
        inset, scale = LEFT_OUT * (self.t1 - self.t0), sigma_data or 1.0
        outer, inner = self._ratios(self.t0, self.t1), self._ratios(self.t0 + inset, self.t1 - inset)
        (low, high), (above_low, below_high) = (sorted(map(float, pair)) for pair in (outer, inner))
        bottom = low if low >= NO_NOISE else np.clip(above_low, LOW_ENDS[0] * scale, LOW_ENDS[1] * scale)
        top = high if high <= ALL_NOISE else np.clip(below_high, HIGH_ENDS[0] * scale, HIGH_ENDS[1] * scale)
        return float(bottom), float(top)

    def _ratios(self, *t: float) -> np.ndarray:
        sigma, alpha = as_numpy(self.sigma(np.array(t))), as_numpy(self.alpha(np.array(t)))
        with np.errstate(all="ignore"):  # an end may be 0 or infinite, and cos(pi / 2) in float32 is below 0
            return np.maximum(sigma, 0) / np.maximum(alpha, 0)

    def _check_grid(self, config: Config) -> None:
        low, high = self._ratios(self.t0, self.t1)[:: int(self._sign)]
        for name, value in (("sigma_min", config.sigma_min), ("sigma_max", config.sigma_max)):
            if value < low * (1 - 1e-5) or value > high * (1 + 1e-5):
                raise ValueError(
                    f"{name} = {value:g} is no level of the path, whose sigma / alpha is from {low:g} to {high:g}: "
                    "choose it inside, or a wider path"
                )

    def to_core(self, predicts: str, t) -> Any:
        """The factor from a squared error of this path's prediction at t to one of the core's objective.

        Given x_t, an error d of x0 is one of alpha / sigma d in epsilon, alpha / sigma^2 d in the score,
        (alpha^2 + sigma^2) / sigma d in v, and alpha |d ln(sigma / alpha) / dt| d in the velocity. The core's are those
        with the same sigma / alpha where alpha = 1 (score), alpha^2 + sigma^2 = 1 (v), alpha = 1 - t, sigma = t (velocity)."""
        alpha, sigma = self.alpha(t), self.sigma(t)
        if predicts == "v":
            return 1 / (alpha**2 + sigma**2)
        if predicts == "score":
            return alpha**2
        if predicts == "velocity":
            return ((alpha + sigma) / (alpha * sigma * self.slope(t))) ** 2
        return alpha * 0 + 1

    @functools.cached_property
    def own(self) -> frozenset[str]:
        """The predictions whose errors are in the core's units on this path: ``to_core`` is 1 everywhere. Their
        errors can go to ``observe`` of a scheduler as they are, with ``levels.ratio``."""
        factors = {name: self.to_core(name, self._everywhere()) for name in PREDICTIONS}
        return frozenset(name for name, x in factors.items() if not is_traced(x) and (abs(as_numpy(x) - 1) < 1e-6).all())

    def _everywhere(self) -> np.ndarray:
        return self.t0 + (self.t1 - self.t0) * np.arange(1, NODES) / NODES

    def sample(self, state, n, **ranks) -> tuple[Any, Levels]:
        """Draws n noise levels: the next state, and ``Levels``.

        ``state`` is an ``infonoise.jax.State``, or an ``infonoise.Scheduler``, which draws and is returned.
        ``ranks`` are the further arguments of its ``sample``, such as ``rank`` and ``world``."""
        if belongs(state, "infonoise.jax", "State"):
            inj = sys.modules["infonoise.jax"]
            if not is_traced(state.words):
                self._warn_of_grid(np.asarray(state.words))
            state, ratio = inj.sample(state, n, **ranks)
            return state, self._levels(ratio, inj.log_density(state, ratio))
        scheduler = scheduler_of(state)
        self._warn_of_grid(scheduler._words)
        ratio = state.sample(n, **ranks)
        return state, self._levels(ratio, scheduler.log_density(ratio))

    def _warn_of_grid(self, words: np.ndarray) -> None:
        """A warning if the state draws levels that the path does not have."""
        if is_traced(self._sign) or words.ndim != 1:
            return
        low, high = self._range
        fields = _native.config_get(words)
        if fields["sigma_min"] < low * (1 - 1e-5) or fields["sigma_max"] > high * (1 + 1e-5):
            warnings.warn(
                f"the state's grid from {fields['sigma_min']:g} to {fields['sigma_max']:g} leaves the path's sigma / alpha "
                f"from {low:g} to {high:g}: draws beyond an end are moved to it. Make the state from path.config()",
                stacklevel=3,
            )

    @functools.cached_property
    def _range(self) -> tuple[float, float]:
        """The lowest and the highest sigma / alpha, 0 and infinity included."""
        low, high = self._ratios(self.t0, self.t1)[:: int(self._sign)]
        return (float(low) if low >= NO_NOISE else 0.0), (float(high) if high <= ALL_NOISE else np.inf)

    def _levels(self, ratio, log_density) -> Levels:
        xp, t = namespace(ratio), constant(single(self.time(ratio)))
        # Levels that the path does not have (a learned one may have narrowed) are moved to its end, and count for nothing.
        low, high = self._log_ends(ratio)
        ln_ratio = xp.log(ratio)
        inside = xp.clip(ln_ratio, low, high)
        outside = abs(ln_ratio - inside) > 1e-4
        log_prob = xp.where(outside, np.inf, log_density + namespace(t).log(self.slope(t)))
        ratio = constant(single(xp.where(outside, xp.exp(inside), ratio)))
        t, alpha, sigma, log_prob = map(self._given, (t, self.alpha(t), self.sigma(t), log_prob))
        return Levels(t, alpha, sigma, log_prob, ratio)

    def _log_ends(self, like) -> tuple[Any, Any]:
        """ln of the lowest and of the highest sigma / alpha, in the library of ``like``."""
        xp = namespace(like)
        with np.errstate(all="ignore"):
            first, last = self.log_ratio(xp.asarray(np.array([self.t0, self.t1], np.float32)))
        rises = self._sign > 0
        first = xp.where(xp.isnan(first), xp.where(rises, -np.inf, np.inf), first)
        last = xp.where(xp.isnan(last), xp.where(rises, np.inf, -np.inf), last)
        return xp.minimum(first, last), xp.maximum(first, last)

    def _given(self, value) -> Any:
        """In single precision, and constant; a tensor where the pair's functions are PyTorch's."""
        value = constant(single(value))
        return sys.modules["torch"].from_numpy(value) if self._library == "torch" and not is_jax(value) else value

    def observe(self, state, levels: Levels, error, mask=None, **ranks) -> Any:
        """Takes the batch's squared errors, per sample and before any weight, of what the network predicts (as
        ``config`` was told), and returns the next state (the same ``Scheduler``).

        ``mask`` and ``ranks`` are those of the state's ``observe``. No gradient flows through."""
        if belongs(state, "infonoise.jax", "State"):
            inj = sys.modules["infonoise.jax"]
            if not is_jax(error):
                error = inj.operands.on_device(narrowed(as_numbers("error", error)))
            error = self._converted(state.words, levels.t, narrowed(error, inj.jnp))
            return inj.observe(state, levels.ratio, error, mask, **ranks)
        words = scheduler_of(state).state
        state.observe(levels.ratio, self._converted(words, as_numpy(levels.t), as_numbers("error", error)), mask, **ranks)
        return state

    def _converted(self, words, t, error) -> Any:
        """The error in the units of the state's objective, which its own words name."""
        code, others = words[..., objective_word()], [name for name in PREDICTIONS if name not in self.own]
        if isinstance(words, np.ndarray):  # known here, and under JAX only when the program runs
            others = [name for name in others if name == OBJECTIVES[code]]
        if not others or t.size != error.size:  # observe says what is wrong with the sizes
            return error
        t = t.reshape(error.shape)  # levels of the shape (n, 1, 1, 1) have n errors
        factor = self.to_core("x0", t)
        for name in others:
            factor = namespace(t).where(code == OBJECTIVES.index(name), self.to_core(name, t), factor)
        return error * factor


#: The objectives in the order of their codes.
OBJECTIVES = ("x0", "edm", "epsilon", "velocity", "v", "score")


@functools.cache
def objective_word() -> int:
    """Which word of a block is the code of its objective: found, since the layout is the core's."""
    blocks = [Scheduler(Config(objective=name, sigma_data=1.0)).state for name in OBJECTIVES]
    (word,) = np.flatnonzero((np.stack(blocks, 1) == np.arange(len(OBJECTIVES))).all(1))
    return int(word)


def scheduler_of(state) -> Scheduler:
    """A scheduler, or that of a journal."""
    scheduler = getattr(state, "scheduler", state)
    if not isinstance(scheduler, Scheduler):
        raise TypeError(f"state must be an infonoise.jax.State or an infonoise.Scheduler, got {type(state).__name__}")
    return scheduler
