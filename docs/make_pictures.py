"""The pictures of docs/method.md, from exact answers: no training, some ten seconds.

    python docs/make_pictures.py --out docs/images        # as `make pictures` does
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import infonoise
import numpy as np
from infonoise import exact, plot, schedules
from infonoise.diagnosis import masses
from matplotlib import pyplot
from sklearn.datasets import load_digits

COLOURS = {"green": plot.GREEN, "blue": plot.BLUE, "orange": plot.ORANGE, "grey": plot.GREY, "pink": "#CC79A7"}


def save(figure, out, name):
    figure.savefig(out / f"{name}.png", dpi=90)
    pyplot.close(figure)


def tidy(ax, legend=True):
    ax.grid(alpha=0.25)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    if legend:
        ax.legend(frameon=False, fontsize=9)


def schedule_of(errors, **config):
    """The curves after the first refresh on these errors per dimension, a function of sigma."""
    config = infonoise.Config(coverage=0.0, window=8, min_count=1, warmup_steps=1, **config)
    scheduler = infonoise.Scheduler(config)
    sigma = scheduler.profile()["sigma"]
    scheduler.observe(sigma, errors(sigma))
    scheduler.step()
    return scheduler


def two_points(out):
    """The model splits at sigma = 1, and its entropy falls around there."""
    model, sigma = exact.two_point(), np.geomspace(0.1, 10, 241)
    figure, (upper, lower) = pyplot.subplots(2, 1, figsize=(8, 6.4), sharex=True, layout="constrained")
    x = np.linspace(-2.2, 2.2, 221)
    density = np.exp([model.log_density(x[:, None], s) for s in sigma])
    shades = (density / density.max(1, keepdims=True)).T
    upper.pcolormesh(sigma, x, shades, cmap="Greys", vmin=0, vmax=2.6, shading="gouraud")
    close = 1 - np.geomspace(1e-6, 0.05, 40)  # the branches leave 0 steeply
    branches = [(s, exact.two_point_fixed_points(s)) for s in np.sort([*sigma, *close])]
    split = [(s, points) for s, points in branches if len(points) == 3]
    style = {"color": COLOURS["green"], "lw": 2.4}
    for side in (0, 2):
        label = "stable: what the perfect denoiser leaves as it is" if side else None
        upper.plot([s for s, _ in split], [points[side] for _, points in split], label=label, **style)
    whole = [s for s, points in branches if len(points) == 1]
    upper.plot(whole, np.zeros(len(whole)), **style)
    upper.plot([s for s, _ in split], np.zeros(len(split)), color=COLOURS["orange"], ls="--", lw=1.8, label="unstable")
    upper.set_ylabel("x")
    upper.set_title("Data at -1 and +1: one answer above sigma = 1, two below (grey: where x lies)", fontsize=11)

    lower.plot(sigma, model.entropy(sigma), color="black", lw=1.8, label="H: what x leaves open about x0 (nats)")
    rate = model.rate(sigma) * sigma
    lower.plot(sigma, rate, color=COLOURS["green"], lw=2.4, label="entropy rate (nats per unit ln sigma)")
    lower.axhline(np.log(2), color=COLOURS["grey"], ls=":", lw=1.2, label="ln 2, one bit")
    lower.set_ylabel("nats, nats per unit ln sigma")
    lower.set_ylim(bottom=0)
    for ax in (upper, lower):
        ax.axvline(1, color=COLOURS["grey"], lw=1, ls="--")
        tidy(ax)
        ax.legend(fontsize=9, framealpha=0.9, loc="upper left")
    plot.sigma_axis(lower, sigma)
    upper.set_xlabel("")
    save(figure, out, "method-two-points")


def pictures_of(data):
    """Rows of data as pixels around 0 that are -1 to 1."""
    return data / 8 - 1


def ideal_denoiser(out):
    """The perfect denoiser's output on real images, and how much is undecided, as sigma falls."""
    data = pictures_of(load_digits().data)
    model = exact.empirical(data, draws=512)
    sigma = np.array([10, 5, 3, 2, 1.4, 1, 0.7, 0.4, 0.2])
    figure = pyplot.figure(figsize=(9, 8.4), layout="constrained")
    panels = figure.subfigures(2, 1, height_ratios=[1.45, 1])
    cells = panels[0].subplots(6, len(sigma), gridspec_kw={"hspace": 0.02, "wspace": 0.02})
    rng = np.random.default_rng(3)
    for row, which in enumerate((3, 7, 8)):
        x0, noise = data[which], rng.standard_normal(64)
        for column, s in enumerate(sigma):
            x = x0 + s * noise
            # Each noisy image has its own range of greys, otherwise nothing would be visible.
            for line, image, reach in ((2 * row, x, 1 + 1.5 * s), (2 * row + 1, model.posterior_mean(x, s)[0], 1)):
                cell = cells[line, column]
                cell.imshow(image.reshape(8, 8), cmap="gray", vmin=-reach, vmax=reach)
                cell.set(xticks=[], yticks=[])
                if line == 0:
                    cell.set_title(f"sigma {s:g}", fontsize=9)
                if column == 0:
                    cell.set_ylabel("answer" if line % 2 else "noisy", fontsize=9)
    ax = panels[1].subplots()
    fine = np.geomspace(0.15, 12, 40)
    ax.plot(fine, model.rate(fine) * fine, color=COLOURS["green"], lw=2.4, label="entropy rate (nats per unit ln sigma)")
    ax.plot(fine, model.entropy(fine), color="black", lw=1.8, label="H: which of the 1797 images it is (nats)")
    ax.axhline(np.log(len(data)), color=COLOURS["grey"], lw=1.2, ls=":", label="ln 1797: nothing is known")
    ax.set_ylabel("nats, nats per unit ln sigma")
    ax.set_ylim(bottom=0)
    plot.sigma_axis(ax, fine)
    ax.invert_xaxis()  # noise falls from left to right, as above
    tidy(ax)
    save(figure, out, "method-digits")


