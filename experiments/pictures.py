"""The pictures of docs/results.md, from the records."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from infonoise.plot import sigma_axis

from arms import SIGMA_MAX, SIGMA_MIN, fixed_density
from contenders import LABELS, adapts
from measures import SIDES, first, information, offline, shares
from training import NFE
from studies import STUDIES, shown

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
GRIDS = {
    "karras": ("EDM's, rho = 7", "#D55E00", "s--"),
    "info a=1": ("InfoGrid, a = 1", "#009E73", "o-"),
    "info a=0": ("InfoGrid, a = 0", "#0072B2", "^-"),
}
plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 110})


def save(figure, path):
    figure.savefig(path)
    plt.close(figure)


def panels(found, studies, **options):
    """A figure with a panel for each study that was run, and these studies."""
    studies = [study for study in studies if study in found]
    figure, axes = plt.subplots(1, len(studies), squeeze=False, layout="constrained", **options)
    return figure, list(zip(axes[0], studies))


def curves(found, studies, path):
    """Score against examples: the mean over seeds, and each seed as a thin line."""
    figure, pairs = panels(found, studies, figsize=(11.5, 4.8), sharex=True)
    for panel, study in pairs:
        for arm, records in found[study].items():
            thousands = np.array(records[0]["examples"]) / 1000
            scores = [first(record["scores"]) for record in records]
            for line in scores:
                panel.plot(thousands, line, color=COLOURS[arm], lw=0.6, alpha=0.4)
            mark = "o-" if adapts(arm) else "s--"
            panel.plot(thousands, np.mean(scores, 0), mark, ms=4, color=COLOURS[arm], lw=2, label=LABELS[arm])
        panel.axhline(first([records[-1]["floor"]])[0], color="black", ls=":", lw=1.2, label="real, held out")
        panel.set_yscale("log")
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_formatter("{x:g}")
        panel.tick_params(axis="y", which="minor", labelsize=7)
        panel.set_title(STUDIES[study][0])
        panel.set_xlabel("training examples (thousands)")
        panel.grid(alpha=0.25, which="both")
        panel.legend(frameon=False, fontsize=7.5)
    pairs[0][0].set_ylabel("score, lower is better")
    save(figure, path)


def emerging(found, studies, path):
    """The density in force at six points of training, and the one that the finished model gives; one seed."""
    figure, pairs = panels(found, studies, figsize=(14, 4.2))
    for panel, study in pairs:
        record = found[study][shown(study)][0]
        final = offline(record).profile()
        width = np.diff(np.log(final["edges"]))
        for i, entry in enumerate(record["schedule"]):
            shade = plt.get_cmap("viridis")(0.95 - 0.17 * i)
            label = f"{record['examples'][i] / 1000:.0f}k examples"
            panel.stairs(entry["density"] / width, final["edges"], color=shade, lw=1.6, label=label)
        panel.stairs(final["density"] / width, final["edges"], color="black", ls="--", lw=1.8, label="finished model, offline")
        sigma_axis(panel, final["edges"])
        panel.set_ylim(bottom=0)
        panel.set_title(f"{STUDIES[study][0]}: {LABELS[record['arm']]}", fontsize=10)
        panel.legend(frameon=False, fontsize=8)
    pairs[0][0].set_ylabel("sampling density (per unit ln sigma)")
    save(figure, path)


def grids(found, path):
    """Score against the number of function evaluations, for the same models and solver."""
    figure, axes = plt.subplots(2, 4, figsize=(15, 7), layout="constrained")
    for panel, study in zip(axes.flat, found):
        records = found[study][shown(study)]
        for grid, (label, colour, mark) in GRIDS.items():
            scores = [first(record["grids"][grid]) for record in records]
            for line in scores:
                panel.plot(NFE, line, color=colour, lw=0.6, alpha=0.4)
            panel.plot(NFE, np.mean(scores, 0), mark, color=colour, lw=1.8, ms=5, label=label)
        panel.set(xscale="log", yscale="log", title=STUDIES[study][0], xlabel="function evaluations")
        panel.set_xticks(NFE, NFE)
        panel.tick_params(axis="x", which="minor", bottom=False)
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_formatter("{x:g}")
        panel.tick_params(axis="y", which="minor", labelsize=7)
        panel.xaxis.set_minor_formatter("")
        panel.grid(alpha=0.25)
    for panel in axes.flat[len(found) :]:
        panel.axis("off")
    axes[0, 0].legend(frameon=False)
    for panel in axes[:, 0]:
        panel.set_ylabel("score, lower is better")
    save(figure, path)


def pace(found, studies, path):
    """The share of each of 17 steps in the information resolved, and in the movement of the estimate."""
    studies = [study for study in studies if study in found]
    titles = {"gated": "information, gated: % a step", "moved": "movement of the estimate: % a step"}
    figure, axes = plt.subplots(2, len(studies), figsize=(14, 6.4), layout="constrained", squeeze=False)
    for column, study in zip(axes.T, studies):
        for grid, (label, colour, mark) in GRIDS.items():
            every = [shares(record, grid) for record in found[study][shown(study)]]
            for panel, what in zip(column, titles):
                parts = 100 * np.mean([one[what] for one in every], 0)
                panel.plot(np.arange(1, len(parts) + 1), parts, mark, color=colour, ms=4.5, label=label)
        for panel in column:
            panel.axhline(100 / len(parts), color="grey", ls=":", lw=1.2, label="even")
            panel.set_ylim(bottom=0)
            panel.grid(alpha=0.25)
        column[0].set_title(STUDIES[study][0])
        column[1].set_xlabel("step of the sampler, from high noise to low")
    for panel, title in zip(axes[:, 0], titles.values()):
        panel.set_ylabel(title)
    axes[0, 0].legend(frameon=False)
    save(figure, path)


def resolution(found, path):
    """Where the information of one data set lies at three resolutions, and where EDM draws."""
    figure, panel = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
    for study, colour in zip(SIDES, ("#009E73", "#0072B2", "#D55E00")):
        if study in found:
            profiles = [information(record, coverage=0).profile() for record in found[study][shown(study)]]
            edges = profiles[0]["edges"]
            width = np.diff(np.log(edges))
            for profile in profiles:
                panel.stairs(profile["density"] / width, edges, color=colour, lw=0.6, alpha=0.4)
            mean = np.mean([profile["density"] for profile in profiles], 0)
            panel.stairs(mean / width, edges, color=colour, lw=2, label=STUDIES[study][0])
    sigma = np.geomspace(SIGMA_MIN, SIGMA_MAX, 400)
    panel.plot(sigma, fixed_density("edm", sigma), "k--", lw=1.2, label="EDM's draws")
    sigma_axis(panel, [SIGMA_MIN, SIGMA_MAX])
    panel.set_ylim(bottom=0)
    panel.set_ylabel("gated information (per unit ln sigma)")
    panel.legend(frameon=False)
    save(figure, path)


def all_of_them(found, folder):
    """The studies with at least one run."""
    wanted = [
        (curves, ["dna", "fashion-binary"], "discrete"),
        (curves, ["text", "protein"], "letters"),
        (curves, ["fashion-14", "fashion-classes"], "continuous"),
        (curves, ["fashion-28", "fashion-7"], "sides"),
        (emerging, ["dna", "fashion-binary", "fashion-14"], "emerging"),
        (pace, ["dna", "fashion-binary", "fashion-14"], "pace"),
    ]
    for draw, studies, name in wanted:
        if set(studies) & set(found):
            draw(found, studies, folder / f"results-{name}.png")
    grids(found, folder / "results-grids.png")
    if set(SIDES) & set(found):
        resolution(found, folder / "results-resolution.png")
