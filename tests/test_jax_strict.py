"""Every function of infonoise.jax under JAX's strict modes, inside and outside jit."""

import contextlib
from functools import partial

import infonoise
import infonoise.jax as inj
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType

CONFIG = infonoise.Config.discrete(bins=16, warmup_steps=1, refresh_every=1, refresh_growth=0, min_count=1)
OTHER = infonoise.Config.discrete(bins=16, refresh_every=7, min_count=1)
SIGMA = np.linspace(0.1, 2, 8).astype(np.float32)
ERROR = SIGMA**2 / (1 + SIGMA**2)
TABLE = np.array([0.1, 1, 10], np.float32)


def ready() -> inj.State:
    """A state that adapts, so that every curve of it exists."""
    scheduler = infonoise.Scheduler(CONFIG, 5)
    for _ in range(30):
        sigma = scheduler.sample(64)
        scheduler.observe(sigma, sigma**2 / (1 + sigma**2))
        scheduler.step()
    return inj.from_words(scheduler.state)


STATE = ready()
BATCH = jax.tree.map(lambda words: jnp.stack([words, words]), STATE)

over_ranks = partial(jax.vmap, axis_name="x", axis_size=2)

#: A call on a state and arrays on the device, and the arrays.
CALLS = {
    "init": (lambda s, seed: inj.init(CONFIG, seed), jnp.int32(4)),
    "init_key": (lambda s, key: inj.init(CONFIG, key), jax.random.key(3)),
    "init_rbg": (lambda s, key: inj.init(CONFIG, key), jax.random.key(3, impl="rbg")),
    "init_raw": (lambda s, key: inj.init(CONFIG, key), jax.random.PRNGKey(3)),
    "init_integer": (lambda s: inj.init(CONFIG, 2**40),),
    "sample": (lambda s: inj.sample(s, 8),),
    "sample_shape": (lambda s: inj.sample(s, (4, 1, 2)),),
    "sample_rank": (lambda s: inj.sample(s, 8, rank=1, world=3),),
    "sample_rank_array": (lambda s, rank: inj.sample(s, 8, rank=rank, world=3), jnp.int32(1)),
    "sample_offset_array": (lambda s, offset: inj.sample(s, 8, offset=offset, total=30), jnp.uint32(7)),
    "sample_counts": (lambda s: inj.sample(s, 8, rank=1, counts=[3, 8]),),
    "sample_axis": (lambda s: over_ranks(lambda _: inj.sample(s, 4, axis_name="x")[1])(None),),
    "sample_axis_index": (lambda s: over_ranks(lambda _: inj.sample(s, 4, rank=jax.lax.axis_index("x"), world=2)[1])(None),),
    "observe_axis": (
        lambda s, error: over_ranks(lambda e: inj.observe(s, e, e, axis_name="x"), out_axes=None)(error),
        jnp.array(ERROR).reshape(2, 4),
    ),
    "observe": (inj.observe, jnp.array(SIGMA), jnp.array(ERROR)),
    "observe_mask": (inj.observe, jnp.array(SIGMA), jnp.array(ERROR), jnp.array(ERROR > 0.3)),
    "observe_mask_of_integers": (inj.observe, jnp.array(SIGMA), jnp.array(ERROR), jnp.arange(8)),
    "observe_mask_of_floats": (inj.observe, jnp.array(SIGMA), jnp.array(ERROR), jnp.array(ERROR)),
    "observe_bfloat16": (inj.observe, jnp.array(SIGMA), jnp.array(ERROR, jnp.bfloat16)),
    "observe_numpy": (lambda s: inj.observe(s, SIGMA, ERROR.astype(np.float64), ERROR > 0.3),),
    "observe_list": (lambda s: inj.observe(s, SIGMA.tolist(), ERROR.tolist()),),
    "step": (inj.step,),
    "advance": (partial(inj.advance, next_n=5), jnp.array(SIGMA), jnp.array(ERROR)),
    "freeze": (inj.freeze,),
    "unfreeze": (inj.unfreeze,),
    "reconfigure": (partial(inj.reconfigure, config=OTHER),),
    "snap": (lambda s, sigma, table: inj.snap(sigma, table), jnp.array(SIGMA), jnp.array(TABLE)),
    "snap_timesteps": (lambda s, sigma: inj.snap(sigma, TABLE, [3, 50, 999]), jnp.array(SIGMA)),
    "snap_numpy": (lambda s: inj.snap(SIGMA, TABLE),),
    "levels": (lambda s: inj.levels(s, 8),),
    "log_density": (inj.log_density, jnp.array(SIGMA)),
    "log_density_numpy": (lambda s: inj.log_density(s, SIGMA),),
    "report": (inj.report,),
    "report_batch": (lambda s, batch: inj.report(batch), BATCH),
    "vmap": (lambda s, batch: jax.vmap(lambda s: inj.sample(s, 4))(batch), BATCH),
}
#: Calls that read the state on the host.
ON_HOST = {
    "profile": inj.profile,
    "estimate": inj.estimate,
    "info_grid": partial(inj.info_grid, n=5),
    "digest": inj.digest,
    "from_words": lambda s: inj.from_words(np.asarray(s.words)),
    "from_words_of_a_batch": lambda s: inj.from_words(np.asarray(BATCH.words)),
}


