"""infonoise.Path: its inverse, slope and checks, and that every prediction on every path gives the schedule that its x0 errors give."""

import contextlib
import os
import subprocess
import sys
import textwrap
from functools import partial

import infonoise
import infonoise.jax as inj
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from infonoise import Path, exact

GAMMA = lambda t: 13.3 - 18.3 * t  # noqa: E731
PATHS = {
    "flow": Path.flow(),
    "flow, shifted": Path.flow(shift=3.0),
    "flow, reversed": Path.flow_reversed(),
    "flow, shifted and reversed": Path.flow(shift=0.4, data_at=1),
    "cosine": Path.cosine(),
    "cosine, shifted": Path.cosine(shift=4.0),
    "vp_linear": Path.vp_linear(),
    "subvp": Path.subvp(),
    "ve": Path.ve(),
    "edm": Path.edm(),
    "log_snr": Path.log_snr(GAMMA),
    "any": Path(lambda t: 1 - t**2, lambda t: 2 * t**2, 0, 1),
    "any, of JAX": Path(lambda t: jnp.exp(-3 * t), lambda t: jnp.log1p(t), 0, 2),
    "log-SNR of JAX, NaN at t = 1": Path(
        lambda t: jax.nn.sigmoid(-2 * jnp.log(jnp.tan(jnp.pi / 2 * t))) ** 0.5,
        lambda t: jax.nn.sigmoid(2 * jnp.log(jnp.tan(jnp.pi / 2 * t))) ** 0.5, 0, 1,
    ),
    "any, of a constant": Path(lambda t: 2.0, lambda t: 0.1 + t**2, 0, 6),
    "any, falling": Path(lambda t: t**0.5, lambda t: (3 - t) ** 2, 0, 3),
    # The centres of 64 bins are among these timesteps.
    "table": Path.table(np.geomspace(0.01, 50.0, 1025)),
    "table, falling": Path.table(np.geomspace(90.0, 0.02, 129), alpha=np.linspace(0.1, 1.0, 129)),
}
CURVES = [name for name in PATHS if "table" not in name]
#: The predictions that are the core's own on each path, beside x0 and epsilon.
OWN = {
    "flow": {"velocity"}, "flow, reversed": {"velocity"}, "cosine": {"v"}, "cosine, shifted": {"v"}, "vp_linear": {"v"},
    "log-SNR of JAX, NaN at t = 1": {"v"}, "ve": {"score"}, "edm": {"score"}, "log_snr": {"v"}, "table": {"v", "velocity"}, "table, falling": {"velocity"},
}  # fmt: skip
DATA = exact.gaussian(0.5)


@contextlib.contextmanager
def double_precision():
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", False)


class Refused(Exception):
    """What a type checker raises: no TypeError."""


def rows_of_jax(function):
    """A function with checked types, as trainers have: a row of JAX alone, and a derivative of its own."""
    ruled = jax.custom_vjp(function)
    ruled.defvjp(lambda t: (function(t), t), lambda t, g: (g * jax.vmap(jax.grad(function))(t),))

    def checked(t):
        if not isinstance(t, jax.Array) or t.ndim != 1:
            raise Refused(type(t))
        return ruled(t)

    return checked


PATHS["rows of JAX"] = Path(rows_of_jax(lambda t: jnp.cos(1.5 * t)), rows_of_jax(lambda t: jnp.sin(1.5 * t)), 0, 1)
PATHS["a number of JAX"] = Path(*(jax.vmap(lambda t, f=f: f(1.5 * t)) for f in (jnp.cos, jnp.sin)), 0, 1)
PATHS["log_snr, rows of JAX"] = Path.log_snr(rows_of_jax(lambda t: 9 - 12 * t))
CURVES += list(PATHS)[-3:]
OWN |= {name: {"v"} for name in list(PATHS)[-3:]}


def within(path, n=2001):
    """Times inside the path's range, more of them near the ends."""
    share = 1 / (1 + np.exp(-np.linspace(-7, 7, n)))
    return path.t0 + (path.t1 - path.t0) * share


@pytest.mark.parametrize("name", CURVES)
def test_the_inverse(name):
    path = PATHS[name]
    t, length = within(path), path.t1 - path.t0
    ratio = np.exp(path.log_ratio(t))
    assert abs(path.time(ratio) - t).max() < 1e-6 * length
    ratio = ratio.astype(np.float32)  # as a scheduler draws it
    exactly = path.time(ratio)
    for time in (path.time, jax.jit(path.time), jax.jit(jax.vmap(path.time))):
        found = time(jnp.asarray(ratio))
        assert found.dtype == jnp.float32 and abs(np.asarray(found) - exactly).max() < 1e-6 * length
    beyond = path.time(np.array([1e-12, 1e12]))
    np.testing.assert_allclose(np.sort(beyond), [path.t0, path.t1], atol=2e-6 * length)


