"""Exact denoisers: what a schedule should find, for data whose posterior is known.

    from infonoise import exact
    model = exact.two_point()
    model.mmse(1.0)                      # E |x0 - E[x0 | x]|^2, here .4496...
    model.entropy(80.0)                  # H[x0 | x] in nats: nearly ln 2
    model.posterior_mean([[0.3]], 0.5)   # the perfect denoiser at x = .3

The channel is x = x0 + sigma eps, eps standard normal (1). Every model has

    posterior_mean(x, sigma)        (m, d) -> (m, d)
    posterior_covariance(x, sigma)  (m, d) -> (m, d, d)
    log_density(x, sigma)           (m, d) -> (m,), of x
    score(x, sigma)                 (posterior_mean - x) / sigma^2, (m, d)
    mmse(sigma)                     total squared error, summed over dimensions
    rate(sigma)                     mmse / sigma^3, nats per unit sigma (11)
    entropy(sigma)                  H[x0 | x] in nats: of the data where they are
                                    discrete, differential where they are not

and ``dimension`` d, to divide by where errors are means over dimensions. sigma
is one number; ``mmse``, ``rate`` and ``entropy`` also take arrays. Numbers in
brackets are the paper's equations; (33) to (38) are the models of Appendix A
and D.1. Needs SciPy (``infonoise[exact]``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import log_softmax, logsumexp

__all__ = [
    "Mixture",
    "empirical",
    "entropy_rate_per_log_snr",
    "gaussian",
    "log_log_slope",
    "mixture",
    "one_hot",
    "two_point",
    "two_point_fixed_points",
]


@dataclass(frozen=True)
class Mixture:
    """A mixture of n isotropic Gaussians of standard deviation ``width`` (0: points).

    Given x, component i has posterior weight proportional to
    p_i N(x; centre_i, sigma^2 + width^2), and within a component the denoiser
    shrinks towards its centre: this one form holds two points, Gaussians,
    one-hot letters and empirical data (33, 36, 38).

    Expectations over x are taken by quadrature along one dimension where all
    centres lie on a line (exact to about 1e-10), by ``draws`` Monte Carlo samples
    otherwise (the same ones at every sigma, so curves are smooth).
    """

    centres: np.ndarray
    width: float = 0.0
    weights: np.ndarray | None = None
    draws: int = 4096
    batch: int = 1024
    seed: int = 0
    _log_weights: np.ndarray = field(init=False, repr=False)
    _square_norms: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        centres = np.atleast_2d(np.asarray(self.centres, float))
        n = len(centres)
        weights = np.full(n, 1 / n) if self.weights is None else np.asarray(self.weights, float)
        if weights.shape != (n,) or (weights <= 0).any() or not np.isfinite(centres).all():
            raise ValueError(f"weights must be {n} positive numbers, one for each row of finite centres")
        if not self.width >= 0:
            raise ValueError(f"width = {self.width} must be 0 (points) or a standard deviation")
        log_weights = np.log(weights / weights.sum())
        for name, value in [("centres", centres), ("_log_weights", log_weights)]:
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_square_norms", (centres**2).sum(1))

    @property
    def dimension(self) -> int:
        """d, the dimension of x0."""
        return self.centres.shape[1]

    def _logits(self, x: np.ndarray, noise: float) -> np.ndarray:
        """ln p_i - |x - centre_i|^2 / (2 noise) but for the |x|^2 term, (m, n).

        |x - c|^2 = |x|^2 - 2 x.c + |c|^2: one matrix product, norms precomputed.
        """
        return self._log_weights + (x @ self.centres.T - self._square_norms / 2) / noise

    def _posterior(self, x, sigma: float):
        """x as (m, d), posterior weights (m, n), and sigma^2 + width^2."""
        x = np.atleast_2d(np.asarray(x, float))
        if not sigma > 0:
            raise ValueError(f"sigma = {sigma} must be above 0")
        noise = sigma**2 + self.width**2
        return x, np.exp(log_softmax(self._logits(x, noise), axis=1)), noise

    def posterior_mean(self, x, sigma: float) -> np.ndarray:
        """E[x0 | x], the perfect denoiser."""
        x, weights, noise = self._posterior(x, sigma)
        centre = weights @ self.centres
        return centre + (x - centre) * (self.width**2 / noise)

    def posterior_covariance(self, x, sigma: float) -> np.ndarray:
        """Cov[x0 | x]: the spread within a component, and between them."""
        x, weights, noise = self._posterior(x, sigma)
        away = self.centres[None] - (weights @ self.centres)[:, None]
        between = np.einsum("mn,mni,mnj->mij", weights, away, away) * (sigma**2 / noise) ** 2
        return between + np.eye(self.dimension) * (sigma**2 * self.width**2 / noise)

    def posterior_variance(self, x, sigma: float) -> np.ndarray:
        """The trace of the posterior covariance, (m,), without forming it."""
        x, weights, noise = self._posterior(x, sigma)
        centre = weights @ self.centres
        # Around the nearest centre, so that what cancels is small.
        nearest = self.centres[weights.argmax(1)]
        square = np.maximum(((self.centres[None] - nearest[:, None]) ** 2).sum(2), 0) if len(self.centres) <= 64 else None
        if square is None:
            inner = self._square_norms[None] - 2 * nearest @ self.centres.T + (nearest**2).sum(1)[:, None]
            square = np.maximum(inner, 0)
        between = (weights * square).sum(1) - ((centre - nearest) ** 2).sum(1)
        within = self.dimension * sigma**2 * self.width**2 / noise
        return within + np.maximum(between, 0) * (sigma**2 / noise) ** 2

    def log_density(self, x, sigma: float) -> np.ndarray:
        """ln of the density of x, (m,)."""
        x = np.atleast_2d(np.asarray(x, float))
        noise = sigma**2 + self.width**2
        constant = -(x**2).sum(1) / (2 * noise) - self.dimension / 2 * np.log(2 * np.pi * noise)
        return logsumexp(self._logits(x, noise), axis=1) + constant

    def score(self, x, sigma: float) -> np.ndarray:
        """The gradient of ``log_density``, by Tweedie's formula."""
        return (self.posterior_mean(x, sigma) - np.atleast_2d(x)) / sigma**2

    def mmse(self, sigma) -> np.ndarray | float:
        """E |x0 - E[x0 | x]|^2, summed over dimensions (10)."""
        return self._expect(sigma, self.posterior_variance)

    def rate(self, sigma) -> np.ndarray | float:
        """dH[x0 | x] / dsigma = mmse / sigma^3, nats per unit sigma (11)."""
        return self.mmse(sigma) / np.asarray(sigma, float) ** 3

    def entropy(self, sigma) -> np.ndarray | float:
        """H[x0 | x] in nats.

        Points: the expected entropy of the posterior weights. Otherwise
        differential: h(x0) + h(noise) - h(x), where h(x0) is the limit at sigma 0.
        """
        if self.width == 0:

            def spread(x, sigma):
                weights = log_softmax(self._logits(x, sigma**2), axis=1)
                return -(np.exp(weights) * weights).sum(1)

            return self._expect(sigma, spread)
        d, gauss = self.dimension, np.log(2 * np.pi * np.e) / 2
        h_x0 = self._expect(self.width * 1e-6, lambda x, s: -self.log_density(x, s))

        def one(x, sigma):
            return h_x0 + d * (gauss + np.log(sigma)) + self.log_density(x, sigma)

        return self._expect(sigma, one)

    def _expect(self, sigma, f):
        """E f(x, sigma) over x, for one sigma or an array of them."""
        sigma = np.asarray(sigma, float)
        values = [self._expect_one(float(s), f) for s in sigma.ravel()]
        return np.reshape(values, sigma.shape) if sigma.ndim else values[0]

    def _expect_one(self, sigma: float, f) -> float:
        noise = np.sqrt(sigma**2 + self.width**2)
        if self.dimension == 1:
            # The trapezium rule on a Gaussian converges geometrically.
            e = np.linspace(-9, 9, 721)
            mass = np.exp(-(e**2) / 2)
            mass /= mass.sum()
            x = (self.centres + noise * e).reshape(-1, 1)
            shares = np.exp(self._log_weights)[:, None] * mass
            return float((shares.ravel() * np.concatenate([f(x[i : i + 65536], sigma) for i in range(0, len(x), 65536)])).sum())
        rng = np.random.default_rng(self.seed)
        which = rng.choice(len(self.centres), self.draws, p=np.exp(self._log_weights))
        total = 0.0
        for i in range(0, self.draws, self.batch):
            part = which[i : i + self.batch]
            noises = rng.standard_normal((len(part), self.dimension))
            total += f(self.centres[part] + noise * noises, sigma).sum()
        return float(total / self.draws)


