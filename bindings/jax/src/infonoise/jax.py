"""The scheduler as pure JAX functions: XLA custom calls over the core.

The state is a pytree with one leaf, uint32[N]; its dimensions are static. The
functions return a new state and, since operand and result share their memory,
copy nothing as long as the old one is not used again: carry the state through
``scan``, or donate it to your jitted step. Outside ``jit`` each call costs
JAX's dispatch (about 80 us), so put the calls inside your training step.

    @partial(jax.jit, donate_argnums=0)
    def train_step(carry, x0):
        params, opt, sched = carry
        sched, sigma = inj.sample(sched, x0.shape[0])
        ...                                  # per-sample, unweighted error
        sched = inj.observe(sched, sigma, error)
        sched = inj.step(sched)
        return (params, opt, sched), loss

On platforms without a native call the functions go through the host
(``jax.pure_callback``), with one warning.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from infonoise import _native
from infonoise.config import Config

__all__ = ["State", "digest", "from_words", "info_grid", "init", "observe", "profile", "report", "sample", "step"]

for _name, _call in _native.registrations().items():
    jax.ffi.register_ffi_target(_name, _call, platform="cpu")

_COUNTS, _REALS = _native.report_fields()


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["words"], meta_fields=["bins", "window"]
)
@dataclass(frozen=True)
class State:
    """A schedule: ``words`` is uint32[N] (with leading dimensions under vmap)."""

    words: jax.Array
    bins: int
    window: int


def init(
    config: Config,
    seed: int | jax.Array = 0,
    *,
    weight: Sequence[float] | None = None,
    baseline: Sequence[float] | None = None,
) -> State:
    """A fresh schedule.

    ``seed`` is an integer of 0 .. 2^64 - 1, or a traced integer. ``weight`` holds
    K further positive factors on the fixed weight at the bin centres,
    ``baseline`` the K masses of the warm-up for ``Config(baseline="table")``.
    """
    if not isinstance(config, Config):
        raise TypeError(f"config must be an infonoise.Config, got {type(config).__name__}")
    tables = [None if table is None else np.asarray(table, np.float64) for table in (weight, baseline)]
    # A throw-away host block: finds what is wrong with the tables here, not in XLA.
    length = _native.state_words(config)
    _native.init(np.empty(length // 2, np.uint64).view(np.uint32), config, 0, *tables)
    record = np.frombuffer(_native.record(config), np.int64)
    attributes = {"config": record, "weight": _table_words(tables[0]), "baseline": _table_words(tables[1])}

    def host(seed):
        words = _empty_words(length)
        _native.init(words, config, int(seed[0]) | int(seed[1]) << 32, *tables)
        return words

    words = _call(
        "infonoise_init",
        jax.ShapeDtypeStruct((length,), jnp.uint32),
        host,
        _seed_words(seed),
        **attributes,
    )
    return State(words, config.bins, config.window)


def sample(state: State, n: int, *, rank: int = 0, world: int = 1) -> tuple[State, jax.Array]:
    """Draws float32[n] sigmas; with ``rank`` and ``world``, that rank's slice of a
    global batch of ``world * n``."""
    words = _words(state)
    if not isinstance(n, (int, np.integer)) or n < 0:
        raise TypeError(f"n must be a static, non-negative integer, got {n!r}")
    if not 0 <= rank < world or world * n > 2**32:
        raise ValueError(f"rank = {rank} of world = {world} needs 0 <= rank < world and world * n <= 2^32")

    def host(words):
        words, sigma = _own(words), np.empty(n, np.float32)
        _native.sample(words, sigma, rank, world)
        return words, sigma

    words, sigma = _call(
        "infonoise_sample",
        (_like(words), jax.ShapeDtypeStruct((n,), jnp.float32)),
        host,
        words,
        input_output_aliases={0: 0},
        rank=np.uint32(rank),
        world=np.uint32(world),
    )
    return State(words, state.bins, state.window), sigma


def observe(state: State, sigma: jax.Array, error: jax.Array, mask: jax.Array | None = None) -> State:
    """Takes the batch's per-sample, unweighted squared errors, in the space of the
    configured objective (mean over dimensions unless ``reduction_dim`` is set).

    Any number of calls may come between two steps. No gradient flows through.
    Samples whose ``mask`` is False are left out. Pairs off the grid and errors
    that are negative or not finite are rejected and counted in the report.
    """
    words = _words(state)
    sigma, error = jnp.asarray(sigma), jnp.asarray(error)
    operands = [sigma, error] + ([] if mask is None else [jnp.asarray(mask)])
    if any(operand.shape != sigma.shape for operand in operands):
        shapes = ", ".join(str(operand.shape) for operand in operands)
        raise ValueError(
            f"sigma, error and mask must have the same shape, got {shapes}: "
            "pass one error for each sigma, reduced over the data's dimensions"
        )
    for name, operand in (("sigma", sigma), ("error", error)):
        if not jnp.issubdtype(operand.dtype, jnp.floating):
            raise TypeError(f"{name} must be floating point, got {operand.dtype}")
    operands = [jax.lax.stop_gradient(x).astype(jnp.float32).ravel() for x in operands[:2]]
    if mask is not None:
        operands.append((jnp.asarray(mask) != 0).astype(jnp.uint8).ravel())

    def host(words, sigma, error, *mask):
        words = _own(words)
        _native.observe(words, np.ascontiguousarray(sigma), np.ascontiguousarray(error), *map(np.ascontiguousarray, mask))
        return words

    words = _call(
        "infonoise_observe" if mask is None else "infonoise_observe_masked",
        _like(words),
        host,
        words,
        *operands,
        input_output_aliases={0: 0},
    )
    return State(words, state.bins, state.window)


def step(state: State) -> State:
    """Counts one optimizer step, and refreshes the sampler if that is due."""
    words = _words(state)

    def host(words):
        words = _own(words)
        _native.step(words)
        return words

    words = _call("infonoise_step", _like(words), host, words, input_output_aliases={0: 0})
    return State(words, state.bins, state.window)


def report(state: State) -> dict:
    """A flat dict for the logger.

    Outside jit: Python numbers, and names for phase, warning, hold_reason and
    pivot_rule. Inside jit or on batched states: arrays, uint32 for codes and
    counts, float32 for the rest.
    """
    words = _words(state)
    if not isinstance(words, jax.core.Tracer) and words.ndim == 1:
        return _native.report(np.asarray(words))

    def host(words):
        values = _native.report(np.ascontiguousarray(words))
        codes = [_code(name, values[name]) for name in _COUNTS]
        return np.array(codes, np.uint32), np.array([values[name] for name in _REALS], np.float32)

    call = functools.partial(
        _call,
        "infonoise_report",
        (
            jax.ShapeDtypeStruct((len(_COUNTS),), jnp.uint32),
            jax.ShapeDtypeStruct((len(_REALS),), jnp.float32),
        ),
        host,
    )
    for _ in range(words.ndim - 1):
        call = jax.vmap(call)
    counts, reals = call(words)
    fields = {name: counts[..., i] for i, name in enumerate(_COUNTS)}
    return fields | {name: reals[..., i] for i, name in enumerate(_REALS)}


def profile(state: State, estimate: bool = False) -> dict[str, np.ndarray]:
    """The curves behind the schedule as NumPy arrays, outside jit: ``sigma``, ``count``,
    ``error``, ``rate``, ``gate``, ``target``, ``density`` (K) and ``edges``, ``cdf``,
    ``entropy`` (K + 1). ``estimate``: from what the rings hold now."""
    return _native.profile(_concrete(state, "profile"), int(estimate))


def info_grid(state: State, n: int, *, power: float = 1.0, gated: bool = True) -> np.ndarray:
    """n sigmas for a sampler, equally spaced in entropic time, outside jit; append 0."""
    sigma = np.empty(n, np.float32)
    _native.info_grid(_concrete(state, "info_grid"), power, gated, sigma)
    return sigma


def digest(state: State) -> int:
    """A number that two equal schedules share on every platform, outside jit."""
    return _native.digest(_concrete(state, "digest"))


def from_words(words) -> State:
    """A state from a uint32 array that holds a block (checked completely), outside jit."""
    words = _own(np.asarray(words))
    if words.dtype != np.uint32 or words.ndim != 1:
        raise TypeError(f"words must be uint32[N], got {words.dtype}{list(words.shape)}")
    _native.validate(words)
    fields = _native.config_get(words)
    return State(jnp.asarray(words), fields["bins"], fields["window"])


def _call(name, results, host, *operands, input_output_aliases=None, **attributes):
    """The native call where there is one, the host's function elsewhere."""
    if jax.default_backend() == "cpu":
        call = jax.ffi.ffi_call(
            name, results, vmap_method="broadcast_all", input_output_aliases=input_output_aliases
        )
        return call(*operands, **attributes)
    _warn_once(jax.default_backend())
    return jax.pure_callback(host, results, *operands, vmap_method="sequential")


