"""Writes the golden vectors: `python make_vectors.py [directory]`, by default ../vectors.

The files hold inputs and the results of the reference; the README.md in their folder explains the fields.
Every random number comes from the reference's own generator, so the files are the same each time.
"""

import json
import math
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

import infonoise_reference as ref
import profiles

f32 = np.float32


def bits(values):
    return [int(b) for b in np.atleast_1d(np.asarray(values, f32)).view(np.uint32)]


def plain(x):
    """Anything as JSON: arrays as lists, infinities as null."""
    if isinstance(x, dict): return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple, np.ndarray)): return [plain(v) for v in x]
    if isinstance(x, (bool, np.bool_)): return bool(x)
    if isinstance(x, (int, np.integer)): return int(x)
    if isinstance(x, (float, np.floating)): return float(x) if math.isfinite(x) else None
    return x


def write(path, data):
    """One line per innermost list or scalar: small, and a change shows as a readable difference."""
    def text(x, depth):
        pad = " " * depth
        flat = not any(isinstance(v, (dict, list)) for v in (x.values() if isinstance(x, dict) else x if isinstance(x, list) else []))
        if flat or not x: return json.dumps(x, separators=(",", ":"), allow_nan=False)
        if isinstance(x, dict):
            return "{\n" + ",\n".join(f"{pad} {json.dumps(k)}:{text(v, depth + 1)}" for k, v in x.items()) + "}"
        return "[\n" + ",\n".join(f"{pad} {text(v, depth + 1)}" for v in x) + "]"
    path.write_text(text(plain(data), 0) + "\n")


class Noise:
    """Multiplicative log-normal noise, and uniform numbers, from the reference's generator."""
    def __init__(self, seed): self.rng = ref.Xoshiro256pp(seed)
    def uniform(self): return ((self.rng.next() >> 11) + 0.5) / 2**53
    def normal(self): return math.sqrt(-2 * math.log(self.uniform())) * math.cos(2 * math.pi * self.uniform())
    def on(self, values, spread): return np.array([v * math.exp(spread * self.normal()) for v in values])


# ------------------------------------------------------------------ profiles.json

def two(s): return profiles.two_point(s)
def gauss(s): return profiles.gaussian(s)
def floor(s): return gauss(s) + 0.01
def epsilon_floor(s): return gauss(s) + 0.01 * s * s
def tail(s): return two(s) + 1e-3 * s**1.5 / (1 + s**1.5)          # a power law below the two-point rise
def bowl(s):
    x = np.log(s / s[0]) / np.log(s[-1] / s[0])
    return s**2 * np.exp(0.28 * (x**4 - 1))                         # q rises slowly and convexly: only a knee
def zigzag(s):
    k = np.arange(len(s))
    return s**2 * np.exp(-8 - 0.1 * k + np.where(k % 2, 1.2, -1.2) + np.where(k > 0.6 * len(s), 7.0, 0.0))
def kink(s):
    return s**2 * (0.5 * (s / s[0])**-1.5 + 2e-3 * (s / s[0])**-0.1)  # q falls, then hardly: above its line, and no foot
def flat_top(s): return 0.3 * s**2 * np.maximum(1, s / 0.17)        # the rate is constant at the top of a grid to .3
def young(depth, variance, low=0.1, dip=0.5, high=2.0):
    """The identity at low sigmas, the linear denoiser at high ones, and between them ln q falls to -depth."""
    def mmse(s):
        x, knots = np.log(s), np.log([low, dip, high])
        between = np.interp(x, knots, [0, -depth, -math.log1p(high**2 / variance)])
        return s**2 * np.exp(np.where(s < high, between, -np.log1p(s * s / variance)))
    return mmse
def measured(s):
    """ln q of a network on DNA, as measured after 200 steps: it hardly falls from .6 to 1.2."""
    at = [0.06, 0.083, 0.116, 0.161, 0.224, 0.312, 0.435, 0.605, 0.843, 1.173, 1.634, 2.276, 3.169, 4.413]
    q = [0, 0, 0, -0.1, -0.3, -0.5, -0.9, -1.2, -1.2, -1.3, -1.7, -2.1, -2.7, -3.3]
    return s**2 * np.exp(np.interp(np.log(s), np.log(at), q) - 2 * np.log(np.maximum(1, s / at[-1])))
