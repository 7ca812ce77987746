"""Generated windows: Heun's method on EDM's grid, the same for every arm."""

from functools import partial

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


def follow(denoise, x, grid):
    """Follow the probability flow of denoise(x, sigma) from x = grid[0] * noise down the grid, whose last entry is 0.

    The last step is Euler's: 2 n - 3 calls of the denoiser for a grid of n entries with its 0. Returns the
    denoised estimates on the way, one for each entry but the 0; the last one is the sample.
    """
    grid = jnp.asarray(grid)

    def estimate(x, sigma):
        return denoise(x, jnp.full(x.shape[0], sigma))

    def step(x, pair):
        here, there = pair
        clean = estimate(x, here)
        first = (x - clean) / here
        guess = x + (there - here) * first
        second = (guess - estimate(guess, there)) / there
        return x + (there - here) * (first + second) / 2, clean

    pairs = jnp.stack([grid[:-2], grid[1:-1]], 1)
    x, cleans = jax.lax.scan(step, x, pairs)
    return jnp.concatenate([cleans, estimate(x, grid[-2])[None]])


def heun(denoise, x, grid):
    """The sample alone."""
    return follow(denoise, x, grid)[-1]


@jax.jit
def _generate(params, noise):
    return jax.lax.map(lambda x: jnp.argmax(heun(partial(denoise, params), x, edm_grid()), -1), noise)


def generate(params, n, seed):
    """n windows as bases 0..3, from the noise that `seed` fixes; small batches stay in the cache."""
    batch = min(n, BATCH)
    noise = jax.random.normal(jax.random.key(seed), (-(-n // batch), batch, WINDOW, 4))
    return np.asarray(_generate(params, noise * edm_grid()[0])).reshape(-1, WINDOW)[:n]
