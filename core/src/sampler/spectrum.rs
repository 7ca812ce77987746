//! The spectrum: masses rho_j at variances lambda_j of Gaussian data whose mmse is the
//! profile's (docs/specification.md#equivalent-gaussian).
//!
//! `m(sigma) ~ sum_j rho_j lambda_j sigma^2 / (lambda_j + sigma^2)`, by non-negative least
//! squares on relative errors: the active-set method of Lawson and Hanson on the normal
//! equations, with a bound on its steps.

use crate::maths::{at, exp, ln, real};
use crate::sampler::curve::Curve;

#[test]
fn example() {
    // Data of two variances, 1 and 0.0001, in equal shares.
    let sigma: [f64; 64] = core::array::from_fn(|k| 0.002 * 40_000f64.powf((k as f64 + 0.5) / 64.0));
    let error = sigma.map(|s| 0.5 * s * s / (1.0 + s * s) + 0.5 * 1e-4 * s * s / (1e-4 + s * s));
    let curve = Curve { sigma: &sigma, error: &error, gate: &[], low: 0.002, high: 80.0 };
    let (mut found, mut room) = ([0.0; 2 * MOST], vec![0.0; ROOM]);
    let spectrum = Spectrum::fit(&curve, &mut found, &mut room);
    let mass: f64 = spectrum.iter().map(|(_, mass)| mass).sum();
    assert!((mass - 1.0).abs() < 0.005 && spectrum.count() < 8);
}

/// The variances of the dictionary, from (sigma_min / 10)^2 to (10 sigma_max)^2.
const VARIANCES: usize = 97;

/// The most variances that a spectrum has.
pub const MOST: usize = 32;

/// Numbers of memory that [`Spectrum::fit`] needs.
pub const ROOM: usize = VARIANCES * VARIANCES + 4 * VARIANCES + MOST * MOST;

/// Steps after which the active set is taken as it is; the method needs a tenth of them.
const STEPS: usize = 3 * VARIANCES;

/// A column whose correlation with the residual is below this is not taken in.
const LEAST_GRADIENT: f64 = 1e-9;

/// A pivot below this, of a matrix whose diagonal is 1: the column is a combination of others.
const LEAST_PIVOT: f64 = 1e-11;

/// Variances in ascending order and their masses, in the caller's memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spectrum<'a> {
    variance: &'a [f64],
    mass: &'a [f64],
}

impl<'a> Spectrum<'a> {
    /// How many variances there are.
    pub fn count(&self) -> usize {
        self.mass.len()
    }

    /// (variance, mass) of each.
    pub fn iter(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.variance.iter().copied().zip(self.mass.iter().copied())
    }

    /// The spectrum of `curve`, kept in `found` of 2 [`MOST`] numbers; works in `room` of
    /// `ROOM`. Empty where every error is 0.
    #[inline(never)]
    pub fn fit(curve: &Curve<'_>, found: &'a mut [f64], room: &mut [f64]) -> Self {
        let mut count = 0;
        let (variances, masses) = found.split_at_mut(found.len() / 2);
        let mut put = |variance: f64, mass: f64| {
            if let (Some(v), Some(m)) = (variances.get_mut(count), masses.get_mut(count)) {
                (*v, *m) = (variance, mass);
                count += 1;
            }
        };
        fit_into(curve, room, &mut put);
        Spectrum {
            variance: variances.get(..count).unwrap_or_default(),
            mass: masses.get(..count).unwrap_or_default(),
        }
    }
}