@pytest.mark.parametrize("name", CURVES)
def test_the_slope(name):
    path = PATHS[name]
    t = within(path)[1:-1]
    by_jax = jax.jit(path.slope)(jnp.asarray(t, jnp.float32))
    np.testing.assert_allclose(by_jax, path.slope(t), rtol=2e-3)  # t is rounded, and 1 - t is small at an end
    # The integral of the slope is the span in ln sigma.
    nodes, weights = np.polynomial.legendre.leggauss(8)
    edges = within(path, 200)
    middle, half = (edges[1:] + edges[:-1])[:, None] / 2, np.diff(edges)[:, None] / 2
    total = (half * weights * path.slope(middle + half * nodes)).sum()
    rises = path.log_ratio(edges[-1:]) - path.log_ratio(edges[:1])
    assert total == pytest.approx(abs(rises[0]), rel=1e-6 if "of JAX" not in name else 1e-4)


@pytest.mark.parametrize("name", PATHS)
def test_which_errors_are_the_cores(name):
    assert PATHS[name].own == {"x0", "epsilon"} | OWN.get(name, set())


def prediction(predicts, alpha, sigma, alpha_slope, sigma_slope, x0, eps):
    return {
        "x0": x0,
        "epsilon": eps,
        "v": alpha * eps - sigma * x0,
        "velocity": alpha_slope * x0 + sigma_slope * eps,
        "score": -eps / sigma,
    }[predicts]


def times_of(path, ratio):
    """t, alpha, sigma and their derivatives: by JAX in float64 for curves."""
    t = path.time(ratio)
    if isinstance(path, infonoise.paths.table.TablePath):
        return t, path.alpha(t), path.sigma(t), -1.0, 1.0
    slopes = [infonoise.namespaces.derivative(f, jnp.asarray(t), path.t0, path.t1) for f in (path.alpha, path.sigma)]
    return t, path.alpha(t), path.sigma(t), *map(np.asarray, slopes)


@pytest.mark.parametrize("predicts", ["x0", "epsilon", "v", "velocity", "score"])
@pytest.mark.parametrize("name", PATHS)
def test_the_density_is_that_of_the_x0_errors(name, predicts):
    """A denoiser with a known error predicts in each space; the loss has a weight of its own."""
    path, fields = PATHS[name], {"coverage": 0.0, "min_count": 1, "emphasis": "target", "sigma_data": 0.5}
    own_weight = lambda t: 1 + (t - path.t0) / (path.t1 - path.t0)  # noqa: E731
    config = path.config(predicts, own_weight, **fields)
    ratio = infonoise.Scheduler(config).profile()["sigma"]
    with double_precision():
        t, alpha, sigma, *slopes = times_of(path, ratio)
    miss = np.sqrt(DATA.mmse(ratio))  # of x0
    x0, eps = 0.3, -0.8
    x = alpha * x0 + sigma * eps
    guess = x0 + miss, (x - alpha * (x0 + miss)) / sigma
    target, found = (prediction(predicts, alpha, sigma, *slopes, *pair) for pair in ((x0, eps), guess))
    error = (found - target) ** 2

    scheduler = infonoise.Scheduler(config)
    levels = infonoise.Levels(t, alpha, sigma, 0 * alpha, ratio)
    assert path.observe(scheduler, levels, error) is scheduler
    scheduler.step()
    state = inj.init(config)
    batch = infonoise.Levels(*(jnp.asarray(x) for x in (t, alpha, sigma, 0 * alpha, ratio)))
    state = inj.step(jax.jit(path.observe)(state, batch, error))

    ends = {"bins": config.bins, "sigma_min": config.sigma_min, "sigma_max": config.sigma_max}
    weight = own_weight(t) * error / miss**2  # on the x0 error
    direct = infonoise.Scheduler(infonoise.Config(**{**fields, **ends}, weight=weight))
    direct.observe(ratio, miss**2)
    assert direct.step()["refreshes"] == 1
    found, by_jax, known = (s.profile()["density"] for s in (scheduler, infonoise.Scheduler.from_state(state.words), direct))
    exactly = 1e-6 if "of JAX" not in name else 3e-5  # its functions have float32's digits
    assert abs(found - known).max() < exactly
    # In JAX t is float32: near an end 1 - t has few digits, and so have the errors there that it converts.
    assert abs(by_jax - known).max() < 1e-4


