"""The scheduler on NumPy arrays, for PyTorch and plain Python."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.ma import MaskedArray

from infonoise import _native
from infonoise.arrays import as_array, as_numbers, checked_integer, empty_words, native_pairs, own_words
from infonoise.config import Config
from infonoise.coordinates import from_sigma
from infonoise.plan import Plan, plan_of_words


class Scheduler:
    """A schedule and its memory.

        scheduler = infonoise.Scheduler(infonoise.Config.edm(), seed=0)
        sigma = scheduler.sample(256)
        for _ in range(steps):
            error = train(sigma)                 # per sample, unweighted
            sigma = scheduler.advance(sigma, error)

    ``state`` is the complete schedule: a uint32 array that can be stored and passed to
    ``infonoise.jax.from_words``.
    """

    #: The seed of a scheduler made from a configuration; 0 for a loaded one.
    seed = 0

    def __init__(self, config: Config, seed: int = 0) -> None:
        if not isinstance(config, Config):
            raise TypeError(f"config must be an infonoise.Config, got {type(config).__name__}")
        self._words = empty_words(_native.state_words(config))
        self.seed = checked_seed(seed)
        _native.init(self._words, config, self.seed, *config.tables())

    @property
    def state(self) -> np.ndarray:
        """The words of the schedule now, uint32[N]: a copy that can only be read. JAX may use an array's memory
        as its own without a copy, and that must not change with the next call."""
        words = own_words(self._words)
        words.flags.writeable = False
        return words

    @classmethod
    def from_state(cls, words: np.ndarray) -> Scheduler:
        """A scheduler on a copy of ``words``, which are checked completely."""
        scheduler = cls.__new__(cls)
        scheduler.__setstate__(words)
        return scheduler

    def save(self) -> bytes:
        """The snapshot: for checkpoints, also on machines of the other byte order."""
        return _native.save(self._words)

    @classmethod
    def load(cls, snapshot: bytes) -> Scheduler:
        """The scheduler of a snapshot, which is checked completely. It may also be an array or a
        tensor of uint8, as some checkpointers keep bytes."""
        scheduler, snapshot = cls.__new__(cls), snapshot_bytes(snapshot)
        scheduler._words = empty_words(_native.snapshot_words(snapshot))
        _native.load(scheduler._words, snapshot)
        return scheduler

    def state_dict(self) -> dict[str, bytes]:
        """The snapshot as a dict, for frameworks that collect such dicts: ``torch.save`` it together with the model's."""
        return {"snapshot": self.save()}

    def load_state_dict(self, state: Mapping[str, bytes], strict: bool = False) -> None:
        """Loads the schedule of a ``state_dict``, configuration included. UserWarning if that differs from this
        scheduler's, with the fields; with ``strict`` ValueError. What is refused changes nothing."""
        if not isinstance(state, Mapping) or set(state) != {"snapshot"}:
            keys = sorted(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
            old = "; 'image' is of snapshot version 1, whose rules differ: load it with the library that wrote it"
            given = f"{keys}{old if 'image' in keys else ''}"
            raise ValueError(f"state must be what state_dict() gave, a dict with the key 'snapshot', got {given}")
        loaded = self.load(state["snapshot"])
        check_same(self.config, loaded.config, strict)
        self._words, self.seed = loaded._words, type(self).seed

    def __getstate__(self) -> dict:
        fields = {**self.__dict__, "state": self._words.copy()}
        del fields["_words"]
        return fields

    def __setstate__(self, state: dict | np.ndarray) -> None:
        fields = dict(state) if isinstance(state, dict) else {"state": state}  # older pickles hold the words alone
        words = own_words(fields.pop("state"))
        _native.validate(words)
        self.__dict__.update(fields, _words=words)

    @property
    def config(self) -> Config:
        """The configuration in force, equal to the one that the schedule was made from."""
        return config_of(self._words)

    def sample(
        self,
        n: int,
        *,
        rank: int | None = None,
        world: int | None = None,
        offset: int | None = None,
        total: int | None = None,
        counts: Sequence[int] | None = None,
    ) -> np.ndarray:
        """Draws float32[n]: a whole batch, or a rank's slice of the global batch.

        With ``rank`` and ``world`` every rank draws n. Where ranks differ, pass the list ``counts`` of what
        each draws, the same on every rank, with ``rank``; or ``offset`` and ``total``, the slice's place in
        the global batch and its size. Every rank calls this once per global batch, with n = 0 too; the
        slices together are what one process would draw."""
        n, offset, total = checked_slice(n, rank, world, offset, total, counts)
        sigma = np.empty(n, np.float32)
        _native.sample(self._words, sigma, offset, total)
        return sigma

    def levels(self, n: int) -> np.ndarray:
        """The midpoints of n equal shares of the draws in force, float32[n], ascending: evenly spread
        levels for a validation loss. The schedule does not change, as it would with ``sample``."""
        sigma = np.empty(checked_levels(n), np.float32)
        _native.levels(self._words, sigma)
        return sigma

    def log_density(self, sigma) -> np.ndarray:
        """ln of the density of the draws per unit ln sigma, float64 in the shape of ``sigma``; exact, for the
        sampler in force. -inf off the grid (by more than 1e-5 of an end) and where nothing is drawn, NaN for NaN. With p = exp(log_density),
        the mean of loss / p over draws is unbiased for the loss's integral over ln sigma."""
        sigma = np.array(as_numbers("sigma", sigma), np.float32, order="C")
        density = np.empty(sigma.shape)
        _native.log_density(self._words, sigma.reshape(-1), density.reshape(-1))
        return density

    def observe(self, sigma, error, mask=None) -> int:
        """Takes per-sample, unweighted, squared errors; returns how many pairs were rejected.

        Accepts any row of real numbers on the host, integers and booleans included; masked entries of
        ``numpy.ma``, complex numbers, texts and dates are refused."""
        return _native.observe(self._words, *native_pairs(sigma, error, mask))

    def step(self) -> dict:
        """Counts an optimizer step, refreshes if that is due, and returns the report."""
        _native.step(self._words)
        return self.report()

    def advance(self, sigma, error, next_n: int | None = None, mask=None) -> np.ndarray:
        """observe, step and sample in one call: returns the sigmas of the next batch."""
        masked = isinstance(sigma, MaskedArray) or isinstance(error, MaskedArray)
        if next_n is None and mask is None and not masked:
            following = _native.advance_rows(self._words, sigma, error)
            if following is not None:
                return following
        sigma, error, *mask = native_pairs(sigma, error, mask)
        n, *_ = checked_slice(sigma.size if next_n is None else next_n)
        following = np.empty(n, np.float32)
        _native.advance(self._words, sigma, error, following, *mask)
        return following

    def freeze(self) -> None:
        """Stops refreshes; draws and observations continue."""
        _native.set_frozen(self._words, True)

    def unfreeze(self) -> None:
        """Resumes refreshes; a due one runs at the next step."""
        _native.set_frozen(self._words, False)

    def reconfigure(self, **changes) -> None:
        """Changes fields other than the grid and the meaning of the errors, from the
        next refresh on: cadence, EMA rate, gate, pivot, guard, coverage, counts, ``weight``."""
        config = dataclasses.replace(self.config, **changes)
        _native.reconfigure(self._words, *native_reconfiguration(config))

    def report(self) -> dict:
        """A flat dict for the logger."""
        return _native.report(self._words)

    def profile(self) -> dict[str, np.ndarray]:
        """The curves in force: K numbers each, K + 1 for edges, cdf and entropy."""
        return _native.profile(self._words, 0)

    def estimate(self) -> dict[str, np.ndarray]:
        """The curves that a refresh would give now; the schedule does not change."""
        return _native.profile(self._words, 1)

    def info_grid(
        self, n: int, *, power: float = 1.0, gated: bool = True, coordinate: str = "sigma"
    ) -> np.ndarray:
        """n noise levels for a sampler, equally spaced in entropic time, from the noisiest
        down; append 0 (no noise). ``coordinate="flow_t"`` gives flow times, t = 1 is noise."""
        return info_grid(self._words, n, power, gated, coordinate)

    def plan_grid(
        self,
        n: int | None = None,
        *,
        nfe: int | None = None,
        solver: str = "heun",
        end: float | str = "free",
        estimate: bool = False,
        coordinate: str = "sigma",
    ) -> Plan:
        """Noise levels at which a ``solver`` ("heun" or "euler", which is DDIM) errs least by the profile, from
        the noisiest down; append 0. n of them, at most 240, or as many as ``nfe`` evaluations of the network
        allow: Heun's rule spends 2 n - 1 on n, Euler's n. The last one is ``end``, or chosen too. ``estimate``
        plans from what the rings hold now. The result is an array with what it expects: ``print(plan.verdict)``."""
        return plan_of_words(self._words, n, nfe, solver, end, estimate, coordinate)

    def to_entropic_time(self, sigma, *, power: float = 0.0, gated: bool = True) -> np.ndarray:
        """The share of the information (weighted by sigma^power) below each sigma, 0 to 1;
        clamped off the grid. ``info_grid`` has ``power`` 1 by default, this 0."""
        return self._entropic(sigma, power, gated, False)

    def from_entropic_time(self, time, *, power: float = 0.0, gated: bool = True) -> np.ndarray:
        """The sigmas at which entropic time has these values; clamped to 0 to 1."""
        return self._entropic(time, power, gated, True)

    def _entropic(self, values, power, gated, back) -> np.ndarray:
        check_power(power)
        values = np.array(values, np.float64, order="C")
        if np.isnan(values).any():
            raise ValueError("sigmas and entropic times must not be NaN")
        _native.entropic(self._words, power, gated, values.reshape(-1), back)
        return values

    def digest(self) -> int:
        """The digest: the same for equal schedules on every platform."""
        return _native.digest(self._words)


def config_of(words: np.ndarray) -> Config:
    """The configuration in force of a block's words."""
    fields, (weight, baseline) = _native.config_get(words), _native.tables(words)
    plain = all(factor == 1.0 for factor in weight)
    table = baseline if fields["baseline"] == "table" else None
    return Config(**fields, weight=None if plain else weight, baseline_table=table)


def check_same(config: Config, loaded: Config, strict: bool) -> None:
    """Warns of each field in which a loaded configuration differs from the one in use; with ``strict``, raises."""
    before, after = dataclasses.asdict(config), dataclasses.asdict(loaded)
    changes = [
        name if isinstance(before[name] or after[name], tuple) else f"{name} = {before[name]} -> {after[name]}"
        for name in before
        if before[name] != after[name]
    ]
    if not changes:
        return
    found = f"the loaded schedule has another configuration: {', '.join(changes)}"
    if strict:
        raise ValueError(f"{found}. Load it into a scheduler of that configuration; without strict=True it is loaded with a warning")
    remedy = "reconfigure changes what may change in a run, strict=True refuses such a schedule"
    warnings.warn(f"{found}. The loaded one is kept: {remedy}", stacklevel=3)


def snapshot_bytes(snapshot) -> bytes:
    """The bytes of a snapshot, whatever holds them."""
    if isinstance(snapshot, bytes):
        return snapshot
    if isinstance(snapshot, str | os.PathLike | int | None):
        name = type(snapshot).__name__
        raise TypeError(f"snapshot must be bytes, got {name}: of a file pass its content, pathlib.Path(path).read_bytes()")
    array = as_array(memoryview(snapshot) if isinstance(snapshot, bytearray) else snapshot)
    if array.dtype != np.uint8:
        raise TypeError(f"snapshot must be bytes, got an array of {array.dtype}: pass what save() gave, or uint8")
    return array.tobytes()


def native_reconfiguration(config: Config) -> tuple[Config, np.ndarray, np.ndarray | None]:
    """The arguments that reconfigure a block to ``config``: the configuration, its weights, and its baseline's table."""
    weight, baseline = config.tables()
    return config, np.ones(config.bins) if weight is None else weight, baseline


def info_grid(words: np.ndarray, n: int, power: float, gated: bool, coordinate: str) -> np.ndarray:
    """The grid of a block's words, in a coordinate of ``infonoise.coordinates``."""
    if checked_count(n) < 2:
        raise ValueError(f"n = {n} must be at least 2: the grid's two ends")
    check_power(power)
    sigma = np.empty(n, np.float32)
    _native.info_grid(words, power, gated, sigma)
    return sigma if coordinate == "sigma" else from_sigma(coordinate, sigma)


def checked_count(n) -> int:
    """n as an integer that is not negative."""
    kind = "a static, non-negative integer"
    if (count := checked_integer("n", n, kind)) < 0:
        raise TypeError(f"n must be {kind}, got {n!r}")
    return count


def checked_levels(n) -> int:
    """n as a number of levels."""
    if checked_count(n) > 2**31:
        raise ValueError(f"n = {n} must be at most 2^31")
    return n


def checked_seed(seed) -> int:
    """A seed as an integer of 64 bits."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(f"seed must be an integer, got {seed!r}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed = {seed} must be from 0 to 2^64 - 1")
    return int(seed)


def checked_slice(n, rank=None, world=None, offset=None, total=None, counts=None) -> tuple[int, int, int]:
    """n and the offset and the total of the slice of a global batch that a rank may draw."""
    check_ways(rank, world, offset, total, counts)
    n, rank = checked_count(n), checked_integer("rank", 0 if rank is None else rank, "one integer")
    if counts is not None:
        return _slice_of_counts(n, rank, world, counts)
    world = checked_integer("world", 1 if world is None else world, "a static integer, the number of ranks")
    if offset is None:
        if not 0 <= rank < world < 2**32 or world * n > 2**32:
            raise ValueError(
                f"rank = {rank} of world = {world}, n = {n}: needs 0 <= rank < world < 2^32 and world * n <= 2^32"
            )
        return n, rank * n, world * n
    offset, total = checked_integer("offset", offset, "an integer"), checked_integer("total", total, "an integer")
    if not 0 <= offset <= offset + n <= total <= 2**32:
        raise ValueError(f"offset = {offset}, n = {n}: the slice must lie within total = {total}, at most 2^32")
    return n, offset, total


def check_ways(rank, world, offset, total, counts) -> None:
    """Whether the arguments name the slice of a global batch in one way, and completely."""
    given = {"rank": rank, "world": world, "offset": offset, "total": total, "counts": counts}
    named = [name for name, value in given.items() if value is not None]
    if named not in ([], ["rank", "world"], ["rank", "counts"], ["rank", "world", "counts"], ["offset", "total"]):
        raise TypeError(
            f"{' and '.join(named)} name no slice of a global batch: pass rank and world, rank and counts, or offset and total"
        )


def _slice_of_counts(n, rank, world, counts) -> tuple[int, int, int]:
    kind = "a list of integers, the draws of each rank"
    if isinstance(counts, Mapping | str) or not hasattr(counts, "__iter__"):
        raise TypeError(f"counts must be {kind}, got {counts!r}")
    counts = [checked_integer("counts", count, kind) for count in counts]
    if world not in (None, len(counts)):
        raise ValueError(f"world = {world} must be {len(counts)}, the length of counts: leave it out")
    if not 0 <= rank < len(counts):
        raise ValueError(f"rank = {rank} must be from 0 to below {len(counts)}, the length of counts")
    if (least := min(counts)) < 0:
        raise ValueError(f"counts[{counts.index(least)}] = {least} must not be negative: it is what that rank draws")
    if counts[rank] != n:
        raise ValueError(f"n = {n} must be counts[{rank}] = {counts[rank]}: every rank passes the same list of what each draws")
    return checked_slice(n, offset=sum(counts[:rank]), total=sum(counts))


def check_power(power) -> None:
    """Whether entropic time accepts ``power``."""
    if not abs(power) <= 64:
        raise ValueError(f"power = {power} must be from -64 to 64: 0 is entropic time, 1 suits images")