def two_point(scale: float = 1.0) -> Mixture:
    """{-scale, +scale} with equal mass: posterior mean scale tanh(scale x / sigma^2) (34, 35)."""
    return Mixture([[-scale], [scale]])


@dataclass(frozen=True)
class Gaussian(Mixture):
    """N(0, width^2) in d dimensions: everything in closed form (33)."""

    def mmse(self, sigma):
        """d sigma^2 c^2 / (sigma^2 + c^2)."""
        square = np.asarray(sigma, float) ** 2
        return self.dimension * square * self.width**2 / (square + self.width**2)

    def entropy(self, sigma):
        """d/2 ln(2 pi e sigma^2 c^2 / (sigma^2 + c^2))."""
        return self.dimension / 2 * np.log(2 * np.pi * np.e * self.mmse(sigma) / self.dimension)


def gaussian(deviation: float = 1.0, dimension: int = 1) -> Gaussian:
    """Gaussian data of that standard deviation in each of ``dimension`` dimensions."""
    if not deviation > 0:
        raise ValueError(f"deviation = {deviation} must be above 0")
    return Gaussian(np.zeros((1, dimension)), deviation)


def mixture(centres: Sequence[float], width: float, weights: Sequence[float] | None = None) -> Mixture:
    """A Gaussian mixture on the line: modes at ``centres``, each ``width`` wide (36)."""
    return Mixture(np.reshape(centres, (-1, 1)), width, None if weights is None else np.asarray(weights))


