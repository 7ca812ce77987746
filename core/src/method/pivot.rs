//! The pivot: where the low-noise gate opens (docs/specification.md#pivot).
//!
//! For data on finitely many points, `q` has one peak for each scale of structure.
//! Below the lowest peak there is nothing to learn; `foot` finds where that peak ends.
//! For continuous data the rate grows without bound towards low noise; `onset` finds
//! where it exceeds what the scale of the data explains.

use crate::config::{Config, Endpoint, Pivot, coded};
use crate::maths::{at, line, ln, peak, real};
use crate::method::grid::Grid;
use crate::method::rate::{self, Kernel, Rate, noise};
use core::f64::consts::LN_2;

#[test]
fn example() {
    // Gaussian data of standard deviation 1/2: the pivot is that deviation.
    let (config, variance) = (Config::DEFAULT, 0.25);
    let grid = Grid::new(&config);
    let (mut ln_error, mut room) = ([0.0; 64], [0.0; 64]);
    for (k, l) in ln_error.iter_mut().enumerate() {
        let s2 = grid.centre(k) * grid.centre(k);
        *l = ln(s2 * variance / (s2 + variance));
    }
    let scale = ln_scale(&config, &grid, &ln_error);
    let found = find(&config, &Rate::new(&grid, &mut ln_error), scale, &mut room, None);
    assert_eq!(found.rule, PivotRule::Onset);
    assert!((found.value() - 0.495).abs() < 0.005);
}

/// The rule that set a pivot.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PivotRule {
    /// No refresh has been accepted, or no rule found a pivot.
    #[default]
    None = 0,
    /// The anchored onset: below this sigma the rate exceeds what the data's scale explains.
    Onset = 1,
    /// As `onset`, but beyond the highest bin: extrapolated.
    OnsetAtTop = 2,
    /// As `onset`, but the rate peaks inside the grid: the data look discrete.
    OnsetInteriorPeak = 3,
    /// The whole grid lies above the onset: no gate.
    BelowGrid = 4,
    /// The paper's onset (18).
    OnsetLiteral = 5,
    /// The foot of the lowest information peak.
    Foot = 6,
    /// The end of the low-noise power law.
    PowerLaw = 7,
    /// The deepest point below the chord.
    Knee = 8,
    /// The configured value.
    Fixed = 9,
    /// The gate is switched off.
    Off = 10,
    /// The last accepted pivot, since no rule found one at this refresh.
    Held = 11,
    /// The shoulder of a young network, which the peak of the information grows from.
    Shoulder = 12,
}
coded!(PivotRule {
    None = "none", Onset = "onset", OnsetAtTop = "onset_at_top",
    OnsetInteriorPeak = "onset_interior_peak", BelowGrid = "below_grid",
    OnsetLiteral = "onset_literal", Foot = "foot", PowerLaw = "power_law", Knee = "knee",
    Fixed = "fixed", Off = "off", Held = "held", Shoulder = "shoulder",
});

/// A pivot and how it was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// ln c; minus infinity where the gate is open everywhere.
    pub ln_c: f64,
    /// The rule that set it; `None` if there is no pivot.
    pub rule: PivotRule,
    /// The rate peaks inside the grid although the data were declared continuous.
    pub interior_peak: bool,
}

impl Found {
    /// No pivot.
    pub const NONE: Found = Found::open(PivotRule::None);

    const fn open(rule: PivotRule) -> Self {
        Found { ln_c: f64::NEG_INFINITY, rule, interior_peak: false }
    }

    fn at(ln_c: f64, rule: PivotRule) -> Self {
        Found { ln_c, rule, interior_peak: false }
    }

    fn or_else(self, next: impl FnOnce() -> Found) -> Found {
        if self.rule == PivotRule::None { next() } else { self }
    }

    /// c, a sigma; 0 where the gate is open everywhere.
    #[cfg(test)]
    fn value(&self) -> f64 {
        crate::maths::exp(self.ln_c)
    }
}

