"""Parts of a range, other units, error floors, collapses: what the errors say about a schedule."""

import math
from dataclasses import replace

import numpy as np
import pytest

import infonoise_reference as ref
import make_vectors
import profiles
from profiles import EXACT, profile


def epsilon_floor(s):
    """x0 errors of a network whose epsilon errors are .01 above the exact ones of Gaussian data."""
    return profiles.gaussian(s) + 0.01 * s * s


@pytest.mark.parametrize("high", [80.0, 160.0])
def test_the_linear_ceiling_takes_an_epsilon_floor_away(high):
    grid = dict(EXACT, sigma_min=0.002, sigma_max=high)
    exact = profile(ref.preset("epsilon", **grid), profiles.gaussian)
    plain = profile(ref.preset("epsilon", **grid), epsilon_floor)
    ceiled = profile(ref.preset("epsilon", **grid, sigma_data=0.5), epsilon_floor)
    print(f"\nq95: {exact.quantiles[-1]:.3f} exact, {plain.quantiles[-1]:.3f} floor, {ceiled.quantiles[-1]:.3f} with sigma_data")
    assert plain.warning == "errors_above_variance" and plain.quantiles[-1] > 0.5 * high
    assert (plain.warning_bins, plain.warning_high) == (7, high)
    assert ceiled.quantiles[-1] == pytest.approx(exact.quantiles[-1], rel=0.15) and ceiled.quantiles[-1] < 3
    assert ceiled.reason == "none" and ceiled.warning == "errors_above_variance"      # the errors still say so
    held = profile(ref.Config(objective="epsilon", **grid), epsilon_floor)            # emphasis target: up to the top
    assert (held.reason, held.warning) == ("degenerate_high", "errors_above_variance")


@pytest.mark.parametrize("high", [80.0, 160.0])
def test_an_understated_sigma_data_does_not_clip_true_errors(high):
    """Letters coded as +-1 under EDM's constant."""
    config = ref.Config(sigma_data=0.5, sigma_min=0.002, sigma_max=high, **EXACT)
    true = profiles.gaussian(ref.Grid(config).s, 0.87)
    out = profile(config, lambda s: profiles.gaussian(s, 0.87))
    kept = out.m_ceiled / true
    print(f"\nup to {high}: {kept[-1]:.4f} of the error at the top, {kept.min():.4f} at the least, {out.clipped} clipped")
    assert kept[-1] >= 0.8 and kept.min() >= 0.8 and out.reason == "none"
    identity = replace(config, sigma_data=1e-3)                           # the bound never leaves the noisy sample's
    assert (profile(identity, lambda s: 2 * s * s).m_ceiled <= ref.Grid(identity).s ** 2).all()


def cut(config, mmse, whole_low, whole_high):
    """The refresh on the grid of `config`, and how far its density is from that of a grid with the same bins and
    more of them, down to whole_low and up to whole_high, cut to the range (total variation)."""
    part = ref.Grid(config)
    start = math.log(float(part.edges[0]))
    below = max(0, math.ceil((start - math.log(whole_low)) / part.h - 1e-6))
    above = max(0, math.ceil((math.log(whole_high) - math.log(float(part.edges[-1]))) / part.h - 1e-6))
    wide = replace(config, bins=config.bins + below + above, sigma_min=math.exp(start - below * part.h),
                   sigma_max=math.exp(start + (config.bins + above) * part.h))
    out, whole = profile(config, mmse), profile(wide, mmse)
    pi = whole.pi_before_coverage[below:below + config.bins]
    assert whole.reason == "none"
    inside = part.edges[0] <= whole.c <= part.edges[-1]
    return out, 0.5 * np.abs(pi / pi.sum() - out.pi_before_coverage).sum(), 0.02 if inside or config.sigma_data > 0 else 0.06


