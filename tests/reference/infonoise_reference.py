"""The method in plain float64 NumPy, written to be read together with docs/specification.md.

Nothing here is fast and nothing is shared with the Rust library: it is a second reading of the
same text, so that a mistake in one of them shows as a difference. Names of configuration and
report fields are those of the library.
"""

import math
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from scipy.special import ndtr  # the normal CDF

LN_FLOOR, GOLDEN = 1e-300, 0x9E3779B9
U32, U64 = 2**32 - 1, 2**64 - 1
f32 = np.float32

# ------------------------------------------------------------------ configuration and presets
@dataclass
class Config:
    bins: int = 64; window: int = 256
    sigma_min: float = 0.0; sigma_max: float = 0.0      # 0: automatic, see `ends`
    objective: str = "x0"            # x0 edm epsilon velocity v score
    sigma_data: float = 0.0          # 0: unknown
    reduction_dim: int = 0           # 0: errors are means; d: sums over d dimensions
    emphasis: str = "target"         # target samples
    endpoint: str = "continuous"     # continuous discrete
    pivot: str = "auto"              # auto paper onset onset_literal foot power_law knee fixed off
    pivot_value: float = 0.0; onset_threshold: float = 0.002; gate_exponent: float = 3.0
    ceiling: bool = True; guard: bool = True; smoothing: int = 0; coverage: float = 0.02
    baseline: str = "loguniform"     # loguniform lognormal table
    baseline_mean: float = 0.0; baseline_std: float = 0.0
    warmup_steps: int = 0; refresh_every: int = 100; min_count: int = 20; ema_rate: float = 0.9
    draw: str = "independent"        # independent stratified
    refresh_growth: int = 4          # 0: the interval is always refresh_every
    fresh_means: bool = True         # False: a mean is over the whole ring

PRESETS = {
    "default": {},
    "discrete": dict(endpoint="discrete"),
    "edm": dict(objective="edm", sigma_data=0.5),
    "flow": dict(objective="velocity", sigma_min=0.001 / 0.999, sigma_max=0.999 / 0.001),
    "epsilon": dict(objective="epsilon", emphasis="samples", sigma_min=0.029, sigma_max=14.65),
    "paper": dict(pivot="paper", ceiling=False, guard=False, coverage=0.0, warmup_steps=500, min_count=50,
                  refresh_growth=0, fresh_means=False),
}

def preset(name, **changes): return Config(**{**PRESETS[name], **changes})

# ------------------------------------------------------------------ grid, coordinates, objectives
def ends(config):
    """The ends of the grid as f32; each of the two is automatic by itself: EDM's grid in units of the data."""
    known = config.sigma_data > 0
    return (f32(config.sigma_min or (0.004 * config.sigma_data if known else 0.002)),
            f32(config.sigma_max or (160 * config.sigma_data if known else 80)))

class Grid:
    """K bins uniform in ln sigma: f32 edges with exact ends, f64 centres."""
    def __init__(self, config):
        self.bins = K = config.bins
        lo, hi = ends(config)
        start = math.log(float(lo))
        self.h = (math.log(float(hi)) - start) / K
        self.edges = np.array([math.exp(start + i * self.h) for i in range(K + 1)]).astype(f32)
        self.edges[0], self.edges[K] = lo, hi
        self.ln_s = np.array([start + (k + 0.5) * self.h for k in range(K)])
        self.s = np.array([math.exp(x) for x in self.ln_s])
    def decades(self, width, least):
        """bins(D, least): a width in decades as a number of bins, rounded half up."""
        return max(least, math.floor(width * math.log(10) / self.h + 0.5))
    def bin(self, sigma):
        """Bin k holds e_k <= sigma < e_{k+1}; the last one also holds sigma_max."""
        return min(int(np.searchsorted(self.edges, f32(sigma), side="right")) - 1, self.bins - 1)

def t_of_sigma(sigma): return sigma / (1 + sigma)
def sigma_of_t(t): return t / (1 - t)
def logsnr_of_sigma(sigma): return -2 * np.log(sigma)
def sigma_of_logsnr(logsnr): return np.exp(-logsnr / 2)
def c_noise_of_sigma(sigma): return np.log(sigma) / 4
def sigma_of_c_noise(c_noise): return np.exp(4 * c_noise)

