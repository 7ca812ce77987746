"""The LibTorch example: a smoke run of each arm, killed and resumed. docs/results.md has the results of complete runs."""

import os
import re
import signal
import subprocess
import sys

import pytest
from conftest import ROOT
from test_cpp import STRICT, run
from test_package import prefix  # noqa: F401

sys.path.insert(0, str(ROOT / "demo"))
import dna as demo  # noqa: E402

EXAMPLE = ROOT / "bindings/cpp/examples/libtorch"
GENOME = ROOT / "demo/genome/NC_008253.2bits"
SMALL = {
    "infonoise": ["steps=90", "samples=64"],  # enough for a bin's fifty losses, and so for refreshes
    "loguniform": ["steps=36", "batch=16", "samples=16"],
    "edm": ["steps=36", "batch=64", "samples=16"],
}


def configure(source, build, *options):
    """Skips without LibTorch, but never in CI."""
    flags = f"-DCMAKE_CXX_FLAGS=-O1 {' '.join(STRICT)}"
    command = ["cmake", "-S", source, "-B", build, flags, *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if 'configuration file provided by "Torch"' in done.stderr and "CI" not in os.environ:
        pytest.skip("LibTorch is not installed (Debian: libtorch-dev)")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def trainer(prefix, tmp_path_factory):  # noqa: F811
    build = tmp_path_factory.mktemp("libtorch")
    configure(EXAMPLE, build, f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", build)
    return build / "dna"


def test_as_part_of_another_build(tmp_path):
    """It uses the infonoise of the same build."""
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(whole LANGUAGES C CXX)\n"
        f"add_subdirectory({ROOT} infonoise)\nadd_subdirectory({EXAMPLE} dna)\n"
    )
    configure(tmp_path, tmp_path / "build", f"-DINFONOISE_TARGET_DIR={ROOT / 'target'}")
    assert re.search(r"infonoise/libinfonoise\.a", (tmp_path / "build/dna/CMakeFiles/dna.dir/link.txt").read_text())


@pytest.mark.parametrize("arm", SMALL)
def test_killed_and_resumed(trainer, tmp_path, arm):
    """The same losses, scores, weights and digests as in an uninterrupted run."""
    command = [trainer, GENOME, arm, "seed=3", *SMALL[arm]]
    whole = run(*command, f"write={tmp_path / 'samples'}").splitlines()
    assert len(whole) == 18 + 1 and re.match(r"weights=[0-9a-f]+", whole[-1])
    losses = [float(text) for text in re.findall(r"loss=(\S+)", "\n".join(whole))]
    scores = re.findall(r"js3=(\S+)", "\n".join(whole))
    assert len(losses) == 18 and len(scores) == 6
    if arm == "infonoise":
        assert "phase=adapting" in whole[-2] and "digest=" in whole[-1]
    else:
        assert losses[-1] < losses[0] and "digest" not in whole[-1]

    # The demo's own judge gives the samples the score that was printed.
    lines = (tmp_path / "samples").read_text().split()
    samples = demo.np.array([["ACGT".index(letter) for letter in line] for line in lines])
    assert samples.shape == (int(SMALL[arm][-1].removeprefix("samples=")), demo.WINDOW)
    truth = demo.kmer_shares(demo.load().train, 3)
    score = 1000 * demo.jensen_shannon(demo.kmer_shares(samples, 3), truth)
    assert abs(float(scores[-1]) - score) < 1e-6

    checkpoint = tmp_path / "checkpoint"
    with subprocess.Popen([*command, f"checkpoint={checkpoint}"], stdout=subprocess.PIPE, text=True) as process:
        first = [process.stdout.readline().rstrip("\n") for _ in range(10)]
        process.send_signal(signal.SIGKILL)
        first += process.stdout.read().splitlines()
    assert process.returncode == -signal.SIGKILL or arm != "infonoise"
    rest = run(*command, f"checkpoint={checkpoint}").splitlines()
    # A line may come twice, when the kill fell between it and its checkpoint; none is lost.
    assert len(rest) <= 10 and len(first) + len(rest) >= len(whole)
    assert first == whole[: len(first)] and rest == whole[-len(rest) :]


def test_what_cannot_be_resumed_is_refused(trainer, tmp_path):
    checkpoint = tmp_path / "checkpoint"
    command = [trainer, GENOME, "infonoise", "steps=18", "batch=4", "samples=4", f"checkpoint={checkpoint}"]
    run(*command)

    def refused(*words):
        done = subprocess.run([*command, *words], capture_output=True, text=True)
        assert done.returncode == 1 and done.stdout == ""
        return done.stderr

    assert "is of the run arm=infonoise seed=0 steps=18 batch=4, not " in refused("seed=1")
    assert "steps = 20 must be a multiple of 18" in refused("steps=20")
    assert "must be name=value" in refused("stepz=20")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1000])
    assert refused() != ""
