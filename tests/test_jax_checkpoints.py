"""Checkpoints of parameters and schedule: a run that stops and continues equals an uninterrupted one."""

import dataclasses
import warnings

import infonoise
import infonoise.jax as inj
import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint
import pytest
from flax import serialization

CONFIG = infonoise.Config.discrete(bins=16, warmup_steps=6, refresh_every=3, refresh_growth=0, min_count=4)


@jax.jit
def train_step(carry):
    """Parameters that depend on what is drawn, and errors that depend on the parameters."""
    params, sched = carry["params"], carry["schedule"]
    sched, sigma = inj.sample(sched, 64)
    error = sigma**2 / (1 + sigma**2) * (1 + params["w"] ** 2)
    params = {"w": params["w"] + 0.1 * jnp.log(sigma).mean(), "steps": params["steps"] + 1}
    return {"params": params, "schedule": inj.step(inj.observe(sched, sigma, error))}


def start(config=CONFIG, seed=3):
    return {"params": {"w": jnp.zeros(()), "steps": jnp.zeros((), int)}, "schedule": inj.init(config, seed)}


def run(carry, steps):
    for _ in range(steps):
        carry = train_step(carry)
    return carry


def bits(carry):
    return np.float32(carry["params"]["w"]).tobytes(), int(carry["params"]["steps"]), inj.digest(carry["schedule"])


def with_orbax(carry, like, folder):
    with orbax.checkpoint.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder / "checkpoint", carry)
        checkpointer.wait_until_finished()
        return checkpointer.restore(folder / "checkpoint", like)


def with_orbax_from_shapes(carry, like, folder):
    return with_orbax(carry, jax.eval_shape(lambda: like), folder)


def with_flax(carry, like, folder):
    return serialization.from_bytes(like, serialization.to_bytes(carry))


def with_numpy(carry, like, folder):
    """Leaves as they are in a file, and checked by from_words."""
    leaves, tree = jax.tree.flatten(carry)
    np.savez(folder / "checkpoint.npz", *leaves)
    with np.load(folder / "checkpoint.npz") as file:
        restored = jax.tree.unflatten(tree, [jnp.asarray(file[name]) for name in file.files])
    return {**restored, "schedule": inj.from_words(restored["schedule"].words)}


@pytest.fixture(autouse=True, scope="module")
def flax_knows_states():
    """As docs/jax.md says; once in a process."""
    serialization.register_serialization_state(
        inj.State, lambda state: {"words": state.words}, lambda _, fields: inj.from_words(fields["words"])
    )


@pytest.mark.parametrize("way", [with_orbax, with_orbax_from_shapes, with_flax, with_numpy], ids=lambda way: way.__name__)
def test_a_resumed_run_is_the_run_that_did_not_stop(way, tmp_path):
    whole, half = run(start(), 40), run(start(), 20)
    assert inj.report(half["schedule"])["refreshes"] > 3 and bits(half) != bits(whole)
    restored = way(half, start(seed=99), tmp_path)
    assert bits(restored) == bits(half)
    assert (restored["schedule"].bins, restored["schedule"].window) == (16, 256)
    assert bits(run(restored, 20)) == bits(whole)


@pytest.mark.parametrize("way", [with_orbax, with_flax, with_numpy], ids=lambda way: way.__name__)
def test_a_batch_of_states_is_restored(way, tmp_path):
    batch = jax.vmap(lambda seed: inj.init(CONFIG, seed))(jnp.arange(3))
    restored = way({"schedule": batch}, {"schedule": jax.tree.map(jnp.zeros_like, batch)}, tmp_path)["schedule"]
    assert (restored.words == batch.words).all() and (restored.bins, restored.window) == (16, 256)


def test_the_checkpoint_of_another_configuration_is_refused(tmp_path):
    # The schedule alone: Orbax leaves its other reads unfinished when one is refused.
    with pytest.raises(ValueError, match="not compatible with the stored shape"):
        with_orbax(inj.init(CONFIG), inj.init(infonoise.Config.discrete(bins=32)), tmp_path)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    words = start()["schedule"].words
    carry = {"schedule": inj.State(words.at[0].set(0), 16, 256)}
    with pytest.raises(ValueError, match="does not hold a scheduler"):
        with_flax(carry, carry, tmp_path)
    restored = with_orbax(carry, carry, tmp_path)["schedule"]
    with pytest.raises(Exception, match="does not hold a scheduler"):
        jax.block_until_ready(inj.step(restored))


def test_arrays_made_of_a_scheduler_do_not_change_with_it():
    """`jax.device_put` uses the memory of a NumPy array that happens to be 64-byte aligned, and keeps it."""
    for seed in range(50):
        scheduler = infonoise.Scheduler(CONFIG, seed)
        before = scheduler.digest()
        arrays = [jax.device_put(scheduler.state), jnp.asarray(scheduler.state), inj.from_words(scheduler.state).words]
        scheduler.sample(8)
        assert [inj.digest(inj.State(words, 16, 256)) for words in arrays] == [before] * 3, seed


def test_from_words_copies():
    for seed in range(50):
        words = np.array(infonoise.Scheduler(CONFIG, seed).state)
        state = inj.from_words(words)
        before = inj.digest(state)
        words[:] = 0
        assert inj.digest(state) == before


def test_the_words_of_another_configuration_name_the_fields():
    words = np.asarray(inj.init(CONFIG).words)
    other = dataclasses.replace(CONFIG, refresh_every=50, window=512)
    with pytest.raises(ValueError, match="configuration: window = 512 -> 256, refresh_every = 50 -> 3. Load it"):
        inj.from_words(words, other, strict=True)
    with pytest.warns(UserWarning, match="refresh_every = 50 -> 3. The loaded one is kept") as caught:
        state = inj.from_words(words, other)
    assert [warning.filename for warning in caught] == [__file__]
    assert (np.asarray(state.words) == words).all() and (state.bins, state.window) == (16, 256)
    batch = np.stack([words, np.asarray(inj.init(dataclasses.replace(CONFIG, min_count=5)).words)])
    with pytest.raises(ValueError, match="min_count = 4 -> 5"):
        inj.from_words(batch, CONFIG, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert inj.from_words(words, CONFIG, strict=True).bins == 16
        inj.from_words(words, dataclasses.replace(CONFIG, weight=np.ones(16)))  # what a block holds without weights
    with pytest.raises(TypeError, match="must be an infonoise.Config"):
        inj.from_words(words, state)
