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
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

try:
    import jax
except ModuleNotFoundError as missing:
    raise ImportError("infonoise.jax needs JAX: pip install 'infonoise[jax]'") from missing
# An older XLA refuses the native calls, and JAX then cannot initialise any backend.
OLDEST_JAX = (0, 7)
if jax.__version_info__ < OLDEST_JAX:
    raise ImportError(
        f"infonoise.jax needs JAX {'.'.join(map(str, OLDEST_JAX))} or newer, and this is JAX {jax.__version__}: "
        "pip install --upgrade 'infonoise[jax]'"
    )
import jax.export
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from infonoise import _native
from infonoise.arrays import CAST, ONE_OF_A_BATCH, as_numbers, empty_words, narrowed, own_words
from infonoise.config import Config
from infonoise.plan import Plan, plan_of_words
from infonoise.scheduler import Scheduler, check_same, checked_count, checked_seed, checked_slice, config_of
from infonoise.scheduler import native_reconfiguration
from infonoise.scheduler import info_grid as words_grid
from infonoise.timesteps import check_table, checked_steps

__all__ = [
    "CUSTOM_CALLS",
    "NAMES",
    "State",
    "advance",
    "digest",
    "estimate",
    "freeze",
    "from_words",
    "info_grid",
    "init",
    "levels",
    "log_density",
    "observe",
    "plan_grid",
    "profile",
    "reconfigure",
    "report",
    "sample",
    "snap",
    "step",
    "unfreeze",
]

for _name, _target in _native.registrations().items():
    jax.ffi.register_ffi_target(_name, _target, platform="cpu")

# The custom calls for which jax.export must disable its checks; a loaded function needs them too.
CUSTOM_CALLS = tuple(_native.registrations())

_NATIVE_PLATFORMS = ("cpu",)

_COUNTS, _REALS = _native.report_fields()

# The names of the codes that a report holds inside jit.
NAMES = {name: names for name in _COUNTS if (names := _native.report_names(name))}


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["words"], meta_fields=["bins", "window"]
)
@dataclass(frozen=True, init=False, eq=False)  # equal schedules have one digest; arrays have no truth value
class State:
    """A schedule: ``words`` is uint32[N] (with leading dimensions under vmap)."""

    words: jax.Array
    bins: int
    window: int

    def __init__(self, words, bins, window):
        # Faster than a frozen dataclass's own __init__, which takes twice as long at every jitted step.
        self.__dict__.update(words=words, bins=bins, window=window)


jax.export.register_pytree_node_serialization(
    State,
    serialized_name="infonoise.jax.State",
    serialize_auxdata=lambda sizes: json.dumps(sizes).encode(),
    deserialize_auxdata=lambda text: tuple(json.loads(text)),
)


def init(config: Config, seed: int | jax.Array = 0) -> State:
    """A fresh schedule.

    ``seed`` is an integer of 0 .. 2^64 - 1, or a traced integer: of that the bits count,
    32 of them unless JAX's x64 mode is on.
    """
    _check_config(config)
    length = _native.state_words(config)

    def host(seed):
        words = empty_words(length)
        _native.init(words, config, int(seed[0]) | int(seed[1]) << 32, *config.tables())
        return words

    weight, baseline = map(_table_words, config.tables())
    words = _call(
        "infonoise_init",
        jax.ShapeDtypeStruct((length,), jnp.uint32),
        host,
        _seed_words(seed),
        config=_record(config),
        weight=weight,
        baseline=baseline,
    )
    return State(words, config.bins, config.window)


def sample(
    state: State,
    n: int,
    *,
    rank: int | jax.Array = 0,
    world: int = 1,
    offset: int | jax.Array | None = None,
    total: int | None = None,
    counts: Sequence[int] | None = None,
) -> tuple[State, jax.Array]:
    """Draws float32[n] sigmas: a whole batch, or a rank's slice of the global batch.

    With ``rank`` and ``world`` every rank draws n; the rank may be traced
    (``jax.lax.axis_index``). Where ranks differ, pass the list ``counts`` of what each
    draws, with a static ``rank``; or ``offset``, which may be traced, and ``total``: the
    slice's place in the global batch and its size. Every rank calls this once per global
    batch; the slices together are what one process would draw."""
    words = _words(state)
    n, offset, total = _checked_slice(n, rank, world, offset, total, counts)

    def host(words, offset):
        words, sigma = own_words(words), np.empty(n, np.float32)
        _native.sample(words, sigma, int(offset[0]), total)
        return words, sigma

    words, sigma = _call(
        "infonoise_sample",
        (_like(words), jax.ShapeDtypeStruct((n,), jnp.float32)),
        host,
        words,
        offset,
        input_output_aliases={0: 0},
        total=np.uint64(total),
    )
    return State(words, state.bins, state.window), sigma


