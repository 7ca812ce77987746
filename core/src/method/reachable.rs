//! Unreachable bins: where a trainer snaps sigma to discrete timesteps, some bins never
//! get a loss, and a refresh must not wait for them (docs/specification.md#unreachable-bins).

use crate::hot::ring::Mark;
use crate::maths::{at, exp, ln, real};
use crate::method::rate::LEAST_ERROR;
use crate::state::block::Header;

#[test]
fn example() {
    let mut error = [0.0, 1.0, 0.0, 100.0, 0.0];
    interpolate(&mut error, |k| k % 2 == 0);
    assert!(
        error
            .iter()
            .zip([1.0, 1.0, 10.0, 100.0, 100.0])
            .all(|(m, expected)| (m / expected - 1.0).abs() < 1e-12)
    );
}

/// Draws that an empty bin should have got, in units of N_min, before it counts as unreachable.
const PATIENCE: f64 = 4.0;

/// What tells an unreachable bin from one whose first loss is still to come.
pub struct Reachable<'a> {
    marks: &'a [Mark],
    density: &'a [f64],
    draws: f64,
    needed: f64,
    attempted: bool,
}

impl<'a> Reachable<'a> {
    /// Of a block: its rings and the masses of the sampler in force.
    pub fn new(header: &Header, marks: &'a [Mark], density: &'a [f64]) -> Self {
        Reachable {
            marks,
            density,
            draws: header.draws as f64,
            needed: PATIENCE * f64::from(header.config.min_count),
            attempted: header.attempts() > 0,
        }
    }

    /// Whether bin `k` never gets a loss: it is empty although it was drawn often
    /// enough, or although an earlier refresh went on without it.
    pub fn is_unreachable(&self, k: usize) -> bool {
        self.marks.get(k).is_some_and(|mark| mark.total == 0)
            && (self.attempted || self.draws * at(self.density, k) >= self.needed)
    }

    /// Whether every bin that can be reached holds `least` losses, and these are at
    /// least half of all bins.
    pub fn is_ready(&self, window: u32, least: u32) -> bool {
        let mut unreachable = 0;
        for (k, mark) in self.marks.iter().enumerate() {
            if mark.count(window) < least {
                if !self.is_unreachable(k) {
                    return false;
                }
                unreachable += 1;
            }
        }
        2 * unreachable <= self.marks.len()
    }
}

/// Gives each unreachable bin an error from its reachable neighbours: on the line
/// between the two in ln sigma and ln m, or that of the only one.
pub fn interpolate(error: &mut [f64], is_unreachable: impl Fn(usize) -> bool) {
    let bins = error.len();
    let mut below = None;
    let mut k = 0;
    while k < bins {
        if !is_unreachable(k) {
            below = Some(k);
            k += 1;
            continue;
        }
        let above = (k..bins).find(|&j| !is_unreachable(j));
        let end = above.unwrap_or(bins);
        let (first, last) = match (below, above) {
            (Some(a), Some(b)) => (a, b),
            (Some(a), None) => (a, a),
            (None, Some(b)) => (b, b),
            (None, None) => return,
        };
        let (m_first, m_last) = (at(error, first), at(error, last));
        let (low, high) = (ln(m_first.max(LEAST_ERROR)), ln(m_last.max(LEAST_ERROR)));
        for j in k..end {
            let m = if m_first == 0.0 && m_last == 0.0 {
                0.0
            } else if first == last {
                m_first
            } else {
                exp(low + (high - low) * (real(j - first) / real(last - first)))
            };
            if let Some(slot) = error.get_mut(j) {
                *slot = m;
            }
        }
        k = end;
    }
}
