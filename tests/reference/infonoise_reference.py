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
    bins: int = 64; window: int = 256; sigma_min: float = 0.002; sigma_max: float = 80.0
    objective: str = "x0"            # x0 edm epsilon velocity v
    sigma_data: float = 0.0          # 0: estimate
    reduction_dim: int = 0           # 0: errors are means; d: sums over d dimensions
    emphasis: str = "target"         # target samples
    endpoint: str = "continuous"     # continuous discrete
    pivot: str = "auto"              # auto paper onset onset_literal foot power_law knee fixed off
    pivot_value: float = 0.0; onset_threshold: float = 0.002; gate_exponent: float = 3.0
    ceiling: bool = True; guard: bool = True; smoothing: int = 0; coverage: float = 0.02
    baseline: str = "loguniform"     # loguniform lognormal table
    baseline_mean: float = 0.0; baseline_std: float = 0.0
    warmup_steps: int = 500; refresh_every: int = 100; min_count: int = 50; ema_rate: float = 0.9
    draw: str = "independent"        # independent stratified

PRESETS = {
    "default": {},
    "discrete": dict(endpoint="discrete"),
    "edm": dict(objective="edm", sigma_data=0.5),
    "flow": dict(objective="velocity", sigma_min=0.001 / 0.999, sigma_max=0.999 / 0.001),
    "epsilon": dict(objective="epsilon", emphasis="samples", sigma_min=0.0292, sigma_max=14.6),
    "paper": dict(pivot="paper", ceiling=False, guard=False, coverage=0.0),
}

def preset(name, **changes): return Config(**{**PRESETS[name], **changes})

# ------------------------------------------------------------------ grid, coordinates, objectives
class Grid:
    """K bins uniform in ln sigma: f32 edges with exact ends, f64 centres."""
    def __init__(self, config):
        self.bins = K = config.bins
        lo, hi = f32(config.sigma_min), f32(config.sigma_max)
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
    return s * 0 + 1.0

def fixed_weight(config, s):
    """w(sigma): the weight that training in the objective's space puts on the x0 error."""
    if config.objective == "edm": return (s * s + config.sigma_data**2) / (s * config.sigma_data) ** 2
    if config.objective == "epsilon": return 1 / (s * s)
    if config.objective == "velocity": return ((1 + s) / s) ** 2
    if config.objective == "v": return (1 + s * s) / (s * s)
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

