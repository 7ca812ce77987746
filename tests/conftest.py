"""Shared by several tests: the static library, programs linked to it, and nvcc."""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import infonoise
import pytest

ROOT = Path(__file__).resolve().parent.parent
# cmake and ninja of the environment are used even if it is not activated.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]


def pytest_collection_modifyitems(items):
    """Long tests run first, otherwise one of them would run alone at the end."""
    items.sort(key=lambda item: "long" not in item.keywords)


@pytest.fixture(scope="session")
def library() -> Path:
    """libinfonoise.a, built and reduced as in a release."""
    subprocess.run(["make", "-s", "lib"], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    return ROOT / "out/lib/libinfonoise.a"


@pytest.fixture(scope="session")
def rust_target() -> str:
    """The one that the library is built for, and the folder of target/ that cargo leaves it in."""
    done = subprocess.run([ROOT / "ffi/build.sh", "--target"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="session")
def compile_c(library, tmp_path_factory):
    """Compiles tests/c/NAME against the static library, without any -l flag."""

    def compile_c(name: str, *flags: str) -> Path:
        program = tmp_path_factory.mktemp("c") / Path(name).stem
        sources = [ROOT / "tests/c" / name, library]
        command = ["cc", *STRICT, f"-I{ROOT / 'include'}", *map(str, sources), *flags, "-o", str(program)]
        subprocess.run(command, check=True)
        return program

    return compile_c


@pytest.fixture(scope="session")
def nvcc() -> list:
    """The pinned one, or the system's, with what it needs to link."""
    pinned = ROOT / "target/cuda/nvidia/cu13"
    if (pinned / "bin/nvcc").exists():
        return [pinned / "bin/nvcc", f"-L{pinned / 'lib'}"]
    if shutil.which("nvcc"):
        return ["nvcc"]
    assert "CI" not in os.environ, "`make cuda` installs nvcc"
    pytest.skip("nvcc is not installed: `make cuda` fetches it (100 MB)")


@pytest.fixture(scope="session")
def with_torch(tmp_path_factory):
    """Runs a program where PyTorch is, with this package and the examples: here, or in Debian's Python
    with its python3-torch, since PyPI's is gigabytes."""
    package = tmp_path_factory.mktemp("package")
    (package / "infonoise").symlink_to(Path(infonoise.__file__).parent)
    # One thread, since the programs are small and others run at the same time.
    environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{ROOT / 'examples'}", "OMP_NUM_THREADS": "1"}

    def start(python, *command, **options) -> subprocess.Popen:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([python, *map(str, command)], env=environment, **pipes, **options)

    for python in (sys.executable, "/usr/bin/python3"):
        if Path(python).exists():
            process = start(python, "-c", "import torch, infonoise")
            reason = process.communicate()[1].strip().splitlines()
            if process.returncode == 0:
                return partial(start, python)
    assert "CI" not in os.environ, reason
    pytest.skip("no PyTorch: `apt-get install python3-torch` has one for Debian's own Python, which .venv must be of")
