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
import math
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields

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
from infonoise.arrays import CAST, ONE_OF_A_BATCH, own_words
from infonoise.config import Config
from infonoise.paths.levels import Levels
from infonoise.plan import Plan, plan_of_words
from infonoise.scheduler import Scheduler, check_same, checked_count, checked_levels, config_of, native_reconfiguration
from infonoise.scheduler import info_grid as words_grid
from infonoise.timesteps import check_table, checked_steps
from infonoise.xla import host_calls, mesh_axes, operands

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


jax.tree_util.register_dataclass(Levels, [field.name for field in fields(Levels)], [])


def init(config: Config, seed: int | jax.Array = 0) -> State:
    """A fresh schedule.

    ``seed`` is an integer of 0 .. 2^64 - 1, or a traced integer: of that the bits count,
    32 of them unless JAX's x64 mode is on. Or it is a key of ``jax.random``, typed or raw
    (uint32[2] or [4]), whose words give the seed: threefry's two are its high and its low half,
    so ``jax.random.key(s)`` is the seed s for s below 2^32; the four a, b, c, d of other keys
    give a ^ d and b ^ c ^ d (the two halves of a fresh one are equal).
    """
    _check_config(config)
    length = _native.state_words(config)

    def host(words, seed):
        _native.init(words, config, int(seed[0]) | int(seed[1]) << 32, *config.tables())

    weight, baseline = map(operands.table_words, config.tables())
    words = _call(
        "infonoise_init",
        jax.ShapeDtypeStruct((length,), jnp.uint32),
        host,
        operands.seed_words(seed),
        config=operands.record(config),
        weight=weight,
        baseline=baseline,
    )
    return State(words, config.bins, config.window)


def sample(
    state: State,
    n: int | tuple[int, ...],
    *,
    rank: int | jax.Array | None = None,
    world: int | None = None,
    offset: int | jax.Array | None = None,
    total: int | None = None,
    counts: Sequence[int] | None = None,
    axis_name: Hashable | None = None,
) -> tuple[State, jax.Array]:
    """Draws float32[n] sigmas, or an array of the shape n: a whole batch, or a rank's slice of the global batch.

    Inside ``shard_map``, ``pmap`` and ``vmap``, ``axis_name`` is the axis, or a tuple of axes, along which
    the batch is divided: every device draws its n of it, and the state is one for all of them.

    With ``rank`` and ``world`` every rank draws n. Where ranks differ, pass the list ``counts`` of what
    each draws, with a static ``rank``; or ``offset``, which may be traced, as a rank may, and ``total``: the
    slice's place in the global batch and its size. Every rank calls this once per global
    batch; the slices together are what one process would draw."""
    shape = n if isinstance(n, tuple) else (n,)
    n = math.prod(map(checked_count, shape))
    if axis_name is not None:
        _check_axis_stands_alone(rank, world, offset, total, counts)
        mesh_axes.check_shared(_words(state), axis_name)
        # The whole batch, then this device's slice: so the next state is by type one for all devices.
        state, whole = sample(state, n * mesh_axes.size(axis_name))
        return state, mesh_axes.own_part(whole, axis_name).reshape(shape)
    n, offset, total = operands.batch_slice(n, rank, world, offset, total, counts)
    if differs := mesh_axes.varying(offset) - mesh_axes.varying(_words(state)):
        raise ValueError(
            f"rank or offset differs between the devices along {mesh_axes.quoted(differs)}, and the state does not: "
            "pass axis_name instead"
        )

    def apply(words, sigma, offset):
        _native.sample(words, sigma, int(offset[0]), total)

    state, sigma = _turn(state, "infonoise_sample", apply, offset, draws=n, total=np.uint64(total))
    return state, sigma.reshape(shape)


def observe(
    state: State,
    sigma: jax.Array,
    error: jax.Array,
    mask: jax.Array | None = None,
    *,
    axis_name: Hashable | None = None,
) -> State:
    """Takes the batch's per-sample, unweighted squared errors, in the space of the
    configured objective (mean over dimensions unless ``reduction_dim`` is set).

    Any number of calls may come between two steps. No gradient flows through.
    Samples whose ``mask`` is False are left out. Pairs off the grid and errors
    that are negative or not finite are rejected and counted in the report.
    With ``axis_name`` every device passes its part, and all observe the whole batch.
    """
    pairs = _of_all(state, operands.pairs(sigma, error, mask), axis_name)
    return _turn(state, "infonoise_observe", _native.observe, *pairs)[0]


