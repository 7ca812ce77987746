"""Fashion-MNIST, from the files of Debian's dataset-fashion-mnist or of --data: 60,000 and 10,000 images of ten classes."""

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np

from edm import SIGMA_DATA

FOLDER = Path("/usr/share/datasets/fashion-mnist")
CLASSES = 10


class Images(NamedTuple):
    """Flat images (n, side * side) in data units, and their classes (n,)."""

    x: np.ndarray
    label: np.ndarray


def read_idx(path):
    """The array of an IDX file of bytes, gzipped or not."""
    path = Path(path)
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rank = data[3]
    shape = tuple(int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank))
    if data[:3] != b"\0\0\x08" or len(data) != 4 + 4 * rank + int(np.prod(shape)):
        raise ValueError(f"{path} is not an IDX file of bytes")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load(folder, side, binary=False):
    """The training and the test images at side 28, 14 or 7, by the mean over blocks of pixels.

    Continuous images are centred and scaled by one pair of numbers, the training set's at 28, so that the
    three sides are the same pictures in the same units. Binary ones are -1 or +1.
    """

    def read(part, what):
        for name in (f"{part}-{what}", f"{part}-{what}.gz"):
            if (Path(folder) / name).exists():
                return read_idx(Path(folder) / name)
        raise FileNotFoundError(
            f"{folder} holds no {part}-{what}(.gz): `apt-get install dataset-fashion-mnist`, or name a folder by --data"
        )

    def images(part):
        pixels = read(part, "images-idx3-ubyte").astype(np.float32)
        block = 28 // side
        means = pixels.reshape(-1, side, block, side, block).mean((2, 4)).reshape(-1, side * side)
        x = np.where(means > 127.5, 1, -1) if binary else (means - mean) / deviation * SIGMA_DATA
        return Images(x.astype(np.float32), read(part, "labels-idx1-ubyte").astype(np.int32))

    whole = read("train", "images-idx3-ubyte")
    mean, deviation = whole.mean(dtype=np.float64), whole.std(dtype=np.float64)
    return images("train"), images("t10k")
