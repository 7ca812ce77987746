"""From records to results: means over seeds, ratios, and the summary's fields."""

import math

import numpy as np

from arms import SHARES, fixed_quantiles


def schedule_fields(report, digest):
    """The fields that are equal, bit for bit, for equal seeds. A pivot that no rule has set yet is null."""
    pivot = float(report["pivot"])
    return {
        "pivot": pivot if report["refreshes"] and math.isfinite(pivot) else None,
        "pivot_rule": str(report["pivot_rule"]),
        "quantiles": {name: float(report[name]) for name in SHARES},
        "refreshes": int(report["refreshes"]),
        "held": int(report["held"]),
        "digest": f"{int(digest):016x}",
    }


def examples_to(target, examples, scores):
    """Examples after which the score first reaches the target, linear between milestones; None if it never does."""
    for i, score in enumerate(scores):
        if score <= target:
            if i == 0:
                return float(examples[0])
            share = (scores[i - 1] - target) / (scores[i - 1] - score)
            return float(examples[i - 1] + share * (examples[i] - examples[i - 1]))
    return None


def summarise(settings, seeds, floor, runs):
    """`runs[name]` holds one record per seed; see run.py for what a record holds."""
    examples = [step * settings.batch for step in settings.milestones]
    arms = {}
    for name, records in runs.items():
        schedules = [record["schedule"] for record in records]
        final = schedules[0][-1] if schedules[0] else {"pivot": None, "quantiles": fixed_quantiles(name)}
        arms[name] = {
            "examples": examples,
            "js3": np.mean([record["js3"] for record in records], 0).tolist(),
            "js6": np.mean([record["js6"] for record in records], 0).tolist(),
            "js3_by_seed": [record["js3"] for record in records],
            "js6_by_seed": [record["js6"] for record in records],
            "pivot": final["pivot"],
            "quantiles": final["quantiles"],
            "schedule_by_seed": schedules,
            "seconds": [round(record["seconds"], 1) for record in records],
        }

    fixed = [arms["edm"], arms["loguniform"]]
    target = min(min(arm["js3"]) for arm in fixed)
    return {
        "settings": {
            "steps": settings.steps,
            "batch": settings.batch,
            "samples": settings.samples,
        },
        "seeds": seeds,
        "floor": floor,
        "arms": arms,
        "ratio_js3": arms["infonoise"]["js3"][-1] / arms["loguniform"]["js3"][-1],
        "ratio_js3_by_seed": [
            ours[-1] / theirs[-1]
            for ours, theirs in zip(arms["infonoise"]["js3_by_seed"], arms["loguniform"]["js3_by_seed"])
        ],
        "target_js3": target,
        "examples_to_target": {name: examples_to(target, examples, arm["js3"]) for name, arm in arms.items()},
    }


def table(summary, labels):
    """The summary as text."""
    arms = summary["arms"]
    floor = summary["floor"]
    lines = [
        "Jensen-Shannon divergence from the training genome, 1000 x bits, lower is better: 3-mers (6-mers)",
        "",
        f"{'examples':>9}  " + "".join(f"{labels[name]:>22}" for name in arms),
    ]
    for i, examples in enumerate(arms["edm"]["examples"]):
        cells = [f"{arm['js3'][i]:.2f} ({arm['js6'][i]:.1f})" for arm in arms.values()]
        lines.append(f"{examples:>9,}  " + "".join(f"{cell:>22}" for cell in cells))
    lines += [f"{'real':>9}  " + f"{floor['js3']:.2f} ({floor['js6']:.1f})".rjust(22) + "  (held-out windows)", ""]

    lines.append("sigma at 5 / 25 / 50 / 75 / 95 % of the draws, at the end")
    for name, arm in arms.items():
        values = " / ".join(f"{value:.3g}" for value in arm["quantiles"].values())
        pivot = f"   pivot {arm['pivot']:.3g}" if arm["pivot"] else ""
        lines.append(f"  {labels[name]:<20}{values}{pivot}")

    reached = {name: f"{n:,.0f}" if n else "not reached" for name, n in summary["examples_to_target"].items()}
    lines += [
        "",
        f"examples to the best fixed score ({summary['target_js3']:.2f}): "
        + ", ".join(f"{labels[name]} {n}" for name, n in reached.items()),
        f"InfoNoise / log-uniform at the end: {summary['ratio_js3']:.2f}",
    ]
    return "\n".join(lines)
