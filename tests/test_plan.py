"""The planned grid from Python: against an independent NumPy version, on data whose answer is known, and by samplers
run on exact denoisers."""

import json
import sys

import infonoise
import infonoise.jax as inj
import jax
import numpy as np
import pytest
from conftest import ROOT
from infonoise import exact

sys.path.insert(0, str(ROOT / "tests/reference"))
import planned_grid as ref  # noqa: E402

PROFILES = json.loads((ROOT / "tests/vectors/profiles.json").read_text())
EXACT = {"coverage": 0.0, "window": 8, "min_count": 1, "warmup_steps": 1}
SIGMA = np.geomspace(0.002, 80, 129)[1::2]


def gaussian(*pairs):
    """The mmse of Gaussian data, (variance, mass) each, at sigma."""
    return lambda sigma: sum(mass * v * sigma**2 / (v + sigma**2) for v, mass in pairs)


def trained(mmse, **changes):
    scheduler = infonoise.Scheduler(infonoise.Config(**{**EXACT, **changes}))
    sigma = scheduler.profile()["sigma"]
    scheduler.observe(sigma, mmse(sigma))
    scheduler.step()
    return scheduler


def reference_of(scheduler):
    curves = scheduler.profile()
    low, high = curves["edges"][[0, -1]]
    return ref.Data(curves["sigma"], curves["error"], low, high, curves["gate"])


def vector(case):
    scheduler = infonoise.Scheduler(infonoise.Config(**case["config"], weight=case.get("weight")))
    for round in case["rounds"]:
        for _ in range(round["repeats"]):
            scheduler.observe(np.float32(case["sigma"]), np.float32(round["error"]))
        scheduler.step()
    return scheduler


@pytest.mark.parametrize("case", [case for case in PROFILES if case["expected"]["hold_reason"] == "none"], ids=lambda case: case["name"])
def test_a_plan_costs_at_most_the_reference_s(case):
    """Of the vectors' profiles, ours is at most a thousandth above the best of the candidates, by the reference's own
    cost, which agrees with the one that the plan states."""
    scheduler = vector(case)
    data = reference_of(scheduler)
    for n, solver in [(3, "heun"), (9, "euler"), (18, "heun")]:
        plan, theirs = scheduler.plan_grid(n, solver=solver), sum(ref.cost(data, solver, ref.plan(data, solver, n)))
        ours = ref.cost(data, solver, plan.sigma)
        assert sum(ours) <= 1.001 * theirs
        assert (plan.error, plan.leaps) == pytest.approx(ours, rel=0.02)
        edm = ref.cost(data, solver, ref.edm(data, n))
        assert (plan.edm_error, plan.edm_leaps) == pytest.approx(edm, rel=0.02)


@pytest.mark.parametrize("pairs", [[(0.25, 1.0)], [(1.0, 0.3), (0.001, 0.7)], [(9.0, 0.1), (0.2, 0.4), (0.002, 0.5)]])
def test_levels_are_the_reference_s(pairs):
    """Where the spectrum is clean, each level but a free last one is where the candidates have it, within one."""
    mmse = gaussian(*pairs)(SIGMA)
    data = ref.Data(SIGMA, mmse, 0.002, 80.0)
    for solver, n in [("heun", 4), ("heun", 9), ("euler", 9)]:
        plan = infonoise.plan_grid(SIGMA, mmse, n, low=0.002, high=80, solver=solver)
        theirs = ref.plan(data, solver, n)
        np.testing.assert_allclose(plan.sigma[:-1], theirs[:-1], rtol=0.06)
        assert (plan.error, plan.leaps) == pytest.approx(ref.cost(data, solver, plan.sigma), rel=1e-5)


def test_the_spectrum_of_two_variances_comes_back():
    for pairs in [[(1.0, 0.3), (0.001, 0.7)], [(0.5, 0.5), (0.005, 0.5)]]:
        plan = infonoise.plan_grid(SIGMA, gaussian(*pairs)(SIGMA), 5, low=0.002, high=80)
        for variance, mass in pairs:
            near = np.abs(np.log(plan.variance / variance)) < 1
            assert plan.mass[near].sum() == pytest.approx(mass, rel=0.02)
            mean = (plan.mass[near] * np.log(plan.variance[near])).sum() / plan.mass[near].sum()
            assert np.exp(mean) == pytest.approx(variance, rel=0.02)


