//! Polishing: each level moves to its best place between its neighbours
//! (docs/specification.md#levels).

use crate::maths::{exp, ln};
use crate::sampler::cost::{Weighing, leap};
use crate::sampler::curve::EntropicShare;

#[test]
fn example() {
    // The bottom of a valley, to a thousandth of the bracket.
    assert!((least(0.0, 4.0, &|x| (x - 1.0) * (x - 1.0)) - 1.0).abs() < 4e-3);
}

/// Sweeps over the levels.
const SWEEPS: usize = 4;

/// Moves each level, except the first and a fixed last one, to its best place between its
/// neighbours, at most by `widest` in ln sigma. The candidates are too coarse for many levels.
pub(crate) fn polish(
    weighing: &Weighing<'_>,
    time: &EntropicShare<'_>,
    widest: f64,
    fixed: bool,
    levels: &mut [f32],
) {
    for _ in 0..SWEEPS {
        for i in 1..levels.len() - usize::from(fixed) {
            let place = |i: usize| levels.get(i).map_or(0.0, |&level| f64::from(level));
            let gap = Gap { weighing, time, above: place(i - 1), below: place(i + 1) };
            let moved = gap.best(place(i), widest);
            if let Some(slot) = levels.get_mut(i) {
                *slot = moved as f32;
            }
        }
    }
}

/// Where a level is moved: between its neighbours, of which the lower one may be 0.
struct Gap<'a> {
    weighing: &'a Weighing<'a>,
    time: &'a EntropicShare<'a>,
    above: f64,
    below: f64,
}

impl Gap<'_> {
    /// The best level near `here`, or `here`.
    #[inline(never)]
    fn best(&self, here: f64, widest: f64) -> f64 {
        let x = ln(here);
        let low = if self.below > 0.0 { self.below } else { self.time.curve.low };
        let reach = |to: f64| (0.49 * (ln(to) - x).abs()).min(widest);
        let best = least(x - reach(low), x + reach(self.above), &|x| self.cost(x));
        if self.cost(best) < self.cost(x) { exp(best) } else { here }
    }

    /// Of the steps to a level and from it, which is given as its logarithm.
    #[inline(never)]
    fn cost(&self, x: f64) -> f64 {
        let (s, u) = (exp(x), self.time.at(x));
        let to = self.weighing.step(self.above, s) + leap(self.time.at(ln(self.above)) - u);
        if self.below > 0.0 {
            to + self.weighing.step(s, self.below) + leap(u - self.time.at(ln(self.below)))
        } else {
            to + self.weighing.last(s) + leap(u)
        }
    }
}

/// Where between `low` and `high` a cost with one valley is least, to a thousandth of their
/// distance: the golden section.
#[inline(never)]
fn least(mut low: f64, mut high: f64, cost: &dyn Fn(f64) -> f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let close = (high - low) * 1e-3;
    let (mut left, mut right) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut at_left, mut at_right) = (cost(left), cost(right));
    while high - low > close {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - GOLDEN * (high - low);
            at_left = cost(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + GOLDEN * (high - low);
            at_right = cost(right);
        }
    }
    if at_left <= at_right { left } else { right }
}
