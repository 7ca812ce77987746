//! The refresh: from mean losses to the next sampler
//! (docs/specification.md#refresh), read from top to bottom in the order of the
//! specification's steps. All steps work in the block: none needs more than a few
//! numbers on the stack.

use crate::config::Config;
use crate::error::Error;
use crate::hot::ring::{self, Mark};
use crate::maths::{copy, exp, flush, peak};
use crate::method::density::{add_coverage, density};
use crate::method::fresh::fresh;
use crate::method::gate::gate;
use crate::method::grid::Grid;
use crate::method::guard::{self, Band, Hold};
use crate::method::pivot::{self, Found, PivotRule};
use crate::method::rate::{Rate, apply_ceiling, log_errors, smooth_passes};
use crate::method::reachable::{self, Reachable, interpolate};
use crate::method::target::target;
use crate::method::warning::{Bins, Evidence, Warning, warning};
use crate::scheduler::Step;
use crate::state::block::{Header, ViewMut};

/// Step 2 (docs/specification.md#ema): m_k <- (1 - beta) m_k + beta lbar_k, where `rate` weights the NEW mean.
/// The first refresh takes the mean itself.
#[inline]
pub fn blend(old: Option<f64>, mean: f64, rate: f64) -> f64 {
    flush(match old {
        Some(old) => (1.0 - rate) * old + rate * mean,
        None => mean,
    })
}

/// Steps 1 and 2 for every bin that can be reached; the others take errors from their
/// neighbours. `means` holds the EMA before this refresh on entry, and the EMA after it
/// on return.
pub fn blend_means(
    header: &Header,
    config: &Config,
    reachable: &Reachable<'_>,
    marks: &[Mark],
    rings: &[f32],
    means: &mut [f64],
) {
    let first = header.attempts() == 0;
    let slots = rings.chunks_exact((config.window as usize).max(1));
    for (k, (mean, (mark, slots))) in means.iter_mut().zip(marks.iter().zip(slots)).enumerate() {
        if !reachable.is_unreachable(k) {
            let old = if first { None } else { Some(*mean) };
            *mean = blend(old, ring::mean(mark, slots, fresh(config, mark)), config.ema_rate);
        }
    }
    interpolate(means, |k| reachable.is_unreachable(k));
}

/// What steps 3 to 7 find in addition to the curves.
#[derive(Clone, Copy, Debug)]
pub struct Findings {
    /// Bins that the ceiling clipped.
    pub clipped: u32,
    /// Whether any error is above 0.
    pub signal: bool,
    /// ln S, the data's standard deviation.
    pub ln_scale: f64,
    /// Where the gate opens.
    pub pivot: Found,
    /// What the errors say before the ceiling hides it.
    pub evidence: Evidence,
    /// A warning that the errors are not those of a denoiser, and its bins.
    pub warning: Option<(Warning, Bins)>,
}

/// Steps 3 to 7, in arrays of K numbers. `error` holds the means m_k (x0 space,
/// squared, per dimension) on entry and the capped ones on return; `y` receives the
/// logarithm of the rate, `rho` the target. `accepted` is ln c of the last accepted
/// refresh.
pub fn find_target(
    config: &Config,
    grid: &Grid,
    accepted: Option<f64>,
    error: &mut [f64],
    y: &mut [f64],
    rho: &mut [f64],
) -> Findings {
    let signal = error.iter().any(|&m| m > 0.0);
    // 3, 4. The ceiling, and the rate as logarithms.
    log_errors(error, y);
    let evidence = Evidence::of(config, grid, error, y);
    let clipped = if config.ceiling { apply_ceiling(grid, config.sigma_data, error, y) } else { 0 };
    smooth_passes(y, config.smoothing);
    let ln_scale = pivot::ln_scale(config, grid, y);
    let rate = Rate::new(grid, y);
    // 5. The pivot.
    let pivot = if signal { pivot::find(config, &rate, ln_scale, rho, accepted) } else { Found::NONE };
    // 6, 7. The gate, and the gated target.
    target(&rate, |k| gate(config.gate_exponent, pivot.ln_c, grid.ln_centre(k)), rho);
    let warning = evidence.warning(grid, if pivot.rule == PivotRule::None { &[] } else { rho });
    Findings { clipped, signal, ln_scale, pivot, evidence, warning }
}

