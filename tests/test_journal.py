"""Journals in Python: recorded, replayed, resumed, damaged."""

import contextlib
import errno
import gc
import os
import resource
import signal
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import infonoise
from test_python import Lender

CONFIG = infonoise.Config.discrete(warmup_steps=20, refresh_every=7, refresh_growth=0, min_count=5)


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
    for verb in (journal.step, journal.sync):
        with pytest.raises(ValueError, match="the journal is closed"):
            verb()


@pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")
def test_replays_close_their_file(tmp_path):
    path, scheduler = tmp_path / "run.journal", infonoise.Scheduler(CONFIG, seed=4)
    with infonoise.Journal(path, scheduler) as journal:
        run(journal, 30)
    done = infonoise.replay(path)
    infonoise.Journal.resume(path, scheduler).close()
    infonoise.History.from_journal(path)
    with infonoise.Replay(path) as replay:
        next(replay.events())
    for closed in (done, replay):
        with pytest.raises(ValueError, match="this replay is closed: begin another"):
            list(closed.events())
    path.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="not a journal"):
        infonoise.Replay(path)
    del done, replay, closed
    gc.collect()


class Tensor:
    """An array whose ``size`` is a method, as PyTorch's is."""

    device, dtype = type("Device", (), {"type": "cpu"}), "torch.float32"

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    def size(self):
        return self.array.shape

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.array, dtype)


@pytest.mark.parametrize("lend", [Tensor, Lender, np.ndarray.tolist])
def test_advance_takes_what_the_schedulers_takes(lend, tmp_path):
    plain, recorded = infonoise.Scheduler(CONFIG, seed=4), infonoise.Scheduler(CONFIG, seed=4)
    with infonoise.Journal(tmp_path / "run.journal", recorded) as journal:
        sigma = plain.sample(60)
        journal.sample(60)
        for _ in range(3):
            following = journal.advance(lend(sigma), lend(errors(sigma)))
            sigma = plain.advance(sigma, errors(sigma))
            assert np.array_equal(following, sigma)
    assert infonoise.replay(tmp_path / "run.journal").scheduler.digest() == plain.digest()


def test_a_refused_advance_records_nothing(tmp_path):
    path, scheduler = tmp_path / "run.journal", infonoise.Scheduler(CONFIG, seed=4)
    with infonoise.Journal(path, scheduler) as journal:
        before, length = scheduler.digest(), path.stat().st_size
        for refused, message in [
            (([1.0], [0.1], 2**33), "world \\* n <= 2"),
            (([1.0], [0.1], 2**32), "below 2\\^32"),
            (([1.0], [0.1], -1), "non-negative"),
            (([1.0], [0.1, 0.2]), "same shape"),
        ]:
            with pytest.raises((TypeError, ValueError), match=message):
                journal.advance(*refused)
            assert scheduler.digest() == before and path.stat().st_size == length


def test_events_hold_the_sigmas(tmp_path):
    path, scheduler = tmp_path / "run.journal", infonoise.Scheduler(CONFIG, seed=4)
    with infonoise.Journal(path, scheduler) as journal:
        drawn = run(journal, 30)
        shard = journal.sample(64, rank=2, world=4)
    with infonoise.Replay(path) as replay:
        events = list(replay.events())
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
    loaded = infonoise.Scheduler.load(checkpoint)
    with pytest.raises(BlockingIOError, match="another writer"):
        infonoise.Journal.resume(path, loaded)
    del journal
    lost = path.read_bytes()
    with pytest.raises(FileExistsError, match="resume"):
        infonoise.Journal(path, scheduler)
    with pytest.warns(UserWarning, match=f"{path}: .* bytes after step 40 were moved to .*cut-40"):
        journal = infonoise.Journal.resume(path, loaded)
    cut = (tmp_path / "run.journal.cut-40").read_bytes()
    assert len(cut) > 10_000 and lost.endswith(cut)
    # A second crash after the same checkpoint does not overwrite what the first one left.
    run(journal, 3)
    del journal
    loaded = infonoise.Scheduler.load(checkpoint)
    with pytest.warns(UserWarning, match="moved to .*cut-40.2"):
        journal = infonoise.Journal.resume(path, loaded)
    assert (tmp_path / "run.journal.cut-40").read_bytes() == cut
    with journal:
        run(journal, 30)
    assert loaded.digest() == whole.digest() == infonoise.replay(path).scheduler.digest()
    # At its end nothing is cut; a state that never was in it is refused.
    infonoise.Journal.resume(path, loaded).close()
    with pytest.raises(ValueError, match="never was where this schedule is .* ends at step 70"):
        infonoise.Journal.resume(path, infonoise.Scheduler(CONFIG, seed=5))


