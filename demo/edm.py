"""EDM's preconditioning and loss weight, for data of standard deviation SIGMA_DATA."""

import jax
import jax.numpy as jnp

SIGMA_DATA = 0.5


def coefficients(sigma):
    """EDM's c_skip, c_out, c_in, c_noise."""
    total = sigma**2 + SIGMA_DATA**2
    c_skip = SIGMA_DATA**2 / total
    c_out = sigma * SIGMA_DATA * jax.lax.rsqrt(total)
    return c_skip, c_out, jax.lax.rsqrt(total), jnp.log(sigma) / 4


def denoise(network, params, x, sigma, *given):
    """D(x; sigma), the estimate of the clean sample; sigma has one entry per sample.

    `given` is what else the network may know, such as labels.
    """
    c_skip, c_out, c_in, c_noise = coefficients(sigma)

    def wide(c):
        return c.reshape(-1, *[1] * (x.ndim - 1))

    return wide(c_skip) * x + wide(c_out) * network(params, wide(c_in) * x, c_noise, *given)


def weight(sigma):
    """The loss weight that gives the network's output the same weight at every sigma."""
    return (sigma**2 + SIGMA_DATA**2) / (sigma * SIGMA_DATA) ** 2