def gate(out):
    """The gate changes the slope at the low end, for a density and for points with a network's error."""
    cases = [
        ("Gaussian data of deviation 0.5", exact.gaussian(0.5).mmse, "continuous"),
        # A network is never perfect: here a part of the little noise stays in its output.
        ("Data at -1 and +1, seen by a network that\nleaves 5% of little noise", lambda s: exact.two_point().mmse(s) + 0.05 * s**2 / (1 + s**2), "discrete"),
    ]  # fmt: skip
    figure, panels = pyplot.subplots(2, 2, figsize=(10, 7), layout="constrained", sharex=True)
    for (title, errors, endpoint), (left, right) in zip(cases, panels, strict=True):
        gated, bare = (schedule_of(errors, endpoint=endpoint, **pivot) for pivot in ({}, {"pivot": "off", "guard": False}))
        curves, pivot = gated.profile(), gated.report()["pivot"]
        sigma, tamed = curves["sigma"], curves["rate"] * curves["gate"]
        left.plot(sigma, curves["rate"], color="black", lw=1.8, label="entropy rate")
        left.plot(sigma, tamed, color=COLOURS["green"], lw=2.4, label="gated")
        for values, colour, at in ((curves["rate"], "black", 3), (tamed, COLOURS["green"], 0.1)):
            slope = np.log(values[6] / values[1]) / np.log(sigma[6] / sigma[1])
            left.text(sigma[6], values[6] * at, f"slope {slope:+.1f}".replace("-0.0", "0"), color=colour, fontsize=9)
        left.set_yscale("log")
        left.set_ylim(max(tamed.min() / 10, 1e-7), curves["rate"].max() * 10)
        left.set_ylabel("entropy rate\n(nats per dimension per unit sigma)")
        left.set_title(title, fontsize=10.5)
        width = np.diff(np.log(curves["edges"]))
        right.stairs(bare.profile()["target"] / width, curves["edges"], color="black", lw=1.8, baseline=None, label="target without gate")
        right.stairs(curves["target"] / width, curves["edges"], color=COLOURS["green"], lw=2.4, baseline=None, label="target with gate")
        right.set_ylabel("target (per unit ln sigma)")
        right.set_ylim(bottom=0)
        for ax in (left, right):
            ax.axvline(pivot, color=COLOURS["grey"], ls=":", lw=1.2, label=f"pivot {pivot:.2g}")
            plot.sigma_axis(ax, curves["edges"])
            tidy(ax)
    for ax in panels[0]:
        ax.set_xlabel("")
    save(figure, out, "method-gate")


