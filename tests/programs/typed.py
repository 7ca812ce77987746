"""A program for type checkers; tests/test_wheel.py runs mypy on it.

Where a line is marked as an error, mypy must find one.
"""

from typing import Any, assert_type

import infonoise
import infonoise.jax as inj
import jax
import numpy as np

config = infonoise.Config.edm(sigma_data=0.5, refresh_every=50)
assert_type(infonoise.data_deviation(np.eye(2)), float)
assert_type(infonoise.data_deviation(batch for batch in [np.eye(2), np.ones((3, 2))]), float)
infonoise.data_deviation("data.npy")  # type: ignore[arg-type]
infonoise.data_deviation([1.0, 2.0])  # type: ignore[list-item]
scheduler = infonoise.Scheduler(config, seed=1)
sigma = scheduler.sample(4)
assert_type(sigma, np.ndarray)
assert_type(scheduler.observe(sigma, sigma), int)
assert_type(scheduler.report(), dict[Any, Any])
assert_type(scheduler.save(), bytes)
assert_type(scheduler.plan_grid(9), infonoise.Plan)
np.append(scheduler.plan_grid(nfe=17, solver="euler"), 0)
infonoise.Scheduler("edm")  # type: ignore[arg-type]
infonoise.Config(bins="64")  # type: ignore[arg-type]
scheduler.sample("4")  # type: ignore[arg-type]
infonoise.Config(weight=np.ones(64), baseline="table", baseline_table=[1.0] * 64)
scheduler.draw(4)  # type: ignore[attr-defined]

table = infonoise.timesteps.measured(lambda x0, noise, t: x0 + 0.1 * t * noise, [1], shape=())
assert_type(table.levels, np.ndarray)
assert_type(infonoise.coordinates.snap(sigma, table.levels, table.timesteps), tuple[np.ndarray, np.ndarray])
path = infonoise.Path.cosine()
assert_type(path, infonoise.Path)
assert_type(path.config("v", lambda t: 1 + t, sigma_data=0.5), infonoise.Config)
assert_type(path.sample(scheduler, 4)[1], infonoise.Levels)
infonoise.Path(lambda t: 1 - t, lambda t: t, "0", 1)  # type: ignore[arg-type]
infonoise.Path.linear()  # type: ignore[attr-defined]

assert_type(infonoise.data_deviation(jax.numpy.eye(2)), float)
state = inj.init(config, seed=0)
state, drawn = inj.sample(state, 4)
assert_type(drawn, jax.Array)
assert_type(inj.step(inj.observe(state, drawn, drawn)), inj.State)
assert_type(inj.digest(state), int)
assert_type(inj.snap(drawn, table.levels, table.timesteps), tuple[jax.Array, jax.Array])
state, drawn = inj.sample(state, (4, 1, 1), axis_name="data")
assert_type(inj.observe(state, drawn, drawn, axis_name=("data", "model")), inj.State)
assert_type(inj.init(config, jax.random.key(0)), inj.State)
inj.step(state.words)  # type: ignore[arg-type]
inj.sample(state, "4")  # type: ignore[arg-type]
inj.sample(state)  # type: ignore[call-arg]
