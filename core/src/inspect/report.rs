//! The report: a summary of the schedule's state, at any time (docs/specification.md#report).
//!
//! ```
//! use infonoise::{state_words, Config, Phase, Scheduler};
//! let mut words = vec![0; state_words(64, 256)];
//! let scheduler = Scheduler::init(&mut words, &Config::DEFAULT, 0).unwrap();
//! let report = scheduler.report();
//! // The warm-up ends as soon as every bin holds `min_count` losses; until then it waits.
//! assert_eq!((report.phase, report.poorest_count), (Phase::Waiting, 0));
//! assert!((report.q50 - 0.4).abs() < 1e-6);
//! ```

use crate::config::coded;
use crate::maths::exp;
use crate::method::guard::Hold;
use crate::method::pivot::PivotRule;
use crate::method::reachable::Reachable;
use crate::method::warning::Warning;
use crate::state::block::View;

/// The phase of the schedule.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before step N_warm: draws come from the baseline.
    Warmup = 0,
    /// A refresh is due, but a bin has too few losses (`poorest_bin`); or every refresh
    /// since the warm-up was held (`hold_reason`).
    Waiting = 1,
    /// At least one refresh has been accepted.
    Adapting = 2,
    /// No refresh until it is unfrozen.
    Frozen = 3,
}
coded!(Phase { Warmup = "warmup", Waiting = "waiting", Adapting = "adapting", Frozen = "frozen" });

/// The report: `infonoise_report` of the C ABI. Sigmas are standard
/// deviations in data units.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// `sizeof` this struct, set by `INFONOISE_REPORT_INIT`.
    pub struct_size: u32,
    /// Warm-up, waiting, adapting or frozen.
    pub phase: Phase,
    /// The warning of the last refresh, done or held.
    pub warning: Warning,
    /// The reason of the last hold.
    pub hold_reason: Hold,
    /// The rule that set the pivot in force.
    pub pivot_rule: PivotRule,
    /// Bins at the ceiling at the last refresh, done or held.
    pub clipped_bins: u32,
    /// The bin with the fewest losses, of those that can be reached.
    pub poorest_bin: u32,
    /// How many it holds; a refresh needs `min_count`.
    pub poorest_count: u32,
    /// The bin that has gone longest without a loss.
    pub stalest_bin: u32,
    /// Bins that a refresh does not wait for, since hardly any sigma of the trainer's falls there.
    pub unreachable_bins: u32,
    /// How many bins the warning is about; 0 where it names none.
    pub warning_bins: u32,
    /// Padding to whole words; 0.
    pub reserved: u32,
    /// Optimizer steps.
    pub steps: u64,
    /// Sigmas drawn, over all ranks.
    pub draws: u64,
    /// Losses taken.
    pub observations: u64,
    /// Pairs rejected: off the grid, negative or not finite.
    pub rejected: u64,
    /// Refreshes done.
    pub refreshes: u64,
    /// Refreshes held.
    pub held: u64,
    /// Observations since the stalest bin's last one.
    pub stalest_age: u64,
    /// Observations since the oldest loss of the mean in the pivot's bin, the age of what
    /// the gate's foot rests on; 0 before the first refresh and for an open gate.
    pub pivot_age: u64,
    /// c, the pivot in force; 0 if the gate is open.
    pub pivot: f64,
    /// c / sigma_min.
    pub pivot_ratio: f64,
    /// Largest change of the CDF at the last refresh; below 1e-2 the schedule has settled.
    pub cdf_change: f64,
    /// 5 % quantile of the sampler in force.
    pub q05: f64,
    /// 25 % quantile.
    pub q25: f64,
    /// 50 % quantile.
    pub q50: f64,
    /// 75 % quantile.
    pub q75: f64,
    /// 95 % quantile.
    pub q95: f64,
    /// Sigma where the target peaks; 0 before the first refresh.
    pub peak_sigma: f64,
    /// Integral of the rate over the grid, nats per dimension; 0 before the
    /// first refresh.
    pub information_nats: f64,
    /// Lower edge of the lowest bin that the warning is about; 0 where it names none.
    pub warning_low: f64,
    /// Upper edge of the highest one.
    pub warning_high: f64,
}

