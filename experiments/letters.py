"""Sequences of letters other than DNA: English text and proteins, from files of Debian's packages or of --data."""

import gzip
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

import dna
import edm
import model


class Source(NamedTuple):
    path: Path
    package: str
    letters: str  # the symbols, in the order of their codes


SOURCES = {
    "text": Source(Path("/usr/share/dictd/foldoc.dict.dz"), "dict-foldoc", " abcdefghijklmnopqrstuvwxyz"),
    "protein": Source(
        Path("/usr/share/doc/mmseqs2/example-data/DB.fasta.gz"), "mmseqs2-examples", "ACDEFGHIKLMNPQRSTVWY"
    ),
}


def load(name, folder):
    """The letters of this name, from the folder if it holds the file, else from where Debian puts it."""
    path, package, letters = SOURCES[name]
    for file in (Path(folder) / path.name, path):
        if file.exists():
            text = gzip.decompress(file.read_bytes()).decode("utf-8", errors="replace")
            return dna.split(codes(clean(name, text), letters), len(letters))
    raise FileNotFoundError(f"there is no {path}: `apt-get install {package}`, or name a folder with {path.name} by --data")


def clean(name, text):
    """Of text its words, in lower case with one space between them; of FASTA the 20 amino acids, all records joined."""
    if name == "text":
        return re.sub("[^a-z]+", " ", text.lower())
    records = re.sub("(?m)^>.*$", "", text)
    return re.sub(f"[^{SOURCES[name].letters}]", "", records)


def codes(text, letters):
    table = np.zeros(256, np.uint8)
    table[list(letters.encode())] = np.arange(len(letters))
    return table[np.frombuffer(text.encode(), np.uint8)]


def task(symbols):
    """Training as on DNA, with the code of the letters centred and scaled to EDM's deviation.

    Of so many channels all but one are -1. This common offset is far larger in the network's input than
    what tells the letters apart, and delays learning by hundreds of steps.
    """
    plain = model.task(symbols)
    code = np.asarray(model.encode(np.arange(symbols), symbols))
    mean, deviation = code.mean(), code.std()

    def draw(sequence, key, n):
        x, given = plain.draw(sequence, key, n)
        return (x - mean) * (edm.SIGMA_DATA / deviation), given

    return plain._replace(draw=draw)
