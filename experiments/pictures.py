"""The pictures of docs/results.md, from the records."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from infonoise.plot import sigma_axis

from arms import fixed_density
from contenders import LABELS
from one import NFE
from studies import STUDIES

COLOURS = {
    "edm": "#D55E00",
    "loguniform": "#0072B2",
    "loguniform-edm": "#56B4E9",
    "infonoise": "#009E73",
    "infonoise-edm": "#006B4F",
    "infonoise-edm-samples": "#7BC043",
    "no-gate": "#CC79A7",
    "fixed-pivot": "#999999",
    "transferred": "#E69F00",
}
GRIDS = {"karras": ("#D55E00", "s--"), "info a=1": ("#009E73", "o-"), "info a=0": ("#0072B2", "^-")}
plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 110})


def first(scores):
    """The score that counts, of every record of scores."""
    return [next(iter(score.values())) for score in scores]


def save(figure, path):
    figure.savefig(path)
    plt.close(figure)


def curves(found, studies, path):
    """Score against examples: the mean over seeds, and each seed as a thin line."""
    studies = [study for study in studies if study in found]
    figure, panels = plt.subplots(1, len(studies), figsize=(6.2 * len(studies), 4.8), layout="constrained", squeeze=False)
    for panel, study in zip(panels[0], studies):
        for arm, records in found[study].items():
            thousands = np.array(records[0]["examples"]) / 1000
            scores = [first(record["scores"]) for record in records]
            for line in scores:
                panel.plot(thousands, line, color=COLOURS[arm], lw=0.6, alpha=0.4)
            ours = arm.startswith("infonoise")
            panel.plot(thousands, np.mean(scores, 0), "o-" if ours else "s--", ms=4, color=COLOURS[arm], lw=2, label=LABELS[arm])
        floor = next(iter(records[0]["floor"].values()))
        panel.axhline(floor, color="black", ls=":", lw=1.2, label="real, held out")
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_formatter("{x:g}")
        panel.tick_params(axis="y", which="minor", labelsize=7)
        panel.set_title(STUDIES[study][0])
        panel.set_xlabel("training examples (thousands)")
        panel.grid(alpha=0.25, which="both")
        panel.legend(frameon=False, fontsize=7.5)
    panels[0, 0].set_ylabel("score, lower is better")
    save(figure, path)


def emerging(found, arms, path):
    """The density in force at six points of training, against the offline profile of the finished model."""
    arms = {study: arm for study, arm in arms.items() if arm in found.get(study, ())}
    figure, panels = plt.subplots(1, len(arms), figsize=(5.6 * len(arms), 4.2), layout="constrained", squeeze=False)
    for panel, (study, arm) in zip(panels[0], arms.items()):
        record = found[study][arm][0]
        edges, offline = np.array(record["offline"]["edges"]), np.array(record["offline"]["density"])
        width = np.diff(np.log(edges))
        for i, entry in enumerate(record["schedule"]):
            shade = plt.get_cmap("viridis")(0.95 - 0.17 * i)
            label = f"{record['examples'][i] / 1000:.0f}k examples"
            panel.stairs(np.array(entry["density"]) / width, edges, color=shade, lw=1.6, label=label)
        panel.stairs(offline / width, edges, color="black", ls="--", lw=1.8, label="finished model, offline")
        sigma_axis(panel, edges)
        panel.set_ylim(bottom=0)
        panel.set_title(STUDIES[study][0])
        panel.legend(frameon=False, fontsize=8)
    panels[0, 0].set_ylabel("sampling density (per unit ln sigma)")
    save(figure, path)


def grids(found, shown, path):
    """Score against the number of function evaluations, same models and solver."""
    figure, panels = plt.subplots(2, 3, figsize=(12, 7), layout="constrained")
    for panel, study in zip(panels.flat, found):
        records = found[study][shown(study)]
        for grid, (colour, mark) in GRIDS.items():
            scores = [first(record["grids"][grid]) for record in records]
            for line in scores:
                panel.plot(NFE, line, color=colour, lw=0.6, alpha=0.4)
            panel.plot(NFE, np.mean(scores, 0), mark, color=colour, lw=1.8, ms=5, label=grid)
        panel.set(xscale="log", yscale="log", title=STUDIES[study][0], xticks=NFE, xticklabels=NFE)
        panel.minorticks_off()
        low, high = panel.get_ylim()
        panel.set_yticks([x for x in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500) if low < x < high])
        panel.yaxis.set_major_formatter("{x:g}")
        panel.grid(alpha=0.25)
    for panel in panels[-1]:
        panel.set_xlabel("function evaluations")
    panels[0, 0].legend(frameon=False)
    for panel in panels[:, 0]:
        panel.set_ylabel("score, lower is better")
    for panel in list(panels.flat)[len(found) :]:
        panel.axis("off")
    save(figure, path)


def pace(found, shown, studies, path):
    """The share of each of 17 steps in the information resolved, and in the movement of the estimate."""
    studies = [study for study in studies if study in found]
    figure, panels = plt.subplots(2, len(studies), figsize=(5.4 * len(studies), 6.4), layout="constrained", squeeze=False)
    titles = {"resolved": "information resolved, % a step", "moved": "movement of the estimate, % a step"}
    for column, study in zip(panels.T, studies):
        records = found[study][shown(study)]
        for panel, what in zip(column, titles):
            for grid, (colour, mark) in GRIDS.items():
                shares = 100 * np.mean([record["pace"][grid][what] for record in records], 0)
                panel.plot(np.arange(1, len(shares) + 1), shares, mark, color=colour, ms=4.5, label=grid)
            panel.axhline(100 / len(shares), color="grey", ls=":", lw=1.2, label="even")
            panel.set_ylim(bottom=0)
            panel.grid(alpha=0.25)
        column[0].set_title(STUDIES[study][0])
        column[1].set_xlabel("step of the sampler, from high noise to low")
    for panel, title in zip(panels[:, 0], titles.values()):
        panel.set_ylabel(title)
    panels[0, 0].legend(frameon=False)
    save(figure, path)


def resolution(found, shown, sides, path):
    """The bands of one data set at three resolutions, and EDM's log-normal."""
    figure, panel = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
    for study, colour in zip(sides, ("#009E73", "#0072B2", "#D55E00")):
        if study in found:
            profiles = [record["offline"] for record in found[study][shown(study)]]
            edges = np.array(profiles[0]["edges"])
            width = np.diff(np.log(edges))
            for profile in profiles:
                panel.stairs(np.array(profile["density"]) / width, edges, color=colour, lw=0.6, alpha=0.4)
            mean = np.mean([profile["density"] for profile in profiles], 0)
            panel.stairs(mean / width, edges, color=colour, lw=2, label=STUDIES[study][0])
    sigma = np.geomspace(edges[0], edges[-1], 400)
    panel.plot(sigma, fixed_density("edm", sigma), "k--", lw=1.2, label="EDM's log-normal")
    sigma_axis(panel, edges)
    panel.set_ylim(bottom=0)
    panel.set_ylabel("where the information is (per unit ln sigma)")
    panel.legend(frameon=False)
    save(figure, path)


def all_of_them(found, emerging_arms, shown, sides, folder):
    curves(found, ["dna", "fashion-binary"], folder / "results-discrete.png")
    curves(found, ["fashion-14", "fashion-classes"], folder / "results-continuous.png")
    curves(found, ["fashion-28", "fashion-7"], folder / "results-sides.png")
    emerging(found, emerging_arms, folder / "results-emerging.png")
    grids(found, shown, folder / "results-grids.png")
    pace(found, shown, ["dna", "fashion-binary", "fashion-14"], folder / "results-pace.png")
    resolution(found, shown, sides, folder / "results-resolution.png")
