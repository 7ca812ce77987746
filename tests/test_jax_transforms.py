"""infonoise.jax under every transformation: the bits of infonoise.Scheduler, no copies of
the state, and errors that say what is wrong.

tests/test_jax.py ties the same bits to a C program.
"""

from functools import partial

import infonoise
import infonoise.jax as inj
import jax
import jax.experimental
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64

STEPS, BATCH = 40, 32
CONFIG = infonoise.Config.discrete(bins=16, warmup_steps=6, refresh_every=3, refresh_growth=0, min_count=4)
ERRORS = np.exp(np.random.default_rng(1).normal(-3, 2, (STEPS, BATCH))).astype(np.float32)
ERRORS[::5, 3] = np.nan


def on_numpy(rows=ERRORS, seed=5, skip=(), n=BATCH) -> infonoise.Scheduler:
    """The run that every transformation must reproduce."""
    scheduler = infonoise.Scheduler(CONFIG, seed)
    for i, row in enumerate(rows):
        if i not in skip:
            scheduler.observe(scheduler.sample(n), row)
            scheduler.step()
    return scheduler


def one(state, error):
    state, sigma = inj.sample(state, error.shape[0])
    return inj.step(inj.observe(state, sigma, error))


def other(state, error):
    """The same run, written in other ways."""
    state, sigma = inj.sample(state, error.shape[0])
    return inj.advance(state, sigma, error, next_n=0)[0]


def loss(scale, state, error):
    """A differentiated training step; the schedule's errors depend on what is differentiated."""
    state, sigma = inj.sample(state, error.shape[0])
    state = inj.step(inj.observe(state, sigma, error * (scale / scale)))
    return jnp.sin(scale * sigma).mean(), state


def scan(state, errors, body=one):
    return lax.scan(lambda state, error: (body(state, error), None), state, errors)[0]


def fori_loop(state, errors):
    return lax.fori_loop(0, len(errors), lambda i, state: one(state, errors[i]), state)


def while_loop(state, errors):
    keep = lambda carry: carry[0] < len(errors)
    return lax.while_loop(keep, lambda carry: (carry[0] + 1, one(carry[1], errors[carry[0]])), (0, state))[1]


def cond(state, errors):
    body = lambda i, state: lax.cond(i % 2 == 0, one, other, state, errors[i])
    return lax.fori_loop(0, len(errors), body, state)


def switch(state, errors):
    body = lambda i, state: lax.switch(i % 3, [one, other, one], state, errors[i])
    return lax.fori_loop(0, len(errors), body, state)


def grad(state, errors):
    return scan(state, errors, lambda s, e: jax.value_and_grad(loss, has_aux=True)(0.5, s, e)[0][1])


def grad_of_scan(state, errors, wrap=lambda f: f):
    def whole(scale, state):
        def body(state, error):
            value, state = wrap(loss)(scale, state, error)
            return state, value

        state, values = lax.scan(body, state, errors)
        return values.sum(), state

    return jax.value_and_grad(whole, has_aux=True)(0.5, state)[0][1]


def remat(state, errors):
    step = jax.value_and_grad(jax.checkpoint(loss), has_aux=True)
    return scan(state, errors, lambda s, e: step(0.5, s, e)[0][1])


def remat_of_scan(state, errors):
    return grad_of_scan(state, errors, jax.checkpoint)


def jvp(state, errors):
    def body(state, error):
        return jax.jvp(lambda scale: loss(scale, state, error), (0.5,), (1.0,), has_aux=True)[2]

    return scan(state, errors, body)


def vmap_of_one(state, errors):
    return jax.tree.map(lambda x: x[0], jax.vmap(scan, in_axes=(0, None))(jax.tree.map(lambda x: x[None], state), errors))


WAYS = [scan, fori_loop, while_loop, cond, switch, grad, grad_of_scan, remat, remat_of_scan, jvp, vmap_of_one]


