"""docs/state.md: where a state is kept in other packages, and what must not happen to its words. Every recipe trains
a small model whose errors do not depend on its parameters, and ends with the digest of a plain loop."""

import dataclasses
from functools import partial

import equinox as eqx
import flax.linen as nn
import infonoise
import infonoise.jax as inj
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import pytest
from flax import nnx
from flax.training import train_state

CONFIG = infonoise.Config.discrete(bins=16, warmup_steps=6, refresh_every=3, refresh_growth=0, min_count=4)
SEED, BATCH, STEPS = 3, 64, 12
X0 = jnp.ones((BATCH, 2))
OPTIMIZER = optax.adamw(1e-2)


def measured(sigma):
    return sigma**2 / (1 + sigma**2)


def loss_of(weight, error):
    """A loss that depends on both, so that there is a gradient."""
    return (error * (1 + (weight**2).sum())).mean()


@pytest.fixture(scope="module")
def expected() -> int:
    """The digest after STEPS steps, on NumPy arrays."""
    scheduler = infonoise.Scheduler(CONFIG, SEED)
    step = jax.jit(measured)
    for _ in range(STEPS):
        sigma = scheduler.sample(BATCH)
        scheduler.observe(sigma, np.asarray(step(sigma)))
        scheduler.step()
    assert scheduler.report()["refreshes"] == 3
    return scheduler.digest()


def test_a_flax_linen_collection(expected):
    class Denoiser(nn.Module):
        @nn.compact
        def __call__(self, x0):
            kept = self.variable("schedule", "noise", lambda: inj.init(CONFIG, SEED))
            sched, sigma = inj.sample(kept.value, x0.shape[0])
            error = measured(sigma)
            if not self.is_initializing():
                kept.value = inj.observe(sched, sigma, error)
            return loss_of(nn.Dense(2)(x0).mean(0), error)

    model = Denoiser()
    variables = model.init(jax.random.key(0), X0)
    assert inj.digest(variables["schedule"]["noise"]) == inj.digest(inj.init(CONFIG, SEED))
    params, schedule, slots = variables["params"], variables["schedule"], OPTIMIZER.init(variables["params"])

    @jax.jit
    def train_step(params, schedule, slots, x0):
        def loss(params):
            return model.apply({"params": params, "schedule": schedule}, x0, mutable=["schedule"])

        slopes, changed = jax.grad(loss, has_aux=True)(params)
        updates, slots = OPTIMIZER.update(slopes, slots, params)
        return optax.apply_updates(params, updates), {"noise": inj.step(changed["schedule"]["noise"])}, slots

    before = params
    for _ in range(STEPS):
        params, schedule, slots = train_step(params, schedule, slots, X0)
    assert inj.digest(schedule["noise"]) == expected
    assert (params["Dense_0"]["bias"] != before["Dense_0"]["bias"]).all()
    with pytest.raises(Exception, match='collection "schedule" is immutable'):
        model.apply({"params": params, "schedule": schedule}, X0)
    # Without the collection, each call initialises one again.
    for _ in range(2):
        _, changed = model.apply({"params": params}, X0, mutable=["schedule"])
        assert inj.report(changed["schedule"]["noise"])["draws"] == BATCH


