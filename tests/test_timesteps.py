"""infonoise.timesteps.measured on functions and schedulers of our own, and on those of diffusers where they are
installed; and what snap refuses."""

import importlib
import re
from functools import partial

import infonoise
import infonoise.jax as inj
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT

measured, snap = infonoise.timesteps.measured, infonoise.coordinates.snap
STEPS = np.arange(1, 100)
ANGLE = np.pi / 2 * STEPS / 100
#: The cosine schedule's factors by timestep; that of 100 is exactly 0.
ALPHA = np.append(np.append(1.0, np.cos(ANGLE)), 0.0)
SIGMA = np.append(np.append(0.0, np.sin(ANGLE)), 1.0)


def add_noise(x0, noise, timesteps, alpha=ALPHA, sigma=SIGMA):
    alpha, sigma = (np.float32(x)[timesteps].reshape(-1, *[1] * (x0.ndim - 1)) for x in (alpha, sigma))
    return alpha * x0 + sigma * noise


class Remembering:
    """Adds the noise of a timestep of the call before."""

    last = 1

    def add_noise(self, x0, noise, timesteps):
        used, self.last = np.full_like(timesteps, self.last), timesteps[-1]
        return add_noise(x0, noise, used)


class First(Remembering):
    """Keeps the level of its first call."""

    last = None

    def add_noise(self, x0, noise, timesteps):
        self.last = timesteps[0] if self.last is None else self.last
        return add_noise(x0, noise, np.full_like(timesteps, self.last))


def sampling_grid(x0, noise, timesteps):
    """What a scheduler does that was set up for sampling: it knows every tenth timestep, others get the lowest."""
    return add_noise(x0, noise, np.where(timesteps % 10 == 0, timesteps, 10))


def test_the_factors_are_those_of_the_function():
    table = measured(add_noise, STEPS)
    np.testing.assert_array_equal(table.timesteps, STEPS)
    np.testing.assert_allclose(table.alpha, np.cos(ANGLE), 1e-6)
    np.testing.assert_allclose(table.sigma, np.sin(ANGLE), 1e-6)
    np.testing.assert_allclose(table.levels, np.tan(ANGLE), 1e-6)
    assert {x.dtype for x in (table.alpha, table.sigma, table.levels)} == {np.dtype(np.float32)}
    assert measured(add_noise, [7]).levels == np.float32(np.float32(np.sin(ANGLE[6])) / np.float32(np.cos(ANGLE[6])))


def test_jax_and_other_orders_of_arguments():
    alpha, sigma = (jnp.asarray(x, jnp.float32) for x in (ALPHA, SIGMA))

    @jax.jit
    def flow(x0, timesteps, noise):
        assert isinstance(x0, jax.Array) and x0.dtype == jnp.float32
        shape = (-1, *[1] * (x0.ndim - 1))
        return alpha[timesteps].reshape(shape) * x0 + sigma[timesteps].reshape(shape) * noise

    table = measured(lambda x0, noise, t: flow(x0, t, noise), jnp.asarray(STEPS[::-1]))
    np.testing.assert_allclose(table.levels, np.tan(ANGLE)[::-1], 1e-6)
    np.testing.assert_array_equal(table.timesteps, STEPS[::-1])


def test_one_function_for_one_shape():
    def rows(x0, noise, t):
        return ALPHA[t][:, None] * x0 + SIGMA[t][:, None] * noise

    np.testing.assert_allclose(measured(rows, STEPS, shape=(3,)).levels, np.tan(ANGLE), 1e-6)
    with pytest.raises(ValueError, match=r"shape \(99, 1, 99, 1\), must keep the shape \(99, 1, 1, 1\).*pass shape="):
        measured(rows, STEPS)