def levels_off(height): return lambda s: gauss(s) + height * s * s     # q falls to the height and stays there
def mixture(s): return 0.7 * profiles.gaussian(s, 1.0) + 0.3 * profiles.two_point(s, 0.3)
def noisy(mmse, seed, spread=0.3): return lambda s: Noise(seed).on(mmse(s), spread)


def cases():
    """(name, configuration, weight table or None, rounds of (mmse, repeats), expected rule, expected reason)"""
    small, mid = dict(bins=16), dict(bins=32)
    discrete = dict(endpoint="discrete")
    one = lambda mmse: [(mmse, 1)]
    slope = lambda K, lo, hi: np.exp(np.linspace(math.log(lo), math.log(hi), K))
    spot = np.ones(16); spot[8] = 1e-4
    low16 = np.ones(16); low16[0] = 0.05
    high16 = low16[::-1]
    wide = lambda s: profiles.gaussian(s, 16.0)

    def row(name, changes, mmse, rule, reason="none", weight=None, preset="default"):
        rounds = mmse if isinstance(mmse, list) else one(mmse)
        return name, ref.preset(preset, **changes), weight, rounds, rule, reason

    return [
        row("two-point", {}, two, "foot", preset="discrete"),
        row("two-point, 32 bins, noisy", mid, noisy(two, 11, 0.1), "foot", preset="discrete"),
        row("two scales", dict(bins=48), profiles.two_scales, "foot", preset="discrete"),
        row("gaussian", {}, gauss, "onset"),
        row("gaussian, 48 bins from .0005", dict(bins=48, sigma_min=0.0005, coverage=0.0), gauss, "onset"),
        row("gaussian, noisy, smoothed three times", dict(small, smoothing=3), noisy(gauss, 12), "onset"),
        row("gaussian, 16 bins, other threshold, exponent, coverage",
            dict(small, onset_threshold=0.01, gate_exponent=2.0, coverage=0.1), gauss, "onset"),
        row("gaussian, sigma_data given", dict(small, sigma_data=0.8), gauss, "onset"),
        row("edm", mid, noisy(gauss, 13, 0.1), "onset", preset="edm"),
        row("edm, samples, mixture, one automatic end", dict(small, emphasis="samples", sigma_data=1.0, sigma_min=0.002), mixture,
            "onset", preset="edm"),
        row("edm, automatic ends, deviation 16", dict(small, sigma_data=16.0), wide, "onset", preset="edm"),
        row("score", dict(small, objective="score"), noisy(gauss, 16, 0.1), "onset"),
        row("score, samples, sums, sigma_data", dict(small, objective="score", emphasis="samples", reduction_dim=3, sigma_data=0.5,
            sigma_min=0.02), lambda s: gauss(s) + 1e-3 * s**4, "onset"),
        row("flow", mid, noisy(gauss, 14, 0.1), "onset", preset="flow"),
        row("flow, discrete, weight table", dict(small, **discrete), two, "foot", weight=slope(16, 0.5, 4), preset="flow"),
        row("epsilon", small, gauss, "onset", preset="epsilon"),
        row("v, sums over 192 dimensions", dict(small, objective="v", reduction_dim=192), mixture, "onset"),
        row("onset, literal", dict(small, pivot="onset_literal"), gauss, "onset_literal"),
        row("paper, continuous", small, gauss, "onset_literal", preset="paper"),
        row("paper, discrete", dict(small, **discrete), tail, "power_law", preset="paper"),
        row("paper, two-point called continuous", small, two, "onset_literal", preset="paper"),
        row("onset, two-point called continuous", dict(sigma_min=0.1, bins=32), two, "onset_interior_peak"),
        row("onset at the top", dict(small, sigma_max=0.25, guard=False), gauss, "onset_at_top"),
        row("onset at the top, where the rate does not fall", dict(small, sigma_max=0.3), flat_top, "onset_at_top"),
        row("onset at the top, more than a decade above", dict(small, sigma_max=0.25, sigma_data=5.0),
            lambda s: profiles.gaussian(s, 5.0), "onset_at_top"),
        row("below the grid", dict(small, sigma_min=2.0, sigma_data=0.5), gauss, "below_grid"),
        row("power law alone", dict(small, **discrete, pivot="power_law"), tail, "power_law"),
        row("power law, no departure", dict(small, **discrete, pivot="power_law"), lambda s: 0.5 * s**1.5 / 80**1.5, "none", "no_pivot"),
        row("power law, bad fit", dict(mid, **discrete, pivot="power_law"), zigzag, "none", "no_pivot"),
        row("power law in the chain, above its line", dict(small, **discrete), kink, "power_law"),
        row("power law in the chain, below its line; no shoulder", dict(small, **discrete), gauss, "power_law"),
        row("power law alone, below its line in a young network", dict(small, **discrete, pivot="power_law"), young(1.5, 1.0), "power_law"),
        row("shoulder, young network", dict(mid, **discrete), young(1.8, 1.0), "shoulder"),
        row("shoulder, as measured on DNA", dict(bins=40, sigma_min=0.02, sigma_max=20.0, **discrete), measured, "shoulder"),
        row("shoulder, letters, noisy", dict(small, **discrete, emphasis="samples"), noisy(young(2.5, 0.75, 0.05, 0.4, 2.5), 23, 0.1), "shoulder"),
        row("shoulder, two moves up from a power law", dict(small, **discrete),
            [(lambda s: profiles.gaussian(s, 0.2), 1), (young(2.2, 1.0), 8), (young(2.2, 1.0), 8)], "shoulder"),
        row("shoulder, the bins above it too low to count", dict(small, **discrete, sigma_min=0.02), levels_off(0.005), "shoulder"),
        row("shoulder in the highest bins where the kernel is whole", dict(small, **discrete, guard=False), levels_off(0.012), "shoulder"),
        row("no shoulder: the fall is too small for how q bends", dict(small, **discrete, guard=False), levels_off(0.005), "power_law"),
        row("no shoulder: flat only where the kernel is cut", dict(small, **discrete, sigma_min=0.02, sigma_max=6.0), levels_off(0.05), "power_law"),
        row("foot, no peak", dict(small, **discrete, pivot="foot"), gauss, "none", "no_pivot"),
        row("knee alone", dict(small, **discrete, pivot="knee"), tail, "knee"),
        row("knee at the end of the chain", dict(small, **discrete), bowl, "knee"),
        row("knee, no dip", dict(small, **discrete, pivot="knee"), lambda s: 0.1 * s**2.3 / 80**0.3, "knee"),
        row("knee, peak at the end", dict(small, **discrete, pivot="knee"), gauss, "none", "no_pivot"),
        row("held pivot instead of a knee", dict(small, **discrete), [(two, 1), (bowl, 8)], "held"),
        row("held pivot instead of none", dict(small, **discrete, pivot="foot"), [(two, 1), (bowl, 8)], "held"),
        row("second round, averaged over the whole ring", dict(small, fresh_means=False), [(gauss, 1), (noisy(gauss, 15), 3)], "onset"),
        row("second round, its newer half", small, [(gauss, 1), (noisy(gauss, 15), 3)], "onset"),
        row("newest slots in two runs", small, [(noisy(gauss, 17), 9), (noisy(gauss, 18), 4)], "onset"),
        row("newest slots up to the last one", small, [(noisy(gauss, 19), 6), (noisy(gauss, 20), 2)], "onset"),
        row("all slots, the head in the middle", small, [(noisy(gauss, 21), 14), (noisy(gauss, 22), 5)], "onset"),
        row("in two runs, but the whole ring in paper", small, [(noisy(gauss, 17), 9), (noisy(gauss, 18), 4)], "onset_literal", preset="paper"),
        row("fixed", dict(small, pivot="fixed", pivot_value=0.3), gauss, "fixed"),
        row("off", dict(small, pivot="off", sigma_min=0.05), gauss, "off"),
        row("loss floor, ceiling", small, floor, "onset"),
        row("loss floor, no ceiling", dict(small, ceiling=False), floor, "onset", "low_end_unresolved"),
        row("loss floor, no ceiling, no guard", dict(small, ceiling=False, guard=False), floor, "onset"),
        row("loss floor, no ceiling, draws at the bottom", dict(small, ceiling=False, pivot="off", **discrete), floor, "off", "degenerate_low"),
        row("epsilon loss floor", dict(small, objective="epsilon"), epsilon_floor, "onset", "degenerate_high"),
        row("epsilon loss floor, samples", dict(small, sigma_min=0.002, sigma_max=80.0), epsilon_floor, "onset", preset="epsilon"),
        row("epsilon loss floor, sigma_data", dict(small, sigma_min=0.002, sigma_max=80.0, sigma_data=0.5), epsilon_floor, "onset", preset="epsilon"),
        row("deviation above sigma_data, no ceiling", dict(small, sigma_data=0.5, ceiling=False), lambda s: profiles.gaussian(s, 2.0), "onset"),
        row("epsilon loss floor, no evidence", dict(small, objective="epsilon"), lambda s: gauss(s) + 0.2 * s * s, "onset"),
        row("deviation .87 above sigma_data", dict(small, sigma_data=0.5, sigma_min=0.002, sigma_max=80.0),
            lambda s: profiles.gaussian(s, 0.87), "onset"),
        row("deviation .87 above sigma_data, noisy, samples", dict(small, sigma_data=0.5, emphasis="samples"),
            noisy(lambda s: profiles.gaussian(s, 0.87), 24, 0.2), "onset", preset="edm"),
        row("low-noise expert", dict(small, sigma_max=0.3), gauss, "onset_at_top", preset="edm"),
        row("high-noise expert", dict(small, sigma_min=1.0), gauss, "below_grid", preset="edm"),
        row("flow, t below .875", dict(small, sigma_max=7.0), lambda s: profiles.gaussian(s, 1.0), "onset", preset="flow"),
        row("flow, t above .875, no guard", dict(small, sigma_min=7.0, guard=False), lambda s: profiles.gaussian(s, 1.0), "below_grid", preset="flow"),
        row("deviation 16 on the usual grid", small, wide, "onset"),
        row("weight sends it low", dict(small, pivot="off", sigma_min=0.05), gauss, "off", weight=low16),
        row("weight sends it high, looks discrete", dict(small, sigma_min=0.1), two, "onset_interior_peak", weight=high16),
        row("weight narrows it", small, gauss, "onset", "degenerate_narrow", weight=spot),
        row("no signal", small, np.zeros_like, "none", "no_signal"),
    ]


