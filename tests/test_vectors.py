"""The golden vectors, through the C ABI and through the Python class.

tests/vectors/README.md says what they are and how closely to compare.
"""

import dataclasses
import json
import subprocess
from pathlib import Path

import infonoise
import numpy as np
import pytest

VECTORS = Path(__file__).resolve().parent / "vectors"
PROFILES, DRAWS, RUNS = (json.loads((VECTORS / f"{name}.json").read_text()) for name in ("profiles", "draws", "run"))

CODES = ["bins", "window", "objective", "reduction_dim", "emphasis", "endpoint", "pivot", "ceiling", "guard"]
CODES += ["smoothing", "baseline", "min_count", "draw", "refresh_growth", "fresh_means", "warmup_steps", "refresh_every"]
REALS = ["sigma_min", "sigma_max", "sigma_data", "pivot_value", "onset_threshold", "gate_exponent", "coverage"]
REALS += ["baseline_mean", "baseline_std", "ema_rate"]
NAMES = {
    "objective": ["x0", "edm", "epsilon", "velocity", "v", "score"],
    "emphasis": ["target", "samples"],
    "endpoint": ["continuous", "discrete"],
    "pivot": ["auto", "paper", "onset", "onset_literal", "foot", "power_law", "knee", "fixed", "off"],
    "baseline": ["loguniform", "lognormal", "table"],
    "draw": ["independent", "stratified"],
}
REPORT = ["phase", "warning", "hold_reason", "pivot_rule", "clipped_bins", "poorest_bin", "poorest_count", "stalest_bin"]
REPORT += ["steps", "draws", "observations", "rejected", "refreshes", "held", "stalest_age"]
REPORT += ["unreachable_bins", "warning_bins", "pivot_age", "pivot", "pivot_ratio"]
REPORT += ["cdf_change", "q05", "q25", "q50", "q75", "q95", "peak_sigma", "information_nats", "warning_low", "warning_high"]
CURVES = ["sigma", "edges", "cdf", "entropy", "count", "error", "rate", "gate", "target", "density"]


def f32(bits) -> np.ndarray:
    return np.array(bits, np.uint32).view(np.float32)


def as_bits(values) -> str:
    return " ".join(map(str, np.asarray(values, np.float32).view(np.uint32).tolist()))