FLOW, EPSILON = (0.001 / 0.999, 999.0), (0.029, 14.65)
EXPERTS = [
    ("edm, sigma below .3", "edm", dict(sigma_max=0.3), 0.5, (0.002, 80), "band_at_high_end"),
    ("edm, sigma below 1", "edm", dict(sigma_max=1.0), 0.5, (0.002, 80), "band_at_high_end"),
    ("edm, sigma above 1", "edm", dict(sigma_min=1.0), 0.5, (0.002, 80), "band_at_low_end"),
    ("flow, t below .875", "flow", dict(sigma_max=7.0), 1.0, FLOW, "band_at_high_end"),
    ("flow, t above .875", "flow", dict(sigma_min=7.0), 1.0, FLOW, "band_at_low_end"),
    ("flow, t below .875, sigma_data", "flow", dict(sigma_max=7.0, sigma_data=1.0), 1.0, FLOW, "band_at_high_end"),
    ("flow, t above .875, sigma_data", "flow", dict(sigma_min=7.0, sigma_data=1.0), 1.0, FLOW, "band_at_low_end"),
    ("epsilon, sigma below .57, target", "epsilon", dict(sigma_max=0.57, emphasis="target"), 1.0, EPSILON, "band_at_high_end"),
    ("epsilon, sigma below .57, samples", "epsilon", dict(sigma_max=0.57), 1.0, EPSILON, "band_at_high_end"),
    ("epsilon, sigma below .57, sd .5 known", "epsilon", dict(sigma_max=0.57, sigma_data=0.5), 0.5, EPSILON, "none"),
    *((f"deviation {sd}{known and ', sigma_data'}", "default", dict(sigma_min=0.002, sigma_max=80.0, sigma_data=known and sd),
       sd, (0.002, 160 * sd), "band_at_high_end") for sd in (16.0, 100.0) for known in (0, True)),
]


@pytest.mark.parametrize("name, preset, changes, sd, whole, warning", EXPERTS, ids=[row[0] for row in EXPERTS])
def test_an_expert_or_other_units_are_accepted(name, preset, changes, sd, whole, warning):
    """A part of the range gets no other schedule than the whole one cut to it."""
    out, distance, limit = cut(ref.preset(preset, **changes, **EXACT), lambda s: profiles.gaussian(s, sd), *whole)
    print(f"\n{name}: {out.rule} c = {out.c:.4f}, total variation {distance:.4f}")
    assert (out.reason, out.warning) == ("none", warning)
    assert distance <= limit


def test_a_pivot_just_below_the_top_needs_sigma_data():
    """Without it S comes from errors that have not levelled off on the grid (.35, not .5), and c is 16 % low; the
    onset is inside, so no line is drawn. The limit is that of a pivot outside: .02 is not met."""
    out, distance, limit = cut(ref.preset("epsilon", sigma_max=0.57, **EXACT), profiles.gaussian, *EPSILON)
    print(f"\n{out.rule} c = {out.c:.4f}, S = {out.S:.4f}, total variation {distance:.4f}")
    assert (out.rule, out.reason, out.warning, limit) == ("onset", "none", "none", 0.02)
    assert 0.02 < distance <= 0.06


def test_how_far_the_onset_goes_beyond_the_top():
    last = lambda config: ref.Grid(config).ln_s[-1]
    near = ref.preset("edm", sigma_max=0.3, **EXACT)
    assert profile(near, profiles.gaussian).c == pytest.approx(0.5, rel=0.2)
    far = ref.Config(sigma_max=0.25, sigma_data=5.0)
    out = profile(far, lambda s: profiles.gaussian(s, 5.0))
    assert out.rule == "onset_at_top" and out.ln_c == pytest.approx(last(far) + math.log(10))
    flat = ref.Config(sigma_max=0.3)
    out = profile(flat, make_vectors.flat_top)
    assert out.rule == "onset_at_top" and out.ln_c == last(flat)


