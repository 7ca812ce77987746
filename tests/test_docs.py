"""The Python code of these pages runs: the blocks of a page in order, in one namespace. The README's first
loops run in every language, and end with one digest."""

import re
import subprocess
import sys
from functools import partial

import pytest
from conftest import ROOT, STRICT
from matplotlib import pyplot

#: Pages whose every block marked ``python`` runs, and what their output starts with.
PAGES = {
    "docs/guide.md": "lognormal(-1.2, 1.2) puts",
    "docs/jax.md": "adapting",
    "docs/state.md": "the loaded schedule has another configuration: refresh_every = 50 -> 100. Load it",
    "docs/method.md": "",
    "docs/choosing.md": "",
    "docs/pytorch.md": "adapting",
    "docs/path.md": "adapting none",
}
#: The reader's own code on docs/guide.md.
YOURS = """
import infonoise, numpy as np
steps = 40
data = np.random.default_rng(0).standard_normal((100, 2))
def train(sigma):
    return sigma**2 / (1 + sigma**2)
"""
#: Steps of the README's loops, and the error of every sample.
STEPS, ERROR = 700, 0.125
#: What surrounds the README's code of each language, without the lines that must stand at its top.
LOOPS = {
    "python": (
        "import jax.numpy as jnp, numpy as np\n"
        f"steps = {STEPS}\n"
        f"def update(params, opt, x0, sigma): return params, opt, jnp.full(sigma.shape, {ERROR})\n"
        f"def train(sigma): return np.full(sigma.shape, {ERROR})\n"
        f"error = np.full(256, {ERROR})\n"
        "data = np.array([[-0.5], [0.5]])  # its deviation is that of the other languages, 0.5\n",
        "carry = (0.0, 0.0, sched)\n"
        f"for _ in range({STEPS}): carry = train_step(carry, jnp.zeros((256, 2)))\n"
        "print(f'{inj.digest(carry[2]):x} {scheduler.digest():x}')\n",
    ),
    "rust": (
        "#![deny(warnings)]\n"
        f"fn train(sigma: &[f32]) -> Vec<f32> {{ vec![{ERROR}; sigma.len()] }}\n"
        f"fn main() -> Result<(), infonoise::Error> {{\nlet steps = {STEPS};\n",
        'println!("{:x}", scheduler.digest());\nOk(())\n}\n',
    ),
    "c": (
        "#include <stdio.h>\n#include <stdlib.h>\n"
        "static void train(const float *sigma, float *error, size_t n) {\n"
        f"  for (size_t i = 0; i < n; ++i) error[i] = sigma[i] > 0 ? {ERROR}f : 0;\n}}\n"
        f"int main(void) {{\nfloat sigma[256], error[256];\nconst int steps = {STEPS};\n",
        'uint64_t digest;\ninfonoise_digest(state, bytes, &digest);\nprintf("%llx\\n", (unsigned long long)digest);\n'
        "free(state);\n}\n",
    ),
    "cpp": (
        "#include <iostream>\n#include <vector>\n"
        "static std::vector<float> train(const std::vector<float>& sigma) {\n"
        f"  return std::vector<float>(sigma.size(), {ERROR}f);\n}}\nint main() {{\nconst int steps = {STEPS};\n",
        "std::cout << std::hex << scheduler.digest() << '\\n';\n}\n",
    ),
}
#: The pages that need PyTorch.
TORCH = {"docs/pytorch.md"}
#: The pages whose pictures `make pictures` draws.
OURS = ["docs/method.md", "docs/choosing.md"]
#: The pictures that the programs in docs/ draw.
MAKERS = {
    "make_pictures": [f"method-{name}.png" for name in ("bands", "digits", "gate", "solvers", "two-points")],
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


def readme_program(language: str) -> str:
    """The README's code of this language as a program that prints the digest at its end."""
    before, after = LOOPS[language]
    code = "".join(re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S))
    assert code, language
    includes = "".join(re.findall(r"^#include .*\n", code, re.M))
    return includes + before + re.sub(r"^#include .*\n", "", code, flags=re.M) + after


def run_readme(language: str, library, folder) -> list[str]:
    """The digests that the README's code of this language ends with."""
    source, program = folder / f"main.{ {'python': 'py', 'rust': 'rs'}.get(language, language)}", folder / "program"
    source.write_text(readme_program(language))
    headers = [f"-I{ROOT / 'include'}", f"-I{ROOT / 'bindings/cpp/include'}"]
    if language == "python":
        command = [sys.executable, source]
    elif language == "rust":
        (folder / "Cargo.toml").write_text(
            '[package]\nname = "first-use"\nedition = "2024"\n[[bin]]\nname = "first-use"\npath = "main.rs"\n'
            f'[dependencies]\ninfonoise.path = "{ROOT / "core"}"\n'
        )
        (folder / "Cargo.lock").write_text((ROOT / "Cargo.lock").read_text())
        command = ["cargo", "run", "--quiet", "--offline", "--target-dir", ROOT / "target/readme"]
    else:
        compiler = ["cc", "-std=c11"] if language == "c" else ["c++", "-std=c++17"]
        subprocess.run([*compiler, *STRICT[1:], *headers, source, library, "-o", program], check=True)
        command = [program]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[-2].split()


def test_the_readmes_loops_end_with_one_digest(library, tmp_path):
    digests = []
    for language in LOOPS:
        folder = tmp_path / language
        folder.mkdir()
        digests += run_readme(language, library, folder)
    assert len(digests) == 5 and len(set(digests)) == 1, digests
