"""Six trainers' situations, with the lines that infonoise.Path adds to each: the density is the one obtained directly in sigma.

Each trainer below is written for this test, in the terms of a public one: its time, what it predicts, its loss. Its
network is the exact denoiser of Gaussian data, so nothing is learned but the schedule. The lines that the schedule
adds are marked ``# +``; docs/path.md has their number.
"""

import inspect
import re
from functools import partial

import infonoise
import infonoise.jax as inj
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT
from infonoise import Path, exact

DEVIATION, DIMENSIONS, BATCH, STEPS = 0.5, 16, 256, 40
DATA = exact.gaussian(DEVIATION, DIMENSIONS)


def batch(key):
    x0, eps = jax.random.normal(key, (2, BATCH, DIMENSIONS))
    return DEVIATION * x0, eps


def denoise(x, alpha, sigma):
    """E[x0 | x_t], the network's answer in every space below."""
    return (alpha * DEVIATION**2 / (alpha**2 * DEVIATION**2 + sigma**2))[:, None] * x


def mean_square(x):
    return (x**2).mean(-1)


def column(*rows):
    return [row[:, None] for row in rows]


def keys():
    return jax.random.split(jax.random.key(7), STEPS)


def swirl_dynamics():
    """sigma itself, x0 prediction, EDM's weight."""
    weight = lambda t: (t**2 + DEVIATION**2) / (t * DEVIATION) ** 2  # noqa: E731
    path = Path.edm(0.002, 80.0)  # +
    sched = inj.init(path.config("x0", weight, sigma_data=DEVIATION))  # +

    @jax.jit
    def step(sched, key):
        x0, eps = batch(key)
        sched, levels = path.sample(sched, BATCH)  # +
        error = mean_square(denoise(x0 + levels.t[:, None] * eps, 1.0, levels.t) - x0)
        sched = inj.step(path.observe(sched, levels, error))  # +
        return sched, (weight(levels.t) * error).mean()

    return jax.lax.scan(step, sched, keys())


def hackable_diffusion(predicts):
    """t in (0, 1), any corruption process, five predictions."""
    alpha, sigma = (lambda t: jnp.cos(jnp.pi / 2 * t)), (lambda t: jnp.sin(jnp.pi / 2 * t))
    path = Path(alpha, sigma, 0, 1)  # +
    sched = inj.init(path.config(predicts, sigma_data=DEVIATION))  # +

    @jax.jit
    def step(sched, key):
        x0, eps = batch(key)
        sched, levels = path.sample(sched, BATCH)  # +
        a, s = column(alpha(levels.t), sigma(levels.t))
        guess = denoise(a * x0 + s * eps, alpha(levels.t), sigma(levels.t))
        noise = (a * x0 + s * eps - a * guess) / s
        found, target = (
            {"x0": x, "epsilon": e, "v": a * e - s * x, "score": -e / s, "velocity": jnp.pi / 2 * (a * e - s * x)}[predicts]
            for x, e in ((guess, noise), (x0, eps))
        )
        error = mean_square(found - target)
        sched = inj.step(path.observe(sched, levels, error))  # +
        return sched, error.mean()

    return jax.lax.scan(step, sched, keys())


def flaxdiff():
    """1000 integer timesteps of a cosine schedule, epsilon prediction."""
    time = (np.arange(1000) + 0.5) / 1000
    alphas, sigmas = jnp.asarray(np.cos(np.pi / 2 * time)), jnp.asarray(np.sin(np.pi / 2 * time))
    path = Path.table(np.tan(np.pi / 2 * time))  # +
    sched = inj.init(path.config("epsilon", sigma_data=DEVIATION))  # +

    @jax.jit
    def step(sched, key):
        x0, eps = batch(key)
        sched, levels = path.sample(sched, BATCH)  # +
        a, s = column(alphas[levels.t], sigmas[levels.t])
        x = a * x0 + s * eps
        error = mean_square((x - a * denoise(x, alphas[levels.t], sigmas[levels.t])) / s - eps)
        sched = inj.step(path.observe(sched, levels, error))  # +
        return sched, error.mean()

    return jax.lax.scan(step, sched, keys())