#: A configuration in sigma, and the path and arguments that give the same.
NATIVE = {
    "flow": (infonoise.Config.flow(sigma_data=0.5), Path.flow(), {"predicts": "velocity"}),
    "reversed": (infonoise.Config.flow(sigma_data=0.5), Path.flow_reversed(), {"predicts": "velocity"}),
    "v": (infonoise.Config(objective="v", sigma_data=0.5), Path.cosine(), {"predicts": "v"}),
    "epsilon": (infonoise.Config.epsilon(sigma_data=0.5), Path.vp_linear(), {"predicts": "epsilon"}),
    "score": (
        infonoise.Config(objective="score", emphasis="samples", sigma_data=0.5), Path.ve(0.001, 90.0), {"predicts": "score"},
    ),
    "edm": (
        infonoise.Config.edm(0.5), Path.edm(), {"predicts": "x0", "loss_weight": lambda t: (t**2 + 0.25) / (t * 0.5) ** 2},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NATIVE)
def test_the_presets_schedules(name):
    native, path, arguments = NATIVE[name]
    ends = {"sigma_min": native.sigma_min, "sigma_max": native.sigma_max} if name not in ("flow", "reversed", "edm") else {}
    config = path.config(**arguments, sigma_data=0.5, **ends)
    assert (config.sigma_min, config.sigma_max) == pytest.approx((native.sigma_min, native.sigma_max), rel=1e-7)
    density = []
    for one in (config, native):
        scheduler = infonoise.Scheduler(one)
        sigma = np.repeat(scheduler.profile()["sigma"], 20)
        scheduler.observe(sigma, DATA.mmse(sigma) * {"x0": 1, "edm": 1}.get(one.objective, weight_of(one.objective, sigma)))
        assert scheduler.step()["refreshes"] == 1
        density.append(scheduler.profile()["density"])
    assert abs(density[0] - density[1]).max() < 1e-6


def weight_of(objective, sigma):
    """What the specification's table says: an error of this objective per error of x0."""
    table = {"velocity": (1 + 1 / sigma) ** 2, "v": 1 + sigma**-2, "epsilon": sigma**-2, "score": sigma**-4}
    return table.get(objective)


def test_a_grid_ends_where_the_path_does():
    flow = infonoise.Config.flow()
    assert Path.flow().config("velocity", sigma_min=0, sigma_max=0) == flow
    assert Path.ve(0.01, 50.0).config("score").sigma_min == 0.01
    cosine = Path.cosine().config("v")
    assert (cosine.sigma_min, cosine.sigma_max) == pytest.approx((np.tan(np.pi / 2000), 1 / np.tan(np.pi / 2000)), rel=1e-6)
    assert Path.edm().config(sigma_min=0.1).sigma_max == 80.0
    with pytest.raises(ValueError, match=r"sigma_max = 90 is no level of the path, whose sigma / alpha is from 0.002 to 80"):
        Path.edm().config(sigma_max=90.0)


def test_factors_of_the_loss():
    path = Path.flow()
    plain = path.config("velocity")
    assert plain.weight is None and path.config("velocity", lambda t: 3 + 0 * t).weight is None
    t = path.time(infonoise.Scheduler(plain).profile()["sigma"])
    np.testing.assert_allclose(path.config("velocity", lambda t: 2 * t).weight, 2 * t)
    divided = path.config("velocity", lambda t: 2 * t, time_density=lambda t: 1 + t)
    np.testing.assert_allclose(divided.weight, 2 * t / (1 + t))
    # The velocity of the cosine path is pi/2 times its v: the same weight on x0, up to that constant.
    v, velocity = (Path.cosine().config(name) for name in ("v", "velocity"))
    sigma = infonoise.Scheduler(v).profile()["sigma"]
    ratio = np.array(velocity.weight) * (1 + 1 / sigma) ** 2 / (1 + sigma**-2)
    np.testing.assert_allclose(ratio, np.pi**2 / 4, rtol=1e-8)
    assert [Path.flow().config(name).emphasis for name in ("x0", "v", "velocity", "epsilon", "score")] == [
        "target", "target", "target", "samples", "samples",
    ]  # fmt: skip
    shaped = path.config("velocity", rows_of_jax(lambda t: 2 * t)).weight
    np.testing.assert_allclose(shaped, 2 * t, rtol=1e-6)
    np.testing.assert_allclose(path.config("velocity", lambda t: 2 * t.reshape(-1, 1, 1, 1)).weight, 2 * t)
    with pytest.raises(ValueError, match=r"loss_weight\(0.9.*\) = -?0 must be positive and finite"):
        path.config("velocity", lambda t: np.maximum(0.9 - t, 0))
    with pytest.raises(TypeError, match="weight follows from the path: pass loss_weight"):
        path.config("velocity", weight=np.ones(64))
    with pytest.raises(ValueError, match="predicts = 'eps' must be one of x0, epsilon, v, score, velocity"):
        path.config("eps")


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Path(lambda t: 1 - t, lambda t: t * (1.2 - t), 0, 1), None),
        (
            lambda: Path(lambda t: 1 + 0 * t, lambda t: 0.1 + t * (1.2 - t), 0, 1),
            r"rises from 0.101171 at t = 0.000976562 to .* but from t = 0.599609 to 0.600586 it goes from 0.459999847 to 0.459999657",
        ),
        (lambda: Path(np.cos, np.sin, 0, 2), r"alpha\(1.57227\) = -0.0014693 must be positive and finite between the ends"),
        (lambda: Path(lambda t: 1 - t, lambda t: 0 * t + 0.5, 1, 0), "t0 = 1 and t1 = 0 must be finite numbers, t0 below t1"),
        (lambda: Path(lambda t: t, lambda t: np.stack([t, t]), 0, 1), r"sigma must be elementwise: t of shape \(1,\) gave shape \(2, 1\)"),
        (lambda: Path(__import__("math").cos, np.sin, 0, 1), "alpha must map a row of numbers to one of that length, and no .* suited it: TypeError"),
        (lambda: Path.log_snr(lambda t: np.clip(9 - 20 * t, -5, 5)), "strictly monotone in t, and it rises"),
        (lambda: Path.flow(shift=0), "shift = 0 must be above 0"),
        (lambda: Path.flow(data_at=2), "data_at = 2 must be 0"),
        (lambda: Path.vp_linear(3, 1), "beta_min = 3 and beta_max = 1 must be above 0, the first below"),
        (lambda: Path.table([0.1, 0.3, 0.3, 0.5]), r"levels\[2\] = 0.3.* must be above levels\[1\] = 0.3.*, since the entries rise"),
        (lambda: Path.table([0.1, 0.3, np.inf]), r"levels\[2\] = inf must be positive and finite: give"),
        (lambda: Path.table([0.1]), "at least two sigma / alpha"),
        (lambda: Path.table([0.1, 0.3], alpha=[1.0, 0.0]), r"alpha\[1\] = 0 must be positive and finite"),
        (lambda: Path.table([0.1, 0.3], alpha=[1.0]), r"alpha must have one number for each level, got shapes \(1,\)"),
    ],
)
def test_what_is_no_path(make, message):
    if message is None:
        make()
        return
    with pytest.raises((ValueError, TypeError), match=message):
        make()


