//! The rate: information per unit sigma, from a loss profile.
//!
//! By I-MMSE, `r = mmse / sigma^3` per unit sigma (11) and `q = mmse / sigma^2`
//! per unit ln sigma, both kept as logarithms. The profile is first capped at the error
//! of the best linear denoiser, which the Bayes error per dimension never exceeds
//! (docs/specification.md#channel-and-rate).

use crate::maths::{at, ln, real};
use crate::method::grid::Grid;

#[test]
fn example() {
    let grid = Grid::new(&crate::Config::DEFAULT);
    // Pure noise: m = sigma^2 everywhere, so q = 1 and r = 1 / sigma.
    let mut error = [0.0; 64];
    error.iter_mut().enumerate().for_each(|(k, m)| *m = grid.centre(k) * grid.centre(k));
    let mut y = [0.0; 64];
    log_errors(&error, &mut y);
    assert_eq!(apply_ceiling(&grid, 0.0, &mut error, &mut y), 0);
    let rate = Rate::new(&grid, &mut y);
    assert!((0..64).all(|k| rate.q(k).abs() < 1e-12));
}

/// Smaller errors, 0 among them, take the logarithm of this one.
pub const LEAST_ERROR: f64 = 1e-300;

/// The ceiling in bin `k` (docs/specification.md#ceiling): the error of the best linear
/// denoiser of data of standard deviation `sigma_data`, sigma^2 where that is unknown (0).
/// By Jensen it holds whatever the spread of the dimensions' variances.
pub fn linear_error(grid: &Grid, sigma_data: f64, k: usize) -> f64 {
    let centre = grid.centre(k);
    let (square, variance) = (centre * centre, sigma_data * sigma_data);
    if sigma_data > 0.0 { square * (variance / (square + variance)) } else { square }
}

/// From this many sigma_data on a denoiser knows little more than the data's mean, so
/// that its error is about their variance.
const FAR: f64 = 3.0;

/// How many times the variance sigma_data^2 is understated: the least ratio of an error
/// to [`linear_error`] far above sigma_data, at least 1. Trainers keep the constant of a
/// preconditioning although their data have another deviation; a ceiling from it would
/// clip true errors.
pub fn understatement(grid: &Grid, sigma_data: f64, error: &[f64]) -> f64 {
    let mut least = f64::INFINITY;
    if sigma_data == 0.0 {
        return 1.0;
    }
    for (k, m) in error.iter().enumerate() {
        if grid.centre(k) >= FAR * sigma_data {
            least = least.min(m / linear_error(grid, sigma_data, k));
        }
    }
    if least.is_finite() { least.max(1.0) } else { 1.0 }
}

/// Step 3: caps the errors m_k (squared, per dimension) and their logarithms, in place.
/// Returns how many bins were above the ceiling.
pub fn apply_ceiling(grid: &Grid, sigma_data: f64, error: &mut [f64], ln_error: &mut [f64]) -> u32 {
    let (mut clipped, factor) = (0, understatement(grid, sigma_data, error));
    for (k, (m, l)) in error.iter_mut().zip(ln_error).enumerate() {
        let identity = grid.centre(k) * grid.centre(k);
        let bound = (factor * linear_error(grid, sigma_data, k)).min(identity);
        if *m > bound {
            clipped += 1;
            (*m, *l) = (bound, ln(bound.max(LEAST_ERROR)));
        }
    }
    clipped
}

/// ln m_k.
pub fn log_errors(error: &[f64], ln_error: &mut [f64]) {
    for (l, &m) in ln_error.iter_mut().zip(error) {
        *l = ln(m.max(LEAST_ERROR));
    }
}