def step(state: State) -> State:
    """Counts one optimizer step, and refreshes the sampler if that is due."""
    return _turn(state, "infonoise_step", _native.step)[0]


def advance(
    state: State,
    sigma: jax.Array,
    error: jax.Array,
    next_n: int | None = None,
    mask: jax.Array | None = None,
    *,
    axis_name: Hashable | None = None,
) -> tuple[State, jax.Array]:
    """observe, step and sample in one call: returns the sigmas of the next batch.

    With ``axis_name`` as in ``observe`` and ``sample``; ``next_n`` is one device's part."""
    pairs = operands.pairs(sigma, error, mask)
    n = checked_count(pairs[0].size if next_n is None else next_n)
    pairs = _of_all(state, pairs, axis_name)
    ranks = 1 if axis_name is None else mesh_axes.size(axis_name)

    def apply(words, following, sigma, error, *mask):
        _native.advance(words, sigma, error, following, *mask)

    state, following = _turn(state, "infonoise_advance", apply, *pairs, draws=n * ranks)
    return state, following if axis_name is None else mesh_axes.own_part(following, axis_name)


def freeze(state: State) -> State:
    """Stops refreshes; draws and observations continue."""
    return _turn(state, "infonoise_set_frozen", lambda words: _native.set_frozen(words, True), frozen=np.uint32(1))[0]


def unfreeze(state: State) -> State:
    """Resumes refreshes; a due one runs at the next step."""
    return _turn(state, "infonoise_set_frozen", lambda words: _native.set_frozen(words, False), frozen=np.uint32(0))[0]


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
    weight, baseline = map(operands.table_words, arguments[1:])
    return _turn(state, "infonoise_reconfigure", apply, config=operands.record(config), weight=weight, baseline=baseline)[0]


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
    sigma, table = (jax.lax.stop_gradient(operands.on_device(x).astype(jnp.float32)) for x in (sigma, table))
    if table.ndim != 1 or table.size == 0:
        raise ValueError(f"table must be a non-empty row of sigmas, got shape {table.shape}")
    if timesteps is not None and np.shape(timesteps) != table.shape:
        raise ValueError(f"timesteps has the shape {np.shape(timesteps)}, must have {table.shape}: one for each level of the table")

    def host(snapped, index, sigma, table):
        snapped[...] = sigma
        _native.snap(snapped, index, table)

    flat = sigma.ravel()
    snapped, index = _call("infonoise_snap", (_like(flat), jax.ShapeDtypeStruct(flat.shape, jnp.uint32)), host, flat, table)
    if timesteps is not None:
        index = jnp.take(operands.on_device(timesteps), index, mode="clip")
    return snapped.reshape(sigma.shape), index.reshape(sigma.shape)


def levels(state: State, n: int) -> jax.Array:
    """The midpoints of n equal shares of the draws in force, float32[n], ascending: evenly
    spread levels for a validation loss. They take nothing from the stream, as draws would."""
    words = _words(state)
    n = checked_levels(n)

    def host(sigma, words):
        _native.levels(words, sigma)

    return _call("infonoise_levels", jax.ShapeDtypeStruct((n,), jnp.float32), host, words)


def log_density(state: State, sigma: jax.Array) -> jax.Array:
    """ln of the density of the draws per unit ln sigma, float32 in the shape of ``sigma``;
    exact, for the sampler in force. -inf off the grid and where nothing is drawn, NaN for NaN.

    With p = exp(log_density), the mean of loss / p over draws is unbiased for the loss's
    integral over ln sigma. A constant for gradients."""
    words = _words(state)
    sigma = jax.lax.stop_gradient(operands.float32_array("sigma", sigma))

    def host(found, words, sigma):
        density = np.empty(sigma.shape)
        _native.log_density(words, sigma, density)
        found[...] = density

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

    def host(counts, reals, words):
        values = _native.report(words)
        counts[...] = [_code(name, values[name]) for name in _COUNTS]
        reals[...] = [values[name] for name in _REALS]

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
    names = [*_COUNTS, *_REALS]
    return dict(zip(names, [*jnp.unstack(counts, axis=-1), *jnp.unstack(reals, axis=-1)]))


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
    if isinstance(words, State | Scheduler):
        raise TypeError(f"words must be uint32[N], got {type(words).__name__}: pass its .{'words' if isinstance(words, State) else 'state'}")
    words = np.asarray(words)
    blocks = [own_words(block) for block in words.reshape(-1, words.shape[-1])] if words.ndim > 1 else [own_words(words)]
    for block in blocks:
        _native.validate(block)
    sizes = {(fields["bins"], fields["window"]) for fields in map(_native.config_get, blocks)}
    if len(sizes) != 1:
        found = ", ".join(f"bins = {bins} and window = {window}" for bins, window in sorted(sizes)) or "no block"
        raise ValueError(f"words must be blocks of one configuration, got {found}")
    if config is None and strict:
        raise TypeError("strict compares the words' configuration with yours: pass config too")
    if config is not None:
        _check_config(config)
        wanted = Scheduler(config).config  # as a block holds it
        others = [found for found in map(config_of, blocks) if found != wanted]
        check_same(wanted, others[0] if others else wanted, strict)
    return State(operands.on_device(words), *sizes.pop())


