"""The Python code of these pages runs: the blocks of a page in their order, in one namespace."""

import re
import subprocess
import sys

import pytest
from conftest import ROOT

#: Pages whose every block marked ``python`` runs, without anything of the reader's.
PAGES = ["docs/jax.md"]


def blocks(page: str) -> str:
    """The page with all but its code blanked, so that errors name its lines."""
    lines, inside = [], False
    for line in (ROOT / page).read_text().splitlines():
        inside = line == "```python" or inside and line != "```"
        lines.append(line if inside and line != "```python" else "")
    return "\n".join(lines)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs(page, tmp_path):
    code = blocks(page)
    assert len(re.findall(r"^```python$", (ROOT / page).read_text(), re.M)) > 1
    # A process of its own: pages configure JAX, and register types.
    program = "import pathlib, sys\nfolder = pathlib.Path.cwd()\nexec(compile(sys.stdin.read(), sys.argv[1], 'exec'))"
    command = [sys.executable, "-c", program, ROOT / page]
    done = subprocess.run(command, input=code, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
