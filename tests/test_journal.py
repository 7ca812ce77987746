"""Journals in Python: recorded, replayed, resumed, damaged."""

import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest

import infonoise

CONFIG = infonoise.Config.discrete(warmup_steps=20, refresh_every=7, min_count=5)


def errors(sigma):
    return sigma**2 / (1 + sigma**2)


def run(journal, steps, batch=256):
    """What a trainer does; returns the sigmas."""
    drawn = []
    for _ in range(steps):
        drawn.append(journal.sample(batch))
        journal.observe(drawn[-1], errors(drawn[-1]))
        journal.step()
    return np.concatenate(drawn)


def test_a_recorded_run_is_the_unrecorded_one_and_replays(tmp_path):
    plain, recorded = infonoise.Scheduler(CONFIG, seed=4), infonoise.Scheduler(CONFIG, seed=4)
    path = tmp_path / "run.journal"
    with infonoise.Journal(path, recorded) as journal:
        assert np.array_equal(run(journal, 60), run(plain, 60))
        for scheduler in (journal, plain):
            scheduler.reconfigure(refresh_every=3, weight=np.linspace(1, 2, 64))
            scheduler.freeze()
            sigma = scheduler.sample(100)
            mask = np.arange(100) % 2
            assert scheduler.observe(sigma, errors(sigma), mask) == 0
            following = scheduler.advance(sigma * 1.001, errors(sigma), 32)
            scheduler.unfreeze()
            run(scheduler, 10, batch=32)
    assert recorded.digest() == plain.digest() and following.size == 32
    done = infonoise.replay(path)
    assert done.scheduler.digest() == plain.digest()
    assert done.digests == recorded.report()["refreshes"] + 1 and done.torn_bytes == 0
    assert path.stat().st_size < 60 * 1100 + 20_000
    with pytest.raises(ValueError, match="closed"):
        journal.step()


def test_events_hold_the_sigmas(tmp_path):
    path, scheduler = tmp_path / "run.journal", infonoise.Scheduler(CONFIG, seed=4)
    with infonoise.Journal(path, scheduler) as journal:
        drawn = run(journal, 30)
        shard = journal.sample(64, rank=2, world=4)
    events = list(infonoise.Replay(path).events())
    sampled = [event["sigma"] for event in events if event["kind"] == "sampled"]
    assert np.array_equal(np.concatenate(sampled[:-1]), drawn)
    assert np.array_equal(sampled[-1][128:192], shard)
    assert [event["steps"] for event in events if event.get("refreshed")] == [20, 27]


def test_batches_observed_late_and_in_parts_are_still_named(tmp_path):
    path, scheduler = tmp_path / "run.journal", infonoise.Scheduler(CONFIG, seed=4)
    with infonoise.Journal(path, scheduler, page=4096) as journal:
        waiting = [journal.sample(256), journal.sample(256)]
        start = path.stat().st_size
        for _ in range(40):
            waiting.append(journal.sample(256))
            late = waiting.pop(0)
            for part in np.split(late, 4):
                journal.observe(part, errors(part))
            journal.step()
        journal.flush()
        # Errors alone, and six small records: no sigma is stored.
        assert path.stat().st_size - start < 40 * (1024 + 6 * 40) + 600
    assert infonoise.replay(path).scheduler.digest() == scheduler.digest()


def test_resume_continues_where_the_checkpoint_is(tmp_path):
    path, whole = tmp_path / "run.journal", infonoise.Scheduler(CONFIG, seed=4)
    run(whole, 70)
    scheduler = infonoise.Scheduler(CONFIG, seed=4)
    journal = infonoise.Journal(path, scheduler)
    run(journal, 40)
    checkpoint = scheduler.save()
    run(journal, 10)  # lost: the trainer dies here
    journal.flush()
    with pytest.raises(FileExistsError, match="resume"):
        infonoise.Journal(path, scheduler)
    loaded = infonoise.Scheduler.load(checkpoint)
    with pytest.warns(UserWarning, match="behind step 40 were cut off"):
        journal = infonoise.Journal.resume(path, loaded)
    with journal:
        run(journal, 30)
    assert loaded.digest() == whole.digest() == infonoise.replay(path).scheduler.digest()
    # At its end there is nothing to cut; elsewhere it never was.
    infonoise.Journal.resume(path, loaded).close()
    with pytest.raises(ValueError, match="never was where this schedule is"):
        infonoise.Journal.resume(path, infonoise.Scheduler(CONFIG, seed=5))


