"""infonoise.exact against independent answers, and the library against infonoise.exact."""

import infonoise
import numpy as np
import pytest
from infonoise import exact
from scipy.integrate import quad
from scipy.optimize import brentq
from sklearn.datasets import load_digits


def integral(model, low, high, points=600):
    """The integral of the rate in ln sigma, by Gauss-Legendre in panels."""
    nodes, weights = np.polynomial.legendre.leggauss(6)
    edges = np.linspace(np.log(low), np.log(high), points // 6 + 1)
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    sigma = np.exp(middle[:, None] + half[:, None] * nodes)
    return float((half[:, None] * weights * model.rate(sigma) * sigma).sum())


def test_two_points():
    model = exact.two_point()
    assert integral(model, 0.02, 80) == pytest.approx(0.693069, abs=1e-6)
    assert model.entropy(80.0) - model.entropy(0.02) == pytest.approx(0.693069, abs=1e-6)
    assert model.posterior_mean([[0.3]], 0.5)[0, 0] == pytest.approx(np.tanh(0.3 / 0.25), rel=1e-12)
    sigma = 0.7
    by_hand, _ = quad(
        lambda e: np.exp(-e * e / 2) / np.sqrt(2 * np.pi) * (1 - np.tanh((1 + sigma * e) / sigma**2)), -9, 9
    )
    assert model.mmse(sigma) == pytest.approx(by_hand, rel=1e-9)


def test_quantiles_of_the_two_point_information():
    model, total = exact.two_point(), 0.693069  # what .02 to 80 holds
    for share, sigma in [(0.05, 0.4478), (0.25, 0.6770), (0.5, 0.9786), (0.75, 1.5493), (0.95, 3.728)]:
        found = brentq(lambda s: model.entropy(s) - share * total, 0.1, 20)
        assert found == pytest.approx(sigma, rel=2e-4)


def test_gaussians():
    five = exact.gaussian(0.5, 5)
    assert integral(five, 0.02, 80) == pytest.approx(16.09828, abs=1e-5)
    assert integral(five, 0.002, 80) == pytest.approx(27.60725, abs=1e-5)
    assert five.entropy(80.0) - five.entropy(0.02) == pytest.approx(16.09828, abs=1e-5)
    one, line = exact.gaussian(0.5), exact.mixture([0.0], 0.5)
    for sigma in (0.01, 0.5, 20.0):
        assert one.mmse(sigma) == pytest.approx(line.mmse(sigma), rel=1e-9)
        assert one.entropy(sigma) == pytest.approx(line.entropy(sigma), abs=1e-6)


def test_mixture_by_quadrature():
    model = exact.mixture([-1.0, 0.5, 2.0], 0.2, [0.2, 0.5, 0.3])
    assert integral(model, 0.05, 20) == pytest.approx(model.entropy(20.0) - model.entropy(0.05), rel=1e-6)

    def differential(sigma):
        return quad(lambda x: -np.exp(p := model.log_density([[x]], sigma)[0]) * p, -60, 60, limit=500, points=[-1, 0, 2])[0]

    # I(x0; x) = h(x) - h(noise), and H[x0 | x] = h(x0) - I.
    information = [differential(s) - np.log(2 * np.pi * np.e * s * s) / 2 for s in (0.1, 3.0)]
    assert information[0] - information[1] == pytest.approx(model.entropy(3.0) - model.entropy(0.1), abs=1e-6)


@pytest.mark.parametrize(
    "model",
    [exact.two_point(0.7), exact.mixture([-1.0, 1.0], 0.3), exact.one_hot(4), exact.gaussian(0.5, 3)],
    ids=["two points", "mixture", "one-hot", "gaussian"],
)
def test_score_covariance_and_mmse_belong_together(model):
    rng, sigma, d = np.random.default_rng(0), 0.6, model.dimension
    x = rng.normal(size=(5, d))
    step = 1e-5 * np.eye(d)
    for i in range(d):
        slope = (model.log_density(x + step[i], sigma) - model.log_density(x - step[i], sigma)) / 2e-5
        np.testing.assert_allclose(slope, model.score(x, sigma)[:, i], rtol=1e-6, atol=1e-8)
        # d E[x0 | x] / dx = Cov[x0 | x] / sigma^2.
        jacobian = (model.posterior_mean(x + step[i], sigma) - model.posterior_mean(x - step[i], sigma)) / 2e-5
        np.testing.assert_allclose(jacobian, model.posterior_covariance(x, sigma)[:, i] / sigma**2, rtol=1e-5, atol=1e-8)
    trace = np.trace(model.posterior_covariance(x, sigma), axis1=1, axis2=2)
    np.testing.assert_allclose(model.posterior_variance(x, sigma), trace, rtol=1e-9)


def test_one_hot_letters_hold_ln_4():
    model = exact.one_hot(4, draws=20_000)
    assert model.entropy(50.0) == pytest.approx(np.log(4), abs=2e-3) and model.entropy(0.05) < 1e-6
    difference = model.entropy(50.0) - model.entropy(0.05)
    assert integral(model, 0.05, 50, 120) == pytest.approx(difference, rel=0.01)
    # Two letters are two points at distance sqrt 2.
    two, line = exact.one_hot(2, draws=100_000), exact.two_point(np.sqrt(0.5))
    assert two.mmse(0.5) == pytest.approx(line.mmse(0.5), rel=0.02)


def test_digits_by_the_empirical_denoiser():
    data = load_digits().data[:300] / 16
    model = exact.empirical(data, draws=1500, batch=500)
    low, high = 0.1, 200.0
    # Independently: at high noise nothing is known, at low noise everything.
    assert model.entropy(high) == pytest.approx(np.log(300), rel=2e-3) and model.entropy(low) < 0.02
    assert integral(model, low, high, 90) == pytest.approx(np.log(300) - model.entropy(low), rel=0.02)
    same = exact.empirical([[-1.0], [1.0]])
    assert same.mmse(0.8) == pytest.approx(exact.two_point().mmse(0.8), rel=1e-12)


def test_slopes_stationary_points_and_log_snr():
    assert exact.log_log_slope(exact.gaussian(0.5), 1e-4) == pytest.approx(-1, abs=1e-3)
    assert exact.log_log_slope(exact.gaussian(0.5), 1e4) == pytest.approx(-3, abs=1e-3)
    assert exact.log_log_slope(exact.two_point(), 100.0) == pytest.approx(-3, abs=1e-3)
    assert exact.log_log_slope(exact.two_point(), 0.15) > 30
    for sigma in (1.0, 1.5):
        assert exact.two_point_fixed_points(sigma).tolist() == [0]
    for sigma in (0.3, 0.8, 0.99):
        points = exact.two_point_fixed_points(sigma)
        assert len(points) == 3
        np.testing.assert_allclose(np.tanh(points / sigma**2), points, atol=1e-9)
    model, sigma, step = exact.two_point(), 0.9, 1e-4
    slope = (model.entropy(sigma * np.exp(-step / 2)) - model.entropy(sigma * np.exp(step / 2))) / (2 * step)
    assert exact.entropy_rate_per_log_snr(model, sigma) == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize(
    "model, endpoint, pivot",
    [(exact.two_point(), "discrete", 0.294), (exact.gaussian(0.5), "continuous", 0.495)],
    ids=["two points", "gaussian"],
)
def test_a_schedule_finds_what_is_exact(model, endpoint, pivot):
    config = infonoise.Config(endpoint=endpoint, coverage=0.0, window=8, min_count=1, warmup_steps=1)
    scheduler = infonoise.Scheduler(config)
    sigma = scheduler.profile()["sigma"]
    scheduler.observe(sigma, model.mmse(sigma) / model.dimension)
    report, profile = scheduler.step(), scheduler.profile()
    assert report["pivot"] == pytest.approx(pivot, rel=0.01)
    np.testing.assert_allclose(profile["rate"][24:], model.rate(sigma)[24:] / model.dimension, rtol=1e-5)
    difference = model.entropy(profile["edges"][-1]) - model.entropy(profile["edges"][20])
    assert profile["entropy"][-1] - profile["entropy"][20] == pytest.approx(difference, rel=1e-3)


def test_misuse():
    for call, message in [
        (lambda: exact.empirical(np.zeros((2, 3, 4))), "flatten each sample"),
        (lambda: exact.gaussian(0.0), "deviation = 0.0"),
        (lambda: exact.mixture([0.0], -1.0), "width = -1.0"),
        (lambda: exact.mixture([0.0, 1.0], 1.0, [1.0]), "2 positive numbers"),
        (lambda: exact.two_point().posterior_mean([[0.0]], 0.0), "sigma = 0.0"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