/// Step 4 (docs/specification.md#rate): `passes` of [1 2 1]/4 over ln m.
pub fn smooth_passes(ln_error: &mut [f64], passes: u32) {
    for _ in 0..passes {
        // In place: a pass has read the bins below already and still needs only those above.
        let (mut below, last) = (0.0, ln_error.len().saturating_sub(1));
        for k in 0..=last {
            let (here, above) = (at(ln_error, k), at(ln_error, k + 1));
            let smoothed = if k == 0 {
                (2.0 * here + above) / 3.0
            } else if k == last {
                (below + 2.0 * here) / 3.0
            } else {
                (below + 2.0 * here + above) / 4.0
            };
            if let Some(slot) = ln_error.get_mut(k) {
                *slot = smoothed;
            }
            below = here;
        }
    }
}

/// ln S from [`log_errors`]: the logarithm of the root of the largest smoothed error.
/// It estimates the data's standard deviation per dimension where none is configured.
pub fn ln_scale(grid: &Grid, ln_error: &[f64]) -> f64 {
    let kernel = Kernel::new(grid.bins_in(0.15, 0));
    let mut largest = f64::NEG_INFINITY;
    kernel.for_each(
        ln_error.len(),
        |j| at(ln_error, j),
        |_, smoothed| {
            if smoothed > largest {
                largest = smoothed;
            }
        },
    );
    largest / 2.0
}

/// The variance of independent noise on `values` of a smooth curve: a sixth of the mean
/// square of their second differences.
pub fn noise(values: &[f64]) -> f64 {
    let inner = values.len().saturating_sub(2);
    let mut squares = 0.0;
    for k in 1..=inner {
        let bend = at(values, k - 1) - 2.0 * at(values, k) + at(values, k + 1);
        squares += bend * bend;
    }
    squares / (6.0 * real(inner.max(1)))
}

/// The rate of a loss profile, in logarithms.
#[derive(Clone, Copy, Debug)]
pub struct Rate<'a> {
    /// The bins.
    pub grid: &'a Grid<'a>,
    /// y_k = ln r_k, the rate per unit sigma (11).
    pub y: &'a [f64],
}

impl<'a> Rate<'a> {
    /// The rate of an error profile: `ln_error` from [`log_errors`] becomes y.
    pub fn new(grid: &'a Grid<'a>, ln_error: &'a mut [f64]) -> Self {
        for (k, l) in ln_error.iter_mut().enumerate() {
            *l -= 3.0 * grid.ln_centre(k);
        }
        Rate { grid, y: ln_error }
    }

    /// q_k = y_k + ln s_k, the logarithm of the rate per unit ln sigma.
    #[inline]
    pub fn q(&self, k: usize) -> f64 {
        at(self.y, k) + self.grid.ln_centre(k)
    }

    /// The largest q_k.
    pub fn peak_q(&self) -> f64 {
        let mut largest = f64::NEG_INFINITY;
        for (k, y) in self.y.iter().enumerate() {
            let q = y + self.grid.ln_centre(k);
            if q > largest {
                largest = q;
            }
        }
        largest
    }

