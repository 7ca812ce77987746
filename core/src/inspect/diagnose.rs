//! Diagnosis: how far an existing schedule is from the target that the losses give
//! (docs/specification.md#diagnosis).
//!
//! A schedule is pushed forward to sigma (6); its realised emphasis, density
//! times weight (7), is compared with the target, and its draws with the band
//! that holds 90 % of the target (docs/specification.md#mismatch).
//!
//! ```
//! use infonoise::{state_words, Config, Scheduler, diagnose::Schedule};
//! let mut words = vec![0; state_words(64, 256)];
//! let scheduler = Scheduler::init(&mut words, &Config::DEFAULT, 0).unwrap();
//! // A log-uniform schedule realises a target that is uniform in ln sigma.
//! let schedule = Schedule::LogUniform { low: 0.002, high: 80.0 };
//! let target = [1.0 / 64.0; 64];
//! let found = scheduler.reader().diagnose(&schedule, Some(&target), &mut []).unwrap();
//! assert!(found.total_variation < 1e-6 && found.wasted < 1e-3);
//! assert!((found.inside_band - 0.9).abs() < 1e-3);
//! ```

use crate::config::{Config, Emphasis, coded};
use crate::error::Error;
use crate::maths::{at, flush, ln, normal_cdf, sum};
use crate::method::density::{fixed_weight, unnormalised};
use crate::method::grid::Grid;

/// The kinds of schedule, as the C ABI numbers them.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleKind {
    /// ln sigma normal: mean a, standard deviation b. EDM's is -1.2, 1.2.
    LogNormal = 0,
    /// ln sigma uniform between the sigmas a and b.
    LogUniform = 1,
    /// logit t normal in flow time: mean a, standard deviation b. SD3's is 0, 1.
    LogitNormal = 2,
    /// The variance-preserving cosine schedule, sigma = tan(pi t / 2), t uniform.
    Cosine = 3,
    /// Flow time uniform, shifted by a: sigma = a t / (1 - t). FLUX's is 3, plain flow's 1.
    ShiftedFlow = 4,
    /// K masses of bins.
    Table = 5,
}
coded!(ScheduleKind {
    LogNormal = "lognormal", LogUniform = "loguniform", LogitNormal = "logitnormal",
    Cosine = "cosine", ShiftedFlow = "shifted_flow", Table = "table",
});

/// A schedule: the distribution of sigma that a trainer draws from.
#[derive(Clone, Copy, Debug)]
pub enum Schedule<'a> {
    /// ln sigma is normal.
    LogNormal {
        /// Mean of ln sigma.
        mean: f64,
        /// Standard deviation of ln sigma.
        std: f64,
    },
    /// ln sigma is uniform.
    LogUniform {
        /// Least sigma.
        low: f64,
        /// Largest sigma.
        high: f64,
    },
    /// logit t is normal; since logit t = ln sigma, this is log-normal too.
    LogitNormal {
        /// Mean of logit t.
        mean: f64,
        /// Standard deviation of logit t.
        std: f64,
    },
    /// sigma = tan(pi t / 2), t uniform.
    Cosine,
    /// sigma = shift t / (1 - t), t uniform.
    ShiftedFlow {
        /// The factor on sigma.
        shift: f64,
    },
    /// K masses of bins.
    Table(&'a [f64]),
}

impl<'a> Schedule<'a> {
    /// The schedule of a kind and its two numbers (unused ones are ignored).
    pub fn new(kind: ScheduleKind, a: f64, b: f64, table: &'a [f64]) -> Self {
        match kind {
            ScheduleKind::LogNormal => Schedule::LogNormal { mean: a, std: b },
            ScheduleKind::LogUniform => Schedule::LogUniform { low: a, high: b },
            ScheduleKind::LogitNormal => Schedule::LogitNormal { mean: a, std: b },
            ScheduleKind::Cosine => Schedule::Cosine,
            ScheduleKind::ShiftedFlow => Schedule::ShiftedFlow { shift: a },
            ScheduleKind::Table => Schedule::Table(table),
        }
    }

