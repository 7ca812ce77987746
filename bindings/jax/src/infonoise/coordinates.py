"""The same noise level in the quantities that trainers use.

sigma is the noise's standard deviation in data units; flow time is
t = sigma / (1 + sigma), and **t = 1 is noise**, always; log-SNR is -2 ln sigma;
EDM's c_noise is ln(sigma) / 4. Arguments are numbers or arrays (float64 out).
"""

from __future__ import annotations

import numpy as np

from infonoise import _native


def from_sigma(coordinate: str, sigma) -> np.ndarray:
    """sigma as "flow_t", "log_snr", "c_noise" (or "sigma")."""
    return _convert(coordinate, sigma, False)


def to_sigma(coordinate: str, value) -> np.ndarray:
    """The sigma of a "flow_t", "log_snr" or "c_noise"."""
    return _convert(coordinate, value, True)


def snap(sigma, table) -> tuple[np.ndarray, np.ndarray]:
    """For discrete timesteps: the nearest entries of ``table`` in ln sigma, and their
    indices. Observe the snapped sigmas."""
    snapped = np.array(sigma, np.float32, order="C")
    index = np.empty(snapped.shape, np.uint32)
    _native.snap(snapped.reshape(-1), index.reshape(-1), np.ascontiguousarray(table, np.float32).reshape(-1))
    return snapped, index


def _convert(coordinate: str, values, back: bool) -> np.ndarray:
    # C order makes the reshape below a view, so that the values are converted in place.
    values = np.array(values, np.float64, order="C")
    _native.convert(coordinate, values.reshape(-1), back)
    return values