    /// Whether this can be the rate of `error` after so many smoothing passes. Without
    /// smoothing it must be equal; with smoothing it must stay between the extremes, as
    /// averages do.
    pub fn is_of(&self, error: &[f64], smoothing: u32) -> bool {
        let ln_error = |m: f64| ln(m.max(LEAST_ERROR));
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for &m in error {
            (low, high) = (low.min(ln_error(m)), high.max(ln_error(m)));
        }
        let slack = 1e-9 * (1.0 + low.abs().max(high.abs()));
        self.y.iter().zip(error).enumerate().all(|(k, (&y, &m))| {
            let drop = 3.0 * self.grid.ln_centre(k);
            if smoothing == 0 {
                y == ln_error(m) - drop
            } else {
                y + drop >= low - slack && y + drop <= high + slack
            }
        })
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

    /// The average of `values` around bin `k`.
    #[cfg(test)]
    fn average(self, values: &[f64], k: usize) -> f64 {
        let mut average = 0.0;
        self.for_each(
            values.len(),
            |j| values[j],
            |j, x| {
                if j == k {
                    average = x
                }
            },
        );
        average
    }

    /// Calls `put` with the average of the `n` values around each bin, in ascending
    /// order.
    #[inline(always)]
    pub fn for_each(self, n: usize, value: impl Fn(usize) -> f64, mut put: impl FnMut(usize, f64)) {
        let whole = real((self.half + 1) * (self.half + 1));
        for k in 0..n {
            let (below, above) = (k.min(self.half), (n - 1 - k).min(self.half));
            // Weights are whole numbers, so adding and subtracting them is exact.
            let mut weight = real(self.half + 1 - below);
            let mut total = 0.0;
            for j in k - below..k + 1 {
                total += weight * value(j);
                weight += 1.0;
            }
            weight = real(self.half);
            for j in k + 1..k + 1 + above {
                total += weight * value(j);
                weight -= 1.0;
            }
            let cut = |side: usize| (self.half - side) * (self.half - side + 1) / 2;
            let weights =
                if below + above == 2 * self.half { whole } else { whole - real(cut(below) + cut(above)) };
            put(k, total / weights);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn smoothed<const K: usize>(half: usize, values: [f64; K]) -> [f64; K] {
        core::array::from_fn(|k| Kernel::new(half).average(&values, k))
    }

    #[test]
    fn the_kernel_is_renormalised_at_the_ends() {
        assert_eq!(smoothed(1, [3.0, 0.0, 0.0, 8.0]), [2.0, 0.75, 2.0, 16.0 / 3.0]);
        assert!(smoothed(3, [2.0; 9]).iter().all(|x| (x - 2.0).abs() < 1e-15));
        assert_eq!(smoothed(0, [5.0, 1.0, 4.0]), [5.0, 1.0, 4.0]);
        assert_eq!(smoothed(2, [0.0, 0.0, 9.0, 0.0, 0.0]), [1.5, 2.25, 3.0, 2.25, 1.5]);
    }

    #[test]
    fn passes_in_place_are_passes_of_the_kernel() {
        let error = [3.0f64, 0.1, 7.0, 2.0, 9.0, 4.0];
        let mut expected = error.map(ln);
        for _ in 0..3 {
            expected = smoothed(1, expected);
        }
        let mut passes = [0.0; 6];
        log_errors(&error, &mut passes);
        smooth_passes(&mut passes, 3);
        assert_eq!(passes, expected);
    }

    #[test]
    fn the_ceiling_counts_what_it_caps() {
        let grid = Grid::new(&Config::DEFAULT);
        let capped = |sigma_data: f64, error: [f64; 64]| {
            let (mut m, mut l) = (error, [0.0; 64]);
            log_errors(&m, &mut l);
            let clipped = apply_ceiling(&grid, sigma_data, &mut m, &mut l);
            assert!(m.iter().zip(l).all(|(&m, l)| ln(m) == l));
            (clipped, m)
        };
        let square = |k: usize| grid.centre(k) * grid.centre(k);
        let identity: [f64; 64] = core::array::from_fn(square);
        assert_eq!(capped(0.0, identity), (0, identity));
        assert_eq!(capped(0.0, identity.map(|m| 1.5 * m)), (64, identity));
        let linear: [f64; 64] = core::array::from_fn(|k| square(k) * (0.25 / (square(k) + 0.25)));
        let known: [f64; 64] =
            core::array::from_fn(|k| if square(k) < 2.0 { identity[k] } else { linear[k] });
        assert_eq!(capped(0.5, known).1, linear);
        // Data of deviation 1 under a constant of 1/2 are not clipped to a quarter.
        let wide: [f64; 64] = core::array::from_fn(|k| square(k) / (square(k) + 1.0));
        let (_, m) = capped(0.5, wide);
        assert!(m.iter().zip(wide).all(|(m, wide)| *m > 0.7 * wide && *m <= wide));
        assert_eq!(capped(0.5, linear.map(|m| 0.9 * m)), (0, linear.map(|m| 0.9 * m)));
    }
}
