//! The rate: what a loss profile says about information per unit sigma.
//!
//! By I-MMSE, `r = mmse / sigma^3` per unit sigma (11) and `q = mmse / sigma^2`
//! per unit ln sigma, both kept as logarithms. The profile is first capped at
//! sigma^2, which the Bayes error per dimension never exceeds.

use crate::maths::{at, ln};
use crate::method::grid::Grid;

#[test]
fn example() {
    let grid = Grid::new(&crate::Config::DEFAULT);
    // Pure noise: m = sigma^2 everywhere, so q = 1 and r = 1 / sigma.
    let mut error = [0.0; 64];
    error.iter_mut().enumerate().for_each(|(k, m)| *m = grid.centre(k) * grid.centre(k));
    assert_eq!(apply_ceiling(&grid, &mut error, true), Ceiling { clipped: 0, above_identity: 0 });
    let mut ln_error = [0.0; 64];
    log_errors(&error, 0, &mut ln_error);
    let rate = Rate { grid: &grid, ln_error: &ln_error };
    assert!((0..64).all(|k| rate.q(k).abs() < 1e-12));
}

/// Losses of 0 have a logarithm all the same.
const LEAST_ERROR: f64 = 1e-300;

/// What the ceiling found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ceiling {
    /// Bins at the ceiling.
    pub clipped: u32,
    /// Bins whose error, before the ceiling, is above 2 sigma^2.
    pub above_identity: u32,
}

/// Step 3: caps the errors m_k (squared, per dimension) at sigma^2, in place.
pub fn apply_ceiling(grid: &Grid, error: &mut [f64], ceiling: bool) -> Ceiling {
    let mut found = Ceiling::default();
    for (k, m) in error.iter_mut().enumerate() {
        let centre = grid.centre(k);
        let identity = centre * centre;
        if *m > 2.0 * identity {
            found.above_identity += 1;
        }
        if ceiling && *m > identity {
            found.clipped += 1;
            *m = identity;
        }
    }
    found
}

/// Step 4: ln m_k, after `smoothing` passes of [1 2 1]/4.
pub fn log_errors(error: &[f64], smoothing: u32, ln_error: &mut [f64]) {
    for (l, &m) in ln_error.iter_mut().zip(error) {
        *l = ln(m.max(LEAST_ERROR));
    }
    for _ in 0..smoothing {
        // In place: the pass has yet to read only what lies above.
        let mut below = None;
        for k in 0..ln_error.len() {
            let here = at(ln_error, k);
            let smoothed = Kernel::new(1).average(ln_error.len(), k, |j| match below {
                Some(value) if j < k => value,
                _ => at(ln_error, j),
            });
            if let Some(l) = ln_error.get_mut(k) {
                *l = smoothed;
            }
            below = Some(here);
        }
    }
}

/// Whether `ln_error` can be what [`log_errors`] makes of `error`: exactly that
/// without smoothing; with it, averages, which stay between the extremes.
pub fn is_smoothed(smoothing: u32, error: &[f64], ln_error: &[f64]) -> bool {
    let logs = error.iter().map(|m| ln(m.max(LEAST_ERROR)));
    if smoothing == 0 {
        return logs.zip(ln_error).all(|(l, stored)| l == *stored);
    }
    let ends = logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), l| (low.min(l), high.max(l)));
    let slack = 1e-9 * (1.0 + ends.0.abs().max(ends.1.abs()));
    ln_error.iter().all(|&l| l >= ends.0 - slack && l <= ends.1 + slack)
}

/// The rate of a loss profile, in logarithms.
#[derive(Clone, Copy, Debug)]
pub struct Rate<'a> {
    /// The bins.
    pub grid: &'a Grid<'a>,
    /// ln m_k, from [`log_errors`].
    pub ln_error: &'a [f64],
}

