"""Fast checks of the demo: the genome, the scores, the model's limits, and a run of a few steps."""

import gzip
import hashlib
import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import arms
import dna
import edm
import model
import run
import sampler
import summary
import train
from genome import pack_genome


@pytest.fixture
def quick_compile():
    """Turns off the compiler's optimisations, since a few steps spend most of their time compiling."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def test_genome_matches_its_checksums():
    about = json.loads((dna.GENOME / "NC_008253.json").read_text())
    packed = (dna.GENOME / "NC_008253.2bits").read_bytes()
    assert hashlib.sha256(packed).hexdigest() == about["sha256_packed"]
    bases = pack_genome.unpack(packed, about["length"])
    text = pack_genome.to_text(bases, about["other_letters"])
    assert hashlib.sha256(text.encode()).hexdigest() == about["sha256_sequence"]
    assert pack_genome.pack(text) == (packed, about["other_letters"])


@pytest.mark.parametrize("sequence", ["A", "ACGT", "GATTACA", "NACGTNNRACGTY", "NNNNN", ""])
def test_packing_loses_nothing(sequence):
    packed, other = pack_genome.pack(sequence)
    assert len(packed) == -(-len(sequence) // 4)
    assert pack_genome.to_text(pack_genome.unpack(packed, len(sequence)), other) == sequence


def test_fasta_is_read_gzipped_in_lower_case_and_first_record_only(tmp_path):
    path = tmp_path / "x.fna.gz"
    with gzip.open(path, "wt") as out:
        out.write(">one\nACgt\nnA\n>two\nTTTT\n")
    assert pack_genome.read_fasta(path) == ("one", "ACGTNA")


def test_split_is_by_position_and_windows_stay_inside():
    genome = dna.load()
    assert len(genome.train) + len(genome.held_out) == 4_938_920
    assert len(genome.train) == 4_445_028
    drawn = dna.windows(genome.held_out, 16, np.random.default_rng(0))
    assert drawn.shape == (16, dna.WINDOW) and drawn.max() <= 3


def test_kmer_shares_count_words():
    shares = dna.kmer_shares(np.array([[0, 1, 2, 3], [0, 1, 2, 0]]), 3)
    assert shares[0 * 16 + 1 * 4 + 2] == 0.5
    assert shares[1 * 16 + 2 * 4 + 3] == 0.25 and shares[1 * 16 + 2 * 4] == 0.25


def test_jensen_shannon_is_zero_for_equal_and_one_bit_for_disjoint():
    p = np.array([0.5, 0.5, 0.0, 0.0])
    assert dna.jensen_shannon(p, p) == 0
    assert dna.jensen_shannon(p, p[::-1]) == pytest.approx(1)


def test_judge_ranks_real_windows_over_random_letters():
    genome = dna.load()
    judge = dna.Judge(genome)
    rng = np.random.default_rng(0)
    real = judge(dna.windows(genome.held_out, 1024, rng))
    letters = judge(rng.integers(0, 4, (1024, dna.WINDOW)))
    assert 0.3 < real["js3"] < 0.8  # measured: .4 to .7
    assert letters["js3"] > 10 * real["js3"] and letters["js6"] > 2 * real["js6"]


def test_preconditioning_limits():
    skip, out, scale, noise = edm.coefficients(jnp.array([1e-4, 0.5, 1e4]))
    np.testing.assert_allclose(skip, [1, 0.5, 0], atol=1e-6)
    np.testing.assert_allclose(out, [1e-4, 0.5 / np.sqrt(2), 0.5], rtol=1e-5)
    np.testing.assert_allclose(scale, [2, np.sqrt(2), 1e-4], rtol=1e-5)
    np.testing.assert_allclose(noise, np.log([1e-4, 0.5, 1e4]) / 4, rtol=1e-5)


def test_model_size_and_start():
    params = model.init(jax.random.key(0))
    assert 48_000 < sum(leaf.size for leaf in jax.tree.leaves(params)) < 52_000
    x = model.encode(jnp.zeros((2, dna.WINDOW), int))
    assert x.shape == (2, dna.WINDOW, 4) and float(x.sum()) == 2 * dna.WINDOW * -2
    np.testing.assert_allclose(model.denoise(params, x, jnp.full(2, 1e-4)), x, atol=1e-3)


def test_every_arm_starts_from_the_same_weights():
    starts = [train.start(model.TASK, arm, 3)["params"] for arm in (arms.edm(), arms.loguniform())]
    assert all(jax.tree.leaves(jax.tree.map(np.array_equal, *starts)))


def test_heun_follows_the_exact_flow_of_a_gaussian():
    def exact(x, sigma):
        return x * (0.25 / (0.25 + sigma**2))[:, None, None]

    x = jnp.full((1, 2, 4), 80.0)
    end = 80 * 0.5 / np.hypot(0.5, 80)
    coarse, fine = (abs(float(sampler.heun(exact, x, sampler.edm_grid(n))[0, 0, 0]) / end - 1) for n in (18, 72))
    assert coarse < 0.08 and fine < coarse / 8  # second order: a sixteenth of the error


def test_grid_ends():
    grid = sampler.edm_grid()
    assert len(grid) == 19 and np.all(np.diff(grid) < 0)
    np.testing.assert_allclose(grid[[0, -2, -1]], [80, 0.002, 0], rtol=1e-5)


def test_examples_to_target_interpolates_and_may_fail():
    assert summary.examples_to(2.5, [100, 200, 300], [4, 3, 2]) == 250
    assert summary.examples_to(5, [100, 200], [4, 3]) == 100
    assert summary.examples_to(1, [100, 200], [4, 3]) is None


def test_milestones_are_whole_chunks():
    assert train.Settings().milestones == [300, 600, 900, 1200, 1500, 1800]
    assert train.Settings().chunk == 50
    for steps in range(18, 360, 18):
        settings = train.Settings(steps=steps)
        assert all(step % settings.chunk == 0 for step in settings.milestones)
    with pytest.raises(ValueError):
        train.Settings(steps=100)


def test_a_run_of_a_few_steps_writes_everything(tmp_path, quick_compile):
    arguments = ["--steps", "18", "--batch", "8", "--samples", "32", "--out", str(tmp_path)]
    run.main(arguments)
    written = json.loads((tmp_path / "summary.json").read_text())
    assert set(written["arms"]) == {"edm", "loguniform", "infonoise"}
    for arm in written["arms"].values():
        assert arm["examples"] == [24, 48, 72, 96, 120, 144]
        assert len(arm["js3"]) == len(arm["js6"]) == 6
        assert list(arm["quantiles"]) == ["q05", "q25", "q50", "q75", "q95"]
        assert "pivot" in arm
    assert len(written["arms"]["infonoise"]["schedule_by_seed"][0]) == 6
    for key in ("ratio_js3", "examples_to_target", "floor", "target_js3", "seeds", "settings"):
        assert key in written
    for name in ("quality.png", "density.png", "final.png"):
        assert (tmp_path / name).stat().st_size > 10_000


def test_the_same_seed_gives_the_same_schedule_bit_for_bit(quick_compile):
    """The schedule's part of the summary: pivots, quantiles and digests at every milestone."""
    genome, settings = dna.load(), train.Settings(steps=18, batch=512, samples=32)
    import infonoise

    config = infonoise.Config.discrete(warmup_steps=3, refresh_every=1, min_count=8)
    judge = dna.Judge(genome)
    first, again, other = (
        run.run_arm(arms.infonoise(config), settings, genome, judge, seed)["schedule"] for seed in (5, 5, 6)
    )
    assert first == again and first[-1]["refreshes"] > 0
    assert [entry["digest"] for entry in first] != [entry["digest"] for entry in other]