@pytest.mark.parametrize("x64", [False, True], ids=["x32", "x64"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_bits_are_those_of_the_scheduler(way, x64):
    expected = on_numpy()
    assert expected.report()["refreshes"] > 5 and expected.report()["rejected"] > 5
    with enable_x64(x64):
        state = jax.jit(way)(inj.init(CONFIG, 5), ERRORS)
        assert inj.digest(state) == expected.digest()
        _, sigma = inj.sample(state, 9)
    assert sigma.dtype == np.float32 and (np.asarray(sigma) == expected.sample(9)).all()


def skip_odd(state, errors):
    keep = lambda i, state: lax.cond(i % 2 == 0, one, lambda state, error: state, state, errors[i])
    return lax.fori_loop(0, len(errors), keep, state)


def test_a_skipped_step_is_no_step():
    state = jax.jit(skip_odd)(inj.init(CONFIG, 5), ERRORS)
    assert inj.digest(state) == on_numpy(skip=range(1, STEPS, 2)).digest()


def copies(function, *arguments) -> int:
    """Copies of a whole state in the program that XLA makes of a donating function, and the
    calls that would make one themselves, their result not being where their operand is."""
    text = jax.jit(function, donate_argnums=0).lower(*arguments).compile().as_text()
    words = ",".join(map(str, arguments[0].words.shape))
    lines = [line for line in text.splitlines() if f"u32[{words}]" in line]
    calls = [line for line in lines if " custom-call(" in line and "infonoise_" in line]
    assert len(calls) >= 3
    return sum(" copy(" in line for line in lines) + sum("output_to_operand_aliasing" not in line for line in calls)


@pytest.mark.parametrize(
    "way", [scan, fori_loop, while_loop, skip_odd, grad, grad_of_scan, remat, jvp], ids=lambda way: way.__name__
)
def test_no_copies_of_the_state(way):
    assert copies(way, inj.init(CONFIG, 5), ERRORS) == 0
    state = inj.init(CONFIG, 5)
    before = state.words.unsafe_buffer_pointer()
    assert jax.jit(way, donate_argnums=0)(state, ERRORS).words.unsafe_buffer_pointer() == before


def test_batched_states_are_not_copied():
    batch = jax.vmap(partial(inj.init, CONFIG))(jnp.arange(3))
    assert copies(jax.vmap(scan, in_axes=(0, None)), batch, ERRORS) == 0


def test_a_state_that_is_used_again_is_copied():
    """Shows that the tests above would detect a copy; the old state does not change."""

    def keeps(state, errors):
        return one(state, errors[0]), state

    assert copies(keeps, inj.init(CONFIG, 5), ERRORS) > 0
    state = inj.init(CONFIG, 5)
    after, kept = jax.jit(keeps)(state, ERRORS)
    assert inj.digest(kept) == inj.digest(state) == on_numpy([]).digest()
    assert inj.digest(after) == on_numpy(ERRORS[:1]).digest()


def test_vmap_over_states_errors_and_both():
    seeds, rows = jnp.arange(6).reshape(2, 3), jnp.asarray(ERRORS[:30].reshape(2, 3, 5, BATCH))
    make = jax.vmap(jax.vmap(partial(inj.init, CONFIG)))
    both = jax.jit(jax.vmap(jax.vmap(scan)))(make(seeds), rows)
    states = jax.jit(jax.vmap(jax.vmap(scan, (0, None)), (0, None)))(make(seeds), rows[0, 0])
    errors = jax.jit(jax.vmap(jax.vmap(scan, (None, 0)), (None, 0)))(inj.init(CONFIG, 0), rows)
    for i in range(2):
        for j in range(3):
            at = lambda batch: inj.digest(jax.tree.map(lambda x: x[i, j], batch))
            row, seed = np.asarray(rows[i, j]), int(seeds[i, j])
            assert at(both) == on_numpy(row, seed).digest()
            assert at(states) == on_numpy(ERRORS[:5], seed).digest()
            assert at(errors) == on_numpy(row, 0).digest()


def test_vmap_over_draws():
    """Every state of a batch draws for itself; one state draws the same for all."""
    batch = jax.vmap(partial(inj.init, CONFIG))(jnp.arange(3))
    _, drawn = jax.jit(jax.vmap(lambda state: inj.sample(state, 7)))(batch)
    for seed in range(3):
        assert (np.asarray(drawn[seed]) == infonoise.Scheduler(CONFIG, seed).sample(7)).all()
    follow = jax.vmap(lambda error: inj.advance(inj.init(CONFIG, 2), jnp.ones(BATCH), error)[1])
    for row, sigma in zip(ERRORS[:3], jax.jit(follow)(ERRORS[:3])):
        scheduler = infonoise.Scheduler(CONFIG, 2)
        assert (np.asarray(sigma) == scheduler.advance(np.ones(BATCH, np.float32), row)).all()


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float64])
def test_errors_of_other_dtypes_are_converted_to_float32(dtype):
    with enable_x64(True):
        errors = jnp.asarray(ERRORS, dtype)
        assert errors.dtype == dtype
        state = jax.jit(scan)(inj.init(CONFIG, 5), errors)
    assert inj.digest(state) == on_numpy(np.asarray(errors, np.float32)).digest()


