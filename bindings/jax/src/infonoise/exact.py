"""Exact denoisers for data whose posterior is known, to compare a schedule's findings with.

    from infonoise import exact
    model = exact.two_point()
    model.mmse(1.0)                      # E |x0 - E[x0 | x]|^2, here .4496...
    model.entropy(80.0)                  # H[x0 | x] in nats: nearly ln 2
    model.posterior_mean([[0.3]], 0.5)   # the perfect denoiser at x = .3

The channel is x = x0 + sigma eps, eps standard normal (20). Every model has

    posterior_mean(x, sigma)        (m, d) -> (m, d), the perfect denoiser (22)
    posterior_covariance(x, sigma)  (m, d) -> (m, d, d)
    posterior_variance(x, sigma)    (m, d) -> (m,), its trace
    log_density(x, sigma)           (m, d) -> (m,), of x
    score(x, sigma)                 (m, d) -> (m, d), gradient of log_density (36)
    hessian(x, sigma)               (m, d) -> (m, d, d), of log_density (38)
    mmse(sigma)                     total squared error, SUMMED over dimensions
    rate(sigma)                     mmse / sigma^3, nats per unit sigma (11, 27)
    entropy(sigma)                  H[x0 | x] in nats: of the data where they are
                                    discrete, differential where they are not

and ``dimension`` d: a scheduler wants ``mmse / dimension``. sigma is in data
units, one number; ``mmse``, ``rate`` and ``entropy`` also take arrays.

How exact: Gaussians are closed forms. On the line and for one-hot letters the
averages over x are quadratures, good to about 1e-8 relative down to the smallest
float64, far into the tail of low noise. Other models in d >= 2 average over
``draws`` samples: see ``empirical``.

Numbers in brackets are the equations of arXiv 2602.18647v1. Needs SciPy
(``infonoise[exact]``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

try:
    from scipy.optimize import brentq
    from scipy.special import log_softmax, logsumexp
except ImportError as error:
    raise ImportError("infonoise.exact needs SciPy: pip install 'infonoise[exact]'") from error

__all__ = [
    "Gaussian",
    "Mixture",
    "OneHot",
    "empirical",
    "entropy_rate_per_log_snr",
    "gaussian",
    "log_log_slope",
    "mixture",
    "one_hot",
    "two_point",
    "two_point_fixed_points",
]


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of n isotropic Gaussians of standard deviation ``width`` (0: points).

    Given x, component i has posterior weight proportional to
    p_i N(x; centre_i, sigma^2 + width^2) (31), and within a component the
    denoiser shrinks towards its centre: this one form holds two points,
    Gaussians, one-hot letters and empirical data.

    ``centres`` (n, d); ``weights`` n positive numbers, normalised here, default
    equal. ``draws`` and ``seed`` are for Monte Carlo, the same draws at every
    sigma so that curves are smooth; ``batch`` queries are taken at a time, in
    batch * n numbers of memory.
    """

    centres: np.ndarray
    width: float = 0.0
    weights: np.ndarray | None = None
    draws: int = 4096
    batch: int = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        centres = np.atleast_2d(np.asarray(self.centres, float))
        n = len(centres)
        weights = np.ones(n) if self.weights is None else np.asarray(self.weights, float)
        positive = weights.shape == (n,) and (weights > 0).all() and np.isfinite(weights).all()
        if not n or not positive or not np.isfinite(centres).all():
            raise ValueError(f"weights must be {n} positive numbers, one for each row of finite centres, at least one")
        if not 0 <= self.width < np.inf:
            raise ValueError(f"width = {self.width} must be 0 (points) or a standard deviation")
        if self.draws < 1 or self.batch < 1:
            raise ValueError(f"draws = {self.draws} and batch = {self.batch} must be at least 1")
        origin = centres.mean(0)  # Distances are taken from here, so that data far from 0 lose no digits.
        around = centres - origin
        facts = {"centres": centres, "weights": weights / weights.sum()}
        facts |= {"_origin": origin, "_around": around, "_squares": (around**2).sum(1)}
        for name, value in facts.items():
            object.__setattr__(self, name, value)

    @property
    def dimension(self) -> int:
        """d, the dimension of x0."""
        return self.centres.shape[1]

    # At one x; all of these are functions of the posterior weights.

    def _logits(self, x: np.ndarray, noise: float) -> np.ndarray:
        """ln p_i - |x - centre_i|^2 / (2 noise) without the |x|^2 term, (m, n); noise is a variance.

        |x - c|^2 = |x|^2 - 2 x.c + |c|^2: one matrix product, norms precomputed (54).
        """
        return np.log(self.weights) + ((x - self._origin) @ self._around.T - self._squares / 2) / noise

    def _each(self, f: Callable, x, sigma: float) -> np.ndarray:
        """f(x, logits, sigma^2 + width^2), a batch of rows at a time."""
        x = np.atleast_2d(np.asarray(x, float))
        if x.ndim != 2 or x.shape[1] != self.dimension:
            raise ValueError(f"x must be (m, {self.dimension}), got shape {x.shape}")
        if not sigma > 0:
            raise ValueError(f"sigma = {sigma} must be above 0")
        noise = sigma**2 + self.width**2
        parts = (x[i : i + self.batch] for i in range(0, max(len(x), 1), self.batch))
        return np.concatenate([f(part, self._logits(part, noise), noise) for part in parts])

    def posterior_mean(self, x, sigma: float) -> np.ndarray:
        """E[x0 | x], (m, d): the perfect denoiser (22, 32)."""

        def mean(x, logits, noise):
            centre = self._origin + np.exp(log_softmax(logits, axis=1)) @ self._around
            return centre + (x - centre) * (self.width**2 / noise)

        return self._each(mean, x, sigma)

    def posterior_covariance(self, x, sigma: float) -> np.ndarray:
        """Cov[x0 | x], (m, d, d): the covariance within components plus that between them (33)."""

        def covariance(x, logits, noise):
            weights = np.exp(log_softmax(logits, axis=1))
            within = np.eye(self.dimension) * (sigma**2 * self.width**2 / noise)
            out = np.empty((len(x), self.dimension, self.dimension))
            for into, w in zip(out, weights, strict=True):
                away = self._around - w @ self._around
                into[:] = within + (away.T * w) @ away * (sigma**2 / noise) ** 2
            return out

        return self._each(covariance, x, sigma)

    def posterior_variance(self, x, sigma: float) -> np.ndarray:
        """The trace of the posterior covariance, (m,), without forming it."""

        def variance(x, logits, noise):
            weights = np.exp(log_softmax(logits, axis=1))
            # Relative to the most likely centre, so that no digits cancel at low noise.
            best, rows = weights.argmax(1), np.arange(len(x))
            nearest = self._around[best]
            square = np.maximum(self._squares[best, None] - 2 * nearest @ self._around.T + self._squares, 0)
            square[rows, best] = 0
            moved = ((weights @ self._around - nearest) ** 2).sum(1)
            between = np.maximum((weights * square).sum(1) - moved, 0)
            return self.dimension * sigma**2 * self.width**2 / noise + between * (sigma**2 / noise) ** 2

        return self._each(variance, x, sigma)

    def log_density(self, x, sigma: float) -> np.ndarray:
        """ln of the density of x, (m,) (30, 35)."""

        def density(x, logits, noise):
            square = ((x - self._origin) ** 2).sum(1)
            return logsumexp(logits, axis=1) - square / (2 * noise) - self.dimension / 2 * np.log(2 * np.pi * noise)

        return self._each(density, x, sigma)

    def score(self, x, sigma: float) -> np.ndarray:
        """The gradient of ``log_density``, (m, d): (E[x0 | x] - x) / sigma^2, Tweedie's formula (36).

        It is 0 where x = E[x0 | x] (37).
        """
        return (self.posterior_mean(x, sigma) - np.atleast_2d(x)) / sigma**2

    def hessian(self, x, sigma: float) -> np.ndarray:
        """Second derivatives of ``log_density``, (m, d, d): (Cov[x0 | x] / sigma^2 - 1) / sigma^2 (38).

        A stationary point is stable, a mode of x, where it is negative definite.
        """
        return (self.posterior_covariance(x, sigma) / sigma**2 - np.eye(self.dimension)) / sigma**2

    # Averaged over x.

    def mmse(self, sigma) -> np.ndarray | float:
        """E |x0 - E[x0 | x]|^2, summed over dimensions (10, 23, 34)."""
        return self._expect(self.posterior_variance, sigma)

    def rate(self, sigma) -> np.ndarray | float:
        """dH[x0 | x] / dsigma = mmse / sigma^3, nats per unit sigma (11, 27)."""
        return self.mmse(sigma) / np.asarray(sigma, float) ** 3

    def entropy(self, sigma) -> np.ndarray | float:
        """H[x0 | x] in nats.

        Points: the expected entropy of the posterior weights, 0 to ln n.
        Otherwise differential: h(x0) + h(noise) - h(x), any sign.
        """
        if self.width == 0:

            def spread(x, logits, noise):
                log_weights = log_softmax(logits, axis=1)
                return -(np.exp(log_weights) * log_weights).sum(1)

            return self._expect(lambda x, s: self._each(spread, x, s), sigma)
        data = Mixture(self.centres, 0.0, self.weights, self.draws, self.batch, self.seed)
        h_x0 = data._expect(lambda x, s: -data.log_density(x, s), self.width)  # Points + width eps are x0.
        h_unit_noise = self.dimension / 2 * np.log(2 * np.pi * np.e)
        h_x = self._expect(lambda x, s: -self.log_density(x, s), sigma)
        return h_x0 + h_unit_noise + self.dimension * np.log(sigma) - h_x

    def _expect(self, f: Callable, sigma) -> np.ndarray | float:
        """E f(x, sigma) over x, for one sigma or an array of them."""
        sigma = np.asarray(sigma, float)
        if not (sigma > 0).all():
            raise ValueError(f"sigma = {sigma} must be above 0")
        one = self._expect_on_line if self.dimension == 1 else self._expect_by_draws
        values = [one(f, float(s)) for s in sigma.ravel()]
        return np.reshape(values, sigma.shape) if sigma.ndim else values[0]

    def _expect_on_line(self, f: Callable, sigma: float) -> float:
        """The trapezoidal rule on the multiples of a small step, which converges geometrically.

        Low noise makes f peak half way between two centres, many deviations from
        both. Nodes as far out as a float64 density goes find that peak.
        """
        step = np.hypot(sigma, self.width) / 80
        reach = 80 * (39 if len(self.centres) <= 32 else 9)
        nodes = np.unique(np.rint(self._around / step).astype(np.int64) + np.arange(-reach, reach + 1))
        x = self._origin + step * nodes[:, None]
        return float(step * np.exp(self.log_density(x, sigma)) @ f(x, sigma))

    def _expect_by_draws(self, f: Callable, sigma: float) -> float:
        """Monte Carlo: each centre gets its exact share of the draws, with the same noise at every sigma."""
        # The second word makes this noise differ from data that were drawn with the same seed.
        rng, total = np.random.default_rng([self.seed, 2602]), 0.0
        place = (np.arange(self.draws) + 0.5) / self.draws
        which = np.minimum(np.searchsorted(np.cumsum(self.weights), place), len(self.centres) - 1)
        for i in range(0, self.draws, self.batch):
            x0 = self.centres[which[i : i + self.batch]]
            total += f(x0 + np.hypot(sigma, self.width) * rng.standard_normal(x0.shape), sigma).sum()
        return float(total / self.draws)