def one_hot(letters: int = 4, scale: float = 1.0, weights: Sequence[float] | None = None, draws: int = 65536) -> Mixture:
    """``letters`` one-hot corners of that scale (37); Monte Carlo, about 1 % of mmse at ``draws`` 65536."""
    return Mixture(scale * np.eye(letters), 0.0, None if weights is None else np.asarray(weights), draws)


def empirical(data, draws: int = 4096, batch: int = 1024, seed: int = 0) -> Mixture:
    """The exact empirical-Bayes denoiser of a data set (n, d) (38, D.1): its rows as points."""
    data = np.asarray(data, float)
    if data.ndim != 2:
        raise ValueError(f"data must be (n, d), got shape {data.shape}: flatten each sample")
    return Mixture(data, 0.0, None, draws, batch, seed)


def two_point_fixed_points(sigma: float) -> np.ndarray:
    """Where the posterior mean of {-1, +1} maps x to itself, x = tanh(x / sigma^2) (45 to 47):
    0 alone for sigma >= 1, the critical sigma; -x, 0, x below."""
    if sigma >= 1:
        return np.zeros(1)
    low, high = 1e-12, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.tanh(middle / sigma**2) > middle else (low, middle)
    return np.array([-high, 0.0, high])


def entropy_rate_per_log_snr(model: Mixture, sigma) -> np.ndarray | float:
    """dH / dlambda at lambda = ln SNR = -2 ln sigma (28): -mmse / (2 sigma^2)."""
    return -model.mmse(sigma) / (2 * np.asarray(sigma, float) ** 2)


def log_log_slope(model: Mixture, sigma: float, ratio: float = 1.01) -> float:
    """d ln rate / d ln sigma. At high noise -3, since mmse is the data's variance (48); at low
    noise -1 where the data have a density (49); for points the rate dies faster than any
    power (51), so the slope there grows without bound."""
    low, high = model.rate(np.array([sigma / ratio, sigma * ratio]))
    return float(np.log(high / low) / (2 * np.log(ratio)))
