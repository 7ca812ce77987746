"""How long does a network without a skip connection keep the warning errors_above_identity?

    python experiments/no_skip.py                    about five minutes of one core

A small network predicts x0 of a mixture of eight Gaussians, as EDM's preconditioned
network does or without any skip connection. After some steps: in how many of the 64 bins
the report says, and an evaluation finds, errors above 2 sigma^2; the pivot; the draws.
docs/choosing.md has the table.
"""

import argparse
from functools import partial

import infonoise
import infonoise.jax as inj
import jax
import jax.numpy as jnp
import numpy as np
import optax

BATCH, WIDTH, CENTRES, AROUND = 256, 128, 0.45, 0.218
ARMS = {
    "no skip, plain loss": {"skip": False, "objective": "x0"},
    "no skip, EDM's loss": {"skip": False, "objective": "edm"},
    "no skip, plain loss, sigma_min .02": {"skip": False, "objective": "x0", "sigma_min": 0.02},
    "EDM's skip, plain loss": {"skip": True, "objective": "x0"},
    "EDM's skip, EDM's loss": {"skip": True, "objective": "edm"},
}


def mixture(dimensions):
    """A function that draws n samples, of deviation .5 per dimension."""
    means = np.random.default_rng(0).standard_normal((8, dimensions))
    means -= means.mean(0)
    means = jnp.asarray(means * CENTRES / np.sqrt((means**2).mean()), jnp.float32)

    def draw(key, n):
        which, inside = jax.random.split(key)
        return means[jax.random.randint(which, (n,), 0, 8)] + AROUND * jax.random.normal(inside, (n, dimensions))

    return draw


def denoise(params, x, sigma, sd, skip):
    """The estimate of x0 (n, dimensions) from x at sigma (n, 1)."""
    total = sigma**2 + sd**2
    hidden = jnp.concatenate([x / jnp.sqrt(total), jnp.log(sigma) / 4], 1)
    for weight, bias in params[:-1]:
        hidden = jax.nn.silu(hidden @ weight + bias)
    out = hidden @ params[-1][0] + params[-1][1]
    return sd**2 / total * x + sigma * sd / jnp.sqrt(total) * out if skip else out


def train(draw, dimensions, stops, skip, objective, **changes):
    """Yields a line at each of the steps ``stops``."""
    sd = infonoise.data_deviation(draw(jax.random.key(1), 20000))
    config = infonoise.Config(objective=objective, sigma_data=sd, **changes)
    sizes = [dimensions + 1, WIDTH, WIDTH, dimensions]
    keys = jax.random.split(jax.random.key(0), len(sizes))
    params = [
        (jax.random.normal(key, (n, m)) / np.sqrt(n), jnp.zeros(m)) for key, n, m in zip(keys, sizes, sizes[1:])
    ]
    adam, network = optax.adam(1e-3), partial(denoise, sd=sd, skip=skip)

    def error_of(params, x0, sigma, key):
        x = x0 + sigma[:, None] * jax.random.normal(key, x0.shape)
        return ((network(params, x, sigma[:, None]) - x0) ** 2).mean(1)

    def step(carry, key):
        params, opt, schedule = carry
        data, noise = jax.random.split(key)
        x0 = draw(data, BATCH)
        schedule, sigma = inj.sample(schedule, BATCH)
        weight = (sigma**2 + sd**2) / (sigma * sd) ** 2 if objective == "edm" else 1.0

        def loss(params):
            error = error_of(params, x0, sigma, noise)
            return (weight * error).mean(), error

        slope, error = jax.grad(loss, has_aux=True)(params)
        update, opt = adam.update(slope, opt)
        schedule = inj.step(inj.observe(schedule, sigma, error))
        return (optax.apply_updates(params, update), opt, schedule), None

    @jax.jit
    def evaluate(params, centres):
        x0 = draw(jax.random.key(2), 2048)
        return jax.lax.map(lambda s: error_of(params, x0, jnp.full(2048, s), jax.random.key(3)).mean(), centres)

    run = jax.jit(lambda carry, keys: jax.lax.scan(step, carry, keys)[0], donate_argnums=0)
    carry, done = (params, adam.init(params), inj.init(config, seed=0)), 0
    for stop in stops:
        carry = run(carry, jax.random.split(jax.random.key(stop), stop - done))
        done = stop
        report, centres = inj.report(carry[2]), inj.profile(carry[2])["sigma"]
        found = np.asarray(evaluate(carry[0], jnp.asarray(centres, jnp.float32)))
        above = centres[found > 2 * centres**2]
        yield (
            f"{stop:6d}  {report['warning']:22s} {report['warning_bins']:2d} bins up to {report['warning_high']:.3f}"
            f"  evaluated {len(above):2d} up to {above.max(initial=0):.3f}  clipped {report['clipped_bins']:2d}"
            f"  pivot {report['pivot']:.3f}  draws {report['q05']:.3f} {report['q50']:.3f} {report['q95']:.2f}"
        )


def main(dimensions, stops):
    for name, arm in ARMS.items():
        print(f"{name}, {dimensions} dimensions")
        for line in train(mixture(dimensions), dimensions, stops, **arm):
            print(line, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dimensions", type=int, default=8)
    parser.add_argument("--stops", type=int, nargs="+", default=[500, 5000, 20000], help="steps at which to look")
    ask = parser.parse_args()
    main(ask.dimensions, ask.stops)
