//! Warnings: something looks wrong, but the schedule continues
//! (docs/specification.md#warnings, docs/specification.md#evidence).
//!
//! A warning names the bins that it is about, so that the user sees whether they matter.

use crate::config::{Config, coded};
use crate::maths::{at, line, real, sum};
use crate::method::grid::Grid;
use crate::method::guard::{Band, side};
use crate::method::rate::noise;
use crate::state::block::Header;

#[test]
fn example() {
    let grid = Grid::new(&Config::DEFAULT);
    // An epsilon network's floor: its x0 error goes on growing with sigma^2.
    let error: [f64; 64] = core::array::from_fn(|k| {
        let square = grid.centre(k) * grid.centre(k);
        square * (0.25 / (square + 0.25) + 0.01)
    });
    let known = Evidence::of(&Config { sigma_data: 0.5, ..Config::DEFAULT }, &grid, &error, &[0.0; 64]);
    assert!(known.above_variance && known.above_identity == Bins::default());
}

/// A warning.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Warning {
    /// Nothing.
    #[default]
    None = 0,
    /// Errors exceed 2 sigma^2 in more than a quarter of the bins: check the declared
    /// objective.
    ErrorsAboveIdentity = 1,
    /// The rate peaks inside the grid: the endpoint may have to be `discrete`.
    LooksDiscrete = 2,
    /// Errors go on growing where the data's variance bounds them: an epsilon or score
    /// network has an error floor there. Set sigma_data, or lower sigma_max.
    ErrorsAboveVariance = 3,
    /// Most draws fall at the low end of the grid: widen it, unless this model trains
    /// only this range.
    BandAtLowEnd = 4,
    /// Most draws fall at the high end of the grid, likewise.
    BandAtHighEnd = 5,
    /// Fewer than two thirds of the draws came back as observations: are the errors of all
    /// ranks gathered?
    DrawsNotObserved = 6,
    /// More than three observations for two draws: does every rank draw its own slice?
    ObservedNotDrawn = 7,
}
coded!(Warning {
    None = "none", ErrorsAboveIdentity = "errors_above_identity", LooksDiscrete = "looks_discrete",
    ErrorsAboveVariance = "errors_above_variance", BandAtLowEnd = "band_at_low_end",
    BandAtHighEnd = "band_at_high_end", DrawsNotObserved = "draws_not_observed",
    ObservedNotDrawn = "observed_not_drawn",
});

impl Warning {
    /// What it means, and what the user can do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Warning::None => "nothing to do",
            Warning::ErrorsAboveIdentity => {
                "errors exceed 2 sigma^2 in more than a quarter of the bins: is the objective declared right? A network without a skip connection has such errors at low noise; below the pivot they do no harm"
            }
            Warning::LooksDiscrete => "the rate peaks inside the grid: declare endpoint = discrete?",
            Warning::ErrorsAboveVariance => {
                "errors go on growing where the data's variance bounds them: an epsilon or score network has an error floor there; set sigma_data to the data's deviation, or lower sigma_max"
            }
            Warning::BandAtLowEnd => {
                "most draws fall at the low end of the grid: lower sigma_min, unless this model trains only this range"
            }
            Warning::BandAtHighEnd => {
                "most draws fall at the high end of the grid: raise sigma_max, or use emphasis samples with objective epsilon or score, unless this model trains only this range"
            }
            Warning::DrawsNotObserved => {
                "fewer than two thirds of the draws were observed: gather the errors of all ranks, and take validation levels from levels(n), which draws nothing"
            }
            Warning::ObservedNotDrawn => {
                "more than three observations for two draws: let every rank draw its slice, by rank and world, instead of the same sigmas"
            }
        }
    }
}

/// The bins that a warning is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bins {
    /// How many.
    pub count: u32,
    /// The lowest of them.
    pub first: u32,
    /// The highest of them.
    pub last: u32,
}

impl Bins {
    fn range(first: usize, count: usize) -> Self {
        let last = (first + count).saturating_sub(1);
        Bins { count: count as u32, first: first as u32, last: last as u32 }
    }