def test_a_killed_writer_leaves_a_journal_that_replays(tmp_path):
    path = tmp_path / "run.journal"
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); import infonoise, test_journal\n"
        "journal = infonoise.Journal(sys.argv[1], infonoise.Scheduler(test_journal.CONFIG, seed=4))\n"
        "while True:\n test_journal.run(journal, 1); print(flush=True)\n"
    )
    command = [sys.executable, "-c", code, path, os.path.dirname(__file__)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    for _ in range(100):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        end = infonoise.replay(path).position
    # The kill may have come between two writes: then the power fails as well.
    torn = path.read_bytes()[end:] or b"\x10\0\0"
    path.write_bytes(path.read_bytes()[:end] + torn)
    replay = infonoise.Replay(path)
    with pytest.warns(UserWarning, match="half-written record"):
        steps = [event["steps"] for event in replay.events()][-1]
    assert steps >= 97 and replay.digests >= 11 and replay.torn_bytes > 0


def test_a_journal_of_a_running_schedule_starts_from_its_image(tmp_path):
    scheduler = infonoise.Scheduler(CONFIG, seed=4)
    run(scheduler, 33)
    with infonoise.Journal(tmp_path / "late.journal", scheduler) as journal:
        run(journal, 10)
    assert infonoise.replay(tmp_path / "late.journal").scheduler.digest() == scheduler.digest()


def test_a_forged_error_is_found_with_its_step(tmp_path):
    """The journal of another run's errors under this run's digests."""
    path, scheduler = tmp_path / "run.journal", infonoise.Scheduler(CONFIG, seed=4)
    with infonoise.Journal(path, scheduler) as journal:
        run(journal, 40)
    whole = path.read_bytes()
    other = tmp_path / "other.journal"
    with infonoise.Journal(other, infonoise.Scheduler(CONFIG, seed=4)) as journal:
        for _ in range(40):
            sigma = journal.sample(256)
            journal.observe(sigma, errors(sigma) * np.float32(1.0001))
            journal.step()
    forged = bytearray(other.read_bytes())
    assert len(forged) == len(whole)
    # Digest records take 28 bytes: put the first run's in place of the second's.
    replay = infonoise.Replay(other)
    for event in replay.events():
        if event["kind"] == "digest":
            forged[replay.position - 28 : replay.position] = whole[replay.position - 28 : replay.position]
    other.write_bytes(forged)
    with pytest.raises(infonoise.ReplayError, match="differs at step 20") as found:
        infonoise.replay(other)
    assert found.value.steps == 20


def test_damage_is_named(tmp_path):
    path = tmp_path / "run.journal"
    with infonoise.Journal(path, infonoise.Scheduler(CONFIG)) as journal:
        run(journal, 5)
    whole = path.read_bytes()
    for damaged, message in [
        (b"", "is empty"),
        (b"nonsense" * 9, "not a journal"),
        (whole[:20], "end early"),
        (whole[:8] + b"\x09\0\0\0" + whole[12:], r"\(version 9\)"),
        (whole[:3000] + b"\xff" + whole[3001:], r"at byte \d+: a checksum does not match"),
    ]:
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=message):
            infonoise.replay(path)
    with pytest.raises(TypeError, match="infonoise.Scheduler"):
        infonoise.Journal(tmp_path / "x", "state")
    with pytest.raises(ValueError, match="page = 0"):
        infonoise.Journal(tmp_path / "x", infonoise.Scheduler(CONFIG), page=0)
    with infonoise.Journal(tmp_path / "x", infonoise.Scheduler(CONFIG)) as journal:
        with pytest.raises(ValueError, match="bins = 32 must be left at 64"):
            journal.reconfigure(bins=32)


def test_a_jitted_run_is_recorded_by_its_twin(tmp_path):
    """docs/journal.md, "From JAX": the twin draws what the jitted schedule draws."""
    jax = pytest.importorskip("jax")
    import infonoise.jax as inj

    @jax.jit
    def train_step(state):
        state, sigma = inj.sample(state, 256)
        error = sigma**2 / (1 + sigma**2)
        return inj.step(inj.observe(state, sigma, error)), sigma, error

    state, twin = inj.init(CONFIG, seed=4), infonoise.Scheduler(CONFIG, seed=4)
    with infonoise.Journal(tmp_path / "run.journal", twin) as journal:
        for _ in range(40):
            sigma = journal.sample(256)
            state, drawn, error = train_step(state)
            assert np.array_equal(sigma, drawn)
            journal.observe(sigma, error)
            journal.step()
    final = infonoise.Scheduler.from_state(np.asarray(state.words)).digest()
    assert infonoise.replay(tmp_path / "run.journal").scheduler.digest() == final