@pytest.mark.parametrize("name", PATHS)
def test_numpy_and_jax_draw_the_same_levels(name):
    path = PATHS[name]
    config = path.config("v")
    scheduler, levels = path.sample(infonoise.Scheduler(config, 3), 512)
    state, traced = jax.jit(lambda state: path.sample(state, 512))(inj.init(config, 3))
    assert isinstance(traced, infonoise.Levels) and len(jax.tree.leaves(traced)) == 5
    length = path.t1 - path.t0
    np.testing.assert_allclose(traced.t, levels.t, atol=1e-6 * length, rtol=0)
    for field in ("alpha", "sigma", "ratio"):
        assert getattr(levels, field).dtype == getattr(traced, field).dtype == np.float32
        np.testing.assert_allclose(getattr(traced, field), getattr(levels, field), rtol=2e-4, atol=2e-6)
    np.testing.assert_allclose(traced.log_prob, levels.log_prob, rtol=0, atol=3e-4)
    part = levels[:16]
    assert part.t.shape == (16,) and (part.ratio == levels.ratio[:16]).all()
    shards = [path.sample(inj.init(config, 3), 128, rank=rank, world=4)[1].t for rank in range(4)]
    np.testing.assert_allclose(np.concatenate(shards), levels.t, atol=1e-6 * length, rtol=0)
    masked = path.observe(scheduler, levels, np.ones(512), mask=levels.ratio > 1)
    assert masked.report()["observations"] == (levels.ratio > 1).sum()
    state = path.observe(state, traced, jnp.ones(512), levels.ratio > 1)
    assert inj.digest(state) == masked.digest() or name in ("flow", "cosine") or masked.report()["rejected"] == 0


