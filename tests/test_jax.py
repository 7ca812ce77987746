"""infonoise.jax: the same bits as C, no copies, and errors that say what is wrong."""

import dataclasses
import subprocess
from functools import partial

import infonoise
import infonoise.jax as inj
import jax
import jax.experimental
import jax.numpy as jnp
import numpy as np
import pytest

enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64

STEPS, BATCH = 120, 64
CONFIG = infonoise.Config.discrete(warmup_steps=40, refresh_every=7, refresh_growth=0, min_count=20)


@pytest.fixture(scope="module")
def errors():
    """Arbitrary errors, subnormals and rejected ones included, for C and for JAX."""
    rng = np.random.default_rng(0)
    errors = np.exp(rng.normal(-3, 3, (STEPS, BATCH))).astype(np.float32)
    errors[rng.random(errors.shape) < 0.02] = 1e-40
    errors[rng.random(errors.shape) < 0.01] = np.nan
    errors[rng.random(errors.shape) < 0.01] = -1
    return errors


@pytest.fixture(scope="module")
def from_c(compile_c, errors):
    def run(flush: int):
        program = compile_c("replay.c", "-O2")
        done = subprocess.run([program, str(STEPS), str(BATCH), str(flush)], input=errors.tobytes(), capture_output=True)
        assert done.returncode == 0, done.stderr
        records = np.frombuffer(done.stdout, np.dtype([("sigma", np.float32, BATCH), ("digest", np.uint64)]))
        return records["sigma"], records["digest"]

    return run


def train(state, errors):
    def body(state, error):
        state, sigma = inj.sample(state, error.shape[0])
        state = inj.observe(state, sigma, error)
        state = inj.step(state)
        return state, (sigma, state.words)

    return jax.lax.scan(body, state, errors)


def test_bits_equal_c_whatever_the_float_mode(from_c, errors):
    state, (sigmas, words) = jax.jit(train)(inj.init(CONFIG, 7), errors)
    report = inj.report(state)
    assert report["refreshes"] > 5 and report["rejected"] > 50
    digests = [inj.digest(inj.State(w, state.bins, state.window)) for w in words]
    for flush in (0, 1):
        c_sigmas, c_digests = from_c(flush)
        assert np.asarray(sigmas).tobytes() == c_sigmas.tobytes()
        assert digests == c_digests.tolist()


def test_eager_jit_and_scan_agree(errors):
    whole, _ = jax.jit(train)(inj.init(CONFIG, 7), errors)
    step = jax.jit(lambda state, error: train(state, error[None])[0], donate_argnums=0)
    state = inj.init(CONFIG, 7)
    for error in errors[:100]:
        state = step(state, error)
    for error in errors[100:]:
        state, sigma = inj.sample(state, BATCH)
        state = inj.step(inj.observe(state, sigma, error))
    assert inj.digest(state) == inj.digest(whole)


def test_no_copy_of_a_carried_state(errors):
    """The compiled step updates the state in place."""

    def body(state, error):
        state, sigma = inj.sample(state, BATCH)
        return inj.step(inj.observe(state, sigma, error)), sigma.sum()

    scan = jax.jit(lambda state, errors: jax.lax.scan(body, state, errors), donate_argnums=0)
    text = scan.lower(inj.init(CONFIG, 7), errors).compile().as_text()
    words = inj.init(CONFIG, 7).words.shape[0]
    copies = [line for line in text.splitlines() if " copy(" in line and f"u32[{words}]" in line]
    assert not copies, copies
    state = inj.init(CONFIG, 7)
    before = state.words.unsafe_buffer_pointer()
    after, _ = scan(state, errors)
    assert after.words.unsafe_buffer_pointer() == before and state.words.is_deleted()


def test_vmap_is_a_loop(errors):
    seeds = jnp.arange(4)
    batch = jax.vmap(partial(inj.init, CONFIG))(seeds)
    batch, (sigmas, _) = jax.jit(jax.vmap(train, in_axes=(0, None)))(batch, errors)
    for i in range(4):
        state, (sigma, _) = jax.jit(train)(inj.init(CONFIG, i), errors)
        assert (sigmas[i] == sigma).all() and (batch.words[i] == state.words).all()
    assert inj.report(batch)["steps"].tolist() == [STEPS] * 4