@dataclass(frozen=True, eq=False)
class Gaussian(Mixture):
    """N(0, width^2) in d dimensions: mmse and entropy in closed form."""

    def mmse(self, sigma) -> np.ndarray | float:
        """d sigma^2 c^2 / (sigma^2 + c^2), summed over dimensions."""
        square = np.asarray(sigma, float) ** 2
        return self.dimension * square * self.width**2 / (square + self.width**2)

    def entropy(self, sigma) -> np.ndarray | float:
        """d/2 ln(2 pi e sigma^2 c^2 / (sigma^2 + c^2)), nats, differential."""
        return self.dimension / 2 * np.log(2 * np.pi * np.e * self.mmse(sigma) / self.dimension)


@dataclass(frozen=True, eq=False)
class OneHot(Mixture):
    """One-hot corners of one scale: mmse and entropy by quadrature, for any number of letters.

    Were x0 = letter i, its posterior weight would be 1 / (1 + S), with
    S = sum over j != i of (p_j / p_i) exp(a eps_j - a eps_i - a^2), a = scale / sigma.
    On average over x0, 1 - sum of squared weights is E S / (1 + S), and the entropy
    of the weights is E ln(1 + S). Both are integrals over t of E exp(-t S),

        S / (1 + S) = integral of (1 - exp(-t S)) exp(-t) dt,
        ln(1 + S)   = integral of (1 - exp(-t S)) exp(-t) / t dt,

    and given eps_i, E exp(-t S) is a product over the other letters.
    """

    def mmse(self, sigma) -> np.ndarray | float:
        """scale^2 E[1 - |posterior weights|^2], summed over letters."""
        return self.centres[0, 0] ** 2 * self._integrate(sigma, 1)

    def entropy(self, sigma) -> np.ndarray | float:
        """H[letter | x] in nats."""
        return self._integrate(sigma, 0)

    def _integrate(self, sigma, power: int) -> np.ndarray | float:
        sigma = np.asarray(sigma, float)
        if not (sigma > 0).all():
            raise ValueError(f"sigma = {sigma} must be above 0")
        values = [self._integrate_one(self.centres[0, 0] / s, power) for s in sigma.ravel()]
        return np.reshape(values, sigma.shape) if sigma.ndim else values[0]

    def _integrate_one(self, a: float, power: int) -> float:
        """E of the integral of (1 - exp(-t S)) exp(-t) t^power dt / t, over z = ln(t / p_i) - a eps_i - a^2."""
        if a > 55:  # About exp(-a^2 / 4), below the smallest float64.
            return 0.0
        p, count = np.unique(self.weights, return_counts=True)
        reach, step = 9 + a / 2, 0.25 * max(1.0, a)
        eps = np.arange(-reach, reach, min(0.4, 0.25 / a))
        mass = np.exp(-(eps**2) / 2) / np.exp(-(eps**2) / 2).sum()
        z = np.arange(-(a**2) - 9 * a - 40, 9 * a - a**2 / 2 + 5 - np.log(p[0]), step)
        grid = z[:, None] + a * eps
        with np.errstate(over="ignore"):
            reached = np.stack([-np.expm1(-np.exp(grid + np.log(q))) @ mass for q in p])
            stay = np.log1p(-np.minimum(reached, 1 - 2.0**-53))  # ln E exp(-t S) per letter of weight q
            total = 0.0
            for q, n, own in zip(p, count, stay, strict=True):
                log_t = grid + a**2 + np.log(q)
                density = np.exp(power * log_t - np.exp(log_t)) @ mass
                total += n * q * step * (density @ -np.expm1(count @ stay - own))
        return float(total)