    fn add(&mut self, k: usize) {
        self.first = if self.count == 0 { k as u32 } else { self.first };
        (self.count, self.last) = (self.count + 1, k as u32);
    }
}

/// A slope of ln m over ln sigma above this, and so much above the least slope, says that
/// errors grow again.
const RISE: f64 = 0.5;
/// By so many of its standard errors the slope must exceed both.
const STANDARD_ERRORS: f64 = 2.0;

/// The top bins' share of the target from which such a growth matters.
const LEAST_SHARE: f64 = 0.003;

/// What the errors say before the ceiling hides it. The top bins are the highest
/// [`Grid::end`], in which a denoiser's errors do not grow any more.
#[derive(Clone, Copy, Debug)]
pub struct Evidence {
    /// Bins whose error is above 2 sigma^2.
    pub above_identity: Bins,
    /// sigma_data is known, and the top bins' errors are above twice the data's variance.
    pub above_variance: bool,
    /// sigma_data is unknown, and errors that had levelled off grow again in the top bins.
    pub grow_again: bool,
    /// They do so where the rate per unit ln sigma is less than a tenth of its peak.
    faint: bool,
}

impl Evidence {
    /// Of the means m_k (x0 space, squared, per dimension) and ln m_k.
    pub fn of(config: &Config, grid: &Grid, error: &[f64], ln_error: &[f64]) -> Self {
        let mut above_identity = Bins::default();
        for (k, &m) in error.iter().enumerate() {
            let centre = grid.centre(k);
            if m > 2.0 * (centre * centre) {
                above_identity.add(k);
            }
        }
        let (n, first) = (grid.end(), grid.bins().saturating_sub(grid.end()));
        let known = config.sigma_data > 0.0;
        let mean = sum(error.get(first..).unwrap_or(&[])) / n as f64;
        let above_variance = known && mean > 2.0 * (config.sigma_data * config.sigma_data);
        let grow_again = !known && grows_again(grid, ln_error);
        let faint = grow_again && is_faint(grid, ln_error, first);
        Evidence { above_identity, above_variance, grow_again, faint }
    }

    /// Whether these errors say that a `band` at an end of the grid of `bins` is not
    /// legitimate: those that contradict a denoiser's must lie at that end. Errors that
    /// grow again count where their rate is faint: where it is not, the grid may end below
    /// the data's deviation.
    pub fn speaks_against(&self, band: Band, warning: Warning, bins: usize) -> bool {
        let side = side(bins);
        match (band, warning) {
            (Band::Low, Warning::ErrorsAboveIdentity) => (self.above_identity.first as usize) < side,
            (Band::High, Warning::ErrorsAboveIdentity) => self.above_identity.last as usize + side >= bins,
            (Band::High, Warning::ErrorsAboveVariance) => self.above_variance || self.faint,
            _ => false,
        }
    }

    /// The warning that these errors give for the target `rho`, empty where there is
    /// none, and the bins that it is about.
    pub fn warning(&self, grid: &Grid, rho: &[f64]) -> Option<(Warning, Bins)> {
        let (n, first) = (grid.end(), grid.bins().saturating_sub(grid.end()));
        let matters = || sum(rho.get(first..).unwrap_or(&[])) > LEAST_SHARE;
        if 4 * self.above_identity.count as usize > grid.bins() {
            Some((Warning::ErrorsAboveIdentity, self.above_identity))
        } else if self.above_variance || (self.grow_again && matters()) {
            Some((Warning::ErrorsAboveVariance, Bins::range(first, n)))
        } else {
            None
        }
    }
}

/// Whether ln m grows again in the top bins after it had levelled off. On a grid that ends
/// below the data's deviation a true error still grows there, but more and more slowly.
fn grows_again(grid: &Grid, ln_error: &[f64]) -> bool {
    let bins = ln_error.len();
    let n = grid.bins_in(0.5, grid.end()).min(bins / 2);
    let (first, width) = (bins.saturating_sub(n), grid.width());
    let slope = |j: usize| line(n, |i| at(ln_error, j + i)).1 / width;
    let plain = slope(first);
    if !(plain > RISE) {
        return false;
    }
    // The sum of squared distances of n evenly spaced points from their mean.
    let spread = width * width * real(n) * (real(n) * real(n) - 1.0) / 12.0;
    let square_error = noise(ln_error) / spread;
    // Squares are compared: a root is a kilobyte of code.
    let above =
        |x: f64| plain > x && (plain - x) * (plain - x) > STANDARD_ERRORS * STANDARD_ERRORS * square_error;
    above(RISE) && (0..first).any(|j| above(slope(j) + RISE))
}

