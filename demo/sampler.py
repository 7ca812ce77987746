"""Generated windows: Heun's method on EDM's grid, the same for every arm."""

import jax
import jax.numpy as jnp
import numpy as np

from dna import WINDOW
from model import denoise

STEPS = 18
RHO = 7
BATCH = 128


def edm_grid(steps=STEPS, sigma_min=0.002, sigma_max=80.0):
    """EDM's rho = 7 grid from sigma_max down to sigma_min, then 0."""
    ramp = np.linspace(sigma_max ** (1 / RHO), sigma_min ** (1 / RHO), steps) ** RHO
    return np.append(ramp, 0.0).astype(np.float32)


def heun(params, x, steps=STEPS):
    """Follow the probability flow from pure noise x down to sigma = 0."""
    grid = edm_grid(steps)

    def slope(x, sigma):
        return (x - denoise(params, x, jnp.full(x.shape[0], sigma))) / sigma

    def step(x, pair):
        here, there = pair
        first = slope(x, here)
        guess = x + (there - here) * first
        second = slope(guess, there)
        return x + (there - here) * (first + second) / 2, None

    pairs = jnp.stack([grid[:-2], grid[1:-1]], 1)
    x, _ = jax.lax.scan(step, x, pairs)
    return x - grid[-2] * slope(x, grid[-2])


@jax.jit
def _generate(params, noise):
    return jax.lax.map(lambda x: jnp.argmax(heun(params, x), -1), noise)


def generate(params, n, seed):
    """n windows as bases 0..3, from the noise that `seed` fixes; small batches stay in the cache."""
    batch = min(n, BATCH)
    noise = jax.random.normal(jax.random.key(seed), (-(-n // batch), batch, WINDOW, 4))
    return np.asarray(_generate(params, noise * edm_grid()[0])).reshape(-1, WINDOW)[:n]