impl Rate<'_> {
    /// y_k = ln r_k, the rate per unit sigma (11).
    #[inline]
    pub fn y(&self, k: usize) -> f64 {
        at(self.ln_error, k) - 3.0 * self.grid.ln_centre(k)
    }

    /// q_k = y_k + ln s_k, the logarithm of the rate per unit ln sigma.
    #[inline]
    pub fn q(&self, k: usize) -> f64 {
        self.y(k) + self.grid.ln_centre(k)
    }

    /// The largest q_k.
    pub fn peak_q(&self) -> f64 {
        (0..self.ln_error.len())
            .fold(f64::NEG_INFINITY, |best, k| if self.q(k) > best { self.q(k) } else { best })
    }

    /// Logarithm of the root of the largest smoothed error: the data's standard
    /// deviation per dimension, where nothing else says it.
    pub fn ln_scale(&self) -> f64 {
        let kernel = Kernel::new(self.grid.bins_in(0.15, 0));
        let mut largest = f64::NEG_INFINITY;
        for k in 0..self.ln_error.len() {
            let smoothed = kernel.average(self.ln_error.len(), k, |j| at(self.ln_error, j));
            if smoothed > largest {
                largest = smoothed;
            }
        }
        largest / 2.0
    }
}

/// A triangular kernel of a half width in bins (weights half + 1 - |j|),
/// renormalised at the ends. Half width 1 is [1 2 1]/4, 0 changes nothing.
#[derive(Clone, Copy)]
pub struct Kernel {
    half: usize,
}

impl Kernel {
    /// The kernel of that half width.
    pub fn new(half: usize) -> Self {
        Kernel { half }
    }

    /// The average around bin `k` of the `n` values that `value` gives.
    #[inline]
    pub fn average(self, n: usize, k: usize, value: impl Fn(usize) -> f64) -> f64 {
        let (first, last) = (k.saturating_sub(self.half), n.min(k + self.half + 1));
        let (mut total, mut weights) = (0.0, 0.0);
        for j in first..last {
            let weight = (self.half + 1 - j.abs_diff(k)) as f64;
            total += weight * value(j);
            weights += weight;
        }
        total / weights
    }

    /// The averages around all bins, into `smoothed`.
    pub fn smooth(self, smoothed: &mut [f64], value: impl Fn(usize) -> f64) {
        let n = smoothed.len();
        for (k, slot) in smoothed.iter_mut().enumerate() {
            *slot = self.average(n, k, &value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_kernel_is_renormalised_at_the_ends() {
        let mut smoothed = [0.0; 4];
        Kernel::new(1).smooth(&mut smoothed, |k| [3.0, 0.0, 0.0, 8.0][k]);
        assert_eq!(smoothed, [2.0, 0.75, 2.0, 16.0 / 3.0]);
        let mut flat = [0.0; 9];
        Kernel::new(3).smooth(&mut flat, |_| 2.0);
        assert!(flat.iter().all(|x| (x - 2.0).abs() < 1e-15));
        Kernel::new(0).smooth(&mut flat, |k| k as f64);
        assert_eq!(flat, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    }

    #[test]
    fn passes_in_place_are_passes_of_the_kernel() {
        let error = [3.0f64, 0.1, 7.0, 2.0, 9.0, 4.0];
        let mut expected = error.map(f64::ln);
        for _ in 0..3 {
            let before = expected;
            Kernel::new(1).smooth(&mut expected, |k| before[k]);
        }
        let mut passes = [0.0; 6];
        log_errors(&error, 3, &mut passes);
        assert!(passes.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15));
    }

    #[test]
    fn the_ceiling_counts_what_it_caps() {
        let grid = Grid::new(&Config::DEFAULT);
        let mut m = [0.0; 64];
        m.iter_mut()
            .enumerate()
            .for_each(|(k, m)| *m = if k < 20 { 3.0 } else { 1.5 } * grid.centre(k).powi(2));
        let mut capped = m;
        assert_eq!(apply_ceiling(&grid, &mut capped, true), Ceiling { clipped: 64, above_identity: 20 });
        assert_eq!(capped[5], grid.centre(5) * grid.centre(5));
        let mut open = m;
        assert_eq!(apply_ceiling(&grid, &mut open, false), Ceiling { clipped: 0, above_identity: 20 });
        assert_eq!(open, m);
    }
}