def observe(state: State, sigma: jax.Array, error: jax.Array, mask: jax.Array | None = None) -> State:
    """Takes the batch's per-sample, unweighted squared errors, in the space of the
    configured objective (mean over dimensions unless ``reduction_dim`` is set).

    Any number of calls may come between two steps. No gradient flows through.
    Samples whose ``mask`` is False are left out. Pairs off the grid and errors
    that are negative or not finite are rejected and counted in the report.
    """
    return _update(state, "infonoise_observe", _native.observe, *_pairs(sigma, error, mask))


def step(state: State) -> State:
    """Counts one optimizer step, and refreshes the sampler if that is due."""
    return _update(state, "infonoise_step", _native.step)


def advance(
    state: State,
    sigma: jax.Array,
    error: jax.Array,
    next_n: int | None = None,
    mask: jax.Array | None = None,
) -> tuple[State, jax.Array]:
    """observe, step and sample in one call: returns the sigmas of the next batch."""
    words = _words(state)
    pairs = _pairs(sigma, error, mask)
    n = checked_count(pairs[0].size if next_n is None else next_n)

    def host(words, sigma, error, *mask):
        words, following = own_words(words), np.empty(n, np.float32)
        sigma, error, *mask = map(np.ascontiguousarray, (sigma, error, *mask))
        _native.advance(words, sigma, error, following, *mask)
        return words, following

    words, following = _call(
        "infonoise_advance",
        (_like(words), jax.ShapeDtypeStruct((n,), jnp.float32)),
        host,
        words,
        *pairs,
        input_output_aliases={0: 0},
    )
    return State(words, state.bins, state.window), following


def freeze(state: State) -> State:
    """Stops refreshes; draws and observations continue."""
    return _update(state, "infonoise_set_frozen", lambda words: _native.set_frozen(words, True), frozen=np.uint32(1))


def unfreeze(state: State) -> State:
    """Resumes refreshes; a due one runs at the next step."""
    return _update(state, "infonoise_set_frozen", lambda words: _native.set_frozen(words, False), frozen=np.uint32(0))


def reconfigure(state: State, config: Config) -> State:
    """Changes the configuration to ``config`` from the next refresh on: cadence, EMA rate, gate, pivot,
    guard, coverage, counts and weight may differ; ValueError names a field that is fixed at init."""
    _check_config(config)
    arguments = native_reconfiguration(config)

    def apply(words):
        _native.reconfigure(words, *arguments)

    words = _words(state)
    if not isinstance(words, jax.core.Tracer):
        apply(own_words(words))  # a copy: ValueError here, where JAX would raise its own later
    weight, baseline = map(_table_words, arguments[1:])
    return _update(state, "infonoise_reconfigure", apply, config=_record(config), weight=weight, baseline=baseline)