def two_point(scale: float = 1.0) -> Mixture:
    """{-scale, +scale} with equal mass (39): posterior mean scale tanh(scale x / sigma^2) (42)."""
    return Mixture([[-scale], [scale]])


def gaussian(deviation: float = 1.0, dimension: int = 1) -> Gaussian:
    """Gaussian data of that standard deviation in each of ``dimension`` dimensions."""
    if not deviation > 0:
        raise ValueError(f"deviation = {deviation} must be above 0")
    return Gaussian(np.zeros((1, dimension)), deviation)


def mixture(centres: Sequence[float], width: float, weights: Sequence[float] | None = None) -> Mixture:
    """A Gaussian mixture on the line: modes at ``centres``, each ``width`` wide."""
    return Mixture(np.reshape(centres, (-1, 1)), width, None if weights is None else np.asarray(weights))


def one_hot(letters: int = 4, scale: float = 1.0, weights: Sequence[float] | None = None) -> OneHot:
    """``letters`` one-hot corners of that scale, with prior ``weights``; L independent letters have L times its mmse."""
    if not letters >= 1 or not 0 < scale < np.inf:
        raise ValueError(f"letters = {letters} must be at least 1 and scale = {scale} above 0")
    return OneHot(scale * np.eye(letters), 0.0, None if weights is None else np.asarray(weights))


