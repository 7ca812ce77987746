"""The planned grid in plain NumPy, written from the method's text (docs/specification.md#planned-grid): a second
reading, which shares no code with the library. It stops at the candidates; the library polishes further."""

import numpy as np
from scipy.optimize import nnls

CANDIDATES, EXPONENT, KAPPA = 240, 0.75, 1.0


class Data:
    """A profile: mmse m at ascending sigmas s, a gate g, and the ends of the grid."""
    def __init__(self, s, m, low, high, gate=None):
        self.s, self.m, self.low, self.high = np.asarray(s, float), np.asarray(m, float), low, high
        self.x, self.q = np.log(self.s), (1.0 if gate is None else np.asarray(gate, float)) * self.m / self.s**2
        piece = np.diff(self.x) * (self.q[1:] + self.q[:-1]) / 2
        self.below = np.concatenate([[0.0], np.cumsum(piece)])
        self.variance, self.mass = spectrum(self.s, self.m, low, high)
        weight = self.mass * self.variance**EXPONENT
        self.weight = weight / weight.sum()
        self.ends = [self.information(np.log(end)) for end in (low, high)]

    def information(self, x):
        """The integral of q over ln sigma up to x, q broken-linear between the points and constant outside."""
        x = np.asarray(x, float)
        k = np.clip(np.searchsorted(self.x, x) - 1, 0, len(self.x) - 2)
        inside = np.clip(x, self.x[0], self.x[-1])
        t = inside - self.x[k]
        slope = (self.q[k + 1] - self.q[k]) / (self.x[k + 1] - self.x[k])
        beyond = np.where(x < self.x[0], self.q[0], self.q[-1]) * (x - inside)
        return self.below[k] + self.q[k] * t + slope * t * t / 2 + beyond

    def time(self, sigma):
        """Entropic time: the share of the information below sigma."""
        low, high = self.ends
        return (self.information(np.log(sigma)) - low) / (high - low)


def spectrum(s, m, low, high):
    """Variances with positive masses. An mmse that falls faster than sigma^2 is taken as falling as sigma^2."""
    variance = np.geomspace((low / 10) ** 2, (high * 10) ** 2, 97)
    reachable = np.maximum.accumulate((m / s**2)[::-1])[::-1] * s**2
    kernel = variance * s[:, None] ** 2 / (variance + s[:, None] ** 2) / reachable[:, None]
    length = np.linalg.norm(kernel, axis=0)
    mass = nnls(kernel / length, np.ones(len(s)), maxiter=10_000)[0] / length
    return variance[mass > 0], mass[mass > 0]


def factor(solver, s1, s2, variance):
    a1, a2, h = s1 / (variance + s1**2), s2 / (variance + s2**2), s2 - s1
    return 1 + h * a1 if solver == "euler" else 1 + h / 2 * (a1 + a2 * (1 + h * a1))


def step_error(data, solver, s1, s2):
    """Of steps from s1 to the levels s2, weighted over the spectrum."""
    s2 = np.asarray(s2, float)[..., None]
    exact = np.sqrt((data.variance + s2**2) / (data.variance + s1**2))
    found = np.maximum(factor(solver, s1, s2, data.variance), 1e-12)
    return np.abs(np.log(found) - np.log(exact)) @ data.weight


def last_error(data, s):
    s = np.asarray(s, float)[..., None]
    return np.log(1 + s**2 / data.variance) @ data.weight / 2


def cost(data, solver, levels):
    """(error, leaps) of a grid, the step to 0 included."""
    levels = np.asarray(levels, float)
    error = sum(step_error(data, solver, a, b) for a, b in zip(levels, levels[1:])) + last_error(data, levels[-1])
    passed = np.append(data.time(levels), 0.0)
    return float(error), float(KAPPA * (np.diff(passed) ** 2).sum())


def plan(data, solver, n, end=None):
    """The n best of the candidates."""
    level = np.geomspace(data.high, end or data.low, CANDIDATES)
    time, step = data.time(level), np.full((CANDIDATES, CANDIDATES), np.inf)
    for i in range(CANDIDATES - 1):
        step[i, i + 1 :] = step_error(data, solver, level[i], level[i + 1 :]) + KAPPA * (time[i] - time[i + 1 :]) ** 2
    last = last_error(data, level) + KAPPA * time**2
    best, before = np.where(np.arange(CANDIDATES) == 0, 0.0, np.inf), []
    for _ in range(n - 1):
        total = best[:, None] + step
        before.append(total.argmin(0))
        best = total.min(0)
    path = [CANDIDATES - 1 if end else int((best + last).argmin())]
    for row in reversed(before): path.append(int(row[path[-1]]))
    return level[path[::-1]]


def edm(data, n, rho=7):
    return (data.high ** (1 / rho) + np.arange(n) / max(n - 1, 1) * (data.low ** (1 / rho) - data.high ** (1 / rho))) ** rho