def diffusionlab():
    """t in (0, 1), the velocity of a path of its own: x_t = (1 - t) x0 + t^2 eps."""
    path = Path(lambda t: 1 - t, lambda t: t**2, 0, 1)  # +
    sched = inj.init(path.config("velocity", sigma_data=DEVIATION, sigma_min=0.002))  # +

    @jax.jit
    def step(sched, key):
        x0, eps = batch(key)
        sched, levels = path.sample(sched, BATCH)  # +
        t = levels.t[:, None]
        x = (1 - t) * x0 + t**2 * eps
        guess = denoise(x, 1 - levels.t, levels.t**2)
        error = mean_square((-guess + 2 * (x - (1 - t) * guess) / t) - (-x0 + 2 * t * eps))
        sched = inj.step(path.observe(sched, levels, error))  # +
        return sched, error.mean()

    return jax.lax.scan(step, sched, keys())


def sbgm(path):
    """Score matching on an SDE in t, with the likelihood weight g(t)^2."""
    squared_diffusion = lambda t: 0.1 + 19.9 * t  # noqa: E731
    sched = inj.init(path.config("score", squared_diffusion, sigma_data=DEVIATION))  # +

    @jax.jit
    def step(sched, key):
        x0, eps = batch(key)
        sched, levels = path.sample(sched, BATCH)  # +
        a, s = column(levels.alpha, levels.sigma)
        x = a * x0 + s * eps
        score = (a * denoise(x, levels.alpha, levels.sigma) - x) / s**2
        error = mean_square(score + eps / s)
        sched = inj.step(path.observe(sched, levels, error))  # +
        return sched, (squared_diffusion(levels.t) * error).mean()

    return jax.lax.scan(step, sched, keys())


def vdm():
    """ln SNR = -gamma(t), epsilon prediction, the likelihood's diffusion term."""
    gamma = lambda t: -13.3 + 18.3 * t  # noqa: E731
    path = Path.log_snr(lambda t: -gamma(t))  # +
    sched = inj.init(path.config("epsilon", sigma_data=DEVIATION, pivot="off"))  # +

    @jax.jit
    def step(sched, key):
        x0, eps = batch(key)
        sched, levels = path.sample(sched, BATCH)  # +
        a, s = column(jnp.sqrt(jax.nn.sigmoid(-gamma(levels.t))), jnp.sqrt(jax.nn.sigmoid(gamma(levels.t))))
        x = a * x0 + s * eps
        error = mean_square((x - a * denoise(x, a[:, 0], s[:, 0])) / s - eps)
        sched = inj.step(path.observe(sched, levels, error))  # +
        term = 0.5 * jax.vmap(jax.grad(gamma))(levels.t) * error * DIMENSIONS  # nats per unit t
        return sched, (term / jnp.exp(levels.log_prob)).mean()  # +

    return jax.lax.scan(step, sched, keys())


TRAINERS = {
    "swirl-dynamics": swirl_dynamics,
    **{f"hackable_diffusion, {name}": partial(hackable_diffusion, name) for name in ("x0", "epsilon", "v", "velocity", "score")},
    "flaxdiff": flaxdiff,
    "diffusionlab": diffusionlab,
    "sbgm, VP": partial(sbgm, Path.vp_linear()),
    "sbgm, subVP": partial(sbgm, Path.subvp()),
    "sbgm, VE": partial(sbgm, Path.ve()),
    "vdm": vdm,
}


def diffusionlabs_weight(sigma):
    t = (np.sqrt(sigma**2 + 4 * sigma) - sigma) / 2  # sigma = t^2 / (1 - t)
    return (1 + 2 * (1 - t) / t) ** 2


#: The weight of the trainer's loss on an x0 error, worked out by hand in sigma; None where the draws follow the target.
BY_HAND = {
    "swirl-dynamics": lambda sigma: 1 / sigma**2 + 1 / DEVIATION**2,
    "hackable_diffusion, x0": lambda sigma: 1 + 0 * sigma,
    "hackable_diffusion, v": lambda sigma: 1 + 1 / sigma**2,
    "hackable_diffusion, velocity": lambda sigma: 2.4674011 * (1 + 1 / sigma**2),
    "diffusionlab": diffusionlabs_weight,
}