/// Step 11: why the density `pi`, before coverage, must not become the sampler, and the
/// band of its draws that is warned of.
fn judge(config: &Config, findings: &Findings, rate: &Rate, pi: &[f64]) -> (Hold, Band) {
    if !findings.signal {
        return (Hold::NoSignal, Band::Inside);
    }
    if findings.pivot.rule == PivotRule::None {
        return (Hold::NoPivot, Band::Inside);
    }
    match (guard::low_end(config, rate, findings.ln_scale), guard::band(pi)) {
        (Hold::None, band) if config.guard => {
            let (warning, _) = findings.warning.unwrap_or_default();
            let contradicted = findings.evidence.speaks_against(band, warning, pi.len());
            (guard::shape(pi, band, contradicted), band)
        }
        (Hold::None, band) => (Hold::None, band),
        // A loss floor explains a band at the low end.
        (reason, _) => (if config.guard { reason } else { Hold::None }, Band::Inside),
    }
}

/// Integral of the rate over bin `k`, nats per dimension (11).
pub fn bin_information(rate: &Rate, k: usize) -> f64 {
    exp(rate.q(k)) * rate.grid.width()
}

/// Refreshes the block, whether or not a refresh is due.
///
/// # Errors
/// `Corrupt` where the block's configuration is not valid.
#[cold]
pub fn refresh(block: &mut ViewMut<'_>) -> Result<Step, Error> {
    // By reference: a configuration passed by value would be on the stack twice.
    let config = Config::from_record(&block.header.config);
    let config = config.as_ref().map_err(|_| Error::Corrupt)?;
    let accepted = block.header.accepted_pivot();
    let ViewMut { header, edges, centres, marks, spans, rings, ema, density: pi, weight, guide, .. } = block;
    let grid = Grid::stored(config, edges, centres);
    // Scratch memory for three curves: the guide, which is derived and is written again below.
    let room: &mut [f64] = bytemuck::try_cast_slice_mut(guide).map_err(|_| Error::Corrupt)?;
    let (error, rest) = room.split_at_mut_checked(grid.bins()).ok_or(Error::Corrupt)?;
    let (y, rest) = rest.split_at_mut_checked(grid.bins()).ok_or(Error::Corrupt)?;
    let masses = rest.get_mut(..grid.bins()).ok_or(Error::Corrupt)?;
    // 1, 2. Means of the rings, blended into the EMA, which moves even if the
    // refresh is then held.
    let rule = reachable::Rule::of(header);
    for ((span, mark), &mass) in spans.iter_mut().zip(marks.iter()).zip(pi.iter()) {
        let taken = if rule.leaves_out(mark, span, mass) { 0 } else { fresh(config, mark) };
        span.advance(mark.total(config.window), taken, header.refreshed_at, header.observations);
    }
    blend_means(header, config, &Reachable::new(header, marks, spans, pi), marks, rings, ema);
    // 3 to 7. Ceiling, rate, pivot, gate, target.
    copy(error, ema);
    let findings = find_target(config, &grid, accepted, error, y, masses);
    let rate = Rate { grid: &grid, y };
    let peak_sigma = grid.centre(peak(masses).0);
    // 8. The density.
    density(config, &grid, weight, masses);
    // 11. The guard, on the density before coverage.
    let (hold, band) = judge(config, &findings, &rate, masses);
    let counts = header.compare_counts();
    let (warning, bins) = warning(findings.warning, findings.pivot.interior_peak, band, counts, grid.bins());
    let summary = &mut header.summary;
    summary.warning = warning.code();
    (summary.warning_bins, summary.warning_first, summary.warning_last) = (bins.count, bins.first, bins.last);
    summary.clipped = findings.clipped;
    (header.last_refresh, header.refreshed_at) = (header.steps, header.observations);
    header.next_refresh = config.next_refresh(header.steps);
    if hold != Hold::None {
        header.held = header.held.wrapping_add(1);
        summary.hold = hold.code();
        block.restore_guide(config);
        return Ok(Step::Held(hold));
    }
    header.refreshes = header.refreshes.wrapping_add(1);
    summary.rule = findings.pivot.rule.code();
    summary.ln_c = findings.pivot.ln_c;
    summary.gate_exponent = config.gate_exponent;
    summary.smoothing = config.smoothing;
    summary.peak_sigma = peak_sigma;
    summary.information_nats = 0.0;
    for k in 0..grid.bins() {
        summary.information_nats += bin_information(&rate, k);
    }
    // 9. Coverage.
    add_coverage(masses, config.coverage);
    error.iter_mut().for_each(|m| *m = flush(*m));
    copy(block.error, error);
    copy(block.y, y);
    copy(block.density, masses);
    // 10. The thresholds of the draws.
    block.install(config);
    Ok(Step::Refreshed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_the_ema_weights_the_new_mean() {
        assert_eq!(blend(None, 3.0, 0.9), 3.0);
        assert_eq!(blend(Some(1.0), 3.0, 1.0), 3.0);
        assert_eq!(blend(Some(4.0), 8.0, 0.75), 7.0);
        assert_eq!(blend(Some(1e-301), 0.0, 0.5), 0.0);
    }
}
