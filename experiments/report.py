"""From the records of all trainings to docs/results.md, docs/results.json and the pictures."""

import datetime
import json
import re
import sys
from pathlib import Path

import infonoise
import numpy as np
from infonoise import schedules

import pictures
from contenders import FIXED, LABELS
from one import NFE
from pictures import first
from studies import STUDIES, shown
from summary import examples_to

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benches"))
from machine import machine  # noqa: E402

GRIDS = {"karras": "Karras, rho = 7", "info a=1": "InfoGrid, a = 1", "info a=0": "InfoGrid, a = 0"}
# The studies whose draws follow the information itself, so that they compare with the offline profile.
EMERGING = {"dna": "infonoise", "fashion-binary": "infonoise", "fashion-14": "infonoise-edm-samples"}
SIDES = ("fashion-28", "fashion-14", "fashion-7")


def gather(out, runs):
    """{study: {arm: [record of each seed]}}, with the seeds that are complete in every arm."""
    found = {}
    for study in dict.fromkeys(run.study for run in runs):
        rows = [[run for run in runs if (run.study, run.seed) == (study, seed)] for seed in sorted({run.seed for run in runs})]
        whole = [row for row in rows if all(run.path(out).exists() for run in row)]
        for row in whole:
            for run in row:
                found.setdefault(study, {}).setdefault(run.arm, []).append(json.loads(run.path(out).read_text()))
    return found


def compared(arms):
    """For one study {arm: final score, examples to the target and speed-up over the fixed ones, for each seed}.

    The target of a seed is the best score that a fixed schedule reaches anywhere within the budget; who never
    reaches it counts the whole budget.
    """
    curves = {arm: [first(record["scores"]) for record in records] for arm, records in arms.items()}
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


def spread(values, digits=3):
    """The mean over seeds, and the lowest and the highest."""
    mean, low, high = (f"{x:.{digits}g}" for x in (np.mean(values), min(values), max(values)))
    return mean if len(values) == 1 else f"{mean} ({low} to {high})"


def table(head, rows):
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def quality(arms):
    rows = []
    for arm, row in compared(arms).items():
        thousands = spread([n / 1000 for n in row["examples"]])
        reached = f"{thousands}; {sum(row['reached'])} of {len(row['reached'])}"
        rows.append([LABELS[arm], spread(row["final"]), reached, spread(row["speed"], 2)])
    return table(["schedule", "final score", "thousand examples to the target; seeds that reached it", "speed-up"], rows)


def emerging(found):
    """How far the density in force lies from the final model's offline profile, at the six milestones."""
    rows = []
    for study, arm in EMERGING.items():
        if arm in found.get(study, ()):
            records = found[study][arm]
            distances = [
                [np.abs(np.subtract(entry["density"], record["offline"]["density"])).sum() / 2 for entry in record["schedule"]]
                for record in records
            ]
            rows.append([STUDIES[study][0], *(spread(column, 2) for column in zip(*distances))])
    return table(["data", *(f"{i}/6" for i in range(1, 7))], rows)


def grids(found):
    rows = []
    for study, arms in found.items():
        records = arms[shown(study)]
        for grid, label in GRIDS.items():
            columns = zip(*(first(record["grids"][grid]) for record in records))
            rows.append([STUDIES[study][0], label, *(spread(column) for column in columns)])
    return table(["model", "grid", *(f"NFE {n}" for n in NFE)], rows)


def evenness(shares):
    """How many steps of equal size would be as even: the exponential of the shares' entropy."""
    shares = np.array([share for share in shares if share > 0])
    return float(np.exp(-np.sum(shares * np.log(shares))))


def pace(found):
    rows = []
    for study, arms in found.items():
        records = [record["pace"] for record in arms[shown(study)]]
        for grid, label in GRIDS.items():
            cells = []
            for what in ("resolved", "moved"):
                shares = [record[grid][what] for record in records]
                cells += [spread([evenness(share) for share in shares]), spread([100 * max(share) for share in shares], 2)]
            rows.append([STUDIES[study][0], label, *cells])
    head = ["model", "grid", "resolved: even steps of 17", "largest, %", "moved: even steps of 17", "largest, %"]
    return table(head, rows)


