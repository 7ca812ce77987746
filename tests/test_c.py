"""The C ABI as a C program sees it."""

import random
import re
import shutil
import signal
import subprocess

import pytest
from conftest import ROOT

SANITIZED = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.mark.parametrize("flags", [["-O2"], SANITIZED], ids=["plain", "sanitized"])
def test_smoke(compile_c, flags):
    done = subprocess.run([compile_c("smoke.c", *flags)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


def test_any_bytes(compile_c):
    """Random blocks, lengths, alignments, NULLs and numbers, under the sanitizers."""
    program = compile_c("bytes.c", *SANITIZED)
    done = subprocess.run([program, "1000", "1"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "12000 calls\n"), done.stderr


def test_any_bytes_under_valgrind(compile_c):
    """Checks the library's own loads and stores, which are not instrumented by a sanitizer."""
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    program = compile_c("bytes.c", "-O1", "-g")
    command = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", program, "100", "3"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_threads(compile_c):
    assert subprocess.run([compile_c("threads.c", "-O2", "-pthread")]).returncode == 0


def test_debug_builds_notice_two_threads_in_one_block(rust_target, tmp_path):
    where = ["--target", rust_target, "--target-dir", ROOT / "target"]
    subprocess.run(["cargo", "build", "-q", "--locked", "-p", "infonoise-ffi", *where], cwd=ROOT, check=True)
    program = tmp_path / "threads"
    sources = [ROOT / "tests/c/threads.c", ROOT / "target" / rust_target / "debug/libinfonoise.a"]
    subprocess.run(["cc", "-std=c11", "-O2", "-pthread", f"-I{ROOT / 'include'}", *sources, "-o", program], check=True)
    assert subprocess.run([program, "1"]).returncode == 0


def test_resuming_after_kill_9_is_exact(compile_c, tmp_path):
    """Saved at 200 points, killed, loaded in a new process: the rest is that of an
    uninterrupted run."""
    program, steps = compile_c("resume.c", "-O2"), 300
    whole = subprocess.run([program, tmp_path / "never", str(steps), "0"], capture_output=True, text=True, check=True)
    lines = whole.stdout.splitlines()
    assert lines[-1] == "refreshes 41"
    for point in random.Random(0).sample(range(1, steps), 200):
        path = tmp_path / str(point)
        child = subprocess.Popen(
            [program, path, str(steps), str(point)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        while child.stdout.readline() != "saved\n":
            assert child.poll() is None
        child.kill()
        child.communicate()
        assert child.returncode == -signal.SIGKILL
        rest = subprocess.run([program, path, str(steps), "0"], capture_output=True, text=True, check=True)
        assert rest.stdout.splitlines() == lines[point:], point


@pytest.mark.parametrize("flags", [["-O2"], SANITIZED], ids=["plain", "sanitized"])
def test_a_recorded_run_replays(compile_c, tmp_path, flags):
    program, log = compile_c("journal.c", *flags), tmp_path / "run.journal"
    run = lambda *arguments: subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    recorded = run("record", log, 90)
    assert recorded.returncode == 0, recorded.stderr
    digest = recorded.stdout.strip()
    # Refreshes at 20, 27, 34, ... and the digest at the end; 256 masks at every third step.
    assert run("replay", log).stdout == f"steps 90 digests 12 {digest}\n"
    whole = log.read_bytes()
    assert 1024 < (len(whole) - 300) / 90 - 256 / 3 < 1100
    log.write_bytes(whole[:-5])
    assert run("replay", log).stdout.startswith("torn: 23 bytes\nsteps 90 digests 11")
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    log.write_bytes(damaged)
    replayed = run("replay", log)
    assert replayed.returncode == 1 and "a checksum does not match" in replayed.stdout
    log.write_bytes(whole[:8] + b"\x07\0\0\0" + whole[12:])
    assert "journal version of the library, whose rules differ: replay it with that one (version 7)" in run("replay", log).stdout


@pytest.mark.parametrize("standard", ["c++17", "c++20"])
def test_header_serves_cpp(library, tmp_path, standard):
    source = tmp_path / "main.cc"
    source.write_text(
        "#include <infonoise.h>\n"
        "int main() {\n"
        "  infonoise_config config = INFONOISE_CONFIG_INIT;\n"
        "  if (infonoise_config_init(&config, INFONOISE_PRESET_EDM) != INFONOISE_OK) return 1;\n"
        "  return infonoise_state_bytes(&config) == 0;\n"
        "}\n"
    )
    program = tmp_path / "main"
    strict = [f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
    subprocess.run(["c++", *strict, f"-I{ROOT / 'include'}", source, library, "-o", program], check=True)
    subprocess.run([program], check=True)


def test_library_needs_memcpy_and_memset_alone(library, rust_target, tmp_path):
    """The released archive: only two undefined symbols, no panic, no symbol of another name."""
    symbols = subprocess.run(["nm", library], capture_output=True, text=True, check=True).stdout
    undefined = set(re.findall(r" U (\S+)", symbols))
    exported = set(re.findall(r" [A-TV-Z] (\S+)", symbols))
    assert undefined <= {"memcpy", "memset"}
    assert len(exported) > 40 and all(name.startswith("infonoise_") for name in exported)
    # Before its local names are stripped: the exports reach no panic.
    linked = tmp_path / "linked.o"
    roots = [word for name in sorted(exported) for word in ("-u", name)]
    archive = ROOT / "target" / rust_target / "release/libinfonoise.a"
    subprocess.run(["ld", "-r", "--gc-sections", *roots, archive, "-o", linked], check=True)
    names = subprocess.run(["nm", linked], capture_output=True, text=True, check=True).stdout
    assert "infonoise" in names
    assert not re.findall(r"\w*(?:panick|unwrap_failed|_fail\b)\w*", names)


def test_links_beside_another_rust_library(library, tmp_path):
    other, source, program = tmp_path / "libother.a", tmp_path / "main.cc", tmp_path / "main"
    rust = tmp_path / "other.rs"
    rust.write_text('#[unsafe(no_mangle)]\npub extern "C" fn other(n: u32) -> usize { format!("{n}").len() }\n')
    subprocess.run(
        ["rustc", "--edition", "2024", "--crate-type", "staticlib", "-Cpanic=abort", rust, "-o", other], check=True
    )
    source.write_text(
        "#include <infonoise.h>\n"
        'extern "C" size_t other(uint32_t n);\n'
        "int main() { return infonoise_abi_version() == INFONOISE_ABI_VERSION && other(1234) == 4 ? 0 : 1; }\n"
    )
    libraries = [library, other, "-lpthread", "-ldl", "-lm"]
    subprocess.run(["c++", f"-I{ROOT / 'include'}", source, *libraries, "-o", program], check=True)
    subprocess.run([program], check=True)


def test_the_hosts_rounding_and_traps_change_nothing(compile_c):
    """Each rounding mode, flush-to-zero and trapping inexact operations: one digest."""
    done = subprocess.run([compile_c("float_mode.c", "-O2", "-lm")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    digests = [line.split() for line in done.stdout.splitlines()]
    assert len(digests) == 6 and len({digest for _, digest in digests}) == 1, digests