def test_everything_scales_with_the_data():
    pairs, scale = [(1.0, 0.3), (0.001, 0.7)], 32.0
    small = infonoise.plan_grid(SIGMA, gaussian(*pairs)(SIGMA), 9)
    large = infonoise.plan_grid(scale * SIGMA, scale**2 * gaussian(*pairs)(SIGMA), 9)
    np.testing.assert_allclose(large.sigma, scale * small.sigma, rtol=1e-4)
    np.testing.assert_allclose(large.variance, scale**2 * small.variance, rtol=1e-9)
    assert large.error == pytest.approx(small.error, rel=1e-6) and large.edm_levels == small.edm_levels


def steps(denoise, levels, x, solver):
    """x after each step of the probability flow, from the first level down to 0."""
    for s, t in zip(levels, [*levels[1:], 0.0]):
        slope = (x - denoise(x, s)) / s
        if solver == "heun" and t > 0:
            predicted = x + (t - s) * slope
            slope = (slope + (predicted - denoise(predicted, t)) / t) / 2
        x = x + (t - s) * slope
        yield x


@pytest.mark.parametrize("solver", ["heun", "euler"])
def test_a_sampler_on_gaussian_data_errs_as_predicted(solver):
    """On the exact denoiser of each variance, the logarithms by which the steps are off; Euler's all have one sign,
    so that their sum is that of the end."""
    plan = infonoise.plan_grid(SIGMA, gaussian((0.25, 1.0))(SIGMA), 12, low=0.002, high=80, solver=solver)
    levels, weight = plan.sigma.astype(float), plan.mass * plan.variance**0.75
    predicted, at_the_end = 0.0, 0.0
    for variance, share in zip(plan.variance, weight / weight.sum()):
        start = np.sqrt(variance + levels[0] ** 2)  # the flow takes it to sqrt(variance + sigma^2) at every sigma
        path = [x.item() for x in steps(exact.gaussian(np.sqrt(variance)).posterior_mean, levels, np.array([[start]]), solver)]
        off = np.log(path / np.sqrt(variance + np.append(levels[1:], 0.0) ** 2))
        predicted += share * np.abs(np.diff(off, prepend=0.0)).sum()
        at_the_end += share * abs(off[-1])
    assert plan.error == pytest.approx(predicted, rel=1e-6)
    assert at_the_end <= plan.error + 1e-6
    if solver == "euler":
        assert at_the_end == pytest.approx(plan.error, abs=1e-6)


def test_two_point_data():
    """Errors that vanish below the decision: the spectrum lies around it, and the sampler reaches the two points."""
    model = exact.two_point()
    scheduler = trained(model.mmse, endpoint="discrete")
    plan = scheduler.plan_grid(9)
    assert 0.25 < plan.variance.min() and plan.variance.max() < 4
    data = reference_of(scheduler)
    assert plan.error + plan.leaps <= 1.001 * sum(ref.cost(data, "heun", ref.plan(data, "heun", 9)))
    start = 80 * np.linspace(-2, 2, 200)[:, None]
    *_, end = steps(model.posterior_mean, plan.sigma.astype(float), start, "heun")
    np.testing.assert_allclose(end, np.sign(start), atol=1e-3)


def test_levels_evaluations_and_arrays():
    scheduler = trained(gaussian((0.25, 1.0)))
    plan = scheduler.plan_grid(9)
    assert plan.nfe == 17 and plan.solver == "heun" and len(plan) == 9
    assert plan.verdict == f"9 levels (17 evaluations): as good as EDM's {plan.edm_levels}" and plan.edm_levels > 9
    levels = np.append(plan, 0)
    assert levels.shape == (10,) and levels[0] == 80 and (np.diff(levels) < 0).all()
    assert list(plan) == plan.sigma.tolist() and plan[-1] == plan.sigma[-1] and np.asarray(plan).dtype == np.float32
    for nfe, n, solver in [(17, 9, "heun"), (18, 9, "heun"), (1, 1, "heun"), (9, 9, "euler")]:
        same = scheduler.plan_grid(nfe=nfe, solver=solver)
        assert len(same) == n and same.nfe <= nfe
    np.testing.assert_array_equal(scheduler.plan_grid(nfe=17), plan)
    assert scheduler.plan_grid(5, end=0.05).sigma[-1] == np.float32(0.05)
    assert scheduler.plan_grid(1).verdict.startswith("1 level (1 evaluation): ")
    time = scheduler.plan_grid(9, coordinate="flow_t")
    np.testing.assert_allclose(time, plan.sigma / (1 + plan.sigma.astype(float)))
    np.testing.assert_array_equal(time.sigma, plan.sigma)
    # Estimated from what the rings hold, it needs no refresh; a snapshot gives the same plan.
    early = infonoise.Scheduler(infonoise.Config(**{**EXACT, "warmup_steps": 5}))
    sigma = early.profile()["sigma"]
    early.observe(sigma, gaussian((0.25, 1.0))(sigma))
    np.testing.assert_allclose(early.plan_grid(9, estimate=True), plan, rtol=1e-5)
    np.testing.assert_array_equal(infonoise.Scheduler.load(scheduler.save()).plan_grid(9), plan)


