//! Fresh means: what a bin averages must be about the present network
//! (docs/specification.md#mean).
//!
//! A bin behind the gate gets a draw every few dozen steps, so a whole ring of it spans
//! thousands of steps, and the errors of the young network stay in it. A mean is
//! therefore that of the later half of what the bin ever got.

use crate::config::Config;
use crate::hot::ring::Mark;
use bytemuck::{Pod, Zeroable};

#[test]
fn example() {
    let config = Config { window: 256, min_count: 20, ..Config::DEFAULT };
    let mark = |total: u32| Mark { turns: total / 256, head: (total % 256) as u16, ..Mark::default() };
    assert_eq!([20, 30, 100, 400, 9000].map(|total| fresh(&config, &mark(total))), [20, 20, 50, 200, 256]);
}

/// n_k: how many of its newest losses the mean of a ring takes.
pub fn fresh(config: &Config, mark: &Mark) -> u32 {
    let count = mark.count(config.window);
    // From two turns on, half of the losses are more than the ring holds.
    if !config.fresh_means || mark.turns > 1 {
        return count;
    }
    ((mark.total(config.window) / 2) as u32).max(config.min_count).min(count)
}

/// How far back a bin's mean reaches, as found at the last refresh, done or held.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct MeanSpan {
    /// How many losses all rings had got when the oldest loss of the mean came.
    pub since: u64,
    /// P_k at that refresh, its low bits.
    pub total: u32,
    /// How many losses the mean took.
    pub taken: u32,
}

impl MeanSpan {
    /// Moves on to the mean of the newest `taken` losses of a ring that has got `total`.
    /// `before` is the number of all losses at the refresh before, `now` the present one. No loss carries its own time: between two refreshes those of a bin count as
    /// evenly spread.
    pub fn advance(&mut self, total: u64, taken: u32, before: u64, now: u64) {
        let total = total as u32;
        let added = total.wrapping_sub(self.total);
        let share = |from: u64, to: u64, part: u32, whole: u32| {
            let parts = to.saturating_sub(from).saturating_mul(part.into());
            to.saturating_sub(parts.checked_div(whole.into()).unwrap_or(0))
        };
        if taken <= added {
            self.since = share(before, now, taken, added);
        } else if taken - added < self.taken {
            self.since = share(self.since, before, taken - added, self.taken);
        }
        (self.total, self.taken) = (total, taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_goes_back_to_the_oldest_loss_of_the_mean() {
        let mut span = MeanSpan::default();
        // 100 of 6400 losses in this bin: the newest half began in the middle.
        span.advance(100, 50, 0, 6400);
        assert_eq!(span.since, 3200);
        // 25 more until 8000: of the newest 62, 37 are older than 6400.
        span.advance(125, 62, 6400, 8000);
        assert_eq!(span.since, 6400 - 3200 * 37 / 50);
        // None more: the mean stays what it is.
        span.advance(125, 62, 8000, 9000);
        assert_eq!(span.since, 6400 - 3200 * 37 / 50);
    }
}