def _call(name, results, host, *arrays, input_output_aliases=None, **attributes):
    """The native call on platforms that have one, a host callback on others."""
    axes = frozenset().union(*map(mesh_axes.varying, arrays))
    arrays = [mesh_axes.as_varying(x, axes) for x in arrays]
    if _is_native():
        call = jax.ffi.ffi_call(name, results, vmap_method="broadcast_all", input_output_aliases=input_output_aliases)
        values = call(*arrays, **attributes)
    else:
        values = host_calls.call(host, results, arrays)
    return jax.tree.map(lambda x: mesh_axes.as_varying(x, axes), values)


def _is_native() -> bool:
    platform = jax.default_backend()
    if platform not in _NATIVE_PLATFORMS:
        _warn_once(platform)
    return platform in _NATIVE_PLATFORMS


@functools.cache
def _warn_once(platform: str) -> None:
    warnings.warn(
        f"infonoise has no native call on {platform!r} yet: its functions run on the host "
        "through jax.pure_callback, some hundred microseconds a step",
        stacklevel=5,  # the user's call of a public function
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
        raise TypeError(f"state.words must be uint32[N], got {operands.kind_of(words)}: {remedy}")
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


def _check_axis_stands_alone(rank, world, *others) -> None:
    if any(x is not None for x in (rank, world, *others)):
        raise TypeError("axis_name says which slice this device draws: pass it without rank, world, offset, total and counts")


def _of_all(state: State, pairs: list[jax.Array], axis_name) -> list[jax.Array]:
    """The pairs that the state observes: those of all devices along ``axis_name``."""
    words = _words(state)
    if axis_name is not None:
        mesh_axes.check_shared(words, axis_name)
        pairs = mesh_axes.gather(pairs, axis_name)
    if differs := frozenset().union(*map(mesh_axes.varying, pairs)) - mesh_axes.varying(words):
        raise ValueError(
            f"sigma, error or mask differ between the devices along {mesh_axes.quoted(differs)}, and the state does "
            "not: name these axes in axis_name too, and all devices observe the whole batch"
        )
    return pairs


def _turn(state: State, name: str, apply, *arrays, draws: int | None = None, **attributes):
    """A call that maps a state to the next one, and draws so many sigmas: (state, sigmas or None).
    ``apply`` does the same on the host, to words, the row for the sigmas (if there is one) and the arrays.

    Without a native call, neighbouring calls inside jit are one call on the host: the last one repeats those
    since the last draw, and XLA drops theirs, since nobody uses the states between."""
    words = _words(state)
    like = (_like(words),) + (() if draws is None else (jax.ShapeDtypeStruct((draws,), jnp.float32),))
    start, chain = (words, ()) if _is_native() else state.__dict__.get("_chain", (words, ()))

    def host(following, *rest):
        drawn, words, left = rest[: len(like) - 1], rest[len(like) - 1], iter(rest[len(like) :])
        following[...] = words
        for earlier, its_arrays in chain:
            earlier(following, *(next(left) for _ in its_arrays))
        apply(following, *drawn, *left)

    every = [x for _, its_arrays in chain for x in its_arrays] + [*arrays]
    following, *drawn = _call(name, like, host, start, *every, input_output_aliases={0: 0}, **attributes)
    state = State(following, state.bins, state.window)
    if draws is None and not _is_native() and isinstance(following, jax.core.Tracer):
        state.__dict__["_chain"] = start, (*chain, (apply, arrays))
    return state, *(drawn or [None])


def _check_config(config: Config) -> None:
    if not isinstance(config, Config):
        raise TypeError(f"config must be an infonoise.Config, got {type(config).__name__}")


def _code(field: str, value) -> int:
    return min(value, 2**32 - 1) if isinstance(value, int) else _native.report_code(field, value)
