"""The scheduler's share of the demo's training step, in per cent."""

import sys
import time
from pathlib import Path

import infonoise.jax as inj
import jax
import jax.numpy as jnp
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "benches"), str(ROOT / "demo")]
import arms  # noqa: E402
import dna  # noqa: E402
import model  # noqa: E402
from peers.contenders import adapted, carried, from_jax_scan  # noqa: E402
from timing import interleaved, undisturbed  # noqa: E402
from train import Settings, start, train_step  # noqa: E402


def constant(sigma):
    """An arm whose noise levels are one array, which is carried in place of a schedule."""
    return arms.Arm("constant", "", lambda seed: jnp.array(sigma), lambda state, key, n: (state, state),
                    lambda state, *_: state, jnp.ones_like)  # fmt: skip


def share(seconds):
    """The step without the scheduler's calls, us; the difference that they make, per cent; the calls alone, us."""
    scheduler = adapted()
    scheduler.freeze()
    settings = Settings()
    schedule = arms.infonoise(scheduler.config)._replace(start=lambda seed: inj.from_words(scheduler.state))
    genome = jnp.asarray(dna.load().train)
    sides = [
        trained("without", constant(scheduler.sample(settings.batch)), settings, genome),
        trained("with", schedule, settings, genome),
    ]
    # Processor time of all threads, since other processes run during a step of many milliseconds.
    times = interleaved(sides, seconds, time.process_time_ns)
    n = min(map(len, times.values()))
    difference = times["with"][:n] - times["without"][:n]
    alone = interleaved([from_jax_scan(settings.batch)], 0.5)
    step = float(np.median(times["without"]))
    return {
        "batch": settings.batch,
        "step": step,
        "difference": 100 * float(np.median(difference)) / step,
        # The standard error of the median of so many differences.
        "uncertainty": 100 * 1.25 * float(np.subtract(*np.quantile(difference, [0.84, 0.16]))) / 2 / n**0.5 / step,
        "alone": undisturbed(*alone.values()),
    }


def trained(name, arm, settings, genome):
    """A side that continues training, one step for each repetition."""
    step = jax.jit(lambda carry: train_step(model.TASK, arm, settings, genome, 0, carry)[0], donate_argnums=0)
    return carried(name, step, start(model.TASK, arm, 0), 1)