    fn check(&self, grid: &Grid) -> Result<(), Error> {
        let sound = match *self {
            Schedule::LogNormal { mean, std } | Schedule::LogitNormal { mean, std } => {
                mean.is_finite() && std > 0.0 && std.is_finite()
            }
            Schedule::LogUniform { low, high } => low > 0.0 && high > low && high.is_finite(),
            Schedule::Cosine => true,
            Schedule::ShiftedFlow { shift } => shift > 0.0 && shift.is_finite(),
            Schedule::Table(masses) => {
                if masses.len() != grid.bins() {
                    return Err(Error::Length);
                }
                masses.iter().all(|&mass| mass >= 0.0 && mass.is_finite()) && sum(masses) > 0.0
            }
        };
        if sound { Ok(()) } else { Err(Error::Argument) }
    }

    /// Share of the draws below `sigma`.
    fn cdf(&self, grid: &Grid, sigma: f64) -> f64 {
        match *self {
            Schedule::LogNormal { mean, std } | Schedule::LogitNormal { mean, std } => {
                normal_cdf((ln(sigma) - mean) / std)
            }
            Schedule::LogUniform { low, high } => {
                ((ln(sigma) - ln(low)) / (ln(high) - ln(low))).clamp(0.0, 1.0)
            }
            Schedule::Cosine => libm::atan(sigma) * core::f64::consts::FRAC_2_PI,
            Schedule::ShiftedFlow { shift } => sigma / (sigma + shift),
            Schedule::Table(masses) => mass_below(grid, &|k| at(masses, k), sigma) / sum(masses),
        }
    }

    /// Share of the draws in bin `k`.
    fn mass(&self, grid: &Grid, k: usize) -> f64 {
        let below = |i| self.cdf(grid, f64::from(grid.edge(i)));
        (below(k + 1) - below(k)).max(0.0)
    }

    /// The share of the draws in each bin of the grid of `config`, K numbers. If they
    /// sum to less than 1, the rest of the draws is off the grid.
    ///
    /// ```
    /// use infonoise::{Config, Schedule};
    /// let mut masses = [0.0; 64];
    /// Schedule::LogUniform { low: 0.002, high: 80.0 }.masses(&Config::DEFAULT, &mut masses).unwrap();
    /// assert!(masses.iter().all(|mass| (mass - 1.0 / 64.0).abs() < 1e-6));
    /// ```
    ///
    /// # Errors
    /// `Config`; `Argument` or `Length` for an invalid schedule, `Length` unless
    /// `masses` has K numbers. Nothing is written then.
    #[inline(never)]
    pub fn masses(&self, config: &Config, masses: &mut [f64]) -> Result<(), Error> {
        config.check()?;
        let grid = Grid::new(config);
        self.check(&grid)?;
        if masses.len() != grid.bins() {
            return Err(Error::Length);
        }
        masses.iter_mut().enumerate().for_each(|(k, mass)| *mass = self.mass(&grid, k));
        Ok(())
    }
}

/// Masses of the bins, by index: a function, since they are not stored. It is dynamic
/// because speed does not matter here and a generic one would be compiled once for each
/// kind.
type Masses<'m> = &'m dyn Fn(usize) -> f64;

/// Sum of the masses of the bins, in ascending order.
fn total(grid: &Grid, mass: Masses<'_>) -> f64 {
    let mut total = 0.0;
    for k in 0..grid.bins() {
        total += mass(k);
    }
    total
}

/// Masses scaled to sum 1, as [`crate::maths::normalise`] does.
pub(crate) fn normalised(grid: &Grid, mass: impl Fn(usize) -> f64) -> impl Fn(usize) -> f64 {
    let total = total(grid, &mass);
    move |k| if total > 0.0 { flush(mass(k) / total) } else { mass(k) }
}

/// Mass below `sigma`, linear in sigma within a bin.
fn mass_below(grid: &Grid, mass: Masses<'_>, sigma: f64) -> f64 {
    let mut below = 0.0;
    for k in 0..grid.bins() {
        let (low, high) = (f64::from(grid.edge(k)), f64::from(grid.edge(k + 1)));
        below += mass(k) * ((sigma - low) / (high - low)).clamp(0.0, 1.0);
    }
    below
}

/// The sigma below which the share `p` of the masses lies.
fn quantile(grid: &Grid, mass: Masses<'_>, p: f64) -> f64 {
    let wanted = p * total(grid, mass);
    let mut below = 0.0;
    for k in 0..grid.bins() {
        let mass = mass(k);
        if below + mass >= wanted && mass > 0.0 {
            let (low, high) = (f64::from(grid.edge(k)), f64::from(grid.edge(k + 1)));
            return low + (high - low) * ((wanted - below) / mass).clamp(0.0, 1.0);
        }
        below += mass;
    }
    f64::from(grid.edge(grid.bins()))
}