def test_export():
    """Saved, loaded and called again; the platform's calls must be let through by name."""
    function = jax.jit(scan)
    arguments = inj.init(CONFIG, 5), jnp.asarray(ERRORS)
    with pytest.raises(ValueError, match="custom calls whose targets have no compatibility guarantees"):
        jax.export.export(function)(*arguments)
    allowed = [jax.export.DisabledSafetyCheck.custom_call(name) for name in inj.CUSTOM_CALLS]
    saved = jax.export.export(function, disabled_checks=allowed)(*arguments).serialize()
    state = jax.export.deserialize(saved).call(*arguments)
    assert (state.bins, state.window) == (16, 256) and inj.digest(state) == on_numpy().digest()


def with_words(change):
    """A state whose words are not what init made."""
    return lambda state: inj.State(change(state.words), state.bins, state.window)


ZEROS = with_words(jnp.zeros_like)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda s: inj.step(with_words(lambda w: w.astype(jnp.int32))(s)), TypeError, r"uint32\[N\], got int32\[\d+\]"),
        (lambda s: inj.step(with_words(lambda w: w[0])(s)), TypeError, r"uint32\[N\], got uint32\[\]"),
        (lambda s: inj.report(with_words(lambda w: None)(s)), TypeError, r"uint32\[N\], got NoneType"),
        (lambda s: inj.report(with_words(lambda w: w.astype(float))(s)), TypeError, r"got float32\[\d+\]"),
        (lambda s: jax.jit(inj.step)(ZEROS(s)), Exception, "infonoise.jax.step: the block does not hold a scheduler"),
        (lambda s: scan(ZEROS(s), ERRORS), Exception, "infonoise.jax.sample: the block does not hold a scheduler"),
        (lambda s: inj.report(ZEROS(s)), ValueError, "the block does not hold a scheduler"),
        (lambda s: inj.step((s.words,)), TypeError, "must be an infonoise.jax.State, got tuple"),
        (lambda s: inj.step(infonoise.Scheduler(CONFIG)), TypeError, "got Scheduler: make one with init"),
        (lambda s: jax.jit(inj.sample)(s, 3), TypeError, "n must be a static, non-negative integer"),
        (lambda s: inj.sample(s, 3, rank=0.5, world=2), TypeError, "rank must be one integer, got 0.5"),
        (lambda s: inj.sample(s, 3, rank=jnp.arange(2), world=2), TypeError, r"one integer, got Array\(\[0, 1\]"),
        (lambda s: jax.jit(lambda w: inj.sample(s, 3, rank=0, world=w))(2), TypeError, "world must be a static integer"),
        (lambda s: inj.observe(s, jnp.ones(3), None), TypeError, "error must be an array, got None"),
        (lambda s: inj.observe(s, jnp.ones(3), jnp.ones((3, 8))), ValueError, "reduced over the data's dimensions"),
        (lambda s: inj.observe(s, jnp.ones(3), jnp.ones(3), jnp.ones(2)), ValueError, "sigma, error and mask"),
        (lambda s: inj.observe(s, jnp.ones(3), jnp.ones(3, complex)), TypeError, "error must be floating point"),
        (lambda s: inj.advance(s, jnp.ones(3), jnp.ones(3), next_n=-1), TypeError, "n must be a static"),
        (lambda s: inj.init(CONFIG, 0.5), TypeError, r"seed must be one integer, got float32\[\]"),
        (lambda s: inj.init(CONFIG, jnp.arange(2)), TypeError, r"seed must be one integer, got int32\[2\]"),
        (lambda s: inj.init(CONFIG, jax.random.split(jax.random.key(0))), TypeError, "seed must be one integer, got key"),
    ],
)
def test_misuse_names_the_value_and_changes_nothing(call, error, words):
    state = inj.init(CONFIG, 5)
    with pytest.raises(error, match=words):
        jax.block_until_ready(call(state))
    assert inj.digest(state) == on_numpy([]).digest()