@pytest.mark.parametrize(
    "function, steps, message",
    [
        (
            add_noise,
            [*STEPS, 100],
            r"levels\[99\] = inf must be positive and finite; timestep 100 has alpha = 0, sigma = 1.*leave this timestep out",
        ),
        (
            add_noise,
            [0, *STEPS],
            r"levels\[0\] = 0 must be positive and finite; timestep 0 has alpha = 1, sigma = 0.*leave this timestep out",
        ),
        (
            partial(add_noise, alpha=np.where(ALPHA == ALPHA[3], np.nan, ALPHA)),
            STEPS,
            r"levels\[2\] = nan must be positive and finite; timestep 3 has alpha = nan.*check the timesteps",
        ),
        (
            sampling_grid,
            STEPS,
            r"levels\[1\] = [.\d]+ must be above levels\[0\] = [.\d]+, since the entries rise; timestep 2 has "
            r"alpha = 0.987688, sigma = 0.156434\. After set_timesteps",
        ),
        (First().add_noise, STEPS, r"levels\[1\] = .* must be above levels\[0\] =.*the level of their first call"),
        (
            Remembering().add_noise,
            STEPS,
            r"timestep 1 = [.\d]+ must be the same in every call, was [.\d]+ in another order",
        ),
        (
            lambda x0, noise, t: np.clip(add_noise(x0, noise, t), -1, 1),
            STEPS,
            r"add_noise\(1, 1\) at timestep 2 = 1 must be .* 0.999507 \+ 0.0314108",
        ),
        (
            lambda x0, noise, t: add_noise(x0, noise, t) * np.array([1, 2], np.float32),
            STEPS,
            "must keep the shape",
        ),
        (lambda x0, noise, t: None, STEPS, "array that add_noise returns must be real numbers, got object"),
        (add_noise, [], "timesteps has 0 entries"),
    ],
    ids=["noise alone", "no noise", "nan", "sampling grid", "first", "remembering", "clipped", "shape", "None", "empty"],
)
def test_refusals_name_the_timestep(function, steps, message):
    with pytest.raises((ValueError, TypeError), match=message) as found:
        measured(function, steps)
    print(found.value)


def test_several_levels_in_a_sample_are_refused():
    weight = np.array([1, 2], np.float32)
    with pytest.raises(ValueError, match="one level of noise to all entries"):
        measured(lambda x0, noise, t: add_noise(x0, noise, t) * weight, STEPS, shape=(2,))


def test_the_users_error_says_how_it_was_called():
    with pytest.raises(IndexError) as found:
        measured(add_noise, [7, 400])
    assert found.value.__notes__ == [
        "infonoise asked add_noise with <class 'numpy.ndarray'> of shape (2, 1, 1, 1), as timesteps are "
        "<class 'numpy.ndarray'>"
    ]


TABLE = [0.1, 1.0, 10.0]


def test_snap_returns_timesteps():
    timesteps = np.array([3, 5, 900])
    inside = jax.jit(lambda sigma: inj.snap(sigma, np.array(TABLE), timesteps))
    for call in (lambda x: snap(x, TABLE, timesteps), lambda x: inj.snap(x, TABLE, timesteps), inside):
        snapped, found = call(np.array([[0.2, 0.4], [4.0, 99.0]], np.float32))
        assert snapped.tolist() == [[np.float32(0.1), 1], [10, 10]] and found.tolist() == [[3, 5], [900, 900]]


@pytest.mark.parametrize(
    "table, timesteps, message",
    [
        ([0.1, 1, 1, 2], None, r"table\[2\] = 1 must be above table\[1\] = 1, since the entries rise"),
        ([1.0, 2, 3, 4], [0, 900, 5, 999], r"timesteps\[2\] = 5 must be above timesteps\[1\] = 900, as the levels go"),
        ([9, 3, 4, 1], None, r"table\[2\] = 4 must be below table\[1\] = 3, since the entries fall"),
        ([1, np.inf], None, r"table\[1\] = inf must be positive and finite"),
        ([0, 1], None, r"table\[0\] = 0 must be positive and finite"),
        ([1, np.nan], None, r"table\[1\] = nan must be positive and finite"),
        (TABLE, [900, 5, 3], r"table goes from 0.1 to 10, but timesteps from 900 to 3.*leave timesteps out"),
        (TABLE[::-1], [3, 5, 900], r"table goes from 10 to 0.1, but timesteps from 3 to 900"),
        (TABLE, [3, 5], "timesteps has 2 entries, must have 3"),
    ],
)
def test_snap_names_the_entry(table, timesteps, message):
    table = np.array(table, np.float32)
    inside = jax.jit(lambda sigma: inj.snap(sigma, table, timesteps))
    for call in (lambda sigma: snap(sigma, table, timesteps), lambda sigma: inj.snap(sigma, table, timesteps), inside):
        with pytest.raises(ValueError, match=message):
            call(np.ones(2, np.float32))
    with pytest.raises(ValueError, match=r"sigma\[1\] = 0 must be positive and finite"):
        snap([1, 0], TABLE)
    assert snap(np.ones(1), TABLE[::-1], [900, 5, 3])[1] == 5


def test_a_table_falls_where_the_scheduler_is_upside_down():
    """As fresh solvers of diffusers are: the noise of 99 - t. Measured truly, and refused beside its timesteps."""
    table = measured(lambda x0, noise, t: add_noise(x0, noise, 100 - t), STEPS)
    assert (np.diff(table.levels) < 0).all()
    with pytest.raises(ValueError, match="noise must grow with the timestep"):
        snap(np.ones(2), table.levels, table.timesteps)
    np.testing.assert_array_equal(table.timesteps[snap(np.ones(2), table.levels)[1]], 50)


SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
BETA = np.linspace(SD["beta_start"] ** 0.5, SD["beta_end"] ** 0.5, 1000) ** 2
LEVELS = np.sqrt(1 / np.cumprod(1 - BETA) - 1)
#: The solvers that count their levels from the top while they are fresh.
UPSIDE_DOWN = ["DPMSolverMultistep", "DPMSolverSinglestep", "DEISMultistep", "UniPCMultistep"]


@pytest.fixture(scope="module")
def torch():
    return library("torch")


@pytest.fixture(scope="module")
def diffusers(torch):
    diffusers = library("diffusers")
    print("torch", torch.__version__, "diffusers", diffusers.__version__)
    return diffusers


def library(name):
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        pytest.skip(
            f"{missing}: this test needs `pip install torch==2.15.0 diffusers==0.42.1` here. CI does without: Debian's "
            "torch 1.13 is too old for diffusers, and PyPI's brings 5 GB"
        )


@pytest.mark.parametrize("name", ["DDPM", "DDIM", "PNDM", "LCM", "EulerDiscrete", "EulerAncestralDiscrete", "HeunDiscrete"])
def test_schedulers_that_add_what_their_timestep_says(torch, diffusers, name):
    noising = getattr(diffusers, f"{name}Scheduler")(**SD)
    table = measured(noising.add_noise, torch.arange(1000))
    np.testing.assert_allclose(table.levels, LEVELS, 2e-5)
    # Euler's and Heun's x_t is x0 + sigma eps.
    np.testing.assert_allclose(np.hypot(table.alpha, table.sigma), 1 if table.alpha[0] < 1 else np.hypot(1, LEVELS), 2e-5)
    sigma, t = snap(np.float32([0.001, 1, 99]), table.levels, table.timesteps)
    assert t.tolist() == [0, np.abs(np.log(LEVELS)).argmin(), 999]


@pytest.mark.parametrize("name", UPSIDE_DOWN)
def test_fresh_solvers_add_the_noise_of_the_other_end(torch, diffusers, name):
    noising = getattr(diffusers, f"{name}Scheduler")(**SD)
    table = measured(noising.add_noise, torch.arange(1000))
    np.testing.assert_allclose(table.levels, LEVELS[::-1], 2e-5)
    with pytest.raises(ValueError, match="noise must grow with the timestep"):
        snap(np.ones(2), table.levels, table.timesteps)
    noising.set_timesteps(20)
    with pytest.raises(ValueError, match=r"levels\[1\] = .* must be above levels\[0\] = .*After set_timesteps") as found:
        measured(noising.add_noise, torch.arange(1000))
    print(found.value)
    own = noising.timesteps.numpy()
    off = torch.tensor([t for t in range(1000) if t not in own])
    levels = noising.add_noise(torch.zeros(len(off)), torch.ones(len(off)), off)
    levels = levels / noising.add_noise(torch.ones(len(off)), torch.zeros(len(off)), off)
    assert len(off) == 980 and len(levels.unique()) == 1
    # Its own timesteps are right, and those are what a training on its grid may use.
    np.testing.assert_allclose(measured(noising.add_noise, noising.timesteps).levels, LEVELS[own], 2e-5)


def test_eulers_velocity_is_that_of_the_other_end(torch, diffusers):
    euler, right = diffusers.EulerDiscreteScheduler(**SD), diffusers.DDPMScheduler(**SD)
    t = torch.arange(1000)
    # Of x0 = 0 and eps = 1 the velocity alpha eps - sigma x0 is alpha.
    of_euler, of_right = (s.get_velocity(torch.zeros(1000), torch.ones(1000), t.to(s.timesteps.dtype)) for s in (euler, right))
    np.testing.assert_allclose(of_euler, of_right.flip(0), 1e-6)
    np.testing.assert_allclose(of_right[[0, 999]], 1 / np.hypot(1, LEVELS[[0, 999]]), 1e-5)
    np.testing.assert_allclose(measured(euler.add_noise, t).levels, LEVELS, 2e-5)  # unlike its noise


def test_no_noise_in_bfloat16(torch, diffusers):
    for arguments, silent, levels in (({}, list(range(10)), 792), (SD, [0, 1], 565)):
        noising = diffusers.DDPMScheduler(**arguments)

        def halved(x0, noise, t):
            return noising.add_noise(x0.bfloat16(), noise.bfloat16(), t)

        zeros, ones, t = torch.zeros(1000), torch.ones(1000), torch.arange(1000)
        signal, noise = halved(ones, zeros, t), halved(zeros, ones, t)
        assert noise.dtype == torch.bfloat16 and (noise == 0).nonzero().flatten().tolist() == silent
        assert len((noise.float() / signal.float()).unique()) == levels
        with pytest.raises(ValueError, match=r"timestep 0 has alpha = 1, sigma = 0. It adds no noise.*float32"):
            measured(halved, t)
        assert measured(noising.add_noise, t).levels[0] > 0.009


