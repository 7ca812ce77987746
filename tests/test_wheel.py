"""The wheel that make built, by itself; the sdist; the types."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import infonoise
import numpy as np
import pytest
from conftest import ROOT

PACKAGE = ROOT / "bindings/jax"
CARGO = "building the package needs cargo, which is not on the PATH: install Rust"


def run(*command, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def wheel() -> Path:
    (wheel,) = (ROOT / "out/wheel").glob("*.whl")  # make .venv/wheel builds it
    return wheel


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    """An unpacked one."""
    folder = tmp_path_factory.mktemp("sdist")
    code = f"import build_backend; print(build_backend.build_sdist({str(folder)!r}))"
    done = run(sys.executable, "-c", code, cwd=PACKAGE)
    assert done.returncode == 0, done.stderr
    with tarfile.open(folder / done.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("infonoise-*/"))


def test_the_wheel_needs_numpy_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = Parser().parsestr(archive.read("infonoise-0.1.0.dist-info/METADATA").decode())
    needs = metadata.get_all("Requires-Dist")
    assert [need for need in needs if "extra" not in need] == ["numpy>=1.24"]
    assert {"jax", "exact", "plot"} <= set(metadata.get_all("Provides-Extra"))
    for name in ("infonoise/py.typed", "infonoise/_native.pyi"):
        assert name in names
    for name in ("LICENSE-MIT", "LICENSE-APACHE"):
        assert f"infonoise-0.1.0.dist-info/licenses/{name}" in names
    major, minor = sys.version_info[:2]
    tag = "cp312-abi3" if minor >= 12 else f"cp{major}{minor}-cp{major}{minor}"
    assert f"-{tag}-linux" in wheel.name


def test_the_wheel_is_one_for_many_linuxes(wheel):
    """Debian 12's compiler and libraries, or older: nothing else is asked of a system."""
    done = run(sys.executable, "-m", "auditwheel", "show", wheel)
    assert done.returncode == 0, done.stderr
    found = re.search(r'platform tag:\s+"manylinux_2_(\d+)_', " ".join(done.stdout.split()))
    assert found and int(found[1]) <= 36, done.stdout


def test_it_runs_where_there_is_numpy_and_nothing_else(wheel, tmp_path):
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path, check=True)
    python = tmp_path / "bin/python"
    done = run(sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", wheel)
    assert done.returncode == 0, done.stderr
    (packages,) = tmp_path.glob("lib/python*/site-packages")
    for part in ("numpy", "numpy.libs"):
        if (real := Path(np.__file__).parent.with_name(part)).exists():
            (packages / part).symlink_to(real)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = run(python, "-c", ALONE, cwd=tmp_path, env=clean)
    assert done.returncode == 0, done.stderr
    scheduler = infonoise.Scheduler(infonoise.Config.discrete(), seed=7)
    scheduler.advance(scheduler.sample(64), np.ones(64))
    digest, *modules = done.stdout.splitlines()
    assert int(digest) == scheduler.digest()
    assert modules == ["[]", "infonoise.jax needs JAX: pip install 'infonoise[jax]'"]


ALONE = """
import sys, infonoise, numpy as np
scheduler = infonoise.Scheduler(infonoise.Config.discrete(), seed=7)
scheduler.advance(scheduler.sample(64), np.ones(64))
print(scheduler.digest())
print([name for name in ("jax", "jaxlib", "scipy", "matplotlib") if name in sys.modules])
try:
    import infonoise.jax
except ImportError as error:
    print(error)
"""


def test_another_abi_is_refused_at_import():
    """Before anything of the module is called."""
    code = """
import sys, types
native = types.ModuleType("infonoise._native")
native.__file__, native.HEADER_ABI_VERSION, native.abi_version = "_native.so", 1, lambda: 2
sys.modules["infonoise._native"] = native
import infonoise
"""
    done = run(sys.executable, "-c", code)
    assert done.returncode == 1
    assert re.search(
        r"^ImportError: _native.so was compiled against ABI 1 .* linked into it has ABI 2: .* install the package again",
        done.stderr,
        re.M,
    )


def test_the_sdist_holds_all_that_cargo_asks_for(sdist):
    manifest = sdist / "repository/Cargo.toml"
    done = run("cargo", "metadata", "--locked", "--offline", "--format-version", "1", "--manifest-path", manifest)
    assert done.returncode == 0, done.stderr
    folders = ["core", "ffi", "include", "bindings/cpp/include", "bindings/jax"]
    tracked = run("git", "ls-files", *folders, cwd=ROOT, check=True).stdout.split()
    for file in tracked:
        inside = file.removeprefix("bindings/jax/")
        assert (sdist / (inside if inside != file else f"repository/{file}")).is_file(), file
    assert not list(sdist.glob("**/target")) and not (PACKAGE / "repository").exists()


def test_a_build_without_cargo_says_so_in_one_sentence(sdist, tmp_path):
    hidden = ["-DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=OFF", "-DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF"]
    for source in (sdist, PACKAGE):
        found = run("cmake", "-G", "Ninja", "-S", source, "-B", tmp_path / source.name)
        assert CARGO not in found.stderr
        done = run("cmake", "-G", "Ninja", "-S", source, "-B", tmp_path / f"no-{source.name}", *hidden)
        assert done.returncode != 0 and CARGO in " ".join(done.stderr.split())
        assert done.stderr.count("CMake Error") == 1


def test_types():
    """The package by its own stubs, then a program of a user's; each ignore there is needed."""
    mypy = [sys.executable, "-m", "mypy", "--config-file", PACKAGE / "pyproject.toml", "--cache-dir", ROOT / "out/mypy"]
    done = run(*mypy, "-p", "infonoise")
    assert done.returncode == 0, done.stdout
    done = run(*mypy, "--strict", ROOT / "tests/programs/typed.py")
    assert done.returncode == 0, done.stdout
