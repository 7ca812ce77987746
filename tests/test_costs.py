"""What a training step costs: instructions exactly, bytes. Time: test_ratios.py."""

import json
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benches"))
import instructions  # noqa: E402
import linked  # noqa: E402

LARGEST_LIBRARY = 120_000
LARGEST_TRAINER = 40_000


def test_instructions_do_not_grow(library):
    """Above 5 % is a regression; after a change that is meant, write the figures anew."""
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    figures = json.loads(instructions.FIGURES.read_text())
    if figures["compiler"] != instructions.compiler():
        pytest.skip(f"the figures are those of {figures['compiler']}, this is {instructions.compiler()}")
    counts = instructions.count()
    grown = {name: (old, counts[name]) for name, old in figures["instructions"].items() if counts[name] > 1.05 * old}
    assert not grown, f"instructions before and now: {grown}"


def test_the_library_is_small(library):
    """Code and constants as they ship."""
    total = subprocess.run(["size", library], capture_output=True, text=True, check=True).stdout
    assert int(total.splitlines()[1].split()[3]) < LARGEST_LIBRARY, total


def test_a_trainer_pays_for_what_it_calls(library):
    """Linked with --gc-sections, a program takes in what its calls reach."""
    assert linked.growth(library) < LARGEST_TRAINER
