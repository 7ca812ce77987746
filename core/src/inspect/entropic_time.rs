//! Entropic time: sigma measured by the information that resolves (14, 15, 19)
//! (docs/specification.md#entropic-time).
//!
//! `U(sigma)` is the normalised integral of `sigma'^a g r` from sigma_min; on
//! the grid it is linear in sigma within a bin, like the draws. `a = 0` is
//! entropic time, `a = 1` the information grid for samplers.
//!
//! ```
//! use infonoise::{Config, inspect::entropic_time::EntropicTime, method::grid::Grid, maths::collect, method::rate::Rate};
//! let config = Config { bins: 256, sigma_min: 1e-3, sigma_max: 1e3, ..Config::DEFAULT };
//! let grid = Grid::new(&config);
//! let mmse = collect((0..256).map(|k| { let s2 = grid.centre(k).powi(2); s2 / (1.0 + s2) }));
//! let rate = Rate::new(&grid, &mmse, false, 0);
//! let time = EntropicTime::new(&grid, &rate.q, &[1.0; 256], 1.0);
//! // Gaussian data of deviation 1: U is proportional to arctan(sigma).
//! assert!((time.at(1.0) - 0.5).abs() < 1e-3);
//! assert!((time.sigma(0.5) - 1.0).abs() < 5e-3);
//! ```

use crate::error::Error;
use crate::inspect::profile::Edges;
use crate::maths::{at, exp};
use crate::method::grid::Grid;

/// The map from sigma to U and back.
#[derive(Clone, Debug)]
pub struct EntropicTime {
    grid: Grid<'static>,
    /// U at the K + 1 edges.
    cumulative: Edges,
}

impl EntropicTime {
    /// The map of a rate (`q`, logarithm per unit ln sigma), a gate and the
    /// power a.
    pub fn new(grid: &Grid, q: &[f64], gate: &[f64], power: f64) -> Self {
        let log_mass = |k: usize| at(q, k) + power * grid.ln_centre(k);
        let mut highest = f64::NEG_INFINITY;
        for k in 0..grid.bins() {
            highest = highest.max(log_mass(k));
        }
        let mut cumulative = Edges::new();
        let mut sum = 0.0;
        let _ = cumulative.push(0.0);
        for k in 0..grid.bins() {
            sum += at(gate, k) * exp(log_mass(k) - highest);
            let _ = cumulative.push(sum);
        }
        for u in &mut cumulative {
            *u /= sum;
        }
        EntropicTime { grid: grid.computed(), cumulative }
    }

    fn edge(&self, i: usize) -> f64 {
        f64::from(self.grid.edge(i))
    }

    /// U(sigma), from 0 at sigma_min to 1 at sigma_max; clamped outside.
    pub fn at(&self, sigma: f64) -> f64 {
        let k = (1..self.grid.bins()).take_while(|&i| self.edge(i) <= sigma).count();
        let (low, high) = (self.edge(k), self.edge(k + 1));
        let share = ((sigma - low) / (high - low)).clamp(0.0, 1.0);
        let (below, above) = (at(&self.cumulative, k), at(&self.cumulative, k + 1));
        below + share * (above - below)
    }

    /// The sigma at which U is `u` of 0..1; clamped outside.
    pub fn sigma(&self, u: f64) -> f64 {
        // The first bin whose upper end reaches u: never one without mass
        // unless u sits exactly at its edge.
        let k = (1..self.grid.bins()).take_while(|&i| at(&self.cumulative, i) < u).count();
        let (below, above) = (at(&self.cumulative, k), at(&self.cumulative, k + 1));
        let share = if above > below { ((u - below) / (above - below)).clamp(0.0, 1.0) } else { 0.0 };
        self.edge(k) + share * (self.edge(k + 1) - self.edge(k))
    }

    /// Fills `sigmas` with n >= 2 values equally spaced in U, from sigma_max
    /// down to sigma_min exactly, strictly decreasing (docs/specification.md#information-grid).
    ///
    /// # Errors
    /// `Argument` for n < 2, `GridTooFine` where f32 cannot keep them distinct.
    pub fn fill(&self, sigmas: &mut [f32]) -> Result<(), Error> {
        let last = sigmas.len().checked_sub(1).filter(|&last| last > 0).ok_or(Error::Argument)?;
        let mut previous = f32::INFINITY;
        for (i, sigma) in sigmas.iter_mut().enumerate() {
            *sigma = if i == 0 {
                self.grid.edge(self.grid.bins())
            } else if i == last {
                self.grid.edge(0)
            } else {
                self.sigma((last - i) as f64 / last as f64) as f32
            };
            if *sigma >= previous {
                return Err(Error::GridTooFine);
            }
            previous = *sigma;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::maths::collect;
    use crate::method::rate::Rate;

    fn arctan_clock(bins: u32) -> (EntropicTime, Grid<'static>) {
        let config = Config { bins, ..Config::DEFAULT };
        let grid = Grid::new(&config);
        let mmse = collect((0..grid.bins()).map(|k| {
            let s2 = grid.centre(k).powi(2);
            s2 * 0.25 / (s2 + 0.25)
        }));
        let rate = Rate::new(&grid, &mmse, false, 0);
        (EntropicTime::new(&grid, &rate.q, &[1.0; 256], 1.0), grid)
    }

    #[test]
    fn gaussian_data_follow_the_arctan_law() {
        let (time, _) = arctan_clock(256);
        let angle = |s: f64| (s / 0.5).atan();
        let (low, high) = (angle(0.002), angle(80.0));
        let mut sigmas = [0.0; 18];
        time.fill(&mut sigmas).unwrap();
        assert_eq!((sigmas[0], sigmas[17]), (80.0, 0.002));
        for (i, &sigma) in sigmas.iter().enumerate() {
            let u = (angle(f64::from(sigma)) - low) / (high - low);
            assert!((u - (17 - i) as f64 / 17.0).abs() < 2e-3, "{i}: {u}");
        }
    }

    #[test]
    fn map_and_inverse_agree() {
        let (time, grid) = arctan_clock(64);
        for i in 0..=1000 {
            let u = f64::from(i) / 1000.0;
            assert!((time.at(time.sigma(u)) - u).abs() < 1e-12);
        }
        assert_eq!(time.at(1e9), 1.0);
        assert_eq!(time.at(0.0), 0.0);
        assert_eq!(time.sigma(0.0), f64::from(grid.edge(0)));
    }

    #[test]
    fn too_many_points_are_refused() {
        let config = Config { bins: 8, sigma_min: 1.0, sigma_max: 1.001, ..Config::DEFAULT };
        let time = EntropicTime::new(&Grid::new(&config), &[0.0; 8], &[1.0; 8], 1.0);
        assert_eq!(time.fill(&mut [0.0; 1]), Err(Error::Argument));
        assert_eq!(time.fill(&mut [0.0; 100]), Ok(()));
        assert_eq!(time.fill(&mut [0.0; 20_000]), Err(Error::GridTooFine));
    }
}