@pytest.mark.parametrize("name", TRAINERS)
def test_the_density_is_that_of_sigma(name):
    """The same data and noise, with x0 errors observed at sigma."""
    sched, losses = TRAINERS[name]()
    found = infonoise.Scheduler.from_state(np.asarray(sched.words))
    assert np.isfinite(losses).all() and found.report()["warning"] == "none" and found.report()["refreshes"] >= 3

    same = {field: getattr(found.config, field) for field in ("sigma_min", "sigma_max", "sigma_data", "pivot")}
    by_hand = BY_HAND.get(name)
    fields = {"emphasis": "samples"} if by_hand is None else {"weight": by_hand(found.profile()["sigma"])}
    table = jnp.asarray(np.tan(np.pi / 2 * (np.arange(1000) + 0.5) / 1000), jnp.float32) if name == "flaxdiff" else None

    @jax.jit
    def step(sched, key):
        x0, eps = batch(key)
        sched, sigma = inj.sample(sched, BATCH)
        sigma = sigma if table is None else inj.snap(sigma, table)[0]
        error = mean_square(denoise(x0 + sigma[:, None] * eps, 1.0, sigma) - x0)
        return inj.step(inj.observe(sched, sigma, error)), None

    direct, _ = jax.lax.scan(step, inj.init(infonoise.Config(**same, **fields)), keys())
    distance = abs(found.profile()["density"] - inj.profile(direct)["density"]).sum() / 2
    print(name, f"total variation {distance:.1e}")
    assert distance < 1e-5  # the errors are rounded to float32 in two spaces


def test_the_networks_are_exact():
    x, alpha, sigma = np.linspace(-2, 2, DIMENSIONS)[None], np.array([0.8]), np.array([0.6])
    np.testing.assert_allclose(denoise(x, alpha, sigma), DATA.posterior_mean(x / 0.8, 0.75), rtol=1e-5)


def test_the_likelihood_is_unbiased():
    """VDM's diffusion term is the information between its ends, by its own uniform t and by weighted draws."""
    sched, _ = vdm()
    path = Path.log_snr(lambda t: 13.3 - 18.3 * t)
    n = 200_000

    def terms(t):  # nats per unit t, of the exact errors
        sigma = np.exp(path.log_ratio(t))
        return 0.5 * 18.3 * DATA.mmse(sigma) / sigma**2

    fixed = terms(np.random.default_rng(0).uniform(size=n))
    levels = path.sample(sched, n)[1]
    drawn = terms(np.asarray(levels.t))
    weighted = drawn * np.exp(-np.asarray(levels.log_prob, float))
    known = DATA.entropy(np.exp(path.log_ratio(1.0))) - DATA.entropy(np.exp(path.log_ratio(0.0)))
    errors = [x.std() / np.sqrt(n) for x in (fixed, weighted)]
    print(f"uniform t {fixed.mean():.3f} +- {errors[0]:.3f}, weighted {weighted.mean():.3f} +- {errors[1]:.3f} nats,",
          f"exact {known:.3f}, not weighted {drawn.mean():.3f}")  # fmt: skip
    assert abs(weighted.mean() - fixed.mean()) < 2 * np.hypot(*errors)
    assert abs(weighted.mean() - known) < 2 * errors[1]
    assert errors[1] < 0.3 * errors[0]  # the draws are proportional to what is integrated
    assert abs(drawn.mean() - known) > 2 * errors[0]  # and without their density give another number


def test_likelihood_weights_are_declared():
    """The draws of a score network follow the target; with emphasis target, density times sbgm's weight does."""
    for path in (Path.vp_linear(), Path.subvp(), Path.ve()):
        config = path.config("score", lambda t: 0.1 + 19.9 * t, emphasis="target")
        sigma = infonoise.Scheduler(config).profile()["sigma"]
        t = path.time(sigma)
        alpha, beta = path.alpha(t), 0.1 + 19.9 * t
        np.testing.assert_allclose(config.weight, beta / alpha**2, rtol=1e-9)  # beside the core's 1 / sigma^4


def first(path, predicts, errors, **fields):
    """The report of a schedule after a refresh on exact errors, a function of t and sigma / alpha."""
    scheduler = infonoise.Scheduler(path.config(predicts, min_count=1, **fields))
    sigma = scheduler.profile()["sigma"]
    t = path.time(sigma)
    path.observe(scheduler, infonoise.Levels(t, path.alpha(t), path.sigma(t), 0 * t, sigma), errors(t, sigma))
    return scheduler.step()


def mmse(sigma):
    return DATA.mmse(sigma) / DIMENSIONS


