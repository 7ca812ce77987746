"""From the records of all trainings to docs/results.md, docs/results.json and the pictures."""

import json
import re
import sys
from pathlib import Path

import infonoise
import numpy as np
from infonoise import schedules

import pictures
from contenders import LABELS, adapts
from measures import SIDES, against_fixed, compared, evenness, first, gather, information, offline, ratios, shares
from training import NFE
from pictures import GRIDS
from studies import STUDIES, shown

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benches"))
from machine import machine  # noqa: E402


def number(x, digits):
    """A number as people write it: 1,070,000 and not 1.07e+06; a number that is 0 up to rounding is 0."""
    return f"{float(f'{x:.{digits}g}') if abs(x) > 1e-9 else 0:,.10g}"


def spread(values, digits=3):
    """The mean over seeds, and the lowest and the highest where they differ."""
    mean, low, high = (number(x, digits) for x in (np.mean(values), min(values), max(values)))
    return mean if low == high else f"{mean} ({low} to {high})"


def table(head, rows):
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def quality(arms):
    rows = []
    for arm, row in compared(arms).items():
        thousands = spread([n / 1000 for n in row["examples"]])
        reached = f"{sum(row['reached'])} of {len(row['reached'])}"
        rows.append([LABELS[arm], spread(row["final"]), thousands, reached, spread(row["speed"], 2)])
    head = ["schedule", "final score", "thousand examples to the target", "seeds that reached it", "speed-up"]
    if "unclipped" in arms["edm"][0]["scores"][0]:
        head += ["unclipped: final score", "speed-up"]
        for row, other in zip(rows, compared(arms, "unclipped").values()):
            row += [spread(other["final"]), spread(other["speed"], 2)]
    return table(head, rows)


def gains(found):
    """What every adaptive arm gains over the fixed schedules: the ratio of scores during training, and the speed-up."""
    rows = []
    for study, arms in found.items():
        for arm in filter(adapts, arms):
            both = against_fixed(arms, arm)
            if both[arm] and len(both) > 1:
                means = (number(x, 2) for x in ratios(both, arm).mean(0))
                row = compared(both)[arm]
                thousands = spread([n / 1000 for n in row["examples"]])
                reached = f"{sum(row['reached'])} of {len(row['reached'])}"
                rows.append([STUDIES[study][0], LABELS[arm], *means, thousands, reached, spread(row["speed"], 2)])
    head = ["data", "schedule", *(f"{i}/6" for i in range(1, 7))]
    return table([*head, "thousand examples to the target", "seeds that reached it", "speed-up"], rows)


def emerging(found):
    """How far the density in force is from the one that the finished model's errors give, at the six milestones."""
    rows = []
    for study, arms in found.items():
        distances = []
        for record in arms[shown(study)]:
            final = offline(record).profile()["density"]
            distances.append([np.abs(entry["density"] - final).sum() / 2 for entry in record["schedule"]])
        rows.append([STUDIES[study][0], *(spread(column, 2) for column in zip(*distances))])
    return table(["data", *(f"{i}/6" for i in range(1, 7))], rows)


def grids(found):
    rows = []
    for study, arms in found.items():
        records = arms[shown(study)]
        for grid, (label, *_) in GRIDS.items():
            columns = zip(*(first(record["grids"][grid]) for record in records))
            rows.append([STUDIES[study][0], label, *(spread(column) for column in columns)])
    return table(["model", "grid", *(f"NFE {n}" for n in NFE)], rows)


def pace(found):
    rows = []
    for study, arms in found.items():
        for grid, (label, *_) in GRIDS.items():
            every = [shares(record, grid) for record in arms[shown(study)]]
            cells = []
            for what in ("gated", "bare", "moved"):
                cells.append(spread([evenness(parts[what]) for parts in every]))
                cells.append(spread([100 * max(parts[what]) for parts in every], 2))
            rows.append([STUDIES[study][0], label, *cells])
    head = ["model", "grid"]
    for what in ("gated information", "bare information", "movement"):
        head += [f"{what}: even steps", "largest, %"]
    return table(head, rows)


def bands(found):
    """Where the information lies at each resolution, by the finished models' own errors."""
    rows = []
    for study in SIDES:
        if study in found:
            reports = [information(record, coverage=0).report() for record in found[study][shown(study)]]
            cells = (spread([report[key] for report in reports]) for key in ("pivot", "q05", "q50", "q95"))
            rows.append([STUDIES[study][0], *cells])
    return table(["data", "pivot", "5 %", "median", "95 %"], rows)


