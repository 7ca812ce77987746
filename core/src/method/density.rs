//! The density of the draws, as masses of bins (16).

use crate::config::{Config, Emphasis};
use crate::maths::{at, flush, normalise, real};
use crate::method::grid::Grid;

#[test]
fn example() {
    let mut pi = [1.0, 0.0];
    add_coverage(&mut pi, 0.02);
    assert_eq!(pi, [0.99, 0.01]);
}

/// w(s_k) times the caller's table: the weight on the x0 error in bin `k`.
#[inline]
pub fn fixed_weight(config: &Config, grid: &Grid, table: &[f64], k: usize) -> f64 {
    config.objective.weight(grid.centre(k), config.sigma_data) * at(table, k)
}

/// pi_k before it is normalised: rho_k / w(s_k), or rho_k where the samples
/// carry the emphasis.
#[inline]
pub fn unnormalised(config: &Config, grid: &Grid, table: &[f64], rho: f64, k: usize) -> f64 {
    match config.emphasis {
        Emphasis::Samples => rho,
        Emphasis::Target => rho / fixed_weight(config, grid, table, k),
    }
}

/// Step 8, in place (docs/specification.md#density): from the target rho to the
/// density pi, summing to 1.
pub fn density(config: &Config, grid: &Grid, table: &[f64], masses: &mut [f64]) {
    for (k, mass) in masses.iter_mut().enumerate() {
        *mass = unnormalised(config, grid, table, *mass, k);
    }
    normalise(masses);
}

/// One mass after coverage.
#[inline]
pub fn covered(mass: f64, coverage: f64, bins: usize) -> f64 {
    flush((1.0 - coverage) * mass + coverage / real(bins))
}

/// Step 9 (docs/specification.md#coverage): pi_k <- (1 - coverage) pi_k + coverage / K,
/// so that every bin keeps receiving losses.
pub fn add_coverage(pi: &mut [f64], coverage: f64) {
    let bins = pi.len();
    for mass in pi {
        *mass = covered(*mass, coverage, bins);
    }
}
