//! The density: what is drawn, as masses of bins (16).
//!
//! ```
//! use infonoise::method::density::cover;
//! let mut pi = [1.0, 0.0];
//! cover(&mut pi, 0.02);
//! assert_eq!(pi, [0.99, 0.01]);
//! ```

use crate::config::{Config, Emphasis};
use crate::error::{ConfigError, Error};
use crate::maths::{Bins, at, collect, flush, normalise};
use crate::method::grid::Grid;

/// w(s_k) times the caller's table: the weight on the x0 error in bin `k`.
#[inline]
pub fn fixed_weight(config: &Config, grid: &Grid, table: &[f64], k: usize) -> f64 {
    config.objective.weight(grid.centre(k), config.sigma_data) * at(table, k)
}

/// Checks a caller's weight table: one positive, finite factor for each bin.
///
/// # Errors
/// `Length`, `Table`.
pub fn check_weight(table: &[f64], bins: usize) -> Result<(), Error> {
    if table.len() != bins {
        return Err(Error::Length);
    }
    match table.iter().find(|w| !(**w >= f64::MIN_POSITIVE && w.is_finite())) {
        None => Ok(()),
        Some(&value) => Err(Error::Table(ConfigError {
            field: "weight",
            value,
            must: "above",
            bound: Some(0.0),
            remedy: "the weight table holds one positive, finite factor for each bin centre",
        })),
    }
}

/// pi_k proportional to rho_k / w(s_k), or pi = rho where the samples carry
/// the emphasis (docs/specification.md#density).
pub fn density(config: &Config, grid: &Grid, table: &[f64], rho: &[f64]) -> Bins {
    let mut pi = match config.emphasis {
        Emphasis::Samples => collect(rho.iter().copied()),
        Emphasis::Target => {
            collect(rho.iter().enumerate().map(|(k, rho)| rho / fixed_weight(config, grid, table, k)))
        }
    };
    normalise(&mut pi);
    pi
}

/// pi_k <- (1 - coverage) pi_k + coverage / K: every bin's losses stay fresh
/// (docs/specification.md#coverage).
pub fn cover(pi: &mut [f64], coverage: f64) {
    let share = coverage / pi.len() as f64;
    for x in pi {
        *x = flush((1.0 - coverage) * *x + share);
    }
}
