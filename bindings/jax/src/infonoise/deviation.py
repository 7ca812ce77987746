"""The standard deviation of a data set, the ``sigma_data`` of a configuration.

    config = infonoise.Config.edm(sigma_data=infonoise.data_deviation(data))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from infonoise.arrays import as_array

#: Numbers that are converted to float64 at a time, 8 MB.
CHUNK = 1 << 20


class Array(Protocol):
    """An array of NumPy, PyTorch, JAX or another library."""

    @property
    def shape(self) -> tuple[int, ...]: ...


def data_deviation(x: Array | Iterable[Array]) -> float:
    """The standard deviation of the data per dimension: sqrt(mean over dimensions of the
    variance over samples), in the units of ``x``.

    ``x`` has the shape (samples, ...), with the samples first: an array of NumPy, PyTorch
    or JAX, of any real type. It may also be an iterable of such batches of any sizes, which
    is read once:

        infonoise.data_deviation(images for images, labels in tqdm(loader))

    The samples come first in every batch, too: single images, as a Dataset gives them, would
    be read as batches of rows. Stack them, or use a loader.

    Pass the data as they are noised: latents after their scaling, codes as the points in
    space that they become. The variance of each dimension is taken around that dimension's
    own mean and divided by the number of samples. So the result is at most ``x.std()``, which
    counts differences between the dimensions' means as well.

    With s^2 the mean variance, no mmse is above sigma^2 s^2 / (sigma^2 + s^2) per dimension,
    the error of the best linear denoiser, whatever the dimensions' own variances
    (docs/specification.md#ceiling).

    The sums are float64 on the host, and of differences from the first sample, so that data
    with a large mean keep their digits. Arrays on a device are copied in pieces of 2^20 numbers.

    ``ValueError`` for fewer than two samples, numbers that are not finite, samples of different
    shapes, and samples that are all equal; ``TypeError`` for what is no array of real numbers.
    """
    moments = Moments()
    for name, array in batches(x):
        moments.add(name, array)
    return moments.deviation()


class Moments:
    """Mean and sum of squared deviations of each dimension, merged piece by piece.

    Source: Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing
    sample variances", 1979.
    """

    def __init__(self) -> None:
        self.samples = 0
        self.shape: tuple[int, ...] = ()
        self.origin = self.mean = self.squares = np.zeros(0)

    def add(self, name: str, array: Any) -> None:
        """Adds the samples of one array, (samples, ...); ``name`` is for messages."""
        shape = tuple(int(length) for length in array.shape)
        if not shape:
            raise ValueError(f"{name} is one number, must have the shape (samples, ...): pass many samples")
        if math.prod(shape[1:]) == 0:
            raise ValueError(f"{name} has the shape {shape}, must have at least one dimension: pass (samples, ...)")
        if self.samples and shape[1:] != self.shape:
            raise ValueError(
                f"{name} has samples of shape {shape[1:]}, must have {self.shape} as those before: "
                "give all samples one shape, with the samples first"
            )
        if shape[0]:
            self.shape = shape[1:]
        rows = max(1, CHUNK // math.prod(shape[1:]))
        for first in range(0, shape[0], rows):
            piece = array if rows >= shape[0] else array[first : first + rows]
            self.merge(name, first, host_numbers(name, piece))

    def merge(self, name: str, first: int, numbers: np.ndarray) -> None:
        """Adds float64 ``numbers`` (samples, ...), the first of which is sample ``first`` of ``name``."""
        if not np.isfinite(numbers).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(numbers))[0])
            where = ", ".join(map(str, (first + place[0], *place[1:])))
            raise ValueError(f"{name}[{where}] = {numbers[place]} must be finite: leave this sample out, or repair it")
        rows = numbers.reshape(len(numbers), -1)
        if not self.samples:
            self.origin, self.mean, self.squares = rows[0].copy(), np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
        rows = rows - self.origin
        mean = rows.mean(0)
        squares = ((rows - mean) ** 2).sum(0)
        samples = self.samples + len(rows)
        apart, share = mean - self.mean, len(rows) / samples
        self.mean = self.mean + apart * share
        self.squares = self.squares + squares + apart**2 * (self.samples * share)
        self.samples = samples

    def deviation(self) -> float:
        """sqrt(mean over dimensions of squares / samples)."""
        if self.samples < 2:
            number = f"{self.samples} sample{'s' * (self.samples != 1)}"
            raise ValueError(f"x has {number}, must have at least 2: pass the data set, with the samples first")
        deviation = math.sqrt(self.squares.mean() / self.samples)
        if deviation == 0:
            raise ValueError(
                f"the deviation of x = 0 must be above 0: all {self.samples} samples are equal, so there is nothing to "
                "learn; check that x has the data, with the samples first"
            )
        return deviation


def batches(x: Any) -> Iterator[tuple[str, Any]]:
    """The arrays of ``x``, itself or its items, each with a name for messages."""
    if is_array(x):
        yield "x", with_shape(x)
        return
    if isinstance(x, str | bytes) or not isinstance(x, Iterable):
        raise TypeError(f"x must be an array (samples, ...) or an iterable of such batches, got {type(x).__name__}")
    for number, batch in enumerate(x):
        if not is_array(batch):
            raise TypeError(
                f"batch {number} of x must be an array (samples, ...), got {type(batch).__name__}: of a loader of pairs "
                "take (images for images, labels in loader), of a list of numbers numpy.asarray(list)"
            )
        yield f"batch {number} of x", with_shape(batch)


def is_array(x: Any) -> bool:
    """Whether ``x`` itself is an array, and not an iterable of them."""
    return hasattr(x, "shape") or hasattr(x, "__dlpack__")


def with_shape(x: Any) -> Any:
    """An array that has a shape and can be cut, without a copy."""
    return as_array(x) if isinstance(x, memoryview) or not hasattr(x, "shape") else x


def host_numbers(name: str, piece: Any) -> np.ndarray:
    """A piece of an array as float64 on the host."""
    if np.ma.is_masked(piece):
        raise TypeError(f"{name} has masked entries, which would count: leave these samples out")
    if hasattr(piece, "cpu"):  # PyTorch's, on any device
        piece = piece.cpu()
    array = as_array(piece)
    if not np.can_cast(array.dtype, np.float32, "same_kind"):
        raise TypeError(f"{name} must be real numbers, got {array.dtype}")
    return array.astype(np.float64)
