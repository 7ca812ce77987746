"""One schedule on several ranks: the MPI example."""

import os
import re
import subprocess

import pytest
from conftest import ROOT
from test_cpp import STRICT, need, run

# As root and on fewer cores than ranks, as in CI; every MPI but Open MPI ignores these.
ENVIRONMENT = {
    **os.environ,
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """The example's program, as part of another build."""
    need("mpirun")
    need("mpicxx")
    folder = tmp_path_factory.mktemp("mpi")
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(whole LANGUAGES CXX)\n"
        f"add_subdirectory({ROOT} infonoise)\nadd_subdirectory({ROOT}/bindings/cpp/examples/mpi ranks)\n"
    )
    flags = [f"-DINFONOISE_TARGET_DIR={ROOT / 'target'}", "-DCMAKE_BUILD_TYPE=Release"]
    run("cmake", "-S", folder, "-B", folder / "build", *flags, f"-DCMAKE_CXX_FLAGS={' '.join(STRICT)}")
    run("cmake", "--build", folder / "build", "--target", "ranks")
    return folder / "build/ranks/ranks"


def mpirun(*command):
    return run("mpirun", *command, env=ENVIRONMENT, timeout=120)


def test_every_number_of_ranks_has_one_schedule(ranks):
    """The digests at every refresh, the reports and the model, to the last bit."""
    alone = run(ranks, 1000, 42)
    assert len(re.findall(r"^digest=\w+ steps=\d+00 phase=adapting", alone, re.M)) == 8
    assert len(set(re.findall(r"^digest=(\w+)", alone, re.M))) == 8
    for truth, learned in re.findall(r"deviation (\S+) learned (\S+)", alone):
        assert abs(float(learned) / float(truth) - 1) < 0.1, truth
    for world in (1, 2, 4):
        assert mpirun("-n", world, ranks, 1000, 42) == alone, world


def test_a_checkpoint_goes_on_with_other_ranks(ranks, tmp_path):
    whole = run(ranks, 1000, 42).splitlines()
    first = mpirun("-n", 4, ranks, 550, 42, tmp_path / "checkpoint").splitlines()
    rest = mpirun("-n", 2, ranks, 1000, 42, tmp_path / "checkpoint").splitlines()
    assert first[:3] + rest == whole and "steps=500" in first[2]
    snapshot = (tmp_path / "checkpoint").read_bytes()
    for end, complaint in ((50, "shorter than the model"), (-1, "end early")):
        (tmp_path / "checkpoint").write_bytes(snapshot[:end])
        command = [ranks, "1000", "42", tmp_path / "checkpoint"]
        done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
        assert done.returncode != 0 and re.search(f"^rank 0: .*{complaint}", done.stderr, re.M), done.stderr


def test_ranks_with_other_seeds_are_told_apart(ranks):
    command = ["mpirun", "-n", "2", ranks, "1000", "42", ":", "-n", "2", ranks, "1000", "43"]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=120)
    assert done.returncode != 0 and "digest=" not in done.stdout
    assert re.search(
        r"^rank \d: at step 0 the schedule of rank 2 has digest (\w+), that of rank 0 (?!\1)\w+: "
        r"start all ranks with the same configuration, seed and checkpoint",
        done.stderr,
        re.M,
    ), done.stderr


def test_a_number_of_ranks_that_does_not_divide_the_batch_is_refused(ranks):
    command = ["mpirun", "-n", "3", ranks, "1000", "42"]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=120)
    assert done.returncode != 0 and "3 ranks must divide 8" in done.stderr
