//! The baseline: what the warm-up draws from, as masses of bins (docs/specification.md#baseline).

use crate::config::{Baseline, Config};
use crate::maths::{at, flush, ln, normal_mass, peak};
use crate::method::density::covered;
use crate::method::grid::Grid;

#[test]
fn example() {
    let config = Config { baseline: Baseline::LogNormal, ..Config::DEFAULT };
    let grid = Grid::new(&config);
    let pi = baseline(&config, &grid, &[]);
    assert!(((0..64).map(&pi).sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(pi(0) >= 0.02 / 64.0); // coverage reaches the tails
}

/// pi_0 of `config` with its coverage, by bin; only `Baseline::Table` uses `table`.
pub fn baseline(config: &Config, grid: &Grid, table: &[f64]) -> impl Fn(usize) -> f64 {
    // Divided by the largest first: a sum of large masses could overflow.
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