/// Whether the rate per unit ln sigma from bin `first` on is less than a tenth of its peak.
fn is_faint(grid: &Grid, ln_error: &[f64], first: usize) -> bool {
    let (mut highest, mut above) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    for (k, l) in ln_error.iter().enumerate() {
        let q = l - 2.0 * grid.ln_centre(k);
        highest = highest.max(q);
        above = if k >= first { above.max(q) } else { above };
    }
    above < highest - core::f64::consts::LN_10
}

/// The fewest steps over which draws are compared with observations: a trainer may draw a
/// few batches ahead.
const COUNTED_STEPS: u64 = 20;

/// Whether draws and observed pairs differ by more than a half over so many steps
/// (docs/specification.md#warnings): replicas that do not share one global batch. None for
/// too few steps.
fn of_counts(steps: u64, draws: u64, observed: u64) -> Option<Warning> {
    let more = |a: u64, b: u64| a.saturating_mul(2) > b.saturating_mul(3);
    if steps < COUNTED_STEPS {
        None
    } else if draws > 0 && more(draws, observed) {
        Some(Warning::DrawsNotObserved)
    } else if draws > 0 && more(observed, draws) {
        Some(Warning::ObservedNotDrawn)
    } else {
        Some(Warning::None)
    }
}

impl Header {
    fn counts(&self) -> [u64; 3] {
        [self.steps, self.draws, self.observations.wrapping_add(self.rejected)]
    }

    /// What the counts say since the last comparison; none while it is too early.
    pub fn counted_now(&self) -> Option<Warning> {
        let ([steps, draws, observed], [step, drawn, seen]) = (self.counts(), self.summary.counted_from);
        of_counts(steps.wrapping_sub(step), draws.wrapping_sub(drawn), observed.wrapping_sub(seen))
    }

    /// Compares the counts at a refresh, if it is not too early, and begins anew; returns
    /// what the last comparison said.
    pub fn compare_counts(&mut self) -> Warning {
        if let Some(found) = self.counted_now() {
            (self.summary.counted_from, self.summary.counted) = (self.counts(), found.code().into());
        }
        Warning::from_code(self.summary.counted as u32).unwrap_or_default()
    }
}

/// The warning in force: of the errors, else of the pivot, else of the band of the draws,
/// else `of_counts`.
pub fn warning(
    of_errors: Option<(Warning, Bins)>,
    looks_discrete: bool,
    band: Band,
    of_counts: Warning,
    bins: usize,
) -> (Warning, Bins) {
    let side = side(bins);
    match (of_errors, band) {
        (Some(found), _) => found,
        (None, _) if looks_discrete => (Warning::LooksDiscrete, Bins::default()),
        (None, Band::Low) => (Warning::BandAtLowEnd, Bins::range(0, side)),
        (None, Band::High) => (Warning::BandAtHighEnd, Bins::range(bins.saturating_sub(side), side)),
        (None, Band::Inside) => (of_counts, Bins::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_compared_with_observations_over_20_steps() {
        for (steps, draws, observed, expected) in [
            (19, 400, 100, None),
            (20, 400, 100, Some(Warning::DrawsNotObserved)),
            (20, 150, 100, Some(Warning::None)), // ten batches drawn ahead
            (20, 151, 100, Some(Warning::DrawsNotObserved)),
            (20, 100, 150, Some(Warning::None)),
            (20, 100, 151, Some(Warning::ObservedNotDrawn)),
            (20, 0, 100, Some(Warning::None)), // sigmas from elsewhere
            (20, u64::MAX, u64::MAX, Some(Warning::None)),
        ] {
            assert_eq!(of_counts(steps, draws, observed), expected, "{steps} {draws} {observed}");
        }
    }
}