def test_shards_concatenate_to_the_global_batch():
    _, whole = inj.sample(inj.init(CONFIG, 3), 12)
    parts = [inj.sample(inj.init(CONFIG, 3), 3, rank=rank, world=4) for rank in range(4)]
    assert (jnp.concatenate([sigma for _, sigma in parts]) == whole).all()
    assert len({inj.digest(state) for state, _ in parts}) == 1


def test_integers_of_any_kind_say_which_shard():
    state = inj.init(CONFIG, 3)
    _, expected = inj.sample(state, 3, rank=1, world=4)
    for integer in (np.int64, np.uint8, jnp.int32, np.array):
        _, sigma = inj.sample(state, integer(3), rank=integer(1), world=integer(4))
        assert (sigma == expected).all()
        assert (infonoise.Scheduler(CONFIG, 3).sample(integer(3), rank=integer(1), world=integer(4)) == expected).all()


def test_a_traced_rank_draws_its_shard():
    """As under shard_map, where the rank is jax.lax.axis_index."""
    _, whole = inj.sample(inj.init(CONFIG, 3), 12)

    def shard(rank):
        state, sigma = inj.sample(inj.init(CONFIG, 3), 3, rank=rank, world=4)
        return state.words, sigma

    words, parts = jax.jit(jax.vmap(shard))(jnp.arange(4))
    assert (parts.reshape(-1) == whole).all() and (words == words[0]).all()
    with pytest.raises(Exception, match="offset = 21 and n = 3 must lie within total = 12"):
        jax.block_until_ready(jax.jit(shard)(7))


def test_batched_states_ask_for_vmap():
    batch = jax.vmap(partial(inj.init, CONFIG))(jnp.arange(2))
    for call in (inj.step, lambda s: inj.sample(s, 3), lambda s: inj.observe(s, jnp.ones(2), jnp.ones(2))):
        with pytest.raises(ValueError, match="jax.vmap"):
            call(batch)


@pytest.mark.parametrize("call", [inj.digest, inj.profile, inj.estimate, lambda s: inj.info_grid(s, 4)])
def test_what_reads_on_the_host_asks_for_one_of_a_batch(call):
    batch = jax.vmap(partial(inj.init, CONFIG))(jnp.arange(3))
    remedy = r"take one of a batch by jax.tree.map\(lambda words: words\[i\], batch\)"
    with pytest.raises(ValueError, match=rf"reads one state on the host, got a batch of shape \(3,\): {remedy}"):
        call(batch)
    for inside in (jax.vmap(call), jax.jit(call)):
        with pytest.raises(TypeError, match=f"call it outside jit and vmap; {remedy}"):
            inside(batch)
    assert inj.digest(jax.tree.map(lambda words: words[1], batch)) == inj.digest(inj.init(CONFIG, 1))


def test_states_are_compared_by_identity_and_hashed():
    state = inj.init(CONFIG)
    assert state == state and state != inj.init(CONFIG) and {state: 1}[state] == 1


def test_gradients_do_not_flow_through_the_schedule():
    def loss(scale, state):
        state, sigma = inj.sample(state, 8)
        error = (scale * sigma) ** 2
        state = inj.observe(state, sigma, error)
        return error.mean(), state

    (_, state), slope = jax.jit(jax.value_and_grad(loss, has_aux=True))(0.1, inj.init(CONFIG, 0))
    _, sigma = inj.sample(inj.init(CONFIG, 0), 8)
    assert np.isclose(slope, 0.2 * (sigma**2).mean()) and inj.report(state)["observations"] == 8


