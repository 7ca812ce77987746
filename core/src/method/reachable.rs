//! Unreachable bins: where a trainer snaps sigma to discrete timesteps, some bins never
//! get a loss, and a refresh must not wait for them (docs/specification.md#unreachable-bins).

use crate::hot::ring::Mark;
use crate::maths::{at, exp, ln, real};
use crate::method::fresh::MeanSpan;
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

/// Draws that a bin should have got, in units of N_min, before it counts as unreachable
/// with fewer than N_min losses.
const PATIENCE: f64 = 4.0;

/// What tells an unreachable bin from one whose losses are still to come.
#[derive(Clone, Copy)]
pub struct Rule {
    window: u32,
    least: u32,
    draws: f64,
    attempted: bool,
}

impl Rule {
    /// Of a block.
    pub fn of(header: &Header) -> Self {
        let (window, least) = (header.config.window, header.config.min_count);
        Rule { window, least, draws: header.draws as f64, attempted: header.attempts() > 0 }
    }

    /// Whether a bin hardly ever gets a loss: it holds fewer than N_min although it was
    /// drawn often enough (`mass` is that of the sampler in force), or since the last
    /// refresh, which went on without it.
    #[inline(always)]
    pub fn leaves_out(&self, mark: &Mark, span: &MeanSpan, mass: f64) -> bool {
        let starved = mark.count(self.window) < self.least;
        starved
            && if self.attempted {
                span.taken == 0
            } else {
                self.draws * mass >= PATIENCE * f64::from(self.least)
            }
    }
}

/// The bins of a block that can be reached.
pub struct Reachable<'a> {
    rule: Rule,
    marks: &'a [Mark],
    spans: &'a [MeanSpan],
    density: &'a [f64],
}

impl<'a> Reachable<'a> {
    /// Of a block: its rings, how far their means reach, the masses of the sampler in force.
    pub fn new(header: &Header, marks: &'a [Mark], spans: &'a [MeanSpan], density: &'a [f64]) -> Self {
        Reachable { rule: Rule::of(header), marks, spans, density }
    }

    /// Whether bin `k` is unreachable.
    #[inline]
    pub fn is_unreachable(&self, k: usize) -> bool {
        let bin = self.marks.get(k).zip(self.spans.get(k));
        bin.is_some_and(|(mark, span)| self.rule.leaves_out(mark, span, at(self.density, k)))
    }

    /// Whether every bin that can be reached holds `needed` losses, and these are at least
    /// half of all bins.
    pub fn is_ready(&self, needed: u32) -> bool {
        let mut unreachable = 0;
        for (k, mark) in self.marks.iter().enumerate() {
            if self.is_unreachable(k) {
                unreachable += 1;
            } else if mark.count(self.rule.window) < needed {
                return false;
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
