"""One cmake --install, and programs outside of the tree that use it."""

import os
import re
import shutil
import subprocess

import infonoise
import numpy as np
import pytest
from conftest import ROOT
from test_cpp import STRICT, need, run

CONSUMER = ROOT / "tests/cpp/consumer"
SONAME = "libinfonoise.so." + re.search(r"ABI_VERSION (\d+)", (ROOT / "include/infonoise.h").read_text())[1]
PROGRAMS = [f"{standard}-{library}" for library in ("static", "shared") for standard in ("c11", "cxx17", "cxx20")]


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Installed, then moved."""
    folder = tmp_path_factory.mktemp("package")
    # cargo's folder is shared with make, to build once.
    run("cmake", "-S", ROOT, "-B", folder / "build", f"-DINFONOISE_TARGET_DIR={ROOT / 'target'}")
    run("cmake", "--build", folder / "build")
    run("cmake", "--install", folder / "build", "--prefix", folder / "first")
    shutil.move(folder / "first", folder / "moved")
    shutil.rmtree(folder / "build")
    for file in [*folder.glob("moved/**/*.cmake"), *folder.glob("moved/**/*.pc")]:
        assert str(ROOT) not in file.read_text() and str(folder) not in file.read_text(), file
    return folder / "moved"


@pytest.fixture(scope="module")
def digest() -> str:
    """What every consumer prints."""
    scheduler = infonoise.Scheduler(infonoise.Config.discrete(warmup_steps=20, min_count=5), seed=9)
    for _ in range(50):
        sigma = scheduler.sample(128)
        scheduler.observe(sigma, sigma * sigma / (np.float32(1) + sigma * sigma))
        scheduler.step()
    return f"{scheduler.digest()}\n"


def libraries(prefix):
    return next(prefix.glob("lib*/**/libinfonoise.a")).parent


def consume(folder, cc, cxx, route, *options, targets=PROGRAMS):
    """Builds the consumer; a copy of it, so that nothing is found by chance."""
    shutil.copytree(CONSUMER, folder / "consumer")
    compilers = [f"-DCMAKE_C_COMPILER={need(cc)}", f"-DCMAKE_CXX_COMPILER={need(cxx)}"]
    command = ["cmake", "-G", "Ninja", "-S", folder / "consumer", "-B", folder / "build", f"-DROUTE={route}"]
    run(*command, *compilers, *options)
    run("cmake", "--build", folder / "build", "--parallel", "2", "--target", *targets)
    return [folder / "build" / target for target in targets]


def needed(program) -> list[str]:
    return re.findall(r"NEEDED.*\[(\S+)\]", run("readelf", "-d", program))


def test_the_shared_library_exports_what_the_header_declares(prefix):
    library = libraries(prefix) / "libinfonoise.so"
    headers = "".join((prefix / f"include/{name}").read_text() for name in ("infonoise.h", "infonoise_journal.h"))
    declared = set(re.findall(r"^\w.*?\b\*?(infonoise_\w+)\(", headers, re.M))
    defined = run("nm", "-D", "--defined-only", library)
    exported = set(re.findall(r" [A-Z] (\S+)", defined))
    assert exported == declared and len(exported) > 40
    undefined = set(re.findall(r" U (\w+)", run("nm", "-D", library)))
    assert undefined <= {"memcpy", "memset"}
    assert f"[{SONAME}]" in run("readelf", "-d", library)
    stack = re.search(r"GNU_STACK.*", run("readelf", "-lW", library))[0]
    assert " RW " in stack


@pytest.mark.parametrize(("cc", "cxx"), [("gcc", "g++"), ("clang", "clang++")])
def test_find_package(prefix, digest, tmp_path, cc, cxx):
    """Every standard with both libraries, under the sanitizers."""
    options = [f"-DCMAKE_PREFIX_PATH={prefix}", "-DSANITIZED=ON"]
    for program in consume(tmp_path, cc, cxx, "find_package", *options):
        assert run(program) == digest, program
        assert (SONAME in needed(program)) == program.name.endswith("shared")


def test_cuda_headers_are_installed(prefix, tmp_path):
    """The installed CUDA headers compile; nothing else needs CUDA."""
    source = tmp_path / "stage.cc"
    source.write_text("#include <infonoise/cuda.hpp>\nstd::uint64_t f(infonoise::cuda::Stage<>& s) { return s.step().steps; }\n")
    command = ["g++", "-std=c++17", *STRICT, f"-I{prefix / 'include'}", "-fsyntax-only", source]
    run(*command, "-isystem", ROOT / "tests/cpp/cuda")
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert "cuda_runtime_api.h: No such file" in done.stderr


def test_the_cuda_example_by_cmake(prefix, nvcc, tmp_path):
    shutil.copytree(ROOT / "bindings/cpp/examples/cuda", tmp_path / "example")
    compiler, *link = nvcc
    options = [f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CUDA_COMPILER={compiler}", f"-DCMAKE_CUDA_FLAGS={' '.join(link)}"]
    run("cmake", "-G", "Ninja", "-S", tmp_path / "example", "-B", tmp_path / "build", "-DCMAKE_CUDA_ARCHITECTURES=80", *options)
    run("cmake", "--build", tmp_path / "build")
    assert (tmp_path / "build/trainer").exists()


def test_find_package_refuses_another_version(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(next LANGUAGES C)\nfind_package(infonoise 0.2 CONFIG REQUIRED)\n"
    )
    command = ["cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0 and f"version: {infonoise.__version__}" in done.stderr


@pytest.mark.parametrize(
    ("route", "cc", "cxx", "shared"),
    [("add_subdirectory", "clang", "clang++", False), ("FetchContent", "gcc", "g++", True)],
)
def test_as_part_of_another_build(digest, tmp_path, route, cc, cxx, shared):
    options = [f"-DREPOSITORY={ROOT}", f"-DINFONOISE_TARGET_DIR={ROOT / 'target'}", f"-DBUILD_SHARED_LIBS={shared}"]
    targets = ["c11-infonoise", "cxx17-infonoise", "cxx20-static", "c11-shared"]
    for program in consume(tmp_path, cc, cxx, route, *options, targets=targets):
        assert run(program) == digest, program
        assert (SONAME in needed(program)) == ("shared" in program.name or shared and "infonoise" in program.name)
    # A project that includes this one does not install it.
    run("cmake", "--install", tmp_path / "build", "--prefix", tmp_path / "prefix")
    assert not list(tmp_path.glob("prefix/**/*infonoise*"))


@pytest.mark.parametrize(("cc", "cxx"), [("gcc", "g++"), ("clang", "clang++")])
def test_pkg_config(prefix, digest, tmp_path, cc, cxx):
    where = libraries(prefix)
    environment = {**os.environ, "PKG_CONFIG_PATH": str(where / "pkgconfig"), "LD_LIBRARY_PATH": str(where)}
    ask = lambda *flags: run("pkg-config", *flags, "infonoise", env=environment).split()
    assert ask("--modversion") == [infonoise.__version__]
    flags, shared, static = ask("--cflags"), ask("--libs"), ask("--static", "--libs")
    for compiler, source, standard in [(cc, "main.c", "c11"), (cxx, "main.cc", "c++17"), (cxx, "main.cc", "c++20")]:
        program = tmp_path / standard
        command = [need(compiler), f"-std={standard}", "-O2", *STRICT, *flags, CONSUMER / source, "-o", program]
        run(*command, *shared)
        assert run(program, env=environment) == digest and SONAME in needed(program)
        if standard != "c++20":
            run(*command, "-static", *static)
            assert run(program) == digest and needed(program) == []
