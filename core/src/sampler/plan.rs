//! The plan: the levels of the least sum of errors (docs/specification.md#levels).
//!
//! The cost of a step from s1 to s2 is `sum_j w_j |ln F_j - ln exact_j| + kappa (U(s1) -
//! U(s2))^2`: the solver's error on the [`Spectrum`], and a term that keeps a step from
//! leaping over what Gaussian data do not decide. Dynamic programming over log-spaced
//! candidates finds the levels from the top of the grid down, of which the last one is free;
//! then each is moved to its best place between its neighbours.

use crate::error::Error;
use crate::maths::{MAX_BINS, at, exp, ln, real};
pub use crate::sampler::cost::Cost;
use crate::sampler::cost::{Weighing, leap};
pub use crate::sampler::curve::Curve;
use crate::sampler::curve::EntropicShare;
use crate::sampler::polish::polish;
use crate::sampler::solver::Solver;
pub use crate::sampler::spectrum::MOST;
use crate::sampler::spectrum::{ROOM, Spectrum};
pub use crate::sampler::verdict::verdict;

/// The levels to choose from.
const CANDIDATES: usize = 240;

/// The most levels of a plan: all candidates.
pub const MOST_LEVELS: usize = CANDIDATES;

/// More levels than these are chosen from candidates that lie as densely as these, of which
/// evenly spaced ones would be too few where many levels belong.
const FEW: usize = 24;

/// Pairs of candidates.
const PAIRS: usize = CANDIDATES * (CANDIDATES - 1) / 2;

/// The costs of all pairs, in whose place the spectrum is fitted before.
const COSTS: usize = if PAIRS > ROOM { PAIRS } else { ROOM };

/// Numbers of memory that [`plan`] and [`crate::StateRef::plan_grid`] need for n levels.
pub const fn plan_len(n: usize) -> usize {
    CURVES * MAX_BINS + 3 * MOST + COSTS + 5 * CANDIDATES + (n * CANDIDATES).div_ceil(8)
}

/// Curves of K numbers that a block's plan is made from.
pub(crate) const CURVES: usize = 6;

/// What a plan expects.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan<'a> {
    /// Of the planned levels.
    pub planned: Cost,
    /// Of EDM's grid (rho = 7) with as many levels from end to end.
    pub edm: Cost,
    /// The fewest levels with which EDM's grid costs no more; 0 if that takes more than 1024.
    pub edm_levels: u32,
    /// The Gaussian data of the same mmse.
    pub spectrum: Spectrum<'a>,
}

/// Fills `levels` with the n levels, from `curve.high` downwards, of the least cost for
/// `solver`; append 0. The last one is `end`, or free where that is none. Works in `room`
/// of [`plan_len`] numbers.
///
/// # Errors
/// `Argument` unless n is from 1 to 240 and `end` below the first level (n = 1 has no end);
/// `Length` and `Argument` for a curve that is none; `NotReady` if all its errors are 0;
/// `TooSmall` (`room`).
#[inline(never)]
pub fn plan<'r>(
    curve: &Curve<'_>,
    solver: Solver,
    end: Option<f64>,
    levels: &mut [f32],
    room: &'r mut [f64],
) -> Result<Plan<'r>, Error> {
    curve.check()?;
    let bottom = end.unwrap_or(curve.low);
    let n = levels.len();
    if n == 0 || n > CANDIDATES || !(bottom > 0.0 && bottom < curve.high) || (n == 1 && end.is_some()) {
        return Err(Error::Argument);
    }
    let (found, room) = room.split_at_mut_checked(2 * MOST).ok_or(Error::TooSmall)?;
    let (weight, room) = room.split_at_mut_checked(MOST).ok_or(Error::TooSmall)?;
    let room = room.get_mut(..plan_len(n) - CURVES * MAX_BINS - 3 * MOST).ok_or(Error::TooSmall)?;
    let spectrum = Spectrum::fit(curve, found, room);
    if spectrum.count() == 0 {
        return Err(Error::NotReady);
    }
    let weighing = Weighing::of(solver, spectrum, weight);
    let mut memory = Memory::over(room).ok_or(Error::TooSmall)?;
    let time = EntropicShare::of(curve);
    let first = [curve.high as f32];
    memory.fill_candidates(&time, &first, bottom);
    memory.fill_costs(&weighing);
    if let (Some(few), true) = (levels.get_mut(..FEW), n > FEW) {
        memory.choose(end.is_some(), few);
        memory.fill_candidates(&time, few, bottom);
        memory.fill_costs(&weighing);
    }
    memory.choose(end.is_some(), levels);
    let widest = (ln(curve.high) - ln(bottom)) / (real(CANDIDATES) - 1.0);
    polish(&weighing, &time, widest, end.is_some(), levels);
    let planned = weighing.cost(&time, n, |i| levels.get(i).map_or(0.0, |&s| s.into()));
    let edm_levels = weighing.edm_levels(&time, planned.total());
    Ok(Plan { planned, edm: weighing.edm(&time, n), edm_levels, spectrum })
}

