"""Bytes that the calls of a training step add to a stripped program."""

import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def growth(library: Path) -> int:
    """The size of the smallest trainer minus that of the same program without the library."""
    with tempfile.TemporaryDirectory() as folder:
        programs = Path(folder) / "with", Path(folder) / "without"
        flags = ["-O2", "-s", "-Wl,--gc-sections", f"-I{ROOT / 'include'}", ROOT / "benches/c/trainer.c"]
        subprocess.run(["cc", *flags, library, "-o", programs[0]], check=True)
        subprocess.run(["cc", *flags, "-DWITHOUT", "-o", programs[1]], check=True)
        assert subprocess.run([programs[0]]).returncode == 0, "the trainer runs"
        return programs[0].stat().st_size - programs[1].stat().st_size