def snap(sigma, table):
    """The entry of the table nearest in ln sigma, and its index (the first of equals)."""
    i = int(np.argmin(np.abs(np.log(np.asarray(table, float)) - math.log(sigma))))
    return table[i], i

def error_factor(config, s):
    """k(sigma): x0 error = k * error in the objective's space."""
    if config.objective == "epsilon": return s * s
    if config.objective == "velocity": return (s / (1 + s)) ** 2
    if config.objective == "v": return s * s / (1 + s * s)
    if config.objective == "score": return s * s * s * s
    return s * 0 + 1.0

def fixed_weight(config, s):
    """w(sigma): the weight that training in the objective's space puts on the x0 error."""
    if config.objective == "edm": return (s * s + config.sigma_data**2) / (s * config.sigma_data) ** 2
    if config.objective == "epsilon": return 1 / (s * s)
    if config.objective == "velocity": return ((1 + s) / s) ** 2
    if config.objective == "v": return (1 + s * s) / (s * s)
    if config.objective == "score": return 1 / (s * s * s * s)
    return s * 0 + 1.0

# ------------------------------------------------------------------ observation
def admit(config, grid, sigma, error):
    """(bin, stored x0 error) of a pair, or None for a rejection. Both inputs are f32."""
    sigma, error = float(f32(sigma)), float(f32(error))
    lo, hi = float(grid.edges[0]), float(grid.edges[-1])
    if not math.isfinite(sigma) or sigma < lo * (1 - 1e-5) or sigma > hi * (1 + 1e-5): return None
    if not math.isfinite(error) or error < 0: return None
    sigma = min(max(sigma, lo), hi)
    x0_error = error_factor(config, sigma) * error / (config.reduction_dim or 1)
    if x0_error < 2.0**-126: return grid.bin(sigma), f32(0)
    with np.errstate(over="ignore"): stored = f32(x0_error)
    return (grid.bin(sigma), stored) if np.isfinite(stored) else None

class Ring:
    """The newest losses of one bin: a FIFO of `window` slots, `head` the slot that is written next."""
    def __init__(self, window):
        self.window, self.slots, self.head, self.received = window, [], 0, 0
    def push(self, value):
        if len(self.slots) < self.window: self.slots.append(value)
        else: self.slots[self.head] = value
        self.head, self.received = (self.head + 1) % self.window, min(self.received + 1, U32)
    def count(self): return len(self.slots)
    def fresh(self, least):
        """n_k: the later half of all that the bin ever got, as far as the ring still holds it."""
        return min(max(self.received // 2, least), self.window, self.count())
    def newest(self, n):
        """The newest n slots in slot order, as one run of slots or as two where they wrap."""
        if n == self.count(): return [self.slots]
        head = self.head or self.window
        return [self.slots[head - n:head]] if n <= head else [self.slots[:head], self.slots[head - n:]]
    def mean(self, config):
        return lane_mean(self.newest(self.fresh(config.min_count) if config.fresh_means else self.count()))

def lane_mean(pieces):
    """Mean in eight lanes, added as a tree; every piece starts again at lane 0."""
    lane = [0.0] * 8
    for piece in pieces:
        for i, value in enumerate(piece): lane[i % 8] += float(value)
    total = ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))
    return total / sum(len(piece) for piece in pieces)

# ------------------------------------------------------------------ pivot rules, each -> (rule, ln c)
NONE = ("none", None)
OPEN = -math.inf                     # ln c of an open gate

def triangle(x, half):
    """Triangular kernel of 2 * half + 1 bins, renormalised where the ends cut it."""
    out = np.empty(len(x))
    for k in range(len(x)):
        js = [j for j in range(-half, half + 1) if 0 <= k + j < len(x)]
        weight = [half + 1 - abs(j) for j in js]
        out[k] = sum(w * x[k + j] for w, j in zip(weight, js)) / sum(weight)
    return out

def crossing(grid, curve, k, level):
    """ln sigma at which the curve passes the level, log-linear between centres k and k + 1."""
    return grid.ln_s[k] + grid.h * (curve[k] - level) / (curve[k] - curve[k + 1])