def snap(sigma: ArrayLike, table: ArrayLike, timesteps: ArrayLike | None = None) -> tuple[jax.Array, jax.Array]:
    """For trainers with discrete timesteps: the entries of ``table`` (positive, strictly
    monotone) nearest to ``sigma`` in ln sigma, and their indices (uint32). Observe the
    snapped sigmas.

    With ``timesteps``, one for each entry, the second result holds these instead of the
    indices; they must rise where the levels rise, as ``infonoise.coordinates.snap``
    explains. A table that is not traced is checked before anything runs, and ``ValueError``
    names the entry. A traced one is checked when it is used, without that, and the
    direction of traced timesteps is not.
    """
    known = [x is not None and not isinstance(x, jax.core.Tracer) for x in (table, timesteps)]
    if known[0]:
        levels = np.ravel(np.asarray(jax.device_get(table), np.float32))
        check_table(levels)
        if known[1]:
            checked_steps(jax.device_get(timesteps), levels)
    sigma, table = (jax.lax.stop_gradient(jnp.asarray(x, jnp.float32)) for x in (sigma, table))
    if table.ndim != 1 or table.size == 0:
        raise ValueError(f"table must be a non-empty row of sigmas, got shape {table.shape}")

    def host(sigma, table):
        snapped, index = np.array(sigma, np.float32), np.empty(sigma.shape, np.uint32)
        _native.snap(snapped, index, np.ascontiguousarray(table))
        return snapped, index

    flat = sigma.ravel()
    snapped, index = _call("infonoise_snap", (_like(flat), jax.ShapeDtypeStruct(flat.shape, jnp.uint32)), host, flat, table)
    index = index.reshape(sigma.shape)
    return snapped.reshape(sigma.shape), index if timesteps is None else jnp.asarray(timesteps)[index]


def levels(state: State, n: int) -> jax.Array:
    """The midpoints of n equal shares of the draws in force, float32[n], ascending: evenly
    spread levels for a validation loss. They take nothing from the stream, as draws would."""
    words = _words(state)
    n = checked_count(n)

    def host(words):
        sigma = np.empty(n, np.float32)
        _native.levels(np.ascontiguousarray(words), sigma)
        return sigma

    return _call("infonoise_levels", jax.ShapeDtypeStruct((n,), jnp.float32), host, words)


def log_density(state: State, sigma: jax.Array) -> jax.Array:
    """ln of the density of the draws per unit ln sigma, float32 in the shape of ``sigma``;
    exact, for the sampler in force. -inf off the grid and where nothing is drawn, NaN for NaN.

    With p = exp(log_density), the mean of loss / p over draws is unbiased for the loss's
    integral over ln sigma. A constant for gradients."""
    words = _words(state)
    sigma = jax.lax.stop_gradient(_float32("sigma", sigma))

    def host(words, sigma):
        density = np.empty(sigma.shape)
        _native.log_density(np.ascontiguousarray(words), np.ascontiguousarray(sigma), density)
        return density.astype(np.float32)

    flat = sigma.ravel()
    return _call("infonoise_log_density", _like(flat), host, words, flat).reshape(sigma.shape)


def report(state: State) -> dict:
    """A flat dict for the logger.

    Outside jit: Python numbers, and names for phase, warning, hold_reason and
    pivot_rule. Inside jit or on batched states: arrays, float32, and uint32 for
    codes (``NAMES[field][code]`` is the name) and counts (at most 2^32 - 1).
    """
    words = _words(state, batched=True)
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


def profile(state: State) -> dict[str, np.ndarray]:
    """The curves in force as NumPy arrays, outside jit: ``sigma``, ``count``, ``error``,
    ``rate``, ``gate``, ``target``, ``density`` (K) and ``edges``, ``cdf``, ``entropy`` (K + 1)."""
    return _native.profile(_concrete(state, "profile"), 0)


def estimate(state: State) -> dict[str, np.ndarray]:
    """The curves that a refresh would give now, outside jit; the state does not change."""
    return _native.profile(_concrete(state, "estimate"), 1)


def info_grid(
    state: State, n: int, *, power: float = 1.0, gated: bool = True, coordinate: str = "sigma"
) -> np.ndarray:
    """n noise levels for a sampler, equally spaced in entropic time, from the noisiest down,
    outside jit; append 0. ``coordinate="flow_t"`` gives flow times, t = 1 is noise."""
    return words_grid(_concrete(state, "info_grid"), n, power, gated, coordinate)


def plan_grid(
    state: State,
    n: int | None = None,
    *,
    nfe: int | None = None,
    solver: str = "heun",
    end: float | str = "free",
    estimate: bool = False,
    coordinate: str = "sigma",
) -> Plan:
    """``Scheduler.plan_grid``: noise levels planned for a solver, outside jit; append 0."""
    return plan_of_words(_concrete(state, "plan_grid"), n, nfe, solver, end, estimate, coordinate)


def digest(state: State) -> int:
    """The digest, the same for equal schedules on every platform; outside jit."""
    return _native.digest(_concrete(state, "digest"))