def diagnoses(found):
    """The share that a schedule tuned at one resolution, or a fixed one, wastes at another under EDM's loss, by the core's diagnosis."""
    sides = {
        study: {record["seed"]: offline(record, coverage=0) for record in found[study][shown(study)]}
        for study in SIDES
        if study in found
    }
    fixed = {"EDM's log-normal": schedules.lognormal(-1.2, 1.2), "log-uniform": schedules.loguniform()}
    rows = []
    for there, states in sides.items():
        for name in [*sides, *fixed]:
            cells = []
            for seed, state in states.items():
                if name in fixed:
                    cells.append(infonoise.diagnose(state, fixed[name]))
                elif seed in sides[name]:
                    tuned = schedules.table(sides[name][seed].profile()["density"])
                    cells.append(infonoise.diagnose(state, tuned))
            if cells:
                label = name if name in fixed else f"tuned at {size(name)}"
                percent = (spread([100 * cell[key] for cell in cells], 2) for key in ("inside_band", "wasted"))
                rows.append([size(there), label, *percent, spread([cell["total_variation"] for cell in cells], 2)])
    return table(["used at", "schedule", "draws inside the band, %", "wasted, %", "total variation of the emphasis"], rows)


def size(study):
    return STUDIES[study][0].split(", ")[1]


def recognised(arms):
    rows = [
        [LABELS[arm], *(spread([100 * record["scores"][i]["recognised"] for record in records], 3) for i in (0, 2, 5))]
        for arm, records in arms.items()
    ]
    head = ["schedule", "1/6 of the budget", "1/2", "all"]
    real = next(iter(arms.values()))[0]["floor"]["recognised"]
    return table(head, [*rows, ["real test images", "", "", f"{100 * real:.1f}"]])


def compact(found):
    """The data of the tables and pictures, for docs/results.json."""
    for study, arms in found.items():
        for arm, records in arms.items():
            keep = {"phase", "pivot", "pivot_rule", "refreshes", "held", "hold_reason", "q05", "q50", "q95"}
            keep |= {"density"} if arm == shown(study) else set()
            for record in records:
                schedule = [{key: value for key, value in entry.items() if key in keep} for entry in record["schedule"]]
                yield {**record, "schedule": schedule}


def page(found):
    """The text of docs/results.md."""
    records = [record for arms in found.values() for rows in arms.values() for record in rows]
    values = {
        "date": " and ".join(sorted({record["made"]["date"] for record in records})),
        "jax": " and ".join(sorted({record["made"]["jax"] for record in records})),
        "machine": machine(),
        "count": len(records),
        "hours": number(sum(record["seconds"] for record in records) / 3600, 2),
        "gains": gains(found),
        "emerging": emerging(found),
        "grids": grids(found),
        "pace": pace(found),
        "bands": bands(found),
        "diagnoses": diagnoses(found),
        "recognised": recognised(found["fashion-classes"]) if "fashion-classes" in found else "not run",
    }
    for study in STUDIES:
        arms = found.get(study)
        values[study] = quality(arms) if arms else "not run"
        values[f"{study}-floor"] = number(first([arms["edm"][-1]["floor"]])[0], 3) if arms else "not known"
        values[f"{study}-seeds"] = len(arms["edm"]) if arms else "no"
    text = (ROOT / "experiments/results.md.in").read_text()
    return re.sub(r"\{\{([\w-]+)\}\}", lambda match: str(values[match[1]]).strip(), text)


def write(out, runs, folder):
    """The page, its numbers and its pictures, into `folder`."""
    found = gather(out, runs)
    if not found:
        raise SystemExit(f"{out} holds no study with all its arms: run experiments/results.py first")
    scales = sorted({record["made"]["steps"] for arms in found.values() for rows in arms.values() for record in rows})
    if len(scales) > 1:
        raise SystemExit(f"{out} mixes trainings of {' and '.join(map(str, scales))} steps: give each a folder by --out")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(page(found), encoding="utf-8")
    (folder / "results.json").write_text("[\n" + ",\n".join(map(json.dumps, compact(found))) + "\n]\n", encoding="utf-8")
    pictures.all_of_them(found, folder / "images")
    print(f"written to {folder}: results.md, results.json and their pictures")