def empirical(data, draws: int = 4096, batch: int = 1024, seed: int = 0) -> Mixture:
    """The exact empirical-Bayes denoiser of a data set (n, d): its rows as points (29 to 32, 54).

    It remembers: below the distance between neighbours its mmse falls to 0, where
    that of the distribution the rows came from does not. The denoiser is exact. The
    averages of d >= 2 are Monte Carlo, with errors that shrink as 1 / sqrt(draws): for 300
    digits and 4096 draws 0.4 % of mmse at two thirds of its limit, 1.3 % at a twelfth,
    7 % at a five-hundredth, where few draws are undecided. One sigma costs about
    2 draws * n * d products.
    """
    data = np.asarray(data, float)
    if data.ndim != 2:
        raise ValueError(f"data must be (n, d), got shape {data.shape}: flatten each sample")
    return Mixture(data, 0.0, None, draws, batch, seed)


def two_point_fixed_points(sigma: float, scale: float = 1.0) -> np.ndarray:
    """Where the posterior mean of {-scale, +scale} maps x to itself, x = scale tanh(scale x / sigma^2)
    (45): 0 alone for sigma >= scale, the critical sigma (46); -x, 0, x below, where 0 is
    no longer stable: the hessian there is (scale^2 / sigma^2 - 1) / sigma^2 (47)."""
    if not sigma > 0 or not scale > 0:
        raise ValueError(f"sigma = {sigma} and scale = {scale} must be above 0")
    slope = (scale / sigma) ** 2
    if np.tanh(1e-9 * slope) <= 1e-9:  # Where float64 cannot tell sigma from scale, too.
        return np.zeros(1)
    away = brentq(lambda u: np.tanh(u * slope) - u, 1e-9, 1.5, xtol=1e-15)
    return scale * np.array([-away, 0.0, away])


def entropy_rate_per_log_snr(model: Mixture, sigma) -> np.ndarray | float:
    """dH / dlambda at lambda = ln SNR = -2 ln sigma (28): -mmse / (2 sigma^2), nats per unit lambda."""
    return -model.mmse(sigma) / (2 * np.asarray(sigma, float) ** 2)


def log_log_slope(model: Mixture, sigma: float, ratio: float = 1.01) -> float:
    """d ln rate / d ln sigma, over one factor ``ratio`` either side.

    At high noise -3 for any data, since mmse is their variance. At low noise -1 where
    the data have a density (48), and n - 1 once a gate of exponent n multiplies the
    rate (51). Two points 2 s apart have mmse about exp(-s^2 / (2 sigma^2)): a slope of
    s^2 / sigma^2 - 2 that grows without bound, not the power law of (49), which the
    paper measures on networks. nan where the rate is below the smallest float64.
    """
    low, high = model.rate(np.array([sigma / ratio, sigma * ratio]))
    return float(np.log(high / low) / (2 * np.log(ratio))) if low > 0 else float("nan")
