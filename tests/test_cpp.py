"""infonoise.hpp as a C++ program sees it."""

import os
import re
import shutil
import subprocess

import infonoise
import pytest
from conftest import ROOT

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
SANITIZED = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
HEADERS = [f"-I{ROOT / 'include'}", f"-I{ROOT / 'bindings/cpp/include'}"]


def need(compiler: str) -> str:
    """Skips without the compiler, but never in CI."""
    if shutil.which(compiler) is None and "CI" not in os.environ:
        pytest.skip(f"{compiler} is not installed")
    return compiler


def run(*command, **options) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("compiler", "standard"), [("g++", "c++17"), ("clang++", "c++20")])
def test_behaviour(library, tmp_path, compiler, standard):
    program, source = tmp_path / "program", ROOT / "tests/cpp/behaviour.cc"
    run(need(compiler), f"-std={standard}", *STRICT, *SANITIZED, *HEADERS, source, library, "-o", program)
    *lines, digest = run(program, tmp_path).splitlines()
    # A line for a log holds every field of the configuration, and those of a report by name.
    header = (ROOT / "include/infonoise.h").read_text()
    fields = {}
    for name in ("config", "report"):
        struct = re.search(r"typedef struct \{((?:(?!typedef).)*?)\} infonoise_%s;" % name, header, re.S)[1]
        fields[name] = re.findall(r"^  \w+ (\w+);", struct, re.M)
    printed = [dict(word.split("=") for word in line.split(" ")) for line in lines]
    assert [*printed[0]] == [*fields["config"][1:], "weight"]
    assert len(printed) == 3 and printed[1]["steps"] == "30" and set(printed[1]) <= set(fields["report"])
    # Python reads what C++ recorded.
    replay = infonoise.replay(tmp_path / "run.journal")
    assert replay.scheduler.digest() == int(digest)


@pytest.mark.parametrize(("compiler", "standard"), [("g++", "c++20"), ("clang++", "c++17")])
def test_results_without_exceptions(library, tmp_path, compiler, standard):
    program, source = tmp_path / "program", ROOT / "tests/cpp/returning.cc"
    off = ["-fno-exceptions", "-fno-rtti"]
    run(need(compiler), f"-std={standard}", *off, *STRICT, *SANITIZED, *HEADERS, source, library, "-o", program)
    digest = int(run(program, tmp_path).splitlines()[-1])
    replay = infonoise.replay(tmp_path / "returning.journal")
    assert replay.scheduler.digest() == digest and replay.digests == 8


def test_both_modes_meet_in_one_program(library, tmp_path):
    """Each keeps its own names: no function of one is mistaken for the other's."""
    one, two, program = tmp_path / "one.cc", tmp_path / "two.cc", tmp_path / "program"
    one.write_text(
        "#include <infonoise/infonoise.hpp>\nunsigned long two();\n"
        "int main() { return infonoise::Scheduler(infonoise::Config(), 1).digest() == two() ? 0 : 1; }\n"
    )
    two.write_text(
        "#include <infonoise/infonoise.hpp>\nunsigned long two();\n"
        "unsigned long two() {\n"
        "  return infonoise::Scheduler::create(infonoise::Config(), 1).value().digest().value();\n}\n"
    )
    run("g++", "-std=c++17", *STRICT, *HEADERS, "-c", one, "-o", tmp_path / "one.o")
    run("g++", "-std=c++17", "-fno-exceptions", *STRICT, *HEADERS, "-c", two, "-o", tmp_path / "two.o")
    run("g++", tmp_path / "one.o", tmp_path / "two.o", library, "-o", program)
    run(program)
