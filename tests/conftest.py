"""What several tests share: the static library, and programs linked to it."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]


@pytest.fixture(scope="session")
def library() -> Path:
    """libinfonoise.a, built as it ships."""
    subprocess.run(["cargo", "build", "-q", "--release", "--locked", "-p", "infonoise-ffi"], cwd=ROOT, check=True)
    return ROOT / "target/release/libinfonoise.a"


@pytest.fixture(scope="session")
def compile_c(library, tmp_path_factory):
    """Compiles tests/c/NAME against the static library, without any -l flag."""

    def compile_c(name: str, *flags: str) -> Path:
        program = tmp_path_factory.mktemp("c") / Path(name).stem
        sources = [ROOT / "tests/c" / name, library]
        command = ["cc", *STRICT, *flags, f"-I{ROOT / 'include'}", *map(str, sources), "-o", str(program)]
        subprocess.run(command, check=True)
        return program

    return compile_c
