//! The curve that a plan is made from: a profile's errors, and the share of its information
//! below each level (docs/specification.md#cost-of-a-step).

use crate::error::Error;
use crate::maths::{at, ln};

#[test]
fn example() {
    // Pure noise: as much information in every unit of ln sigma.
    let (sigma, error) = ([0.1, 1.0, 10.0], [0.01, 1.0, 100.0]);
    let curve = Curve { sigma: &sigma, error: &error, gate: &[], low: 0.1, high: 10.0 };
    curve.check().unwrap();
    assert!((EntropicShare::of(&curve).at(0.0) - 0.5).abs() < 1e-12);
}

/// A profile, from any source: ascending levels and what a denoiser's errors are there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Curve<'a> {
    /// Standard deviations in data units, strictly ascending (K).
    pub sigma: &'a [f64],
    /// Squared x0 errors per dimension, not negative (K).
    pub error: &'a [f64],
    /// The low-noise gate, 0 to 1 (K); empty means open.
    pub gate: &'a [f64],
    /// The lowest level that a plan may take.
    pub low: f64,
    /// Its first level.
    pub high: f64,
}

impl Curve<'_> {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let k = self.sigma.len();
        if self.error.len() != k || !(self.gate.is_empty() || self.gate.len() == k) {
            return Err(Error::Length);
        }
        let ascending = self.sigma.windows(2).all(|pair| at(pair, 0) < at(pair, 1));
        let sound = k >= 2
            && ascending
            && self.sigma.iter().all(|&s| s > 0.0 && s.is_finite())
            && self.error.iter().all(|&m| m >= 0.0 && m.is_finite())
            && self.gate.iter().all(|&g| (0.0..=1.0).contains(&g))
            && self.low > 0.0
            && self.low < self.high
            && self.high.is_finite();
        if sound { Ok(()) } else { Err(Error::Argument) }
    }

    /// The gated rate per unit ln sigma at point `k`.
    fn q(&self, k: usize) -> f64 {
        let sigma = at(self.sigma, k);
        self.gate.get(k).copied().unwrap_or(1.0) * at(self.error, k) / (sigma * sigma)
    }

    /// The integral of the gated rate from the first point to `x` = ln sigma, of the broken
    /// line through the points, which goes on level beyond them.
    fn information(&self, x: f64) -> f64 {
        let last = self.sigma.len().saturating_sub(1);
        let first = ln(at(self.sigma, 0));
        if x <= first {
            return self.q(0) * (x - first);
        }
        let (mut sum, mut left) = (0.0, first);
        for k in 0..last {
            let right = ln(at(self.sigma, k + 1));
            let share = ((x - left) / (right - left)).min(1.0);
            let (from, to) = (self.q(k), self.q(k + 1));
            sum += (right - left) * share * (from + share * (to - from) / 2.0);
            left = right;
            if x <= right {
                return sum;
            }
        }
        sum + self.q(last) * (x - left)
    }
}

/// The share of the gated information below a level (U, a = 0).
pub(crate) struct EntropicShare<'a> {
    pub curve: &'a Curve<'a>,
    below: f64,
    all: f64,
}

impl<'a> EntropicShare<'a> {
    pub fn of(curve: &'a Curve<'a>) -> Self {
        let below = curve.information(ln(curve.low));
        EntropicShare { curve, below, all: curve.information(ln(curve.high)) - below }
    }

    pub fn at(&self, ln_sigma: f64) -> f64 {
        if self.all > 0.0 { (self.curve.information(ln_sigma) - self.below) / self.all } else { 0.0 }
    }
}