def from_words(words, config: Config | None = None, *, strict: bool = False) -> State:
    """A state from a uint32 array that holds a block (checked completely, and copied), outside jit; from
    one with leading dimensions a batch of states, as under ``vmap``. UserWarning if its configuration is
    not ``config``, with the fields in which it differs; with ``strict`` ValueError."""
    words = np.asarray(words)
    blocks = [own_words(block) for block in words.reshape(-1, words.shape[-1])] if words.ndim > 1 else [own_words(words)]
    for block in blocks:
        _native.validate(block)
    sizes = {(fields["bins"], fields["window"]) for fields in map(_native.config_get, blocks)}
    if len(sizes) != 1:
        found = ", ".join(f"bins = {bins} and window = {window}" for bins, window in sorted(sizes)) or "no block"
        raise ValueError(f"words must be blocks of one configuration, got {found}")
    if config is not None:
        _check_config(config)
        wanted = Scheduler(config).config  # as a block holds it
        others = [found for found in map(config_of, blocks) if found != wanted]
        check_same(wanted, others[0] if others else wanted, strict)
    return State(jnp.array(words), *sizes.pop())  # asarray may share the memory


def _call(name, results, host, *operands, input_output_aliases=None, **attributes):
    """The native call on platforms that have one, a host callback on others."""
    if jax.default_backend() in _NATIVE_PLATFORMS:
        call = jax.ffi.ffi_call(
            name, results, vmap_method="broadcast_all", input_output_aliases=input_output_aliases
        )
        return call(*operands, **attributes)
    _warn_once(jax.default_backend())

    def on_numpy(*operands):
        # An operation on a JAX array here would wait for a device that waits for this callback.
        return host(*map(np.asarray, operands))

    return jax.pure_callback(on_numpy, results, *operands, vmap_method="sequential")


@functools.cache
def _warn_once(platform: str) -> None:
    warnings.warn(
        f"infonoise has no native call on {platform!r} yet: its functions run on the host "
        "through jax.pure_callback, some hundred microseconds a step",
        stacklevel=4,
    )


def _words(state: State, batched: bool = False) -> jax.Array:
    if not isinstance(state, State):
        raise TypeError(
            f"state must be an infonoise.jax.State, got {type(state).__name__}: make one with "
            "init(config, seed), or from_words(words)"
        )
    words = state.words
    if (dtype := getattr(words, "dtype", None)) != jnp.uint32 or words.ndim == 0:
        remedy = CAST if dtype not in (None, jnp.uint32) else "leave it as init, step and a checkpoint give it"
        raise TypeError(f"state.words must be uint32[N], got {_kind(words)}: {remedy}")
    if isinstance(words, jax.Array) and not isinstance(words, jax.core.Tracer) and words.is_deleted():
        raise RuntimeError(
            "state was donated to a jitted function, and its memory is that function's result now: continue with "
            "the state that it returned"
        )
    if words.ndim != 1 and not batched:
        raise ValueError(
            f"state is a batch of shape {words.shape[:-1]}: call this under jax.vmap, which gives it one "
            "state at a time"
        )
    return words


def _kind(array) -> str:
    shape = getattr(array, "shape", None)
    return type(array).__name__ if shape is None else f"{array.dtype}{list(shape)}"


def _concrete(state: State, call: str) -> np.ndarray:
    words = _words(state, batched=True)
    name = f"infonoise.jax.{call} reads one state on the host"
    if isinstance(words, jax.core.Tracer):
        raise TypeError(f"{name}: call it outside jit and vmap; {ONE_OF_A_BATCH}")
    if words.ndim != 1:
        raise ValueError(f"{name}, got a batch of shape {words.shape[:-1]}: {ONE_OF_A_BATCH}")
    return np.asarray(words)


def _like(words) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(words.shape, words.dtype)