def test_flows_are_shifted_once_or_twice(torch, diffusers):
    Flow = diffusers.FlowMatchEulerDiscreteScheduler

    def lowest(flow):
        """The noise of the lowest timestep, and that of the middle one."""
        table = measured(lambda x0, noise, t: flow.scale_noise(x0, t, noise), flow.timesteps[1:])
        np.testing.assert_allclose(table.sigma, table.timesteps / 1000, 1e-5)
        np.testing.assert_allclose(table.alpha + table.sigma, 1, 1e-6)
        return table.sigma[[-1, 499]]

    once, twice = [3 * 0.001 / 1.002, 0.75], [3 * (3 * 0.001 / 1.002) / (1 + 2 * (3 * 0.001 / 1.002)), 0.75]
    fresh = Flow(shift=3.0)
    np.testing.assert_allclose(lowest(fresh), once, 2e-3)
    fresh.set_timesteps(1000)
    np.testing.assert_allclose(lowest(fresh), twice, 2e-3)
    later = Flow()
    later.set_shift(3.0)
    np.testing.assert_allclose(lowest(later), [0.001, 0.5], 2e-3)
    later.set_timesteps(1000)
    np.testing.assert_allclose(lowest(later), once, 2e-3)
    dynamic = Flow(use_dynamic_shifting=True)
    np.testing.assert_allclose(lowest(dynamic), [0.001, 0.5], 2e-3)
    dynamic.set_timesteps(1000, mu=np.log(3))
    np.testing.assert_allclose(lowest(dynamic), once, 2e-3)
    with pytest.raises(ValueError, match=r"levels\[0\] = inf must be.*timestep 1000.0 has alpha = 0, sigma = 1.*leave this"):
        measured(lambda x0, noise, t: fresh.scale_noise(x0, t, noise), fresh.timesteps)


def test_heun_flow_keeps_its_first_level(torch, diffusers):
    flow = diffusers.FlowMatchHeunDiscreteScheduler()
    zero, one = torch.zeros(1), torch.ones(1)
    assert [round(flow.scale_noise(zero, torch.tensor([t]), one).item(), 6) for t in (900.0, 100.0, 500.0)] == [0.9] * 3

    def one_at_a_time(x0, noise, timesteps):
        return torch.stack([flow.scale_noise(x, t[None], e) for x, t, e in zip(x0, timesteps, noise, strict=True)])

    with pytest.raises(ValueError, match="levels.1. = .* must be .*the level of their first call"):
        measured(one_at_a_time, flow.timesteps[1:])


def test_zero_terminal_snr(torch, diffusers):
    for name in ("DDPM", "DDIM"):
        noising = getattr(diffusers, f"{name}Scheduler")(**SD, rescale_betas_zero_snr=True)
        with pytest.raises(ValueError, match=r"levels\[999\] = inf must be .* timestep 999 has alpha = 0, sigma = 1"):
            measured(noising.add_noise, torch.arange(1000))
        assert measured(noising.add_noise, torch.arange(999)).levels[-1] > 2000
    euler = diffusers.EulerDiscreteScheduler(**SD, rescale_betas_zero_snr=True)
    assert measured(euler.add_noise, torch.arange(1000)).levels[-1] == 4096


def test_logit_mean_has_the_other_sign(torch, diffusers):
    training_utils = importlib.import_module("diffusers.training_utils")
    flow = diffusers.FlowMatchEulerDiscreteScheduler()
    torch.manual_seed(0)
    u = training_utils.compute_density_for_timestep_sampling("logit_normal", 100_000, logit_mean=1.0, logit_std=1.0)
    t = flow.timesteps[(u * 1000).long()] / 1000  # as the training scripts take the timesteps
    np.testing.assert_allclose((t / (1 - t)).median(), np.exp(-1), 0.02)


def test_the_recipes_of_the_page(torch, diffusers):
    page = (ROOT / "docs/pytorch.md").read_text()
    recipes = re.findall(r"^```py\n(.*?)^```$", page, re.M | re.S)
    assert len(recipes) == 2
    scope = {}
    for recipe in recipes:
        exec(recipe, scope)
    assert scope["t"].max() > 900 and np.isin(scope["sigma"], scope["table"].levels).all()
