"""The scheduler's part of a training step, by infonoise and by its alternatives: draw a batch, observe its
errors, and refresh at every hundredth step."""

import ctypes
import sys
from functools import partial
from pathlib import Path

import infonoise
import infonoise.jax as inj
import jax
import jax.numpy as jnp
import numpy as np

from .resampler import LossSecondMoment

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benches"), str(ROOT / "tests/reference")]
from infonoise_reference import Reference, preset  # noqa: E402
from timing import Side, calls  # noqa: E402

STEPS = 100  # in one repetition: one refresh falls due in it
MANY = 1000  # for the quick ones, which would else be timed while the caches fill
MEAN, DEVIATION = -1.2, 1.2


def mmse(sigma):
    """The errors of a perfect denoiser on Gaussian data of standard deviation 1/2."""
    return sigma**2 * 0.25 / (sigma**2 + 0.25)


def adapted():
    """A schedule that has adapted and whose rings are full."""
    scheduler = infonoise.Scheduler(infonoise.Config(warmup_steps=20), seed=1)
    sigma = scheduler.sample(4096)
    for _ in range(400):
        sigma = scheduler.advance(sigma, mmse(sigma))
    return scheduler


def from_c(n, library):
    """The C calls, from C: `steps` of benches/c/steps.c."""
    words, sigma = adapted().state.copy(), np.empty(n, np.float32)
    error = mmse(adapted().sample(n))
    library.steps.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_void_p] * 2, *[ctypes.c_size_t] * 2]

    def run():
        where = (words.ctypes.data, words.nbytes, sigma.ctypes.data, error.ctypes.data)
        if library.steps(*where, n, MANY):
            raise RuntimeError("the C calls failed")

    return Side("infonoise, from C", run, MANY)


def from_python(n):
    """One call a step, NumPy arrays in and out."""
    scheduler = adapted()
    sigma = scheduler.sample(n)
    error = mmse(sigma)
    return calls("infonoise, from Python: advance", lambda: scheduler.advance(sigma, error), MANY)


def carried(name, function, carry, steps, rounds=1):
    """A side whose donated carry is passed from step to step."""
    held = [carry]

    def run():
        for _ in range(rounds):
            held[0] = function(held[0])
        jax.block_until_ready(held[0])

    return Side(name, run, steps)


def jax_step(error, state):
    """sample, observe, step. The errors are a constant: XLA moves any call of more than a thousand floating
    point operations to another thread, and a model in this file would trigger that."""
    state, sigma = inj.sample(state, error.size)
    return inj.step(inj.observe(state, sigma, error))


def fresh_state(n):
    scheduler = adapted()
    return inj.from_words(scheduler.state), jnp.asarray(mmse(scheduler.sample(n)))


def from_jax_scan(n, steps=MANY):
    """Inside lax.scan, the state donated."""
    state, error = fresh_state(n)

    @partial(jax.jit, donate_argnums=0)
    def scan(state):
        return jax.lax.scan(lambda state, _: (jax_step(error, state), None), state, length=steps)[0]

    return carried("infonoise, from JAX: in a scan", scan, state, steps)


def from_jax_calls(n):
    """One jitted call a step, the state donated."""
    state, error = fresh_state(n)
    step = jax.jit(partial(jax_step, error), donate_argnums=0)
    return carried("infonoise, from JAX: a jitted call", step, state, STEPS, STEPS)


def jax_empty_calls():
    """The floor of a jitted call: it adds 1 to a float."""
    return carried("jitted call that adds 1", jax.jit(lambda x: x + 1, donate_argnums=0), jnp.float32(0), STEPS, STEPS)


def numpy_lognormal(n):
    rng = np.random.default_rng(0)
    return calls("NumPy log-normal, draws only", lambda: np.exp(rng.normal(MEAN, DEVIATION, n)), STEPS)


def jax_random(n, steps=MANY):
    """exp(jax.random.normal) inside lax.scan: split the key, draw."""

    def body(carry, _):
        key, own = jax.random.split(carry[0])
        return (key, jnp.exp(MEAN + DEVIATION * jax.random.normal(own, (n,)))), None

    scan = jax.jit(lambda carry: jax.lax.scan(body, carry, length=steps)[0], donate_argnums=0)
    return carried("jax.random in a scan, draws only", scan, (jax.random.key(0), jnp.ones(n)), steps)


def torch_edm(n):
    """None where torch is not installed."""
    try:
        import torch
    except ModuleNotFoundError:
        return None
    return calls("torch, EDM's sampler, draws only", lambda: (torch.randn(n) * DEVIATION + MEAN).exp(), STEPS)


def second_moment(n):
    """A resampler whose history is full, so that it works as it does in a long run."""
    resampler = LossSecondMoment()
    for _ in range(10):
        resampler.observe(range(1000), np.linspace(0.1, 1, 1000))
    error = mmse(adapted().sample(n))

    def step():
        timesteps, _ = resampler.sample(n)
        resampler.observe(timesteps, error)

    return calls("loss-second-moment resampler", step, 10)


def numpy_infonoise(n):
    """The reference of tests/reference: the method in plain NumPy."""
    reference = Reference(preset("default", warmup_steps=1, refresh_every=STEPS, refresh_growth=0), seed=1)
    sigma = np.repeat(reference.grid.s, 256)
    reference.observe(sigma, mmse(sigma))
    reference.step()
    error = mmse(reference.sample(n))

    def step():
        reference.observe(reference.sample(n), error)
        reference.step()

    return calls("NumPy InfoNoise", step, STEPS)


def contenders(n, library):
    """Every side for batches of n, infonoise from C first."""
    ours = [from_c(n, library), from_python(n), from_jax_scan(n), from_jax_calls(n)]
    theirs = [numpy_lognormal(n), torch_edm(n), jax_random(n), second_moment(n), numpy_infonoise(n)]
    return [side for side in ours + theirs if side]