@functools.cache
def _warn_once(platform: str) -> None:
    warnings.warn(
        f"infonoise has no native call on {platform!r} yet: its functions run on the host "
        "through jax.pure_callback, some hundred microseconds a step",
        stacklevel=4,
    )


def _words(state: State) -> jax.Array:
    if not isinstance(state, State):
        raise TypeError(
            f"state must be an infonoise.jax.State, got {type(state).__name__}: make one with "
            "init(config, seed), or from_words(words)"
        )
    return state.words


def _concrete(state: State, call: str) -> np.ndarray:
    words = _words(state)
    if isinstance(words, jax.core.Tracer):
        raise TypeError(f"infonoise.jax.{call} reads the state on the host: call it outside jit")
    if words.ndim != 1:
        raise TypeError(f"infonoise.jax.{call} takes one state, got a batch of shape {words.shape[:-1]}")
    return np.asarray(words)


def _like(words) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(words.shape, words.dtype)


def _empty_words(length: int) -> np.ndarray:
    """uint32 words whose memory is 8-aligned, as a block needs it."""
    return np.empty(length // 2, np.uint64).view(np.uint32)


def _own(words) -> np.ndarray:
    """A writable, 8-aligned copy."""
    words = np.asarray(words)
    copy = _empty_words(words.size + words.size % 2)[: words.size]
    copy = copy if words.dtype == np.uint32 and words.ndim == 1 else np.empty_like(words)
    copy[...] = words
    return copy


def _table_words(table: np.ndarray | None) -> np.ndarray:
    return np.zeros(1, np.int64) if table is None else table.view(np.int64)


def _seed_words(seed) -> jax.Array:
    """A seed as two uint32, low half first."""
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        if not 0 <= seed < 2**64:
            raise ValueError(f"seed = {seed} must be from 0 to 2^64 - 1")
        return jnp.array([int(seed) & 0xFFFFFFFF, int(seed) >> 32], jnp.uint32)
    seed = jnp.asarray(seed)
    if seed.shape != () or not jnp.issubdtype(seed.dtype, jnp.integer):
        raise TypeError(f"seed must be one integer, got {seed.dtype}{list(seed.shape)}")
    high = (seed >> 32).astype(jnp.uint32) if seed.dtype.itemsize == 8 else jnp.uint32(0)
    return jnp.stack([seed.astype(jnp.uint32), high])


def _code(field: str, value) -> int:
    return min(value, 2**32 - 1) if isinstance(value, int) else _native.report_code(field, value)