def bands(out):
    """The band moves between data sets, and with the resolution of one."""
    digits = pictures_of(load_digits().images[:600])
    coarse = digits.reshape(-1, 4, 2, 4, 2).mean((2, 4))
    fine_model, coarse_model = (exact.empirical(x.reshape(len(x), -1), draws=600) for x in (digits, coarse))
    cases = [
        ("points at -1 and +1", exact.two_point(), "discrete", "green", "-"),
        ("points at -0.1 and +0.1", exact.two_point(0.1), "discrete", "blue", "-"),
        ("four one-hot letters", exact.one_hot(4), "discrete", "pink", "-"),
        ("600 digits of 8 x 8 pixels", fine_model, "discrete", "orange", "-"),
        ("the same at 4 x 4 pixels", coarse_model, "discrete", "orange", "--"),
    ]
    figure, ax = pyplot.subplots(figsize=(9, 4.6), layout="constrained")
    for name, model, endpoint, colour, dashes in cases:
        scheduler = schedule_of(lambda s, model=model: model.mmse(s) / model.dimension, endpoint=endpoint)
        curves, report = scheduler.profile(), scheduler.report()
        label = f"{name}: {report['q05']:.2g} to {report['q95']:.2g}"
        middle = np.diff(np.log(curves["edges"]))
        ax.plot(curves["sigma"], curves["density"] / middle, color=COLOURS[colour], ls=dashes, lw=2.2, label=label)
    fine = np.geomspace(0.002, 80, 257)
    law = masses(schedules.lognormal(), fine) / np.diff(np.log(fine))
    ax.plot(fine[:-1], law, color=COLOURS["grey"], ls=":", lw=1.8, label="EDM's schedule, for all of them")
    ax.set_ylabel("sampling density (per unit ln sigma)")
    ax.set_ylim(bottom=0)
    plot.sigma_axis(ax, fine)
    tidy(ax)
    save(figure, out, "method-bands")


def step_of(denoise, x, s, t, solver):
    """One step of a sampler from sigma s down to t."""
    slope = (x - denoise(x, s)) / s
    if solver == "heun":
        predicted = x + (t - s) * slope
        slope = (slope + (predicted - denoise(predicted, t)) / t) / 2
    return x + (t - s) * slope


def solver_errors(out):
    """What a step is off by on Gaussian data, over their deviation, and where planned levels therefore lie."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10.5, 4.4), layout="constrained")
    deviation = np.geomspace(0.03, 30, 121)
    for solver, colour, dashes in (("euler", "orange", "--"), ("heun", "green", "-")):
        error = []
        for sd in deviation:
            start, end = np.hypot(sd, 1.0), np.hypot(sd, 0.5)  # the flow multiplies a sample by end / start
            found = step_of(exact.gaussian(sd).posterior_mean, np.array([[start]]), 1.0, 0.5, solver).item()
            error.append(abs(np.log(found / end)))
        left.plot(deviation, error, color=COLOURS[colour], ls=dashes, lw=2.2, label={"euler": "Euler (DDIM)", "heun": "Heun"}[solver])
    left.axvspan(0.5, 1, color=COLOURS["grey"], alpha=0.2, lw=0, label="the step: from sigma 1 to 0.5")
    left.set_ylabel("|ln(solver's factor / exact one)|")
    left.set_ylim(0, 0.085)  # room for the legend
    left.set_title("One step on Gaussian data", fontsize=10.5)
    plot.sigma_axis(left, deviation)
    left.set_xlabel("standard deviation of the data")
    tidy(left)

    sigma = np.geomspace(0.002, 80, 129)[1::2]
    mmse = sum(share * v * sigma**2 / (v + sigma**2) for v, share in ((0.25, 0.3), (0.0025, 0.7)))
    rows = []
    for solver, colour in (("heun", "green"), ("euler", "orange")):
        plan = infonoise.plan_grid(sigma, mmse, 9, low=0.002, high=80, solver=solver)
        rows.append((f"planned for {solver.capitalize()}", np.asarray(plan), COLOURS[colour]))
    rows.append(("EDM's grid", np.linspace(80 ** (1 / 7), 0.002 ** (1 / 7), 9) ** 7, COLOURS["grey"]))
    for height, (_, levels, colour) in zip((2, 1, 0), rows):
        right.plot(levels, np.full(9, height), "o-", color=colour, ms=6, lw=1, clip_on=False)
    right.set_yticks((2, 1, 0), [name for name, _, _ in rows])
    right.set_ylim(-0.5, 2.8)
    for place, what in ((0.5, "30% of the\ndirections"), (0.05, "70%")):
        right.axvline(place, color=COLOURS["blue"], lw=1.4, ls=":")
        right.text(place * 1.1, 2.75, what, color=COLOURS["blue"], fontsize=9, va="top")
    right.set_title("Nine levels for data of deviations 0.5 and 0.05", fontsize=10.5)
    plot.sigma_axis(right, np.array([0.002, 80]))
    tidy(right, legend=False)
    save(figure, out, "method-solvers")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for picture in (two_points, ideal_denoiser, gate, bands, solver_errors):
        picture(folder)