def test_a_flax_train_state(expected, tmp_path):
    class TrainState(train_state.TrainState):
        schedule: inj.State

    def start(seed):
        params = {"w": jnp.ones(2)}
        return TrainState.create(apply_fn=None, params=params, tx=OPTIMIZER, schedule=inj.init(CONFIG, seed))

    @jax.jit
    def train_step(state):
        sched, sigma = inj.sample(state.schedule, BATCH)
        error = measured(sigma)
        slopes = jax.grad(lambda params: loss_of(params["w"], error))(state.params)
        return state.apply_gradients(grads=slopes, schedule=inj.step(inj.observe(sched, sigma, error)))

    state = start(SEED)
    for _ in range(STEPS // 2):
        state = train_step(state)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "half", state)
        checkpointer.wait_until_finished()
        state = checkpointer.restore(tmp_path / "half", start(99))
    for _ in range(STEPS // 2):
        state = train_step(state)
    assert inj.digest(state.schedule) == expected and state.step == STEPS


class Schedule(nnx.Variable):
    """A variable that filters can name."""


class WithData(nnx.Module):
    def __init__(self, seed, rngs):
        self.linear = nnx.Linear(2, 2, rngs=rngs)
        self.schedule = nnx.data(inj.init(CONFIG, seed))

    def get(self):
        return self.schedule

    def set(self, schedule):
        self.schedule = schedule


class WithVariable(nnx.Module):
    def __init__(self, seed, rngs):
        self.linear = nnx.Linear(2, 2, rngs=rngs)
        self.schedule = Schedule(inj.init(CONFIG, seed))

    def get(self):
        return self.schedule.get_value()

    def set(self, schedule):
        self.schedule.set_value(schedule)


@pytest.mark.parametrize("kind", [WithData, WithVariable])
def test_an_nnx_attribute(kind, expected, tmp_path):
    def loss(model, x0):
        sched, sigma = inj.sample(model.get(), len(x0))
        error = measured(sigma)
        model.set(inj.observe(sched, sigma, error))
        return loss_of(model.linear(x0).mean(0), error)

    @nnx.jit
    def train_step(model, optimizer, x0):
        optimizer.update(model, nnx.grad(loss)(model, x0))
        model.set(inj.step(model.get()))

    def start(seed):
        model = kind(seed, nnx.Rngs(0))
        return model, nnx.Optimizer(model, OPTIMIZER, wrt=nnx.Param)

    model, optimizer = start(SEED)
    before = jnp.array(model.linear.bias[...])
    for _ in range(STEPS // 2):
        train_step(model, optimizer, X0)
    assert (model.linear.bias[...] != before).all()
    again, _ = start(99)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "half", nnx.state(model))
        checkpointer.wait_until_finished()
        restored = checkpointer.restore(tmp_path / "half", nnx.state(again))
    if kind is WithVariable:
        nnx.update(again, restored)
    else:
        with pytest.raises(ValueError, match="Cannot set key 'words' on immutable node"):
            nnx.update(again, restored)
        again = nnx.merge(nnx.graphdef(again), restored)
    optimizer = nnx.Optimizer(again, OPTIMIZER, wrt=nnx.Param)
    for _ in range(STEPS // 2):
        train_step(again, optimizer, X0)
    assert inj.digest(again.get()) == expected
    leaves = jax.tree.leaves(nnx.split(again, nnx.Param, ...)[2])  # all but the parameters
    assert [leaf.dtype for leaf in leaves] == [jnp.uint32]
    if kind is WithVariable:
        assert len(jax.tree.leaves(nnx.state(again, Schedule))) == 1


def test_a_plain_nnx_attribute_is_refused():
    class Plain(nnx.Module):
        def __init__(self):
            self.schedule = inj.init(CONFIG, SEED)

    with pytest.raises(ValueError, match=r"nnx\.data"):
        Plain()


def test_an_equinox_field(expected, tmp_path):
    class Denoiser(eqx.Module):
        linear: eqx.nn.Linear
        schedule: inj.State

    def start(seed):
        return Denoiser(eqx.nn.Linear(2, 2, key=jax.random.key(0)), inj.init(CONFIG, seed))

    def loss(model, x0):
        sched, sigma = inj.sample(model.schedule, len(x0))
        error = measured(sigma)
        return loss_of(jax.vmap(model.linear)(x0).mean(0), error), inj.observe(sched, sigma, error)

    @eqx.filter_jit(donate="all")
    def train_step(model, slots, x0):
        slopes, sched = eqx.filter_grad(loss, has_aux=True)(model, x0)
        updates, slots = OPTIMIZER.update(slopes, slots, eqx.filter(model, eqx.is_inexact_array))
        model = eqx.apply_updates(model, updates)
        return eqx.tree_at(lambda model: model.schedule, model, inj.step(sched)), slots

    model = start(SEED)
    # Integers have no gradient, and the filter that says so is the one for the optimizer too.
    (_, _), slopes = eqx.filter_value_and_grad(loss, has_aux=True)(model, X0)
    assert slopes.schedule.words is None and not eqx.is_inexact_array(model.schedule.words)
    slots = OPTIMIZER.init(eqx.filter(model, eqx.is_array))
    with pytest.raises(ValueError, match=r"schedule\.words"):
        OPTIMIZER.update(slopes, slots, eqx.filter(model, eqx.is_array))

    slots = OPTIMIZER.init(eqx.filter(model, eqx.is_inexact_array))
    for _ in range(STEPS // 2):
        model, slots = train_step(model, slots, jnp.array(X0))
    eqx.tree_serialise_leaves(tmp_path / "half.eqx", model)
    model = eqx.tree_deserialise_leaves(tmp_path / "half.eqx", start(99))
    for _ in range(STEPS // 2):
        model, slots = train_step(model, slots, jnp.array(X0))
    assert inj.digest(model.schedule) == expected


def test_equinox_state(expected):
    class Denoiser(eqx.Module):
        linear: eqx.nn.Linear
        schedule: eqx.nn.StateIndex

        def __init__(self, key):
            self.linear = eqx.nn.Linear(2, 2, key=key)
            self.schedule = eqx.nn.StateIndex(inj.init(CONFIG, SEED))

        def __call__(self, x0, state):
            sched, sigma = inj.sample(state.get(self.schedule), len(x0))
            error = measured(sigma)
            state = state.set(self.schedule, inj.observe(sched, sigma, error))
            return loss_of(jax.vmap(self.linear)(x0).mean(0), error), state

    @eqx.filter_jit
    def train_step(model, state, slots, x0):
        slopes, state = eqx.filter_grad(lambda model: model(x0, state), has_aux=True)(model)
        updates, slots = OPTIMIZER.update(slopes, slots, eqx.filter(model, eqx.is_inexact_array))
        state = state.set(model.schedule, inj.step(state.get(model.schedule)))
        return eqx.apply_updates(model, updates), state, slots

    model, state = eqx.nn.make_with_state(Denoiser)(jax.random.key(0))
    slots = OPTIMIZER.init(eqx.filter(model, eqx.is_inexact_array))
    for _ in range(STEPS):
        model, state, slots = train_step(model, state, slots, X0)
    assert inj.digest(state.get(model.schedule)) == expected


def test_multi_steps_counts_the_updates():
    """Each micro-batch is observed; a step of the schedule is an update, also where micro-batches are skipped."""
    every = 4
    accumulate = optax.MultiSteps(OPTIMIZER, every, should_skip_update_fn=optax.skip_not_finite)

    @jax.jit
    def micro_step(params, slots, sched, scale):
        sched, sigma = inj.sample(sched, 16)
        error = measured(sigma)
        slopes = jax.tree.map(lambda slope: slope * scale, jax.grad(loss_of)(params, error))
        sched = inj.observe(sched, sigma, error)
        updates, after = accumulate.update(slopes, slots, params)
        updated = after.gradient_step > slots.gradient_step
        sched = jax.lax.cond(updated, inj.step, lambda sched: sched, sched)
        return optax.apply_updates(params, updates), after, sched, accumulate.has_updated(after)

    params, sched = jnp.ones(2), inj.init(CONFIG, SEED)
    slots, said = accumulate.init(params), 0
    for micro in range(26):
        # The gradients of the first micro-batch after an update, and of the next, are not finite.
        scale = jnp.float32(np.nan if micro in (4, 5) else 1)
        params, slots, sched, has_updated = micro_step(params, slots, sched, scale)
        said += bool(has_updated)
    report = inj.report(sched)
    assert (report["steps"], report["observations"]) == (6, 26 * 16) and slots.gradient_step == 6
    assert said == 8  # has_updated remains true while the first micro-batches after an update are skipped


def test_a_schedule_in_an_optax_chain_loses_micro_batches():
    """Why there is no `infonoise.optax`: MultiSteps keeps the state of the last micro-batch's call only."""

    def update(updates, state, params=None, *, sigma, error):
        return updates, inj.step(inj.observe(state, sigma, error))

    observing = optax.GradientTransformationExtraArgs(lambda params: inj.init(CONFIG, SEED), update)
    params, sigma = jnp.ones(2), jnp.geomspace(0.1, 10, 16)
    alone = optax.chain(observing, optax.sgd(0.1))
    _, slots = alone.update(params, alone.init(params), params, sigma=sigma, error=measured(sigma))
    assert inj.report(slots[0])["observations"] == 16
    accumulate = optax.MultiSteps(alone, 4)
    slots = accumulate.init(params)
    for _ in range(8):
        _, slots = accumulate.update(params, slots, params, sigma=sigma, error=measured(sigma))
    report = inj.report(slots.inner_opt_state[0])
    assert (report["steps"], report["observations"]) == (2, 32)  # of 128


def refusals(state) -> list[str]:
    """What the calls say of a state, inside jit and outside."""
    calls = [
        lambda: inj.from_words(state.words),
        lambda: inj.report(state),
        lambda: inj.digest(state),
        *(partial(jax.jit(call), state) for call in (inj.step, partial(inj.sample, n=4), inj.report, inj.freeze)),
        lambda: jax.jit(lambda state: inj.observe(state, jnp.ones(3), jnp.ones(3)))(state),
        lambda: jax.jit(lambda state: inj.advance(state, jnp.ones(3), jnp.ones(3)))(state),
    ]
    said = []
    for call in calls:
        with pytest.raises(Exception) as refused:
            jax.block_until_ready(call())
        said.append(str(refused.value))
    return said


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float8_e4m3fn", "uint16", "int8"])
def test_words_that_were_cast_are_refused_also_when_they_were_cast_back(dtype):
    state = inj.init(CONFIG, SEED)
    cast = jax.tree.map(lambda leaf: leaf.astype(dtype), state)
    for said in refusals(cast):
        assert f"must be uint32[N], got {dtype}[5728]: a cast changes a schedule's words, and a cast back does" in said
    for said in refusals(jax.tree.map(lambda leaf: leaf.astype(jnp.uint32), cast)):
        assert "the block does not hold a scheduler" in said


@pytest.mark.parametrize("dtype, x64", [("int32", False), ("float64", True)])
def test_a_cast_that_holds_every_word_loses_nothing(dtype, x64):
    state = inj.init(CONFIG, SEED)
    with jax.enable_x64(x64):
        cast = jax.tree.map(lambda leaf: leaf.astype(dtype), state)
        back = jax.tree.map(lambda leaf: leaf.astype(jnp.uint32), cast)
    assert cast.words.dtype == dtype
    assert inj.digest(inj.from_words(back.words, CONFIG, strict=True)) == inj.digest(state)


@pytest.mark.parametrize(
    "arithmetic",
    [
        lambda leaf: 0.99 * leaf,
        lambda leaf: leaf - (0.01 * leaf).astype(leaf.dtype),
        lambda leaf: (0.99 * leaf + 0.01 * leaf).astype(leaf.dtype),
        lambda leaf: optax.incremental_update(leaf, leaf, 0.1),
        lambda leaf: optax.ema(0.9).update(leaf, optax.ema(0.9).init(leaf))[0],
        jnp.zeros_like,
    ],
)
def test_arithmetic_on_words_is_refused(arithmetic):
    for said in refusals(jax.tree.map(arithmetic, inj.init(CONFIG, SEED))):
        assert "got float32[5728]: a cast changes" in said or "the block does not hold a scheduler" in said


def test_an_average_in_x64_mode_is_seen_by_from_words_alone():
    """float64 holds each uint32, so an average of two states begins as a state does."""
    first = later = inj.init(CONFIG, SEED)
    for _ in range(8):
        later, sigma = inj.sample(later, BATCH)
        later = inj.step(inj.observe(later, sigma, measured(sigma)))
    with jax.enable_x64(True):
        mean = jax.tree.map(lambda a, b: (0.5 * a + 0.5 * b).astype(a.dtype), first, later)
    jax.block_until_ready(jax.jit(inj.step)(mean))
    with pytest.raises(ValueError, match="content contradicts itself"):
        inj.from_words(mean.words)


def test_a_cast_of_the_floating_leaves_leaves_it_alone():
    carry = {"params": jnp.ones(3), "schedule": inj.init(CONFIG, SEED)}
    floating = jax.tree.map(
        lambda leaf: leaf.astype(jnp.bfloat16) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf, carry
    )
    assert floating["params"].dtype == jnp.bfloat16
    assert inj.digest(floating["schedule"]) == inj.digest(carry["schedule"])


PARAMS = {"w": jnp.arange(3.0)}


@pytest.fixture
def saved(tmp_path):
    """A checkpoint with a schedule, and one without."""
    sched, _ = inj.sample(inj.init(CONFIG, SEED), 100)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "with", {"params": PARAMS, "schedule": sched})
        checkpointer.save(tmp_path / "without", {"params": PARAMS})
        checkpointer.wait_until_finished()
        yield checkpointer, tmp_path, inj.digest(sched)


# Orbax says that it takes the sharding from the file.
@pytest.mark.filterwarnings("ignore:Sharding info not provided")
def test_an_untyped_restore(saved):
    checkpointer, folder, digest = saved
    restored = checkpointer.restore(folder / "with")
    assert isinstance(restored["schedule"], dict)
    with pytest.raises(TypeError, match=r"must be an infonoise.jax.State, got dict: make one .* or from_words\(words\)"):
        inj.step(restored["schedule"])
    assert inj.digest(inj.from_words(restored["schedule"]["words"], CONFIG, strict=True)) == digest


@pytest.mark.filterwarnings("ignore:Sharding info not provided")
def test_a_checkpoint_without_a_schedule(saved):
    checkpointer, folder, _ = saved
    carry = {"params": jax.tree.map(jnp.zeros_like, PARAMS), "schedule": inj.init(CONFIG, 7)}
    with pytest.raises(ValueError, match="schedule"):
        checkpointer.restore(folder / "without", carry)
    first = checkpointer.restore(folder / "without", {"params": carry["params"]}) | {"schedule": inj.init(CONFIG, 7)}
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as partly:
        second = partly.restore(folder / "without", args=ocp.args.PyTreeRestore(carry, partial_restore=True))
    for restored in (first, second):
        assert (restored["params"]["w"] == PARAMS["w"]).all()
        assert inj.digest(restored["schedule"]) == inj.digest(inj.init(CONFIG, 7))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_a_restore_into_another_dtype_is_refused(saved, dtype):
    checkpointer, folder, digest = saved
    carry = {"params": PARAMS, "schedule": inj.init(CONFIG)}
    every = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, dtype), carry)
    restored = checkpointer.restore(folder / "with", every)["schedule"]
    assert restored.words.dtype == dtype
    for said in refusals(restored):
        assert "Take them from the checkpoint as uint32, and cast floating-point leaves only" in said
    floating = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(
            leaf.shape, dtype if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf.dtype
        ),
        carry,
    )
    restored = checkpointer.restore(folder / "with", floating)
    assert restored["params"]["w"].dtype == dtype and inj.digest(restored["schedule"]) == digest


def test_a_restore_into_the_tree_of_another_configuration(saved):
    checkpointer, folder, digest = saved
    config = dataclasses.replace(CONFIG, refresh_every=50)
    restored = checkpointer.restore(folder / "with", {"params": PARAMS, "schedule": inj.init(config)})["schedule"]
    assert inj.digest(restored) == digest  # the checkpoint's, and Orbax has nothing to say
    with pytest.warns(UserWarning, match="refresh_every = 50 -> 3"):
        inj.from_words(restored.words, config)
    changed = inj.reconfigure(restored, config)
    assert inj.from_words(changed.words, config, strict=True).words.shape == restored.words.shape