@pytest.mark.parametrize("call", [inj.step, inj.report, inj.digest, lambda s: inj.sample(s, 3), inj.profile])
def test_a_donated_state_is_named_as_one(call):
    state = inj.init(CONFIG, 5)
    after = jax.jit(one, donate_argnums=0)(state, ERRORS[0])
    with pytest.raises(RuntimeError, match="state was donated to a jitted function.*continue with the state"):
        call(state)
    assert inj.digest(after) == on_numpy(ERRORS[:1]).digest()


@pytest.fixture
def no_native_call(monkeypatch):
    monkeypatch.setattr(inj, "_NATIVE_PLATFORMS", ())
    inj._warn_once.cache_clear()
    jax.clear_caches()  # of what was traced with native calls
    yield
    inj._warn_once.cache_clear()
    jax.clear_caches()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_without_a_native_call_the_bits_are_the_same(no_native_call, way):
    with pytest.warns(UserWarning, match="no native call on 'cpu' yet.*jax.pure_callback") as warned:
        lowered = jax.jit(way).lower(inj.init(CONFIG, 5), ERRORS)
        assert "infonoise_" not in lowered.as_text() and "callback" in lowered.as_text()
        state = lowered.compile()(inj.init(CONFIG, 5), ERRORS)
        _, sigma = inj.sample(state, 9)
    assert len(warned) == 1
    expected = on_numpy()
    assert inj.digest(state) == expected.digest() and (np.asarray(sigma) == expected.sample(9)).all()


def everything(seed, sigma, error):
    """Every function that works inside jit, with the optional arguments of each."""
    state = inj.init(CONFIG, seed)
    state, drawn = inj.sample(state, 8, rank=seed, world=3)
    state = inj.observe(inj.freeze(state), sigma, error, error > 0.05)
    state, following = inj.advance(inj.unfreeze(state), sigma, error, 5, error < 0.5)
    state = inj.step(inj.reconfigure(state, infonoise.Config.discrete(bins=16, refresh_every=1, min_count=4)))
    return state.words, drawn, following, inj.report(state), inj.snap(drawn, jnp.array([0.01, 1.0, 9.0]))


def test_without_a_native_call_every_function_is_the_same(no_native_call, monkeypatch):
    arguments = jnp.arange(3), jnp.ones(BATCH), jnp.asarray(ERRORS[1])
    with pytest.warns(UserWarning):
        hosted = jax.jit(jax.vmap(everything, (0, None, None)))(*arguments)
    monkeypatch.undo()
    jax.clear_caches()
    native = jax.jit(jax.vmap(everything, (0, None, None)))(*arguments)
    assert len(jax.tree.leaves(native)) > 20
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b, strict=True), hosted, native)