WORKER = """
import os, sys
sys.path.insert(0, sys.argv[2])
import infonoise, test_journal
scheduler = infonoise.Scheduler(test_journal.CONFIG, seed=4)
journal = infonoise.Journal(sys.argv[1], scheduler)
while True:
    test_journal.run(journal, 1, batch=8)
    with open(sys.argv[3] + ".new", "wb") as file:
        file.write(scheduler.save())
    os.replace(sys.argv[3] + ".new", sys.argv[3])
    print(flush=True)
"""


def test_after_kill_9_every_checkpoint_goes_on(tmp_path):
    """Nothing has to be flushed first, and a torn record is left out."""
    for i, lines in enumerate([1, 7, 30, 100]):
        path, snapshot = tmp_path / f"{i}.journal", tmp_path / f"{i}.snapshot"
        command = [sys.executable, "-c", WORKER, path, os.path.dirname(__file__), snapshot]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        for _ in range(lines):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.wait()
        scheduler = infonoise.Scheduler.load(snapshot.read_bytes())
        with open(path, "ab") as file:
            file.write(b"\x10\0\0")  # and the power fails as well
        with pytest.warns(UserWarning, match="incomplete record of 3 bytes"):
            replayed = infonoise.replay(path)
        assert replayed.torn_bytes == 3
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            journal = infonoise.Journal.resume(path, scheduler)
        with journal:
            run(journal, 20, batch=8)
        assert infonoise.replay(path).scheduler.digest() == scheduler.digest()


def test_interrupts_do_not_come_between_a_verb_and_its_record(tmp_path):
    """A handler that raises, at any time: the journal still replays."""

    def interrupt(*_):
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        for i in range(100):
            path, scheduler = tmp_path / f"{i}.journal", infonoise.Scheduler(CONFIG, seed=4)
            with infonoise.Journal(path, scheduler) as journal:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 0.0005 + 0.00001 * i)
                    run(journal, 10_000, batch=8)
                except KeyboardInterrupt:
                    pass
            assert infonoise.replay(path).scheduler.digest() == scheduler.digest()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_two_threads_on_one_journal_are_recorded_as_they_came(tmp_path):
    path, scheduler = tmp_path / "run.journal", infonoise.Scheduler(CONFIG, seed=4)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with infonoise.Journal(path, scheduler) as journal:
            drawing = threading.Thread(target=lambda: [journal.sample(8) for _ in range(2000)])
            drawing.start()
            run(journal, 2000, batch=8)
            drawing.join()
    finally:
        sys.setswitchinterval(interval)
    assert infonoise.replay(path).scheduler.digest() == scheduler.digest()


@pytest.mark.filterwarnings("ignore:os.fork")
def test_other_processes_are_refused(tmp_path):
    path, scheduler = tmp_path / "run.journal", infonoise.Scheduler(CONFIG, seed=4)
    with infonoise.Journal(path, scheduler) as journal:
        run(journal, 3)
        child = os.fork()
        if child == 0:
            try:
                journal.step()
            except ValueError:
                journal.close()  # writes nothing
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        run(journal, 3)
    assert infonoise.replay(path).scheduler.digest() == scheduler.digest()


