"""A path of discrete timesteps."""

from __future__ import annotations

from typing import Any

import numpy as np

from infonoise.coordinates import snap
from infonoise.namespaces import as_numpy, is_jax, namespace, single
from infonoise.paths.levels import Levels
from infonoise.paths.path import Path
from infonoise.timesteps import Table, entry, first_outside, refusal


class TablePath(Path):
    """``Path.table``: t is the index of a timestep, an integer."""

    def __init__(self, levels, alpha=None):
        if isinstance(levels, Table):
            levels, alpha = levels.levels, levels.alpha if alpha is None else alpha
        ratio = as_numpy(levels)
        if ratio.ndim != 1 or ratio.size < 2:
            raise ValueError(f"levels must be a row of at least two sigma / alpha, got shape {ratio.shape}")
        self._levels32 = ratio.astype(np.float32)
        if fault := refusal("levels", self._levels32):
            raise ValueError(f"{fault[1]}: give each level once and in order, and leave out those without noise or data")
        alpha = 1 / np.sqrt(1 + ratio**2) if alpha is None else as_numpy(alpha)
        if alpha.shape != ratio.shape:
            raise ValueError(f"alpha must have one number for each level, got shapes {alpha.shape} and {ratio.shape}")
        if (i := first_outside(alpha)) is not None:
            raise ValueError(f"{entry('alpha', alpha, i)} must be positive and finite: leave that timestep out")
        log = np.log(self._levels32.astype(np.float64))
        self.t0, self.t1, self._library = 0.0, ratio.size - 1.0, "numpy"
        self._sign = 1.0 if log[-1] > log[0] else -1.0
        self._alpha, self._sigma, self._log = alpha, alpha * ratio, log
        edges = np.concatenate([log[:1], (log[1:] + log[:-1]) / 2, log[-1:]])
        self._widths = abs(np.diff(edges))

    def _take(self, row: np.ndarray, t) -> Any:
        if is_jax(t):
            return namespace(t).asarray(row.astype(np.float32))[t.astype(np.int32)]
        return row[np.rint(as_numpy(t)).astype(int)]

    def alpha(self, t) -> Any:
        """The factor of x0 at timestep t."""
        return self._take(self._alpha, t)

    def sigma(self, t) -> Any:
        """The factor of eps at timestep t."""
        return self._take(self._sigma, t)

    def log_ratio(self, t) -> Any:
        """ln of sigma / alpha, infonoise's sigma."""
        return self._take(self._log, t)

    def slope(self, t) -> Any:
        """The width in ln sigma of what is rounded to timestep t, between the table's ends."""
        return self._take(self._widths, t)

    def time(self, ratio) -> Any:
        """The timestep nearest in ln sigma, int32."""
        return snap(ratio, self._levels32)[1].astype(np.int32)

    def to_core(self, predicts: str, t) -> Any:
        """As for any path; the velocity, eps - x0, is the core's."""
        return self.alpha(t) * 0 + 1 if predicts == "velocity" else super().to_core(predicts, t)

    def _everywhere(self) -> np.ndarray:
        return np.arange(self._alpha.size)

    def _levels(self, ratio, log_density) -> Levels:
        # Where in its cell a draw lay does not matter: the mean of 1 / (density * width) over the cell is 1 / its mass.
        t = self.time(ratio)
        log_prob = log_density + namespace(t).log(self.slope(t))
        alpha, sigma, log_prob, ratio = map(single, (self.alpha(t), self.sigma(t), log_prob, self._take(self._levels32, t)))
        return Levels(t, alpha, sigma, log_prob, ratio)