def test_seeds_may_be_traced():
    for seed in (0, 5, 2**31 - 1):
        traced = jax.jit(partial(inj.init, CONFIG))(seed)
        assert inj.digest(traced) == inj.digest(inj.init(CONFIG, seed))
    wide = inj.digest(inj.init(CONFIG, 2**40 + 1))
    assert wide != inj.digest(inj.init(CONFIG, 1)) and wide == inj.digest(inj.init(CONFIG, np.array(2**40 + 1)))


def test_a_key_is_a_seed():
    """All of a key's words count, and jit changes nothing."""
    digests = {}
    for name, key in {
        "threefry": jax.random.key(7),
        "raw": jax.random.PRNGKey(7),
        "numpy": np.array([0, 7], np.uint32),
        "high": jax.random.wrap_key_data(np.array([1, 7], np.uint32)),
        **{f"rbg {seed}": jax.random.key(seed, impl="rbg") for seed in (7, 8)},
        **{f"rbg word {i}": jax.random.wrap_key_data(np.eye(4, dtype=np.uint32)[i], impl="rbg") for i in range(4)},
    }.items():
        digests[name] = inj.digest(inj.init(CONFIG, key))
        assert inj.digest(jax.jit(partial(inj.init, CONFIG))(key)) == digests[name], name
    plain = inj.digest(inj.init(CONFIG, 7))
    assert digests.pop("threefry") == digests.pop("raw") == digests.pop("numpy") == plain
    assert digests["high"] == inj.digest(inj.init(CONFIG, (1 << 32) + 7))
    assert plain not in digests.values()
    rbg = {digest for name, digest in digests.items() if name in ("rbg 7", "rbg 8") or "word" in name}
    # Of one bit each: a is in the high half, b and c in the low one, d in both.
    assert len(rbg) == 5
    keys = jax.random.split(jax.random.key(0), 3)
    batch = jax.vmap(partial(inj.init, CONFIG))(keys)
    assert [inj.digest(inj.State(words, 64, 256)) for words in batch.words] == [inj.digest(inj.init(CONFIG, key)) for key in keys]


def test_draws_have_the_shape_that_is_asked_for():
    _, flat = inj.sample(inj.init(CONFIG, 3), 12)
    for shape in [(12,), (12, 1, 1, 1), (3, 4), (np.int64(2), 6)]:
        state, sigma = inj.sample(inj.init(CONFIG, 3), shape)
        assert sigma.shape == shape and (sigma.ravel() == flat).all()
    assert inj.sample(state, ())[1].shape == () and inj.sample(state, (0, 3))[1].shape == (0, 3)
    # Observed with one error each, of whatever shape of as many.
    state, sigma = inj.sample(inj.init(CONFIG, 3), (12, 1, 1, 1))
    error = jnp.linspace(0.1, 1, 12)
    observed = [inj.observe(state, sigma, error.reshape(s)) for s in [(12,), (12, 1, 1, 1), (1, 12)]]
    assert len({inj.digest(x) for x in observed}) == 1 and inj.report(observed[0])["observations"] == 12
    for bad in [(3, -1), (3, 2.5), (True,)]:
        with pytest.raises(TypeError, match="n must be a static, non-negative integer"):
            inj.sample(state, bad)
    with pytest.raises(ValueError, match="same shape"):
        inj.observe(state, *inj.sample(state, (3, 4))[1:], error)


@pytest.mark.parametrize("offset", [0, 16])
def test_what_the_caller_keeps_is_copied(offset):
    """device_put would use NumPy's memory where it begins at a multiple of 64 bytes."""

    def kept(array):
        raw = np.empty(array.nbytes + 128, np.uint8)
        start = -raw.ctypes.data % 64 + offset
        view = raw[start : start + array.nbytes].view(array.dtype)
        view[:] = array
        return view

    scheduler = infonoise.Scheduler(CONFIG, 3)
    words = kept(scheduler.state)
    state = inj.from_words(words)
    error = kept(np.full(20000, 0.5, np.float32))
    operands = inj.operands.pairs(np.ones(error.size), error, error)  # XLA may read them after the call returns
    words[:], error[:] = 0, -1
    assert inj.digest(state) == scheduler.digest()
    assert (operands[1] == 0.5).all() and operands[2].all()


