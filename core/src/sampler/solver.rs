//! Solvers: the error of a step of each on Gaussian data (docs/specification.md#cost-of-a-step).
//!
//! With a(sigma) = sigma / (lambda + sigma^2) the probability flow of a direction of variance
//! lambda is dx / dsigma = a x, so that a step multiplies it by a known factor, and so does
//! every solver. Their errors are compared as logarithms.
//!
//! A multi-step rule such as DPM-Solver++(2M) has no place here: its step uses the model's
//! output at the step before, whose direction depends on all earlier steps, so its error is
//! no sum over pairs of levels, which dynamic programming needs.

use crate::config::coded;
use crate::maths::ln;

#[test]
fn example() {
    // One step of Euler from 80 to 0 keeps lambda / (lambda + 80^2), the flow keeps its root.
    let last = Solver::Euler.last_error(80.0, 1.0);
    assert!((last - 0.5 * ln(6401.0)).abs() < 1e-12);
    assert!(Solver::Heun.error(1.0, 0.9, 1.0) < Solver::Euler.error(1.0, 0.9, 1.0) / 10.0);
    assert_eq!((Solver::Heun.evaluations(9), Solver::Heun.levels(17), Solver::Heun.levels(18)), (17, 9, 9));
}

/// A solver of the probability flow.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Solver {
    /// Heun's second-order rule, two evaluations a step, the last step to 0 Euler's.
    #[default]
    Heun = 0,
    /// Euler's rule, which is DDIM: one evaluation a step.
    Euler = 1,
}
coded!(Solver { Heun = "heun", Euler = "euler" });

/// The least factor whose logarithm is taken: a rule that changes the sign is that bad.
const LEAST_FACTOR: f64 = 1e-12;

impl Solver {
    /// The factor of a step from `s1` down to `s2` in a direction of variance `lambda`.
    #[inline]
    pub fn factor(self, s1: f64, s2: f64, lambda: f64) -> f64 {
        let (h, a1) = (s2 - s1, s1 / (lambda + s1 * s1));
        let predicted = 1.0 + h * a1;
        match self {
            Solver::Euler => predicted,
            Solver::Heun => 1.0 + h / 2.0 * (a1 + s2 / (lambda + s2 * s2) * predicted),
        }
    }

    /// |ln of the factor - ln of the exact one|; `s2` is above 0.
    pub fn error(self, s1: f64, s2: f64, lambda: f64) -> f64 {
        let exact = (ln(lambda + s2 * s2) - ln(lambda + s1 * s1)) / 2.0;
        (ln(self.factor(s1, s2, lambda).max(LEAST_FACTOR)) - exact).abs()
    }

    /// The same of the last step, from `s` to 0, which is Euler's in every solver: it goes
    /// to the denoiser's output.
    pub fn last_error(self, s: f64, lambda: f64) -> f64 {
        ln(1.0 + s * s / lambda) / 2.0
    }

    /// Evaluations of the network on n levels, the step to 0 included.
    pub const fn evaluations(self, levels: usize) -> usize {
        match self {
            Solver::Heun => (2 * levels).saturating_sub(1),
            Solver::Euler => levels,
        }
    }

    /// The most levels for which so many evaluations suffice.
    pub const fn levels(self, evaluations: usize) -> usize {
        match self {
            Solver::Heun => evaluations.div_ceil(2),
            Solver::Euler => evaluations,
        }
    }
}
