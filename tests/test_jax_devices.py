"""One schedule on several devices is the run on one; what is said where it cannot be."""

import json
import os
import subprocess
import sys

import infonoise
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT

BATCH = 32
CONFIG = infonoise.Config.discrete(bins=16, warmup_steps=6, refresh_every=3, refresh_growth=0, min_count=4)
ERRORS = np.exp(np.random.default_rng(1).normal(-3, 2, (40, BATCH))).astype(np.float32)
ERRORS[::5, 3], ERRORS[1::5, 4], ERRORS[2::5, 30] = np.nan, -0.0, 1e-40


def on_one(rows=ERRORS, seed=5, masks=None) -> infonoise.Scheduler:
    scheduler = infonoise.Scheduler(CONFIG, seed)
    for i, row in enumerate(rows):
        scheduler.observe(scheduler.sample(row.size), row, None if masks is None else masks[i])
        scheduler.step()
    return scheduler


@pytest.fixture(scope="module")
def devices() -> dict:
    """The output of four devices of one process; the program is tests/programs/four_devices.py."""
    command = [sys.executable, ROOT / "tests/programs/four_devices.py"]
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    done = subprocess.run(command, input=ERRORS.tobytes(), capture_output=True, env=environment, timeout=240)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


WAYS = ["shard_map", "unchecked", "by_rank", "two_axes", "one_axis", "pmap", "explicit", "callback", "callback_explicit"]


@pytest.mark.parametrize("way", WAYS)
def test_replicas_are_the_run_on_one_device(devices, way):
    assert devices[way]["digests"] == [on_one().digest()] * 4


def test_under_vmap_the_state_stays_one(devices):
    assert devices["vmap"]["digests"] == [on_one().digest()]


def test_schedules_along_one_axis_shared_along_another(devices):
    assert devices["ensemble"] == [on_one(seed=seed).digest() for seed in range(2)]


def test_masks_are_gathered_in_the_order_of_ranks(devices):
    expected = on_one(masks=ERRORS < 0.9)
    assert expected.digest() != on_one().digest()
    assert devices["masked"]["digests"] == [expected.digest()] * 4


@pytest.mark.parametrize("way", ["advance", "advance_two_axes"])
def test_advance_over_ranks_is_advance_on_one_device(devices, way):
    scheduler = infonoise.Scheduler(CONFIG, 5)
    sigma = scheduler.sample(BATCH)
    for row in ERRORS:
        sigma = scheduler.advance(sigma, row)
    assert devices[way]["digests"] == [scheduler.digest()] * 4
    assert devices[way]["sigma"] == sigma.tolist()


@pytest.mark.parametrize("way", ["shard_map_own", "pmap_own", "callback_own"])
def test_a_state_for_each_device(devices, way):
    assert devices[way]["digests"] == [on_one(ERRORS[:, :8], seed).digest() for seed in range(4)]


def test_shard_map_copies_no_state(devices):
    """pmap does, twice a step: it takes a dimension of one off, and puts it back."""
    assert [devices[way]["copies"] for way in ("shard_map", "two_axes", "masked", "shard_map_own")] == [0] * 4


def test_gradients_of_what_all_devices_hold_are_summed(devices):
    """JAX does so where the types tell: with check_vma, which axis_name leaves on."""
    found, scheduler = devices["gradient"], infonoise.Scheduler(CONFIG, 5)
    x0, sigma = jnp.array(found["x0"]), scheduler.sample(BATCH)
    errors = lambda scale: ((jnp.tanh(scale) * x0 / (1 + sigma[:, None])) ** 2).mean(-1)
    assert found["slope"] == pytest.approx(float(jax.grad(lambda scale: errors(scale).mean())(0.7)), rel=1e-5)
    # The errors may be rounded otherwise when XLA compiles four devices, so the digests are only equal to each other.
    assert len(set(found["digests"])) == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("observe", "ValueError: sigma, error or mask differ between the devices along 'ranks', and the state does not: name these axes in axis_name"),
        ("advance", "ValueError: sigma, error or mask differ between the devices along 'ranks', and the state does not: name these axes in axis_name"),
        ("rank", "ValueError: rank or offset differs between the devices along 'ranks', and the state does not: pass axis_name"),
        ("both", "TypeError: axis_name says which slice this device draws: pass it without rank, world"),
        ("varying sample", "ValueError: state differs between the devices along 'ranks', and axis_name='ranks' needs one for all"),
        ("varying observe", "ValueError: state differs between the devices along 'ranks', and axis_name='ranks' needs one for all"),
    ],
)
def test_what_types_cannot_be_names_the_axis_and_the_remedy(devices, call, words):
    assert devices["refused"][call].startswith(words)