@contextlib.contextmanager
def option(name, value):
    before = getattr(jax.config, name)
    jax.config.update(name, value)
    try:
        yield
    finally:
        jax.config.update(name, before)


def explicit():
    mesh = jax.make_mesh((1,), ("x",), axis_types=(AxisType.Explicit,))
    return (jax.set_mesh if hasattr(jax, "set_mesh") else jax.sharding.use_mesh)(mesh)


MODES = {
    "promotion": partial(option, "jax_numpy_dtype_promotion", "strict"),
    "ranks": partial(option, "jax_numpy_rank_promotion", "raise"),
    "transfers": partial(option, "jax_transfer_guard", "disallow"),
    "keys": partial(option, "jax_debug_key_reuse", True),
    "leaks": partial(option, "jax_check_tracer_leaks", True),
    "checks": partial(option, "jax_enable_checks", True),
    "nans": partial(option, "jax_debug_nans", True),
    "explicit_mesh": explicit,
}


def bits(result) -> list:
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(result)]


@pytest.fixture(scope="module")
def expected() -> dict:
    return {name: bits(call(STATE, *arrays)) for name, (call, *arrays) in CALLS.items()}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("mode", MODES)
def test_inside_and_outside_jit(mode, call, expected):
    function, *arrays = CALLS[call]
    with MODES[mode]():
        outside = jax.block_until_ready(function(STATE, *arrays))
        inside = jax.block_until_ready(jax.jit(function)(STATE, *arrays))
    assert bits(outside) == expected[call]
    if call != "report":  # Python numbers outside, arrays inside
        assert bits(inside) == expected[call]


@pytest.mark.parametrize("mode", MODES)
def test_on_the_host(mode):
    for name, call in ON_HOST.items():
        with MODES[mode]():
            assert jax.tree.leaves(call(STATE)), name


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.filterwarnings("ignore:infonoise has no native call")
def test_without_a_native_call(call, expected, monkeypatch):
    monkeypatch.setattr(inj, "_NATIVE_PLATFORMS", ())
    function, *arrays = CALLS[call]
    with MODES["promotion"](), MODES["transfers"]():
        outside = jax.block_until_ready(function(STATE, *arrays))
        # Another function, so that JAX does not take the program with native calls.
        inside = jax.block_until_ready(jax.jit(lambda *x: function(*x))(STATE, *arrays))
    assert call == "report" or bits(outside) == bits(inside) == expected[call]


def test_the_modes_are_in_force():
    """Each refuses something, or the tests above would show nothing."""
    with MODES["promotion"](), pytest.raises(Exception, match="promotion"):
        jnp.arange(3) != jnp.ones(3)
    with MODES["transfers"](), pytest.raises(Exception, match="Disallowed host-to-device transfer"):
        jnp.ones(3) + np.ones(3)
    with MODES["transfers"](), pytest.raises(Exception, match="Disallowed host-to-device transfer"):
        inj.step(inj.State(np.asarray(STATE.words), STATE.bins, STATE.window))
    with MODES["leaks"](), pytest.raises(Exception, match="[Ll]eaked"):
        kept = []
        jax.jit(lambda x: kept.append(x) or x)(1.0)