@pytest.mark.parametrize("name", ["flow", "cosine", "log_snr", "any, of JAX", "table, falling"])
def test_transformations(name):
    """Under vmap, grad, shard_map and strict promotion the levels are those of single calls."""
    path = PATHS[name]
    config = path.config("velocity")
    states = jax.vmap(partial(inj.init, config))(jnp.arange(3))
    with jax.numpy_dtype_promotion("strict"), jax.transfer_guard("disallow"), jax.checking_leaks():
        states, levels = jax.jit(jax.vmap(partial(path.sample, n=16)))(states)
        states = jax.jit(jax.vmap(path.observe))(states, levels, levels.ratio)
    one, known = path.sample(inj.init(config, 2), 16)
    np.testing.assert_array_equal(levels.ratio[2], known.ratio)
    np.testing.assert_allclose(levels.log_prob[2], known.log_prob, rtol=1e-5, atol=1e-4)
    assert inj.report(states)["observations"].tolist() == [16, 16, 16]

    def loss(scale, state):
        state, levels = path.sample(state, 16)
        error = scale * levels.ratio
        return (error / jnp.exp(levels.log_prob)).mean(), path.observe(state, levels, error)

    (value, after), slope = jax.jit(jax.value_and_grad(loss, has_aux=True))(2.0, inj.init(config, 2))
    assert slope == pytest.approx(float(value) / 2, rel=1e-5) and inj.report(after)["observations"] == 16


DEVICES = """
import infonoise.jax as inj, jax, jax.numpy as jnp, numpy as np
from infonoise import Path
from jax.sharding import PartitionSpec as P

mesh = jax.make_mesh((4,), ("data",))

def together(path, state):
    state, levels = path.sample(state, 16, axis_name="data")
    error = 0.1 * levels.sigma
    loss = (error / jnp.exp(levels.log_prob)).mean()
    return inj.step(path.observe(state, levels, error, axis_name="data")), levels, loss[None]

def alone(path, state):
    state, levels = path.sample(state, 64)
    return inj.step(path.observe(state, levels, 0.1 * levels.sigma)), levels

for path, predicts in (
    (Path.log_snr(lambda t: 13.3 - 18.3 * t), "epsilon"),
    (Path(lambda t: jnp.exp(-3 * t), lambda t: jnp.log1p(t), 0, 2), "score"),
    (Path.cosine(), "velocity"),
    (Path.table(np.geomspace(50, 0.01, 300), alpha=np.linspace(0.1, 1, 300)), "score"),
):
    one = many = inj.init(path.config(predicts, sigma_data=0.5))
    parts = P("data")
    split = jax.shard_map(lambda state: together(path, state), mesh=mesh, in_specs=P(), out_specs=(P(), parts, parts))
    split, whole = jax.jit(split), jax.jit(lambda state: alone(path, state))
    for _ in range(5):
        (many, theirs, loss), (one, levels) = split(many), whole(one)
    assert inj.report(many)["refreshes"] == inj.report(one)["refreshes"]
    words = [np.asarray(shard.data) for shard in many.words.addressable_shards]
    assert len(words) == 4 and all((row == words[0]).all() for row in words)
    for found, known in zip(jax.tree.leaves(theirs), jax.tree.leaves(levels)):
        np.testing.assert_allclose(found, known, rtol=1e-4, atol=1e-4)
"""


