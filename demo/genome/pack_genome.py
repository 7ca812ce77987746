"""Rebuild the packed genome in this folder from its FASTA file.

The sequence is NC_008253.1, Escherichia coli 536, complete genome (NCBI RefSeq, 4,938,920 bases).
Debian's package `bowtie-examples` holds the FASTA:

    apt-get download bowtie-examples
    dpkg-deb -x bowtie-examples_*.deb unpacked
    python demo/genome/pack_genome.py unpacked/usr/share/doc/bowtie/examples/genomes/NC_008253.fna.gz

Format: A C G T = 0 1 2 3, four bases a byte, the first base in the two low bits, the last byte padded
with A. Two bits cannot hold an ambiguity code such as N, so every run of other letters is packed as A
and written out in the metadata as [start, letters]; nothing is lost and nothing is guessed. This
genome has none (the file in this folder says `"other_letters": []`).
"""

import argparse
import gzip
import hashlib
import json
import re
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
NAME = "NC_008253"
LETTERS = b"ACGT"


def read_fasta(path):
    """The first record of a FASTA file, gzipped or not: (header, sequence in capitals)."""
    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "rt", encoding="ascii") as lines:
        header = next(lines).strip()
        if not header.startswith(">"):
            raise ValueError(f"{path} is not FASTA: it starts with {header[:20]!r}")
        sequence = []
        for line in lines:
            if line.startswith(">"):
                break
            sequence.append(line.strip().upper())
    return header[1:], "".join(sequence)


def pack(sequence):
    """A sequence as (packed bytes, other letters): see the format above."""
    other = [[m.start(), m.group()] for m in re.finditer("[^ACGT]+", sequence)]
    code = np.zeros(256, np.uint8)
    code[list(LETTERS)] = range(4)
    bases = code[np.frombuffer(sequence.encode("ascii"), np.uint8)]
    bases = np.pad(bases, (0, -len(bases) % 4)).reshape(-1, 4)
    packed = bases[:, 0] | bases[:, 1] << 2 | bases[:, 2] << 4 | bases[:, 3] << 6
    return packed.tobytes(), other


def unpack(packed, length):
    """The bases as uint8 0..3, with runs of other letters as A."""
    octets = np.frombuffer(packed, np.uint8)
    return ((octets[:, None] >> np.array([0, 2, 4, 6], np.uint8)) & 3).reshape(-1)[:length]


def to_text(bases, other=()):
    """The sequence again, letter for letter."""
    text = bytearray(np.frombuffer(LETTERS, np.uint8)[bases].tobytes())
    for start, letters in other:
        text[start : start + len(letters)] = letters.encode("ascii")
    return text.decode("ascii")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fasta", help="NC_008253.fna.gz")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: this one)")
    options = parser.parse_args()

    header, sequence = read_fasta(options.fasta)
    if NAME not in header:
        raise SystemExit(f"expected {NAME}, found: {header}")
    packed, other = pack(sequence)
    about = {
        "accession": "NC_008253.1",
        "organism": "Escherichia coli 536, complete genome",
        "header": header,
        "provenance": "Debian package bowtie-examples 1.3.1-1, "
        "usr/share/doc/bowtie/examples/genomes/NC_008253.fna.gz",
        "length": len(sequence),
        "other_letters": other,
        "sha256_sequence": hashlib.sha256(sequence.encode("ascii")).hexdigest(),
        "sha256_packed": hashlib.sha256(packed).hexdigest(),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / f"{NAME}.2bits").write_bytes(packed)
    (options.out / f"{NAME}.json").write_text(json.dumps(about, indent=2) + "\n", encoding="ascii")
    print(f"{len(sequence)} bases in {len(packed)} bytes, runs of other letters: {len(other)}")


if __name__ == "__main__":
    main()
