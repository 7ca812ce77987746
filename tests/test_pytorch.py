"""The scheduler with PyTorch, and the examples, in a Python that has it."""

import re

import pytest
from conftest import ROOT

PROGRAM = ROOT / "tests/programs/torch_scheduler.py"


def output(process) -> str:
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    print(out)
    return out


def test_tensors_checkpoints_and_the_loss_class(with_torch, tmp_path):
    out = output(with_torch(PROGRAM, tmp_path))
    assert out.count("observed") == 7 and out.endswith("the loss class resumes, and its loss is EDM's\n")


def test_ranks_agree_to_the_last_bit(with_torch, tmp_path):
    ranks = [with_torch(PROGRAM, tmp_path, rank, 2) for rank in range(2)]
    first, second = map(output, ranks)
    assert re.fullmatch(r"[0-9a-f]{16}\n", first) and first == second


@pytest.mark.parametrize(
    "name, steps, words, learned",
    [
        # Noise of the data's spread is at .62.
        ("edm", 120, r"distance from real images: generated ([\d.]+), noise", lambda distance: distance < 0.4),
        # By chance 6 of 100 are.
        ("flow", 450, r"([\d.]+)% of 2000 samples are code words", lambda share: share > 20),
    ],
    ids=["edm", "flow"],
)
def test_examples_train(with_torch, name, steps, words, learned):
    out = output(with_torch(ROOT / f"examples/pytorch_{name}.py", "--steps", steps))
    reports = re.findall(r"^step +(\d+)  adapting  refreshes +(\d+)  pivot ([\d.]+)", out, re.M)
    assert [int(step) for step, *_ in reports] == [steps * i // 6 for i in range(1, 7)] and int(reports[-1][1]) > 5
    assert learned(float(re.search(words, out)[1])), out