/// Passes each variance and its mass to `put`.
fn fit_into(curve: &Curve<'_>, room: &mut [f64], put: &mut impl FnMut(f64, f64)) {
    let Some((gram, rest)) = room.split_at_mut_checked(VARIANCES * VARIANCES) else { return };
    let Some((norm, rest)) = rest.split_at_mut_checked(VARIANCES) else { return };
    let Some((right, rest)) = rest.split_at_mut_checked(VARIANCES) else { return };
    let Some((mass, rest)) = rest.split_at_mut_checked(VARIANCES) else { return };
    let Some((trial, factor)) = rest.split_at_mut_checked(VARIANCES) else { return };
    let dictionary = Dictionary::of(curve);
    dictionary.normal_equations(curve, gram, norm, right, mass);
    least_squares(gram, right, mass, trial, factor);
    for (j, (&mass, &norm)) in mass.iter().zip(norm.iter()).enumerate() {
        if mass > 0.0 {
            put(dictionary.variance(j), mass / norm);
        }
    }
}

/// The variances that masses may lie at, log-spaced.
struct Dictionary {
    lowest: f64,
    step: f64,
}

impl Dictionary {
    fn of(curve: &Curve<'_>) -> Self {
        let (lowest, highest) = (2.0 * ln(curve.low / 10.0), 2.0 * ln(curve.high * 10.0));
        Dictionary { lowest, step: (highest - lowest) / (real(VARIANCES) - 1.0) }
    }

    fn variance(&self, j: usize) -> f64 {
        exp(self.lowest + real(j) * self.step)
    }

    /// The normal equations `gram` x = `right` of columns whose lengths are 1; `norm` are
    /// the lengths that they had, `column` is memory. A row is a point of the curve,
    /// divided by its error, so that all relative errors count alike. Errors that fall
    /// faster than sigma^2, as those of points do, which no variances can, are taken as
    /// falling that fast.
    fn normal_equations(
        &self,
        curve: &Curve<'_>,
        gram: &mut [f64],
        norm: &mut [f64],
        right: &mut [f64],
        column: &mut [f64],
    ) {
        for slot in gram.iter_mut().chain(&mut *norm).chain(&mut *right) {
            *slot = 0.0;
        }
        for (j, slot) in column.iter_mut().enumerate() {
            *slot = self.variance(j);
        }
        let mut slope = 0.0;
        for (&sigma, &error) in curve.sigma.iter().zip(curve.error).rev() {
            let square = sigma * sigma;
            slope = error.max(slope * square) / square;
            if !(slope > 0.0) {
                continue;
            }
            let kernel = |variance: f64| variance / (variance + square) / slope;
            for (j, row) in gram.chunks_exact_mut(VARIANCES).enumerate() {
                let a = kernel(at(column, j));
                for (slot, &variance) in row.iter_mut().zip(column.iter()).take(j + 1) {
                    *slot += a * kernel(variance);
                }
                if let Some(slot) = right.get_mut(j) {
                    *slot += a;
                }
            }
        }
        for (j, slot) in norm.iter_mut().enumerate() {
            *slot = exp(ln(entry(gram, j, j)) / 2.0);
        }
        for (j, row) in gram.chunks_exact_mut(VARIANCES).enumerate() {
            let length = at(norm, j);
            for (slot, other) in row.iter_mut().zip(norm.iter()).take(j + 1) {
                *slot = if length * other > 0.0 { *slot / (length * other) } else { 0.0 };
            }
            if let Some(slot) = right.get_mut(j) {
                *slot = if length > 0.0 { *slot / length } else { 0.0 };
            }
        }
    }
}

/// Element (i, j) of a symmetric matrix whose lower triangle is stored.
fn entry(gram: &[f64], i: usize, j: usize) -> f64 {
    at(gram, i.max(j) * VARIANCES + i.min(j))
}

/// The columns that have a mass, in the order in which they were taken in.
struct Active {
    members: [u8; MOST],
    count: usize,
}

