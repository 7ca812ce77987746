"""infonoise.plot: every picture names its axes and draws the numbers of the schedule."""

import subprocess
import sys

import infonoise
import infonoise.jax as inj
import jax.numpy as jnp
import matplotlib

matplotlib.use("Agg")
import numpy as np
import pytest
from infonoise import plot
from infonoise import schedules as law
from infonoise.diagnosis import masses
from matplotlib import pyplot

SIGMA = "noise level sigma (data units)"
CONFIG = infonoise.Config(warmup_steps=20, refresh_every=10, refresh_growth=0, min_count=5)


def error(sigma):
    return sigma**2 * 0.25 / (sigma**2 + 0.25)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A schedule that has adapted, its history and its journal."""
    path = tmp_path_factory.mktemp("plot") / "run.journal"
    scheduler, history = infonoise.Scheduler(CONFIG, seed=1), infonoise.History()
    history.record(scheduler)
    with infonoise.Journal(path, scheduler) as journal:
        for _ in range(55):
            sigma = journal.sample(512)
            journal.observe(sigma, error(sigma))
            journal.step()
            history.record(scheduler)
    return scheduler, history, path


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


def lines(ax):
    """What is drawn, by its label."""
    drawn = {patch.get_label(): patch.get_data().values for patch in ax.patches if hasattr(patch, "get_data")}
    drawn |= {line.get_label(): np.asarray(line.get_ydata(), float) for line in ax.lines}
    for label, values in drawn.items():
        gap = np.isnan(values) & (label == "pivot")  # there is none before the first refresh
        assert len(values) and (np.isfinite(values) | gap).all() and not gap.all(), label
    return drawn


def label_of(ax, start):
    return next(text.get_text() for text in ax.get_legend().get_texts() if text.get_text().startswith(start))


def test_profile(run):
    scheduler, curves = run[0], run[0].profile()
    ax = plot.profile(scheduler)
    assert (ax.get_xlabel(), ax.get_xscale()) == (SIGMA, "log")
    assert ax.get_ylabel() == "entropy rate\n(nats per dimension per unit ln sigma)"
    drawn = lines(ax)
    rate = curves["rate"] * curves["sigma"]
    np.testing.assert_allclose(drawn["rate of the losses"], rate)
    np.testing.assert_allclose(drawn["gated: the target"], rate * curves["gate"])
    assert label_of(ax, "pivot") == f"pivot {scheduler.report()['pivot']:.3g}"
    # An estimate shows other numbers, from the losses in memory.
    shown = lines(plot.profile(scheduler, estimate=True))["rate of the losses"]
    now = scheduler.estimate()
    np.testing.assert_allclose(shown, now["rate"] * now["sigma"])


def test_a_loss_floor_does_not_flatten_the_rest():
    scheduler = infonoise.Scheduler(infonoise.Config.discrete(warmup_steps=1, min_count=1, window=8))
    sigma = scheduler.profile()["sigma"]
    # A peak of a fiftieth of the rate that a loss floor gives at low noise.
    scheduler.observe(sigma, 0.02 * sigma**2 * np.exp(-(np.log(sigma) ** 2)) + 1e-4)
    scheduler.step()
    ax = plot.profile(scheduler)
    assert "rate of the losses (cut at the top)" in lines(ax)
    assert ax.get_ylim()[1] < 8 * lines(ax)["gated: the target"].max()


def test_density_against_others(run):
    scheduler, curves, report = run[0], run[0].profile(), run[0].report()
    others = {"EDM": law.lognormal(), "flat": law.loguniform(), "SD3": law.logitnormal()}
    ax = plot.density(scheduler, against=others)
    assert (ax.get_xlabel(), ax.get_xscale()) == (SIGMA, "log")
    assert ax.get_ylabel() == "sampling density (per unit ln sigma)"
    drawn, width = lines(ax), np.log(80 / 0.002)
    np.testing.assert_allclose(drawn["density in force"].sum() * width / 64, 1)
    np.testing.assert_allclose(drawn["density in force"], curves["density"] * 64 / width, rtol=1e-5)
    # The others are the distributions themselves: normal in ln sigma, or flat.
    centres = np.asarray(next(line for line in ax.lines if line.get_label() == "EDM").get_xdata())
    for name, mean, std in [("EDM", -1.2, 1.2), ("SD3", 0.0, 1.0)]:
        normal = np.exp(-(((np.log(centres) - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))
        np.testing.assert_allclose(drawn[name], normal, atol=1e-3)
    np.testing.assert_allclose(drawn["flat"], 1 / width, rtol=1e-5)
    assert label_of(ax, "median") == f"median {report['q50']:.3g}"
    assert label_of(ax, "5 to 95%") == f"5 to 95%: {report['q05']:.3g} to {report['q95']:.3g}"
    # A list takes the schedules' own names, and a table is drawn on its own bins.
    named = lines(plot.density(scheduler, [law.cosine(), law.table(curves["density"])]))
    np.testing.assert_allclose(named["table"], named["density in force"])
    assert "cosine" in named
    assert "lognormal(-1.2, 1.2)" in lines(plot.density(scheduler, law.lognormal()))


def test_masses_of_a_schedule():
    edges = np.geomspace(0.1, 10, 33)
    inside = masses(law.loguniform(0.01, 10), edges)
    np.testing.assert_allclose(inside, 1 / 48, rtol=1e-5)  # a third of the draws lies below the grid
    shifted = masses(law.shifted_flow(3.0), edges)
    np.testing.assert_allclose(np.cumsum(shifted), edges[1:] / (edges[1:] + 3) - 0.1 / 3.1, rtol=1e-5)
    with pytest.raises(ValueError, match="makes no sense"):
        masses(law.lognormal(0, -1), edges)


def test_history_and_journal_show_the_same(run):
    scheduler, history, path = run
    ax = plot.history(history)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("optimizer steps", SIGMA, "log")
    assert ax.figure.axes[1].get_ylabel() == "sampling density (per unit ln sigma)"
    shades = ax.collections[0].get_array()
    assert shades.shape == (64, 5) and np.isfinite(shades).all()  # warm-up, then since 20, 30, 40, 50
    np.testing.assert_allclose(shades[:, 0], 1 / np.log(80 / 0.002), rtol=1e-5)
    np.testing.assert_allclose(shades[:, -1], history.density[-1] * 64 / np.log(80 / 0.002), rtol=1e-5)
    assert lines(ax)["median draw"][-1] == scheduler.report()["q50"]
    again = infonoise.History.from_journal(path)
    assert history.steps == again.steps == [0, 20, 30, 40, 50] and again.end == 55
    np.testing.assert_array_equal(again.density, history.density)
    np.testing.assert_array_equal(plot.history(path).collections[0].get_array(), shades)


def test_history_takes_one_run_in_its_order(run):
    scheduler = run[0]
    history = infonoise.History()
    history.record(scheduler)
    with pytest.raises(ValueError, match="holds no step"):
        plot.history(history)
    with pytest.raises(ValueError, match="step 0 comes after step 55"):
        history.record(infonoise.Scheduler(CONFIG))
    other, elsewhere = infonoise.Scheduler(infonoise.Config(bins=32)), infonoise.History()
    elsewhere.record(other)
    with pytest.raises(ValueError, match="one history for each schedule"):
        elsewhere.record(scheduler)
    # A density that the last step installed has not been drawn from.
    new, seen = infonoise.Scheduler(CONFIG), infonoise.History()
    for _ in range(20):
        sigma = new.sample(512)
        seen.record(new)
        new.observe(sigma, error(sigma))
        new.step()
    seen.record(new)
    assert seen.steps == [0, 20] and plot.history(seen).collections[0].get_array().shape == (64, 1)


def test_info_grid(run):
    scheduler = run[0]
    ax = plot.info_grid(scheduler, 18)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("step of the sampler", SIGMA, "log")
    ours, karras = (np.asarray(line.get_ydata()) for line in ax.lines)
    np.testing.assert_array_equal(ours, scheduler.info_grid(18))
    # EDM's (5): the first steps of rho 7 from 80 down to .002.
    steps = (80 ** (1 / 7) + np.arange(18) / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    np.testing.assert_allclose(karras, steps, rtol=1e-5)
    report = scheduler.report()
    inside = ((ours >= report["q05"]) & (ours <= report["q95"])).sum()
    assert label_of(ax, "InfoGrid") == f"InfoGrid, power 1: {inside} of 18 in the band"


def test_spectrum(run):
    scheduler = run[0]
    plan = scheduler.plan_grid(9)
    ax = plot.spectrum(plan)
    assert (ax.get_xlabel(), ax.get_xscale()) == ("standard deviation (data units)", "log")
    masses_, levels = ax.lines
    np.testing.assert_allclose(masses_.get_xdata() ** 2, plan.variance)
    np.testing.assert_allclose(masses_.get_ydata(), plan.mass / plan.mass.sum())
    np.testing.assert_array_equal(levels.get_xdata(), plan.sigma)
    low, high = ax.get_xlim()
    assert low < min(plan.sigma[-1], masses_.get_xdata().min()) and plan.sigma[0] < high
    # The data is Gaussian, of standard deviation .5; of a schedule the spectrum alone is shown.
    (again,) = plot.spectrum(scheduler).lines
    np.testing.assert_array_equal(again.get_xdata(), masses_.get_xdata())
    near = np.abs(np.log(again.get_xdata() / 0.5)) < 0.7
    assert again.get_ydata()[near].sum() > 0.95
    with pytest.raises(ValueError, match="not ready"):
        plot.spectrum(infonoise.Scheduler(CONFIG))


def test_axes_of_the_caller_and_jax_states(run):
    figure, panels = pyplot.subplots(2, 3)
    scheduler, history, _ = run
    state = inj.from_words(jnp.asarray(scheduler.state))
    calls = [plot.profile, plot.density, lambda s, ax: plot.history(history, ax=ax), lambda s, ax: plot.info_grid(s, 9, ax=ax)]
    calls.append(plot.spectrum)
    for call, ax in zip(calls, panels.flat):
        assert call(state, ax=ax) is ax
    np.testing.assert_array_equal(lines(panels[0, 1])["density in force"], lines(plot.density(scheduler))["density in force"])
    figure.canvas.draw()  # every tick and label has a place
    assert [label.get_text() for label in panels[0, 0].get_xticklabels()][:2] == ["0.002", "0.01"]


def test_before_the_first_refresh():
    new = infonoise.Scheduler(CONFIG)
    assert "no refresh yet" in plot.profile(new).texts[0].get_text()
    assert "warm-up" in lines(plot.density(new))
    pyplot.close("all")
    for call in (lambda: plot.info_grid(new, 8), lambda: plot.profile(new, estimate=True)):
        with pytest.raises(ValueError, match="not ready"):
            call()
    assert not pyplot.get_fignums()  # a call that fails leaves no empty figure


@pytest.mark.parametrize("low, high", [(0.002, 80), (0.5, 5), (1, 1.2), (1e-6, 1e6)])
def test_ticks_are_few_and_within(low, high):
    ax = plot.density(infonoise.Scheduler(infonoise.Config(sigma_min=low, sigma_max=high)))
    ticks = ax.get_xticks()
    assert 2 <= len(ticks) <= 14 and ticks[0] == np.float32(low) and ticks[-1] == np.float32(high)


def test_misuse(run):
    batch = inj.State(jnp.stack([run[0].state] * 3), 64, 256)
    for call, error, words in [
        (lambda: plot.density(np.ones(3)), TypeError, "a Scheduler or one infonoise.jax.State"),
        (lambda: plot.density(run[0], against=["cosine"]), TypeError, "must come from infonoise.schedules"),
        (lambda: plot.history(run[0]), TypeError, "History or a journal's path, got Scheduler.*record"),
        (lambda: plot.info_grid(run[0], 10, rho=0), ValueError, "rho = 0 must be positive"),
        (lambda: plot.profile(batch), ValueError, r"State of a batch of shape \(3,\): take one of a batch by jax.tree.map"),
        (lambda: infonoise.History().record(batch), ValueError, r"batch of shape \(3,\)"),
        (lambda: infonoise.diagnose(batch, law.cosine()), ValueError, r"batch of shape \(3,\)"),
    ]:
        with pytest.raises(error, match=words):
            call()
    assert not pyplot.get_fignums()


def test_without_matplotlib_the_error_says_what_to_install():
    program = "import sys; sys.modules['matplotlib'] = None; import infonoise; infonoise.History; import infonoise.plot"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("ImportError: infonoise.plot needs matplotlib: pip install 'infonoise[plot]'")


def test_reports_are_flat_numbers_and_short_names(run):
    # TensorBoard and wandb accept it without conversion.
    for scheduler in (run[0], infonoise.Scheduler(CONFIG)):
        report = scheduler.report()
        assert len(report) == 30
        for name, value in report.items():
            assert isinstance(name, str) and type(value) in (int, float, str), name
            assert len(value) < 40 if isinstance(value, str) else np.isfinite(value), name
