"""Measures on the records: when each arm reached the target, which density the finished models give, how even steps are."""

import json

import infonoise
import numpy as np

import contenders
from contenders import FIXED
from studies import known
from summary import examples_to

SIDES = ("fashion-28", "fashion-14", "fashion-7")


def first(scores, key=None):
    """The main score, or the one of that name, of every record of scores."""
    return [score[key] if key else next(iter(score.values())) for score in scores]


def gather(out, runs, incomplete=False):
    """{study: {arm: [record of each seed]}}, with the seeds that are complete in every arm, or with all that is there."""
    found = {}
    for study in dict.fromkeys(run.study for run in runs):
        for seed in sorted({run.seed for run in runs}):
            row = [run for run in runs if (run.study, run.seed) == (study, seed)]
            there = [run for run in row if run.path(out).exists()]
            if there == row or incomplete:
                for run in there:
                    found.setdefault(study, {}).setdefault(run.arm, []).append(json.loads(run.path(out).read_text()))
    return found


def offline(record, **changes):
    """The schedule that the record's arm would have after one refresh on the finished model's errors."""
    study, arm = record["study"], record["arm"]
    scheduler = infonoise.Scheduler(
        contenders.config(arm, known(study), warmup_steps=1, min_count=1, guard=False, **changes)
    )
    scheduler.observe(record["errors"]["sigma"], record["errors"]["error"])
    if scheduler.step()["refreshes"] != 1:
        raise ValueError(f"{study} {arm} {record['seed']}: no profile in its errors: {scheduler.report()['hold_reason']}")
    return scheduler


def information(record, **changes):
    """That schedule with emphasis `samples`: the draws follow the information, whatever the weight."""
    return offline(record, emphasis="samples", **changes)


def compared(arms, key=None):
    """For one study {arm: final score, examples to the target and speed-up over the fixed ones, for each seed}.

    The target of a seed is the best score that a fixed schedule reaches anywhere within the budget; who never
    reaches it counts the whole budget.
    """
    curves = {arm: [first(record["scores"], key) for record in records] for arm, records in arms.items()}
    fixed = [arm for arm in arms if arm in FIXED]
    rows = {arm: {"final": [], "examples": [], "reached": [], "speed": []} for arm in arms}
    examples = next(iter(arms.values()))[0]["examples"]
    for seed in range(len(next(iter(curves.values())))):
        target = min(min(curves[arm][seed]) for arm in fixed)
        needed = {arm: examples_to(target, examples, curves[arm][seed]) for arm in arms}
        best = min(needed[arm] or examples[-1] for arm in fixed)
        for arm, row in rows.items():
            row["final"].append(curves[arm][seed][-1])
            row["reached"].append(needed[arm] is not None)
            row["examples"].append(needed[arm] or examples[-1])
            row["speed"].append(best / row["examples"][-1])
    return rows


def against_fixed(arms, arm):
    """The records of an adaptive arm and of the fixed ones, for the seeds that all of them have."""
    fixed = {name: records for name, records in arms.items() if name in FIXED or name == arm}
    seeds = set.intersection(*({record["seed"] for record in records} for records in fixed.values()))
    return {name: [record for record in records if record["seed"] in seeds] for name, records in fixed.items()}


def ratios(arms, arm):
    """The arm's score over that of the fixed schedule that is best at the same point of the same seed, (seeds, 6)."""
    curves = {name: np.array([first(record["scores"]) for record in records]) for name, records in arms.items()}
    return curves[arm] / np.min([curves[name] for name in arms if name in FIXED], 0)


def evenness(shares):
    """The effective number of steps: the exponential of the shares' entropy."""
    shares = np.array([share for share in shares if share > 0])
    return float(np.exp(-np.sum(shares * np.log(shares))))


def shares(record, grid):
    """For every step of a grid, its share of the gated information, of the ungated one, and of the estimate's change."""
    pace = record["pace"][grid]
    time = {
        name: -np.diff(information(record).to_entropic_time(pace["sigma"], gated=name == "gated")) for name in ("gated", "bare")
    }
    return {name: np.array(parts) / np.sum(parts) for name, parts in {**time, "moved": pace["moved"]}.items()}