def run_rounds(config, weight, grid, sigma, errors, shake=None):
    """Feeds every round and steps; `shake` moves the means a little, to see that no decision is on an edge."""
    r = ref.Reference(config, 0, weight)
    out = None
    for per_bin, repeats in errors:
        for _ in range(repeats): r.observe(sigma, per_bin)
        if shake is not None:
            for ring in r.rings: ring.slots = [float(v) * (1 + 1e-12 * shake.normal()) for v in ring.slots]
        out = r.step()
    return r, out


def profile_case(name, config, weight, rounds, rule, reason):
    config = ref.Config(**{**asdict(config), "window": 8, "min_count": 1, "warmup_steps": 1, "refresh_every": 1})
    grid = ref.Grid(config)
    sigma = grid.s.astype(f32)
    scale = (config.reduction_dim or 1) / ref.error_factor(config, grid.s)
    errors = [((mmse(grid.s) * scale).astype(f32), repeats) for mmse, repeats in rounds]
    r, out = run_rounds(config, weight, grid, sigma, errors)
    assert (out.rule, out.reason) == (rule, reason), (name, out.rule, out.reason)
    for seed in range(3):
        _, moved = run_rounds(config, weight, grid, sigma, errors, Noise(seed))
        for field in ("rule", "reason", "warning", "warning_bins", "clipped", "above_identity", "peak"):
            assert getattr(moved, field) == getattr(out, field), (name, field)
        if out.thresholds is not None: assert np.abs(moved.thresholds - out.thresholds).max() < 2000, name

    grids = None
    if out.reason == "none":
        # On the larger grids only: the map from bins to sigmas is the same on all, and the file stays small.
        kinds = [(power, gated) for power in (0.0, 1.0) for gated in (True, False)] if grid.bins > 16 else []
        grids = [dict(power=power, gated=gated, sigma=r.entropic_time(power, gated).grid(18)) for power, gated in kinds]
    return dict(
        name=name, config=asdict(config), weight=weight, sigma=sigma,
        rounds=[dict(error=e, x0_error=[ref.admit(config, grid, s, v)[1] for s, v in zip(sigma, e)], repeats=n) for e, n in errors],
        expected=dict(
            rule=out.rule, hold_reason=out.reason, warning=out.warning, warning_bins=out.warning_bins,
            warning_low=out.warning_low, warning_high=out.warning_high, clipped_bins=out.clipped,
            bins_above_identity=out.above_identity, ln_c=out.ln_c, c=out.c, information=out.information, peak=out.peak,
            error=out.m_ceiled, y=out.y, gate=out.gate, target=out.rho, density=out.pi, cdf=out.cdf,
            thresholds=out.thresholds, thresholds_in_force=None if out.reason == "none" else r.thresholds,
            quantiles=out.quantiles, info_grids=grids))


