"""The data and the score: windows of a genome, and k-mer statistics compared with the training genome.

The windows and the score serve sequences of other symbols too. DNA suits a demonstration because the truth is known: the samples are strings, and the share of every
3-mer or 6-mer in them can be held against its share in millions of real bases, with no learned judge.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genome.pack_genome import unpack

GENOME = Path(__file__).resolve().parent / "genome"
WINDOW = 64


@dataclass(frozen=True)
class Letters:
    """A sequence of 0..symbols - 1, split by position so that no window crosses from one part to the other."""

    train: np.ndarray
    held_out: np.ndarray
    symbols: int


def split(sequence, symbols, train_share=0.9):
    cut = int(train_share * len(sequence))
    return Letters(sequence[:cut], sequence[cut:], symbols)


def load(folder=GENOME):
    """The genome in the repository, checked against its checksum; A C G T are 0..3."""
    about = json.loads((folder / "NC_008253.json").read_text(encoding="ascii"))
    packed = (folder / "NC_008253.2bits").read_bytes()
    if hashlib.sha256(packed).hexdigest() != about["sha256_packed"]:
        raise ValueError("the packed genome does not match its checksum; rebuild it with pack_genome.py")
    if about["other_letters"]:
        raise ValueError("the genome holds letters other than ACGT, which the model has no code for")
    return split(unpack(packed, about["length"]), 4)


def windows(sequence, n, rng):
    """n windows at random positions, int (n, WINDOW)."""
    start = rng.integers(0, len(sequence) - WINDOW, n)
    return sequence[start[:, None] + np.arange(WINDOW)]


def kmer_shares(sequences, k, symbols=4):
    """The share of each of the symbols^k words among all words of length k, sequence by sequence."""
    sequences = np.atleast_2d(sequences)
    words = sequences.shape[1] - k + 1
    index = np.zeros((sequences.shape[0], words), np.int32)
    for i in range(k):
        index = symbols * index + sequences[:, i : i + words]
    counts = np.bincount(index.ravel(), minlength=symbols**k)
    return counts / counts.sum()


def jensen_shannon(p, q):
    """Jensen-Shannon divergence in bits: 0 for equal distributions, 1 for disjoint ones."""
    middle = (p + q) / 2

    def kl(a):
        held = a > 0
        return np.sum(a[held] * np.log2(a[held] / middle[held]))

    return float((kl(p) + kl(q)) / 2)


class Judge:
    """Scores generated windows: 1000 x the Jensen-Shannon divergence of their words of some lengths."""

    def __init__(self, letters, lengths=(3, 6)):
        self.symbols = letters.symbols
        self.reference = {k: kmer_shares(letters.train, k, self.symbols) for k in lengths}

    def __call__(self, sequences):
        return {
            f"js{k}": 1000 * jensen_shannon(kmer_shares(sequences, k, self.symbols), reference)
            for k, reference in self.reference.items()
        }
