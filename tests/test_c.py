"""The C ABI as a C program sees it."""

import re
import subprocess

import pytest
from conftest import ROOT


@pytest.mark.parametrize("flags", [["-O2"], ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]])
def test_smoke(compile_c, flags):
    done = subprocess.run([compile_c("smoke.c", *flags)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


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


def test_library_needs_memcpy_and_memset_alone(library, tmp_path):
    """As it ships: nothing undefined but the two, no panic, no symbol of another name."""
    symbols = subprocess.run(["nm", library], capture_output=True, text=True, check=True).stdout
    undefined = set(re.findall(r" U (\S+)", symbols))
    exported = set(re.findall(r" [A-TV-Z] (\S+)", symbols))
    assert undefined <= {"memcpy", "memset"}
    assert len(exported) > 40 and all(name.startswith("infonoise_") for name in exported)
    # Before its local names are stripped: what the exports reach holds no panic.
    linked = tmp_path / "linked.o"
    roots = [word for name in sorted(exported) for word in ("-u", name)]
    archive = ROOT / "target/release/libinfonoise.a"
    subprocess.run(["ld", "-r", "--gc-sections", *roots, archive, "-o", linked], check=True)
    names = subprocess.run(["nm", linked], capture_output=True, text=True, check=True).stdout
    assert "infonoise_core" in names
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