def line(x, y):
    """Least squares: slope and the value at x = 0."""
    dx = x - x.mean()
    slope = float((dx * (y - y.mean())).sum() / (dx * dx).sum())
    return slope, float(y.mean() - slope * x.mean())

def data_scale(config, grid, ln_m):
    """S: the standard deviation of the data per dimension."""
    if config.sigma_data > 0: return config.sigma_data
    return math.sqrt(math.exp(triangle(ln_m, grid.decades(0.15, 0)).max()))

def onset(config, grid, ln_m, y):
    """(rule, ln c, whether the maximum is interior). y itself is smoothed, not y formed from the smoothed
    ln m: there the kernel, cut at bin 0 where ln m is steep, would lift q and so the level."""
    K, raw, y = grid.bins, y, triangle(y, grid.decades(0.15, 0))
    level = math.log(250 * config.onset_threshold) + (y + grid.ln_s).max() - math.log(data_scale(config, grid, ln_m))
    length = grid.decades(0.25, 2)
    interior = int(np.argmax(y)) >= max(3, K // 9)
    for k in range(K - 1, -1, -1):
        if (y[max(0, k - length + 1):k + 1] >= level).all():
            if k == K - 1: return "onset_at_top", beyond(grid, raw, length, level), interior
            return "onset_interior_peak" if interior else "onset", crossing(grid, y, k, level), interior
    return "below_grid", OPEN, interior

def beyond(grid, y, length, level):
    """ln c above the grid: where the line through the highest bins of y, as it is, passes the level; at most a
    decade away, and the highest centre where that line hardly falls."""
    last = grid.ln_s[-1]
    slope, top = line(grid.ln_s[-length:] - last, y[-length:])
    return last + min((level - top) / slope, math.log(10)) if slope < -0.5 else last

def onset_literal(config, grid, y):
    return "onset_literal", grid.ln_s[np.nonzero(y >= math.log(config.onset_threshold) + y.max())[0].max()]

def foot(grid, q):
    q = triangle(q, grid.decades(0.075, 0))
    J, T = grid.decades(0.2, 2), math.log(2)
    found = None                     # (height, bin, valley) of the lowest confirmed peak so far
    falling, top, top_bin, valley = False, -math.inf, None, None
    for k in range(grid.bins - 1, -1, -1):
        ahead = q[k - J + 1:k + 1] if k - J + 1 >= 0 else None
        if not falling:
            if q[k] > top: top, top_bin = q[k], k
            if ahead is not None and (ahead < top - T).all():
                falling, valley, found = True, q[k], (top, top_bin, q[k])
        else:
            valley = min(valley, q[k])
            found = (found[0], found[1], valley)
            if ahead is not None and (ahead > valley + T).all():
                falling, top, top_bin = False, q[k], k
    if found is None: return NONE
    peak, k, valley = found
    level = max(valley, peak - math.log(100)) + T
    while q[k] >= level: k -= 1
    return "foot", crossing(grid, q, k, level)

def power_law(grid, y, above=True, below=True):
    """`above`, `below`: the sides of the line to which y may leave it; to the other one it is no departure."""
    K, J, T = grid.bins, grid.decades(0.2, 2), math.log(2)
    for n in range(grid.decades(0.75, 4), K - J + 1):
        slope, zero = line(grid.ln_s[:n], y[:n])
        off = y - (zero + slope * grid.ln_s)
        leaves = above and (off[n:n + J] > T).all() or below and (off[n:n + J] < -T).all()
        if leaves and -3.5 <= slope <= -0.25:
            return ("power_law", grid.ln_s[n - 1]) if math.sqrt((off[:n] ** 2).mean()) <= 0.7 else NONE
    return NONE

def noise_variance(values):
    """Of independent noise on a smooth curve, from its second differences."""
    return ((values[:-2] - 2 * values[1:-1] + values[2:]) ** 2).mean() / 6

def shoulder(grid, q, y):
    """A young network: the flattest part of q between two falls towards high noise, where its peak will grow.
    d_k is the slope over the J bins above k, 0 standing for q past the end of the grid."""
    K, J, q = grid.bins, grid.decades(0.2, 2), triangle(q, grid.decades(0.15, 0))
    d = lambda k: float((q[k + J] if k + J < K else 0.0) - q[k]) / (J * grid.h)
    least = 0.5 + 2 * math.sqrt(noise_variance(y)) / (J * grid.h)
    best, place, run = -math.inf, None, 0
    for k in range(K - 1 - J - grid.decades(0.15, 0), -1, -1):
        if q[k] < q.max() - math.log(100): continue
        if d(k) > best: best, place, run = d(k), k, 0
        else: run = run + 1 if d(k) < best - least else 0
        if run >= J:
            left, right = d(max(place - 1, 0)), d(place + 1)
            bend = left - 2 * best + right
            shift = min(max((left - right) / (2 * bend), -0.5), 0.5) if place > 0 and bend < 0 else 0.0
            return "shoulder", grid.ln_s[place] + (J / 2 + shift) * grid.h
    return NONE

def knee(grid, q):
    q = triangle(q, grid.decades(0.15, 0))
    top = int(np.argmax(q))
    if top < 2: return NONE
    dip = q[0] + (q[top] - q[0]) * np.arange(top + 1) / top - q[:top + 1]
    k = int(np.argmax(dip))
    return "knee", grid.ln_s[k if dip[k] > 0.1 else 0]

def find_pivot(config, grid, ln_m, y, q, accepted):
    """(rule, ln c, looks discrete). `accepted` is ln c of the last accepted refresh, if any."""
    discrete = config.endpoint == "discrete"
    chain = {"auto": ["foot", "power_law_above", "shoulder", "power_law_below", "knee"] if discrete else ["onset"],
             "paper": ["power_law", "knee"] if discrete else ["onset_literal"]}.get(config.pivot, [config.pivot])
    rules = {"onset": lambda: onset(config, grid, ln_m, y), "onset_literal": lambda: onset_literal(config, grid, y),
             "foot": lambda: foot(grid, q), "power_law": lambda: power_law(grid, y),
             "power_law_above": lambda: power_law(grid, y, below=False), "shoulder": lambda: shoulder(grid, q, y),
             "power_law_below": lambda: power_law(grid, y, above=False), "knee": lambda: knee(grid, q),
             "fixed": lambda: ("fixed", math.log(config.pivot_value)), "off": lambda: ("off", OPEN)}
    for name in chain:
        rule, ln_c, *interior = rules[name]()
        if rule != "none": break
    weak = rule == "none" or (rule == "knee" and len(chain) > 1)
    if weak and accepted is not None: rule, ln_c = "held", accepted
    elif config.pivot == "auto" and discrete and accepted is not None and math.isfinite(accepted):
        most = math.log(1.5)                             # c does not leap from rule to rule
        ln_c = ln_c if ln_c is None else min(max(ln_c, accepted - most), accepted + most)
    return rule, ln_c, any(interior)

# ------------------------------------------------------------------ one refresh
class Refresh(SimpleNamespace):
    """Everything a refresh computes, in the order in which it does; None where it stopped short.
    m is the EMA and never clipped, above_identity counts the bins with m > 2 s^2, S is the data's standard
    deviation, interior says that the rate peaks inside the grid, named are the bins that the warning is about,
    reason says why the refresh is held."""
    arrays = "lbar m m_ceiled y q gate rho w pi_before_coverage pi cdf thresholds entropy quantiles".split()
    scalars = "S ln_c c information peak".split()
    def __init__(self, **known):
        super().__init__(**dict.fromkeys(self.arrays + self.scalars), rule="none", warning="none", reason="none",
                         clipped=0, above_identity=0, interior=False, named=[],
                         warning_bins=0, warning_low=0.0, warning_high=0.0)
        self.__dict__.update(known)

def refresh(config, grid, lbar, ema=None, accepted=None, weight=None, unreachable=None, counts="none"):
    """`counts`: the warning of draws against observed pairs. `lbar` of an unreachable bin is not looked at."""
    out = Refresh(lbar=np.asarray(lbar, float))
    out.m = out.lbar if ema is None else (1 - config.ema_rate) * ema + config.ema_rate * out.lbar
    out.m = np.where(out.m < 2.0**-1000, 0.0, out.m)
    if unreachable is not None: out.m = bridge(grid, out.m, np.asarray(unreachable, bool))
    out.reason = density(config, grid, out, accepted, weight)
    warn(config, grid, out, counts)
    if out.reason == "none" and config.guard: out.reason = guard_reason(config, grid, out)
    return out

def bridge(grid, m, unreachable):
    """m of the unreachable bins: ln m linear in ln sigma between the neighbours, constant beyond the last of them."""
    m, reachable = m.copy(), np.nonzero(~unreachable)[0]
    ln_m = np.log(np.maximum(m, LN_FLOOR))
    for k in np.nonzero(unreachable)[0]:
        below, above = reachable[reachable < k], reachable[reachable > k]
        a = below[-1] if len(below) else above[0]
        b = above[0] if len(above) else a
        if m[a] == 0 and m[b] == 0: m[k] = 0.0
        else: m[k] = math.exp(ln_m[a] if a == b else ln_m[a] + (ln_m[b] - ln_m[a]) * ((k - a) / (b - a)))
    return m

def bound(config, s, m):
    """What no denoiser worth its name exceeds: the best linear one, or the noisy sample itself. Far above the
    deviation the errors are the variance, so they show a sigma_data that is too small."""
    S, square = config.sigma_data, s * s
    if S == 0: return square
    linear = square * (S * S / (square + S * S))
    far = s >= 3 * S
    factor = max(1.0, (m[far] / linear[far]).min()) if far.any() else 1.0
    return np.minimum(factor * linear, square)

def density(config, grid, out, accepted, weight):
    """Steps 3 to 10, from the ceiling to the thresholds; the reason where they cannot be done."""
    ln_s, s = grid.ln_s, grid.s
    top = bound(config, s, out.m)
    out.m_ceiled = np.minimum(out.m, top) if config.ceiling else out.m.copy()
    out.clipped = int((out.m > top).sum()) if config.ceiling else 0
    if not (out.m > 0).any(): return "no_signal"
    ln_m = np.log(np.maximum(out.m_ceiled, LN_FLOOR))
    for _ in range(config.smoothing):
        ln_m = np.concatenate([[(2 * ln_m[0] + ln_m[1]) / 3], (ln_m[:-2] + 2 * ln_m[1:-1] + ln_m[2:]) / 4,
                               [(2 * ln_m[-1] + ln_m[-2]) / 3]])
    out.y = ln_m - 3 * ln_s
    out.q = out.y + ln_s
    out.S = data_scale(config, grid, ln_m)
    out.information = float((np.exp(out.q) * grid.h).sum())
    out.entropy = np.concatenate([[0.0], np.cumsum(np.exp(out.q) * grid.h)])
    out.rule, out.ln_c, out.interior = find_pivot(config, grid, ln_m, out.y, out.q, accepted)
    if out.ln_c is None: return "no_pivot"
    out.c = math.exp(out.ln_c)
    with np.errstate(over="ignore"): out.gate = 1 / (1 + np.exp(config.gate_exponent * (out.ln_c - ln_s)))
    out.rho = out.gate * np.exp(out.q)
    out.rho = out.rho / out.rho.sum()
    out.peak = float(s[np.argmax(out.rho)])
    out.w = fixed_weight(config, s) * (1 if weight is None else np.asarray(weight, float))
    pi = out.rho / out.w if config.emphasis == "target" else out.rho
    out.pi_before_coverage = pi / pi.sum()
    out.pi = cover(config, out.pi_before_coverage)
    out.cdf, out.thresholds = table_of(out.pi)
    out.quantiles = quantiles(grid, out.thresholds)
    return "none"

# ------------------------------------------------------------------ warnings and guard
def warn(config, grid, out, counts="none"):
    """The first warning that holds, and the bins that it is about. All of them look at the EMA, before the ceiling."""
    K, twice = grid.bins, out.m > 2 * grid.s * grid.s
    ninth, quarter, end = max(3, K // 9), max(1, K // 4), band(out.pi_before_coverage)
    out.above_identity, bins = int(twice.sum()), []
    if 4 * out.above_identity > K: out.warning, bins = "errors_above_identity", np.nonzero(twice)[0]
    elif above_variance(config, grid, out, ninth): out.warning, bins = "errors_above_variance", range(K - ninth, K)
    elif out.interior: out.warning = "looks_discrete"
    elif end == "low" and not loss_floor(config, grid, out): out.warning, bins = "band_at_low_end", range(quarter)
    elif end == "high": out.warning, bins = "band_at_high_end", range(K - quarter, K)
    else: out.warning = counts
    out.warning_bins = len(bins)
    if len(bins): out.warning_low, out.warning_high = float(grid.edges[bins[0]]), float(grid.edges[bins[-1] + 1])

def of_counts(draws, observed):
    """Draws that were not observed, or observations that were not drawn: replicas without one global batch."""
    if draws == 0 or draws <= 1.5 * observed and observed <= 1.5 * draws: return "none"
    return "draws_not_observed" if draws > observed else "observed_not_drawn"

def above_variance(config, grid, out, top):
    """Whether the errors of the highest `top` bins grow beyond what the data's variance allows."""
    K = grid.bins
    if config.sigma_data > 0: return out.m[K - top:].mean() > 2 * config.sigma_data**2
    if out.rho is None or out.rho[K - top:].sum() <= 0.003: return False
    return grow_again(grid, np.log(np.maximum(out.m, LN_FLOOR)), top)

def grow_again(grid, l, top):
    """A denoiser's errors grow ever more slowly in ln sigma, so a slope at the top that has been lower before is not
    one's; nor is it more than twice its own standard error, which the second differences of l tell."""
    K = grid.bins
    n = min(max(top, grid.decades(0.5, 0)), K // 2)
    slope = [line(grid.ln_s[j:j + n], l[j:j + n])[0] for j in range(K - n + 1)]
    x = grid.ln_s[K - n:]
    steepest = slope[-1] - 2 * math.sqrt(noise_variance(l) / ((x - x.mean()) ** 2).sum())
    return steepest > 0.5 and steepest > 0.5 + min(slope[:-1])

def loss_floor(config, grid, out):
    """Whether the lowest bins fall as a constant error does, where the data's own errors would not."""
    low = max(3, grid.bins // 9)
    return (config.endpoint == "continuous" and grid.s[0] < out.S / 4
            and line(grid.ln_s[:low], out.y[:low])[0] < -2)

def band(pi):
    """The end of the grid that holds nearly all of pi, or None."""
    if pi is None: return None
    ninth, quarter = max(1, len(pi) // 9), max(1, len(pi) // 4)
    if pi[:ninth].sum() > 0.5 or pi[:quarter].sum() > 0.9: return "low"
    if pi[-ninth:].sum() > 0.5 or pi[-quarter:].sum() > 0.9: return "high"
    return None

def evidence(config, grid, out, end):
    """Whether the errors at this end of the grid cannot be a denoiser's. Errors that grow again count if sigma_data is
    known, or if the top holds no more than a tenth of the largest q: there they cannot be the data's own."""
    quarter = max(1, grid.bins // 4)
    if out.warning == "errors_above_identity":
        low, high = grid.edges[quarter], grid.edges[grid.bins - quarter]
        return out.warning_low < low if end == "low" else out.warning_high > high
    if out.warning != "errors_above_variance" or end == "low": return False
    if config.sigma_data > 0: return True
    q = np.log(np.maximum(out.m, LN_FLOOR)) - 2 * grid.ln_s
    return q[-max(3, grid.bins // 9):].max() < q.max() - math.log(10)

def guard_reason(config, grid, out):
    pi = out.pi_before_coverage
    if loss_floor(config, grid, out): return "low_end_unresolved"
    # A band at an end is an expert's, or data in other units, unless the errors cannot be a denoiser's.
    if band(pi) and evidence(config, grid, out, band(pi)): return "degenerate_" + band(pi)
    some = pi[pi > 0]
    if math.exp(-(some * np.log(some)).sum()) < max(1.5, grid.bins / 30): return "degenerate_narrow"
    return "none"

# ------------------------------------------------------------------ sampling
def cover(config, pi): return (1 - config.coverage) * pi + config.coverage / len(pi)

def table_of(pi):
    """Normalised CDF at the K + 1 edges, and its integer thresholds."""
    total = np.concatenate([[0.0], np.cumsum(pi)])
    cdf = total / total[-1]
    thresholds = np.floor(cdf * 2.0**32).astype(np.int64)
    thresholds[0], thresholds[-1] = 0, 2**32
    return cdf, thresholds

def sigma_of_word(edges, thresholds, u):
    """The sigma of one 32-bit word: every step below rounds to f32."""
    k = int(np.searchsorted(thresholds, u, side="right")) - 1
    lo, hi = edges[k], edges[k + 1]
    slope = f32((float(hi) - float(lo)) / float(thresholds[k + 1] - thresholds[k]))
    product = f32(f32(int(u - thresholds[k])) * slope)
    return min(f32(lo + product), np.nextafter(hi, f32(0)))

def quantiles(grid, thresholds, qs=(0.05, 0.25, 0.5, 0.75, 0.95)):
    return [float(sigma_of_word(grid.edges, thresholds, math.floor(q * 2.0**32))) for q in qs]

def baseline_masses(config, grid, table=None):
    """pi_0 before coverage."""
    if config.baseline == "loguniform": return np.full(grid.bins, 1 / grid.bins)
    if config.baseline == "table": return np.asarray(table, float) / np.sum(table)
    z = (np.log(grid.edges.astype(float)) - config.baseline_mean) / config.baseline_std
    lo, hi = z[:-1], z[1:]
    mass = np.where(lo + hi > 0, ndtr(-lo) - ndtr(-hi), ndtr(hi) - ndtr(lo))  # the tail away from the mean
    return mass / mass.sum()

class SplitMix64:
    def __init__(self, seed): self.x = seed & U64
    def next(self):
        self.x = (self.x + 0x9E3779B97F4A7C15) & U64
        z = ((self.x ^ (self.x >> 30)) * 0xBF58476D1CE4E5B9) & U64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & U64
        return z ^ (z >> 31)

class Xoshiro256pp:
    def __init__(self, seed=None, state=None):
        mix = SplitMix64(seed or 0)
        self.s = list(state) if state else [mix.next() for _ in range(4)]
    def next(self):
        def rotl(x, k): return ((x << k) | (x >> (64 - k))) & U64
        s = self.s
        word, t = (rotl((s[0] + s[3]) & U64, 23) + s[0]) & U64, (s[1] << 17) & U64
        s[2] ^= s[0]; s[3] ^= s[1]; s[1] ^= s[2]; s[0] ^= s[3]
        s[2] ^= t; s[3] = rotl(s[3], 45)
        return word

def draw_words(rng, n, draw="independent", rank=0, world=1):
    """The n 32-bit words of one rank; the stream ends where that of every other rank ends."""
    if draw == "stratified":
        u0 = rng.next() >> 32
        return [(u0 + i * GOLDEN) & U32 for i in range(rank * n, rank * n + n)]
    return [rng.next() >> 32 for _ in range(world * n)][rank * n:rank * n + n]

# ------------------------------------------------------------------ entropic time
class EntropicTime:
    """U(sigma), the normalised integral of sigma^a g r; linear in sigma within a bin."""
    def __init__(self, grid, q, gate, power=1.0, gated=True):
        mass = grid.s**power * np.exp(q) * grid.h * (gate if gated else 1.0)
        total = np.concatenate([[0.0], np.cumsum(mass)])
        self.u, self.edges = total / total[-1], grid.edges.astype(float)
    def to(self, sigma): return float(np.interp(sigma, self.edges, self.u))
    def back(self, u):
        if u >= 1: return float(self.edges[-1])
        k = int(np.searchsorted(self.u, max(u, 0.0), side="right")) - 1
        return float(self.edges[k] + (u - self.u[k]) / (self.u[k + 1] - self.u[k]) * (self.edges[k + 1] - self.edges[k]))
    def grid(self, n):
        sigmas = np.array([self.back(1 - i / (n - 1)) for i in range(n)]).astype(f32)
        sigmas[0], sigmas[-1] = self.edges[-1], self.edges[0]
        if not (np.diff(sigmas) < 0).all(): raise ValueError("f32 cannot hold so many distinct sigmas")
        return sigmas

# ------------------------------------------------------------------ all of it over time
class Reference:
    def __init__(self, config, seed=0, weight=None, baseline=None):
        self.config, self.grid, self.weight = config, Grid(config), weight
        self.rng = Xoshiro256pp(seed)
        self.pi = cover(config, baseline_masses(config, self.grid, baseline))       # of the sampler in force
        self.cdf, self.thresholds = table_of(self.pi)
        self.rings = [Ring(config.window) for _ in range(config.bins)]
        self.ema = self.last = self.accepted = None      # `last` may have been held, `accepted` was not
        self.left_out = None             # the bins that were unreachable at the last refresh, done or held
        self.steps = self.draws = self.observations = self.rejected = self.refreshes = self.held = 0
        self.next_refresh, self.last_refresh = config.warmup_steps, 0
        self.frozen, self.hold_reason, self.cdf_change = False, "none", 0.0
        self.counted, self.counted_from = "none", np.zeros(3)    # draws against observed pairs
    def sample(self, n, rank=0, world=1):
        words = draw_words(self.rng, n, self.config.draw, rank, world)
        self.draws += n * world
        return np.array([sigma_of_word(self.grid.edges, self.thresholds, u) for u in words], f32)
    def observe(self, sigmas, errors, mask=None):
        """Returns the number of rejected pairs. A masked pair leaves no trace at all."""
        before = self.rejected
        for i, (sigma, error) in enumerate(zip(sigmas, errors)):
            if mask is not None and not mask[i]: continue
            pair = admit(self.config, self.grid, sigma, error)
            if pair is None:
                self.rejected += 1
                continue
            self.observations, (k, value) = self.observations + 1, pair
            self.rings[k].push(value)
        return self.rejected - before
    def filled(self): return np.array([ring.count() >= self.config.min_count for ring in self.rings])
    def unreachable(self):
        """Bins with few losses or none though they were drawn often enough: a trainer with discrete timesteps skips
        them. A refresh that went on without one settles it until the bin is filled."""
        due = self.draws * self.pi >= 4 * self.config.min_count
        return ~self.filled() & (due if self.left_out is None else self.left_out)
    def ready(self):
        skip = self.unreachable()
        return (self.filled() | skip).all() and 2 * skip.sum() <= self.config.bins
    def poorest(self):
        """(bin, count): the lowest of the reachable bins with the fewest losses."""
        skip, counts = self.unreachable(), np.array([ring.count() for ring in self.rings])
        k = int(np.argmin(np.where(skip, self.config.window + 1, counts)))
        return (0, 0) if skip.all() else (k, int(counts[k]))
    def interval(self):
        """Steps from the last refresh, done or held, to the next: short in a young run, which changes fast."""
        c = self.config
        return min(max(self.last_refresh // c.refresh_growth, 1), c.refresh_every) if c.refresh_growth else c.refresh_every
    def step(self):
        self.steps += 1
        if self.frozen or self.steps < self.next_refresh or not self.ready(): return None
        skip = self.unreachable()
        means = [math.nan if lost else ring.mean(self.config) for ring, lost in zip(self.rings, skip)]
        last_ln_c = self.accepted.ln_c if self.accepted else None
        now = np.array([self.steps, self.draws, self.observations + self.rejected])
        if now[0] - self.counted_from[0] >= 20:
            self.counted, self.counted_from = of_counts(*(now - self.counted_from)[1:]), now
        counts = self.counted
        out = refresh(self.config, self.grid, means, self.ema, last_ln_c, self.weight, skip, counts)
        self.last, self.ema, self.last_refresh, self.left_out = out, out.m, self.steps, skip
        self.next_refresh = self.steps + self.interval()
        if out.reason != "none":
            self.held, self.hold_reason = self.held + 1, out.reason
            return out
        self.cdf_change = float(np.abs(out.cdf - self.cdf).max())
        self.accepted, self.pi, self.cdf, self.thresholds = out, out.pi, out.cdf, out.thresholds
        self.refreshes += 1
        return out
    def phase(self):
        """A due refresh waits for losses; one that has not been accepted yet is due from the warm-up's end on."""
        if self.frozen: return "frozen"
        if self.steps >= (self.next_refresh if self.refreshes else self.config.warmup_steps): return "waiting"
        return "adapting" if self.refreshes else "warmup"
    def entropic_time(self, power=1.0, gated=True):
        return EntropicTime(self.grid, self.accepted.q, self.accepted.gate, power, gated)