/// The candidates and what the programme knows of them, in the caller's memory.
struct Memory<'a> {
    cost: &'a mut [f64],
    level: &'a mut [f64],
    time: &'a mut [f64],
    best: &'a mut [f64],
    next: &'a mut [f64],
    last: &'a mut [f64],
    /// The level before each candidate, a row for each number of levels.
    before: &'a mut [u8],
}

impl<'a> Memory<'a> {
    fn over(room: &'a mut [f64]) -> Option<Self> {
        let (cost, rest) = room.split_at_mut_checked(COSTS)?;
        let (level, rest) = rest.split_at_mut_checked(CANDIDATES)?;
        let (time, rest) = rest.split_at_mut_checked(CANDIDATES)?;
        let (best, rest) = rest.split_at_mut_checked(CANDIDATES)?;
        let (next, rest) = rest.split_at_mut_checked(CANDIDATES)?;
        let (last, rest) = rest.split_at_mut_checked(CANDIDATES)?;
        let before = bytemuck::try_cast_slice_mut(rest).ok()?;
        Some(Memory { cost, level, time, best, next, last, before })
    }

    /// From the top down to `bottom`, as many between any two of the descending `knots`, of
    /// which the first is the top, and below the last; log-spaced between them.
    #[inline(never)]
    fn fill_candidates(&mut self, share: &EntropicShare<'_>, knots: &[f32], bottom: f64) {
        let knot = |i: usize| knots.get(i).map_or(bottom, |&knot| knot.into());
        let below = knot(knots.len().saturating_sub(1)) > 1.001 * bottom;
        let segments = real(knots.len() - usize::from(!below)) / (real(CANDIDATES) - 1.0);
        for (i, (level, time)) in self.level.iter_mut().zip(&mut *self.time).enumerate() {
            let place = real(i) * segments;
            let from = place as usize;
            let (above, below) = (ln(knot(from)), ln(knot(from + 1)));
            let x = above + (place - real(from)) * (below - above);
            *level = if i == 0 {
                share.curve.high
            } else if i + 1 == CANDIDATES {
                bottom
            } else {
                exp(x)
            };
            *time = share.at(ln(*level));
        }
    }

    #[inline(never)]
    fn fill_costs(&mut self, weighing: &Weighing) {
        let mut slots = self.cost.iter_mut();
        for (k, (&to, &below)) in self.level.iter().zip(self.time.iter()).enumerate() {
            for (&from, &above) in self.level.iter().zip(self.time.iter()).take(k) {
                if let Some(slot) = slots.next() {
                    *slot = weighing.step(from, to) + leap(above - below);
                }
            }
        }
        for ((slot, &from), &time) in self.last.iter_mut().zip(self.level.iter()).zip(self.time.iter()) {
            *slot = weighing.last(from) + leap(time);
        }
    }

