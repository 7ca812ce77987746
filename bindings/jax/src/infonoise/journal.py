"""Journals: a run as a file from which anyone can execute its schedule again."""

from __future__ import annotations

import mmap
import os
import warnings
from collections.abc import Iterator

import numpy as np

from infonoise import _native
from infonoise.scheduler import (
    Scheduler,
    check_shard,
    checked_count,
    empty_words,
    native_pairs,
    native_reconfiguration,
)

#: Draws on a page of the memory that lets a journal name sigmas by number.
PAGE = 16384

#: A step without a digest behind it.
_STEP_BYTES = 12


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
        if not 1 <= checked_count(page) <= 2**28:
            raise ValueError(f"page = {page} must be from 1 to 2^28 draws")
        memory = empty_words(_native.journal_words(page))
        head = _native.journal_begin(memory, page, scheduler.state, scheduler.seed)
        try:
            file = open(path, "xb")
        except FileExistsError:
            raise FileExistsError(
                f"{os.fspath(path)} exists: go on with it by Journal.resume, or choose another name"
            ) from None
        self._open(file, memory, scheduler)
        self._write(head)

    @classmethod
    def resume(cls, path: str | os.PathLike, scheduler: Scheduler) -> Journal:
        """Goes on with a journal at the place where its run was what ``scheduler`` is now
        (loaded from a checkpoint, say). What was recorded behind it is cut off, with a warning."""
        _check_scheduler(scheduler)
        replay = Replay(path)
        steps, digest = scheduler.report()["steps"], scheduler.digest()
        if not replay.seek(steps, digest):
            raise ValueError(
                f"{replay.path} never was where this schedule is (step {steps}, digest {digest:016x}): "
                "pass the checkpoint of that run, or begin a new journal"
            )
        closing = _native.journal_digest(replay.memory, scheduler.state)
        rest = replay.rest()
        if rest not in (b"", closing):
            warnings.warn(f"{replay.path}: {len(rest)} bytes behind step {steps} were cut off", stacklevel=2)
        journal = cls.__new__(cls)
        file = open(path, "r+b")
        file.truncate(replay.position)
        file.seek(replay.position)
        journal._open(file, replay.memory, scheduler)
        journal._write(closing)
        return journal

    def _open(self, file, memory: np.ndarray, scheduler: Scheduler) -> None:
        self._file, self._memory, self.scheduler = file, memory, scheduler

    def _write(self, record: bytes) -> None:
        try:
            self._file.write(record)
        except OSError:
            # The scheduler has moved on: records after a gap would be worthless.
            self._file.close()
            raise

    def _words(self) -> tuple[np.ndarray, np.ndarray]:
        if self._file.closed:
            raise ValueError("the journal is closed: call the scheduler itself, or resume the journal")
        return self._memory, self.scheduler.state

    def sample(self, n: int, *, rank: int = 0, world: int = 1) -> np.ndarray:
        """As ``Scheduler.sample``; the whole of a global batch can then be observed by number."""
        check_shard(n, rank, world)
        sigma = np.empty(n, np.float32)
        self._write(_native.journal_sample(*self._words(), sigma, rank, world))
        return sigma

    def observe(self, sigma, error, mask=None) -> int:
        """As ``Scheduler.observe``."""
        rejected, record = _native.journal_observe(*self._words(), *native_pairs(sigma, error, mask))
        self._write(record)
        return rejected

    def step(self) -> dict:
        """As ``Scheduler.step``; a refresh leaves its digest in the file, which is then flushed."""
        record = _native.journal_step(*self._words())
        self._write(record)
        if len(record) > _STEP_BYTES:
            self._file.flush()
        return self.scheduler.report()

    def advance(self, sigma, error, next_n: int | None = None, mask=None) -> np.ndarray:
        """As ``Scheduler.advance``."""
        following = len(np.asarray(sigma).reshape(-1)) if next_n is None else checked_count(next_n)
        self.observe(sigma, error, mask)
        self.step()
        return self.sample(following)

    def freeze(self) -> None:
        """As ``Scheduler.freeze``."""
        self._write(_native.journal_set_frozen(*self._words(), True))

    def unfreeze(self) -> None:
        """As ``Scheduler.unfreeze``."""
        self._write(_native.journal_set_frozen(*self._words(), False))

    def reconfigure(self, **changes) -> None:
        """As ``Scheduler.reconfigure``."""
        self._write(_native.journal_reconfigure(*self._words(), *native_reconfiguration(self.scheduler, changes)))

    def flush(self) -> None:
        """Hands what was recorded to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Records the last digest and closes the file; a second time does nothing."""
        if not self._file.closed:
            self._write(_native.journal_digest(*self._words()))
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

        replay = infonoise.Replay("run.journal")
        for event in replay.events():           # raises ReplayError at the first difference
            if event["kind"] == "sampled":
                print(event["steps"], event["sigma"])
        replay.scheduler.digest()

    ``scheduler`` is the schedule so far, ``digests`` how many digests agreed,
    ``torn_bytes`` the length of a half-written record at the end of the file.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = os.fspath(path)
        self.digests = self.torn_bytes = 0
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise ValueError(f"{self.path} is empty")
            self._log = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
        try:
            state, memory = map(empty_words, _native.replay_needs(self._log))
            self.position = _native.replay_begin(memory, state, self._log)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from None
        #: The recent draws, as a recorder would go on with them.
        self.memory = memory
        self.scheduler = Scheduler.from_state(state)

    def __len__(self) -> int:
        """Bytes of the journal; ``position`` of them are done."""
        return len(self._log)

    def events(self, *, sigmas: bool = True) -> Iterator[dict]:
        """What the records do, one dict each. With ``sigmas`` those of kind ``sampled`` hold
        the global batch that was drawn (None if it is larger than the journal's page)."""
        words = self.scheduler.state
        while self.position < len(self._log):
            try:
                event = _native.replay_next(self.memory, words, self._log, self.position)
            except ValueError as error:
                raise ValueError(f"{self.path} {error}") from None
            if event is None:
                self.torn_bytes = len(self._log) - self.position
                warnings.warn(
                    f"{self.path} ends in a half-written record of {self.torn_bytes} bytes, which is left out",
                    stacklevel=2,
                )
                return
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
                batch = np.empty(event["n"] * event["world"], np.float32)
                event["sigma"] = batch if _native.journal_draws(self.memory, event["first"], batch) else None
            yield event


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
        return self._log[self.position :].tobytes()


def replay(path: str | os.PathLike) -> Replay:
    """Executes a whole journal and compares every digest: ``replay(path).scheduler`` is the
    schedule at its end. Raises ReplayError where the run is not what the journal says."""
    done = Replay(path)
    for _ in done.events(sigmas=False):
        pass
    return done


def _check_scheduler(scheduler) -> None:
    if not isinstance(scheduler, Scheduler):
        raise TypeError(f"scheduler must be an infonoise.Scheduler, got {type(scheduler).__name__}")
