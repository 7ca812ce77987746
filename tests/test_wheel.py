"""The wheel that make built, by itself and under other JAXes; the sdist; the types; the version."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import infonoise
import infonoise.jax as inj
import numpy as np
import pytest
from conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CARGO = "building the {} needs cargo, which is not on the PATH: install Rust"

INFO = f"infonoise-{infonoise.__version__}.dist-info"


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
    code = f"from scikit_build_core import build; print(build.build_sdist({str(folder)!r}))"
    done = run(sys.executable, "-c", code, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    with tarfile.open(folder / done.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("infonoise-*/"))


def test_the_wheel_needs_numpy_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = Parser().parsestr(archive.read(f"{INFO}/METADATA").decode())
    needs = metadata.get_all("Requires-Dist")
    assert [need for need in needs if "extra" not in need] == ["numpy>=1.24"]
    assert {"jax", "exact", "plot"} <= set(metadata.get_all("Provides-Extra"))
    for name in ("infonoise/py.typed", "infonoise/_native.pyi"):
        assert name in names
    for name in ("LICENSE-MIT", "LICENSE-APACHE"):
        assert f"{INFO}/licenses/{name}" in names
    major, minor = sys.version_info[:2]
    tag = "cp312-abi3" if minor >= 12 else f"cp{major}{minor}-cp{major}{minor}"
    assert f"-{tag}-linux" in wheel.name


def test_the_wheel_is_one_for_many_linuxes(wheel):
    """The wheel needs only the compiler's and system's libraries of Debian 12, or older ones."""
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


def test_the_sdist_holds_all_that_cargo_and_cmake_ask_for(sdist):
    done = run("cargo", "metadata", "--locked", "--offline", "--format-version", "1", "--manifest-path", sdist / "Cargo.toml")
    assert done.returncode == 0, done.stderr
    parts = ["core", "ffi", "include", "bindings/jax", "bindings/cpp/include", "CMakeLists.txt"]
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", *parts, cwd=ROOT, check=True).stdout.split()
    for file in listed:
        assert (sdist / file).is_file() == (ROOT / file).is_file(), file
    for folder in ("target", "demo", "docs", "tests", "out"):
        assert not (sdist / folder).exists()


@pytest.mark.long
def test_a_wheel_is_built_from_the_sdist(sdist, tmp_path, wheel):
    """As pip does, in an unpacked one; the module of it gives the digests of the one that make built."""
    headers = ROOT / "target/xla/jaxlib/include"
    defines = ["-C", f"cmake.define.XLA_INCLUDE={headers}", "-C", f"cmake.define.INFONOISE_TARGET_DIR={tmp_path / 'cargo'}"]
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps", *defines, "-w", tmp_path, sdist]
    done = run(*command, env={**os.environ, "CARGO_NET_OFFLINE": "true"})
    assert done.returncode == 0, done.stderr
    (built,) = tmp_path.glob("*.whl")
    assert built.name == wheel.name
    with zipfile.ZipFile(built) as one, zipfile.ZipFile(wheel) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())
        one.extractall(tmp_path / "package")
    code = "import infonoise; print(infonoise.__file__, infonoise.Scheduler(infonoise.Config.edm(), 5).digest())"
    done = run(sys.executable, "-c", code, env={**os.environ, "PYTHONPATH": str(tmp_path / "package")})
    assert done.stdout.split() == [
        str(tmp_path / "package/infonoise/__init__.py"),
        str(infonoise.Scheduler(infonoise.Config.edm(), 5).digest()),
    ], done.stderr


def test_a_build_without_cargo_says_so_in_one_sentence(sdist, tmp_path):
    hidden = ["-DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=OFF", "-DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF"]
    for what, source in {"package": sdist / "bindings/jax", "library": sdist}.items():
        found = run("cmake", "-G", "Ninja", "-S", source, "-B", tmp_path / what)
        assert CARGO.format(what) not in found.stderr
        done = run("cmake", "-G", "Ninja", "-S", source, "-B", tmp_path / f"no-{what}", *hidden)
        assert done.returncode != 0 and CARGO.format(what) in " ".join(done.stderr.split())
        assert done.stderr.count("CMake Error") == 1


def test_the_version_stands_once():
    """The version is in Cargo.toml only; cargo repeats it in Cargo.lock, and the changelog and the citation name releases."""
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    assert infonoise.__version__ == version and "version" in PROJECT["project"]["dynamic"]
    files = run("git", "grep", "-lFw", version, "--", ":!Cargo.lock", ":!tests/fuzz/Cargo.lock", ":!CHANGELOG.md", ":!docs/results*")
    assert files.stdout.split() == ["Cargo.toml"]
    assert (ROOT / "Cargo.toml").read_text().count(f'"{version}"') == 1


def test_the_oldest_jax_stands_the_same_everywhere():
    """The extra's floor, the check at import, and the headers that wheels are built with."""
    pins = dict(re.findall(r"^(\w+)==(\S+)$", (ROOT / "requirements-build.txt").read_text(), re.M))
    oldest = ".".join(map(str, inj.OLDEST_JAX))
    assert PROJECT["project"]["optional-dependencies"]["jax"] == [f"jax>={oldest}"]
    assert pins["jaxlib"] == pins["jax"] == f"{oldest}.0"
    assert f"jaxlib=={pins['jaxlib']}" in PROJECT["build-system"]["requires"]
    tested = dict(re.findall(r"^(\w+)==(\S+)$", (ROOT / "requirements-oldest-jax.txt").read_text(), re.M))
    assert (tested["jaxlib"], tested["jax"]) == (pins["jaxlib"], pins["jax"])