@contextlib.contextmanager
def room_for(size):
    """Limits files to ``size`` bytes; a write is cut at that size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)


@pytest.mark.filterwarnings("error")
def test_a_full_disk_is_an_error_of_the_call_that_meets_it(tmp_path):
    """The disk is full at each byte of the first record, of three more and of the digest at the close: the
    file then ends with a complete record, and exists only if it has one."""
    path, start, end = tmp_path / "run.journal", None, None
    lengths, limit = set(), 0
    while end is None or limit <= end:
        path.unlink(missing_ok=True)
        scheduler, done = infonoise.Scheduler(CONFIG, seed=4), []
        try:
            with room_for(limit):
                journal = infonoise.Journal(path, scheduler)
                for verb in (
                    lambda: journal.sample(8),
                    lambda: journal.observe(np.ones(8), np.ones(8)),
                    journal.step,
                    journal.close,
                ):
                    done.append(path.stat().st_size)
                    verb()
        except OSError as error:
            assert error.errno == errno.EFBIG and f"{path}: File too large" in str(error)
            if not done:
                assert not path.exists()
            else:
                start = done[0]
                assert path.stat().st_size == done[-1] <= limit
                assert infonoise.replay(path).position == done[-1]
                with pytest.raises(ValueError, match="the journal is closed"):
                    journal.step()
                journal.close()
        else:
            end = limit
            assert path.stat().st_size == limit
            assert infonoise.replay(path).scheduler.digest() == scheduler.digest()
        lengths.update(done)
        limit += 1
    assert start > 100 and sorted(lengths) == done


@pytest.mark.filterwarnings("error")
def test_a_resume_on_a_full_disk_loses_nothing(tmp_path):
    """The disk is full at each byte of the records that move aside, and of the digest that marks where the run continues."""
    path, side = tmp_path / "run.journal", tmp_path / "run.journal.cut-4"
    scheduler = infonoise.Scheduler(CONFIG, seed=4)
    journal = infonoise.Journal(path, scheduler)
    run(journal, 4, batch=8)
    checkpoint = infonoise.Scheduler.load(scheduler.save())
    run(journal, 2, batch=8)
    del journal
    whole = path.read_bytes()
    with infonoise.Replay(path) as replay:
        assert replay.seek(4, checkpoint.digest())
    kept, lost = whole[: replay.position], whole[replay.position :]
    assert 100 < len(lost) < len(kept)
    for limit in range(len(kept) + 28):
        path.write_bytes(whole)
        side.unlink(missing_ok=True)
        with room_for(limit), pytest.raises(OSError) as caught:
            infonoise.Journal.resume(path, checkpoint)
        fits = limit >= len(lost)
        assert caught.value.errno == errno.EFBIG
        assert f"{path if fits else side}: File too large" in str(caught.value)
        assert side.exists() == fits
        assert path.read_bytes() + (side.read_bytes() if fits else b"") == whole
    # With space again, the resume succeeds after the last failure.
    assert path.read_bytes() == kept
    with infonoise.Journal.resume(path, checkpoint) as journal:
        run(journal, 2, batch=8)
    assert checkpoint.digest() == scheduler.digest() == infonoise.replay(path).scheduler.digest()
    assert path.read_bytes()[: len(kept)] == kept


def test_errors_of_the_system_are_pythons_own(tmp_path):
    """By their errno, with a path that is no UTF-8."""
    path, scheduler = tmp_path / os.fsdecode(b"\xff.journal"), infonoise.Scheduler(CONFIG)
    infonoise.Journal(path, scheduler).close()
    for call, kind in [
        (lambda: infonoise.Journal(path, scheduler), FileExistsError),
        (lambda: infonoise.Journal(path / "x", scheduler), NotADirectoryError),
        (lambda: infonoise.Journal.resume(f"{path}.none", scheduler), FileNotFoundError),
        (lambda: infonoise.Replay(f"{path}.none"), FileNotFoundError),
        (lambda: infonoise.Replay(tmp_path), IsADirectoryError),
    ]:
        with pytest.raises(kind) as caught:
            call()
        assert str(tmp_path) in str(caught.value) and caught.value.errno
    assert os.fspath(path) in str(pytest.raises(FileExistsError, infonoise.Journal, path, scheduler).value)


def test_a_file_cut_while_it_is_read_and_batches_beyond_the_page(tmp_path):
    path = tmp_path / "run.journal"
    with infonoise.Journal(path, infonoise.Scheduler(CONFIG), page=300) as journal:
        run(journal, 2000)
        journal.sample(301)
        journal.sample(1, rank=0, world=2**31)
    events = infonoise.Replay(path).events()
    assert next(events)["sigma"].size == 256
    sampled = [event["sigma"] for event in events if event["kind"] == "sampled"]
    assert sampled[-2] is None and sampled[-1] is None and sampled[-3].size == 256
    replay = infonoise.Replay(path)
    events = replay.events()
    next(events)
    os.truncate(path, 100)
    with pytest.warns(UserWarning, match="incomplete record"):
        assert len(list(events)) < 4000


def test_a_journal_of_a_running_schedule_starts_from_its_snapshot(tmp_path):
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
    for page in (0, -1, 2**28 + 1, 2**32):
        with pytest.raises(ValueError, match=f"page = {page} must be .*from 1 to 2\\^28"):
            infonoise.Journal(tmp_path / "x", infonoise.Scheduler(CONFIG), page=page)
    with pytest.raises(TypeError, match="page must be an integer"):
        infonoise.Journal(tmp_path / "x", infonoise.Scheduler(CONFIG), page=True)
    with infonoise.Journal(tmp_path / "x", infonoise.Scheduler(CONFIG)) as journal:
        with pytest.raises(ValueError, match="bins = 32 must be left at 64"):
            journal.reconfigure(bins=32)
        journal.scheduler._words = journal.scheduler._words[:100]
        with pytest.raises(ValueError, match="memory is smaller than needed: pass all words of one block"):
            journal.step()
        journal.scheduler._words = infonoise.Scheduler(CONFIG)._words


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


def test_a_zero_byte_in_a_path_is_refused(tmp_path):
    """A path with a zero byte is refused; the system would open the path before it."""
    for call in (lambda path: infonoise.Journal(path, infonoise.Scheduler(infonoise.Config(), seed=0)), infonoise.replay):
        with pytest.raises(OSError, match="Errno 22"):
            call(str(tmp_path / "a\0b.journal"))
    assert not list(tmp_path.iterdir())
