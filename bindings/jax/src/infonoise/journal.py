"""Journals: a run as a file from which anyone can execute its schedule again.

The files are those of C++'s ``infonoise::Journal`` and ``Replay``, by the same code.
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Iterator, Sequence

import numpy as np

from infonoise import _native
from infonoise.arrays import checked_integer, native_pairs
from infonoise.scheduler import Scheduler, checked_slice, native_reconfiguration

#: Draws on a page of the recent draws, by which a journal names sigmas by number.
PAGE = 16384


class Journal:
    """Records what a scheduler is asked to do, in a file of about 1 KB a step.

        scheduler = infonoise.Scheduler(config, seed=0)
        with infonoise.Journal("run.journal", scheduler) as journal:
            for _ in range(steps):
                sigma = journal.sample(256)
                journal.observe(sigma, train(sigma))
                journal.step()

    The calls do the same as the scheduler's; use the scheduler itself to read. A file that exists is refused;
    ``Journal.resume`` continues it. With JAX, keep a second scheduler of the same configuration and seed, and
    pass the errors to its journal as well.

    A record is written completely or not at all. If the file cannot be written (a full disk), the call raises
    OSError with the file's name and the journal closes. The scheduler has changed without a record then, so
    return to the last checkpoint and ``resume``.
    """

    def __init__(self, path: str | os.PathLike, scheduler: Scheduler, *, page: int = PAGE) -> None:
        """``page``, from 1 to 2^28: at least a global batch and what is drawn before it is observed; sigmas
        that were drawn earlier are stored by value, not by number."""
        _check_scheduler(scheduler)
        page = checked_integer("page", page, "an integer, the draws to remember")
        self.scheduler = scheduler
        self._native = _native.Recorder.create(os.fsencode(path), scheduler._words, scheduler.seed, page)

    @classmethod
    def resume(cls, path: str | os.PathLike, scheduler: Scheduler) -> Journal:
        """Continues a journal from the step at which its run had the state of ``scheduler`` (loaded from a
        checkpoint, for example). Later records move to the file ``PATH.cut-STEP`` (``.2``, ``.3``, ... if
        that exists), with a warning."""
        _check_scheduler(scheduler)
        journal = cls.__new__(cls)
        journal.scheduler = scheduler
        journal._native = _native.Recorder.resume(os.fsencode(path), scheduler._words)
        if cut := journal._native.cut_bytes:
            steps, name = scheduler.report()["steps"], os.fsdecode(journal._native.cut_path)
            warnings.warn(f"{os.fspath(path)}: {cut} bytes after step {steps} were moved to {name}", stacklevel=2)
        return journal

    def sample(
        self,
        n: int,
        *,
        rank: int | None = None,
        world: int | None = None,
        offset: int | None = None,
        total: int | None = None,
        counts: Sequence[int] | None = None,
    ) -> np.ndarray:
        """As ``Scheduler.sample``; the whole of a global batch can then be observed by number."""
        return self._native.sample(self.scheduler._words, *checked_slice(n, rank, world, offset, total, counts))

    def observe(self, sigma, error, mask=None) -> int:
        """As ``Scheduler.observe``."""
        return self._native.observe(self.scheduler._words, *native_pairs(sigma, error, mask))

    def step(self) -> dict:
        """As ``Scheduler.step``; a refresh also records its digest."""
        self._native.step(self.scheduler._words)
        return self.scheduler.report()

    def advance(self, sigma, error, next_n: int | None = None, mask=None) -> np.ndarray:
        """As ``Scheduler.advance``."""
        pairs = native_pairs(sigma, error, mask)
        n, *_ = checked_slice(pairs[0].size if next_n is None else next_n)
        return self._native.advance(self.scheduler._words, n, *pairs)

    def freeze(self) -> None:
        """As ``Scheduler.freeze``."""
        self._native.set_frozen(self.scheduler._words, True)

    def unfreeze(self) -> None:
        """As ``Scheduler.unfreeze``."""
        self._native.set_frozen(self.scheduler._words, False)

    def reconfigure(self, **changes) -> None:
        """As ``Scheduler.reconfigure``."""
        config = dataclasses.replace(self.scheduler.config, **changes)
        self._native.reconfigure(self.scheduler._words, *native_reconfiguration(config))

    def sync(self) -> None:
        """Waits until all records are on the disk: call it before a checkpoint that must survive a crash of
        the machine, not only of the process."""
        self._native.sync()

    def close(self) -> None:
        """Records the last digest and closes the file; a second time does nothing. A journal
        that is garbage-collected without ``close`` records no digest, like a program that is killed."""
        self._native.close(self.scheduler._words)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_) -> None:
        self.close()


class ReplayError(ValueError):
    """A run that differs from its journal; ``steps`` is the step of the first difference found."""

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
    ``position`` how many bytes were executed, ``torn_bytes`` the length of an incomplete record at the end of
    the file.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = os.fspath(path)
        self._native = _native.Replay.open(os.fsencode(path))
        # On the replay's own words, not on a copy, so that it follows the replay.
        self.scheduler = Scheduler.__new__(Scheduler)
        self.scheduler._words = self._native.state

    @property
    def digests(self) -> int:
        return self._native.digests

    @property
    def position(self) -> int:
        return self._native.position

    @property
    def torn_bytes(self) -> int:
        return self._native.torn_bytes

    def close(self) -> None:
        """Closes the file; the scheduler keeps the state that the replay has reached."""
        self._native.close()

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def events(self, *, sigmas: bool = True) -> Iterator[dict]:
        """What the records did, one dict each. With ``sigmas``, those of kind ``sampled`` contain the global
        batch that was drawn (None if it is larger than the journal's page)."""
        while (event := self._native.next(sigmas)) is not None:
            yield event
        if torn := self.torn_bytes:
            warnings.warn(f"{self.path} ends in an incomplete record of {torn} bytes, which is left out", stacklevel=2)

    def seek(self, steps: int, digest: int) -> bool:
        """Executes records until the run has made ``steps`` steps and has this digest; False if it never does."""
        return self._native.seek(steps, digest)


def replay(path: str | os.PathLike) -> Replay:
    """Executes a whole journal and compares every digest: ``replay(path).scheduler`` is the
    schedule at its end. Raises ReplayError if the run differs from the journal."""
    with Replay(path) as done:
        for _ in done.events(sigmas=False):
            pass
    return done


def _check_scheduler(scheduler) -> None:
    if not isinstance(scheduler, Scheduler):
        raise TypeError(f"scheduler must be an infonoise.Scheduler, got {type(scheduler).__name__}")
