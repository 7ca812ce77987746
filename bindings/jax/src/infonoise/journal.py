"""Journals: a run as a file from which anyone can execute its schedule again."""

from __future__ import annotations

import dataclasses
import fcntl
import itertools
import os
import warnings
from collections.abc import Iterator

import numpy as np

from infonoise import _native
from infonoise.arrays import empty_words, native_pairs
from infonoise.scheduler import Scheduler, checked_shard, native_reconfiguration

#: Draws on a page of the memory that lets a journal name sigmas by number.
PAGE = 16384

#: How much of a file a replay reads at once.
_PIECE = 1 << 20


class Journal:
    """Records what a scheduler is asked to do, in a file of about 1 KB a step.

        scheduler = infonoise.Scheduler(config, seed=0)
        with infonoise.Journal("run.journal", scheduler) as journal:
            for _ in range(steps):
                sigma = journal.sample(256)
                journal.observe(sigma, train(sigma))
                journal.step()

    The verbs are the scheduler's own, and do to it what they always do; everything
    that only reads goes to the scheduler itself. A file that exists is refused:
    ``Journal.resume`` goes on with it. With JAX, keep a scheduler of the same
    configuration and seed beside the jitted one and hand its journal the errors.
    """

    def __init__(self, path: str | os.PathLike, scheduler: Scheduler, *, page: int = PAGE) -> None:
        """``page``: at least a global batch and what is drawn ahead of its observations;
        sigmas that were drawn earlier are stored, not named."""
        _check_scheduler(scheduler)
        if isinstance(page, bool) or not isinstance(page, (int, np.integer)) or not 1 <= page <= 2**28:
            raise ValueError(f"page = {page!r} must be an integer from 1 to 2^28: draws to remember")
        try:
            file = open(path, "xb", buffering=0)
        except FileExistsError:
            raise FileExistsError(
                f"{os.fspath(path)} exists: go on with it by Journal.resume, or choose another name"
            ) from None
        self._open(file, empty_words(_native.journal_words(page)), scheduler)
        try:
            self._record(_native.journal_begin, page, scheduler.seed)
        except OSError:
            # A beginning that is cut off could not be resumed, and would be in the way.
            os.unlink(path)
            raise

    @classmethod
    def resume(cls, path: str | os.PathLike, scheduler: Scheduler) -> Journal:
        """Goes on with a journal at the place where its run was what ``scheduler`` is now
        (loaded from a checkpoint, say). What was recorded behind it moves to the file
        ``PATH.cut-STEP`` (``.2``, ``.3``, ... where that exists), with a warning."""
        _check_scheduler(scheduler)
        file = open(path, "r+b", buffering=0)
        try:
            _lock(file)
            with Replay(path) as replay:
                steps, digest = scheduler.report()["steps"], scheduler.digest()
                if not replay.seek(steps, digest):
                    ends = replay.scheduler.report()["steps"]
                    raise ValueError(
                        f"{replay.path} never was where this schedule is (step {steps}, digest {digest:016x}), and "
                        f"ends at step {ends}: pass the checkpoint of that run, or begin a new journal"
                    )
                closing = _native.journal_digest(replay.memory, scheduler.state)
                _cut(replay, file, closing, steps)
            journal = cls.__new__(cls)
            journal._open(file, replay.memory, scheduler)
            file.write(closing)
        except BaseException:
            file.close()
            raise
        return journal

    def _open(self, file, memory: np.ndarray, scheduler: Scheduler) -> None:
        _lock(file)
        self._file, self._memory, self.scheduler, self._process = file, memory, scheduler, os.getpid()

    def _record(self, verb, *arguments):
        """A verb of the scheduler and its record, in one call."""
        self._check_open()
        if os.getpid() != self._process:
            raise ValueError("the journal belongs to the process that opened it: resume it there, or begin another here")
        try:
            return verb(self._file.fileno(), self._memory, self.scheduler.state, *arguments)
        except OSError:
            # The scheduler has moved on: records after a gap would be worthless.
            self._file.close()
            raise

    def _check_open(self) -> None:
        if self._file.closed:
            raise ValueError("the journal is closed: call the scheduler itself, or resume the journal")

    def sample(self, n: int, *, rank: int = 0, world: int = 1) -> np.ndarray:
        """As ``Scheduler.sample``; the whole of a global batch can then be observed by number."""
        return self._draw(*_room(n, rank, world))

    def observe(self, sigma, error, mask=None) -> int:
        """As ``Scheduler.observe``."""
        return self._record(_native.journal_observe, *native_pairs(sigma, error, mask))

    def step(self) -> dict:
        """As ``Scheduler.step``; a refresh leaves its digest in the file."""
        self._record(_native.journal_step)
        return self.scheduler.report()

    def advance(self, sigma, error, next_n: int | None = None, mask=None) -> np.ndarray:
        """As ``Scheduler.advance``."""
        # All that may be refused comes first: a batch must not be recorded of a call that failed.
        pairs = native_pairs(sigma, error, mask)
        room = _room(pairs[0].size if next_n is None else next_n)
        self._record(_native.journal_observe, *pairs)
        self._record(_native.journal_step)
        return self._draw(*room)

    def _draw(self, sigma: np.ndarray, rank: int, world: int) -> np.ndarray:
        self._record(_native.journal_sample, sigma, rank, world)
        return sigma

    def freeze(self) -> None:
        """As ``Scheduler.freeze``."""
        self._record(_native.journal_set_frozen, True)

    def unfreeze(self) -> None:
        """As ``Scheduler.unfreeze``."""
        self._record(_native.journal_set_frozen, False)

    def reconfigure(self, **changes) -> None:
        """As ``Scheduler.reconfigure``."""
        config = dataclasses.replace(self.scheduler.config, **changes)
        self._record(_native.journal_reconfigure, *native_reconfiguration(config))

    def sync(self) -> None:
        """Waits until what was recorded is on the disk: before a checkpoint that must
        survive the machine, not only the process."""
        self._check_open()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Records the last digest and closes the file; a second time does nothing."""
        if not self._file.closed and os.getpid() == self._process:
            try:
                self._file.write(_native.journal_digest(self._memory, self.scheduler.state))
            finally:
                self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_) -> None:
        self.close()


class ReplayError(ValueError):
    """A run that is not what its journal says; ``steps`` is where that shows."""

    def __init__(self, message: str, steps: int) -> None:
        super().__init__(message)
        self.steps = steps


class Replay:
    """A journal, executed again record by record.

        with infonoise.Replay("run.journal") as replay:
            for event in replay.events():       # raises ReplayError at the first difference
                if event["kind"] == "sampled":
                    print(event["steps"], event["sigma"])
        replay.scheduler.digest()

    ``scheduler`` is the schedule so far, ``digests`` how many digests agreed,
    ``position`` the bytes that are done, ``torn_bytes`` the length of a half-written
    record at the end of the file.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = os.fspath(path)
        self.digests = self.torn_bytes = 0
        self._file = open(path, "rb")
        self._piece, self._at = b"", 0
        try:
            while (head := self._begin()) is None:
                pass
        except BaseException:
            self.close()
            raise
        self.memory, self.scheduler, self.position = head

    def close(self) -> None:
        """Closes the file; the scheduler stays where the replay stands."""
        self._file.close()

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _begin(self):
        """The memory, the scheduler and the length of the journal's start; None if more of
        the file is needed."""
        more = self._read()
        if not self._piece:
            raise ValueError(f"{self.path} is empty, nothing was recorded: delete it and begin anew")
        log = np.frombuffer(self._piece, np.uint8)
        try:
            state, memory = map(empty_words, _native.replay_needs(log))
            self._at = _native.replay_begin(memory, state, log)
        except ValueError as error:
            if more and "end early" in str(error):
                return None
            raise ValueError(f"{self.path}: {error}") from None
        return memory, Scheduler.from_state(state), self._at

    def _read(self) -> bool:
        """Reads a further piece of the file; False at its end."""
        if self._file.closed:
            raise ValueError(f"this replay is closed: begin another, infonoise.Replay({self.path!r})")
        more = self._file.read(_PIECE)
        self._piece, self._at = self._piece[self._at :] + more, 0
        return bool(more)

    def events(self, *, sigmas: bool = True) -> Iterator[dict]:
        """What the records do, one dict each. With ``sigmas`` those of kind ``sampled`` hold
        the global batch that was drawn (None if it is larger than the journal's page)."""
        words = self.scheduler.state
        while True:
            log = np.frombuffer(self._piece, np.uint8)
            try:
                event = _native.replay_next(self.memory, words, log, self._at, self.position - self._at)
            except ValueError as error:
                if self._ends_torn():
                    return
                raise ValueError(f"{self.path} {error}") from None
            if event is None:
                if not self._read():
                    self._ends_torn()
                    return
                continue
            self._at += event["bytes"]
            self.position += event["bytes"]
            if event["kind"] == "digest":
                if event["expected"] != event["found"]:
                    raise ReplayError(
                        f"{self.path} differs at step {event['steps']}: its digest is {event['expected']:016x}, "
                        f"the run's {event['found']:016x}",
                        event["steps"],
                    )
                self.digests += 1
            if event["kind"] == "sampled" and sigmas:
                total = event["n"] * event["world"]
                # The memory has two words for each draw that a page holds.
                batch = np.empty(total if 2 * total <= self.memory.size else 0, np.float32)
                known = batch.size == total and _native.journal_draws(self.memory, event["first"], batch)
                event["sigma"] = batch if known else None
            yield event

    def _ends_torn(self) -> bool:
        """Whether the rest of the file is a half-written record, which is then left out."""
        while self._read():
            pass
        rest = self.rest()
        if rest and not _native.journal_is_torn(np.frombuffer(rest, np.uint8)):
            return False
        if rest:
            self.torn_bytes = len(rest)
            warnings.warn(
                f"{self.path} ends in a half-written record of {len(rest)} bytes, which is left out", stacklevel=3
            )
        return True

    def seek(self, steps: int, digest: int) -> bool:
        """Goes on to where the run has made ``steps`` steps and has this digest."""
        if self.scheduler.digest() == digest:
            return True
        for event in self.events(sigmas=False):
            if event["steps"] == steps and self.scheduler.digest() == digest:
                return True
        return False

    def rest(self) -> bytes:
        """The bytes of the journal that are not yet done."""
        while self._read():
            pass
        return self._piece