def test_masks_and_dtypes():
    state = inj.init(CONFIG, 0)
    sigma, error = jnp.full(4, 1.0), jnp.full(4, 0.5, jnp.bfloat16)
    masked = inj.observe(state, sigma, error, jnp.array([True, False, True, False]))
    assert inj.report(masked)["observations"] == 2
    assert inj.report(inj.observe(state, sigma, error))["observations"] == 4


def test_the_datas_deviation_of_device_arrays():
    """Of JAX's arrays of any type, as of the same NumPy arrays; never under a trace."""
    data = np.random.default_rng(0).standard_normal((3000, 4, 100)).astype(np.float32) + 50  # in two pieces
    assert infonoise.data_deviation(jnp.asarray(data)) == infonoise.data_deviation(data) == pytest.approx(1, abs=0.01)
    for dtype in (jnp.bfloat16, jnp.float16, jnp.uint8):
        narrow = jnp.asarray(data, dtype)
        assert infonoise.data_deviation(narrow) == infonoise.data_deviation(np.asarray(narrow).astype(np.float64))
    with pytest.raises(jax.errors.TracerArrayConversionError):
        jax.jit(infonoise.data_deviation)(data)


def test_errors_of_float64_are_the_same_however_they_come():
    """NumPy's, lists and JAX's own, with x64 mode and without: one answer and one digest."""
    error = np.array([1e-45, -1e-45, -0.0, 1e-39, -1e-300, -1e-60])
    # Epsilon errors at a large sigma: an error too small for float32 would not be too small in x0 space.
    config = infonoise.Config.epsilon()
    expected = infonoise.Scheduler(config)
    assert expected.observe(np.full(6, 14.0), error) == 3

    def observed(error):
        return inj.digest(inj.observe(inj.init(config, 0), np.full(6, 14.0), error))

    with enable_x64(True):
        assert jnp.asarray(error).dtype == jnp.float64
        found = [observed(jnp.asarray(error)), observed(error)]
    found += [observed(error), observed(error.tolist())]
    assert found == [expected.digest()] * len(found)


def test_report_is_the_same_inside_and_outside(errors):
    state, _ = jax.jit(train)(inj.init(CONFIG, 7), errors)
    outside, inside = inj.report(state), jax.jit(inj.report)(state)
    assert outside.keys() == inside.keys()
    assert outside["phase"] == "adapting" == inj.NAMES["phase"][int(inside["phase"])]
    for name in ("steps", "refreshes", "observations"):
        assert outside[name] == inside[name]
    for name in ("pivot", "q05", "q50", "q95", "information_nats"):
        assert np.float32(outside[name]) == inside[name]


def test_profile_and_info_grid(errors):
    state, _ = jax.jit(train)(inj.init(CONFIG, 7), errors)
    profile = inj.profile(state)
    assert profile["sigma"].shape == (64,) and profile["cdf"].shape == (65,)
    assert np.isclose(profile["density"].sum(), 1) and np.isclose(profile["target"].sum(), 1)
    assert np.isclose(profile["entropy"][-1], inj.report(state)["information_nats"])
    grid = inj.info_grid(state, 18)
    assert grid[0] == 80 and grid[-1] == np.float32(0.002) and (np.diff(grid) < 0).all()


def test_words_round_trip():
    state, _ = inj.sample(inj.init(CONFIG, 7), 5)
    again = inj.from_words(np.asarray(state.words))
    assert inj.digest(again) == inj.digest(state) and (again.bins, again.window) == (64, 256)
    batch = jax.vmap(jax.vmap(partial(inj.init, CONFIG)))(jnp.arange(6).reshape(2, 3))
    again = inj.from_words(np.asarray(batch.words))
    assert (again.words == batch.words).all() and (again.bins, again.window) == (64, 256)
    one, other = (inj.init(infonoise.Config(bins=b, window=w, min_count=1)).words for b, w in [(16, 32), (32, 16)])
    size = max(one.size, other.size)
    mixed = np.stack([np.resize(np.append(x, np.zeros(size, np.uint32)), size) for x in (one, other)])
    for bad, message in [
        (np.array(batch.words) * 0, "does not hold a scheduler"),
        (mixed, "blocks of one configuration, got bins = 16 and window = 32, bins = 32 and window = 16"),
        (np.empty((0, size), np.uint32), "got no block"),
    ]:
        with pytest.raises(ValueError, match=message):
            inj.from_words(bad)