def _checked_slice(n, rank, world, offset, total, counts) -> tuple[int, jax.Array, int]:
    """n, the offset as an operand of the call, and the total. The call itself checks a traced offset."""
    for name, value in (("rank", rank), ("offset", offset)):
        if isinstance(value, jax.core.Tracer) and (value.shape != () or not jnp.issubdtype(value.dtype, jnp.integer)):
            raise TypeError(
                f"{name} must be one integer, got {_kind(value)}: under shard_map, jax.lax.axis_index gives the rank"
            )
    if isinstance(rank, jax.core.Tracer):
        if counts is not None:
            raise TypeError("counts needs a static rank: a traced one cannot decide how many sigmas are drawn")
        n, _, total = checked_slice(n, 0, world, offset, total)
        return n, (rank.astype(jnp.uint32) * np.uint32(n)).reshape(1), total
    traced = isinstance(offset, jax.core.Tracer)
    n, known, total = checked_slice(n, rank, world, 0 if traced else offset, total, counts)
    return n, jnp.asarray(offset if traced else known, jnp.uint32).reshape(1), total


def _pairs(sigma, error, mask) -> list[jax.Array]:
    """A batch as flat float32 (and uint8) operands, with gradients stopped."""
    operands = [_numbers("sigma", sigma), _numbers("error", error)]
    for name, operand in zip(("sigma", "error"), operands):
        if not jnp.issubdtype(operand.dtype, jnp.floating):
            raise TypeError(f"{name} must be floating point, got {operand.dtype}")
    # NumPy arrays are converted on the host: without x64 mode JAX would round them first.
    operands[1] = narrowed(operands[1], jnp if isinstance(operands[1], jax.Array) else np)
    operands = [jnp.asarray(x) for x in (*operands, mask) if x is not None]
    if any(operand.shape != operands[0].shape for operand in operands):
        shapes = ", ".join(str(operand.shape) for operand in operands)
        raise ValueError(
            f"sigma, error and mask must have the same shape, got {shapes}: "
            "pass one error for each sigma, reduced over the data's dimensions"
        )
    pairs = [jax.lax.stop_gradient(x).astype(jnp.float32).ravel() for x in operands[:2]]
    return pairs + [(x != 0).astype(jnp.uint8).ravel() for x in operands[2:]]


def _float32(name: str, values) -> jax.Array:
    return jnp.asarray(_numbers(name, values), jnp.float32)


def _numbers(name: str, values):
    """A JAX array from JAX arrays or lists of them, a NumPy array from anything else."""
    leaves = jax.tree.leaves(values)
    return jnp.asarray(values) if any(isinstance(x, jax.Array) for x in leaves) else as_numbers(name, values)


def _update(state: State, name: str, apply, *operands, **attributes) -> State:
    """A call that maps a state to the next one; ``apply`` does the same to words on the host."""
    words = _words(state)

    def host(words, *operands):
        words = own_words(words)
        apply(words, *map(np.ascontiguousarray, operands))
        return words

    words = _call(name, _like(words), host, words, *operands, input_output_aliases={0: 0}, **attributes)
    return State(words, state.bins, state.window)


def _check_config(config: Config) -> None:
    if not isinstance(config, Config):
        raise TypeError(f"config must be an infonoise.Config, got {type(config).__name__}")


def _record(config: Config) -> np.ndarray:
    return np.frombuffer(_native.record(config), np.int64)


def _table_words(table: np.ndarray | None) -> np.ndarray:
    return np.zeros(1, np.int64) if table is None else table.view(np.int64)


def _seed_words(seed) -> jax.Array:
    """A seed as two uint32, low half first."""
    if isinstance(seed, np.ndarray) and seed.shape == ():
        seed = seed[()]  # before JAX cuts it to 32 bits
    if isinstance(seed, (int, np.integer)):
        seed = checked_seed(seed)
        return jnp.array([seed & 0xFFFFFFFF, seed >> 32], jnp.uint32)
    seed = jnp.asarray(seed)
    if seed.shape == () and not isinstance(seed, jax.core.Tracer) and jnp.issubdtype(seed.dtype, jnp.integer):
        return _seed_words(int(seed))
    if seed.shape != () or not jnp.issubdtype(seed.dtype, jnp.integer):
        raise TypeError(f"seed must be one integer, got {seed.dtype}{list(seed.shape)}")
    high = (seed >> 32).astype(jnp.uint32) if seed.dtype.itemsize == 8 else jnp.uint32(0)
    return jnp.stack([seed.astype(jnp.uint32), high])


def _code(field: str, value) -> int:
    return min(value, 2**32 - 1) if isinstance(value, int) else _native.report_code(field, value)
