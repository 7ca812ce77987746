"""The same noise level in the quantities that trainers use.

sigma is the noise's standard deviation in data units; flow time is
t = sigma / (1 + sigma), and **t = 1 is noise**, always; log-SNR is -2 ln sigma;
EDM's c_noise is ln(sigma) / 4. Arguments are numbers or arrays (float64 out), or
arrays of JAX, traced ones too, or tensors, which give their like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from infonoise import _native
from infonoise.namespaces import as_float, is_jax, is_torch, namespace
from infonoise.timesteps import check_sigma, check_table, checked_steps

if TYPE_CHECKING:
    import jax

#: From and to sigma on arrays of JAX and PyTorch; the native code has the same formulas for NumPy's.
FORMULAS = {
    "sigma": (lambda sigma: sigma, lambda value: value),
    "flow_t": (lambda sigma: sigma / (1 + sigma), lambda t: t / (1 - t)),
    "log_snr": (lambda sigma: -2 * namespace(sigma).log(sigma), lambda value: namespace(value).exp(-value / 2)),
    "c_noise": (lambda sigma: namespace(sigma).log(sigma) / 4, lambda value: namespace(value).exp(4 * value)),
}


def from_sigma(coordinate: str, sigma) -> Any:
    """sigma as "flow_t", "log_snr", "c_noise" (or "sigma")."""
    return _convert(coordinate, sigma, False)


def to_sigma(coordinate: str, value) -> Any:
    """The sigma of a "flow_t", "log_snr" or "c_noise"."""
    return _convert(coordinate, value, True)


@overload
def snap(sigma: jax.Array, table, timesteps=None) -> tuple[jax.Array, jax.Array]: ...
@overload
def snap(sigma, table, timesteps=None) -> tuple[np.ndarray, np.ndarray]: ...
def snap(sigma, table, timesteps=None):
    """For discrete timesteps: the entries of ``table`` nearest to ``sigma`` in ln sigma (float32, of
    sigma's shape), and their indices (uint32). Observe the snapped sigmas.

    ``table`` holds noise levels, standard deviations in data units: positive, strictly rising or
    falling, for instance the levels of ``infonoise.timesteps.measured``. With ``timesteps``, one
    for each entry, the second result holds these instead of the indices:

        sigma, t = snap(scheduler.sample(256), table.levels, table.timesteps)

    Timesteps must then rise where the levels rise, since t counts from data to noise. If yours
    counts from noise to data, leave ``timesteps`` out and take ``timesteps[index]``.

    ``ValueError`` names the entry that is refused. Arrays of JAX go to ``infonoise.jax.snap``.
    """
    if is_jax(sigma):
        from infonoise import jax as inj

        return inj.snap(sigma, table, timesteps)
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


def _convert(coordinate: str, values, back: bool) -> Any:
    if coordinate in FORMULAS and (is_jax(values) or is_torch(values)):
        return FORMULAS[coordinate][back](as_float(values))
    # C order makes the reshape below a view, so that the values are converted in place.
    values = np.array(values, np.float64, order="C")
    _native.convert(coordinate, values.reshape(-1), back)
    return values