/// Finds the pivot of `rate` by the configured rule or chain
/// (docs/specification.md#choice-of-rule). `accepted` is
/// ln c of the last accepted refresh, used where no rule finds a pivot; `scale` is
/// [`ln_scale`], `room` K numbers of scratch memory.
pub fn find(config: &Config, rate: &Rate, scale: f64, room: &mut [f64], accepted: Option<f64>) -> Found {
    let discrete = config.endpoint == Endpoint::Discrete;
    let chain = matches!(config.pivot, Pivot::Auto | Pivot::Paper);
    let found = match config.pivot {
        Pivot::Auto if discrete => foot(rate, room)
            .or_else(|| power_law(rate, &[1.0]))
            .or_else(|| shoulder(rate, room))
            .or_else(|| power_law(rate, &[-1.0]))
            .or_else(|| knee(rate, room)),
        Pivot::Paper if discrete => power_law(rate, &[1.0, -1.0]).or_else(|| knee(rate, room)),
        Pivot::Auto | Pivot::Onset => onset(config, rate, scale, room),
        Pivot::Paper | Pivot::OnsetLiteral => onset_literal(config, rate),
        Pivot::Foot => foot(rate, room),
        Pivot::PowerLaw => power_law(rate, &[1.0, -1.0]),
        Pivot::Knee => knee(rate, room),
        Pivot::Fixed => Found::at(ln(config.pivot_value), PivotRule::Fixed),
        Pivot::Off => Found::open(PivotRule::Off),
    };
    // A knee is the last choice: a chain prefers the pivot that was accepted before.
    let weak = found.rule == PivotRule::None || (chain && found.rule == PivotRule::Knee);
    match accepted {
        Some(ln_c) if weak => Found { ln_c, rule: PivotRule::Held, ..found },
        // From one rule of the chain to another the pivot moves in steps.
        Some(ln_c) if config.pivot == Pivot::Auto && discrete && ln_c.is_finite() => {
            let limit = ln(FARTHEST_MOVE);
            Found { ln_c: found.ln_c.max(ln_c - limit).min(ln_c + limit), ..found }
        }
        _ => found,
    }
}

/// The largest factor by which the pivot of discrete data moves in one refresh.
const FARTHEST_MOVE: f64 = 1.5;

/// ln S, the logarithm of the data's standard deviation per dimension: as configured,
/// else the root of the largest smoothed error. The rules for discrete data do not use
/// it.
pub fn ln_scale(config: &Config, grid: &Grid, ln_error: &[f64]) -> f64 {
    let onset = matches!(config.pivot, Pivot::Auto | Pivot::Onset);
    if config.sigma_data > 0.0 {
        ln(config.sigma_data)
    } else if config.endpoint == Endpoint::Continuous || onset {
        rate::ln_scale(grid, ln_error)
    } else {
        0.0
    }
}

/// ln sigma where `values`, linear between centres, pass `level` between bins
/// `k` and `k + 1`.
fn crossing(grid: &Grid, values: &[f64], k: usize, level: f64) -> f64 {
    let (low, high) = (at(values, k), at(values, k + 1));
    grid.ln_centre(k) + (low - level) / (low - high) * grid.width()
}

/// The `length` bins that end at `k`, if the grid has them.
fn window(values: &[f64], k: usize, length: usize) -> Option<&[f64]> {
    values.get((k + 1).checked_sub(length)?..k + 1)
}

/// Anchored onset: the largest sigma at which the smoothed rate stays above
/// 250 p times the largest information rate per data scale (docs/specification.md#onset).
fn onset(config: &Config, rate: &Rate, scale: f64, y: &mut [f64]) -> Found {
    let grid = rate.grid;
    smooth(grid.bins_in(0.15, 0), y, |k| at(rate.y, k));
    let mut largest_q = f64::NEG_INFINITY;
    for (k, y) in y.iter().enumerate() {
        largest_q = largest_q.max(y + grid.ln_centre(k));
    }
    let level = ln(250.0 * config.onset_threshold) + largest_q - scale;
    let length = grid.bins_in(0.25, 2);
    let interior_peak = peak(y).0 >= grid.end();
    let last = grid.bins().saturating_sub(1);
    let persistent = |k: usize| {
        let first = (k + 1).saturating_sub(length);
        y.get(first..k + 1).is_some_and(|run| run.iter().all(|&y| y >= level))
    };
    let found = match (0..=last).rev().find(|&k| persistent(k)) {
        None => Found::open(PivotRule::BelowGrid),
        Some(k) if k == last => Found::at(beyond_the_top(rate, length, level), PivotRule::OnsetAtTop),
        Some(k) => {
            let rule = if interior_peak { PivotRule::OnsetInteriorPeak } else { PivotRule::Onset };
            Found::at(crossing(grid, y, k, level), rule)
        }
    };
    Found { interior_peak, ..found }
}

/// The rate must fall at least as steeply for a pivot beyond the grid.
const LEAST_FALL: f64 = -0.5;
/// How far beyond the grid a pivot may lie, in ln sigma.
const FARTHEST: f64 = core::f64::consts::LN_10;

