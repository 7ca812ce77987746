"""One training: an arm in a study from a seed, and everything that is measured on it. """

import time

import infonoise
import infonoise.jax as inj
import jax
import jax.numpy as jnp
import numpy as np

import arms
import contenders
from sampler import edm_grid, follow
from studies import shown
from train import train

NFE = (7, 11, 17, 35)
LEVELS = 18


def train_one(study, floor, arm_name, seed, scale, density=None):
    """The record: scores and schedule at the milestones, and measurements of the final model; and its offline schedule."""
    arm = contenders.make(arm_name, study.endpoint, study.settings, density)
    settings, began = study.settings, time.perf_counter()
    record = {"study": study.name, "arm": arm_name, "seed": seed, "floor": floor, "examples": [], "scores": [], "schedule": []}
    step = 0

    def watch(carry, loss):
        nonlocal step
        step += settings.chunk
        if step in settings.milestones:
            record["examples"].append(step * settings.batch)
            record["scores"].append(study.score(study.generate(carry["ema"], settings.samples, seed, edm_grid())))
            if isinstance(carry["schedule"], inj.State):
                report = inj.report(carry["schedule"])
                record["schedule"].append({**report, "density": inj.profile(carry["schedule"])["density"]})

    carry = train(study.task, arm, settings, study.data, seed, watch)
    jax.block_until_ready(carry)
    record["train_seconds"] = time.perf_counter() - began
    params = carry["ema"]
    offline = looked_at(study, params, seed, scale.offline)
    record["offline"] = {**offline.report(), **offline.profile()}
    if arm_name == shown(study.name):
        state = carry["schedule"]
        record["pace"] = paces(study, params, seed, state, offline, scale.trajectories)
        record["grids"] = {
            name: [study.score(study.generate(params, settings.samples, seed, grid((nfe + 1) // 2))) for nfe in NFE]
            for name, grid in grids(state).items()
        }
    record["seconds"] = time.perf_counter() - began
    return record, offline


def looked_at(study, params, seed, n):
    """A scheduler after one refresh on the finished model's errors at n log-uniform noise levels: the offline profile."""
    config = infonoise.Config(endpoint=study.endpoint, window=min(4096, n // 64), warmup_steps=1, min_count=1)
    scheduler = infonoise.Scheduler(config, seed=seed)
    data, batch = jax.tree.map(jnp.asarray, study.data), min(n, 512)

    @jax.jit
    def errors(params, data, sigma, key):
        key_data, key_noise = jax.random.split(key)
        x0, given = study.task.draw(data, key_data, batch)
        noisy = x0 + sigma.reshape(-1, *[1] * (x0.ndim - 1)) * jax.random.normal(key_noise, x0.shape)
        return jnp.mean((study.task.denoise(params, noisy, sigma, *given) - x0) ** 2, axis=range(1, x0.ndim))

    for key in jax.random.split(jax.random.key(seed + 1000), n // batch):
        sigma = scheduler.sample(batch)
        scheduler.observe(sigma, errors(params, data, sigma, key))
    scheduler.step()
    return scheduler


def grids(state):
    """The grids that are compared, as functions of their number of noise levels."""

    def info(power):
        return lambda n: np.append(inj.info_grid(state, n, power=power), np.float32(0))

    return {"karras": edm_grid, "info a=1": info(1.0), "info a=0": info(0.0)}


def paces(study, params, seed, state, offline, n):
    """For each grid of LEVELS noise levels the share of every step in what is resolved.

    `resolved`: of the gated information of the offline profile between two levels. `moved`: of the squared
    change of the denoised estimate along generated trajectories.
    """
    found = {}
    for name, make in grids(state).items():
        grid = make(LEVELS)
        # Offline and schedule share the grid's ends up to rounding.
        inside = np.clip(grid[:-1], arms.SIGMA_MIN, arms.SIGMA_MAX).astype(np.float32)
        resolved = -np.diff(offline.to_entropic_time(inside, power=0.0))
        moved = estimates_move(study, params, seed, grid, n)
        found[name] = {"sigma": grid[:-1], "resolved": resolved / resolved.sum(), "moved": moved / moved.sum()}
    return found


def estimates_move(study, params, seed, grid, n):
    """The mean squared change of D from each level to the next along n trajectories."""
    given = study.given(n)

    @jax.jit
    def moves(params, x, grid):
        estimates = follow(lambda x, sigma: study.task.denoise(params, x, sigma, *given), x * grid[0], grid)
        return jnp.mean(jnp.diff(estimates, axis=0) ** 2, axis=range(1, estimates.ndim))

    noise = jax.random.normal(jax.random.key(seed + 2000), (n, *study.shape))
    return np.asarray(moves(params, noise, jnp.asarray(grid)), np.float64)