def test_a_jax_state_gives_the_same_plan():
    scheduler = trained(gaussian((0.25, 1.0)))
    state = inj.from_words(scheduler.state)
    np.testing.assert_array_equal(inj.plan_grid(state, nfe=17), scheduler.plan_grid(9))
    with pytest.raises(Exception, match="plan_grid"):
        jax.jit(lambda state: inj.plan_grid(state, 9).error)(state)


READY = trained(gaussian((0.25, 1.0)))


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda s: s.plan_grid(), TypeError, "pass n, the number of levels, or nfe"),
        (lambda s: s.plan_grid(9, nfe=17), TypeError, "got n = 9 and nfe = 17"),
        (lambda s: s.plan_grid(0), ValueError, "n = 0 must be from 1 to 240"),
        (lambda s: s.plan_grid(241), ValueError, "n = 241 must be from 1 to 240"),
        (lambda s: s.plan_grid(9.0), TypeError, "n must be a static integer, the number of levels, got 9.0"),
        (lambda s: s.plan_grid(nfe=0), ValueError, "nfe = 0 must be at least 1"),
        (lambda s: s.plan_grid(nfe=999), ValueError, "nfe = 999 makes 500 levels, must make at most 240"),
        (lambda s: s.plan_grid(9, end=80), ValueError, 'end = 80 must be above 0 and below the first level, 80; or "free"'),
        (lambda s: s.plan_grid(9, end=float("nan")), ValueError, "end = nan must be above 0"),
        (lambda s: s.plan_grid(9, end="low"), ValueError, 'end = low must be "free" or a noise level'),
        (lambda s: s.plan_grid(1, end=0.1), ValueError, "end = 0.1 needs n = 1 to be at least 2"),
        (lambda s: s.plan_grid(9, solver="dpm"), ValueError, "solver = dpm must be one of heun, euler"),
        (lambda s: s.plan_grid(9, coordinate="t"), ValueError, "coordinate = t must be one of sigma, flow_t"),
        (lambda s: infonoise.Scheduler(s.config).plan_grid(9), ValueError, "not ready"),
        (lambda s: infonoise.Scheduler(s.config).plan_grid(9, estimate=True), ValueError, "not ready"),
        (lambda s: infonoise.plan_grid([1, 2], [1], 9), ValueError, "sigma has 2 numbers and mmse 1"),
        (lambda s: infonoise.plan_grid([1], [1], 9), ValueError, "two or more are needed"),
        (lambda s: infonoise.plan_grid([1, 3, 2], [1, 1, 1], 9), ValueError, r"sigma\[2\] = 2 must be finite and above"),
        (lambda s: infonoise.plan_grid([0, 1], [1, 1], 9), ValueError, r"sigma\[0\] = 0 must be finite and above"),
        (lambda s: infonoise.plan_grid([1, 2], [1, np.nan], 9), ValueError, r"mmse\[1\] = nan must be finite and not"),
        (lambda s: infonoise.plan_grid([1, 2], [1, -1], 9), ValueError, r"mmse\[1\] = -1 must be finite and not negative"),
        (lambda s: infonoise.plan_grid([1, 2], [0, 0], 9), ValueError, "mmse is 0 everywhere"),
        (lambda s: infonoise.plan_grid([1, 2], [1, 1], 9, low=3), ValueError, "low = 3 and high = 2 must be positive"),
    ],
)
def test_misuse(call, error, words):
    before = READY.digest()
    with pytest.raises(error, match=words):
        call(READY)
    assert READY.digest() == before
