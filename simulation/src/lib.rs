//! Channels: noise on data whose mmse is known, for runs without training.
//!
//! A channel is a function from sigma to the mmse per dimension. [`exact`] is the
//! schedule that an infinite run on it converges to, [`Errors`] the errors of a
//! denoiser that improves during the run.
//!
//! ```
//! use infonoise::{state_words, Config, Scheduler};
//! use infonoise_simulation::{Errors, density, exact, gaussian, total_variation};
//! let config = Config { window: 64, warmup_steps: 20, refresh_every: 10, ..Config::DEFAULT };
//! let channel = gaussian(0.5);
//! let mut words = vec![0; state_words(64, 64)];
//! let mut scheduler = Scheduler::init(&mut words, &config, 0).unwrap();
//! let (mut sigma, mut error) = ([0.0; 1024], [0.0; 1024]);
//! let mut errors = Errors::new(&scheduler, 0.05, 1);
//! for step in 0..300 {
//!     if step % config.refresh_every == 0 {
//!         errors.redraw();
//!     }
//!     scheduler.sample(&mut sigma).unwrap();
//!     errors.fill(config.objective, &channel, step as f64 / 300.0, &sigma, &mut error);
//!     scheduler.observe(&sigma, &error).unwrap();
//!     scheduler.step().unwrap();
//! }
//! assert!(total_variation(&exact(&config, &channel).unwrap().density, &density(&scheduler.reader())) < 0.04);
//! ```

use infonoise::{Config, Error, Hold, Objective, Profile, Report, Scheduler, StateRef, Step, state_words};
use libm::{exp, log as ln};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Gaussian data of a standard deviation: sigma^2 d^2 / (sigma^2 + d^2).
pub fn gaussian(deviation: f64) -> impl Fn(f64) -> f64 + Copy {
    let variance = deviation * deviation;
    move |sigma| sigma * sigma * variance / (sigma * sigma + variance)
}

/// The points -1 and +1 with equal mass: 1 - E tanh^2.
pub fn two_point(sigma: f64) -> f64 {
    points(&[-1.0, 1.0], sigma)
}

/// Two Gaussian modes at -1 and +1, each of standard deviation `width`.
pub fn two_modes(width: f64) -> impl Fn(f64) -> f64 + Copy {
    move |sigma| {
        // Given x, the mode is a two-point problem at noise sqrt(sigma^2 + width^2),
        // and within a mode the shrinkage is Gaussian.
        let noise = sigma * sigma + width * width;
        let shrink = sigma * sigma / noise;
        gaussian(width)(sigma) + shrink * shrink * two_point(libm::sqrt(noise))
    }
}

/// Points with equal mass: the posterior variance, averaged over the points and
/// the noise by the trapezoidal rule on 8 standard deviations.
pub fn points(centres: &[f64], sigma: f64) -> f64 {
    let (mut total, mut weights) = (0.0, 0.0);
    for i in -200..=200 {
        let e = f64::from(i) * 0.04;
        let weight = exp(-e * e / 2.0);
        for x0 in centres {
            let x = x0 + sigma * e;
            let square = |c: &f64| (x - c) * (x - c);
            let nearest = centres.iter().map(square).fold(f64::INFINITY, f64::min);
            let (mut mass, mut mean, mut second) = (0.0, 0.0, 0.0);
            for c in centres {
                let p = exp((nearest - square(c)) / 2.0 / (sigma * sigma));
                mass += p;
                mean += p * (c - x0);
                second += p * (c - x0) * (c - x0);
            }
            mean /= mass;
            total += weight * (second / mass - mean * mean) / centres.len() as f64;
            weights += weight / centres.len() as f64;
        }
    }
    total / weights
}

/// An mmse between measured or tabulated points: linear in ln mmse over ln sigma.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    ln_sigma: &'a [f64],
    ln_mmse: &'a [f64],
}