@pytest.fixture
def round_trips(no_native_call, monkeypatch) -> list:
    """An entry for every callback that runs."""
    callback, made = jax.pure_callback, []

    def counted(host, *arguments, **options):
        return callback(lambda *x: made.append(1) or host(*x), *arguments, **options)

    monkeypatch.setattr(jax, "pure_callback", counted)
    return made


def advanced(state, errors):
    carry = inj.sample(state, errors.shape[-1])
    return lax.scan(lambda carry, error: (inj.advance(*carry, error), None), carry, errors)[0][0]


def accumulated(state, errors):
    """Two batches to a step."""

    def body(state, pair):
        state, sigma = inj.sample(state, 2 * pair.shape[1])
        for half, error in zip(sigma.reshape(2, -1), pair):
            state = inj.observe(state, half, error)
        return inj.step(state), None

    return lax.scan(body, state, errors.reshape(-1, 2, errors.shape[1]))[0]


def read_between(state, errors):
    """Every state is used."""

    def body(state, error):
        state, sigma = inj.sample(state, error.shape[0])
        observed = inj.observe(state, sigma, error)
        seen = inj.report(observed)["observations"]
        return inj.step(observed), seen

    return lax.scan(body, state, errors)


@pytest.mark.parametrize(
    ("way", "each", "more"), [(scan, 2, 0), (accumulated, 1, 0), (advanced, 1, 1), (read_between, 4, 0)]
)
@pytest.mark.filterwarnings("ignore:infonoise has no native call")
def test_without_a_native_call_a_step_makes_few_round_trips_in_order(round_trips, way, each, more):
    """One callback for neighbouring calls (``each`` of them for each row of errors), the same digest as without."""
    errors = jnp.asarray(np.tile(ERRORS, (5, 1)))
    result = jax.block_until_ready(jax.jit(way)(inj.init(CONFIG, 5), errors))
    state = result[0] if way is read_between else result
    assert len(round_trips) == 1 + each * len(errors) + more  # and one for init
    scheduler = infonoise.Scheduler(CONFIG, 5)
    if way is advanced:
        sigma = scheduler.sample(BATCH)
        for row in np.asarray(errors):
            sigma = scheduler.advance(sigma, row)
    elif way is accumulated:
        for pair in np.asarray(errors).reshape(-1, 2, BATCH):
            for half, error in zip(scheduler.sample(2 * BATCH).reshape(2, -1), pair):
                scheduler.observe(half, error)
            scheduler.step()
    else:
        scheduler = on_numpy(np.asarray(errors))
    assert inj.digest(state) == scheduler.digest() and scheduler.report()["refreshes"] > 20


@pytest.mark.filterwarnings("ignore:infonoise has no native call")
def test_without_a_native_call_a_batch_of_states_makes_as_few(round_trips):
    batch = jax.vmap(partial(inj.init, CONFIG))(jnp.arange(3))
    before = len(round_trips)
    jax.block_until_ready(jax.jit(jax.vmap(scan, (0, None)))(batch, jnp.asarray(ERRORS)))
    assert before == 1 and len(round_trips) == 1 + 2 * len(ERRORS)


def test_without_a_native_call_errors_say_the_same(no_native_call):
    with pytest.warns(UserWarning), pytest.raises(Exception, match="the block does not hold a scheduler"):
        jax.block_until_ready(jax.jit(inj.step)(ZEROS(inj.init(CONFIG, 5))))


def test_words_from_numpy_are_not_written_to():
    """XLA may use a NumPy array's memory directly; an array that is not donated must not change."""
    words = on_numpy().state
    before = words.copy()
    state = inj.State(words, 16, 256)
    assert inj.digest(jax.jit(one)(state, ERRORS[0])) == inj.digest(one(state, ERRORS[0])) != inj.digest(state)
    assert (words == before).all()