STEPS = """
import warnings
warnings.simplefilter("error")
import jax, infonoise, infonoise.jax as inj
state = inj.init(infonoise.Config.discrete(warmup_steps=5, min_count=2), seed=3)
@jax.jit
def step(state):
    state, sigma = inj.sample(state, 64)
    return inj.step(inj.observe(state, sigma, sigma)), sigma
for _ in range(20):
    state, sigma = step(state)
print(jax.__version__, inj.digest(state))
"""


def under(folder, code) -> subprocess.CompletedProcess:
    """With the JAX of that folder before that of the environment."""
    return run(sys.executable, "-c", code, env={**os.environ, "PYTHONPATH": str(folder)})


def test_the_wheel_runs_under_the_oldest_jax():
    done = under(ROOT / "target/xla", STEPS)  # make .venv/wheel unpacks it there
    scheduler = infonoise.Scheduler(infonoise.Config.discrete(warmup_steps=5, min_count=2), seed=3)
    for _ in range(20):
        sigma = scheduler.sample(64)
        scheduler.observe(sigma, sigma)
        scheduler.step()
    oldest = ".".join(map(str, inj.OLDEST_JAX))
    assert done.stdout == f"{oldest}.0 {scheduler.digest()}\n", done.stderr


def test_an_older_jax_is_refused_at_import():
    """A complete JAX older than the oldest supported one, imported before the package."""
    folder = ROOT / "target/old-jax"
    if not (folder / "jax-0.6.2.dist-info").exists():
        shutil.rmtree(folder, ignore_errors=True)
        install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder, "jax==0.6.2", "jaxlib==0.6.2"]
        done = run(*install)
        assert done.returncode == 0 or "CI" not in os.environ, done.stderr
        if done.returncode != 0:
            pytest.skip(f"no package registry: {done.stderr.strip().splitlines()[-1]}")
    done = under(folder, "import infonoise.jax")
    oldest = ".".join(map(str, inj.OLDEST_JAX))
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: infonoise.jax needs JAX {oldest} or newer, and this is JAX 0.6.2: pip install --upgrade 'infonoise[jax]'"
    )


@pytest.mark.long
def test_types():
    """The package by its own stubs, then a program of a user's; each ignore there is needed."""
    mypy = [sys.executable, "-m", "mypy", "--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / "out/mypy"]
    done = run(*mypy, "-p", "infonoise")
    assert done.returncode == 0, done.stdout
    done = run(*mypy, "--strict", ROOT / "tests/programs/typed.py")
    assert done.returncode == 0, done.stdout
