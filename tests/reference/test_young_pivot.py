"""The pivot while a network is young: power law, shoulder, foot, and how far it moves."""

import math

import numpy as np
import pytest

import infonoise_reference as ref
import make_vectors
import profiles
from profiles import EXACT, profile


# Young networks: (variance, whether the depth counts from the linear denoiser)
YOUNG = {"two-point": (1.0, False), "letters as +-1": (0.75, False), "two-point, below linear": (1.0, True),
         "letters, one-hot, below linear": (0.1875, True)}


@pytest.mark.parametrize("name", YOUNG)
def test_the_pivot_of_a_young_network(name):
    """The identity up to .1, the linear denoiser from 2, a dip at .5 that grows. Where q falls from .1 to .5 and from
    2 on, and is flat or rises between, c is in that part; a peak a factor 2 above the dip is a foot."""
    variance, below = YOUNG[name]
    c, rules = [], []
    for depth in np.arange(0.8, 3.61, 0.1) + below * math.log1p(0.25 / variance):
        out = profile(ref.preset("discrete"), make_vectors.young(depth, variance))
        assert out.reason == "none"
        if depth >= math.log1p(4 / variance): assert out.rule in ("shoulder", "foot"), depth
        if out.rule == "shoulder": assert 0.9 < out.c < 1.1
        c.append(out.c)
        rules.append(out.rule)
    runs = [rules.count(rule) for rule in ("power_law", "shoulder", "foot")]
    print(f"\n{name}: power law, shoulder, foot {runs}; c " + " ".join(f"{x:.3f}" for x in c))
    assert rules == ["power_law"] * runs[0] + ["shoulder"] * runs[1] + ["foot"] * runs[2] and runs[1] >= 12
    late = np.abs(np.diff(np.log(c[runs[0]:])))
    assert late.max() < math.log(1.5)                                     # from the shoulder to the foot at its first


@pytest.mark.parametrize("changes", [{}, dict(bins=128), dict(bins=40, sigma_min=0.02, sigma_max=20.0)])
def test_the_pivot_of_a_measured_young_network(changes):
    out = profile(ref.preset("discrete", **changes), make_vectors.measured)
    print(f"\n{out.rule} c = {out.c:.4f}")
    assert out.rule == "shoulder" and out.c == pytest.approx(0.78, rel=0.02)


def shoulder(grid, q): return ref.shoulder(grid, q, q - grid.ln_s)


def ever_steeper(rng, grid):
    """q that falls ever more steeply towards high noise, by at most a factor of sigma^2."""
    slope = -np.sort(rng.uniform(0, 2, grid.bins))
    return np.cumsum(slope * grid.h)


@pytest.mark.parametrize("bins", [16, 32, 64])
def test_a_monotone_profile_has_no_shoulder(bins):
    """As of binary images: the slope of q never recovers on the way to high noise."""
    rng = np.random.default_rng(bins)
    for high in (4.0, 80.0):
        config = ref.preset("discrete", bins=bins, sigma_max=high)
        grid = ref.Grid(config)
        spectrum = lambda s: np.mean([profiles.gaussian(s, math.exp(x)) for x in np.linspace(-3, 1, 30)], axis=0)
        for mmse in (profiles.gaussian, lambda s: profiles.gaussian(s, 3.0), spectrum):
            out = profile(config, mmse)
            assert ref.shoulder(grid, out.q, out.y) == ref.NONE
            if high == 80: assert out.rule == "power_law"
        for _ in range(100): assert shoulder(grid, ever_steeper(rng, grid)) == ref.NONE
        assert shoulder(grid, np.zeros(bins)) == ref.NONE
    bowl = np.log(make_vectors.bowl(grid.s)) - 2 * grid.ln_s             # q rises: its slope falls too slowly to the low end
    assert shoulder(grid, bowl) == ref.NONE
    narrow = ref.Grid(ref.Config(bins=8, sigma_min=1.0, sigma_max=1.01))     # fewer bins than the slope needs
    assert shoulder(narrow, np.zeros(8)) == ref.NONE