def test_a_custom_baseline_and_weight():
    masses = np.zeros(64)
    masses[30:34] = 1
    config = infonoise.Config(baseline="table", baseline_table=masses)
    _, sigma = inj.sample(inj.init(config, 0), 1000)
    edges = inj.profile(inj.init(config, 0))["edges"]
    inside = (sigma >= edges[30]) & (sigma < edges[34])
    assert 0.95 < inside.mean() < 1
    weighted = dataclasses.replace(CONFIG, weight=np.linspace(1, 2, 64))
    assert inj.digest(inj.init(CONFIG, 0)) != inj.digest(inj.init(weighted, 0)) and hash(weighted) != hash(CONFIG)


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda s: infonoise.Config(min_count=300), ValueError, "min_count = 300 must be at most window = 256"),
        (lambda s: infonoise.Config(sigma_max=0.001), ValueError, "sigma_max = 0.001 must be above sigma_min = 0.002"),
        (lambda s: infonoise.Config(baseline="lognormal", coverage=0), ValueError, "coverage = 0 must be above 0"),
        (lambda s: infonoise.Config(pivot="fot"), ValueError, "pivot = fot must be one of auto, paper, onset"),
        (lambda s: infonoise.Config(bins=64.5), ValueError, "bins = 64.5 must be an integer"),
        (lambda s: inj.init(CONFIG, -1), ValueError, "seed = -1"),
        (lambda s: infonoise.Config(weight=[1.0]), ValueError, "weight has 1 numbers, must have bins = 64"),
        (lambda s: infonoise.Config(weight=[0.0] * 64), ValueError, r"weight\[0\] = 0 must be above 0: it is the factor"),
        (lambda s: infonoise.Config(baseline="table"), ValueError, "baseline"),
        (lambda s: inj.reconfigure(s, infonoise.Config()), ValueError, "endpoint = continuous must be left at discrete"),
        (lambda s: inj.init("edm"), TypeError, "must be an infonoise.Config, got str"),
        (lambda s: inj.sample(s.words, 3), TypeError, "must be an infonoise.jax.State"),
        (lambda s: inj.sample(s, 2.5), TypeError, "n must be a static"),
        (lambda s: inj.sample(s, 2, rank=2, world=2), ValueError, "rank = 2 of world = 2"),
        (lambda s: inj.sample(s, 2, rank=0, world=4.0), TypeError, "world must be a static integer, the number of ranks, got 4.0"),
        (lambda s: inj.observe(s, jnp.ones(3), np.ma.masked_less([1.0, 2, 3], 2)), TypeError, "error has masked entries"),
        (lambda s: inj.observe(s, jnp.ones(3), jnp.ones(4)), ValueError, "same shape"),
        (lambda s: inj.observe(s, jnp.ones(3), jnp.ones(3, int)), TypeError, "error must be floating point"),
        (lambda s: inj.from_words(np.zeros(199, np.uint32)), ValueError, "does not hold a scheduler"),
        (lambda s: inj.from_words(np.zeros(99)), TypeError, "uint32"),
        (lambda s: inj.from_words(np.asarray(s.words)[:-16]), ValueError, "memory is smaller than needed"),
        (lambda s: jax.jit(inj.digest)(s), TypeError, "outside jit"),
        (lambda s: inj.info_grid(s, 8), ValueError, "not ready"),
    ],
)
def test_misuse_names_the_value_and_changes_nothing(call, error, words):
    state = inj.init(CONFIG, 0)
    before = inj.digest(state)
    with pytest.raises(error, match=words.replace("(", r"\(")):
        call(state)
    assert inj.digest(state) == before


