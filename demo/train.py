"""Training one arm: the whole step is inside jit, scanned over a chunk of steps, with the carry donated."""

from dataclasses import dataclass
from functools import partial
from typing import Callable, NamedTuple

import jax
import jax.numpy as jnp
import optax


class Task(NamedTuple):
    """What is trained, on data of any kind."""

    init: Callable  # key -> params
    draw: Callable  # data, key, n -> clean samples (n, ...), and a tuple of what else the network is given
    denoise: Callable  # params, noisy, sigma (n,), *given -> estimate of the clean samples


@dataclass(frozen=True)
class Settings:
    """What is the same for every arm. `steps` is a multiple of 18, so that the milestones are whole steps."""

    steps: int = 1800
    batch: int = 128
    learning_rate: float = 1e-3
    ema_share: float = 0.05
    samples: int = 1024

    def __post_init__(self):
        if self.steps < 18 or self.steps % 18:
            raise ValueError(f"steps must be a multiple of 18, 18 or more, not {self.steps}")

    @property
    def milestones(self):
        """The steps at which quality is measured: every sixth of the run."""
        return [self.steps * i // 6 for i in range(1, 7)]

    @property
    def chunk(self):
        """Steps in one jitted call, after which the density is looked at; milestones are whole chunks."""
        return self.steps // (18 if self.steps % 36 else 36)


def start(task, arm, seed):
    """The carry at step 0. Weights depend on the seed alone, so every arm begins with the same ones."""
    params = task.init(jax.random.key(seed))
    return {
        "params": params,
        "ema": jax.tree.map(jnp.copy, params),
        "adam": optax.adam(1.0).init(params),
        "schedule": arm.start(seed),
        "step": jnp.zeros((), jnp.int32),
    }


def errors(task, params, x0, given, sigma, key):
    """Each sample's squared error of the estimate of x0 from x0 + sigma noise, mean over dimensions."""
    noisy = x0 + sigma.reshape(-1, *[1] * (x0.ndim - 1)) * jax.random.normal(key, x0.shape)
    return jnp.mean((task.denoise(params, noisy, sigma, *given) - x0) ** 2, axis=range(1, x0.ndim))


def train_step(task, arm, settings, data, seed, carry):
    """One optimizer step; the keys depend on the seed and the step alone: same data and noise in every arm."""
    key = jax.random.fold_in(jax.random.key(seed), carry["step"])
    key_data, key_noise, key_sigma = jax.random.split(key, 3)

    x0, given = task.draw(data, key_data, settings.batch)
    schedule, sigma = arm.draw(carry["schedule"], key_sigma, settings.batch)

    def loss(params):
        error = errors(task, params, x0, given, sigma, key_noise)
        return jnp.mean(arm.weight(sigma) * error), error

    (value, error), gradient = jax.value_and_grad(loss, has_aux=True)(carry["params"])
    schedule = arm.learn(schedule, sigma, error)

    updates, adam = optax.adam(settings.learning_rate).update(gradient, carry["adam"])
    params = optax.apply_updates(carry["params"], updates)
    step = carry["step"] + 1
    # The average covers a fixed share of the run so far: it needs no total length, and the start drops out.
    rate = 1 / (1 + settings.ema_share * step)
    ema = jax.tree.map(lambda a, b: a + rate * (b - a), carry["ema"], params)
    return {"params": params, "ema": ema, "adam": adam, "schedule": schedule, "step": step}, value


def train(task, arm, settings, data, seed, watch):
    """Train one arm, calling `watch(carry, loss)` after every chunk."""
    data = jax.tree.map(jnp.asarray, data)

    @partial(jax.jit, donate_argnums=0)
    def chunk(carry, data, seed):
        def body(carry, _):
            return train_step(task, arm, settings, data, seed, carry)

        carry, losses = jax.lax.scan(body, carry, length=settings.chunk)
        return carry, losses.mean()

    carry = start(task, arm, seed)
    for _ in range(settings.steps // settings.chunk):
        carry, loss = chunk(carry, data, seed)
        watch(carry, float(loss))
    return carry