/// ln sigma where the line through the highest `length` bins of y passes `level`: the
/// onset of data of which the grid shows only the low-noise part
/// (docs/specification.md#onset). The highest centre where y hardly falls there.
fn beyond_the_top(rate: &Rate, length: usize, level: f64) -> f64 {
    let grid = rate.grid;
    let (first, last) = (grid.bins().saturating_sub(length), grid.bins().saturating_sub(1));
    let (intercept, slope) = line(length.min(grid.bins()), |i| at(rate.y, first + i));
    let (slope, top) = (slope / grid.width(), intercept + slope * real(last - first));
    let ahead = if slope < LEAST_FALL { (level - top) / slope } else { 0.0 };
    grid.ln_centre(last) + ahead.min(FARTHEST)
}

/// The paper's onset (18): the largest centre at which r >= p max r
/// (docs/specification.md#literal-onset).
fn onset_literal(config: &Config, rate: &Rate) -> Found {
    let bins = rate.grid.bins();
    let largest =
        (0..bins).fold(f64::NEG_INFINITY, |best, k| if at(rate.y, k) > best { at(rate.y, k) } else { best });
    let level = ln(config.onset_threshold) + largest;
    match (0..bins).rev().find(|&k| at(rate.y, k) >= level) {
        Some(k) => Found::at(rate.grid.ln_centre(k), PivotRule::OnsetLiteral),
        None => Found::NONE,
    }
}

/// Smooths `value(k)` over all bins into an array, by a kernel of that half width.
fn smooth(half: usize, smoothed: &mut [f64], value: impl Fn(usize) -> f64) {
    Kernel::new(half).for_each(smoothed.len(), value, |k, average| {
        if let Some(slot) = smoothed.get_mut(k) {
            *slot = average;
        }
    });
}

/// Smooths q_k.
#[inline(never)]
fn smooth_q(rate: &Rate, half: usize, q: &mut [f64]) {
    smooth(half, q, |k| rate.q(k));
}

/// A rise or fall must exceed this, in nats, to count.
const STEP: f64 = LN_2;

/// The foot of the lowest information peak. It goes down from the highest bin and looks
/// for a peak and a valley in turn; each is confirmed once a run of bins differs from
/// it by [`STEP`] (docs/specification.md#foot).
fn foot(rate: &Rate, q: &mut [f64]) -> Found {
    let grid = rate.grid;
    smooth_q(rate, grid.bins_in(0.075, 0), q);
    let run = grid.bins_in(0.2, 2);
    let (mut falling, mut extreme, mut extreme_at) = (false, f64::NEG_INFINITY, 0);
    // The lowest confirmed peak: its bin, its height, the valley after it.
    let mut lowest: Option<(usize, f64, f64)> = None;
    for k in (0..grid.bins()).rev() {
        let here = at(q, k);
        if falling {
            extreme = extreme.min(here);
            if let Some(lowest) = &mut lowest {
                lowest.2 = extreme;
            }
            if window(q, k, run).is_some_and(|run| run.iter().all(|&q| q > extreme + STEP)) {
                (falling, extreme, extreme_at) = (false, here, k);
            }
        } else {
            if here > extreme {
                (extreme, extreme_at) = (here, k);
            }
            if window(q, k, run).is_some_and(|run| run.iter().all(|&q| q < extreme - STEP)) {
                lowest = Some((extreme_at, extreme, here));
                (falling, extreme) = (true, here);
            }
        }
    }
    let Some((top, height, valley)) = lowest else { return Found::NONE };
    let level = valley.max(height - ln(100.0)) + STEP;
    match (0..top).rev().find(|&k| at(q, k) < level) {
        Some(k) => Found::at(crossing(grid, q, k, level), PivotRule::Foot),
        None => Found::NONE,
    }
}

/// The largest number whose square root is at most 0.7. Comparing with it decides as
/// the root would, which is a kilobyte of code.
const LARGEST_MEAN_SQUARE: f64 = 0.49;

