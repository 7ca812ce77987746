"""The Python code of these pages runs: the blocks of a page in order, in one namespace."""

import re
import subprocess
import sys
from functools import partial

import pytest
from conftest import ROOT
from matplotlib import pyplot

#: Pages whose every block marked ``python`` runs, and what their output starts with.
PAGES = {
    "docs/guide.md": "lognormal(-1.2, 1.2) puts",
    "docs/jax.md": "adapting",
    "docs/method.md": "",
    "docs/choosing.md": "",
    "docs/pytorch.md": "adapting",
}
#: The reader's own code on docs/guide.md.
YOURS = """
import infonoise, numpy as np
steps = 40
data = np.random.default_rng(0).standard_normal((100, 2))
def train(sigma):
    return sigma**2 / (1 + sigma**2)
"""
#: The pages that need PyTorch.
TORCH = {"docs/pytorch.md"}
#: The pages whose pictures `make pictures` draws.
OURS = ["docs/method.md", "docs/choosing.md"]
#: The pictures that the programs in docs/ draw.
MAKERS = {
    "make_pictures": [f"method-{name}.png" for name in ("bands", "digits", "gate", "two-points")],
    "seeing": [f"seeing-{name}.png" for name in ("density", "grid", "history", "profile")],
}


def blocks(page: str) -> str:
    """The page with all but its code blanked, so that errors name its lines."""
    lines, inside = [], False
    for line in (ROOT / page).read_text().splitlines():
        inside = line == "```python" or inside and line != "```"
        lines.append(line if inside and line != "```python" else "")
    return "\n".join(lines)


@pytest.mark.parametrize("page, first", PAGES.items(), ids=PAGES)
def test_every_block_runs(page, first, tmp_path, request):
    code = blocks(page)
    assert len(re.findall(r"^```python$", (ROOT / page).read_text(), re.M)) > 1
    # A process of its own: pages configure JAX, and register types.
    program = "import pathlib, sys\nfolder = pathlib.Path.cwd()\n" + (YOURS if page == "docs/guide.md" else "")
    program += "exec(compile(sys.stdin.read(), sys.argv[1], 'exec'))"
    launch = request.getfixturevalue("with_torch") if page in TORCH else partial(start, sys.executable)
    process = launch("-c", program, ROOT / page, stdin=subprocess.PIPE, cwd=tmp_path)
    out, error = process.communicate(code, timeout=120)
    assert process.returncode == 0, error
    assert out.startswith(first), out


def start(*command, **options) -> subprocess.Popen:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize("maker, names", MAKERS.items())
def test_pictures_are_made(maker, names, tmp_path):
    """Each picture has the name that is checked in and is not blank; the tour runs at a small size."""
    small = ["--steps", "200"] if maker == "seeing" else []
    command = [sys.executable, ROOT / f"docs/{maker}.py", "--out", tmp_path, *small]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for name in names:
        picture = pyplot.imread(tmp_path / name)
        assert picture.shape == pyplot.imread(ROOT / "docs/images" / name).shape
        assert picture[..., :3].std() > 0.1, name
        assert (ROOT / "docs/images" / name).stat().st_size < 150_000, name
    assert "'phase': 'adapting'" in done.stdout or maker != "seeing"


def test_every_picture_is_shown_and_made():
    shown = [image for page in OURS for image in re.findall(r"\]\(images/([\w.-]+)\)", (ROOT / page).read_text())]
    assert sorted(shown) == sorted(sum(MAKERS.values(), []))