impl<'a> Table<'a> {
    /// A table of logarithms, in ascending order of sigma.
    ///
    /// # Errors
    /// `Length` if the lengths differ, `Argument` unless there are at least two points,
    /// all finite, in ascending order of sigma.
    ///
    /// ```
    /// use infonoise_simulation::Table;
    /// let table = Table::new(&[0.0, 2.0], &[1.0, 3.0]).unwrap();
    /// assert!((table.mmse(1f64.exp()) - 2f64.exp()).abs() < 1e-12);
    /// assert!(Table::new(&[2.0, 0.0], &[1.0, 3.0]).is_err());
    /// ```
    pub fn new(ln_sigma: &'a [f64], ln_mmse: &'a [f64]) -> Result<Self, Error> {
        if ln_sigma.len() != ln_mmse.len() {
            return Err(Error::Length);
        }
        let rising = ln_sigma.iter().zip(ln_sigma.iter().skip(1)).all(|(a, b)| a < b);
        let finite = ln_sigma.iter().chain(ln_mmse).all(|x| x.is_finite());
        if ln_sigma.len() < 2 || !rising || !finite {
            return Err(Error::Argument);
        }
        Ok(Table { ln_sigma, ln_mmse })
    }

    /// The mmse at `sigma`; beyond the table the first or last line is extended.
    pub fn mmse(&self, sigma: f64) -> f64 {
        let x = ln(sigma);
        let at = |values: &[f64], i: usize| values[i];
        let last = self.ln_sigma.len() - 2;
        let (low, high) = (at(self.ln_sigma, 0), at(self.ln_sigma, last + 1));
        // Exact for evenly spaced points, a first guess for others.
        let mut i = (((x - low) / (high - low) * (last + 1) as f64) as usize).min(last);
        while i < last && at(self.ln_sigma, i + 1) <= x {
            i += 1;
        }
        while i > 0 && at(self.ln_sigma, i) > x {
            i -= 1;
        }
        let (a, b) = (at(self.ln_sigma, i), at(self.ln_sigma, i + 1));
        let share = (x - a) / (b - a);
        exp(at(self.ln_mmse, i) * (1.0 - share) + at(self.ln_mmse, i + 1) * share)
    }
}

/// The schedule that an infinite run without noise converges to.
#[derive(Clone, Debug)]
pub struct Exact {
    /// The report after its one refresh: pivot, rule, quantiles.
    pub report: Report,
    /// The reason if that refresh would be held.
    pub hold: Hold,
    /// pi, masses of the bins, coverage included.
    pub density: Vec<f64>,
}

/// The schedule that an infinite run without noise converges to: one refresh on the
/// mmse averaged over each bin, uniformly in sigma as the draws are.
///
/// # Errors
/// As [`Scheduler::init`].
pub fn exact(config: &Config, mmse: &dyn Fn(f64) -> f64) -> Result<Exact, Error> {
    // The guard is asked separately, so that there are curves even where it holds.
    let guarded = one_refresh(config, mmse)?;
    if let (Step::Held(hold), _, _) = guarded {
        let (_, report, density) = one_refresh(&Config { guard: false, ..*config }, mmse)?;
        return Ok(Exact { report, hold, density });
    }
    let (_, report, density) = guarded;
    Ok(Exact { report, hold: Hold::None, density })
}

fn one_refresh(config: &Config, mmse: &dyn Fn(f64) -> f64) -> Result<(Step, Report, Vec<f64>), Error> {
    let once = Config { window: 8, min_count: 1, warmup_steps: 1, reduction_dim: 0, ..*config };
    let mut words = vec![0; state_words(once.bins as usize, 8)];
    let mut scheduler = Scheduler::init(&mut words, &once, 0)?;
    for k in 0..scheduler.reader().bins() {
        let (low, high) = (f64::from(scheduler.reader().edge(k)), f64::from(scheduler.reader().edge(k + 1)));
        let inside = |i: i32| low + (high - low) * (f64::from(i) + 0.5) / 32.0;
        let m = (0..32).map(|i| mmse(inside(i))).sum::<f64>() / 32.0;
        let centre = scheduler.reader().centre(k) as f32;
        scheduler.observe(&[centre], &[(m / once.objective.to_x0(centre.into())) as f32])?;
    }
    let step = scheduler.step()?;
    Ok((step, scheduler.report(), density(&scheduler.reader())))
}

/// pi, the masses of the sampler in force.
pub fn density(state: &StateRef<'_>) -> Vec<f64> {
    let mut masses = vec![0.0; state.bins()];
    // A valid block has a valid configuration; otherwise the masses stay 0.
    let _ = state.profile_into(&mut Profile { density: &mut masses, ..Profile::default() }, false);
    masses
}