/// The end of the low-noise power law (B.4): a line fitted to the lowest bins
/// grows until the next run of bins leaves it to one of these sides, 1 above it, -1 below
/// (docs/specification.md#power-law).
fn power_law(rate: &Rate, sides: &[f64]) -> Found {
    let (grid, y) = (rate.grid, rate.y);
    let run = grid.bins_in(0.2, 2);
    for n in grid.bins_in(0.75, 4)..=grid.bins().saturating_sub(run) {
        let Some((fitted, rest)) = y.split_at_checked(n) else { break };
        let (intercept, slope) = line(fitted.len(), |i| at(fitted, i));
        let departs = |sign: f64| {
            rest.iter()
                .take(run)
                .enumerate()
                .all(|(j, y)| sign * (y - (intercept + slope * real(n + j))) > STEP)
        };
        let per_nat = slope / grid.width();
        if !sides.iter().any(|&sign| departs(sign)) || !(-3.5..=-0.25).contains(&per_nat) {
            continue;
        }
        let mut squares = 0.0;
        for (i, y) in fitted.iter().enumerate() {
            let residual = y - (intercept + slope * real(i));
            squares += residual * residual;
        }
        return if squares / real(n) <= LARGEST_MEAN_SQUARE {
            Found::at(grid.ln_centre(n - 1), PivotRule::PowerLaw)
        } else {
            Found::NONE
        };
    }
    Found::NONE
}

/// How much less steeply q must fall at a shoulder than below it, per nat of ln sigma,
/// apart from two standard errors.
const LEAST_BEND: f64 = 0.5;

/// The shoulder of a young network (docs/specification.md#shoulder). At low noise its
/// errors are still those of the identity, q = 0, and from there q falls. Where the
/// information peaks it falls less steeply than below: that shoulder becomes the rise
/// from the valley to the peak, at whose foot [`foot`] puts the pivot later. The
/// highest place of the least steep fall, going down.
fn shoulder(rate: &Rate, q: &mut [f64]) -> Found {
    let grid = rate.grid;
    let (half, span) = (grid.bins_in(0.15, 0), grid.bins_in(0.2, 2));
    smooth_q(rate, half, q);
    let (length, (_, highest)) = (real(span) * grid.width(), peak(q));
    let slope = |k: usize| (at(q, k + span) - at(q, k)) / length;
    // Squares are compared: a root is a kilobyte of code.
    let square_error = 4.0 * noise(rate.y) / (length * length);
    let is_below = |here: f64, best: f64| {
        let excess = best - here - LEAST_BEND;
        excess > 0.0 && excess * excess > square_error
    };
    let (mut best, mut place, mut below) = (f64::NEG_INFINITY, 0, 0);
    // From where the kernel is whole on.
    for k in (0..grid.bins().saturating_sub(span + half)).rev() {
        let here = slope(k);
        if at(q, k) < highest - ln(100.0) {
            continue;
        }
        if here > best {
            (best, place, below) = (here, k, 0);
        } else {
            below = if is_below(here, best) { below + 1 } else { 0 };
        }
        if below >= span {
            // Between bins: the vertex of the parabola through three slopes.
            let (left, right) = (slope(place.saturating_sub(1)), slope(place + 1));
            let bend = left - 2.0 * best + right;
            let shift = if place > 0 && bend < 0.0 { (left - right) / (2.0 * bend) } else { 0.0 };
            let middle = real(span) / 2.0 + shift.clamp(-0.5, 0.5);
            return Found::at(grid.ln_centre(place) + middle * grid.width(), PivotRule::Shoulder);
        }
    }
    Found::NONE
}

