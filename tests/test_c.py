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
    """Reduced to what its exports reach: nothing undefined but the two, no panic."""
    symbols = subprocess.run(["nm", library], capture_output=True, text=True).stdout
    exports = sorted(set(re.findall(r" T (infonoise_\w+)", symbols)))
    assert len(exports) > 20
    reduced = tmp_path / "reduced.o"
    roots = [word for name in exports for word in ("-u", name)]
    subprocess.run(["ld", "-r", "--gc-sections", *roots, library, "-o", reduced], check=True)
    undefined = subprocess.run(["nm", "-u", reduced], capture_output=True, text=True, check=True).stdout
    assert set(undefined.split()) - {"U"} <= {"memcpy", "memset"}
    kept = subprocess.run(["nm", reduced], capture_output=True, text=True, check=True).stdout
    assert not re.findall(r"\w*(?:panick|unwrap_failed|_fail\b)\w*", kept)
