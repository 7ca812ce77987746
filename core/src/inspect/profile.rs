//! The profile: every curve behind a schedule, bin by bin.
//!
//! ```
//! use infonoise::{state::block::state_words, Config, Scheduler};
//! let mut words = vec![0; state_words(64, 256)];
//! let scheduler = Scheduler::init(&mut words, &Config::DEFAULT, 0).unwrap();
//! let profile = scheduler.profile().unwrap();
//! assert_eq!((profile.sigma.len(), profile.cdf.len()), (64, 65));
//! assert_eq!(profile.cdf[32], 0.5);
//! ```

use crate::config::Config;
use crate::error::Error;
use crate::hot::ring;
use crate::maths::{Bins, MAX_BINS, at, collect, exp};
use crate::method::gate::gate;
use crate::method::grid::Grid;
use crate::method::rate::Rate;
use crate::method::refresh::{Estimate, blend};
use crate::method::target::target;
use crate::state::block::View;
use crate::state::draw_table::DrawTable;

/// One f64 for each edge.
pub type Edges = heapless::Vec<f64, { MAX_BINS + 1 }>;

/// The curves of a schedule over its K bins.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Centres s_k (K).
    pub sigma: Bins,
    /// Edges (K + 1).
    pub edges: Edges,
    /// Share of the draws below each edge (K + 1).
    pub cdf: Edges,
    /// Cumulative integral of the rate up to each edge, nats per dimension (K + 1).
    pub entropy: Edges,
    /// Losses that each ring holds (K).
    pub count: Bins,
    /// m after the ceiling: squared x0 error per dimension (K).
    pub error: Bins,
    /// r = m / sigma^3, nats per unit sigma (11) (K).
    pub rate: Bins,
    /// g (K).
    pub gate: Bins,
    /// rho, masses (K).
    pub target: Bins,
    /// pi, masses (K).
    pub density: Bins,
}

fn cumulate(values: impl Iterator<Item = f64>) -> Edges {
    let (mut sum, mut edges) = (0.0, Edges::new());
    let _ = edges.push(0.0);
    for x in values {
        sum += x;
        let _ = edges.push(sum);
    }
    edges
}

impl Profile {
    /// What is in force: the curves of the last accepted refresh and the
    /// sampler's masses. Before the first one error and rate are 0, the gate is
    /// open and the target is the baseline.
    pub fn in_force(block: &View<'_>, grid: &Grid) -> Self {
        let density = collect(block.density.iter().copied());
        let mut profile = if block.header.refreshes == 0 {
            let zeros = || collect((0..grid.bins()).map(|_| 0.0));
            let open = collect((0..grid.bins()).map(|_| 1.0));
            Self::assemble(block, grid, zeros(), zeros(), zeros(), open, density.clone(), density)
        } else {
            let rate = accepted_rate(block, grid);
            let gate = accepted_gate(block, grid);
            let target = target(&rate.q, &gate);
            let nats = collect(rate.q.iter().map(|q| exp(*q) * grid.width()));
            let per_sigma = collect(rate.y.iter().map(|y| exp(*y)));
            Self::assemble(block, grid, rate.error, per_sigma, nats, gate, target, density)
        };
        let table = DrawTable::new(block.entries, block.guide, block.header.last_drawn as usize);
        for (k, share) in profile.cdf.iter_mut().enumerate() {
            *share = table.threshold(k) as f64 / (1u64 << 32) as f64;
        }
        profile
    }

    /// What the rings hold now, through steps 1 to 8; nothing is changed
    /// (docs/specification.md#estimate).
    ///
    /// # Errors
    /// `NotReady` while a ring is empty.
    pub fn estimated(block: &View<'_>, config: &Config, grid: &Grid) -> Result<Self, Error> {
        if block.marks.iter().any(|mark| mark.count == 0) {
            return Err(Error::NotReady);
        }
        let estimate =
            Estimate::new(config, grid, block.weight, &means(block, config), accepted_pivot(block));
        let nats = collect((0..grid.bins()).map(|k| estimate.nats(grid, k)));
        let per_sigma = collect(estimate.rate.y.iter().map(|y| exp(*y)));
        let Estimate { rate, gate, target, density, .. } = estimate;
        Ok(Self::assemble(block, grid, rate.error, per_sigma, nats, gate, target, density))
    }

    #[allow(clippy::too_many_arguments, reason = "one for each curve")]
    fn assemble(
        block: &View<'_>,
        grid: &Grid,
        error: Bins,
        rate: Bins,
        nats: Bins,
        gate: Bins,
        target: Bins,
        density: Bins,
    ) -> Self {
        let mut edges = Edges::new();
        for i in 0..=grid.bins() {
            let _ = edges.push(f64::from(grid.edge(i)));
        }
        Profile {
            sigma: collect((0..grid.bins()).map(|k| grid.centre(k))),
            edges,
            cdf: cumulate(density.iter().copied()),
            entropy: cumulate(nats.iter().copied()),
            count: collect(block.marks.iter().map(|mark| f64::from(mark.count))),
            error,
            rate,
            gate,
            target,
            density,
        }
    }
}

/// Steps 1 and 2: the EMA as it would be after a refresh now.
pub(crate) fn means(block: &View<'_>, config: &Config) -> Bins {
    let first = block.header.attempts() == 0;
    let window = config.window as usize;
    collect(block.marks.iter().enumerate().map(|(k, mark)| {
        let slots = block.rings.get(k * window..(k + 1) * window).unwrap_or(&[]);
        let old = if first { None } else { Some(at(block.ema, k)) };
        blend(old, ring::mean(mark, slots), config.ema_rate)
    }))
}

/// ln c of the last accepted refresh.
pub(crate) fn accepted_pivot(block: &View<'_>) -> Option<f64> {
    if block.header.refreshes > 0 { Some(block.header.summary.ln_c) } else { None }
}

/// The rate of the last accepted refresh.
pub(crate) fn accepted_rate(block: &View<'_>, grid: &Grid) -> Rate {
    // The stored profile lies under its ceiling already.
    Rate::new(grid, block.error, false, block.header.summary.smoothing.min(64))
}

/// The gate of the last accepted refresh.
pub(crate) fn accepted_gate(block: &View<'_>, grid: &Grid) -> Bins {
    let summary = &block.header.summary;
    collect((0..grid.bins()).map(|k| gate(summary.gate_exponent, summary.ln_c, grid.ln_centre(k))))
}
