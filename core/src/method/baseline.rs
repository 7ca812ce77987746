//! The baseline: what the warm-up draws from, as masses of bins (docs/specification.md#baseline).
//!
//! ```
//! use infonoise::{method::baseline::baseline, Baseline, Config, method::grid::Grid};
//! let config = Config { baseline: Baseline::LogNormal, ..Config::DEFAULT };
//! let pi = baseline(&config, &Grid::new(&config), &[]);
//! assert!((pi.iter().sum::<f64>() - 1.0).abs() < 1e-12);
//! assert!(pi[0] >= 0.02 / 64.0); // coverage reaches the tails
//! ```

use crate::config::{Baseline, Config};
use crate::error::{ConfigError, Error};
use crate::maths::{Bins, at, collect, erfc, ln, normalise, peak};
use crate::method::density::cover;
use crate::method::grid::Grid;
use core::f64::consts::SQRT_2;

/// pi_0 of `config` with its coverage; `table` serves `Baseline::Table` alone.
pub fn baseline(config: &Config, grid: &Grid, table: &[f64]) -> Bins {
    let mut pi = match config.baseline {
        Baseline::LogUniform => collect((0..grid.bins()).map(|_| 1.0)),
        Baseline::LogNormal => collect((0..grid.bins()).map(|k| {
            let z = |i| (ln(f64::from(grid.edge(i))) - config.baseline_mean) / config.baseline_std;
            normal_mass(z(k), z(k + 1))
        })),
        Baseline::Table => {
            // By the largest first: a sum of large masses could overflow.
            let (_, largest) = peak(table);
            collect((0..grid.bins()).map(|k| at(table, k) / largest))
        }
    };
    normalise(&mut pi);
    cover(&mut pi, config.coverage);
    pi
}

/// Checks a caller's table of baseline masses.
///
/// # Errors
/// `Length`, `Table`.
pub fn check_baseline(config: &Config, table: &[f64]) -> Result<(), Error> {
    if table.len() != config.bins as usize {
        return Err(Error::Length);
    }
    let refuse = |value, remedy| {
        Err(Error::Table(ConfigError {
            field: "baseline",
            value,
            must: "at least",
            bound: Some(0.0),
            remedy,
        }))
    };
    if let Some(&value) = table.iter().find(|mass| !(**mass >= 0.0 && mass.is_finite())) {
        return refuse(value, "the baseline table holds one finite mass for each bin");
    }
    if !table.iter().any(|&mass| mass >= f64::MIN_POSITIVE) {
        return refuse(0.0, "the baseline table needs at least one positive mass");
    }
    if config.coverage == 0.0 && table.contains(&0.0) {
        return refuse(
            0.0,
            "a bin without mass never fills, so no refresh would ever run: set coverage, 0.02 is usual",
        );
    }
    Ok(())
}

/// Mass of the standard normal between `low` and `high`, from the tail on the
/// far side of the mean, where nothing cancels.
pub(crate) fn normal_mass(low: f64, high: f64) -> f64 {
    if low > 0.0 { normal_cdf(-low) - normal_cdf(-high) } else { normal_cdf(high) - normal_cdf(low) }
}

/// Mass of the standard normal below `z`.
pub(crate) fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z / SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_masses_do_not_overflow() {
        let config = Config { bins: 8, baseline: Baseline::Table, coverage: 0.0, ..Config::DEFAULT };
        let table = [0.0, 1e308, 1e308, 1e308, 1e308, 0.0, 0.0, 0.0];
        let pi = baseline(&config, &Grid::new(&config), &table);
        assert_eq!(pi.as_slice(), [0.0, 0.25, 0.25, 0.25, 0.25, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn lognormal_tails_do_not_cancel() {
        assert!((normal_mass(-1.0, 1.0) - 0.682_689_492_137_085_9).abs() < 1e-15);
        assert!((normal_mass(10.0, 11.0) / 7.619_660_4e-24 - 1.0).abs() < 1e-6);
        assert_eq!(normal_mass(-11.0, -10.0), normal_mass(10.0, 11.0));
    }
}
