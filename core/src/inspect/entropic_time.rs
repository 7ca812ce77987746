//! Entropic time: sigma as the share of the information that is resolved up to it (14, 15, 19)
//! (docs/specification.md#entropic-time).
//!
//! `U(sigma)` is the normalised integral of `sigma'^a g r` from sigma_min; on
//! the grid it is linear in sigma within a bin, like the draws. `a = 0` is
//! entropic time, `a = 1` the information grid for samplers.

use crate::error::Error;
use crate::maths::{at, exp};
use crate::method::grid::Grid;
use crate::method::rate::Rate;
use crate::state::block::View;

/// The sum is stored at every eighth edge; from there to an edge in between it is summed again.
const STRIDE: usize = 8;

/// The map from sigma to U and back, of a block's last accepted refresh.
#[derive(Clone, Debug)]
pub struct EntropicTime<'a> {
    grid: Grid<'a>,
    y: &'a [f64],
    gate_exponent: f64,
    /// ln c; minus infinity for the ungated rate.
    ln_c: f64,
    power: f64,
    /// ln of the largest mass before the gate; masses are relative to it, so that none overflows.
    highest: f64,
    /// Sums below every eighth edge, unnormalised.
    sums: [f64; crate::maths::MAX_BINS / STRIDE + 1],
    total: f64,
}

impl<'a> EntropicTime<'a> {
    /// The map of the refresh in force, with the power a, gated or not;
    /// [`EntropicTime::sum_up`] must then make its sums.
    #[inline(always)]
    pub(crate) fn of(block: &View<'a>, grid: Grid<'a>, power: f64, gated: bool) -> Self {
        let summary = &block.header.summary;
        EntropicTime {
            grid,
            y: block.y,
            gate_exponent: summary.gate_exponent,
            ln_c: if gated { summary.ln_c } else { f64::NEG_INFINITY },
            power,
            highest: f64::NEG_INFINITY,
            sums: [0.0; crate::maths::MAX_BINS / STRIDE + 1],
            total: 0.0,
        }
    }

    /// Sums the masses.
    #[inline(never)]
    pub(crate) fn sum_up(&mut self) {
        for k in 0..self.grid.bins() {
            self.highest = self.highest.max(self.ln_mass(k));
        }
        let mut sum = 0.0;
        for k in 0..self.grid.bins() {
            if k.is_multiple_of(STRIDE) {
                // The last stride may be shorter; there are as many sums as the largest grid needs.
                self.sums.get_mut(k / STRIDE).into_iter().for_each(|slot| *slot = sum);
            }
            sum += self.mass(k);
        }
        self.total = sum;
    }

    /// ln of the integral of sigma^a r over bin `k`, without the bins' common width.
    fn ln_mass(&self, k: usize) -> f64 {
        let rate = Rate { grid: &self.grid, y: self.y };
        rate.q(k) + self.power * self.grid.ln_centre(k)
    }

    fn mass(&self, k: usize) -> f64 {
        let gate = crate::method::gate::gate(self.gate_exponent, self.ln_c, self.grid.ln_centre(k));
        gate * exp(self.ln_mass(k) - self.highest)
    }

    /// The sum below edge `i` of 0..=K.
    fn sum_below(&self, i: usize) -> f64 {
        let stored = i.min(self.grid.bins().saturating_sub(1)) / STRIDE;
        let mut sum = at(&self.sums, stored);
        for k in stored * STRIDE..i {
            sum += self.mass(k);
        }
        sum
    }

    /// U at the two edges of bin `k`.
    fn at_edges(&self, k: usize) -> (f64, f64) {
        let below = self.sum_below(k);
        (below / self.total, (below + self.mass(k)) / self.total)
    }

    fn edge(&self, i: usize) -> f64 {
        f64::from(self.grid.edge(i))
    }

    /// U(sigma), from 0 at sigma_min to 1 at sigma_max; clamped outside.
    pub fn at(&self, sigma: f64) -> f64 {
        let k = first(1, self.grid.bins(), |i| self.edge(i) > sigma) - 1;
        let (low, high) = (self.edge(k), self.edge(k + 1));
        let share = ((sigma - low) / (high - low)).clamp(0.0, 1.0);
        let (below, above) = self.at_edges(k);
        below + share * (above - below)
    }

    /// The sigma at which U is `u` of 0..1; clamped outside.
    pub fn sigma(&self, u: f64) -> f64 {
        // The first bin whose upper end reaches u; it has mass unless u is exactly at
        // its edge.
        let k = first(1, self.grid.bins(), |i| self.sum_below(i) / self.total >= u) - 1;
        let (below, above) = self.at_edges(k);
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

/// The first of `low..high` for which `reached` holds, `high` if none does; `reached`
/// must be monotone.
fn first(low: usize, high: usize, reached: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (low, high);
    while low < high {
        let middle = low + (high - low) / 2;
        if reached(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::{Scheduler, state_words};

    /// Ungated entropic time of exact errors, power `a`, on a leaked block.
    fn clock(config: &Config, a: f64, mmse: impl Fn(f64) -> f64) -> EntropicTime<'static> {
        let config = Config { window: 8, min_count: 1, warmup_steps: 1, guard: false, ..*config };
        let words = Box::leak(vec![0; state_words(config.bins as usize, 8)].into_boxed_slice());
        let mut scheduler = Scheduler::init(words, &config, 0).unwrap();
        for k in 0..config.bins as usize {
            let s = Grid::new(&config).centre(k);
            scheduler.observe(&[s as f32], &[mmse(s) as f32]).unwrap();
        }
        scheduler.step().unwrap();
        let state = Box::leak(Box::new(scheduler)).reader();
        state.entropic_time(a, false).unwrap()
    }

    fn arctan_clock(bins: u32) -> EntropicTime<'static> {
        clock(&Config { bins, ..Config::DEFAULT }, 1.0, |s| s * s * 0.25 / (s * s + 0.25))
    }

    /// Gaussian data of deviation 1/2: U is proportional to arctan(2 sigma).
    #[test]
    fn gaussian_data_follow_the_arctan_law() {
        let time = arctan_clock(256);
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
        for bins in [8, 9, 10, 11, 64, 255, 256] {
            let time = arctan_clock(bins);
            for i in 0..=1000 {
                let u = f64::from(i) / 1000.0;
                assert!((time.at(time.sigma(u)) - u).abs() < 1e-12);
            }
            assert_eq!(time.at(1e9), 1.0);
            assert_eq!(time.at(0.0), 0.0);
            assert_eq!(time.sigma(0.0), f64::from(time.grid.edge(0)));
        }
    }

    #[test]
    fn too_many_points_are_refused() {
        let config = Config { bins: 8, sigma_min: 1.0, sigma_max: 1.001, ..Config::DEFAULT };
        let time = clock(&config, 1.0, |s| s * s);
        assert_eq!(time.fill(&mut [0.0; 1]), Err(Error::Argument));
        assert_eq!(time.fill(&mut [0.0; 100]), Ok(()));
        assert_eq!(time.fill(&mut [0.0; 20_000]), Err(Error::GridTooFine));
    }
}
