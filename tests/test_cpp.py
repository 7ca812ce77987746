"""infonoise.hpp in C++ programs."""

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
    # A line for a log has every field of the configuration, and the report's fields by name.
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


def snippets() -> list[str]:
    """The C++ of the guide and the README, and the usage blocks of the headers."""
    found = []
    for page in ("docs/cpp.md", "README.md"):
        found += re.findall(r"^```cpp\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)
    for header in sorted((ROOT / "bindings/cpp/include/infonoise").rglob("*.hpp")):
        blocks = re.findall(r"(?:^///     .*\n|^///\n(?=///     ))+", header.read_text(), re.M)
        found += [re.sub(r"^/// ?", "", block, flags=re.M) for block in blocks]
    return found


@pytest.mark.parametrize("mode", ["throwing", "returning"])
def test_every_snippet_compiles(tmp_path, mode):
    mine = [text for text in snippets() if (".ok()" in text) == (mode == "returning")]
    assert len(mine) >= {"throwing": 20, "returning": 2}[mode]
    source = tmp_path / "snippets.cc"
    program = f'#include "{ROOT / "tests/cpp/snippets.h"}"\n'
    for number, text in enumerate(mine):
        body = re.sub(r"^#include .*\n", "", text, flags=re.M)
        names = "config, scheduler, sigma, error, table, sigmas, snapshot, checkpoint, csv, steps, rank, world"
        names += ", stage, sampler, stream, d_sigma, d_error"
        program += f"void snippet_{number}(Given& given);\nvoid snippet_{number}(Given& given) {{\n"
        program += f"auto& [{names}] = given;\n{{\n{body}}}\n}}\n"
    source.write_text(program)
    flags = ["-fno-exceptions"] if mode == "returning" else []
    quiet = ["-Wno-shadow", "-Wno-unused", "-fsyntax-only", "-isystem", ROOT / "tests/cpp/cuda"]
    run("g++", "-std=c++17", *flags, *STRICT, *quiet, *HEADERS, source)


def test_quickstart(library, tmp_path):
    """It learns the deviations; a run in two parts ends as the run in one; the guide shows its CMakeLists.txt."""
    folder, program = ROOT / "bindings/cpp/examples/quickstart", tmp_path / "quickstart"
    shown = re.search(r"^```cmake\n(.*?)^```$", (ROOT / "docs/cpp.md").read_text(), re.M | re.S)[1]
    assert shown == (folder / "CMakeLists.txt").read_text()
    run("g++", "-std=c++17", "-O2", *STRICT, *HEADERS, folder / "main.cc", library, "-o", program)
    whole = run(program, 1600, tmp_path / "whole").splitlines()
    first = run(program, 900, tmp_path / "parts").splitlines()
    rest = run(program, 1600, tmp_path / "parts").splitlines()
    assert first[:4] + rest == whole and len(whole) == 8 + 7
    assert "steps=1600 phase=adapting" in whole[7] and "warning" not in whole[7]
    for line in whole[8:14]:
        _, truth, _, learned = line.split()
        assert abs(float(learned) / float(truth) - 1) < 0.06, line
    damaged = (tmp_path / "parts").read_bytes()[:-1]
    (tmp_path / "parts").write_bytes(damaged)
    done = subprocess.run([program, "1700", tmp_path / "parts"], capture_output=True, text=True)
    assert done.returncode == 1 and "end early" in done.stderr


def test_the_guide_shows_what_the_examples_do():
    """Its blocks of c++, which need more than this library, are lines of the examples."""
    examples = [path.read_text() for path in (ROOT / "bindings/cpp/examples").glob("*/main.cc")]
    lines = ["\n".join(line.strip() for line in text.splitlines()) for text in examples]
    shown = re.findall(r"^```c\+\+\n(.*?)\n```$", (ROOT / "docs/cpp.md").read_text(), re.M | re.S)
    assert len(shown) >= 4
    for block in shown:
        stripped = "\n".join(line.strip() for line in block.splitlines())
        assert any(stripped in text for text in lines), block