impl Active {
    fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.members.iter().take(self.count).map(|&j| usize::from(j))
    }

    fn column(&self, i: usize) -> usize {
        self.members.get(i).map_or(0, |&j| usize::from(j))
    }

    fn add(&mut self, j: usize) -> bool {
        let Some(slot) = self.members.get_mut(self.count) else { return false };
        *slot = j as u8;
        self.count += 1;
        true
    }

    /// Keeps the columns that `keep` says.
    fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let (before, mut count) = (self.members, 0);
        for &j in before.iter().take(self.count).filter(|&&j| keep(usize::from(j))) {
            if let Some(slot) = self.members.get_mut(count) {
                *slot = j;
                count += 1;
            }
        }
        self.count = count;
    }
}

/// The x >= 0 of the least square of the residual; `trial` and `factor` are memory.
fn least_squares(gram: &[f64], right: &[f64], x: &mut [f64], trial: &mut [f64], factor: &mut [f64]) {
    x.fill(0.0);
    let mut active = Active { members: [0; MOST], count: 0 };
    // The column that was taken in and left at once, which would be taken in again.
    let mut refused = usize::MAX;
    for _ in 0..STEPS {
        let (mut best, mut steepest) = (usize::MAX, LEAST_GRADIENT);
        for j in (0..VARIANCES).filter(|&j| j != refused && !(at(x, j) > 0.0)) {
            let mut gradient = at(right, j);
            for k in active.columns() {
                gradient -= entry(gram, j, k) * at(x, k);
            }
            if gradient > steepest {
                (best, steepest) = (j, gradient);
            }
        }
        if best == usize::MAX || !active.add(best) {
            return;
        }
        refused = usize::MAX;
        loop {
            if !solve(gram, right, &active, trial, factor) {
                active.retain(|j| j != best);
                refused = best;
                break;
            }
            // As far towards the solution as no mass becomes negative.
            let (mut share, mut first) = (1.0, usize::MAX);
            for j in active.columns().filter(|&j| !(at(trial, j) > 0.0)) {
                let room = at(x, j) / (at(x, j) - at(trial, j));
                if !(room >= share) {
                    (share, first) = (room, j);
                }
            }
            for j in active.columns() {
                let (from, to) = (at(x, j), at(trial, j));
                put(x, j, if first == usize::MAX { to } else { (from + share * (to - from)).max(0.0) });
            }
            if first == usize::MAX {
                break;
            }
            put(x, first, 0.0);
            if first == best {
                refused = best;
            }
            active.retain(|j| at(x, j) > 0.0);
            if active.count == 0 {
                break;
            }
        }
    }
}

/// Solves the equations of the active columns by L D L^T into `trial`; false where one of
/// them is a combination of the others.
fn solve(gram: &[f64], right: &[f64], active: &Active, trial: &mut [f64], factor: &mut [f64]) -> bool {
    let cell = |i: usize, j: usize| i * MOST + j;
    for (i, a) in active.columns().enumerate() {
        let mut known = at(right, a);
        for (j, b) in active.columns().enumerate().take(i + 1) {
            let mut sum = entry(gram, a, b);
            for k in 0..j {
                sum -= at(factor, cell(i, k)) * at(factor, cell(j, k)) * at(factor, cell(k, k));
            }
            if i == j && !(sum > LEAST_PIVOT) {
                return false;
            }
            let divisor = if i == j { 1.0 } else { at(factor, cell(j, j)) };
            put(factor, cell(i, j), sum / divisor);
            if j < i {
                known -= at(factor, cell(i, j)) * at(trial, b);
            }
        }
        put(trial, a, known);
    }
    for (i, a) in active.columns().enumerate() {
        put(trial, a, at(trial, a) / at(factor, cell(i, i)));
    }
    for i in (0..active.count).rev() {
        let (a, mut known) = (active.column(i), at(trial, active.column(i)));
        for k in i + 1..active.count {
            known -= at(factor, cell(k, i)) * at(trial, active.column(k));
        }
        put(trial, a, known);
    }
    true
}

fn put(values: &mut [f64], i: usize, value: f64) {
    if let Some(slot) = values.get_mut(i) {
        *slot = value;
    }
}
