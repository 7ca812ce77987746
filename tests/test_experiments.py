"""The programs that make docs/results.md: their parts, and all of them on a few steps with synthetic data."""

import gzip
import json
import sys

import infonoise
import numpy as np
import pytest
from conftest import ROOT
from infonoise import exact

sys.path[:0] = [str(ROOT / "experiments"), str(ROOT / "demo")]

import contenders
import fashion
import judge
import letters
import measures
import report
import results
import studies


def write_idx(path, array):
    path.write_bytes(b"\0\0\x08" + bytes([array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with images in the format of Fashion-MNIST, squares whose size is their class, and random letters."""
    folder, rng = tmp_path_factory.mktemp("fashion"), np.random.default_rng(0)
    for part, n in (("train", 2000), ("t10k", 500)):
        label = rng.integers(0, 10, n).astype(np.uint8)
        reach = np.maximum.outer(*[np.abs(np.arange(28) - 13.5)] * 2)
        pixels = 255 * (reach < 3 + label[:, None, None]) - rng.integers(0, 30, (n, 28, 28))
        write_idx(folder / f"{part}-images-idx3-ubyte", np.clip(pixels, 0, 255).astype(np.uint8))
        write_idx(folder / f"{part}-labels-idx1-ubyte", label)
    for path, _, symbols in letters.SOURCES.values():
        (folder / path.name).write_bytes(gzip.compress("".join(rng.choice(list(symbols), 20_000)).encode()))
    return folder


def test_images_at_every_side_are_the_same_pictures(data):
    (full, _), (half, _), (seventh, _) = (fashion.load(data, side) for side in (28, 14, 7))
    assert abs(full.x.mean()) < 1e-4 and abs(full.x.std() - 0.5) < 1e-4
    np.testing.assert_allclose(half.x.reshape(-1, 7, 2, 7, 2).mean((2, 4)).reshape(-1, 49), seventh.x, atol=1e-5)
    assert set(np.unique(fashion.load(data, 14, binary=True)[1].x)) == {-1, 1}


def test_files_that_are_not_images_are_refused(tmp_path, data):
    with pytest.raises(FileNotFoundError, match="apt-get install dataset-fashion-mnist"):
        fashion.load(tmp_path, 14)
    (tmp_path / "x").write_bytes((data / "t10k-labels-idx1-ubyte").read_bytes()[:-1])
    with pytest.raises(ValueError, match="not an IDX file"):
        fashion.read_idx(tmp_path / "x")


def test_letters_are_those_of_the_file_in_the_order_of_their_codes(tmp_path, monkeypatch):
    (tmp_path / "foldoc.dict.dz").write_bytes(gzip.compress("Abz,\n {link}é0 z".encode() * 100))
    (tmp_path / "DB.fasta.gz").write_bytes(gzip.compress(b">ACD one\nACD\nXY\n>two\nACDBY\n" * 100))
    text, protein = letters.load("text", tmp_path), letters.load("protein", tmp_path)
    assert text.train[:12].tolist() == [1, 2, 26, 0, 12, 9, 14, 11, 0, 26, 1, 2] and text.symbols == 27
    assert protein.train[:8].tolist() == [0, 1, 2, 19] * 2 and protein.symbols == 20
    assert (len(protein.train), len(protein.held_out)) == (720, 80)
    nowhere = letters.SOURCES["text"]._replace(path=tmp_path / "none/foldoc.dict.dz")
    monkeypatch.setitem(letters.SOURCES, "text", nowhere)
    with pytest.raises(FileNotFoundError, match="apt-get install dict-foldoc"):
        letters.load("text", tmp_path / "none")


@pytest.mark.parametrize("study", studies.SYMBOLS)
def test_the_deviation_of_letters(study):
    """That of the windows when every letter is as frequent as the others."""
    import jax

    symbols = studies.SYMBOLS[study]
    task = studies.model.TASK if study == "dna" else letters.task(symbols)
    x, _ = task.draw(np.arange(symbols * 1000) % symbols, jax.random.key(0), 2000)
    assert studies.known(study) == ("discrete", pytest.approx(float(x.std()), rel=1e-3))
    assert study == "dna" or abs(float(x.mean())) < 1e-3


def test_frechet_of_known_normals():
    rng = np.random.default_rng(0)
    a, b = (m @ m.T for m in rng.normal(size=(2, 5, 5)))
    zero, one = np.zeros(5), np.ones(5)
    assert judge.frechet((zero, a), (zero, a)) == pytest.approx(0, abs=1e-9)
    assert judge.frechet((zero, a), (one, 4 * a)) == pytest.approx(5 + np.trace(a))  # (2 - 1)^2 tr a
    values, vectors = np.linalg.eigh(a)
    root = vectors * np.sqrt(values) @ vectors.T
    middle = np.sqrt(np.linalg.eigvalsh(root @ b @ root)).sum()
    assert judge.frechet((zero, a), (zero, b)) == pytest.approx(np.trace(a + b) - 2 * middle)


def test_the_rule_for_examples_to_the_target():
    def records(*curves):
        return [{"examples": [10, 20, 30], "scores": [{"distance": x} for x in curve]} for curve in curves]

    arms = {
        "edm": records([5, 4, 3], [9, 9, 9]),
        "loguniform": records([6, 2, 4], [8, 4, 6]),  # its best is not its last
        "infonoise": records([3, 1, 1], [9, 8, 7]),
    }
    assert measures.ratios(arms, "infonoise").tolist() == [[3 / 5, 1 / 2, 1 / 3], [9 / 8, 2, 7 / 6]]
    rows = measures.compared(arms)
    assert rows["loguniform"]["examples"] == [20, 20] and rows["loguniform"]["speed"] == [1, 1]
    assert rows["infonoise"]["examples"] == [15, 30]  # halfway from 3 to 1; the whole budget
    assert rows["infonoise"]["reached"] == [True, False]
    assert rows["infonoise"]["speed"] == [pytest.approx(20 / 15), pytest.approx(2 / 3)]
    assert rows["edm"]["final"] == [3, 9]
    assert report.spread([1, 2, 3]) == "2 (1 to 3)" and report.spread([1068710.0]) == "1,070,000"
    assert report.spread([100.0], 2) == "100" and report.number(0.05678, 2) == "0.057"
    for seed, record in enumerate(arms["edm"] + arms["loguniform"]):
        record["seed"] = seed % 2
    arms["infonoise"][0]["seed"] = 1
    arms["infonoise"].pop()
    both = measures.against_fixed({**arms, "no-gate": []}, "infonoise")
    assert {arm: [record["seed"] for record in records] for arm, records in both.items()} == dict.fromkeys(arms, [1])
    gains = report.gains({"dna": arms}).splitlines()
    assert gains[2] == "| DNA, 64-base windows | InfoNoise, w = 1 | 0.38 | 0.25 | 0.17 | 0.01 | 1 of 1 | 2 |"
    assert measures.evenness([0.25] * 4) == pytest.approx(4) and measures.evenness([1, 0]) == 1


@pytest.mark.parametrize("name", contenders.LABELS)
def test_arms_draw_and_learn_as_they_are_named(name):
    import jax
    import jax.numpy as jnp

    density = np.arange(1.0, 65)
    arm = contenders.make(name, studies.known("fashion-14"), studies.SMOKE.timing, density)
    assert arm.name == name
    state, sigma = arm.draw(arm.start(0), jax.random.key(0), 20_000)
    for _ in range(4):
        state = arm.learn(state, sigma, 0.25 * sigma**2 / (0.25 + sigma**2))
    _, after = arm.draw(state, jax.random.key(1), 20_000)
    moved = abs(float(jnp.log(after).mean() - jnp.log(sigma).mean())) > 0.1
    assert moved == contenders.adapts(name)
    uniform = np.log(40000) / 64
    if name == "transferred":
        bins = np.clip(np.log(np.asarray(sigma) / 0.002) // uniform, 0, 63)
        assert bins.mean() == pytest.approx(np.average(np.arange(64), weights=density), rel=0.02)
    assert float(arm.weight(jnp.array(0.5))) == (8 if "edm" in name or name == "transferred" else 1)


def test_an_arm_has_the_weight_of_the_preconditioning_whatever_the_deviation_of_the_data():
    densities = []
    for deviation in (0.5, 0.5 + 1e-9):
        known = contenders.Known("discrete", deviation)
        scheduler = infonoise.Scheduler(contenders.config("infonoise-edm", known, warmup_steps=1, min_count=1))
        sigma = scheduler.profile()["sigma"]
        scheduler.observe(sigma, exact.two_point().mmse(sigma))
        assert scheduler.step()["refreshes"] == 1
        densities.append(scheduler.profile()["density"])
    np.testing.assert_allclose(*densities, rtol=1e-9)


@pytest.fixture
def quick_compile():
    """Turns off the compiler's optimisations, since a few steps spend most of their time compiling."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.long
def test_everything_runs(tmp_path, data, quick_compile):
    arguments = ["--smoke", "--seeds", "1", "--data", str(data), "--out", str(tmp_path)]
    runs = results.plan(1, [], smoke=True)
    assert len(runs) == 13
    for run in runs[1:]:
        results.execute(run, results.parser().parse_args(arguments))
    # The remaining run is in a process of its own, as all are outside of the smoke test.
    results.main([*arguments, "--workers", "1"])
    record = json.loads(results.Run("dna", "infonoise", 0).path(tmp_path).read_text())
    assert record["examples"] == [768 * i for i in range(1, 7)] and len(record["scores"]) == 6
    assert record["schedule"][-1]["refreshes"] > 0
    page = (tmp_path / "results.md").read_text()
    assert "{{" not in page and page.count("\n| EDM recipe |") >= 4
    for name in ("discrete", "letters", "continuous", "sides", "emerging", "grids", "pace", "resolution"):
        assert (tmp_path / f"images/results-{name}.png").stat().st_size > 10_000
    # The next call finds every record and trains nothing; a part of them makes a page too.
    before = {run: run.path(tmp_path).stat().st_mtime_ns for run in runs}
    results.main(arguments)
    results.main([*arguments, "--only", "dna"])
    assert before == {run: run.path(tmp_path).stat().st_mtime_ns for run in runs}
    assert "not run" in (tmp_path / "results.md").read_text()
    # Trainings of another length are not mixed in.
    record["made"]["steps"] = 36
    results.Run("dna", "infonoise", 0).path(tmp_path).write_text(json.dumps(record))
    with pytest.raises(SystemExit, match="mixes trainings of 18 and 36 steps"):
        results.main(arguments)


def test_the_shares_of_steps_and_the_profile_behind_them():
    """Exact errors of two points: the information of a grid's steps, and the schedule that follows."""
    sigma = np.geomspace(0.002, 80, 65)
    sigma = np.sqrt(sigma[1:] * sigma[:-1])
    errors = {"sigma": sigma.tolist(), "error": exact.two_point().mmse(sigma).tolist()}
    grid = [80.0, 2.0, 1.0, 0.5, 0.002]
    record = {"study": "dna", "arm": "infonoise", "seed": 0, "errors": errors}
    record["pace"] = {"karras": {"sigma": grid, "moved": [0, 3, 1, 0]}}
    found = measures.shares(record, "karras")
    entropy = np.array([exact.two_point().entropy(x) for x in grid])
    np.testing.assert_allclose(found["bare"], np.diff(-entropy) / (entropy[0] - entropy[-1]), atol=0.01)
    assert found["gated"][-1] < found["bare"][-1] and found["moved"].tolist() == [0, 0.75, 0.25, 0]
    median = measures.information(record, coverage=0).report()["q50"]
    assert median == pytest.approx(1.02, rel=0.01)  # docs/specification.md#numbers-to-hit


def test_the_page_says_what_its_numbers_do():
    """docs/results.md is what docs/results.json gives; only the machine may differ."""
    found = {}
    for record in json.loads((ROOT / "docs/results.json").read_text()):
        found.setdefault(record["study"], {}).setdefault(record["arm"], []).append(record)
    again, written = (text.splitlines() for text in (report.page(found), (ROOT / "docs/results.md").read_text()))
    assert len(again) == len(written)
    assert [pair for pair in zip(again, written) if pair[0] != pair[1] and "JAX" not in pair[0]] == []


def test_a_missing_study_is_named():
    with pytest.raises(SystemExit, match="no study is called cifar: there are dna, text"):
        results.plan(1, ["cifar"])


def test_what_is_taken_over_is_trained_first():
    assert results.Run("fashion-7", "transferred", 2).source() == results.Run("fashion-14", "infonoise-edm", 2)
    assert results.Run("fashion-7", "edm", 2).source() is None
