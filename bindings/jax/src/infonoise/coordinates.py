"""The same noise level in the quantities that trainers use.

sigma is the noise's standard deviation in data units; flow time is
t = sigma / (1 + sigma), and **t = 1 is noise**, always; log-SNR is -2 ln sigma;
EDM's c_noise is ln(sigma) / 4. Arguments are numbers or arrays (float64 out).
"""

from __future__ import annotations

import numpy as np

from infonoise import _native
from infonoise.timesteps import check_sigma, check_table, checked_steps


def from_sigma(coordinate: str, sigma) -> np.ndarray:
    """sigma as "flow_t", "log_snr", "c_noise" (or "sigma")."""
    return _convert(coordinate, sigma, False)


def to_sigma(coordinate: str, value) -> np.ndarray:
    """The sigma of a "flow_t", "log_snr" or "c_noise"."""
    return _convert(coordinate, value, True)


def snap(sigma, table, timesteps=None) -> tuple[np.ndarray, np.ndarray]:
    """For discrete timesteps: the entries of ``table`` nearest to ``sigma`` in ln sigma (float32, of
    sigma's shape), and their indices (uint32). Observe the snapped sigmas.

    ``table`` holds noise levels, standard deviations in data units: positive, strictly rising or
    falling, for instance the levels of ``infonoise.timesteps.measured``. With ``timesteps``, one
    for each entry, the second result holds these instead of the indices:

        sigma, t = snap(scheduler.sample(256), table.levels, table.timesteps)

    Timesteps must then rise where the levels rise, since t counts from data to noise. If yours
    counts from noise to data, leave ``timesteps`` out and take ``timesteps[index]``.

    ``ValueError`` names the entry that is refused.
    """
    snapped = np.array(sigma, np.float32, order="C")
    index = np.empty(snapped.shape, np.uint32)
    row, levels = snapped.reshape(-1), np.ascontiguousarray(table, np.float32).reshape(-1)
    try:
        _native.snap(row, index.reshape(-1), levels)
    except ValueError:
        check_table(levels)
        check_sigma(row)
        raise
    return snapped, index if timesteps is None else checked_steps(timesteps, levels)[index]


def _convert(coordinate: str, values, back: bool) -> np.ndarray:
    # C order makes the reshape below a view, so that the values are converted in place.
    values = np.array(values, np.float64, order="C")
    _native.convert(coordinate, values.reshape(-1), back)
    return values
