"""infonoise/cuda.hpp: on a stand-in for the CUDA runtime, through the real nvcc, and on a GPU."""

import platform
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import infonoise
import pytest
from conftest import ROOT
from test_cpp import HEADERS, SANITIZED, STRICT, need, run

EXAMPLE = ROOT / "bindings/cpp/examples/cuda/main.cu"
STANDIN = [*HEADERS, "-isystem", ROOT / "tests/cpp/cuda", ROOT / "tests/cpp/cuda/standin.cc"]
THREADED = ["-g", "-O1", "-fsanitize=thread"]
DRIVERLESS = "cudaGetDevice: CUDA driver version is insufficient for CUDA runtime version (cudaErrorInsufficientDriver, 35)"


def stand_in(library, program, source, compiler, standard, *flags):
    run(need(compiler), f"-std={standard}", *flags, *STANDIN, source, library, "-pthread", "-o", program)
    return program


@pytest.mark.parametrize(
    ("compiler", "standard", "flags"),
    [("g++", "c++17", SANITIZED), ("clang++", "c++20", THREADED)],
    ids=["address", "thread"],
)
def test_on_the_stand_in(library, tmp_path, compiler, standard, flags):
    """The same digests for any delays; waits, failures, snapshots, journals, ranks."""
    off = ["-fno-exceptions", "-fno-rtti"]
    build = lambda name, *more: stand_in(
        library, tmp_path / name, ROOT / f"tests/cpp/{name}.cc", compiler, standard, *STRICT, *flags, *more
    )
    with ThreadPoolExecutor(2) as pool:
        programs = [pool.submit(build, "stage"), pool.submit(build, "stage_standin"), pool.submit(build, "stage_returning", *off)]
        stage, only_here, returning = [program.result() for program in programs]
    assert run(stage, 20, timeout=300).endswith("ok\n")
    digest = run(only_here, tmp_path, timeout=300).splitlines()[-1]
    # Python replays what the stage recorded, across a crash.
    replay = infonoise.replay(tmp_path / "stage.journal")
    assert replay.scheduler.digest() == int(digest)
    assert replay.scheduler.report()["steps"] == 60
    run(returning, timeout=300)


def test_the_compiler_fuses_nothing(library, tmp_path):
    """g++ -mfma fuses a product and a sum unless that is prevented."""
    if platform.machine() != "x86_64" or " fma " not in Path("/proc/cpuinfo").read_text():
        pytest.skip("this processor has no fused multiply-add")
    flags = ["-O3", "-mfma", "-ffp-contract=fast"]
    program = stand_in(library, tmp_path / "fused", ROOT / "tests/cpp/stage.cc", "g++", "c++17", *flags)
    assert run(program, 1, timeout=300).endswith("ok\n")


def test_the_example_on_the_stand_in(library, tmp_path):
    """It learns, and a run in two parts ends as the run in one."""
    text = EXAMPLE.read_text()
    launch = r"(\w+)<<<(.+?), (\w+), 0, (\w+)>>>(\(.*?\));"
    text, kernels = re.subn(launch, r"standin::launch(\2, \3, \4, [=] { \1\5; });", text)
    assert kernels == 4
    main = "int main(int argc, char** argv) try {"
    assert main in text
    text = text.replace(main, main + "\n  standin::start(standin::Way::threads, 1, 20);")
    (tmp_path / "main.cc").write_text("#include <cuda_runtime.h>\n" + text)
    program = stand_in(library, tmp_path / "example", tmp_path / "main.cc", "g++", "c++17", "-O2", "-Wall", "-Werror")
    for draws in ("host", "kernel"):
        whole = run(program, 2000, tmp_path / f"{draws}-whole", draws, timeout=300).splitlines()
        parts = [run(program, steps, tmp_path / f"{draws}-parts", draws, timeout=300).splitlines() for steps in (500, 2000)]
        assert parts[0][:2] + parts[1] == whole and len(whole) == 12
        assert "steps=2000 phase=adapting" in whole[9] and "warning" not in whole[9]
        # Untrained it is that denoiser.
        _, learned, linear = map(float, re.findall(r"[\d.]+", whole[10]))
        assert learned < 0.97 * linear, whole[10]


@pytest.fixture(scope="session")
def compiled(library, nvcc, tmp_path_factory):
    """The test and the example, as a user compiles them, warnings as errors."""
    folder = tmp_path_factory.mktemp("nvcc")
    strict = ["-std=c++17", "-O2", "-Werror", "all-warnings", "-Xcompiler", "-Wall,-Wextra,-Werror"]
    for name, source in (("stage", ROOT / "tests/cpp/stage.cc"), ("trainer", EXAMPLE)):
        run(*nvcc, *strict, *HEADERS, "-x", "cu", source, "-Xlinker", library, "-o", folder / name)
    return folder


def has_gpu() -> bool:
    return Path("/dev/nvidiactl").exists()


def test_without_a_driver_the_error_is_clean(compiled, tmp_path):
    if has_gpu():
        pytest.skip("there is a driver")
    for command in ([compiled / "stage"], [compiled / "trainer", "10", tmp_path / "checkpoint", "host"]):
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", DRIVERLESS + "\n")


def test_kernels_draw_without_fusing(nvcc, tmp_path):
    """The GPU code has a separate product and sum, although nvcc may fuse."""
    ptx = tmp_path / "stage.ptx"
    run(*nvcc, "-std=c++17", "-ptx", "-fmad=true", *HEADERS, "-x", "cu", ROOT / "tests/cpp/stage.cc", "-o", ptx)
    kernel = re.search(r"\.entry \w*draw_kernel\w*\(.*?^}", ptx.read_text(), re.M | re.S)[0]
    assert re.findall(r"\b(?:mul|add|fma|mad|cvt)\.\S*f32\S*", kernel) == ["cvt.rn.f32.u32", "mul.rn.f32", "add.rn.f32"]


def test_nvcc_without_exceptions(nvcc, tmp_path):
    source = tmp_path / "returning.cu"
    source.write_text(
        "#include <infonoise/cuda.hpp>\n"
        "infonoise::Expected<void> f(infonoise::cuda::Stage<>& stage, const float* error, cudaStream_t stream) {\n"
        "  return stage.observe(error, stream);\n}\n"
    )
    flags = ["-std=c++20", "-Werror", "all-warnings", "-Xcompiler", "-fno-exceptions"]
    run(*nvcc, *flags, *HEADERS, "-c", source, "-o", tmp_path / "returning.o")


def test_on_a_gpu(compiled, tmp_path):
    """The programs above, for real: `make test-gpu`."""
    if not has_gpu():
        pytest.skip("there is no GPU (no /dev/nvidiactl)")
    print(run(compiled / "stage", timeout=300))
    for draws in ("host", "kernel"):
        whole = run(compiled / "trainer", 2000, tmp_path / f"{draws}-whole", draws, timeout=300).splitlines()
        parts = [run(compiled / "trainer", steps, tmp_path / f"{draws}-parts", draws).splitlines() for steps in (900, 2000)]
        assert parts[0][:4] + parts[1] == whole
        print(*whole, sep="\n")
