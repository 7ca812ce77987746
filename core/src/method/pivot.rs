//! The pivot: where the low-noise gate opens (docs/specification.md#pivot).
//!
//! `q` of data on finitely many points rises and falls once for each scale of
//! structure; below the lowest peak there is nothing to learn, and `foot` finds
//! where that peak ends. The rate of continuous data grows for ever towards low
//! noise; `onset` finds where it has outgrown the scale of the data.
//!
//! ```
//! use infonoise::{Config, method::grid::Grid, maths::collect, method::pivot, method::rate::Rate, PivotRule};
//! // Gaussian data of standard deviation 1/2: the pivot is that deviation.
//! let (config, variance) = (Config::DEFAULT, 0.25);
//! let grid = Grid::new(&config);
//! let mmse = collect((0..64).map(|k| {
//!     let s2 = grid.centre(k) * grid.centre(k);
//!     s2 * variance / (s2 + variance)
//! }));
//! let found = pivot::find(&config, &grid, &Rate::new(&grid, &mmse, true, 0), None);
//! assert_eq!(found.rule, PivotRule::Onset);
//! assert!((found.value() - 0.495).abs() < 0.005);
//! ```

use crate::config::{Config, Endpoint, Pivot, coded};
use crate::maths::{at, collect, exp, line, ln, peak};
use crate::method::grid::Grid;
use crate::method::rate::{Rate, smooth};
use core::f64::consts::LN_2;

