"""The reference against the numbers that the method says it should hit, and against known answers."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss

import infonoise_reference as ref
import make_vectors
import profiles
from profiles import EXACT, profile


# The table. The quantiles are of pi, to one percent.
TABLE = [
    ("two-point", profiles.two_point, dict(endpoint="discrete"), "foot", 0.294, [.473, .706, 1.02, 1.61, 3.86]),
    ("gaussian", profiles.gaussian, {}, "onset", 0.495, [.208, .404, .622, 1.00, 2.39]),
    ("gaussian, fine", profiles.gaussian, dict(sigma_min=0.0005, bins=128), "onset", 0.4955, [.207, .404, .622, .998, 2.39]),
    ("gaussian, literal", profiles.gaussian, dict(pivot="onset_literal"), "onset_literal", 0.513, [.211, .413, .636, 1.02, 2.43]),
    ("two-point, literal", profiles.two_point, dict(pivot="onset_literal"), "onset_literal", 8.56, None),
    ("two scales", profiles.two_scales, dict(endpoint="discrete"), "foot", 0.0294, [.055, .104, .847, 2.01, 5.28]),
]


@pytest.mark.parametrize("name, mmse, changes, rule, c, quantiles", TABLE, ids=[row[0] for row in TABLE])
def test_numbers_to_hit(name, mmse, changes, rule, c, quantiles):
    out = profile(ref.Config(**EXACT, **changes), mmse)
    print(f"\n{name}: {out.rule} c = {out.c:.5f}, quantiles " + " ".join(f"{q:.5f}" for q in out.quantiles))
    assert out.rule == rule
    assert out.c == pytest.approx(c, rel=0.01)
    if quantiles: assert out.quantiles == pytest.approx(quantiles, rel=0.01)


def test_two_point_mmse_two_ways():
    """The trapezoid rule against Gauss-Hermite on 1 - E tanh^2, where that is accurate."""
    eps, weight = hermegauss(180)
    for sigma in (0.7, 1.0, 2.0, 10.0, 80.0):
        direct = 1 - (weight * np.tanh((1 + sigma * eps) / sigma**2) ** 2).sum() / weight.sum()
        assert profiles.two_point_one(sigma) == pytest.approx(direct, rel=1e-6)
    # the two integrands meet at sigma = 1
    assert profiles.two_point_one(1 - 1e-12) == pytest.approx(profiles.two_point_one(1), rel=1e-10)


def test_integrals():
    two = profile(ref.Config(sigma_min=0.02, **EXACT), profiles.two_point)
    near = profile(ref.Config(sigma_min=0.02, **EXACT), profiles.gaussian)
    far = profile(ref.Config(**EXACT), profiles.gaussian)
    print(f"\ntwo-point {two.information:.7f}, gaussian {5 * near.information:.6f} and {5 * far.information:.6f}")
    assert two.information == pytest.approx(0.693069, abs=1e-5)
    assert 5 * near.information == pytest.approx(16.09828, rel=1e-4)
    assert 5 * far.information == pytest.approx(27.60725, rel=1e-4)
    exact = 2.5 * math.log((80**2 / (80**2 + .25)) / (.02**2 / (.02**2 + .25)))
    assert exact == pytest.approx(16.09828, abs=1e-4)
    assert far.entropy[-1] == pytest.approx(far.information, rel=1e-12)


def test_two_point_information_quantiles():
    out = profile(ref.Config(pivot="off", endpoint="discrete", **EXACT), profiles.two_point)
    print("\nno gate: " + " ".join(f"{q:.5f}" for q in out.quantiles))
    assert out.quantiles == pytest.approx([.4478, .6770, .9786, 1.5493, 3.728], rel=0.01)
    assert (out.gate == 1).all() and out.c == 0


def test_info_grid_follows_the_arctan_law():
    for sd in (0.5, 2.0):
        grid = ref.Grid(ref.Config(bins=128))
        out = ref.refresh(ref.Config(bins=128), grid, profiles.gaussian(grid.s, sd))
        clock = ref.EntropicTime(grid, out.q, out.gate, power=1, gated=False)
        sigmas = clock.grid(18)
        lo, hi = math.atan(grid.edges[0] / sd), math.atan(grid.edges[-1] / sd)
        exact = sd * np.tan(np.linspace(hi, lo, 18))
        assert sigmas == pytest.approx(exact, rel=5e-3)
        assert sigmas[0] == grid.edges[-1] and sigmas[-1] == grid.edges[0]
        for u in np.linspace(0, 1, 33):
            assert clock.to(clock.back(u)) == pytest.approx(u, abs=1e-12)


def test_generators():
    """The first words of the published C sources."""
    mix = ref.SplitMix64(1234567)
    assert [mix.next() for _ in range(5)] == [6457827717110365317, 3203168211198807973, 9817491932198370423,
                                              4593380528125082431, 16408922859458223821]
    rng = ref.Xoshiro256pp(state=[1, 2, 3, 4])
    assert [rng.next() for _ in range(6)] == [41943041, 58720359, 3588806011781223, 3591011842654386,
                                              9228616714210784205, 9973669472204895162]


def test_grid_and_lookup():
    grid = ref.Grid(ref.Config())
    assert grid.edges[0] == np.float32(0.002) and grid.edges[-1] == np.float32(80)
    assert (np.diff(grid.edges) > 0).all() and (grid.edges[:-1] < grid.s).all() and (grid.s < grid.edges[1:]).all()
    for k in range(64):
        assert grid.bin(grid.edges[k]) == k
        assert grid.bin(np.nextafter(grid.edges[k + 1], np.float32(0))) == k
    assert grid.bin(grid.edges[-1]) == 63


def test_admission():
    config = ref.Config(objective="epsilon")
    grid = ref.Grid(config)
    assert ref.admit(config, grid, 2.0, 0.5) == (grid.bin(2.0), np.float32(2.0))
    assert ref.admit(config, grid, 80.0 * (1 + 5e-6), 1.0) == (63, np.float32(6400))
    assert ref.admit(config, grid, 0.002 * (1 - 5e-6), 1.0)[0] == 0
    assert ref.admit(config, grid, 2.0, -0.0) == (grid.bin(2.0), 0)
    assert ref.admit(config, grid, 0.01, 1e-36) == (grid.bin(0.01), 0)
    for sigma, error in [(80.01, 1), (0.00199, 1), (math.nan, 1), (math.inf, 1), (-1, 1), (0, 1),
                         (1, -1e-40), (1, math.nan), (1, math.inf), (79, 3e38)]:
        assert ref.admit(config, grid, sigma, error) is None, (sigma, error)


def test_automatic_ends():
    ends = lambda **changes: tuple(float(x) for x in ref.ends(ref.Config(**changes)))
    f32 = lambda *values: tuple(float(np.float32(x)) for x in values)
    assert ends() == f32(0.002, 80) == tuple(float(x) for x in ref.ends(ref.preset("edm")))
    assert ends(sigma_data=16.0) == f32(0.064, 2560)
    assert ends(sigma_data=16.0, sigma_max=80.0) == f32(0.064, 80) and ends(sigma_min=0.1) == f32(0.1, 80)


def test_the_newest_slots():
    ring = ref.Ring(8)
    for i in range(5): ring.push(i)
    assert ring.newest(3) == [[2, 3, 4]] and ring.fresh(1) == 2 and ring.fresh(4) == 4 and ring.fresh(7) == 5
    for i in range(5, 11): ring.push(i)                                   # slots 8 9 10 3 4 5 6 7
    assert ring.newest(3) == [[8, 9, 10]] and ring.newest(5) == [[8, 9, 10], [6, 7]] and ring.fresh(1) == 5
    assert ring.newest(8) == [[8, 9, 10, 3, 4, 5, 6, 7]]
    for i in range(11, 16): ring.push(i)                                  # the head is at slot 0 again
    assert ring.newest(3) == [[13, 14, 15]] and ring.received == 16 and ring.fresh(1) == 8


def test_the_interval_grows_with_the_run():
    config = ref.Config(bins=8, window=8, min_count=2, refresh_every=5)
    r, at = ref.Reference(config), []
    s = r.grid.s
    for _ in range(40):
        r.observe(s, profiles.gaussian(s))
        if r.step() is not None: at.append(r.steps)
    assert at == [2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 32, 37]
    assert r.phase() == "adapting" and (r.last_refresh, r.next_refresh) == (37, 42)


def test_unreachable_bins():
    config = ref.Config(bins=16, window=8, min_count=2, coverage=0.0, warmup_steps=1)
    for lost, ready in (([0, 5, 6, 15], True), (list(range(8)), True), (list(range(9)), False)):
        r = ref.Reference(config)
        s, seen = r.grid.s, [k for k in range(16) if k not in lost]
        for _ in range(2): r.observe(s[seen], profiles.gaussian(s[seen]))
        assert r.step() is None and r.phase() == "waiting" and not r.unreachable().any()
        r.draws = 4 * 2 * 16                                              # draws * pi_k = 4 N_min
        assert (np.nonzero(r.unreachable())[0] == lost).all()
        out = r.step()
        assert (out is not None) == ready
        if not ready: continue
        known = np.interp(r.grid.ln_s, r.grid.ln_s[seen], np.log(profiles.gaussian(s.astype(np.float32).astype(float))[seen]))
        assert np.log(r.ema) == pytest.approx(known, rel=1e-6)
        r.observe(s[lost[:1]], [9.0])                                     # one loss is a stray one: nobody waits for more
        assert r.unreachable().sum() == len(lost) and (np.array(r.step().m) == r.ema).all()
        assert r.poorest() == (seen[0], 2)
        before = r.ema[lost[0]]
        r.observe(s[lost[:1]], [9.0])                                     # min_count of them: the bin is reachable again
        assert r.unreachable().sum() == len(lost) - 1
        while r.step() is None: pass
        assert r.ema[lost[0]] == pytest.approx(0.1 * before + 0.9 * 9.0)
    nothing = ref.bridge(ref.Grid(config), np.zeros(16), np.arange(16) == 3)
    assert (nothing == 0).all()


def test_a_stray_loss_changes_nothing():
    """Two runs of a trainer that skips bins 5 and 6, one with a huge loss in bin 5 before and after the first refresh."""
    config = ref.Config(bins=16, window=8, min_count=3, warmup_steps=1)
    runs = [ref.Reference(config), ref.Reference(config)]
    s, seen = runs[0].grid.s, [k for k in range(16) if k not in (5, 6)]
    for step in range(8):
        for stray, r in enumerate(runs):
            r.draws += 60
            r.observe(s[seen], profiles.gaussian(s[seen]))
            if stray and step in (0, 5): r.observe(s[5:6], [1e6])
            out = r.step()
            assert (out is not None) == (step >= 3)                                 # 4 * 60 / 16 draws in each bin
            if step >= 3: assert r.unreachable().sum() == 2 and r.poorest() == (0, step + 1)
    assert (runs[0].ema == runs[1].ema).all() and (runs[0].thresholds == runs[1].thresholds).all()
    nobody = ref.Reference(config)
    nobody.draws = 10**6
    assert nobody.unreachable().all() and nobody.poorest() == (0, 0) and not nobody.ready()


def test_lane_mean():
    values = np.arange(1, 20, dtype=float)
    assert ref.lane_mean([values]) == values.mean()
    assert ref.lane_mean([[7.0]]) == 7.0


def test_objectives_agree():
    """The same x0 error, passed in every space, gives the same stored loss; k and w are reciprocal but for edm."""
    for name in ("epsilon", "velocity", "v", "score"):
        config = ref.Config(objective=name)
        s = ref.Grid(config).s
        assert ref.error_factor(config, s) * ref.fixed_weight(config, s) == pytest.approx(np.ones(64))
    edm = ref.preset("edm")
    assert ref.fixed_weight(edm, 0.5) == pytest.approx((0.25 + 0.25) / 0.0625)


def test_coordinates():
    for sigma in (0.01, 0.5, 30.0):
        assert ref.sigma_of_t(ref.t_of_sigma(sigma)) == pytest.approx(sigma)
        assert ref.sigma_of_logsnr(ref.logsnr_of_sigma(sigma)) == pytest.approx(sigma)
        assert ref.sigma_of_c_noise(ref.c_noise_of_sigma(sigma)) == pytest.approx(sigma)
    assert ref.snap(1.9, [4.0, 2.0, 1.0]) == (2.0, 1)
    assert ref.snap(1.42, [1.0, 2.0]) == (2.0, 1)


def test_onset_does_not_move_with_sigma_min():
    unit = lambda s: profiles.gaussian(s, 1.0)
    for lo in (1e-5, 0.002, 0.02):
        assert profile(ref.Config(sigma_min=lo), unit).c == pytest.approx(1, rel=0.03)
    low = profile(ref.Config(sigma_min=1e-5, pivot="onset_literal"), unit).c
    high = profile(ref.Config(sigma_min=0.02, pivot="onset_literal"), unit).c
    print(f"\nliteral: {low:.4f} for 1e-5, {high:.4f} for .02")
    assert low == pytest.approx(0.006, rel=0.1) and high == pytest.approx(2.1, rel=0.1)      # centres: a bin is 14 %


def test_onset_equals_the_literal_rule_in_the_edm_setting():
    edm = profile(ref.preset("edm", **EXACT), profiles.gaussian)
    literal = profile(ref.Config(pivot="onset_literal", **EXACT), profiles.gaussian)
    assert edm.c == pytest.approx(literal.c, rel=0.05)


def test_onset_elsewhere():
    assert profile(ref.Config(sigma_min=2, sigma_max=80, bins=16, sigma_data=0.5), profiles.gaussian).rule == "below_grid"
    assert profile(ref.Config(sigma_min=0.002, sigma_max=0.1, bins=16), profiles.gaussian).rule == "onset_at_top"
    wrong = profile(ref.Config(), profiles.two_point)
    assert wrong.rule == "onset_interior_peak" and wrong.warning == "looks_discrete"


def test_guard():
    floor = lambda s: profiles.gaussian(s) + 0.01
    assert profile(ref.Config(ceiling=False), floor).reason == "low_end_unresolved"
    ceiled = profile(ref.Config(), floor)
    assert ceiled.reason == "none" and ceiled.warning == "errors_above_identity"
    assert profile(ref.Config(), np.zeros_like).reason == "no_signal"
    assert profile(ref.Config(pivot="foot"), profiles.gaussian).reason == "no_pivot"


def test_lognormal_masses():
    config = ref.Config(baseline="lognormal", baseline_mean=-1.2, baseline_std=1.2)
    mass = ref.baseline_masses(config, ref.Grid(config))
    assert mass.sum() == pytest.approx(1) and (mass > 0).all()
    assert 50 / mass.min() == pytest.approx(3e7, rel=0.15)       # examples before every bin holds 50


def test_draws_are_invariant():
    config = ref.Config(bins=16)
    whole, cut = ref.Reference(config, 7), ref.Reference(config, 7)
    assert (whole.sample(12) == np.concatenate([cut.sample(5), cut.sample(7)])).all()
    for draw in ("independent", "stratified"):
        config = ref.Config(bins=16, draw=draw)
        ranks = [ref.Reference(config, 3) for _ in range(4)]
        single = ref.Reference(config, 3)
        for n in (5, 8):
            joined = np.concatenate([r.sample(n, rank, 4) for rank, r in enumerate(ranks)])
            assert (joined == single.sample(4 * n)).all()
        assert all(r.rng.s == single.rng.s for r in ranks)


def test_a_run_learns_the_pivot():
    config = ref.Config(bins=32, window=16, min_count=4, warmup_steps=10, refresh_every=5)
    r = ref.Reference(config, 1)
    rng = np.random.default_rng(0)
    phases = []
    for _ in range(60):
        sigma = r.sample(32)
        r.observe(sigma, profiles.gaussian(sigma.astype(float)) * rng.chisquare(20, 32) / 20)
        r.step()
        phases.append(r.phase())
    assert phases[0] == "warmup" and phases[-1] == "adapting" and r.refreshes > 5 and r.held == 0
    assert r.accepted.c == pytest.approx(0.5, rel=0.25)
    r.frozen = True
    before = r.refreshes
    for _ in range(10): assert r.step() is None
    r.frozen = False
    assert r.phase() == "waiting" and r.step() is not None and r.refreshes == before + 1


def alike(a, b):
    if isinstance(a, dict): return a.keys() == b.keys() and all(alike(a[k], b[k]) for k in a)
    if isinstance(a, list): return len(a) == len(b) and all(alike(x, y) for x, y in zip(a, b))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)): return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12)
    return a == b


@pytest.mark.parametrize("name, make", [
    ("profiles", lambda: [make_vectors.profile_case(*case) for case in make_vectors.cases()]),
    ("draws", make_vectors.draws), ("run", make_vectors.runs)])
def test_the_vectors_are_those_of_this_reference(name, make):
    stored = json.loads((Path(__file__).resolve().parent.parent / "vectors" / f"{name}.json").read_text())
    assert alike(stored, make_vectors.plain(make()))