# Errors without sigma_data and without a floor: (preset, changes, deviation)
HONEST = {"whole grid": ("default", {}, 0.5), "whole grid, epsilon": ("epsilon", {}, 1.0),
          "epsilon, sigma below .57": ("epsilon", dict(sigma_max=0.57), 1.0), "deviation 100": ("default", {}, 100.0),
          "deviation 16": ("default", {}, 16.0), "flow, t below .875": ("flow", dict(sigma_max=7.0), 1.0)}


@pytest.mark.parametrize("name", HONEST)
def test_noise_is_not_errors_that_grow_again(name):
    preset, changes, sd = HONEST[name]
    config, rng = ref.preset(preset, **changes), np.random.default_rng(1)
    noisy = lambda s: profiles.gaussian(s, sd) * np.exp(0.2 * rng.standard_normal(len(s)))
    outs = [profile(config, noisy) for _ in range(300)]
    alarms = sum(out.warning == "errors_above_variance" for out in outs)
    held = sum(out.reason != "none" for out in outs)
    print(f"\n{name}: {alarms} alarms of 300, {held} held {sorted({out.reason for out in outs} - {'none'})}")
    assert alarms <= 3


def test_what_is_evidence():
    """A floor at a tenth of the peak of q or more is named, but holds no refresh."""
    config = ref.Config(objective="epsilon")
    for height, reason in ((0.01, "degenerate_high"), (0.05, "degenerate_high"), (0.2, "none")):
        out = profile(config, lambda s: profiles.gaussian(s) + height * s * s)
        assert (out.warning, out.reason) == ("errors_above_variance", reason), height


# A loss passed in the wrong space, or a floor under it: the rate has slope -3 and the draws fall to sigma_min.
COLLAPSES = {
    "constant error": lambda s: s * 0 + 1.0,
    "velocity": lambda s: profiles.gaussian(s) * ((1 + s) / s) ** 2,
    "epsilon": lambda s: profiles.gaussian(s) / s**2,
    "floor": lambda s: profiles.gaussian(s) + 0.01,
}


@pytest.mark.parametrize("name", COLLAPSES)
def test_a_collapse_is_still_held(name):
    continuous = profile(ref.Config(ceiling=False, **EXACT), COLLAPSES[name])
    assert (continuous.reason, continuous.warning) == ("low_end_unresolved", "errors_above_identity")
    ungated = profile(ref.Config(ceiling=False, pivot="off", endpoint="discrete", **EXACT), COLLAPSES[name])
    share = ungated.pi_before_coverage[:16].sum()
    print(f"\n{name}: {share:.4f} of pi in the lowest quarter")
    assert share > 0.987 and (ungated.reason, ungated.warning) == ("degenerate_low", "errors_above_identity")
    ceiled = profile(ref.Config(**EXACT), COLLAPSES[name])                # here the ceiling leaves nothing to hold
    assert (ceiled.reason, ceiled.warning) == ("none", "errors_above_identity")
    assert ceiled.pi_before_coverage[:16].sum() < 0.001


def test_warnings_name_their_bins():
    out = profile(ref.Config(ceiling=False), COLLAPSES["floor"])
    grid = ref.Grid(ref.Config())
    assert out.warning_bins == out.above_identity == (COLLAPSES["floor"](grid.s) > 2 * grid.s**2).sum()
    assert (out.warning_low, out.warning_high) == (grid.edges[0], grid.edges[out.warning_bins])
    high = profile(ref.preset("edm", sigma_min=1.0), profiles.gaussian)
    edges = ref.Grid(ref.preset("edm", sigma_min=1.0)).edges
    assert (high.warning_bins, high.warning_low, high.warning_high) == (16, 1.0, edges[16])
    open_guard = profile(ref.preset("edm", sigma_min=1.0, guard=False), profiles.gaussian)
    assert open_guard.warning == "band_at_low_end"
    named = profile(ref.Config(), profiles.two_point)
    assert (named.warning, named.warning_bins, named.warning_low) == ("looks_discrete", 0, 0)
