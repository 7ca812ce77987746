"""The three pictures: score against examples, the density during training, and the rate that it follows."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from arms import SIGMA_MAX, SIGMA_MIN, fixed_density

COLOURS = {"edm": "#D55E00", "loguniform": "#0072B2", "infonoise": "#009E73"}
MARKERS = {"edm": "s", "loguniform": "^", "infonoise": "o"}
SIGMA_LABEL = "noise level sigma (data units)"
SIGMA_TICKS = [0.002, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 80]
plt.rcParams.update({"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 130})


def sigma_axis(axis):
    """A logarithmic sigma axis over the grid, with plain numbers at round values."""
    axis.set_label_text(SIGMA_LABEL)
    axis.set_ticks(SIGMA_TICKS)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def save(figure, path):
    figure.savefig(path)
    plt.close(figure)


def quality(summary, labels, path):
    """Score against examples, 3-mers and 6-mers; thin lines are single seeds."""
    figure, panels = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for panel, key, title in zip(panels, ("js3", "js6"), ("3-mers", "6-mers")):
        for name, arm in summary["arms"].items():
            thousands = np.array(arm["examples"]) / 1000
            if len(summary["seeds"]) > 1:
                for scores in arm[f"{key}_by_seed"]:
                    panel.plot(thousands, scores, color=COLOURS[name], lw=0.7, alpha=0.45)
            panel.plot(thousands, arm[key], color=COLOURS[name], marker=MARKERS[name], lw=2, label=labels[name])
        panel.axhline(summary["floor"][key], color="black", ls="--", lw=1, label="real held-out windows")
        panel.set_title(title)
        panel.set_xlabel("training examples (thousands)")
        panel.set_ylabel("Jensen-Shannon divergence\nfrom the genome (1000 x bits)")
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.25)
    panels[0].legend(frameon=False, fontsize=9.5)
    count = len(summary["seeds"])
    figure.suptitle(f"Generated DNA, lower is better ({count} seed{'s' if count > 1 else ''})")
    save(figure, path)


def density_over_training(settings, record, path):
    """The sampling density in force during every chunk, as a heat map over sigma."""

    def during(after):
        # The density that is read after a chunk is in force during the next one; before the first nothing is read.
        return np.array(after[:1] + after[:-1])

    edges = record["profile"]["edges"]
    density = during(record["density"]) / np.diff(np.log(edges))
    thousands = settings.chunk * settings.batch / 1000 * np.arange(len(density) + 1)
    figure, panel = plt.subplots(figsize=(9, 5), layout="constrained")
    mesh = panel.pcolormesh(thousands, edges, density.T, cmap="magma", vmin=0, vmax=np.quantile(density, 0.999))
    panel.stairs(during(record["median"]), thousands, baseline=None, color="white", lw=1.6, label="median draw")
    pivot = during(record["pivot"])
    panel.stairs(pivot, thousands, baseline=None, color="#56B4E9", lw=1.8, ls="--", label="pivot")
    panel.legend(loc="lower right", facecolor="#222222", labelcolor="white", framealpha=0.8)
    panel.set_yscale("log")
    panel.set_ylim(SIGMA_MIN, SIGMA_MAX)
    sigma_axis(panel.yaxis)
    panel.set_xlabel("training examples (thousands)")
    panel.set_title("InfoNoise moves its draws to where the information is")
    figure.colorbar(mesh, label="sampling density (per unit ln sigma)")
    save(figure, path)


def final_density(record, summary, labels, path):
    """Above: the final density against both baselines. Below: the entropy rate that it follows, and the gate."""
    profile = record["profile"]
    sigma, width = profile["sigma"], np.diff(np.log(profile["edges"]))
    pivot = summary["arms"]["infonoise"]["pivot"]
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(9, 7), sharex=True, layout="constrained")

    upper.plot(sigma, profile["density"] / width, color=COLOURS["infonoise"], lw=2.2, label=labels["infonoise"])
    for name in ("edm", "loguniform"):
        upper.plot(sigma, fixed_density(name, sigma), color=COLOURS[name], lw=1.8, label=labels[name])
    upper.set_ylabel("sampling density\n(per unit ln sigma)")
    upper.set_title("Where each schedule spends its draws at the end of training")

    rate = profile["rate"] * sigma
    lower.plot(sigma, rate, color="black", lw=1.8, label="entropy rate, from the measured errors")
    lower.axhline(1, color="grey", ls=":", lw=1.2, label="ceiling: error = sigma squared")
    lower.plot(sigma, rate * profile["gate"], color=COLOURS["infonoise"], lw=2.2, label="gated: what the draws follow")
    lower.set_ylabel("entropy rate\n(nats per dimension per unit ln sigma)")
    lower.set_title("Below the pivot the bases are decided; what is left there is the network's own error", fontsize=11)

    for panel in (upper, lower):
        if pivot:
            panel.axvline(pivot, color="grey", ls="--", lw=1.2, label=f"pivot, sigma = {pivot:.2g}")
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.25)
        panel.legend(frameon=False, fontsize=9.5)
    lower.set_xscale("log")
    lower.set_xlim(SIGMA_MIN, SIGMA_MAX)
    sigma_axis(lower.xaxis)
    save(figure, path)