def replay(path: str | os.PathLike) -> Replay:
    """Executes a whole journal and compares every digest: ``replay(path).scheduler`` is the
    schedule at its end. Raises ReplayError where the run is not what the journal says."""
    with Replay(path) as done:
        for _ in done.events(sigmas=False):
            pass
    return done


def _room(n, rank=0, world=1) -> tuple[np.ndarray, int, int]:
    """Memory for the draws of a rank, and the checked rank and world."""
    n, rank, world = checked_shard(n, rank, world)
    if n * world >= 2**32:
        raise ValueError(f"world * n = {n * world} must be below 2^32 in a journal")
    return np.empty(n, np.float32), rank, world


def _cut(replay: Replay, file, closing: bytes, steps: int) -> None:
    """Cuts a file behind where its replay stands; what is lost there moves to another file."""
    rest = replay.rest()
    if rest not in (b"", closing):
        with _aside(f"{replay.path}.cut-{steps}") as other:
            other.write(rest)
        warnings.warn(
            f"{replay.path}: {len(rest)} bytes behind step {steps} were moved to {other.name}", stacklevel=3
        )
    file.truncate(replay.position)
    file.seek(replay.position)


def _aside(name: str):
    """A new file: a second crash behind the same checkpoint does not cost what the first left."""
    for suffix in itertools.chain([""], (f".{more}" for more in itertools.count(2))):
        try:
            return open(name + suffix, "xb")
        except FileExistsError:
            continue


def _lock(file) -> None:
    """Two writers would write over each other."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise BlockingIOError(f"{file.name} is open in another writer: close that journal first") from None


def _check_scheduler(scheduler) -> None:
    if not isinstance(scheduler, Scheduler):
        raise TypeError(f"scheduler must be an infonoise.Scheduler, got {type(scheduler).__name__}")
