"""What a training step costs: instructions exactly, bytes. Time: test_ratios.py."""

import json
import shutil
import subprocess
import sys
import time

import infonoise
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benches"))
import instructions  # noqa: E402
import linked  # noqa: E402

LARGEST_LIBRARY = 153_000
LARGEST_TRAINER = 54_000
# A GPU reserves the stack for every thread that it can run. Recording and replaying need more, since a record
# is written or read around the call.
LARGEST_STACK = 2048
LARGEST_STACK_OF_JOURNALS = 2880


def test_instructions_do_not_grow(library):
    """More than 5 % is a regression; after an intended change, write the new figures."""
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    figures = json.loads(instructions.FIGURES.read_text())
    if figures["compiler"] != instructions.compiler():
        pytest.skip(f"the figures are those of {figures['compiler']}, this is {instructions.compiler()}")
    counts = instructions.count()
    grown = {name: (old, counts[name]) for name, old in figures["instructions"].items() if counts[name] > 1.05 * old}
    assert not grown, f"instructions before and now: {grown}"


def test_the_library_is_small(library):
    """Code and constants of the released library."""
    total = subprocess.run(["size", library], capture_output=True, text=True, check=True).stdout
    assert int(total.splitlines()[1].split()[3]) < LARGEST_LIBRARY, total


def test_a_trainer_pays_for_what_it_calls(library):
    """Linked with --gc-sections, a program contains only what its calls reach."""
    assert linked.growth(library) < LARGEST_TRAINER


def test_no_call_takes_much_stack(library, tmp_path):
    """Every call on a painted stack, at the largest number of bins."""
    program = tmp_path / "stack"
    sources = [ROOT / "tests/c/stack.c", library]
    subprocess.run(["cc", "-O1", "-std=c11", f"-I{ROOT / 'include'}", *sources, "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    deepest = {}
    for line in done.splitlines():
        name, depth = line.rsplit(" ", 1)
        deepest[name] = max(int(depth), deepest.get(name, 0))
    assert len(deepest) > 25 and min(deepest.values()) > 0, deepest
    journals = {name: depth for name, depth in deepest.items() if "journal" in name or "replay" in name}
    others = {name: depth for name, depth in deepest.items() if name not in journals}
    assert max(others.values()) <= LARGEST_STACK, others
    assert max(journals.values()) <= LARGEST_STACK_OF_JOURNALS, journals


@pytest.mark.timing
@pytest.mark.parametrize("levels, limit", [(18, 0.05), (128, 0.5)])
def test_a_plan_takes_milliseconds(levels, limit):
    """At the largest number of bins, the best of three runs."""
    scheduler = infonoise.Scheduler(infonoise.Config(bins=256, warmup_steps=1, window=8, min_count=1, coverage=0.0))
    sigma = scheduler.profile()["sigma"]
    scheduler.observe(sigma, sum(mass * v * sigma**2 / (v + sigma**2) for v, mass in [(9, 0.01), (0.25, 0.3), (0.001, 0.7)]))
    scheduler.step()
    times = []
    for _ in range(3):
        start = time.perf_counter()
        scheduler.plan_grid(levels)
        times.append(time.perf_counter() - start)
    print(f"{levels} levels: {1e3 * min(times):.1f} ms")
    assert min(times) < limit, times
