"""One training: an arm of a study with a seed, and all measurements on it."""

import datetime
import time

import infonoise
import infonoise.jax as inj
import jax
import jax.numpy as jnp
import numpy as np

import contenders
from sampler import edm_grid, follow
from studies import known, shown
from train import errors, train

NFE = (7, 11, 17, 35)
LEVELS = 18
FINE = 128


def measured(study, floor, arm_name, seed, scale, density=None):
    """The record: scores and schedule at the milestones, and measurements of the finished model."""
    arm = contenders.make(arm_name, known(study.name), scale.timing, density)
    settings, began = study.settings, time.process_time()
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
    params = carry["ema"]
    record["errors"] = errors_at(study, params, seed, scale.offline)
    if arm_name == shown(study.name) and inj.report(carry["schedule"])["refreshes"]:
        compared = grids(carry["schedule"])
        record["pace"] = paces(study, params, seed, compared, scale.trajectories)
        record["grids"] = {
            name: [study.score(study.generate(params, settings.samples, seed, grid((nfe + 1) // 2))) for nfe in NFE]
            for name, grid in compared.items()
        }
    record["seconds"] = time.process_time() - began
    record["made"] = {"date": datetime.date.today().isoformat(), "jax": jax.__version__, "steps": settings.steps}
    return record


def errors_at(study, params, seed, n):
    """The finished model's mean error in every bin, from n log-uniform noise levels, for an offline profile."""
    scheduler = infonoise.Scheduler(infonoise.Config(window=n // 64, warmup_steps=n, min_count=1, fresh_means=False, pivot="off", guard=False), seed=seed)
    data, batch = jax.tree.map(jnp.asarray, study.data), min(n, 512)

    @jax.jit
    def drawn(params, data, sigma, key):
        key_data, key_noise = jax.random.split(key)
        x0, given = study.task.draw(data, key_data, batch)
        return errors(study.task, params, x0, given, sigma, key_noise)

    for key in jax.random.split(jax.random.key(seed + 1000), n // batch):
        sigma = scheduler.sample(batch)
        scheduler.observe(sigma, drawn(params, data, sigma, key))
    profile = scheduler.estimate()
    return {"sigma": profile["sigma"], "error": profile["error"]}


def grids(state):
    """The grids that are compared, as functions of their number of noise levels."""

    def info(power):
        return lambda n: np.append(inj.info_grid(state, n, power=power), np.float32(0))

    return {"karras": edm_grid, "info a=1": info(1.0), "info a=0": info(0.0)}


def paces(study, params, seed, compared, n):
    """For each grid, LEVELS of its noise levels and the mean squared change of the denoised estimate at every step.

    The estimates are those along one bundle of trajectories, on FINE levels: what is compared is where the grids
    cut it, not the errors that a solver makes on them.
    """
    given, fine = study.given(n), edm_grid(FINE)

    @jax.jit
    def estimates(params, x, grid):
        return follow(lambda x, sigma: study.task.denoise(params, x, sigma, *given), x * grid[0], grid)

    noise = jax.random.normal(jax.random.key(seed + 2000), (n, *study.shape))
    seen = np.asarray(estimates(params, noise, jnp.asarray(fine))).reshape(FINE, -1)
    found = {}
    for name, make in compared.items():
        grid = make(LEVELS)[:-1]
        nearest = np.abs(np.log(grid[:, None] / fine[None, :-1])).argmin(1)
        found[name] = {"sigma": grid, "moved": np.mean(np.diff(seen[nearest], axis=0) ** 2, 1)}
    return found