    /// The best n levels; their last one is the lowest candidate if it is `fixed`.
    #[inline(never)]
    fn choose(&mut self, fixed: bool, levels: &mut [f32]) {
        self.best.fill(f64::INFINITY);
        if let Some(first) = self.best.first_mut() {
            *first = 0.0;
        }
        for row in self.before.chunks_exact_mut(CANDIDATES).take(levels.len().saturating_sub(1)) {
            let mut cost = self.cost.iter();
            for (k, (slot, origin)) in self.next.iter_mut().zip(row).enumerate() {
                (*slot, *origin) = (f64::INFINITY, 0);
                for (i, (&so_far, &step)) in self.best.iter().take(k).zip(&mut cost).enumerate() {
                    if so_far + step < *slot {
                        (*slot, *origin) = (so_far + step, i as u8);
                    }
                }
            }
            core::mem::swap(&mut self.best, &mut self.next);
        }
        let mut chosen = CANDIDATES - 1;
        let mut least = f64::INFINITY;
        for (k, (&so_far, &last)) in self.best.iter().zip(self.last.iter()).enumerate() {
            if !fixed && so_far + last < least {
                (chosen, least) = (k, so_far + last);
            }
        }
        for (row, slot) in levels.iter_mut().enumerate().rev() {
            *slot = at(self.level, chosen) as f32;
            let origin = row.checked_sub(1).and_then(|row| self.before.get(row * CANDIDATES + chosen));
            chosen = origin.map_or(0, |&origin| origin.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Data {
        sigma: Vec<f64>,
        error: Vec<f64>,
    }

    impl Data {
        fn of(spectrum: &[(f64, f64)], bins: usize, low: f64, high: f64) -> Self {
            let place = |k: usize| (k as f64 + 0.5) / bins as f64;
            let sigma: Vec<f64> = (0..bins).map(|k| low * (high / low).powf(place(k))).collect();
            let mmse = |s: &f64| spectrum.iter().map(|(v, m)| m * v * s * s / (v + s * s)).sum();
            let error = sigma.iter().map(mmse).collect();
            Data { sigma, error }
        }

        fn curve(&self, low: f64, high: f64) -> Curve<'_> {
            Curve { sigma: &self.sigma, error: &self.error, gate: &[], low, high }
        }
    }

    fn planned(curve: &Curve<'_>, solver: Solver, end: Option<f64>, n: usize) -> (Vec<f32>, Plan<'static>) {
        let (mut levels, room) = (vec![0.0; n], vec![0.0; plan_len(n)].leak());
        let found = plan(curve, solver, end, &mut levels, room).unwrap();
        (levels, found)
    }

    #[test]
    fn the_spectrum_of_two_variances_comes_back() {
        for (low, high, spectrum) in [
            (0.002, 80.0, [(0.25, 1.0), (0.0, 0.0)]),
            (0.002, 80.0, [(1.0, 0.3), (0.001, 0.7)]),
            (0.06, 2500.0, [(400.0, 0.5), (0.9, 0.5)]),
        ] {
            let data = Data::of(&spectrum, 64, low, high);
            let (_, found) = planned(&data.curve(low, high), Solver::Heun, None, 5);
            let all: Vec<_> = found.spectrum.iter().collect();
            println!("{all:?}");
            for (variance, mass) in spectrum.into_iter().filter(|(_, mass)| *mass > 0.0) {
                let near: Vec<_> = all.iter().filter(|(v, _)| (v / variance).ln().abs() < 1.0).collect();
                let total: f64 = near.iter().map(|(_, m)| m).sum();
                let mean: f64 = near.iter().map(|(v, m)| m * v.ln()).sum::<f64>() / total;
                assert!((total / mass - 1.0).abs() < 0.02, "{variance}: mass {total}");
                assert!((mean - variance.ln()).abs() < 0.02, "{variance}: {}", mean.exp());
            }
        }
    }

    /// Every choice of n candidates; the cost by its definition, U by Simpson's rule.
    #[test]
    fn a_plan_is_the_best_of_all_grids() {
        for (solver, spectrum) in [
            (Solver::Heun, vec![(0.25, 1.0)]),
            (Solver::Euler, vec![(0.25, 1.0)]),
            (Solver::Heun, vec![(1.0, 0.3), (0.001, 0.7)]),
            (Solver::Heun, vec![(4.0, 0.2), (0.1, 0.3), (0.0003, 0.5)]),
        ] {
            let data = Data::of(&spectrum, 64, 0.002, 80.0);
            let curve = data.curve(0.002, 80.0);
            let candidate: Vec<f64> =
                (0..CANDIDATES).map(|i| 80.0 * (0.002f64 / 80.0).powf(i as f64 / 239.0)).collect();
            let q = |x: f64| {
                let at = data.sigma.windows(2).position(|pair| x.exp() <= pair[1]).unwrap_or(62);
                let of = |k: usize| data.error[k] / (data.sigma[k] * data.sigma[k]);
                let (left, right) = (data.sigma[at].ln(), data.sigma[at + 1].ln());
                of(at) + ((x - left) / (right - left)).clamp(0.0, 1.0) * (of(at + 1) - of(at))
            };
            let (bottom, top) = (0.002f64.ln(), 80f64.ln());
            let fine = 40_000;
            let below = |x: f64| {
                let h = (x - bottom) / f64::from(fine);
                (0..fine).map(|i| q(bottom + (f64::from(i) + 0.5) * h) * h).sum::<f64>()
            };
            let all = below(top);
            let time: Vec<f64> = candidate.iter().map(|s| below(s.ln()) / all).collect();
            let (_, first) = planned(&curve, solver, None, 1);
            let total: f64 = first.spectrum.iter().map(|(v, m)| m * v.powf(0.75)).sum();
            let weights: Vec<(f64, f64)> =
                first.spectrum.iter().map(|(v, m)| (v, m * v.powf(0.75) / total)).collect();
            let step = |i: usize, k: usize| {
                let (s1, s2) = (candidate[i], candidate[k]);
                let gaussian: f64 = weights
                    .iter()
                    .map(|&(v, w)| {
                        let h = s2 - s1;
                        let slope = |s: f64| s / (v + s * s);
                        let euler = 1.0 + h * slope(s1);
                        let factor = match solver {
                            Solver::Euler => euler,
                            Solver::Heun => 1.0 + h / 2.0 * (slope(s1) + slope(s2) * euler),
                        };
                        let exact = ((v + s2 * s2) / (v + s1 * s1)).sqrt();
                        w * (factor.max(1e-12) / exact).ln().abs()
                    })
                    .sum();
                gaussian + (time[i] - time[k]) * (time[i] - time[k])
            };
            let last: Vec<f64> = (0..CANDIDATES)
                .map(|i| {
                    let s = candidate[i];
                    let gaussian: f64 =
                        weights.iter().map(|&(v, w)| w * (v / (v + s * s)).sqrt().ln().abs()).sum();
                    gaussian + time[i] * time[i]
                })
                .collect();
            let cost: Vec<Vec<f64>> = (0..CANDIDATES)
                .map(|i| (0..CANDIDATES).map(|k| if k > i { step(i, k) } else { 0.0 }).collect())
                .collect();
            let mut best3 = (f64::INFINITY, [0; 3]);
            let mut best4 = (f64::INFINITY, [0; 4]);
            for a in 1..CANDIDATES {
                for b in a + 1..CANDIDATES {
                    let two = cost[0][a] + cost[a][b];
                    if two + last[b] < best3.0 {
                        best3 = (two + last[b], [0, a, b]);
                    }
                    for c in b + 1..CANDIDATES {
                        if two + cost[b][c] + last[c] < best4.0 {
                            best4 = (two + cost[b][c] + last[c], [0, a, b, c]);
                        }
                    }
                }
            }
            for (n, chosen) in [(3, best3.1.to_vec()), (4, best4.1.to_vec())] {
                let expected: Vec<f32> = chosen.iter().map(|&i| candidate[i] as f32).collect();
                let mut levels = vec![0.0; n];
                let mut room = vec![0.0; plan_len(n)];
                let mut memory = Memory::over(&mut room).unwrap();
                memory.fill_candidates(&EntropicShare::of(&curve), &[80.0], 0.002);
                let mut weight = [0.0; MOST];
                let weighing = Weighing::of(solver, first.spectrum, &mut weight);
                memory.fill_costs(&weighing);
                memory.choose(false, &mut levels);
                let near = levels.iter().zip(&expected).all(|(a, b)| (a / b - 1.0).abs() < 1e-5);
                assert!(near, "{solver:?} {spectrum:?}: {levels:?}, brute force {expected:?}");
                // Between the candidates there is a better place, and it is near.
                let share = EntropicShare::of(&curve);
                let total = |levels: &[f32]| weighing.cost(&share, n, |i| levels[i].into()).total();
                let (polished, _) = planned(&curve, solver, None, n);
                assert!((total(&levels) / [best3.0, best4.0][n - 3] - 1.0).abs() < 1e-6);
                assert!(total(&polished) <= total(&levels) && total(&polished) > 0.9 * total(&levels));
                assert!(polished.iter().zip(&levels).all(|(a, b)| (a / b).ln().abs() < 0.2));
            }
        }
    }

    /// The solver, run on the exact denoiser of Gaussian data, errs step by step as predicted.
    #[test]
    fn a_sampler_errs_as_predicted() {
        for solver in [Solver::Heun, Solver::Euler] {
            let data = Data::of(&[(0.25, 1.0)], 64, 0.002, 80.0);
            let (levels, found) = planned(&data.curve(0.002, 80.0), solver, None, 9);
            let total: f64 = found.spectrum.iter().map(|(v, m)| m * v.powf(0.75)).sum();
            let mut sum = 0.0;
            for (variance, mass) in found.spectrum.iter() {
                let slope = |x: f64, s: f64| (x - x * variance / (variance + s * s)) / s;
                let mut error = 0.0;
                for pair in levels.windows(2) {
                    let (s, t) = (f64::from(pair[0]), f64::from(pair[1]));
                    let mut x = 1.0 + (t - s) * slope(1.0, s);
                    if solver == Solver::Heun {
                        x = 1.0 + (t - s) / 2.0 * (slope(1.0, s) + slope(x, t));
                    }
                    error += (x / ((variance + t * t) / (variance + s * s)).sqrt()).ln().abs();
                }
                let s = f64::from(*levels.last().unwrap());
                error += (variance / (variance + s * s) / (variance / (variance + s * s)).sqrt()).ln().abs();
                sum += mass * variance.powf(0.75) / total * error;
            }
            assert!((sum / found.planned.error - 1.0).abs() < 1e-6, "{sum} {:?}", found.planned);
        }
    }

    /// Points of a discrete set: below some level the errors are 0 or nearly so.
    #[test]
    fn errors_that_vanish_leave_the_spectrum_as_it_is() {
        let mut data = Data::of(&[(0.25, 1.0)], 64, 0.002, 80.0);
        for (sigma, error) in data.sigma.iter().zip(&mut data.error) {
            *error *= (-(0.3 / sigma) * (0.3 / sigma)).exp();
        }
        let (_, found) = planned(&data.curve(0.002, 80.0), Solver::Heun, None, 9);
        for (variance, _) in found.spectrum.iter() {
            assert!((0.1..1.0).contains(&variance), "{:?}", found.spectrum);
        }
        data.error.iter_mut().filter(|error| **error < 1e-8).for_each(|error| *error = 0.0);
        let (_, zeroed) = planned(&data.curve(0.002, 80.0), Solver::Heun, None, 9);
        assert!((zeroed.planned.total() / found.planned.total() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn levels_scale_with_the_data() {
        let spectrum = [(1.0, 0.3), (0.001, 0.7)];
        let small = Data::of(&spectrum, 64, 0.002, 80.0);
        let large = Data::of(&spectrum.map(|(v, m)| (v * 256.0, m)), 64, 0.032, 1280.0);
        for n in [2, 9, 30] {
            let (a, one) = planned(&small.curve(0.002, 80.0), Solver::Heun, None, n);
            let (b, other) = planned(&large.curve(0.032, 1280.0), Solver::Heun, None, n);
            assert!(a.iter().zip(&b).all(|(a, b)| (16.0 * a / b - 1.0).abs() < 1e-4), "{a:?} {b:?}");
            assert!((one.planned.total() / other.planned.total() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn more_levels_err_less_and_the_end_may_be_fixed() {
        let data = Data::of(&[(1.0, 0.3), (0.001, 0.7)], 64, 0.002, 80.0);
        let curve = data.curve(0.002, 80.0);
        let mut before = f64::INFINITY;
        for n in [1, 2, 3, 5, 9, 18, 60, 128, 240] {
            let (levels, found) = planned(&curve, Solver::Heun, None, n);
            assert!(levels[0] == 80.0 && levels.windows(2).all(|pair| pair[0] > pair[1]));
            let cost = found.planned.total();
            assert!(cost < before && cost <= found.edm.total() * (1.0 + 1e-9), "{n}");
            assert!(found.edm_levels == 0 || found.edm_levels as usize >= n);
            // Many levels: the leaps fall as 1 / n, which the candidates must not limit.
            assert!(n < 60 || found.planned.leaps < 1.6 / n as f64, "{n}: {:?}", found.planned);
            before = cost;
            if n > 1 {
                let (levels, _) = planned(&curve, Solver::Heun, Some(0.05), n);
                assert_eq!(*levels.last().unwrap(), 0.05);
            }
        }
    }

    #[test]
    fn what_is_no_curve_is_refused() {
        let data = Data::of(&[(0.25, 1.0)], 64, 0.002, 80.0);
        let good = data.curve(0.002, 80.0);
        let plan_of = |curve: Curve<'_>, end, n: usize| {
            let (mut levels, mut room) = (vec![7.0; n], vec![0.0; plan_len(n)]);
            let done = plan(&curve, Solver::Heun, end, &mut levels, &mut room).map(|_| ());
            assert!(done.is_ok() || levels.iter().all(|&level| level == 7.0));
            done
        };
        assert_eq!(plan_of(good, None, 9), Ok(()));
        for n in [0, 241] {
            assert_eq!(plan_of(good, None, n), Err(Error::Argument));
        }
        for end in [0.0, 80.0, -1.0, f64::NAN] {
            assert_eq!(plan_of(good, Some(end), 9), Err(Error::Argument));
        }
        let zero = vec![0.0; 64];
        assert_eq!(plan_of(Curve { error: &zero, ..good }, None, 9), Err(Error::NotReady));
        assert_eq!(plan_of(Curve { error: &zero[1..], ..good }, None, 9), Err(Error::Length));
        for wrong in [
            Curve { gate: &[2.0; 64], ..good },
            Curve { error: &[f64::NAN; 64], ..good },
            Curve { sigma: &zero, ..good },
            Curve { low: 90.0, ..good },
        ] {
            assert_eq!(plan_of(wrong, None, 9), Err(Error::Argument));
        }
        let mut levels = [0.0; 9];
        let mut room = [0.0; 99];
        let done = plan(&good, Solver::Heun, None, &mut levels, &mut room);
        assert_eq!(done.map(|_| ()), Err(Error::TooSmall));
    }
}