def test_v_declared_for_a_flows_velocity():
    """Between once and twice the error: no warning, but nearly every bin is cut at the ceiling."""
    velocity = lambda t, sigma: mmse(sigma) / t**2  # noqa: E731
    right = first(Path.flow(), "velocity", velocity, sigma_data=DEVIATION)
    wrong = first(Path.flow(), "v", velocity, sigma_data=DEVIATION)
    assert right["warning"] == wrong["warning"] == "none"
    assert right["clipped_bins"] < 35 and wrong["clipped_bins"] == 63
    silent = first(Path.flow(), "v", velocity)  # without sigma_data nothing says so
    assert silent["warning"] == "none" and silent["q05"] > 1.7 * right["q05"]

    def distance(**fields):
        path, density = Path.flow(), []
        for name in ("velocity", "v"):
            scheduler = infonoise.Scheduler(path.config(name, min_count=1, **fields))
            sigma = scheduler.profile()["sigma"]
            t = path.time(sigma)
            path.observe(scheduler, infonoise.Levels(t, 1 - t, t, 0 * t, sigma), velocity(t, sigma))
            scheduler.step()
            density.append(scheduler.profile()["density"])
        return abs(density[0] - density[1]).sum() / 2

    assert distance(sigma_data=DEVIATION) == pytest.approx(0.08, abs=0.005)
    assert distance() == pytest.approx(0.27, abs=0.02)


def test_the_cosines_velocity_declared_v():
    velocity = lambda t, sigma: (np.pi / 2) ** 2 * mmse(sigma) * (1 + sigma**-2)  # noqa: E731
    for deviation in (0, DEVIATION):
        assert first(Path.cosine(), "v", velocity, sigma_data=deviation)["warning"] == "errors_above_identity"
    assert first(Path.cosine(), "velocity", velocity, sigma_data=DEVIATION)["warning"] == "none"


def test_time_reversed():
    """Data at t = 1, declared with noise there: the errors that belong to 1 / sigma."""
    reversed_time = lambda t, sigma: mmse(1 / sigma) / (1 - t) ** 2  # noqa: E731
    wrong = first(Path.flow(), "velocity", reversed_time, sigma_data=DEVIATION)
    assert wrong["warning"] == "errors_above_variance"
    assert first(Path.flow(), "velocity", reversed_time)["warning"] == "none"  # without sigma_data nothing says so
    right = first(Path.flow_reversed(), "velocity", lambda t, sigma: mmse(sigma) / (1 - t) ** 2, sigma_data=DEVIATION)
    known = first(Path.flow(), "velocity", lambda t, sigma: mmse(sigma) / t**2, sigma_data=DEVIATION)
    assert right["warning"] == "none" and right["q50"] == pytest.approx(known["q50"], rel=1e-6)


def test_errors_of_a_vp_score_observed_without_the_path():
    path = Path.vp_linear()
    for deviation in (0, DEVIATION):
        scheduler = infonoise.Scheduler(path.config("score", min_count=1, sigma_data=deviation))
        sigma = scheduler.profile()["sigma"]
        t = path.time(sigma)
        error = mmse(sigma) * (path.alpha(t) / path.sigma(t) ** 2) ** 2
        scheduler.observe(sigma, error)
        assert scheduler.step()["warning"] == "errors_above_variance"
        right = first(path, "score", lambda t, sigma: error, sigma_data=deviation)
        assert right["warning"] == "none" and right["q95"] == pytest.approx(2.6, abs=0.1)


def test_an_epsilon_networks_floor():
    floor = lambda t, sigma: mmse(sigma) / sigma**2 + 0.01  # noqa: E731
    unknown = first(Path.cosine(), "epsilon", floor)
    known = first(Path.cosine(), "epsilon", floor, sigma_data=DEVIATION)
    assert unknown["warning"] == "errors_above_variance" and unknown["q95"] > 100
    assert known["warning"] == "errors_above_variance" and known["q95"] < 3  # cut: the schedule is sound


def test_the_pages_table_counts_the_marked_lines():
    page = (ROOT / "docs/path.md").read_text()
    before = {"flaxdiff": 39, "sbgm": 25, "hackable_diffusion": 16, "vdm": 16, "swirl-dynamics": 15, "diffusionlab": 4}
    for name, lines in before.items():
        trainer = globals()[name.replace("-", "_")]
        # Two more: the import, and for sbgm the path, which the test passes.
        after = len(re.findall(r"  # \+$", inspect.getsource(trainer), re.M)) + 1 + (name == "sbgm")
        assert after <= 8
        assert re.search(rf"^\| {name} .*\| {lines} \| {after} \|$", page, re.M), (name, after)