# ------------------------------------------------------------------ draws.json

def draw_table(name, grid, masses):
    _, thresholds = ref.table_of(np.asarray(masses, float))
    words = {0, 1, 2**32 - 1, 2**31, 0x9E3779B9}
    for k in range(grid.bins):
        lo, hi = int(thresholds[k]), int(thresholds[k + 1])
        words |= {w for w in (lo, lo + 1, (lo + hi) // 2, hi - 2, hi - 1, hi) if 0 <= w < 2**32}
    words = sorted(words)
    return dict(name=name, edges_bits=bits(grid.edges), thresholds=thresholds, words=words,
                sigma_bits=bits([ref.sigma_of_word(grid.edges, thresholds, u) for u in words]))


def draws():
    generators = []
    for seed in (0, 1, 42, 0x0123456789ABCDEF, 2**64 - 1):
        rng = ref.Xoshiro256pp(seed)
        state = [f"{w:#018x}" for w in rng.s]
        generators.append(dict(seed=f"{seed:#018x}", state=state, words=[f"{rng.next():#018x}" for _ in range(8)]))

    eight = ref.Grid(ref.Config(bins=8))
    sixteen = ref.Grid(ref.Config(bins=16))
    skew = Noise(21).on(np.ones(16), 2.0)
    tables = [
        draw_table("uniform in ln sigma", eight, np.ones(8)),
        draw_table("skewed", sixteen, skew),
        draw_table("empty bins, first and last too", eight, [0, 3, 0, 0, 1, 2, 1, 0]),
        draw_table("bins of one word or none", eight, [1, 2**-32, 2**-31, 2**-33, 1, 2**-30, 1, 2**-34]),
        draw_table("narrow grid", ref.Grid(ref.Config(bins=8, sigma_min=0.9999, sigma_max=1.0001)), np.ones(8)),
        draw_table("widest grid", ref.Grid(ref.Config(bins=8, sigma_min=2.0**-60, sigma_max=2.0**60)), np.ones(8)),
    ]

    streams = []
    lognormal = dict(baseline="lognormal", baseline_mean=-1.2, baseline_std=1.2, coverage=0.02)
    for name, changes, seed, world, calls in [
            ("independent, one process", {}, 5, 1, [1, 7, 16, 8]),
            ("independent, three ranks", {}, 5, 3, [3, 5]),
            ("stratified, one process", dict(draw="stratified"), 6, 1, [12, 1, 7]),
            ("stratified, three ranks", dict(draw="stratified"), 6, 3, [4, 5]),
            ("log-normal warm-up", lognormal, 7, 1, [32]),
            ("automatic ends, deviation 16", dict(sigma_data=16.0), 8, 1, [8]),
            ("automatic lower end, deviation .7", dict(sigma_data=0.7, sigma_max=80.0), 8, 1, [8]),
            ("automatic upper end, deviation .7", dict(sigma_data=0.7, sigma_min=0.002), 8, 1, [8])]:
        config = ref.Config(bins=16, **changes)
        ranks = [ref.Reference(config, seed) for _ in range(world)]
        batches = [[bits(r.sample(n, rank, world)) for n in calls] for rank, r in enumerate(ranks)]
        streams.append(dict(name=name, config=asdict(config), seed=seed, world=world, calls=calls,
                            thresholds=ranks[0].thresholds, sigma_bits=batches,
                            next_word=f"{ranks[-1].rng.next():#018x}"))
    return dict(generators=generators, tables=tables, streams=streams)


# ------------------------------------------------------------------ run.json

def odd_pairs(config):
    """Pairs at and beyond the edge of what is accepted."""
    lo, hi = map(float, ref.ends(config))
    mid = math.sqrt(lo * hi)
    most = 0.01 if config.objective == "epsilon" else 0.25                                       # an x0 error of 1, or .25
    pairs = [(lo, 0.25), (hi, most), (lo * (1 - 6e-6), 0.125), (hi * (1 + 6e-6), most / 2),    # accepted, clamped
             (lo * (1 - 3e-5), 0.5), (hi * (1 + 3e-5), 0.5), (0.0, 0.5), (-1.0, 0.5),          # rejected
             (math.nan, 0.5), (math.inf, 0.5), (mid, math.nan), (mid, math.inf), (mid, -math.inf), (mid, -0.5),
             (mid, -1e-40), (mid, 0.0), (lo, 1e-40), (lo, 2.0**-149)]
    if config.objective == "epsilon": pairs.append((hi, 3e38))                                # overflows f32 when converted
    return [p[0] for p in pairs], [p[1] for p in pairs]


def run(name, config, seed, steps, batch, mmse, weight=None, baseline=None, frozen=range(0), calls=1, table=None,
        stray=None, spread=0.2):
    """One training run of the reference, as a list of operations and their results. `table` gives the timesteps
    of a trainer that snaps the sigmas drawn to them, `stray` the pairs that it passes besides, by step."""
    r, noise, ops = ref.Reference(config, seed, weight, baseline), Noise(seed + 100), []

    def observe(sigma, error, mask=None):
        sigma, error = np.asarray(sigma, f32), np.asarray(error, f32)
        rejected = r.observe(sigma, error, mask)
        op = dict(op="observe", sigma_bits=bits(sigma), error_bits=bits(error))
        if mask is not None: op["mask"] = [int(m) for m in mask]
        ops.append({**op, "rejected": rejected})

    for step in range(steps):
        if (step in frozen) != r.frozen:
            r.frozen = step in frozen
            ops.append(dict(op="set_frozen", frozen=r.frozen))
        for call in range(calls):
            sigma = r.sample(batch)
            ops.append(dict(op="sample", n=batch, sigma_bits=bits(sigma)))
            if table: sigma = np.array([ref.snap(float(x), table(step))[0] for x in sigma], f32)
            s = sigma.astype(float)
            error = noise.on(mmse(s, step) / ref.error_factor(config, s) * (config.reduction_dim or 1), spread)
            observe(sigma, error, [noise.uniform() > 0.2 for _ in sigma] if step % 4 == 3 else None)
        if stray and step in stray: observe(*stray[step])
        if step in (1, 6) and not table: observe(*odd_pairs(config))
        out = r.step()
        poorest_bin, poorest_count = r.poorest()
        last, taken = r.last or ref.Refresh(), r.accepted or ref.Refresh()
        op = dict(op="step", phase=r.phase(), steps=r.steps, draws=r.draws, observations=r.observations, rejected=r.rejected,
                  refreshes=r.refreshes, held=r.held, hold_reason=r.hold_reason, warning=last.warning, warning_bins=last.warning_bins,
                  warning_low=last.warning_low, warning_high=last.warning_high, clipped_bins=last.clipped,
                  pivot_rule=taken.rule, pivot=taken.c, poorest_bin=poorest_bin, poorest_count=poorest_count,
                  unreachable_bins=int(r.unreachable().sum()))
        if out is not None: op["refresh"] = dict(ema=r.ema, thresholds=r.thresholds, cdf_change=r.cdf_change)
        ops.append(op)
    kinds = sorted({op["phase"] for op in ops if op["op"] == "step"})
    at = [op["steps"] for op in ops if "refresh" in op]
    pivots = [f"{op['pivot_rule']} {op['pivot']:.3f}" for op in ops if "refresh" in op and op["pivot"]]
    print(f"{name}: {', '.join(pivots)}")
    print(f"{name}: {r.refreshes} refreshes, {r.held} held ({r.hold_reason}), {r.rejected} rejected, {r.accepted and r.accepted.rule}, phases {kinds}, at {at}")
    return dict(name=name, config=asdict(config), seed=seed, weight=weight, baseline=baseline, operations=ops)


def timesteps(s, step):
    """Centres that the trainer knows: too few at first, then all but four bins, then one of those four as well."""
    known = (1, 4, 9, 11, 13, 14) if step < 10 else set(range(16)) - ({0, 5, 6, 15} if step < 20 else {0, 6, 15})
    return [s[k] for k in sorted(known)]


def runs():
    continuous = ref.preset("paper", bins=16, window=8, min_count=2, warmup_steps=3, refresh_every=2, pivot="auto", ceiling=True,
                            guard=True, coverage=0.05)
    epsilon = ref.Config(bins=16, window=8, min_count=3, warmup_steps=4, refresh_every=3, objective="epsilon", emphasis="samples",
                         endpoint="discrete", sigma_min=0.05, sigma_max=20.0, draw="stratified", coverage=0.4, smoothing=1,
                         baseline="lognormal", baseline_mean=-0.5, baseline_std=1.2, reduction_dim=4)
    velocity = ref.Config(bins=16, window=8, min_count=2, refresh_every=3, refresh_growth=3, objective="velocity", ceiling=False,
                          baseline="table", coverage=0.1, sigma_min=0.01, sigma_max=50.0)
    score = ref.Config(bins=16, window=20, min_count=3, refresh_every=5, objective="score", emphasis="samples", sigma_data=0.5,
                       coverage=0.3)
    s = ref.Grid(score).s
    learning = lambda s, step: gauss(s) + (0.02 if step < 5 else 0.0)     # a loss floor that goes away
    def growing(s, step):                                                 # ever better, then errors without a pivot
        if step < 5: return profiles.gaussian(s, 0.3)
        if step < 12: return young(2.4, 1.0, 0.1, 0.4, 2.5)(s)
        return young(6.0, 1.0, 0.1, 0.3, 1.0)(s) if step < 21 else 0.9 * s**2 / (1 + s**2 / 100)
    return [
        run("continuous, gaussian", continuous, 1, 14, 20, lambda s, step: profiles.gaussian(s, 0.7)),
        run("discrete, epsilon, stratified, from a power law to the shoulder to the foot to a held pivot", epsilon, 2, 30, 30, growing,
            weight=np.linspace(1, 3, 16), spread=0.05),
        run("velocity, loss floor first, frozen for a while", velocity, 3, 20, 24, learning,
            baseline=np.linspace(2, 1, 16), frozen=range(14, 17), calls=2),
        run("score, timesteps that miss most bins, then a few, then fewer; stray losses", score, 4, 30, 17, lambda s, step: epsilon_floor(s),
            table=lambda step: timesteps(s, step), stray={3: ([s[6], s[0]], [9.0, 5e3]), 15: ([s[6]], [9.0]), 24: ([s[6]], [2.0])}),
    ]


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "vectors"
    write(target / "profiles.json", [profile_case(*case) for case in cases()])
    write(target / "draws.json", draws())
    write(target / "run.json", runs())
    for path in sorted(target.glob("*.json")): print(path.name, path.stat().st_size)
