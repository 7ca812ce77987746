//! The cost of a step: the solver's error on the spectrum, and the information that it passes
//! (docs/specification.md#cost-of-a-step).

use crate::maths::{exp, ln, real};
use crate::sampler::curve::EntropicShare;
use crate::sampler::solver::Solver;
use crate::sampler::spectrum::Spectrum;

#[test]
fn example() {
    assert_eq!(Cost { error: 0.1, leaps: 0.2 }.total(), 0.1 + 0.2);
    assert_eq!(leap(0.5), 0.25);
}

/// The exponent of a variance in the weight of its error.
const EXPONENT: f64 = 0.75;

/// The weight of the information that a step passes.
const KAPPA: f64 = 1.0;

/// What a grid of levels costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// The sum over the steps, the last one to 0 included, of the solver's weighted error on
    /// the spectrum, a difference of logarithms.
    pub error: f64,
    /// kappa times the sum of the squares of the information (shares, U) that each step passes.
    pub leaps: f64,
}

impl Cost {
    /// What the plan minimises.
    pub fn total(&self) -> f64 {
        self.error + self.leaps
    }
}

/// The cost of passing this share of the information in one step.
pub(crate) fn leap(share: f64) -> f64 {
    KAPPA * share * share
}

/// A solver's error on a spectrum.
pub(crate) struct Weighing<'a> {
    solver: Solver,
    spectrum: Spectrum<'a>,
    weight: &'a [f64],
}

impl<'a> Weighing<'a> {
    pub fn of(solver: Solver, spectrum: Spectrum<'a>, weight: &'a mut [f64]) -> Self {
        let mut total = 0.0;
        for ((variance, mass), weight) in spectrum.iter().zip(&mut *weight) {
            *weight = mass * exp(EXPONENT * ln(variance));
            total += *weight;
        }
        weight.iter_mut().for_each(|weight| *weight /= total);
        Weighing { solver, spectrum, weight }
    }

    fn sum(&self, error: impl Fn(f64) -> f64) -> f64 {
        let mut sum = 0.0;
        for ((variance, _), weight) in self.spectrum.iter().zip(self.weight) {
            sum += weight * error(variance);
        }
        sum
    }

    pub fn step(&self, s1: f64, s2: f64) -> f64 {
        self.sum(|variance| self.solver.error(s1, s2, variance))
    }

    pub fn last(&self, s: f64) -> f64 {
        self.sum(|variance| self.solver.last_error(s, variance))
    }

    /// Of n levels, the step to 0 included.
    pub fn cost(&self, share: &EntropicShare<'_>, n: usize, level: impl Fn(usize) -> f64) -> Cost {
        let (mut sum, mut above, mut passed) = (Cost::default(), 0.0, 0.0);
        for i in 0..n {
            let (s, u) = (level(i), share.at(ln(level(i))));
            if i > 0 {
                sum.error += self.step(above, s);
                sum.leaps += leap(passed - u);
            }
            (above, passed) = (s, u);
        }
        sum.error += self.last(above);
        sum.leaps += leap(passed);
        sum
    }

    /// Of EDM's grid of n levels, rho = 7, from end to end.
    pub fn edm(&self, share: &EntropicShare<'_>, n: usize) -> Cost {
        const RHO: f64 = 7.0;
        let root = |sigma: f64| exp(ln(sigma) / RHO);
        let (top, bottom, last) = (root(share.curve.high), root(share.curve.low), real(n.max(2) - 1));
        self.cost(share, n, |i| {
            let x = top + real(i) / last * (bottom - top);
            let cube = x * x * x;
            cube * cube * x
        })
    }

    pub fn edm_levels(&self, share: &EntropicShare<'_>, cost: f64) -> u32 {
        let (mut low, mut high) = (0usize, 1usize);
        while self.edm(share, high).total() > cost {
            if high >= 1024 {
                return 0;
            }
            (low, high) = (high, 2 * high);
        }
        while high - low > 1 {
            let middle = (low + high) / 2;
            if self.edm(share, middle).total() > cost { low = middle } else { high = middle }
        }
        high as u32
    }
}
