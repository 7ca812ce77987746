"""The denoiser: a dilated convolution over 64 positions, about 50,000 parameters, in EDM's preconditioning.

Written out in plain JAX: a network this small needs no framework, and the demo then shows nothing but
the training loop.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import edm
from dna import WINDOW
from train import Task

WIDTH = 32
KERNEL = 5
DILATIONS = (1, 2, 4, 8)
HIDDEN = 64
FREQUENCIES = 2.0 ** np.linspace(-2.0, 3.0, 16)


def encode(letters, symbols=4):
    """Letters 0.. as +1 in their own channel and -1 in all others, float (..., symbols)."""
    return 2.0 * jax.nn.one_hot(letters, symbols) - 1.0


@partial(jax.jit, static_argnames="symbols")
def init(key, symbols=4):
    """Initial weights, a dictionary. The output is small at first, so that D starts near c_skip x."""
    keys = iter(jax.random.split(key, 32))

    def dense(inputs, outputs, gain=1.0):
        weight = jax.random.normal(next(keys), (inputs, outputs)) * gain / np.sqrt(inputs)
        return {"w": weight, "b": jnp.zeros(outputs)}

    def block():
        return {
            "film": dense(HIDDEN, 2 * WIDTH, 0.3),
            "conv": dense(KERNEL * WIDTH, WIDTH),
            "mix": dense(WIDTH, WIDTH, 0.5),
        }

    return {
        "stem": dense(KERNEL * symbols, WIDTH),
        "position": 0.1 * jax.random.normal(next(keys), (WINDOW, WIDTH)),
        "noise": [dense(2 * len(FREQUENCIES), HIDDEN), dense(HIDDEN, HIDDEN)],
        "blocks": [block() for _ in DILATIONS],
        "out": dense(WIDTH, symbols, 0.1),
    }


def fourier(c_noise):
    """Sines and cosines of the noise level, (n, 2 FREQUENCIES)."""
    angle = 2 * jnp.pi * c_noise[:, None] * jnp.asarray(FREQUENCIES, jnp.float32)
    return jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], -1)


def apply_dense(layer, x):
    return x @ layer["w"] + layer["b"]


def convolve(layer, x, dilation=1):
    """A dilated convolution as one matrix product over shifted copies: several times faster on a CPU."""
    reach = KERNEL // 2 * dilation
    padded = jnp.pad(x, ((0, 0), (reach, reach), (0, 0)))
    shifts = [padded[:, i * dilation : i * dilation + x.shape[1]] for i in range(KERNEL)]
    return apply_dense(layer, jnp.concatenate(shifts, axis=-1))


def layer_norm(x):
    """Normalisation without scale and shift of its own: those come from the noise level."""
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred**2, -1, keepdims=True) + 1e-5)


def network(params, x, c_noise):
    """The raw network F(x; c_noise)."""
    noise = fourier(c_noise)
    for layer in params["noise"]:
        noise = jax.nn.silu(apply_dense(layer, noise))

    x = convolve(params["stem"], x) + params["position"]
    for layers, dilation in zip(params["blocks"], DILATIONS):
        scale, shift = jnp.split(apply_dense(layers["film"], noise)[:, None], 2, -1)
        h = layer_norm(convolve(layers["conv"], layer_norm(x), dilation))
        h = jax.nn.silu(h * (1 + scale) + shift)
        x = x + apply_dense(layers["mix"], h)
    return apply_dense(params["out"], jax.nn.silu(layer_norm(x)))


denoise = partial(edm.denoise, network)


def draw(sequence, key, n, symbols=4):
    """n windows at random positions."""
    first = jax.random.randint(key, (n, 1), 0, sequence.shape[0] - WINDOW)
    return encode(sequence[first + jnp.arange(WINDOW)], symbols), ()


def task(symbols):
    """Training on windows of a sequence with so many symbols."""
    return Task(partial(init, symbols=symbols), partial(draw, symbols=symbols), denoise)


TASK = task(4)
