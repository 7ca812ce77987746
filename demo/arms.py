"""The three schedules that the demo compares. Everything else is the same for all of them.

An arm draws noise levels, weighs the loss, and may learn from the errors. The two fixed arms keep no
state; InfoNoise's state is one array of words that the jitted training loop carries like any other.
"""

from typing import Callable, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import norm

import edm as preconditioning

SIGMA_MIN, SIGMA_MAX = 0.002, 80.0
EDM_MEAN, EDM_STD = -1.2, 1.2
SHARES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}


class Arm(NamedTuple):
    name: str
    label: str
    start: Callable  # seed -> state
    draw: Callable  # state, key, n -> state, sigma (n,)
    learn: Callable  # state, sigma, unweighted x0 error per sample -> state
    weight: Callable  # sigma -> loss weight on the x0 error


def edm():
    """EDM's schedule as published for images: log-normal sigmas and the loss weight that belongs to them."""

    def draw(state, key, n):
        return state, jnp.exp(EDM_MEAN + EDM_STD * jax.random.normal(key, (n,)))

    return Arm("edm", "EDM recipe", lambda seed: (), draw, lambda state, *_: state, preconditioning.weight)


def loguniform():
    """No sigma is preferred, and the loss is the plain squared error."""

    def draw(state, key, n):
        span = jax.random.uniform(key, (n,), minval=np.log(SIGMA_MIN), maxval=np.log(SIGMA_MAX))
        return state, jnp.exp(span)

    return Arm("loguniform", "log-uniform, w = 1", lambda seed: (), draw, lambda state, *_: state, jnp.ones_like)


def infonoise(config):
    """The library: draw, train, report the errors, count the step. All three calls are inside jit."""
    import infonoise.jax as inj

    def draw(state, key, n):
        return inj.sample(state, n)

    def learn(state, sigma, error):
        return inj.step(inj.observe(state, sigma, error))

    return Arm(
        "infonoise", "InfoNoise, w = 1", lambda seed: inj.init(config, seed=seed), draw, learn, jnp.ones_like
    )


def fixed_quantiles(name):
    """Quantiles of a fixed arm's sigmas, for the table with those that InfoNoise reports."""
    share = np.array(list(SHARES.values()))
    if name == "edm":
        sigma = np.exp(EDM_MEAN + EDM_STD * norm.ppf(share))
    else:
        sigma = SIGMA_MIN * (SIGMA_MAX / SIGMA_MIN) ** share
    return dict(zip(SHARES, sigma.tolist()))


def fixed_density(name, sigma):
    """A fixed arm's density per unit ln sigma."""
    if name == "edm":
        return norm.pdf(np.log(sigma), EDM_MEAN, EDM_STD)
    return np.full_like(sigma, 1 / np.log(SIGMA_MAX / SIGMA_MIN))
