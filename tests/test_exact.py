"""infonoise.exact against independent answers, and the library against infonoise.exact."""

import subprocess
import sys

import infonoise
import numpy as np
import pytest
from infonoise import exact
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from scipy.special import softmax, xlogy
from sklearn.datasets import load_digits

SKEWED = [0.1, 0.2, 0.3, 0.4]  # a prior over four letters


def test_without_scipy_the_error_says_what_to_install():
    program = "import sys; sys.modules['scipy'] = None; import infonoise; infonoise.History; import infonoise.exact"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("ImportError: infonoise.exact needs SciPy: pip install 'infonoise[exact]'")


def integral(model, low, high, points=600):
    """The integral of the rate in ln sigma, by Gauss-Legendre in panels."""
    nodes, weights = np.polynomial.legendre.leggauss(6)
    edges = np.linspace(np.log(low), np.log(high), points // 6 + 1)
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    sigma = np.exp(middle[:, None] + half[:, None] * nodes)
    return float((half[:, None] * weights * model.rate(sigma) * sigma).sum())


def simulated(model, sigma, n, seed=11):
    """n pairs of x0 and x, from random numbers that the model itself never draws."""
    rng = np.random.default_rng(seed)
    x0 = model.centres[rng.choice(len(model.centres), n, p=model.weights)]
    x0 = x0 + model.width * rng.standard_normal(x0.shape)
    return x0, x0 + sigma * rng.standard_normal(x0.shape)


def close(estimate, exact_value, deviations=4):
    """Whether the mean of independent numbers agrees within its standard error."""
    error = deviations * estimate.std() / np.sqrt(len(estimate)) + 1e-9 * abs(exact_value)
    return abs(estimate.mean() - exact_value) < error


def test_two_points():
    model = exact.two_point()
    held = integral(model, 0.02, 80, 300)
    assert held == pytest.approx(0.693069, abs=1e-6)
    assert model.entropy(80.0) - model.entropy(0.02) == pytest.approx(held, abs=1e-9)
    x = np.array([[0.3], [-4.0]])
    np.testing.assert_allclose(model.posterior_mean(x, 0.5), np.tanh(x / 0.25), rtol=1e-12)  # (42)
    np.testing.assert_allclose(model.posterior_variance(x, 0.5), np.cosh(x[:, 0] / 0.25) ** -2.0, rtol=1e-12)  # (43)


@pytest.mark.parametrize("scale", [1.0, 3.0])
@pytest.mark.parametrize("ratio", [0.035, 0.05, 0.1, 0.3, 1.0, 7.0, 1000.0])
def test_two_points_far_into_the_tail(scale, ratio):
    # 1 - E tanh^2 cancels at low noise; p(x) / cosh^2 is exp(-a^2 / 2) N(e) / cosh(a e), with x = sigma e.
    a = 1 / ratio
    by_hand, _ = quad(lambda e: np.exp(-e * e / 2) / np.cosh(a * e), -12, 12, points=[0], limit=500, epsabs=0)
    by_hand *= scale**2 * np.exp(-a * a / 2) / np.sqrt(2 * np.pi)
    assert exact.two_point(scale).mmse(ratio * scale) == pytest.approx(by_hand, rel=1e-8, abs=0)


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
    assert five.entropy(1e6) == pytest.approx(2.5 * np.log(2 * np.pi * np.e * 0.25), rel=1e-9)  # h(x0)
    # The same through the general code: on the line, and by draws.
    one, line = exact.gaussian(0.5), exact.mixture([0.0], 0.5)
    drawn = exact.Mixture(np.zeros((1, 5)), 0.5, draws=20_000)
    for sigma in (0.01, 0.5, 20.0):
        assert one.mmse(sigma) == pytest.approx(line.mmse(sigma), rel=1e-12)
        assert one.entropy(sigma) == pytest.approx(line.entropy(sigma), abs=1e-11)
        assert five.mmse(sigma) == pytest.approx(drawn.mmse(sigma), rel=1e-12)
        assert five.entropy(sigma) == pytest.approx(drawn.entropy(sigma), abs=0.02)


def test_mixture_by_quadrature():
    model = exact.mixture([-1.0, 0.5, 2.0], 0.2, [0.2, 0.5, 0.3])
    assert integral(model, 0.05, 20, 300) == pytest.approx(model.entropy(20.0) - model.entropy(0.05), rel=1e-9)

    def differential(variance):
        """h of the mixture with that variance in each component, sharing no code with the model."""

        def integrand(x):
            near = np.exp(-((x - np.array([-1, 0.5, 2])) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
            return -xlogy(p := near @ [0.2, 0.5, 0.3], p)

        reach = 12 * np.sqrt(variance)
        return quad(integrand, -1 - reach, 2 + reach, limit=500, points=[-1, 0.5, 2], epsabs=1e-12)[0]

    # H[x0 | x] = h(x0) + h(noise) - h(x).
    for sigma in (0.03, 0.3, 3.0, 30.0):
        noise = np.log(2 * np.pi * np.e * sigma**2) / 2
        by_hand = differential(0.04) + noise - differential(0.04 + sigma**2)
        assert model.entropy(sigma) == pytest.approx(by_hand, abs=1e-9)


MODELS = {
    "two points": exact.two_point(0.7),
    "mixture": exact.mixture([-1.0, 1.0, 1.5], 0.3, [0.5, 0.3, 0.2]),
    "one-hot": exact.one_hot(4, 1.0, SKEWED),
    "gaussian": exact.gaussian(0.5, 3),
    "empirical": exact.empirical(5 + np.random.default_rng(1).normal(size=(7, 2))),
    "blobs": exact.Mixture([[0.0, 1.0], [2.0, 0.0], [1.0, 1.0]], 0.4, [1, 2, 3]),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_score_covariance_and_mmse_belong_together(model):
    sigma, d = 0.6, model.dimension
    x = simulated(model, sigma, 5)[1]
    step = 1e-5 * np.eye(d)
    covariance = model.posterior_covariance(x, sigma)
    for i in range(d):
        slope = (model.log_density(x + step[i], sigma) - model.log_density(x - step[i], sigma)) / 2e-5
        np.testing.assert_allclose(slope, model.score(x, sigma)[:, i], rtol=1e-6, atol=1e-8)
        # d E[x0 | x] / dx = Cov[x0 | x] / sigma^2.
        jacobian = (model.posterior_mean(x + step[i], sigma) - model.posterior_mean(x - step[i], sigma)) / 2e-5
        np.testing.assert_allclose(jacobian, covariance[:, i] / sigma**2, rtol=1e-5, atol=1e-8)
        curvature = (model.score(x + step[i], sigma) - model.score(x - step[i], sigma)) / 2e-5
        np.testing.assert_allclose(curvature, model.hessian(x, sigma)[:, i], rtol=1e-5, atol=1e-7)
    trace = np.trace(covariance, axis1=1, axis2=2)
    np.testing.assert_allclose(model.posterior_variance(x, sigma), trace, rtol=1e-9)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_mmse_is_the_error_of_the_perfect_denoiser(model, sigma):
    x0, x = simulated(model, sigma, 20_000)
    mean = model.posterior_mean(x, sigma)
    mmse = model.mmse(sigma)
    if model.dimension > 1 and not isinstance(model, exact.Gaussian | exact.OneHot):
        mmse = type(model)(model.centres, model.width, model.weights, draws=200_000).mmse(sigma)
    assert close(((mean - x0) ** 2).sum(1), mmse)
    assert close(np.trace(model.posterior_covariance(x[:8000], sigma), axis1=1, axis2=2), mmse)
    # The posterior mean is best: a denoiser that moves less or more has a larger error (23).
    for factor in (0.8, 1.2):
        assert (((x + factor * (mean - x)) - x0) ** 2).sum(1).mean() > mmse


def test_one_hot_letters_hold_ln_4():
    model = exact.one_hot(4)
    tail = integral(model, 50, 50_000, 240) + 0.375 / 50_000**2  # then mmse is the variance, 3/4
    assert tail == pytest.approx(np.log(4) - model.entropy(50.0), abs=1e-12)
    assert integral(model, 0.05, 50, 400) + tail == pytest.approx(np.log(4), abs=1e-9)
    skewed = exact.one_hot(4, 2.0, SKEWED)
    prior = -(np.array(SKEWED) * np.log(SKEWED)).sum()
    assert skewed.entropy(1e5) == pytest.approx(prior, abs=1e-8) and skewed.entropy(0.1) < 1e-40
    assert integral(skewed, 0.1, 1e5, 300) == pytest.approx(prior, abs=1e-8)


@pytest.mark.parametrize("sigma", [0.035, 0.1, 0.5, 2.0, 50.0])
def test_two_letters_are_two_points(sigma):
    half = np.sqrt(0.5)  # their distance is sqrt 2
    pairs = [
        (exact.one_hot(2), exact.two_point(half), sigma),
        (exact.one_hot(2, 3.0, [0.9, 0.1]), exact.mixture([-3 * half, 3 * half], 0.0, [0.9, 0.1]), 3 * sigma),
    ]
    for letters, line, s in pairs:
        assert letters.mmse(s) == pytest.approx(line.mmse(s), rel=1e-8, abs=0)
        assert letters.entropy(s) == pytest.approx(line.entropy(s), rel=1e-7, abs=0)


@pytest.mark.parametrize("letters, weights", [(4, None), (4, SKEWED), (50, None)], ids=["4", "4 skewed", "50"])
def test_one_hot_quadrature_agrees_with_draws(letters, weights):
    model = exact.one_hot(letters, 1.5, weights)
    for sigma in (0.5, 1.5):
        x0, x = simulated(model, sigma, 20_000)
        assert close(((model.posterior_mean(x, sigma) - x0) ** 2).sum(1), model.mmse(sigma))
        posterior = softmax(np.log(model.weights) + 1.5 * x / sigma**2, axis=1)
        assert close(-xlogy(posterior, posterior).sum(1), model.entropy(sigma))


def test_digits_by_the_empirical_denoiser():
    data = load_digits().data[:300] / 16
    model, low = exact.empirical(data, draws=1500, batch=500), 0.3
    # ln 300 at high noise; the entropy at low noise from other draws, distances and code.
    x0, x = simulated(model, low, 4000)
    posterior = softmax(-cdist(x, data, "sqeuclidean") / (2 * low**2), axis=1)
    remaining = -xlogy(posterior, posterior).sum(1)
    assert model.entropy(low) == pytest.approx(remaining.mean(), rel=0.12)
    np.testing.assert_allclose(model.posterior_mean(x, low), posterior @ data, atol=1e-12)
    assert model.entropy(200.0) == pytest.approx(np.log(300), rel=1e-4)
    assert integral(model, low, 200.0, 60) == pytest.approx(np.log(300) - remaining.mean(), rel=0.01)
    assert model.mmse(100.0) == pytest.approx(data.var(0).sum(), rel=1e-3)


def test_empirical_on_two_points_and_far_from_the_origin():
    same, points = exact.empirical([[-1.0], [1.0]]), exact.two_point()
    assert same.mmse(0.8) == points.mmse(0.8) and same.entropy(0.8) == points.entropy(0.8)
    data = np.random.default_rng(0).normal(size=(40, 6))
    near, far = exact.empirical(data), exact.empirical(data + 1000)
    assert far.mmse(0.5) == pytest.approx(near.mmse(0.5), rel=1e-8)
    # The model's noise is not the data's, though both come from seed 0.
    assert near.mmse(1.0) == pytest.approx(exact.empirical(data, seed=3).mmse(1.0), rel=0.1)
    # Each row is its own posterior mean where noise is far below the distances, without overflow.
    np.testing.assert_allclose(near.posterior_mean(data, 1e-6), data, rtol=0, atol=1e-15)
    assert near.mmse(1e-6) == 0 and near.entropy(1e-6) == 0


def test_batches_change_nothing():
    data = np.random.default_rng(2).normal(size=(30, 3))
    x = np.random.default_rng(3).normal(size=(17, 3))
    whole, pieces = exact.empirical(data), exact.empirical(data, batch=5)
    for name in ("posterior_mean", "posterior_covariance", "posterior_variance", "log_density", "score", "hessian"):
        np.testing.assert_allclose(getattr(whole, name)(x, 0.7), getattr(pieces, name)(x, 0.7), rtol=1e-12)
        assert getattr(whole, name)(x[:0], 0.7).shape[0] == 0
    assert whole.mmse(0.7) == pytest.approx(exact.empirical(data, batch=500).mmse(0.7), rel=1e-12)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_arrays_of_sigma(model):
    sigma = np.array([[0.5, 1.0, 2.0], [3.0, 4.0, 5.0]])
    for f in (model.mmse, model.rate, model.entropy, lambda s: exact.entropy_rate_per_log_snr(model, s)):
        values = f(sigma)
        assert values.shape == (2, 3) and np.ndim(f(5.0)) == 0
        assert values[1, 2] == pytest.approx(f(5.0), rel=1e-12)


def test_slopes_at_the_ends():
    for model in MODELS.values():
        assert exact.log_log_slope(model, 1e4) == pytest.approx(-3, abs=1e-3)
    for model in (exact.gaussian(0.5), MODELS["mixture"], MODELS["blobs"]):
        assert exact.log_log_slope(model, 1e-4) == pytest.approx(-1, abs=1e-3)  # (48)
    for sigma in (0.15, 0.05, 0.03):  # points: exp(-1 / (2 sigma^2)), steeper than any power
        assert exact.log_log_slope(exact.two_point(), sigma) == pytest.approx(sigma**-2 - 2, rel=2e-3)
    assert np.isnan(exact.log_log_slope(exact.two_point(), 0.01))
    # A gate of exponent 3 over the rate of a density: slope 2 (51).
    rate = [s**3 / (s**3 + 0.5**3) * exact.gaussian(0.5).rate(s) for s in (1e-4, 2e-4)]
    assert np.log2(rate[1] / rate[0]) == pytest.approx(2, abs=1e-3)


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_stationary_points_of_two_points(scale):
    model = exact.two_point(scale)
    for ratio in (1.0, 1.5, 1e9):
        assert exact.two_point_fixed_points(ratio * scale, scale).tolist() == [0]
    for ratio in (0.1, 0.3, 0.8, 0.99, 1 - 1e-9):
        sigma = ratio * scale
        points = exact.two_point_fixed_points(sigma, scale)
        assert len(points) == 3 and points[1] == 0 and points[2] > 0
        np.testing.assert_allclose(model.posterior_mean(points[:, None], sigma)[:, 0], points, atol=1e-12)
        # At 0, (scale^2 / sigma^2 - 1) / sigma^2 (47).
        curvature = model.hessian(points[:, None], sigma)[:, 0, 0]
        assert (np.sign(curvature) == [-1, 1, -1]).all()  # stable, unstable, stable: a pitchfork
        assert curvature[1] == pytest.approx((ratio**-2 - 1) / sigma**2, rel=1e-6)
    assert model.hessian([[0.0]], 1.1 * scale)[0, 0, 0] < 0


@pytest.mark.parametrize(
    "model", [exact.two_point(), exact.one_hot(4), MODELS["mixture"], exact.gaussian(0.5, 3)], ids=type
)
def test_rate_per_log_snr(model):
    # (28): d H / d lambda at lambda = -2 ln sigma.
    sigma, step = 0.9, 1e-4
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
        (lambda: exact.empirical(np.zeros((0, 3))), "at least one"),
        (lambda: exact.empirical([[0.0, np.nan]]), "finite centres"),
        (lambda: exact.empirical(np.zeros((2, 3)), draws=0), "draws = 0"),
        (lambda: exact.gaussian(0.0), "deviation = 0.0"),
        (lambda: exact.mixture([0.0], -1.0), "width = -1.0"),
        (lambda: exact.mixture([0.0, 1.0], 1.0, [1.0]), "2 positive numbers"),
        (lambda: exact.one_hot(2, weights=[1.0, 0.0]), "2 positive numbers"),
        (lambda: exact.one_hot(4, 0.0), "scale = 0.0"),
        (lambda: exact.one_hot(4).mmse(-1.0), "sigma = -1.0"),
        (lambda: exact.two_point_fixed_points(0.0), "sigma = 0.0"),
        (lambda: exact.two_point().mmse(0.0), "sigma = 0.0"),
        (lambda: exact.two_point().posterior_mean([[0.0]], 0.0), "sigma = 0.0"),
        (lambda: exact.two_point().posterior_mean([0.0, 1.0], 1.0), r"x must be \(m, 1\), got shape \(1, 2\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
