//! The grid: K bins, uniform in ln sigma, both ends exact (docs/specification.md#grid).

use crate::config::Config;
use crate::maths::{exp, ln, real};

#[test]
fn example() {
    let grid = Grid::new(&Config::DEFAULT);
    assert_eq!(grid.edge(0), 0.002);
    assert_eq!(grid.edge(64), 80.0);
    assert!((grid.centre(0) / 0.002f64 - (grid.width() / 2.0).exp()).abs() < 1e-7);
}

/// ln 10: a decade in nats.
const DECADE: f64 = core::f64::consts::LN_10;

/// The log-sigma grid of a configuration.
#[derive(Clone, Copy, Debug)]
pub struct Grid<'a> {
    bins: usize,
    ends: (f32, f32),
    low: f64,
    width: f64,
    edges: &'a [u32],
    centres: &'a [f64],
}

impl<'a> Grid<'a> {
    /// The grid of `config`; both ends are rounded to f32 first.
    pub fn new(config: &Config) -> Self {
        Self::stored(config, &[], &[])
    }

    /// The same grid, which reads its edges and centres from a block: computing their
    /// exponentials would take too long in a refresh.
    pub fn stored(config: &Config, edges: &'a [u32], centres: &'a [f64]) -> Self {
        let (low, high) = config.ends();
        Self::between(config.bins, low, high, edges, centres)
    }

    /// The grid between two ends.
    pub fn between(bins: u32, low: f32, high: f32, edges: &'a [u32], centres: &'a [f64]) -> Self {
        let ln_low = ln(f64::from(low));
        let width = (ln(f64::from(high)) - ln_low) / f64::from(bins);
        Grid { bins: bins as usize, ends: (low, high), low: ln_low, width, edges, centres }
    }

    /// K.
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// h, the width of a bin in ln sigma.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// Edge `i` of 0..=K: f32(exp(L + i h)), the two ends exact.
    pub fn edge(&self, i: usize) -> f32 {
        if let Some(&bits) = self.edges.get(i) {
            f32::from_bits(bits)
        } else if i == 0 {
            self.ends.0
        } else if i >= self.bins {
            self.ends.1
        } else {
            exp(self.low + real(i) * self.width) as f32
        }
    }

    /// ln s_k, the logarithm of the centre of bin `k`.
    pub fn ln_centre(&self, k: usize) -> f64 {
        self.low + (real(k) + 0.5) * self.width
    }

    /// s_k, the centre of bin `k` in ln sigma.
    pub fn centre(&self, k: usize) -> f64 {
        self.centres.get(k).copied().unwrap_or_else(|| exp(self.ln_centre(k)))
    }

    /// Writes the centres that [`Grid::stored`] reads.
    pub(crate) fn store_centres(&self, centres: &mut [f64]) {
        for (k, centre) in centres.iter_mut().enumerate() {
            *centre = self.centre(k);
        }
    }

    /// max(3, K / 9): the bins at an end of the grid over which a trend is judged.
    pub fn end(&self) -> usize {
        (self.bins / 9).max(3)
    }

    /// `decades` in bins, rounded, at least `least` (docs/specification.md#pivot).
    pub fn bins_in(&self, decades: f64, least: usize) -> usize {
        let bins = (decades * DECADE / self.width + 0.5) as usize;
        bins.max(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_increase_on_the_narrowest_grid() {
        let config = Config { bins: 256, sigma_min: 1.0, sigma_max: 1.00025, ..Config::DEFAULT };
        config.check().unwrap();
        let grid = Grid::new(&config);
        assert!((0..256).all(|i| grid.edge(i) < grid.edge(i + 1)));
    }

    #[test]
    fn decades_round_to_bins() {
        let grid = Grid::new(&Config::DEFAULT);
        assert_eq!([0.075, 0.15, 0.2, 0.25].map(|d| grid.bins_in(d, 0)), [1, 2, 3, 3]);
        assert_eq!((grid.bins_in(0.01, 0), grid.bins_in(0.01, 2)), (0, 2));
    }
}