@pytest.mark.parametrize("spread", [0.03, 0.1, 0.2])
def test_noise_hardly_makes_a_shoulder(spread):
    config, rng = ref.preset("discrete"), np.random.default_rng(2)
    noisy = lambda s: profiles.gaussian(s) * np.exp(spread * rng.standard_normal(64))
    rules = [profile(config, noisy).rule for _ in range(200)]
    print(f"\n{rules.count('shoulder')} shoulders of 200")
    assert rules.count("shoulder") <= 6


def test_a_shoulder_needs_a_larger_fall_under_noise():
    """The same q; what the second differences of y say of its noise decides."""
    grid = ref.Grid(ref.Config())
    q = np.log(make_vectors.measured(grid.s)) - 2 * grid.ln_s
    smooth = q - grid.ln_s
    width = grid.decades(0.2, 2) * grid.h
    for spread in (0.05, 0.1, 0.2, 0.4):                                  # +- spread in turn: differences of 4 spread
        rough = np.where(np.arange(64) % 2, spread, -spread)
        assert ref.noise_variance(rough) == pytest.approx(16 / 6 * spread**2)
    assert ref.noise_variance(grid.ln_s) < 1e-20
    rng = np.random.default_rng(4)
    assert np.mean([ref.noise_variance(0.2 * rng.standard_normal(64)) for _ in range(500)]) == pytest.approx(0.04, rel=0.05)
    found = [ref.shoulder(grid, q, smooth + np.where(np.arange(64) % 2, x, -x))[0] for x in np.linspace(0, 0.4, 41)]
    n = found.count("shoulder")
    least = 0.5 + 2 * math.sqrt(16 / 6) * 0.01 * n / width
    print(f"\nfound up to a fall of {least:.2f}")
    assert found == ["shoulder"] * n + ["none"] * (41 - n) and 0 < n < 41


def test_a_shoulder_is_sought_where_the_kernel_is_whole():
    """q falls from 3 on and is flat in the `flat` highest bins: a window counts if the kernel is whole at both its ends."""
    grid = ref.Grid(ref.Config())
    J, H = grid.decades(0.2, 2), grid.decades(0.15, 0)
    highest = grid.ln_s[63 - J - H] + (J / 2 + 0.5) * grid.h                # c in the highest such window, shifted
    found = []
    for flat in range(1, 12):
        x = np.minimum(grid.ln_s, grid.ln_s[63 - flat])
        found.append(shoulder(grid, -1.5 * np.maximum(0, x - math.log(3))))
    rules = [rule for rule, _ in found]
    n = rules.count("none")
    print(f"\nfrom {n + 1} flat bins on; kernel {H}, slope {J}; c " + " ".join(f"{math.exp(ln_c):.2f}" for rule, ln_c in found[n:]))
    assert n >= H and rules == ["none"] * n + ["shoulder"] * (11 - n) and n < 11
    assert all(ln_c <= highest + 1e-12 for _, ln_c in found[n:])


def test_the_parts_of_a_shoulder():
    """Known q: two slopes of -2 with one of -1/2 between them. c is in the middle of the flatter part."""
    grid = ref.Grid(ref.Config())
    def q(lo, mid, hi, slope):
        knots = np.log([1e-3, lo, hi, 100])
        steps = np.array([0, -0.9 * (knots[1] - knots[0]), slope * (knots[2] - knots[1]), -2 * (knots[3] - knots[2])])
        return np.interp(grid.ln_s, knots, np.cumsum(steps))
    for lo, hi in ((0.02, 0.06), (0.025, 0.06), (0.03, 0.1)):
        for slope in (-0.2, 0.0, 0.5):
            rule, ln_c = shoulder(grid, q(lo, None, hi, slope))
            assert rule == "shoulder" and ln_c == pytest.approx(math.log(lo * hi) / 2, abs=grid.h)
        assert shoulder(grid, q(lo, None, hi, -0.5)) == ref.NONE         # it recovers by less than 1/2
    # Bins that are a factor 100 below the largest q do not count, whatever their slope.
    deep = q(0.02, None, 0.06, 0.0)
    lifted = np.where(grid.s > 20, deep + 4 * np.log(grid.s / 20), deep)
    assert deep[grid.s < 20].min() < deep.max() - 2 * math.log(100) and lifted.max() == deep.max()
    # (The fall that counts depends on all of y, so both are given the same one.)
    assert ref.shoulder(grid, lifted, deep - grid.ln_s) == shoulder(grid, deep) != ref.NONE