impl Report {
    /// The report of a block.
    #[inline(always)]
    pub fn new(block: &View<'_>) -> Self {
        let (header, summary) = (block.header, &block.header.summary);
        let reachable = Reachable::new(header, block.marks, block.spans, block.density);
        let (mut poorest, mut stalest, mut unreachable) = ((0, u32::MAX), (0, 0), 0);
        for (k, mark) in block.marks.iter().enumerate() {
            if reachable.is_unreachable(k) {
                unreachable += 1;
                continue;
            }
            let count = mark.count(header.config.window);
            if count < poorest.1 {
                poorest = (k, count);
            }
            let age = header.observations.saturating_sub(mark.seen);
            if age > stalest.1 {
                stalest = (k, age);
            }
        }
        if unreachable as usize == block.marks.len() {
            poorest.1 = 0;
        }
        let named = |bin: u32, edge: usize| {
            let edge = block.edges.get(bin as usize + edge).map_or(0.0, |&bits| f32::from_bits(bits));
            if summary.warning_bins > 0 { f64::from(edge) } else { 0.0 }
        };
        // Counts are compared at refreshes, and while there are none.
        let warning = match Warning::from_code(summary.warning).unwrap_or_default() {
            Warning::None => header.counted_now().unwrap_or_default(),
            found => found,
        };
        let phase = if header.frozen != 0 {
            Phase::Frozen
        } else if header.steps >= header.next_refresh
            || (header.refreshes == 0 && header.steps >= header.config.warmup_steps)
        {
            Phase::Waiting
        } else if header.refreshes > 0 {
            Phase::Adapting
        } else {
            Phase::Warmup
        };
        let pivot = if header.refreshes > 0 { exp(summary.ln_c) } else { 0.0 };
        let [q05, q25, q50, q75, q95] = summary.quantiles;
        Report {
            struct_size: size_of::<Report>() as u32,
            phase,
            warning,
            hold_reason: Hold::from_code(summary.hold).unwrap_or_default(),
            pivot_rule: PivotRule::from_code(summary.rule).unwrap_or_default(),
            clipped_bins: summary.clipped,
            poorest_bin: poorest.0 as u32,
            poorest_count: poorest.1,
            stalest_bin: stalest.0 as u32,
            unreachable_bins: unreachable,
            warning_bins: summary.warning_bins,
            reserved: 0,
            steps: header.steps,
            draws: header.draws,
            observations: header.observations,
            rejected: header.rejected,
            refreshes: header.refreshes,
            held: header.held,
            stalest_age: stalest.1,
            pivot_age: pivot_age(block),
            pivot,
            pivot_ratio: pivot / header.config.sigma_min,
            cdf_change: summary.cdf_change,
            q05,
            q25,
            q50,
            q75,
            q95,
            peak_sigma: summary.peak_sigma,
            information_nats: summary.information_nats,
            warning_low: named(summary.warning_first, 0),
            warning_high: named(summary.warning_last, 1),
        }
    }
}

/// See [`Report::pivot_age`].
fn pivot_age(block: &View<'_>) -> u64 {
    let (header, ln_c) = (block.header, block.header.summary.ln_c);
    let Some(grid) = block.grid() else { return 0 };
    if header.refreshes == 0 || ln_c == f64::NEG_INFINITY {
        return 0;
    }
    let bin = ((ln_c - grid.ln_centre(0)) / grid.width() + 0.5) as usize;
    let bin = bin.min(block.spans.len().saturating_sub(1));
    block.spans.get(bin).map_or(0, |span| header.observations.saturating_sub(span.since))
}
