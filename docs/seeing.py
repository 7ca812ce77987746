"""A tour of infonoise.plot, in cells: a small denoiser learns the digits, and its schedule is plotted.

    python docs/seeing.py --steps 1500 --out docs/images
"""

# %% A denoiser of 8 x 8 digits with EDM's preconditioning, in JAX.
import argparse
from functools import partial
from pathlib import Path

import infonoise
import infonoise.jax as inj
import jax
import jax.numpy as jnp
import matplotlib
import optax
from infonoise import plot, schedules
from sklearn.datasets import load_digits

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=1500, help="optimizer steps, at least 200")
parser.add_argument("--out", type=Path, help="where the pictures go; without it they are shown")
ask = parser.parse_args()
if ask.out:
    matplotlib.use("Agg")

BATCH, WIDTH = 256, 256
digits = jnp.asarray(load_digits().data) / 8 - 1
SIGMA_DATA = infonoise.data_deviation(digits)


def denoise(params, x, sigma):
    total = sigma**2 + SIGMA_DATA**2
    waves = jnp.log(sigma) / 4 * jnp.arange(1, 9)
    hidden = jnp.concatenate([x / jnp.sqrt(total), jnp.sin(waves), jnp.cos(waves)], 1)
    for weight, bias in params[:-1]:
        hidden = jax.nn.silu(hidden @ weight + bias)
    out = hidden @ params[-1][0] + params[-1][1]
    return SIGMA_DATA**2 / total * x + sigma * SIGMA_DATA / jnp.sqrt(total) * out


sizes = [64 + 16, WIDTH, WIDTH, 64]
keys = jax.random.split(jax.random.key(0), len(sizes))
params = [
    (jax.random.normal(key, (n, m)) / jnp.sqrt(n), jnp.zeros(m))
    for key, n, m in zip(keys, sizes[:-1], sizes[1:])
]

# %% Training. The schedule draws the noise levels, and learns from the errors.
config = infonoise.Config.edm(SIGMA_DATA)
adam = optax.adam(2e-3)


@partial(jax.jit, donate_argnums=0)
def train_step(carry, key):
    params, opt, schedule = carry
    which, noise = jax.random.split(key)
    x0 = digits[jax.random.randint(which, (BATCH,), 0, len(digits))]
    schedule, sigma = inj.sample(schedule, BATCH)
    column = sigma[:, None]
    x = x0 + column * jax.random.normal(noise, x0.shape)

    def loss(params):
        error = ((denoise(params, x, column) - x0) ** 2).mean(1)
        weight = (sigma**2 + SIGMA_DATA**2) / (sigma * SIGMA_DATA) ** 2
        return (weight * error).mean(), error  # the error before the weight

    grads, error = jax.grad(loss, has_aux=True)(params)
    update, opt = adam.update(grads, opt)
    return optax.apply_updates(params, update), opt, inj.step(inj.observe(schedule, sigma, error))


carry = params, adam.init(params), inj.init(config, seed=0)
history = infonoise.History()
history.record(carry[-1])
for key in jax.random.split(keys[-1], ask.steps):
    carry = train_step(carry, key)
    history.record(carry[-1])  # records the density if a refresh changed it
schedule = carry[-1]
print(inj.report(schedule))


def show(name, ax):
    if ask.out:
        ask.out.mkdir(parents=True, exist_ok=True)
        ax.figure.savefig(ask.out / f"{name}.png", dpi=90)


# %% The rate and the gate.
show("seeing-profile", plot.profile(schedule))

# %% The density, and that of other schedules.
others = {
    "EDM": schedules.lognormal(-1.2, 1.2),
    "log-uniform": schedules.loguniform(0.002, 80),
    "logit-normal (SD3)": schedules.logitnormal(0, 1),
}
show("seeing-density", plot.density(schedule, against=others))
print(infonoise.diagnose(schedule, others["EDM"])["verdict"])

# %% The density during training. From a journal: plot.history("run.journal").
show("seeing-history", plot.history(history))

# %% Noise levels for a sampler.
show("seeing-grid", plot.info_grid(schedule, 18))

# %%
if not ask.out:
    matplotlib.pyplot.show()
