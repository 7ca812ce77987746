"""Timing on a shared machine: short repetitions that alternate between the sides."""

import gc
import time
from dataclasses import dataclass
from typing import Callable

import numpy as np


@dataclass(frozen=True)
class Side:
    """One way to do the work: `run` does `steps` steps and waits until they are done."""

    name: str
    run: Callable[[], object]
    steps: int


def calls(name, step, steps=100):
    """A side that calls `step` again and again."""

    def run():
        for _ in range(steps):
            step()

    return Side(name, run, steps)


def interleaved(sides, seconds, clock=time.perf_counter_ns):
    """{name: microseconds a step, one number for each repetition}.

    Every side gets an equal part of the seconds and at least three repetitions, spread
    evenly over the others': all see the same clock rate and the same neighbours, and
    every other round goes backwards, so that none always follows another. Take quantiles,
    never means.
    """
    for side in sides:
        side.run()
    quick = [timed(side, time.perf_counter_ns) * side.steps * 1e-6 for side in sides]
    repetitions = [int(np.clip(seconds / len(sides) / cost, 3, 2001)) for cost in quick]
    rounds = max(repetitions)
    times = {side.name: [] for side in sides}
    gc.disable()
    for i in range(rounds):
        for side, wanted in list(zip(sides, repetitions))[:: -1 if i % 2 else 1]:
            if (i + 1) * wanted // rounds > i * wanted // rounds:
                times[side.name].append(timed(side, clock))
    gc.enable()
    return {name: np.array(numbers) for name, numbers in times.items()}


def undisturbed(times):
    """The cost of a step in an uninterrupted repetition: other processes can only add to it."""
    return float(np.quantile(times, 0.1))


def timed(side, clock):
    began = clock()
    side.run()
    return (clock() - began) / side.steps / 1e3
