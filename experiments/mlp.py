"""The denoiser of images: three residual blocks of width 384 on flat pixels, 1.2 million parameters at 14 x 14."""

import jax
import jax.numpy as jnp
import numpy as np

from model import FREQUENCIES, apply_dense, fourier, layer_norm

WIDTH = 384
BLOCKS = 3
HIDDEN = 64


def init(pixels, classes, key):
    """Initial weights, a dictionary; with classes > 0 the network gets the class as an embedding."""
    keys = iter(jax.random.split(key, 32))

    def dense(inputs, outputs, gain=1.0):
        weight = jax.random.normal(next(keys), (inputs, outputs)) * gain / np.sqrt(inputs)
        return {"w": weight, "b": jnp.zeros(outputs)}

    def block():
        return {"film": dense(HIDDEN, 2 * WIDTH, 0.3), "mix": dense(WIDTH, WIDTH), "out": dense(WIDTH, WIDTH, 0.3)}

    return {
        "stem": dense(pixels, WIDTH),
        "noise": [dense(2 * len(FREQUENCIES), HIDDEN), dense(HIDDEN, HIDDEN)],
        "label": jax.random.normal(next(keys), (classes, HIDDEN)) if classes else None,
        "blocks": [block() for _ in range(BLOCKS)],
        "out": dense(WIDTH, pixels, 0.1),
    }


def network(params, x, c_noise, label=None):
    """The raw network F(x; c_noise, label) on x (n, pixels)."""
    first, second = params["noise"]
    noise = jax.nn.silu(apply_dense(first, fourier(c_noise)))
    if label is not None:
        noise = noise + params["label"][label]
    noise = jax.nn.silu(apply_dense(second, noise))
    x = apply_dense(params["stem"], x)
    for layers in params["blocks"]:
        scale, shift = jnp.split(apply_dense(layers["film"], noise), 2, -1)
        h = jax.nn.silu(apply_dense(layers["mix"], layer_norm(x)) * (1 + scale) + shift)
        x = x + apply_dense(layers["out"], h)
    return apply_dense(params["out"], jax.nn.silu(layer_norm(x)))