def test_on_four_devices():
    """With axis_name, and shard_map's check_vma on: the levels of one device, and equal replicas."""
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    done = subprocess.run([sys.executable, "-c", DEVICES], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def test_levels_of_the_shape_of_images():
    path = Path.cosine()
    state, levels = path.sample(inj.init(path.config("velocity")), (4, 1, 1, 1))
    assert levels.t.shape == levels.log_prob.shape == (4, 1, 1, 1)
    error = np.array([1.0, 2.0, 3.0, 4.0])
    found = path.observe(state, levels, jnp.asarray(error, jnp.float32))
    assert inj.report(found)["observations"] == 4
    flat = infonoise.Levels(*(x.ravel() for x in (levels.t, levels.alpha, levels.sigma, levels.log_prob, levels.ratio)))
    assert inj.digest(path.observe(state, flat, error)) == inj.digest(found)
    with pytest.raises(ValueError, match="must have the same shape"):
        path.observe(state, flat, jnp.ones(3))
    scheduler = infonoise.Scheduler(path.config("velocity"))
    scheduler, row = path.sample(scheduler, 4)
    with pytest.raises(ValueError, match="must have the same shape"):
        path.observe(scheduler, row, np.ones(3))


def test_a_table_draws_timesteps():
    levels = PATHS["table"].sample(infonoise.Scheduler(PATHS["table"].config("epsilon"), 1), 4096)[1]
    row = np.geomspace(0.01, 50.0, 1025)
    assert levels.t.dtype == np.int32 and 0 <= levels.t.min() < 20 and 1000 < levels.t.max() <= 1024
    np.testing.assert_allclose(levels.ratio, row[levels.t], rtol=1e-6)
    np.testing.assert_allclose(levels.sigma / levels.alpha, row[levels.t], rtol=1e-6)
    np.testing.assert_allclose(levels.alpha**2 + levels.sigma**2, 1, rtol=1e-6)
    # The draws are log-uniform before the first refresh: each timestep has about one of 1024.
    np.testing.assert_allclose(np.exp(-levels.log_prob[(levels.t > 0) & (levels.t < 1024)]), 1024, rtol=0.2)


def test_a_measured_table_is_a_path():
    """Its levels, with the factors that were measured: here the flow's, alpha = 1 - sigma, in the order of falling noise."""
    sigma = np.linspace(0.99, 0.01, 99).astype(np.float32)
    row = lambda t: sigma[t].reshape(-1, 1, 1, 1)  # noqa: E731
    table = infonoise.timesteps.measured(lambda x0, eps, t: (1 - row(t)) * x0 + row(t) * eps, np.arange(99))
    path = Path.table(table)
    assert path.own == {"x0", "epsilon", "velocity"}
    _, levels = path.sample(infonoise.Scheduler(path.config("velocity")), 64)
    np.testing.assert_allclose(levels.sigma, sigma[levels.t], rtol=1e-6)
    np.testing.assert_allclose(levels.alpha, 1 - sigma[levels.t], rtol=1e-6)


@pytest.mark.parametrize("name", ["flow, shifted", "subvp", "any", "table"])
def test_weighted_draws_are_unbiased(name):
    """The mean of f(t) / density is the integral of f over the grid's range of t, or the sum over timesteps."""
    path = PATHS[name]
    config = path.config("v", warmup_steps=0, min_count=1)
    scheduler = infonoise.Scheduler(config, 5)
    sigma = scheduler.profile()["sigma"]
    scheduler.observe(sigma, DATA.mmse(sigma))
    scheduler.step()
    _, levels = path.sample(scheduler, 200_000)
    f = lambda ratio: 1 / (1 + ratio)  # noqa: E731
    terms = f(levels.ratio) * np.exp(-levels.log_prob.astype(float))
    if name == "table":
        total = f(np.geomspace(0.01, 50.0, 1025)).sum()
    else:
        t0, t1 = path.time(np.array([config.sigma_min, config.sigma_max]))
        nodes, weights = np.polynomial.legendre.leggauss(200)
        t = (t0 + t1) / 2 + (t1 - t0) / 2 * nodes
        total = abs(t1 - t0) / 2 * weights @ f(np.exp(path.log_ratio(t)))
    assert abs(terms.mean() - total) < 2 * terms.std() / np.sqrt(len(terms))
    assert abs(f(levels.ratio).mean() * (path.t1 - path.t0) / total - 1) > 0.05  # and without the density are not


def test_a_learned_schedule_inside_jit():
    """VDM's gamma: the path is made from traced parameters, and its time is that of the path made outside."""
    gamma = lambda params, t: params["low"] + params["span"] * (t + 0.3 * t**2) / 1.3  # noqa: E731
    params = {"low": jnp.float32(-10.0), "span": jnp.float32(14.0)}
    outside = Path.log_snr(lambda t: -gamma(params, t))
    state = inj.init(outside.config("epsilon"))

    @jax.jit
    def step(params, state):
        path = Path.log_snr(lambda t: -gamma(params, t))
        state, levels = path.sample(state, 256)
        return path.observe(state, levels, levels.sigma), levels

    state, levels = step(params, state)
    np.testing.assert_allclose(levels.t, outside.time(np.asarray(levels.ratio)), atol=2e-6)
    assert inj.report(state)["observations"] == 256
    slope = jax.grad(lambda params: sum(x.sum() for x in jax.tree.leaves(step(params, state)[1])))(params)
    assert slope == {"low": 0, "span": 0}
    falling = {"low": jnp.float32(4.0), "span": jnp.float32(-14.0)}
    np.testing.assert_allclose(step(falling, state)[1].t[0] > 1, False)


def test_a_journal_and_other_states(tmp_path):
    path = Path.cosine()
    with infonoise.Journal(tmp_path / "run.journal", infonoise.Scheduler(path.config("velocity"))) as journal:
        journal, levels = path.sample(journal, 32)
        path.observe(journal, levels, np.ones(32))
        journal.step()
    assert infonoise.replay(tmp_path / "run.journal")
    with pytest.raises(TypeError, match="state must be an infonoise.jax.State or an infonoise.Scheduler, got dict"):
        path.observe({}, levels, np.ones(32))
    with pytest.raises(TypeError, match="state must be an infonoise.jax.State or an infonoise.Scheduler, got dict"):
        path.sample({}, 32)


@pytest.mark.parametrize("coordinate", ["sigma", "flow_t", "log_snr", "c_noise"])
def test_coordinates_of_traced_arrays(coordinate):
    sigma = np.geomspace(1e-3, 1e3, 101)
    native = infonoise.coordinates.from_sigma(coordinate, sigma)
    with double_precision():
        there = jax.jit(lambda sigma: infonoise.coordinates.from_sigma(coordinate, sigma))(sigma)
        np.testing.assert_allclose(there, native, rtol=1e-14, atol=1e-15)
        back = jax.jit(lambda value: infonoise.coordinates.to_sigma(coordinate, value))(there)
        np.testing.assert_allclose(back, sigma, rtol=1e-12)
    assert infonoise.coordinates.from_sigma(coordinate, jnp.asarray([1, 2])).dtype == jnp.float32
    slope = jax.grad(lambda sigma: infonoise.coordinates.from_sigma(coordinate, sigma))(2.0)
    assert slope == pytest.approx({"sigma": 1, "flow_t": 1 / 9, "log_snr": -1, "c_noise": 1 / 8}[coordinate])


def test_snapping_traced_arrays():
    table = np.geomspace(50, 0.01, 30).astype(np.float32)
    sigma = np.geomspace(0.02, 40, 11).astype(np.float32)
    snapped, index = jax.jit(lambda sigma: infonoise.coordinates.snap(sigma, table))(sigma)
    known = infonoise.coordinates.snap(sigma, table)
    assert (snapped == known[0]).all() and (index == known[1]).all()


def test_tensors(with_torch):
    program = textwrap.dedent("""
        import infonoise, numpy as np, torch
        from infonoise import Path

        shaped = Path(lambda t: torch.cos(t) ** 2, lambda t: t.sin(), 0, torch.pi / 2)
        for path in (Path.flow(3.0), Path.cosine(), Path.vp_linear(), Path.ve(), Path.log_snr(lambda t: 9 - 12 * t), shaped):
            t = torch.linspace(0.01, 0.99, 101, dtype=torch.float64)
            ratio = path.log_ratio(t).exp()
            assert abs(path.time(ratio) - t).max() < 1e-6
            by_difference = (path.log_ratio(t + 1e-5) - path.log_ratio(t - 1e-5)).abs() / 2e-5
            torch.testing.assert_close(path.slope(t), by_difference, rtol=1e-5, atol=0)
            np.testing.assert_allclose(path.slope(t.numpy()), path.slope(t), rtol=1e-9)
            scheduler = infonoise.Scheduler(path.config("velocity", lambda t: 1 + t))
            scheduler, levels = path.sample(scheduler, 64)
            assert isinstance(levels.t, torch.Tensor) == (path is shaped) and levels.t.shape == (64,)
            path.observe(scheduler, levels, torch.ones(64, requires_grad=True))
            assert scheduler.report()["observations"] == 64
        value = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
        for name in ("flow_t", "log_snr", "c_noise"):
            there = infonoise.coordinates.from_sigma(name, value)
            assert isinstance(there, torch.Tensor)
            np.testing.assert_allclose(there, infonoise.coordinates.from_sigma(name, value.numpy()), rtol=1e-14)
            np.testing.assert_allclose(infonoise.coordinates.to_sigma(name, there), value, rtol=1e-14)
    """)
    process = with_torch("-c", program)
    out, error = process.communicate(timeout=100)
    assert process.returncode == 0, error


def test_without_jax():
    program = (
        "import sys; sys.modules['jax'] = None; import infonoise, numpy as np\n"
        "path = infonoise.Path.cosine(); s = infonoise.Scheduler(path.config('velocity'))\n"
        "s, levels = path.sample(s, 8); path.observe(s, levels, np.ones(8)); print(s.step()['observations'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "8", done.stderr


def test_levels_beyond_the_path_are_moved_to_its_end_and_count_for_nothing():
    """A learned gamma has narrowed since the state was made: the weighted mean stays that of uniform t."""
    wide, narrow = (infonoise.Path.log_snr(lambda t, low=low: -(low + (5 - low) * t)) for low in (-13.3, -9.0))
    state = inj.init(wide.config("epsilon", sigma_data=0.5, pivot="off", min_count=1), 0)
    term = lambda t: 0.25 / (0.25 + jnp.exp(-9 + 14 * t))
    exact_value = float(term(jnp.linspace(0, 1, 100_001)).mean())
    with pytest.warns(UserWarning, match="leaves the path's sigma / alpha from 0.0111"):
        _, levels = narrow.sample(state, 200_000)
    outside = np.isinf(levels.log_prob)
    assert 0.2 < outside.mean() < 0.3 and set(np.asarray(levels.t)[outside]) == {0.0}
    np.testing.assert_allclose(levels.ratio, levels.sigma / levels.alpha, 2e-4)
    weighted = term(levels.t) * jnp.exp(-levels.log_prob)
    assert abs(float(weighted.mean()) - exact_value) < 3 * float(weighted.std()) / 200_000**0.5
    # The same inside jit, where nothing can be checked, and with a Scheduler.
    traced = jax.jit(lambda s: infonoise.Path.log_snr(lambda t: -(-9.0 + 14.0 * t)).sample(s, 1000)[1])(state)
    assert 0.2 < np.isinf(traced.log_prob).mean() < 0.3
    scheduler = infonoise.Scheduler(infonoise.Config(sigma_data=0.5))
    with pytest.warns(UserWarning, match="draws beyond an end are moved to it. Make the state from path.config"):
        _, levels = infonoise.Path.edm(0.05, 10).sample(scheduler, 4000)
    np.testing.assert_allclose(levels.ratio, levels.sigma, 1e-6)
    assert np.isinf(levels.log_prob).mean() > 0.3


@pytest.mark.parametrize("end", [5.0, 20.0, 50.0])
def test_ends_that_are_all_noise_stay_in_units_of_the_data(end):
    """The Ornstein-Uhlenbeck process: a thousandth of its range of t is far too much, or far too little."""
    path = infonoise.Path(lambda t: np.exp(-t), lambda t: np.sqrt(-np.expm1(-2 * t)), 0.0, end)
    config = path.config(sigma_data=0.5)
    assert 0.0002 <= config.sigma_min <= 0.002 and 80 <= config.sigma_max <= 1000
    flow = infonoise.Path.flow().config("velocity", sigma_data=0.5)
    np.testing.assert_allclose([flow.sigma_min, flow.sigma_max], [0.001 / 0.999, 999.0], 1e-6)
    steep = infonoise.Path(lambda t: 1 - t, lambda t: t**3, 0.0, 1.0).config(sigma_data=0.5)
    assert steep.sigma_min >= 0.0002


def test_a_wide_path_is_inverted_in_its_lowest_cells_too():
    path = infonoise.Path(lambda t: 1.0, lambda t: t, 1e-4, 1000.0)
    ratio = np.exp(np.linspace(np.log(1.2e-4), np.log(999.0), 500))
    np.testing.assert_allclose(path.time(ratio), ratio, 1e-2)
    np.testing.assert_allclose(jax.jit(path.time)(jnp.asarray(ratio, jnp.float32)), ratio, 1e-2)


@pytest.mark.parametrize("weight", [lambda t: np.ones(3), lambda t: np.ones((t.size, 4)), lambda t: (1 / (1 + t)).mean()])
def test_a_weight_must_give_each_t_its_own_number(weight):
    with pytest.raises(ValueError, match="loss_weight must give each t its own number"):
        infonoise.Path.flow().config("velocity", weight)


def test_numpy_functions_are_named_where_jax_needs_its_own():
    path = infonoise.Path(lambda t: 1 - np.asarray(t), lambda t: np.asarray(t), 0.0, 1.0)
    state = inj.init(path.config("velocity"), 0)
    with pytest.raises(TypeError, match="uses NumPy on JAX's arrays: write it with jax.numpy"):
        path.sample(state, 4)
