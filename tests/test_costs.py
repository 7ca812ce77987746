"""What a training step costs: instructions exactly, time as ratios, bytes."""

import json
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benches"))
import instructions  # noqa: E402

LARGEST_LIBRARY = 120_000


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


def test_ratios_to_floors(library, tmp_path):
    """Coarse, since other processes run: twice the targets, the best of three runs."""
    program = tmp_path / "ratios"
    sources = [ROOT / "benches/c/ratios.c", library]
    subprocess.run(["cc", "-O3", f"-I{ROOT / 'include'}", *sources, "-o", program], check=True)
    for _ in range(3):
        done = subprocess.run([program, "2"], capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        if done.returncode == 0:
            return
    pytest.fail(done.stdout)


def test_the_library_is_small(library):
    """Code and constants as they ship."""
    total = subprocess.run(["size", library], capture_output=True, text=True, check=True).stdout
    assert int(total.splitlines()[1].split()[3]) < LARGEST_LIBRARY, total