class CScheduler:
    """infonoise.Scheduler's methods, spoken to a C program."""

    def __init__(self, program, config, seed=0, flush="0"):
        self.bins = config.bins
        self.process = subprocess.Popen([program, flush], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        fields = dataclasses.asdict(config)
        codes = [NAMES[name].index(fields[name]) if name in NAMES else int(fields[name]) for name in CODES]
        words = ["init", *map(str, codes), *(float(fields[name]).hex() for name in REALS)]
        for table in config.tables():
            words += ["0"] if table is None else ["1", *(x.hex() for x in table.tolist())]
        assert self.ask(*words, str(seed)) == "ok"

    def ask(self, *words) -> str:
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        assert not answer.startswith("error"), answer
        return answer

    def close(self):
        self.process.stdin.close()
        assert self.process.wait() == 0

    def sample(self, n, *, rank=0, world=1):
        return f32([int(word) for word in self.ask("sample", str(n), str(rank), str(world)).split()])

    def sample_slice(self, n, offset, total):
        return f32([int(word) for word in self.ask("slice", str(n), str(offset), str(total)).split()])

    def levels(self, n):
        return f32([int(word) for word in self.ask("levels", str(n)).split()])

    def log_density(self, sigma):
        return np.array([float.fromhex(word) for word in self.ask("density", str(len(sigma)), as_bits(sigma)).split()])

    def observe(self, sigma, error, mask=None):
        mask = np.ones(len(sigma), int) if mask is None else np.asarray(mask)
        flags = " ".join(map(str, mask.tolist()))
        return int(self.ask("observe", str(len(sigma)), as_bits(sigma), as_bits(error), flags))

    def step(self):
        words = self.ask("step").split()
        kinds = [str] * 4 + [int] * 14 + [float.fromhex] * 12
        return {name: kind(word) for name, kind, word in zip(REPORT, kinds, words, strict=True)}

    def freeze(self):
        self.ask("set_frozen", "1")

    def unfreeze(self):
        self.ask("set_frozen", "0")

    def profile(self, which=0):
        numbers = np.array([float.fromhex(word) for word in self.ask("profile", str(which)).split()])
        lengths = [self.bins + (name in ("edges", "cdf", "entropy")) for name in CURVES]
        return dict(zip(CURVES, np.split(numbers, np.cumsum(lengths)[:-1]), strict=True))

    def estimate(self):
        return self.profile(1)

    def info_grid(self, n, *, power=1.0, gated=True):
        return f32([int(word) for word in self.ask("info_grid", float(power).hex(), str(int(gated)), str(n)).split()])

    def digest(self):
        return int(self.ask("digest"))


@pytest.fixture(params=["python", "c", "c, subnormals flushed"])
def make(request, compile_c):
    """Makes a scheduler of either kind from a case."""
    made = []

    def make(case, seed=0):
        config = infonoise.Config(**case["config"], weight=case.get("weight"), baseline_table=case.get("baseline"))
        if request.param == "python":
            return infonoise.Scheduler(config, seed)
        made.append(CScheduler(compile_c("drive.c", "-O1"), config, seed, str(int("flushed" in request.param))))
        return made[-1]

    yield make
    for scheduler in made:
        scheduler.close()


@pytest.mark.parametrize("case", PROFILES, ids=lambda case: case["name"])
def test_profiles(make, case):
    scheduler, sigma = make(case), np.array(case["sigma"], np.float32)
    for round in case["rounds"]:
        for _ in range(round["repeats"]):
            assert scheduler.observe(sigma, np.array(round["error"], np.float32)) == 0
        estimate = scheduler.estimate()
        report = scheduler.step()
    expected, held = case["expected"], case["expected"]["hold_reason"] != "none"
    # The curves before the guard; an estimate shows them whether the refresh was held or not.
    for name in ("error", "gate", "target"):
        if expected[name] is not None:
            np.testing.assert_allclose(estimate[name], expected[name], 1e-12, 1e-15)
    assert (report["warning"], report["clipped_bins"]) == (expected["warning"], expected["clipped_bins"])
    thresholds = np.round(scheduler.profile()["cdf"] * 2**32)
    if held:
        assert report["hold_reason"] == expected["hold_reason"]
        np.testing.assert_allclose(thresholds, expected["thresholds_in_force"], 0, 1)
        return
    assert report["pivot_rule"] == expected["rule"]
    np.testing.assert_allclose(report["pivot"], expected["c"], 1e-12)
    np.testing.assert_allclose(thresholds, expected["thresholds"], 0, 1)
    np.testing.assert_allclose(scheduler.profile()["density"], expected["density"], 1e-12, 1e-15)
    np.testing.assert_allclose([report[q] for q in ("q05", "q25", "q50", "q75", "q95")], expected["quantiles"], 1e-6)
    np.testing.assert_allclose(report["information_nats"], expected["information"], 1e-12)
    for grid in expected["info_grids"]:
        ours = scheduler.info_grid(18, power=grid["power"], gated=grid["gated"])
        np.testing.assert_allclose(ours, grid["sigma"], 1e-6)


@pytest.mark.parametrize("case", RUNS, ids=lambda case: case["name"])
def test_runs(make, case):
    scheduler = make(case, case["seed"])
    for operation in case["operations"]:
        match operation["op"]:
            case "sample":
                np.testing.assert_allclose(scheduler.sample(operation["n"]), f32(operation["sigma_bits"]), 1e-6)
            case "observe":
                pairs = f32(operation["sigma_bits"]), f32(operation["error_bits"])
                assert scheduler.observe(*pairs, operation.get("mask")) == operation["rejected"]
            case "set_frozen":
                scheduler.freeze() if operation["frozen"] else scheduler.unfreeze()
            case "step":
                report = scheduler.step()
                for name in REPORT[:15]:
                    if name in operation:
                        assert report[name] == operation[name], name
    # The final state is the same on both ways.
    digest = DIGESTS.setdefault(case["name"], scheduler.digest())
    assert scheduler.digest() == digest


DIGESTS: dict[str, int] = {}


@pytest.mark.parametrize("case", DRAWS["streams"], ids=lambda case: case["name"])
def test_streams(make, case):
    for rank, calls in enumerate(case["sigma_bits"]):
        scheduler = make(case, case["seed"])
        for bits in calls:
            np.testing.assert_allclose(scheduler.sample(len(bits), rank=rank, world=case["world"]), f32(bits), 1e-6)


def test_slices_levels_and_densities_are_the_same_in_c(compile_c):
    config = infonoise.Config(bins=32, sigma_data=0.5)
    ours, theirs = infonoise.Scheduler(config, 5), CScheduler(compile_c("drive.c", "-O1"), config, 5)
    for offset, n in [(0, 100), (100, 0), (37, 63)] * 20:
        sigma = ours.sample(n, offset=offset, total=200)
        assert np.array_equal(sigma, theirs.sample_slice(n, offset, 200))
        error = sigma**2 * 0.25 / (sigma**2 + 0.25)
        assert ours.observe(sigma, error) == (theirs.observe(sigma, error) if n else 0) == 0
        assert ours.step()["draws"] == theirs.step()["draws"]
    assert ours.report()["refreshes"] > 0
    assert np.array_equal(ours.levels(9), theirs.levels(9))
    sigma = np.concatenate([ours.sample(1000), ours.profile()["edges"], [0.0, 1e9]]).astype(np.float32)
    assert np.array_equal(ours.log_density(sigma), theirs.log_density(sigma))
    theirs.close()
