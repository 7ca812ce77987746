//! The rate: what a loss profile says about information per unit sigma.
//!
//! By I-MMSE, `r = mmse / sigma^3` per unit sigma (11) and `q = mmse / sigma^2`
//! per unit ln sigma. The profile is first capped at sigma^2, which the Bayes
//! error per dimension never exceeds (docs/specification.md#channel-and-rate).
//!
//! ```
//! use infonoise::{Config, method::grid::Grid, method::rate::Rate, maths::collect};
//! let grid = Grid::new(&Config::DEFAULT);
//! // Pure noise: m = sigma^2 everywhere, so q = 1 and r = 1 / sigma.
//! let identity = collect((0..64).map(|k| grid.centre(k) * grid.centre(k)));
//! let rate = Rate::new(&grid, &identity, true, 0);
//! assert!(rate.q.iter().all(|q| q.abs() < 1e-12));
//! assert_eq!(rate.clipped, 0);
//! ```

use crate::maths::{Bins, at, collect, ln, peak};
use crate::method::grid::Grid;

/// Losses of 0 have a logarithm all the same.
const LEAST_ERROR: f64 = 1e-300;

/// A loss profile and its rate, in logarithms.
#[derive(Clone, Debug)]
pub struct Rate {
    /// m, squared error per dimension in x0 space, after the ceiling.
    pub error: Bins,
    /// ln m, after `smoothing` passes of [1 2 1]/4.
    pub ln_error: Bins,
    /// y = ln r, the rate per unit sigma.
    pub y: Bins,
    /// q = y + ln s, the logarithm of the rate per unit ln sigma.
    pub q: Bins,
    /// Logarithm of the root of the largest smoothed error: the data's standard
    /// deviation per dimension, where nothing else says it.
    pub ln_scale: f64,
    /// Bins at the ceiling.
    pub clipped: u32,
    /// Bins whose error, before the ceiling, is above 2 sigma^2.
    pub above_identity: u32,
}

impl Rate {
    /// Steps 3 and 4 of a refresh on the means `m` (docs/specification.md#ceiling,
    /// docs/specification.md#rate).
    pub fn new(grid: &Grid, m: &[f64], ceiling: bool, smoothing: u32) -> Self {
        let (mut clipped, mut above_identity) = (0, 0);
        let error = collect((0..grid.bins()).map(|k| {
            let m = at(m, k);
            let centre = grid.centre(k);
            let identity = centre * centre;
            if m > 2.0 * identity {
                above_identity += 1;
            }
            if ceiling && m > identity {
                clipped += 1;
                identity
            } else {
                m
            }
        }));
        let mut ln_error = collect(error.iter().map(|&m| ln(m.max(LEAST_ERROR))));
        for _ in 0..smoothing {
            ln_error = smooth(&ln_error, 1);
        }
        let y = collect(ln_error.iter().enumerate().map(|(k, l)| l - 3.0 * grid.ln_centre(k)));
        let q = collect(y.iter().enumerate().map(|(k, y)| y + grid.ln_centre(k)));
        let (_, largest) = peak(&smooth(&ln_error, grid.bins_in(0.15, 1)));
        Rate { error, ln_error, y, q, ln_scale: largest / 2.0, clipped, above_identity }
    }
}

/// A triangular kernel of half width `half` bins (weights half + 1 - |j|),
/// renormalised at the ends. `half` = 1 is [1 2 1]/4.
pub fn smooth(values: &[f64], half: usize) -> Bins {
    collect((0..values.len()).map(|k| {
        let first = k.saturating_sub(half);
        let (rising, falling) = values.split_at_checked(k + 1).unwrap_or((values, &[]));
        let (mut total, mut weights) = (0.0, 0.0);
        // Weights are whole numbers, so counting them up and down is exact.
        let mut weight = (half + 1 - (k - first)) as f64;
        for value in rising.iter().skip(first) {
            total += weight * value;
            weights += weight;
            weight += 1.0;
        }
        weight = half as f64;
        for value in falling.iter().take(half) {
            total += weight * value;
            weights += weight;
            weight -= 1.0;
        }
        total / weights
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_kernel_is_renormalised_at_the_ends() {
        let smoothed = smooth(&[3.0, 0.0, 0.0, 8.0], 1);
        assert_eq!(smoothed.as_slice(), [2.0, 0.75, 2.0, 16.0 / 3.0]);
        let flat = smooth(&[2.0; 9], 3);
        assert!(flat.iter().all(|x| (x - 2.0).abs() < 1e-15));
    }

    #[test]
    fn the_ceiling_counts_what_it_caps() {
        let grid = Grid::new(&Config::DEFAULT);
        let m = collect((0..64).map(|k| if k < 20 { 3.0 } else { 1.5 } * grid.centre(k).powi(2)));
        let capped = Rate::new(&grid, &m, true, 0);
        assert_eq!((capped.clipped, capped.above_identity), (64, 20));
        assert_eq!(capped.error[5], grid.centre(5) * grid.centre(5));
        let open = Rate::new(&grid, &m, false, 0);
        assert_eq!((open.clipped, open.above_identity, &open.error), (0, 20, &m));
    }
}