def bands(found):
    """Where the band lies at each resolution, by the finished model's own errors."""
    rows = []
    for study in SIDES:
        if study in found:
            offline = [record["offline"] for record in found[study][shown(study)]]
            cells = (spread([profile[key] for profile in offline]) for key in ("pivot", "q05", "q50", "q95"))
            rows.append([STUDIES[study][0], *cells])
    return table(["data", "pivot", "5 %", "median", "95 %"], rows)


def diagnoses(found, out):
    """What a schedule tuned at one resolution, or EDM's, wastes at another: the core's diagnosis, seed by seed."""
    sides = [study for study in SIDES if study in found]
    rows = []
    for there in sides:
        arm = shown(there)
        for name in [*sides, "EDM's log-normal", "log-uniform"]:
            cells = []
            for record in found[there][arm]:
                offline = infonoise.Scheduler.load((out / f"{there}.{arm}.{record['seed']}.state").read_bytes())
                if name in found:
                    tuned = next(r for r in found[name][shown(name)] if r["seed"] == record["seed"])
                    schedule = schedules.table(tuned["offline"]["density"])
                else:
                    schedule = schedules.lognormal(-1.2, 1.2) if name.startswith("EDM") else schedules.loguniform()
                cells.append(infonoise.diagnose(offline, schedule))
            label = f"tuned at {STUDIES[name][0].split(', ')[1]}" if name in found else name
            rows.append([
                STUDIES[there][0].split(", ")[1], label,
                spread([100 * cell["inside_band"] for cell in cells], 2),
                spread([100 * cell["wasted"] for cell in cells], 2),
                spread([cell["total_variation"] for cell in cells], 2),
            ])  # fmt: skip
    return table(["used at", "schedule", "draws inside the band, %", "wasted, %", "total variation"], rows)


def recognised(arms):
    rows = [
        [LABELS[arm], *(spread([100 * record["scores"][i]["recognised"] for record in records], 3) for i in (0, 2, 5))]
        for arm, records in arms.items()
    ]
    head = ["schedule", "1/6 of the budget", "1/2", "all"]
    real = next(iter(arms.values()))[0]["floor"]["recognised"]
    return table(head, [*rows, ["real test images", "", "", f"{100 * real:.1f}"]])


def compact(found):
    """What the tables and pictures need, and no more: for docs/results.json."""
    keep = ("phase", "pivot", "pivot_rule", "refreshes", "held", "hold_reason", "q05", "q50", "q95")
    kept = {}
    for study, arms in found.items():
        for arm, records in arms.items():
            kept[f"{study} {arm}"] = [
                {
                    **{key: record[key] for key in ("seed", "examples", "scores", "floor", "seconds")},
                    "schedule": [{key: entry[key] for key in keep} for entry in record["schedule"]],
                    **{key: record[key] for key in ("grids", "pace") if key in record},
                }
                for record in records
            ]
    return kept


def write(out, runs, folder):
    """The page, its numbers and its pictures, into `folder`."""
    found = gather(out, runs)
    if not found:
        raise SystemExit(f"{out} holds no study with all its arms: run experiments/results.py first")
    values = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "emerging": emerging(found),
        "grids": grids(found),
        "pace": pace(found),
        "bands": bands(found),
        "diagnoses": diagnoses(found, out),
        "recognised": recognised(found["fashion-classes"]) if "fashion-classes" in found else "",
        "count": sum(len(records) for arms in found.values() for records in arms.values()),
        "hours": f"{sum(r['seconds'] for arms in found.values() for rs in arms.values() for r in rs) / 3600:.1f}",
    }
    for study in STUDIES:
        arms = found.get(study)
        values[study] = quality(arms) if arms else "not run"
        values[f"{study}-floor"] = spread([next(iter(arms["edm"][0]["floor"].values()))]) if arms else "not run"
        values[f"{study}-seeds"] = len(arms["edm"]) if arms else 0
    text = (ROOT / "experiments/results.md.in").read_text()
    page = re.sub(r"\{\{([\w-]+)\}\}", lambda match: str(values[match[1]]).strip(), text)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(page, encoding="utf-8")
    lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in compact(found).items())
    (folder / "results.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    pictures.all_of_them(found, EMERGING, shown, SIDES, folder / "images")
    print(f"written to {folder}: results.md, results.json and their pictures")