/// The rule that set a pivot.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PivotRule {
    /// No refresh has been accepted, or no rule found a pivot.
    #[default]
    None = 0,
    /// The rate outgrows the data's scale here.
    Onset = 1,
    /// It does so already in the highest bin.
    OnsetAtTop = 2,
    /// Onset, but the rate peaks inside the grid: the data look discrete.
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
    /// The last accepted pivot, since no rule found one now.
    Held = 11,
}
coded!(PivotRule {
    None = "none", Onset = "onset", OnsetAtTop = "onset_at_top",
    OnsetInteriorPeak = "onset_interior_peak", BelowGrid = "below_grid",
    OnsetLiteral = "onset_literal", Foot = "foot", PowerLaw = "power_law", Knee = "knee",
    Fixed = "fixed", Off = "off", Held = "held",
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
    pub fn value(&self) -> f64 {
        exp(self.ln_c)
    }
}

/// Finds the pivot of `rate` by the configured rule or chain
/// (docs/specification.md#choice-of-rule). `accepted` is ln c of the last accepted
/// refresh, used where no rule finds a pivot.
pub fn find(config: &Config, grid: &Grid, rate: &Rate, accepted: Option<f64>) -> Found {
    let discrete = config.endpoint == Endpoint::Discrete;
    let chain = matches!(config.pivot, Pivot::Auto | Pivot::Paper);
    let found = match config.pivot {
        Pivot::Auto if discrete => {
            foot(grid, rate).or_else(|| power_law(grid, rate)).or_else(|| knee(grid, rate))
        }
        Pivot::Paper if discrete => power_law(grid, rate).or_else(|| knee(grid, rate)),
        Pivot::Auto | Pivot::Onset => onset(config, grid, rate),
        Pivot::Paper | Pivot::OnsetLiteral => onset_literal(config, grid, rate),
        Pivot::Foot => foot(grid, rate),
        Pivot::PowerLaw => power_law(grid, rate),
        Pivot::Knee => knee(grid, rate),
        Pivot::Fixed => Found::at(ln(config.pivot_value), PivotRule::Fixed),
        Pivot::Off => Found::open(PivotRule::Off),
    };
    // A knee is a last resort: a chain prefers the pivot it once had.
    let weak = found.rule == PivotRule::None || (chain && found.rule == PivotRule::Knee);
    match accepted {
        Some(ln_c) if weak => Found { ln_c, rule: PivotRule::Held, ..found },
        _ => found,
    }
}

/// ln S, the data's standard deviation per dimension: configured, else the
/// root of the largest smoothed error.
pub fn ln_scale(config: &Config, rate: &Rate) -> f64 {
    if config.sigma_data > 0.0 { ln(config.sigma_data) } else { rate.ln_scale }
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
fn onset(config: &Config, grid: &Grid, rate: &Rate) -> Found {
    let y = smooth(&rate.y, grid.bins_in(0.15, 1));
    let q = collect(y.iter().enumerate().map(|(k, y)| y + grid.ln_centre(k)));
    let level = ln(250.0 * config.onset_threshold) + peak(&q).1 - ln_scale(config, rate);
    let length = grid.bins_in(0.25, 2);
    let interior_peak = peak(&y).0 >= (grid.bins() / 9).max(3);
    let last = grid.bins().saturating_sub(1);
    let persistent = |k: usize| {
        let first = (k + 1).saturating_sub(length);
        y.get(first..k + 1).is_some_and(|run| run.iter().all(|&y| y >= level))
    };
    let found = match (0..=last).rev().find(|&k| persistent(k)) {
        None => Found::open(PivotRule::BelowGrid),
        Some(k) if k == last => Found::at(grid.ln_centre(k), PivotRule::OnsetAtTop),
        Some(k) => {
            let rule = if interior_peak { PivotRule::OnsetInteriorPeak } else { PivotRule::Onset };
            Found::at(crossing(grid, &y, k, level), rule)
        }
    };
    Found { interior_peak, ..found }
}

/// The paper's onset (18): the largest centre at which r >= p max r
/// (docs/specification.md#literal-onset).
fn onset_literal(config: &Config, grid: &Grid, rate: &Rate) -> Found {
    let level = ln(config.onset_threshold) + peak(&rate.y).1;
    match rate.y.iter().rposition(|&y| y >= level) {
        Some(k) => Found::at(grid.ln_centre(k), PivotRule::OnsetLiteral),
        None => Found::NONE,
    }
}

/// A rise or fall must exceed this, in nats, to count.
const STEP: f64 = LN_2;

/// The foot of the lowest information peak: going down from the top, follow
/// peak and valley in turn; each is confirmed once a run of bins has left it
/// (docs/specification.md#foot).
fn foot(grid: &Grid, rate: &Rate) -> Found {
    let q = smooth(&rate.q, grid.bins_in(0.075, 1));
    let run = grid.bins_in(0.2, 2);
    let (mut falling, mut extreme, mut extreme_at) = (false, f64::NEG_INFINITY, 0);
    // The lowest confirmed peak: its bin, its height, the valley after it.
    let mut lowest: Option<(usize, f64, f64)> = None;
    for k in (0..grid.bins()).rev() {
        let here = at(&q, k);
        if falling {
            extreme = extreme.min(here);
            if let Some(lowest) = &mut lowest {
                lowest.2 = extreme;
            }
            if window(&q, k, run).is_some_and(|run| run.iter().all(|&q| q > extreme + STEP)) {
                (falling, extreme, extreme_at) = (false, here, k);
            }
        } else {
            if here > extreme {
                (extreme, extreme_at) = (here, k);
            }
            if window(&q, k, run).is_some_and(|run| run.iter().all(|&q| q < extreme - STEP)) {
                lowest = Some((extreme_at, extreme, here));
                (falling, extreme) = (true, here);
            }
        }
    }
    let Some((top, height, valley)) = lowest else { return Found::NONE };
    let level = valley.max(height - ln(100.0)) + STEP;
    match (0..top).rev().find(|&k| at(&q, k) < level) {
        Some(k) => Found::at(crossing(grid, &q, k, level), PivotRule::Foot),
        None => Found::NONE,
    }
}

/// The largest number whose root is at most 0.7: it decides like the root, which
/// would be a kilobyte of code.
const LARGEST_MEAN_SQUARE: f64 = 0.49;

/// The end of the low-noise power law (B.4): a line fitted to the lowest bins
/// grows until the next run of bins leaves it to one side (docs/specification.md#power-law).
fn power_law(grid: &Grid, rate: &Rate) -> Found {
    let y = &rate.y;
    let run = grid.bins_in(0.2, 2);
    for n in grid.bins_in(0.75, 4)..=grid.bins().saturating_sub(run) {
        let Some((fitted, rest)) = y.split_at_checked(n) else { break };
        let (intercept, slope) = line(fitted);
        let departs = |sign: f64| {
            rest.iter()
                .take(run)
                .enumerate()
                .all(|(j, y)| sign * (y - (intercept + slope * (n + j) as f64)) > STEP)
        };
        let per_nat = slope / grid.width();
        if !(departs(1.0) || departs(-1.0)) || !(-3.5..=-0.25).contains(&per_nat) {
            continue;
        }
        let mut squares = 0.0;
        for (i, y) in fitted.iter().enumerate() {
            let residual = y - (intercept + slope * i as f64);
            squares += residual * residual;
        }
        return if squares / n as f64 <= LARGEST_MEAN_SQUARE {
            Found::at(grid.ln_centre(n - 1), PivotRule::PowerLaw)
        } else {
            Found::NONE
        };
    }
    Found::NONE
}

/// The bin farthest below the chord from bin 0 to the peak of the information
/// (docs/specification.md#knee).
fn knee(grid: &Grid, rate: &Rate) -> Found {
    let q = smooth(&rate.q, grid.bins_in(0.15, 1));
    let (top, height) = peak(&q);
    if top < 2 {
        return Found::NONE;
    }
    let start = at(&q, 0);
    let slope = (height - start) / top as f64;
    let dips = collect((0..top).map(|k| start + slope * k as f64 - at(&q, k)));
    let (deepest, dip) = peak(&dips);
    let k = if dip > 0.1 { deepest } else { 0 };
    Found::at(grid.ln_centre(k), PivotRule::Knee)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let m = collect((0..grid.bins()).map(|k| mmse(grid.centre(k))));
        find(config, &grid, &Rate::new(&grid, &m, config.ceiling, config.smoothing), None)
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
        let flat = collect((0..64).map(|k| grid.centre(k).powi(2)));
        let rate = Rate::new(&grid, &flat, true, 0);
        assert_eq!(find(&config, &grid, &rate, None).rule, PivotRule::None);
        let held = find(&config, &grid, &rate, Some(-1.0));
        assert_eq!((held.rule, held.ln_c), (PivotRule::Held, -1.0));
    }

    #[test]
    fn continuous_rule_on_discrete_data_says_so() {
        assert!(pivot_of(&Config::DEFAULT, two_point).interior_peak);
        assert!(!pivot_of(&Config::DEFAULT, gaussian(0.25)).interior_peak);
    }
}
