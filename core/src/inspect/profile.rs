//! The profile: every curve that a schedule is computed from, bin by bin, in the caller's memory.
//!
//! ```
//! use infonoise::{profile_len, state_words, Config, Scheduler};
//! let mut words = vec![0; state_words(64, 256)];
//! let scheduler = Scheduler::init(&mut words, &Config::DEFAULT, 0).unwrap();
//! let mut memory = vec![0.0; profile_len(64)];
//! let profile = scheduler.profile(&mut memory).unwrap();
//! assert_eq!((profile.sigma.len(), profile.cdf.len()), (64, 65));
//! assert_eq!(profile.cdf[32], 0.5);
//! ```

use crate::config::Config;
use crate::error::Error;
use crate::maths::{at, copy, exp};
use crate::method::density::density;
use crate::method::gate::gate;
use crate::method::grid::Grid;
use crate::method::rate::Rate;
use crate::method::reachable::Reachable;
use crate::method::refresh::{bin_information, blend_means, find_target};
use crate::method::target::target;
use crate::state::block::View;
use crate::state::draw_table::DrawTable;

/// How many f64 numbers the curves of `bins` bins need.
pub const fn profile_len(bins: usize) -> usize {
    10 * bins + 3
}

/// The curves of a schedule over its K bins. A curve that is not wanted may be
/// empty.
#[derive(Debug, Default)]
pub struct Profile<'a> {
    /// Centres s_k, standard deviations in data units (K).
    pub sigma: &'a mut [f64],
    /// Edges (K + 1).
    pub edges: &'a mut [f64],
    /// Share of the draws below each edge (K + 1).
    pub cdf: &'a mut [f64],
    /// Cumulative integral of the rate up to each edge, nats per dimension (K + 1).
    pub entropy: &'a mut [f64],
    /// Losses that each ring holds (K).
    pub count: &'a mut [f64],
    /// m after the ceiling: squared x0 error per dimension (K).
    pub error: &'a mut [f64],
    /// r = m / sigma^3, nats per unit sigma (11) (K).
    pub rate: &'a mut [f64],
    /// g (K).
    pub gate: &'a mut [f64],
    /// rho, masses (K).
    pub target: &'a mut [f64],
    /// pi, masses (K).
    pub density: &'a mut [f64],
}

impl<'a> Profile<'a> {
    /// All curves of `bins` bins, one after the other in `memory`.
    ///
    /// # Errors
    /// `TooSmall` if it is shorter than [`profile_len`].
    pub fn over(bins: usize, memory: &'a mut [f64]) -> Result<Self, Error> {
        let mut rest = memory;
        let mut cut = |n: usize| -> Result<&'a mut [f64], Error> {
            let (curve, tail) = core::mem::take(&mut rest).split_at_mut_checked(n).ok_or(Error::TooSmall)?;
            rest = tail;
            Ok(curve)
        };
        Ok(Profile {
            sigma: cut(bins)?,
            edges: cut(bins + 1)?,
            cdf: cut(bins + 1)?,
            entropy: cut(bins + 1)?,
            count: cut(bins)?,
            error: cut(bins)?,
            rate: cut(bins)?,
            gate: cut(bins)?,
            target: cut(bins)?,
            density: cut(bins)?,
        })
    }

    /// What is in force: the curves of the last accepted refresh and the
    /// sampler's masses. Before the first one error and rate are 0, the gate is
    /// open and the target is the baseline.
    #[inline(never)]
    pub(crate) fn fill_in_force(&mut self, block: &View<'_>, grid: &Grid) {
        self.fill_bins(block, grid);
        copy(self.density, block.density);
        let table = DrawTable::new(block.columns, block.guide, block.header.last_drawn as usize);
        for (k, share) in self.cdf.iter_mut().enumerate() {
            *share = table.threshold(k) as f64 / (1u64 << 32) as f64;
        }
        if block.header.refreshes == 0 {
            for curve in [&mut self.error, &mut self.rate, &mut self.entropy] {
                curve.fill(0.0);
            }
            self.gate.fill(1.0);
            copy(self.target, block.density);
            return;
        }
        copy(self.error, block.error);
        let rate = Rate { grid, y: block.y };
        let gate = |k| block.gate_in_force(grid, k);
        self.fill_rate(&rate, gate);
        for (k, r) in self.rate.iter_mut().enumerate() {
            *r = exp(at(rate.y, k));
        }
        target(&rate, gate, self.target);
    }

    /// The curves of steps 1 to 8 of a refresh on what the rings hold now
    /// (docs/specification.md#estimate). It works in `error`, `rate`, `target` and
    /// `density`.
    ///
    /// # Errors
    /// `Length` unless those four have K numbers, `NotReady` while a ring is empty.
    #[inline(never)]
    pub(crate) fn fill_estimated(
        &mut self,
        block: &View<'_>,
        config: &Config,
        grid: &Grid,
    ) -> Result<(), Error> {
        let worked_in = [&self.error, &self.rate, &self.target, &self.density];
        if worked_in.iter().any(|curve| curve.len() != grid.bins()) {
            return Err(Error::Length);
        }
        let reachable = Reachable::new(block.header, block.marks, block.spans, block.density);
        if !reachable.is_ready(1) {
            return Err(Error::NotReady);
        }
        self.fill_bins(block, grid);
        copy(self.error, block.ema);
        blend_means(block.header, config, &reachable, block.marks, block.rings, self.error);
        let accepted = block.header.accepted_pivot();
        let found = find_target(config, grid, accepted, self.error, self.rate, self.target);
        copy(self.density, self.target);
        density(config, grid, block.weight, self.density);
        cumulate(self.cdf, |k| self.density.get(k).copied().unwrap_or(0.0));
        let y = core::mem::take(&mut self.rate);
        self.fill_rate(&Rate { grid, y }, |k| {
            gate(config.gate_exponent, found.pivot.ln_c, grid.ln_centre(k))
        });
        y.iter_mut().for_each(|y| *y = exp(*y));
        self.rate = y;
        Ok(())
    }

    /// Fills the curves that do not depend on the losses' values.
    fn fill_bins(&mut self, block: &View<'_>, grid: &Grid) {
        self.sigma.iter_mut().enumerate().for_each(|(k, sigma)| *sigma = grid.centre(k));
        self.edges.iter_mut().enumerate().for_each(|(i, edge)| *edge = grid.edge(i).into());
        for (count, mark) in self.count.iter_mut().zip(block.marks) {
            *count = f64::from(mark.count(block.header.config.window));
        }
    }

    /// Fills gate and cumulative rate.
    fn fill_rate(&mut self, rate: &Rate<'_>, gate: impl Fn(usize) -> f64) {
        self.gate.iter_mut().enumerate().for_each(|(k, g)| *g = gate(k));
        cumulate(self.entropy, |k| bin_information(rate, k));
    }
}

/// Sums of the values below each edge: 0, the first, the first two, ...
fn cumulate(edges: &mut [f64], value: impl Fn(usize) -> f64) {
    let mut sum = 0.0;
    for (k, edge) in edges.iter_mut().enumerate() {
        *edge = sum;
        sum += value(k);
    }
}
