//! The baseline: what the warm-up draws from, as masses of bins (docs/specification.md#baseline).

use crate::config::{Baseline, Config};
use crate::error::{ConfigError, Error};
use crate::maths::{at, flush, ln, normal_mass, peak};
use crate::method::density::covered;
use crate::method::grid::Grid;
use crate::persist::bytes::Doubles;

#[test]
fn example() {
    let config = Config { baseline: Baseline::LogNormal, ..Config::DEFAULT };
    let grid = Grid::new(&config);
    let pi = baseline(&config, &grid, &[]);
    assert!(((0..64).map(&pi).sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(pi(0) >= 0.02 / 64.0); // coverage reaches the tails
}

/// pi_0 of `config` with its coverage, bin by bin; `table` serves
/// `Baseline::Table` alone.
pub fn baseline(config: &Config, grid: &Grid, table: &[f64]) -> impl Fn(usize) -> f64 {
    // By the largest first: a sum of large masses could overflow.
    let (_, largest) = peak(table);
    let raw = move |k: usize| match config.baseline {
        Baseline::LogUniform => 1.0,
        Baseline::LogNormal => {
            let z = |i| (ln(f64::from(grid.edge(i))) - config.baseline_mean) / config.baseline_std;
            normal_mass(z(k), z(k + 1))
        }
        Baseline::Table => at(table, k) / largest,
    };
    let mut total = 0.0;
    for k in 0..grid.bins() {
        total += raw(k);
    }
    move |k| {
        let mass = if total > 0.0 { flush(raw(k) / total) } else { raw(k) };
        covered(mass, config.coverage, grid.bins())
    }
}

/// Checks a caller's table of baseline masses.
///
/// # Errors
/// `Length`, `Table`.
pub fn check_baseline(config: &Config, table: &Doubles<'_>) -> Result<(), Error> {
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
    if let Some(value) = table.iter().find(|mass| !(*mass >= 0.0 && mass.is_finite())) {
        return refuse(value, "the baseline table holds one finite mass for each bin");
    }
    if !table.iter().any(|mass| mass >= f64::MIN_POSITIVE) {
        return refuse(0.0, "the baseline table needs at least one positive mass");
    }
    if config.coverage == 0.0 && table.iter().any(|mass| mass == 0.0) {
        return refuse(
            0.0,
            "a bin without mass never fills, so no refresh would ever run: set coverage, 0.02 is usual",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_masses_do_not_overflow() {
        let config = Config { bins: 8, baseline: Baseline::Table, coverage: 0.0, ..Config::DEFAULT };
        let table = [0.0, 1e308, 1e308, 1e308, 1e308, 0.0, 0.0, 0.0];
        let grid = Grid::new(&config);
        let pi = baseline(&config, &grid, &table);
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(pi), [0.0, 0.25, 0.25, 0.25, 0.25, 0.0, 0.0, 0.0]);
    }
}
