"""The installed library is the one that cargo has just built, for any setting of cargo's output folder and any processor."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from test_cpp import run

SOURCES = ["Cargo.toml", "Cargo.lock", "CMakeLists.txt", "Makefile", "pyproject.toml", "LICENSE-MIT", "LICENSE-APACHE"]
SOURCES += ["core", "simulation", "cli", "ffi", "benches", "include", "bindings"]
#: A cross compiler, its options for CMake, the Rust target that follows, and what runs its programs.
DEBIAN = ["-DINFONOISE_CARGO=/usr/bin/cargo", "-DINFONOISE_RUSTC=/usr/bin/rustc", "-DINFONOISE_CARGO_FLAGS=-Zbuild-std=core"]
CROSS = {
    "gcc": ("aarch64-linux-gnu-gcc", {}, "aarch64-unknown-linux-gnu", "AArch64"),
    "clang": ("clang", {"CMAKE_C_COMPILER_TARGET": "aarch64-linux-gnu"}, "aarch64-unknown-linux-gnu", "AArch64"),
    "musl": ("musl-gcc", {"INFONOISE_CARGO_TARGET": "x86_64-unknown-linux-musl"}, "x86_64-unknown-linux-musl", "X86-64"),
}


class Clone:
    """A copy of the sources, whose ABI version a test sets, and three ways to build them."""

    def __init__(self, folder: Path):
        self.above, self.root = folder, folder / "infonoise"
        listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", *SOURCES, cwd=ROOT).splitlines()
        for file in filter(lambda file: (ROOT / file).is_file(), listed):
            (self.root / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, self.root / file)

    def set_abi(self, version: int) -> None:
        """Changes the version in the Rust function only."""
        found = 0
        for file in (self.root / "ffi/src").rglob("*.rs"):
            body = r"(fn infonoise_abi_version\(\) -> u32 \{)[^}]*\}"
            text, count = re.subn(body, rf"\g<1>\n    {version}\n}}", file.read_text())
            found += count
            if count:
                file.write_text(text)
        assert found == 1

    def cmake(self, **options) -> int:
        """Builds and installs; returns the ABI version of the installed library."""
        build, prefix = self.above / "build", self.above / "prefix"
        run("cmake", "-G", "Ninja", "-S", self.root, "-B", build, f"-DINFONOISE_TARGET_DIR={self.root / 'target'}", **options)
        run("cmake", "--build", build, **options)
        run("cmake", "--install", build, "--prefix", prefix, **options)
        shared, static = next(prefix.glob("lib*/libinfonoise.so")), next(prefix.glob("lib*/libinfonoise.a"))
        found = {self.ask(static), self.ask(shared)}
        assert len(found) == 1
        return found.pop()

    def make(self, **options) -> int:
        run("make", "lib", cwd=self.root, **options)
        return self.ask(self.root / "out/lib/libinfonoise.a")

    def wheel(self, **options) -> int:
        """The CMake step of the wheel."""
        build, headers = self.above / "wheel", ROOT / "target/xla/jaxlib/include"
        command = ["cmake", "-G", "Ninja", "-S", self.root / "bindings/jax", "-B", build, "-DCMAKE_BUILD_TYPE=Debug"]
        command += [f"-DPython_EXECUTABLE={sys.executable}", f"-DXLA_INCLUDE={headers}"]
        run(*command, f"-DINFONOISE_TARGET_DIR={self.root / 'target'}", **options)
        run("cmake", "--build", build, "--target", "_native", **options)
        return int(run(sys.executable, "-c", "import _native; print(_native.abi_version())", cwd=build))

    def ask(self, library: Path) -> int:
        program, source = self.above / "ask", self.above / "ask.c"
        source.write_text("#include <infonoise.h>\n#include <stdio.h>\nint main(void) { printf(\"%u\", infonoise_abi_version()); }\n")
        run("cc", f"-I{self.root / 'include'}", source, library, f"-Wl,-rpath,{library.parent}", "-o", program)
        return int(run(program))


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Clone:
    """Builds once in each way, so that a library of older sources exists and could be installed by mistake."""
    clone = Clone(tmp_path_factory.mktemp("above"))
    clone.set_abi(100)
    assert (clone.cmake(), clone.make(), clone.wheel()) == (100, 100, 100)
    return clone


# In one process, which has the clone.
@pytest.mark.xdist_group("clone")
@pytest.mark.parametrize("setting", ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "config.toml"])
def test_the_library_just_built_is_installed(clone, setting, rust_target, tmp_path):
    """The library of an earlier build, where cargo would have put it without that setting, is not used."""
    version = 101 + len(setting)
    clone.set_abi(version)
    environment, config = dict(os.environ), clone.above / ".cargo/config.toml"
    if setting == "config.toml":
        config.parent.mkdir()
        config.write_text(f'[build]\ntarget-dir = "{tmp_path / "elsewhere"}"\ntarget = "{rust_target}"\n')
    else:
        environment[setting] = str(tmp_path / "elsewhere") if setting == "CARGO_TARGET_DIR" else rust_target
    try:
        # That the setting reaches cargo: without a --target-dir of its own it would build there.
        if setting != "CARGO_BUILD_TARGET":
            asked = run("cargo", "metadata", "--no-deps", "--format-version", "1", cwd=clone.root, env=environment)
            assert str(tmp_path / "elsewhere") in asked
        built = {build.__name__: build(env=environment) for build in (clone.cmake, clone.make, clone.wheel)}
        assert built == {"cmake": version, "make": version, "wheel": version}
        assert not (tmp_path / "elsewhere/release").exists()
    finally:
        shutil.rmtree(config.parent, ignore_errors=True)


def test_the_library_is_built_in_one_place():
    """Only ffi/build.sh builds the library; other calls of cargo, for debug builds, also name the target and the folder."""
    called = re.compile(r"""^.*cargo["', ]+(?:build|rustc)\b.*infonoise-ffi.*$""", re.M)
    programs = [ROOT / file for file in run("git", "ls-files", cwd=ROOT).splitlines()]
    programs = [file for file in programs if file.suffix in {".py", ".sh", ".txt", ""} and file.is_file()]
    found = {}
    for file in programs:
        lines = file.read_text(errors="ignore").splitlines()
        for number, line in enumerate(lines):
            if called.match(line):
                found[str(file.relative_to(ROOT))] = "\n".join(lines[number - 1 : number + 2])
    assert found.keys() == {"ffi/build.sh", "tests/cross.sh", "tests/test_c.py"}
    for file, lines in found.items():
        assert "--target-dir" in lines and re.search(r"--target\b(?!-)", lines), f"{file}: {lines}"


