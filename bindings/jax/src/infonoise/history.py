"""The densities of a schedule during a run, for ``infonoise.plot.history``."""

from __future__ import annotations

import os

import numpy as np

from infonoise.arrays import one_block
from infonoise.journal import Replay
from infonoise.scheduler import Scheduler


class History:
    """The density of a schedule from refresh to refresh.

        history = infonoise.History()
        for _ in range(steps):
            sigma = scheduler.advance(sigma, train(sigma))
            history.record(scheduler)

    ``steps`` are the optimizer steps since which each entry is in force, ``density`` the
    masses of the bins, ``median`` and ``pivot`` sigmas (a pivot of 0: none yet); ``end``
    is the last step that was recorded and ``edges`` the grid. About 0.6 kB an entry.
    """

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.density: list[np.ndarray] = []
        self.median: list[float] = []
        self.pivot: list[float] = []
        self.end = 0
        self.edges = np.empty(0)
        self._refreshes = -1

    def record(self, state) -> None:
        """Records the density of a ``Scheduler`` or ``infonoise.jax.State`` if a refresh has changed it."""
        scheduler = as_scheduler(state)
        report = scheduler.report()
        if report["steps"] < self.end:
            raise ValueError(f"step {report['steps']} comes after step {self.end} was recorded: one run, in its order")
        if report["refreshes"] != self._refreshes:
            profile = scheduler.profile()
            if self.steps and not np.array_equal(self.edges, profile["edges"]):
                raise ValueError("the grid is not the one recorded so far: one history for each schedule")
            self.edges, self._refreshes = profile["edges"], report["refreshes"]
            self.steps.append(report["steps"])
            self.density.append(profile["density"])
            self.median.append(report["q50"])
            self.pivot.append(report["pivot"])
        self.end = report["steps"]

    @classmethod
    def from_journal(cls, path: str | os.PathLike) -> History:
        """The history of a journal's run, by executing it again."""
        history = cls()
        with Replay(path) as replay:
            history.record(replay.scheduler)
            for event in replay.events(sigmas=False):
                if event["kind"] == "stepped":
                    history.record(replay.scheduler)
        return history


def as_scheduler(state) -> Scheduler:
    """A ``Scheduler``, or one on a copy of the words of an ``infonoise.jax.State``."""
    return state if isinstance(state, Scheduler) else Scheduler.from_state(one_block(state))
