"""What several tests share: the static library, programs linked to it, and nvcc."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# cmake and ninja are the environment's, also where it is not activated.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]


@pytest.fixture(scope="session")
def library() -> Path:
    """libinfonoise.a, built and reduced as it ships."""
    subprocess.run(["make", "-s", "lib"], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    return ROOT / "out/lib/libinfonoise.a"


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