/// Half the sum of the differences of two sets of masses.
pub fn total_variation(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

/// Errors around a known mmse: they start at three times the mmse and fall towards it,
/// and those of a bin have a common factor that [`Errors::redraw`] changes.
#[derive(Clone, Debug)]
pub struct Errors {
    rng: Xoshiro256PlusPlus,
    noise: f64,
    /// Upper edges of the bins.
    edges: Vec<f32>,
    factors: Vec<f64>,
}

impl Errors {
    /// Errors in the bins of `scheduler`; `noise` is the relative standard
    /// deviation of the factors.
    pub fn new(scheduler: &Scheduler<'_>, noise: f64, seed: u64) -> Self {
        let state = scheduler.reader();
        let edges: Vec<f32> = (1..state.bins()).map(|i| state.edge(i)).collect();
        let factors = vec![1.0; state.bins()];
        let mut errors = Errors { rng: Xoshiro256PlusPlus::seed_from_u64(seed), noise, edges, factors };
        errors.redraw();
        errors
    }

    /// Draws new factors for the bins: log-normal, mean 1.
    pub fn redraw(&mut self) {
        for factor in &mut self.factors {
            // A standard normal number as a sum of uniforms, good to 6 deviations.
            let unit = |word: u64| (word >> 11) as f64 / (1u64 << 53) as f64;
            let normal = (0..12).map(|_| unit(self.rng.next_u64())).sum::<f64>() - 6.0;
            *factor = exp(self.noise * normal - self.noise * self.noise / 2.0);
        }
    }

    /// The errors at `sigma` in the objective's space, after the share `done` of the
    /// training.
    pub fn fill(
        &self,
        objective: Objective,
        mmse: &dyn Fn(f64) -> f64,
        done: f64,
        sigma: &[f32],
        error: &mut [f32],
    ) {
        let excess = 1.0 + 2.0 * exp(-8.0 * done);
        for (error, &sigma) in error.iter_mut().zip(sigma) {
            let bin = self.edges.partition_point(|&edge| edge <= sigma);
            let s = f64::from(sigma);
            let x0 = (mmse(s) * excess).min(s * s) * self.factors[bin];
            *error = (x0 / objective.to_x0(s)) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Integral of mmse / sigma^2 over ln sigma, and its quantiles.
    fn information(mmse: impl Fn(f64) -> f64, low: f64, high: f64) -> (f64, [f64; 5]) {
        let (n, start) = (4000, low.ln());
        let h = (high.ln() - start) / f64::from(n);
        let sigma = |i: i32| (start + (f64::from(i) + 0.5) * h).exp();
        let nats: Vec<f64> = (0..n).map(|i| mmse(sigma(i)) / sigma(i).powi(2) * h).collect();
        let total: f64 = nats.iter().sum();
        let quantile = |p: f64| {
            let mut below = 0.0;
            let reached = nats.iter().position(|x| {
                below += x;
                below >= p * total
            });
            sigma(reached.unwrap() as i32)
        };
        (total, [0.05, 0.25, 0.5, 0.75, 0.95].map(quantile))
    }

    #[test]
    fn two_points_hold_ln_2() {
        let (total, quantiles) = information(two_point, 0.02, 80.0);
        assert!((total - 0.693069).abs() < 1e-6, "{total}");
        for (found, exact) in quantiles.into_iter().zip([0.4478, 0.6770, 0.9786, 1.5493, 3.728]) {
            assert!((found / exact - 1.0).abs() < 2e-3, "{found}, exact {exact}");
        }
    }

    #[test]
    fn a_gaussian_holds_half_the_logarithm_of_its_snr() {
        for (low, nats) in [(0.02, 16.09828), (0.002, 27.60725)] {
            let (total, _) = information(gaussian(0.5), low, 80.0);
            assert!((5.0 * total - nats).abs() < 1e-4, "{total}");
        }
    }

    #[test]
    fn modes_meet_their_limits() {
        // Width 0 is two points; at high noise the mmse is the whole variance.
        assert!((two_modes(1e-6)(0.7) - two_point(0.7)).abs() < 1e-6);
        assert!((two_modes(0.2)(1e4) - 1.04).abs() < 1e-6);
        assert!((two_modes(0.2)(0.01) - gaussian(0.2)(0.01)).abs() < 1e-9);
        // One point leaves no error, and neither do points far apart.
        assert_eq!(points(&[3.0], 1.0), 0.0);
        assert!(two_point(0.05) < 1e-80);
    }

    #[test]
    fn a_table_is_exact_at_its_points_however_they_lie() {
        let ln_sigma: Vec<f64> = (0..50).map(|i| f64::from(i * i) * 0.003 - 4.0).collect();
        let ln_mmse: Vec<f64> = ln_sigma.iter().map(|x| two_point(x.exp()).max(1e-300).ln()).collect();
        let table = Table::new(&ln_sigma, &ln_mmse).unwrap();
        for (x, y) in ln_sigma.iter().zip(&ln_mmse) {
            assert!((table.mmse(x.exp()).ln() - y).abs() < 1e-6 * y.abs().max(1.0));
        }
        // A power law is extended beyond its points.
        let line = Table::new(&[0.0, 1.0], &[0.0, 2.0]).unwrap();
        for sigma in [0.1, 1.5, 40.0] {
            assert!((line.mmse(sigma) / (sigma * sigma) - 1.0).abs() < 1e-12);
        }
        assert_eq!(Table::new(&[0.0], &[0.0]).err(), Some(Error::Argument));
        assert_eq!(Table::new(&[0.0, 0.0], &[0.0, 1.0]).err(), Some(Error::Argument));
        assert_eq!(Table::new(&[0.0, f64::NAN], &[0.0, 1.0]).err(), Some(Error::Argument));
        assert_eq!(Table::new(&[0.0, 1.0], &[0.0]).err(), Some(Error::Length));
    }

    #[test]
    fn exact_densities_hit_the_method() {
        let discrete = Config { coverage: 0.0, ..Config::discrete() };
        let bare = exact(&discrete, &two_point).unwrap();
        // .294 (docs/specification.md#numbers-to-hit) is for the mmse at the centres; the
        // means of the bins lie a little above.
        assert!((bare.report.pivot / 0.294 - 1.0).abs() < 0.03, "{}", bare.report.pivot);
        let covered = exact(&Config::discrete(), &two_point).unwrap();
        let (bare, covered) = (bare.density[20], covered.density[20]);
        assert!((covered - 0.98 * bare - 0.02 / 64.0).abs() < 1e-15, "{bare} {covered}");
    }

    #[test]
    fn a_held_refresh_still_has_curves() {
        let floor = |s: f64| gaussian(0.5)(s) + 0.05;
        let exact = exact(&Config { ceiling: false, ..Config::DEFAULT }, &floor).unwrap();
        assert_eq!(exact.hold, Hold::LowEndUnresolved);
        assert_eq!(exact.report.refreshes, 1);
    }

    #[test]
    fn errors_have_the_mean_and_the_spread_that_they_should() {
        let mut words = vec![0; state_words(64, 8)];
        let config = Config { window: 8, min_count: 8, ..Config::DEFAULT };
        let scheduler = Scheduler::init(&mut words, &config, 0).unwrap();
        let mut errors = Errors::new(&scheduler, 0.2, 7);
        let sigma: Vec<f32> = (0..64).map(|k| scheduler.reader().centre(k) as f32).collect();
        let (mut sum, mut squares, mut n) = (0.0, 0.0, 0.0);
        let mut error = vec![0.0f32; 64];
        for _ in 0..500 {
            errors.redraw();
            errors.fill(Objective::X0, &gaussian(0.5), 1e9, &sigma, &mut error);
            for (error, &sigma) in error.iter().zip(&sigma) {
                let ratio = f64::from(*error) / gaussian(0.5)(sigma.into());
                (sum, squares, n) = (sum + ratio, squares + ratio * ratio, n + 1.0);
            }
        }
        let mean: f64 = sum / n;
        let deviation = (squares / n - mean * mean).sqrt();
        assert!((mean - 1.0).abs() < 0.005 && (deviation - 0.2).abs() < 0.01, "{mean} {deviation}");
        // Three times the mmse at first, but never above sigma^2; converted.
        let still = Errors::new(&scheduler, 0.0, 0);
        still.fill(Objective::Epsilon, &gaussian(0.5), 0.0, &[0.002, 2.0], &mut error);
        assert!((error[0] - 1.0).abs() < 1e-6);
        assert!((f64::from(error[1]) - 3.0 * gaussian(0.5)(2.0) / 4.0).abs() < 1e-6);
    }
}
