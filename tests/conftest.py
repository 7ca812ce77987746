"""What several tests share: the static library, and programs linked to it."""

import os
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