def lane_mean(slots):
    """Mean of the filled slots in eight lanes, added as a tree."""
    lane = [0.0] * 8
    for i, value in enumerate(slots): lane[i % 8] += float(value)
    return (((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))) / len(slots)

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
    K, y = grid.bins, triangle(y, grid.decades(0.15, 0))
    level = math.log(250 * config.onset_threshold) + (y + grid.ln_s).max() - math.log(data_scale(config, grid, ln_m))
    length = grid.decades(0.25, 2)
    interior = int(np.argmax(y)) >= max(3, K // 9)
    for k in range(K - 1, -1, -1):
        if (y[max(0, k - length + 1):k + 1] >= level).all():
            if k == K - 1: return "onset_at_top", grid.ln_s[k], interior
            return "onset_interior_peak" if interior else "onset", crossing(grid, y, k, level), interior
    return "below_grid", OPEN, interior

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

def power_law(grid, y):
    K, J, T = grid.bins, grid.decades(0.2, 2), math.log(2)
    for n in range(grid.decades(0.75, 4), K - J + 1):
        slope, zero = line(grid.ln_s[:n], y[:n])
        off = y - (zero + slope * grid.ln_s)
        leaves = (off[n:n + J] > T).all() or (off[n:n + J] < -T).all()
        if leaves and -3.5 <= slope <= -0.25:
            return ("power_law", grid.ln_s[n - 1]) if math.sqrt((off[:n] ** 2).mean()) <= 0.7 else NONE
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
    chain = {"auto": ["foot", "power_law", "knee"] if discrete else ["onset"],
             "paper": ["power_law", "knee"] if discrete else ["onset_literal"]}.get(config.pivot, [config.pivot])
    rules = {"onset": lambda: onset(config, grid, ln_m, y), "onset_literal": lambda: onset_literal(config, grid, y),
             "foot": lambda: foot(grid, q), "power_law": lambda: power_law(grid, y), "knee": lambda: knee(grid, q),
             "fixed": lambda: ("fixed", math.log(config.pivot_value)), "off": lambda: ("off", OPEN)}
    for name in chain:
        rule, ln_c, *interior = rules[name]()
        if rule != "none": break
    weak = rule == "none" or (rule == "knee" and len(chain) > 1)
    if weak and accepted is not None: rule, ln_c = "held", accepted
    return rule, ln_c, any(interior)

# ------------------------------------------------------------------ one refresh
class Refresh(SimpleNamespace):
    """Everything a refresh computes, in the order in which it does; None where it stopped short.
    m is the EMA and never clipped, above_identity counts the bins with m > 2 s^2,
    S is the data's standard deviation, reason says why the refresh is held."""
    arrays = "lbar m m_ceiled y q gate rho w pi_before_coverage pi cdf thresholds entropy quantiles".split()
    scalars = "S ln_c c information peak".split()
    def __init__(self, **known):
        super().__init__(**dict.fromkeys(self.arrays + self.scalars), rule="none", warning="none", reason="none",
                         clipped=0, above_identity=0)
        self.__dict__.update(known)
    def because(self, reason):
        self.reason = reason
        return self

def refresh(config, grid, lbar, ema=None, accepted=None, weight=None):
    K, ln_s, s = grid.bins, grid.ln_s, grid.s
    out = Refresh(lbar=np.asarray(lbar, float))
    out.m = out.lbar if ema is None else (1 - config.ema_rate) * ema + config.ema_rate * out.lbar
    out.m = np.where(out.m < 2.0**-1000, 0.0, out.m)
    out.above_identity = int((out.m > 2 * s * s).sum())
    out.m_ceiled = np.minimum(out.m, s * s) if config.ceiling else out.m.copy()
    out.clipped = int((out.m > s * s).sum()) if config.ceiling else 0
    if 4 * out.above_identity > K: out.warning = "errors_above_identity"
    if not (out.m > 0).any():
        return out.because("no_signal")
    ln_m = np.log(np.maximum(out.m_ceiled, LN_FLOOR))
    for _ in range(config.smoothing):
        ln_m = np.concatenate([[(2 * ln_m[0] + ln_m[1]) / 3], (ln_m[:-2] + 2 * ln_m[1:-1] + ln_m[2:]) / 4,
                               [(2 * ln_m[-1] + ln_m[-2]) / 3]])
    out.y = ln_m - 3 * ln_s
    out.q = out.y + ln_s
    out.S = data_scale(config, grid, ln_m)
    out.information = float((np.exp(out.q) * grid.h).sum())
    out.entropy = np.concatenate([[0.0], np.cumsum(np.exp(out.q) * grid.h)])
    out.rule, out.ln_c, interior = find_pivot(config, grid, ln_m, out.y, out.q, accepted)
    if interior and out.warning == "none": out.warning = "looks_discrete"
    if out.ln_c is None:
        return out.because("no_pivot")
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
    return out.because(guard_reason(config, grid, out) if config.guard else "none")

def guard_reason(config, grid, out):
    K, pi = grid.bins, out.pi_before_coverage
    low, ninth, quarter = max(3, K // 9), max(1, K // 9), max(1, K // 4)
    if config.endpoint == "continuous" and grid.s[0] < out.S / 4:
        if line(grid.ln_s[:low], out.y[:low])[0] < -2: return "low_end_unresolved"
    if pi[:ninth].sum() > 0.5 or pi[:quarter].sum() > 0.9: return "degenerate_low"
    if pi[-ninth:].sum() > 0.5 or pi[-quarter:].sum() > 0.9: return "degenerate_high"
    some = pi[pi > 0]
    if math.exp(-(some * np.log(some)).sum()) < max(1.5, K / 30): return "degenerate_narrow"
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
        self.cdf, self.thresholds = table_of(cover(config, baseline_masses(config, self.grid, baseline)))
        self.rings = [[] for _ in range(config.bins)]
        self.heads = [0] * config.bins
        self.ema = self.last = self.accepted = None      # `last` may have been held, `accepted` was not
        self.steps = self.draws = self.observations = self.rejected = self.refreshes = self.held = 0
        self.next_refresh, self.frozen, self.hold_reason, self.cdf_change = max(config.warmup_steps, 1), False, "none", 0.0
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
            if len(self.rings[k]) < self.config.window: self.rings[k].append(value)
            else: self.rings[k][self.heads[k]] = value
            self.heads[k] = (self.heads[k] + 1) % self.config.window
        return self.rejected - before
    def step(self):
        self.steps += 1
        ready = min(len(ring) for ring in self.rings) >= self.config.min_count
        if self.frozen or self.steps < self.next_refresh or not ready: return None
        last_ln_c = self.accepted.ln_c if self.accepted else None
        out = refresh(self.config, self.grid, [lane_mean(ring) for ring in self.rings], self.ema, last_ln_c, self.weight)
        self.last, self.ema = out, out.m
        self.next_refresh = self.steps + self.config.refresh_every
        if out.reason != "none":
            self.held, self.hold_reason = self.held + 1, out.reason
            return out
        self.cdf_change = float(np.abs(out.cdf - self.cdf).max())
        self.accepted, self.cdf, self.thresholds = out, out.cdf, out.thresholds
        self.refreshes += 1
        return out
    def phase(self):
        if self.frozen: return "frozen"
        if self.steps >= (self.next_refresh if self.refreshes else self.config.warmup_steps): return "waiting"
        return "adapting" if self.refreshes else "warmup"
    def entropic_time(self, power=1.0, gated=True):
        return EntropicTime(self.grid, self.accepted.q, self.accepted.gate, power, gated)