/// The bin farthest below the chord from bin 0 to the peak of the information
/// (docs/specification.md#knee).
fn knee(rate: &Rate, q: &mut [f64]) -> Found {
    smooth_q(rate, rate.grid.bins_in(0.15, 0), q);
    let (top, height) = peak(q);
    if top < 2 {
        return Found::NONE;
    }
    let start = at(q, 0);
    let slope = (height - start) / real(top);
    let (mut deepest, mut dip) = (0, f64::NEG_INFINITY);
    for (k, q) in q.iter().enumerate().take(top) {
        let below = start + slope * real(k) - q;
        if below > dip {
            (deepest, dip) = (k, below);
        }
    }
    let k = if dip > 0.1 { deepest } else { 0 };
    Found::at(rate.grid.ln_centre(k), PivotRule::Knee)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::rate::{apply_ceiling, log_errors};

    /// mmse of {-1, +1} by the trapezium rule on E tanh((1 + s e) / s^2).
    pub fn two_point(sigma: f64) -> f64 {
        let (mut total, mut weights) = (0.0, 0.0);
        for i in -4000..=4000 {
            let e = f64::from(i) * 0.0025;
            let weight = (-e * e / 2.0).exp();
            total += weight * ((1.0 + sigma * e) / (sigma * sigma)).tanh();
            weights += weight;
        }
        1.0 - total / weights
    }

    fn pivot_of(config: &Config, mmse: impl Fn(f64) -> f64) -> Found {
        config.check().unwrap();
        let grid = Grid::new(config);
        let mut m: Vec<f64> = (0..grid.bins()).map(|k| mmse(grid.centre(k))).collect();
        let (mut ln_error, mut room) = (m.clone(), m.clone());
        log_errors(&m, &mut ln_error);
        apply_ceiling(&grid, config.sigma_data, &mut m, &mut ln_error);
        let scale = ln_scale(config, &grid, &ln_error);
        find(config, &Rate::new(&grid, &mut ln_error), scale, &mut room, None)
    }

    fn gaussian(variance: f64) -> impl Fn(f64) -> f64 {
        move |s| s * s * variance / (s * s + variance)
    }

    fn near(found: Found, rule: PivotRule, c: f64) {
        assert_eq!(found.rule, rule);
        assert!((found.value() / c - 1.0).abs() < 0.01, "{} is not {c}", found.value());
    }

    #[test]
    fn mean_squares_decide_like_their_roots() {
        assert!(LARGEST_MEAN_SQUARE.sqrt() <= 0.7 && LARGEST_MEAN_SQUARE.next_up().sqrt() > 0.7);
    }

    #[test]
    fn numbers_to_hit() {
        let continuous = Config { coverage: 0.0, ..Config::DEFAULT };
        let discrete = Config { coverage: 0.0, ..Config::discrete() };
        let literal = Config { pivot: Pivot::OnsetLiteral, ..continuous };
        let fine = Config { sigma_min: 0.0005, bins: 128, ..continuous };
        near(pivot_of(&discrete, two_point), PivotRule::Foot, 0.294);
        near(pivot_of(&continuous, gaussian(0.25)), PivotRule::Onset, 0.495);
        near(pivot_of(&fine, gaussian(0.25)), PivotRule::Onset, 0.4955);
        near(pivot_of(&literal, gaussian(0.25)), PivotRule::OnsetLiteral, 0.513);
        near(pivot_of(&literal, two_point), PivotRule::OnsetLiteral, 8.56);
        let scales = |s: f64| (4.0 * two_point(s / 2.0) + 0.01 * two_point(s * 10.0)) / 2.0;
        near(pivot_of(&discrete, scales), PivotRule::Foot, 0.0294);
    }

    /// A kernel of half width 1 would smooth a coarse grid too much: c = .317.
    #[test]
    fn coarse_grids_are_not_smoothed() {
        let coarse = Config { bins: 32, sigma_min: 0.0005, ..Config::discrete() };
        near(pivot_of(&coarse, two_point), PivotRule::Foot, 0.299);
    }

    #[test]
    fn onset_does_not_move_with_the_grid() {
        for sigma_min in [1e-5, 1e-4, 0.002, 0.02] {
            let config = Config { sigma_min, ..Config::DEFAULT };
            let c = pivot_of(&config, gaussian(1.0)).value();
            assert!((c - 1.0).abs() < 0.02, "sigma_min {sigma_min}: c = {c}");
        }
    }

    #[test]
    fn grids_above_the_onset_have_no_gate() {
        let config = Config { sigma_min: 7.0, sigma_max: 1000.0, sigma_data: 0.5, ..Config::DEFAULT };
        let found = pivot_of(&config, gaussian(0.25));
        assert_eq!((found.rule, found.value()), (PivotRule::BelowGrid, 0.0));
    }

    #[test]
    fn a_chain_holds_the_accepted_pivot_rather_than_none() {
        let config = Config { pivot: Pivot::Foot, ..Config::discrete() };
        let grid = Grid::new(&config);
        let mut flat: Vec<f64> = (0..64).map(|k| 2.0 * grid.ln_centre(k)).collect();
        let (rate, room) = (Rate::new(&grid, &mut flat), &mut [0.0; 64]);
        assert_eq!(find(&config, &rate, 0.0, room, None).rule, PivotRule::None);
        let held = find(&config, &rate, 0.0, room, Some(-1.0));
        assert_eq!((held.rule, held.ln_c), (PivotRule::Held, -1.0));
    }

    #[test]
    fn continuous_rule_on_discrete_data_says_so() {
        assert!(pivot_of(&Config::DEFAULT, two_point).interior_peak);
        assert!(!pivot_of(&Config::DEFAULT, gaussian(0.25)).interior_peak);
    }
}