def test_a_pivot_moves_by_at_most_half_a_refresh():
    """From the tail of a network that has learned little to the shoulder, and back down to the foot."""
    config = ref.preset("discrete", bins=64, window=8, min_count=1, warmup_steps=1, refresh_every=1)
    r, c, rules = ref.Reference(config), [], []
    s = r.grid.s
    phases = [(lambda s: profiles.gaussian(s, 0.05), 2), (make_vectors.young(2.5, 1.0), 12), (profiles.two_point, 10)]
    for mmse, steps in phases:
        for _ in range(8): r.observe(s, mmse(s))
        for _ in range(steps):
            assert r.step() is r.accepted
            c.append(r.accepted.c)
            rules.append(r.accepted.rule)
    moves = np.diff(np.log(c)) / math.log(1.5)
    print("\n" + " ".join(f"{rule} {x:.3f}" for rule, x in zip(rules, c)))
    assert np.abs(moves).max() <= 1 + 1e-12 and (moves > 1 - 1e-12).sum() >= 4 and (moves < -1 + 1e-12).sum() >= 2
    assert list(dict.fromkeys(rules)) == ["power_law", "shoulder", "foot"] and rules.count("shoulder") >= 10
    assert c[-1] == pytest.approx(0.294, rel=0.02) and c[13] == pytest.approx(1.0, rel=0.1)


def test_where_moves_are_not_limited():
    grid = ref.Grid(ref.Config())
    def pivot(accepted, mmse=profiles.two_point, **changes):
        config = ref.preset("discrete", **changes)
        out = ref.refresh(config, grid, mmse(grid.s))
        return ref.find_pivot(config, grid, np.log(np.maximum(mmse(grid.s), ref.LN_FLOOR)), out.y, out.q, accepted)[:2]
    near, far, free = math.log(0.1), math.log(5.0), pivot(None)
    assert free[0] == "foot" and pivot(far) == ("foot", far - math.log(1.5)) and pivot(near) == ("foot", near + math.log(1.5))
    assert pivot(free[1] + 0.4) == pivot(free[1] - 0.4) == free                # within a factor 1.5
    assert pivot(-math.inf) == free                                            # the gate was open
    assert pivot(far, pivot="foot") == free
    for other in (dict(pivot="power_law"), dict(endpoint="continuous"), dict(pivot="fixed", pivot_value=0.1), dict(pivot="off")):
        assert pivot(far, profiles.gaussian, **other) == pivot(None, profiles.gaussian, **other), other
    assert pivot(far, make_vectors.kink, pivot="paper") == pivot(None, make_vectors.kink, pivot="paper")
    assert pivot(far, make_vectors.bowl) == ("held", far)


def test_the_sides_of_a_power_law():
    """To the other side the line is not left; the chain of auto asks above the line first, then for a shoulder, then below."""
    grid = ref.Grid(ref.Config())
    y = lambda mmse: np.log(mmse(grid.s)) - 3 * grid.ln_s
    below, above = y(profiles.gaussian), y(make_vectors.kink)
    assert ref.power_law(grid, below, above=False) == ref.power_law(grid, below)
    assert ref.power_law(grid, above, below=False) == ref.power_law(grid, above)
    assert ref.power_law(grid, below, below=False) == ref.power_law(grid, above, above=False) == ref.NONE
    assert profile(ref.preset("discrete"), make_vectors.kink).rule == profile(ref.preset("discrete"), profiles.gaussian).rule == "power_law"
    young = make_vectors.young(1.5, 1.0)
    assert profile(ref.preset("discrete"), young).rule == "shoulder"
    assert profile(ref.preset("paper", endpoint="discrete"), young).rule == "power_law"