def test_a_state_of_the_wrong_size_is_refused_by_the_call():
    state = inj.init(CONFIG, 0)
    short = inj.State(state.words[:-16], state.bins, state.window)
    with pytest.raises(Exception, match="memory is smaller than needed"):
        jax.block_until_ready(inj.sample(short, 3))


def test_host_callback_gives_the_same_bits(monkeypatch, errors):
    native, _ = jax.jit(train)(inj.init(CONFIG, 7), errors[:50])
    monkeypatch.setattr(jax, "default_backend", lambda: "rocket")
    with pytest.warns(UserWarning, match="no native call on 'rocket'"):
        hosted, _ = jax.jit(lambda s, e: train(s, e))(inj.init(CONFIG, 7), errors[:50])
    assert inj.digest(hosted) == inj.digest(native)


def test_advance_is_observe_step_sample(errors):
    def fused(state, errors):
        state, sigma = inj.sample(state, BATCH)

        def body(carry, error):
            state, following = inj.advance(*carry, error)
            return (state, following), carry[1]

        return jax.lax.scan(body, (state, sigma), errors)

    _, (sigmas, _) = jax.jit(train)(inj.init(CONFIG, 7), errors)
    _, fused_sigmas = jax.jit(fused)(inj.init(CONFIG, 7), errors)
    assert (sigmas == fused_sigmas).all()


def test_freeze_and_reconfigure(errors):
    state = jax.jit(inj.freeze)(inj.init(CONFIG, 7))
    state, _ = jax.jit(train)(state, errors)
    assert inj.report(state)["phase"] == "frozen" and inj.report(state)["refreshes"] == 0
    state = inj.step(inj.unfreeze(state))
    assert inj.report(state)["refreshes"] == 1
    state = inj.reconfigure(state, dataclasses.replace(CONFIG, refresh_every=1, pivot="fixed", pivot_value=0.25))
    assert inj.report(inj.step(state))["pivot"] == pytest.approx(0.25)


def test_reconfigure_names_what_is_fixed_inside_jit_too():
    table = np.linspace(1, 2, 64)
    config = infonoise.Config(baseline="table", baseline_table=table)
    state = inj.init(config)
    batch = jax.tree.map(lambda words: jnp.stack([words, words]), state)
    for changes, message in [
        ({"draw": "stratified"}, "draw = stratified must be left at independent: it is fixed at init"),
        ({"baseline_table": table[::-1]}, r"baseline_table\[0\] = 2 must be left at 1: it is fixed at init"),
        ({"bins": 32, "baseline_table": table[:32]}, "bins = 32 must be left at 64"),
    ]:
        reconfigure = partial(inj.reconfigure, config=dataclasses.replace(config, **changes))
        with pytest.raises(ValueError, match=message):
            reconfigure(state)
        for call, states in [(jax.jit(reconfigure), state), (jax.vmap(reconfigure), batch)]:
            with pytest.raises(Exception, match=message):
                jax.block_until_ready(call(states))
    again = jax.jit(partial(inj.reconfigure, config=dataclasses.replace(config, refresh_every=7)))(state)
    assert infonoise.Scheduler.from_state(np.asarray(again.words)).config.refresh_every == 7


def test_snap():
    table = jnp.array([0.1, 1.0, 10.0])
    snapped, index = jax.jit(inj.snap)(jnp.array([[0.2, 0.4], [4.0, 99.0]]), table)
    assert snapped.tolist() == [[jnp.float32(0.1), 1.0], [10.0, 10.0]] and index.tolist() == [[0, 1], [2, 2]]
    with pytest.raises(ValueError, match=r"table\[1\] = 1 must be above table\[0\] = 1"):
        inj.snap(jnp.ones(1), jnp.ones(2))
    with pytest.raises(Exception, match="strictly monotone"):  # of a traced table only the call itself sees the values
        jax.block_until_ready(jax.jit(inj.snap)(jnp.ones(1), jnp.ones(2)))
