"""Exact mmse curves, per dimension, as functions of sigma, and a refresh on one; shared by the tests and the vectors."""

import numpy as np

import infonoise_reference as ref

EXACT = dict(coverage=0.0)


def profile(config, mmse):
    """The refresh of `config` on the exact errors of its bins."""
    grid = ref.Grid(config)
    return ref.refresh(config, grid, mmse(grid.s))


def two_point_one(sigma):
    """mmse of {-1, +1}: E sech^2((1 + sigma eps) / sigma^2), by a trapezoid rule on a smooth integrand."""
    if sigma >= 1:
        eps = np.arange(-14, 14, 0.005)
        return float((np.exp(-eps * eps / 2) / np.cosh((1 + sigma * eps) / sigma**2) ** 2).sum() * 0.005 / np.sqrt(2 * np.pi))
    z = np.arange(-60, 60, 0.005)        # x = sigma^2 z, with the gaussian's constant exp(-1/(2 sigma^2)) taken out
    ln_sech2 = 2 * (np.log(2) - np.abs(z) - np.log1p(np.exp(-2 * np.abs(z))))
    ln_f = ln_sech2 + z - sigma**2 * z * z / 2 - 0.5 / sigma**2
    return float(sigma / np.sqrt(2 * np.pi) * np.exp(ln_f).sum() * 0.005)


def two_point(sigma, scale=1.0):
    return scale**2 * np.array([two_point_one(x / scale) for x in np.atleast_1d(sigma)])


def gaussian(sigma, sd=0.5):
    return sigma**2 * sd**2 / (sigma**2 + sd**2)


def two_scales(sigma, large=2.0, small=0.1):
    return (two_point(sigma, large) + two_point(sigma, small)) / 2