/// How a schedule differs from the target.
#[derive(Clone, Copy, Debug)]
pub struct Mismatch {
    /// Total variation between the realised emphasis and the target, 0 to 1;
    /// draws off the grid count as wrong.
    pub total_variation: f64,
    /// 5 % quantile of the target.
    pub band_low: f64,
    /// 95 % quantile of the target.
    pub band_high: f64,
    /// Share of the schedule's draws inside that band.
    pub inside_band: f64,
    /// Share of its draws off the grid.
    pub off_grid: f64,
    /// Share of the training budget that is wasted: 1 - `inside_band` / (the share of
    /// the target's own density inside the band), at least 0.
    pub wasted: f64,
}

impl Mismatch {
    /// Compares `schedule` with the masses `target` (rho); `weight` is the
    /// caller's table. `emphasis`, unless empty, receives the realised emphasis,
    /// masses over the bins: pi w where the target carries the emphasis, pi where
    /// the samples do.
    ///
    /// # Errors
    /// `Argument` or `Length` for an invalid schedule, `Length` unless `emphasis` has K
    /// numbers or none.
    pub(crate) fn new(
        config: &Config,
        grid: &Grid,
        weight: &[f64],
        target: Masses<'_>,
        schedule: &Schedule<'_>,
        emphasis: &mut [f64],
    ) -> Result<Self, Error> {
        schedule.check(grid)?;
        if !emphasis.is_empty() && emphasis.len() != grid.bins() {
            return Err(Error::Length);
        }
        let pi = |k: usize| schedule.mass(grid, k);
        let on_grid = total(grid, &pi).min(1.0);
        let realised = normalised(grid, |k| match config.emphasis {
            Emphasis::Samples => pi(k),
            Emphasis::Target => pi(k) * fixed_weight(config, grid, weight, k),
        });
        let ideal = normalised(grid, |k| unnormalised(config, grid, weight, target(k), k));
        let mut overlap = 0.0;
        for k in 0..grid.bins() {
            overlap += (realised(k) * on_grid).min(target(k));
        }
        let (band_low, band_high) = (quantile(grid, target, 0.05), quantile(grid, target, 0.95));
        let inside_band = schedule.cdf(grid, band_high) - schedule.cdf(grid, band_low);
        let wanted = mass_below(grid, &ideal, band_high) - mass_below(grid, &ideal, band_low);
        emphasis.iter_mut().enumerate().for_each(|(k, mass)| *mass = realised(k));
        Ok(Mismatch {
            total_variation: (1.0 - overlap).clamp(0.0, 1.0),
            band_low,
            band_high,
            inside_band,
            off_grid: 1.0 - on_grid,
            wasted: if wanted > 0.0 { (1.0 - inside_band / wanted).max(0.0) } else { 0.0 },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Baseline, Objective};
    use crate::method::baseline::baseline;

    fn flat(_: usize) -> f64 {
        1.0 / 64.0
    }

    fn compare(
        config: &Config,
        target: impl Fn(usize) -> f64,
        schedule: &Schedule<'_>,
    ) -> Result<Mismatch, Error> {
        Mismatch::new(config, &Grid::new(config), &[1.0; 64], &target, schedule, &mut [])
    }

    #[test]
    fn cdfs_are_the_known_ones() {
        let grid = Grid::new(&Config::DEFAULT);
        let at_one = |schedule: Schedule<'_>| schedule.cdf(&grid, 1.0);
        assert!((at_one(Schedule::LogNormal { mean: 0.0, std: 3.0 }) - 0.5).abs() < 1e-15);
        assert!((at_one(Schedule::LogitNormal { mean: 0.0, std: 1.0 }) - 0.5).abs() < 1e-15);
        assert!((at_one(Schedule::Cosine) - 0.5).abs() < 1e-15);
        assert!((at_one(Schedule::ShiftedFlow { shift: 3.0 }) - 0.25).abs() < 1e-15);
        assert!((at_one(Schedule::LogUniform { low: 0.1, high: 10.0 }) - 0.5).abs() < 1e-15);
        let lognormal = Schedule::LogNormal { mean: -1.2, std: 1.2 };
        assert!((lognormal.cdf(&grid, (-1.2f64 + 1.2).exp()) - 0.841_344_746_068_543).abs() < 1e-12);
    }

    #[test]
    fn a_table_equal_to_the_target_wastes_nothing() {
        let config = Config { baseline: Baseline::LogNormal, ..Config::DEFAULT };
        let grid = Grid::new(&config);
        let masses: Vec<f64> = (0..64).map(baseline(&config, &grid, &[])).collect();
        let found = compare(&config, |k| masses[k], &Schedule::Table(&masses)).unwrap();
        assert!(found.total_variation < 1e-12 && found.wasted < 1e-12);
        assert!((found.inside_band - 0.9).abs() < 1e-9);
    }

    #[test]
    fn the_weight_belongs_to_the_emphasis() {
        // Under EDM's weight, drawing rho / w realises rho.
        let config = Config { objective: Objective::Edm, sigma_data: 0.5, ..Config::DEFAULT };
        let grid = Grid::new(&config);
        let mut ideal = [1.0 / 64.0; 64];
        crate::method::density::density(&config, &grid, &[1.0; 64], &mut ideal);
        let found = compare(&config, flat, &Schedule::Table(&ideal)).unwrap();
        assert!(found.total_variation < 1e-12 && found.wasted < 1e-12);
        let wrong = compare(&config, flat, &Schedule::Table(&[1.0 / 64.0; 64])).unwrap();
        assert!(wrong.total_variation > 0.3);
    }

    #[test]
    fn draws_off_the_grid_are_wasted() {
        let schedule = Schedule::LogUniform { low: 1e-6, high: 0.002 };
        let found = compare(&Config::DEFAULT, flat, &schedule).unwrap();
        assert!((found.total_variation - 1.0).abs() < 1e-6 && (found.wasted - 1.0).abs() < 1e-6);
        assert!((found.off_grid - 1.0).abs() < 1e-6);
    }

    #[test]
    fn masses_are_the_differences_of_the_law() {
        let config = Config { bins: 8, sigma_min: 1.0 / 16.0, sigma_max: 16.0, ..Config::DEFAULT };
        let masses = |schedule: Schedule<'_>| {
            let mut masses = [0.0; 8];
            schedule.masses(&config, &mut masses).unwrap();
            masses
        };
        // The edges are powers of 2: half of a log-uniform law from 1/4096 lies on the grid.
        for mass in masses(Schedule::LogUniform { low: 1.0 / 4096.0, high: 16.0 }) {
            assert!((mass - 1.0 / 16.0).abs() < 1e-15);
        }
        // sigma / (1 + sigma) between 1/16 and 1/8, and between 8 and 16.
        let flow = masses(Schedule::ShiftedFlow { shift: 1.0 });
        assert!((flow[0] - (1.0 / 9.0 - 1.0 / 17.0)).abs() < 1e-15);
        assert!((flow[7] - (16.0 / 17.0 - 8.0 / 9.0)).abs() < 1e-15);
        let table = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        for (mass, of) in masses(Schedule::Table(&table)).into_iter().zip(table) {
            assert!((mass - of / 36.0).abs() < 1e-15);
        }
        let refused = |schedule: Schedule<'_>, n| schedule.masses(&config, &mut [7.0; 9][..n]).err();
        assert_eq!(refused(Schedule::Cosine, 9), Some(Error::Length));
        assert_eq!(refused(Schedule::Table(&[1.0; 9]), 8), Some(Error::Length));
        assert_eq!(refused(Schedule::LogNormal { mean: 0.0, std: -1.0 }, 8), Some(Error::Argument));
    }

    #[test]
    fn nonsense_is_refused() {
        for (schedule, error) in [
            (Schedule::LogNormal { mean: 0.0, std: 0.0 }, Error::Argument),
            (Schedule::LogUniform { low: 2.0, high: 1.0 }, Error::Argument),
            (Schedule::ShiftedFlow { shift: f64::NAN }, Error::Argument),
            (Schedule::Table(&[1.0; 3]), Error::Length),
            (Schedule::Table(&[0.0; 64]), Error::Argument),
        ] {
            assert_eq!(compare(&Config::DEFAULT, flat, &schedule).err(), Some(error));
        }
    }
}