def available(name: str) -> None:
    """Skips without the compilers, but never in CI."""
    tools = [CROSS[name][0], "/usr/bin/cargo"] + (["qemu-aarch64", "aarch64-linux-gnu-gcc"] if name != "musl" else [])
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if not list(Path("/usr/src").glob("rustc-*")):
        missing.append("rust-web-src")
    assert not missing or "CI" not in os.environ, missing
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.mark.long
@pytest.mark.parametrize("name", CROSS)
def test_a_toolchain_file_reaches_cargo(name, tmp_path):
    available(name)
    compiler, options, target, machine = CROSS[name]
    lines = {"CMAKE_C_COMPILER": compiler, **options}
    if name != "musl":
        lines |= {"CMAKE_SYSTEM_NAME": "Linux", "CMAKE_SYSTEM_PROCESSOR": "aarch64"}
    toolchain = tmp_path / "toolchain.cmake"
    toolchain.write_text("".join(f"set({key} {value})\n" for key, value in lines.items()))
    # Shared with tests/cross.sh, to build once.
    folder = ROOT / "target/cross" / ("musl" if name == "musl" else "aarch64")
    command = ["cmake", "-G", "Ninja", "-S", ROOT, "-B", tmp_path / "build", f"-DCMAKE_TOOLCHAIN_FILE={toolchain}"]
    said = run(*command, *DEBIAN, f"-DINFONOISE_TARGET_DIR={folder}")
    assert f"Rust target {target}\n" in said
    run("cmake", "--build", tmp_path / "build", env={**os.environ, "RUSTC_BOOTSTRAP": "1"})
    library = tmp_path / "build/libinfonoise.a"
    for file in (library, tmp_path / "build/libinfonoise.so"):
        assert re.search(rf"Machine:.*{machine}", run("readelf", "-h", file)), file
    program, flags = tmp_path / "smoke", ["--target=aarch64-linux-gnu"] if name == "clang" else []
    run(compiler, *flags, "-std=c11", "-static", f"-I{ROOT / 'include'}", ROOT / "tests/c/smoke.c", library, "-o", program)
    assert run(*([] if name == "musl" else ["qemu-aarch64"]), program) == "ok\n"


def test_a_missing_rust_target_is_named_with_its_remedy(tmp_path):
    absent = "loongarch64-unknown-linux-musl"
    command = ["cmake", "-G", "Ninja", "-S", ROOT, "-B", tmp_path, f"-DINFONOISE_CARGO_TARGET={absent}"]
    done = subprocess.run(command, capture_output=True, text=True)
    said = " ".join(done.stderr.split())
    assert done.returncode != 0 and said.count("CMake Error") == 1
    assert f"target {absent} is not installed: 'rustup target add {absent}'" in said
    command[-1] = "-DINFONOISE_CARGO_TARGET=z80-unknown-linux-gnu"
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0 and "does not know the target z80-unknown-linux-gnu: set" in " ".join(done.stderr.split())


def test_a_processor_without_a_known_rust_target_is_named(tmp_path):
    """A stand-in for a C compiler's answer."""
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho m68k-linux-gnu\n")
    compiler.chmod(0o755)
    done = subprocess.run([ROOT / "ffi/build.sh", "--target"], env={**os.environ, "CC": str(compiler)}, capture_output=True, text=True)
    assert done.returncode == 1 and "for m68k-linux-gnu, whose Rust target is not known" in done.stderr
    assert "INFONOISE_CARGO_TARGET" in done.stderr and done.stdout == ""


@pytest.mark.parametrize(
    ("machine", "target"),
    [
        ("i686-linux-gnu", "i686-unknown-linux-gnu"),
        ("aarch64-alpine-linux-musl", "aarch64-unknown-linux-musl"),
        ("arm-linux-gnueabihf", "armv7-unknown-linux-gnueabihf"),
        ("riscv64-linux-gnu", "riscv64gc-unknown-linux-gnu"),
        ("powerpc64le-linux-gnu", "powerpc64le-unknown-linux-gnu"),
    ],
)
def test_the_rust_target_follows_from_the_c_compiler(machine, target, tmp_path):
    compiler = tmp_path / "cc"
    compiler.write_text(f"#!/bin/sh\necho {machine}\n")
    compiler.chmod(0o755)
    environment = {**os.environ, "CC": str(compiler), "INFONOISE_CARGO_FLAGS": "-Zbuild-std=core"}
    assert run(ROOT / "ffi/build.sh", "--target", env=environment) == f"{target}\n"
