//! The reader: every query that does not change the block.
//!
//! ```
//! use infonoise::{state_words, Config, Scheduler, StateRef};
//! let mut words = vec![0; state_words(64, 256)];
//! Scheduler::init(&mut words, &Config::DEFAULT, 0).unwrap();
//! let reader = StateRef::open(&words).unwrap();
//! assert_eq!(reader.report().steps, 0);
//! reader.validate().unwrap();
//! ```

use crate::config::Config;
use crate::config::tables::{check_change, check_weight};
use crate::error::Error;
use crate::hot::bin_lookup::BinLookup;
use crate::inspect::diagnose::{Mismatch, Schedule, normalised};
use crate::inspect::entropic_time::EntropicTime;
use crate::inspect::profile::Profile;
use crate::inspect::report::Report;
use crate::maths::MAX_BINS;
use crate::maths::at;
use crate::method::grid::Grid;
use crate::method::rate::Rate;
use crate::method::target;
use crate::persist::bytes::F64Values;
use crate::persist::snapshot;
use crate::sampler::plan::{CURVES, Curve, Plan, plan};
use crate::sampler::solver::Solver;
use crate::state::block::{View, dimensions};
use crate::state::digest::digest;
use crate::state::draw_table::DrawTable;

/// A block, for reading.
#[derive(Clone, Copy)]
pub struct StateRef<'s> {
    pub(crate) block: View<'s>,
}

impl<'s> StateRef<'s> {
    /// Borrows a block after checking its header alone, in O(1).
    ///
    /// # Errors
    /// As [`crate::Scheduler::open`].
    #[inline(never)]
    pub fn open(words: &'s [u64]) -> Result<Self, Error> {
        Ok(StateRef { block: View::new(words)? })
    }

    /// The configuration.
    ///
    /// # Errors
    /// `Corrupt` where the block's is not valid.
    #[inline(never)]
    pub fn config(&self) -> Result<Config, Error> {
        Config::from_record(&self.block.header.config).map_err(|_| Error::Corrupt)
    }

    /// The caller's tables: weight (1 where none was given) and baseline masses
    /// (0 where none were given), K each.
    pub fn tables(&self) -> (&'s [f64], &'s [f64]) {
        (self.block.weight, self.block.baseline)
    }

    /// The table of the draws. Together with [`StateRef::edge`] it is all that is
    /// needed to draw elsewhere.
    #[inline]
    pub fn draw_table(&self) -> DrawTable<'s> {
        DrawTable::new(self.block.columns, self.block.guide, self.block.header.last_drawn as usize)
    }

    /// K, the number of bins.
    #[inline]
    pub fn bins(&self) -> usize {
        self.block.marks.len()
    }

    /// Edge `i` of the bins, 0..=K.
    #[inline]
    pub fn edge(&self, i: usize) -> f32 {
        self.block.edges.get(i).map_or(0.0, |&bits| f32::from_bits(bits))
    }

    /// s_k, the centre of bin `k` in ln sigma.
    #[inline]
    pub fn centre(&self, k: usize) -> f64 {
        at(self.block.centres, k)
    }

    /// The bin that an observation at `sigma` goes to; none off the grid.
    pub fn bin(&self, sigma: f32) -> Option<usize> {
        BinLookup::new(self.block.bin_table, self.block.edges).bin(sigma)
    }

    /// The report.
    #[inline(never)]
    pub fn report(&self) -> Report {
        Report::new(&self.block)
    }

    /// Checks a block as [`StateRef::open`] does, without borrowing it.
    ///
    /// # Errors
    /// As [`StateRef::open`].
    pub fn probe(words: &[u64]) -> Result<(), Error> {
        dimensions(words).map(|_| ())
    }

    /// [`StateRef::open`] and [`StateRef::report`] in one call, with less stack.
    ///
    /// # Errors
    /// As [`StateRef::open`].
    #[inline(never)]
    pub fn report_in(words: &[u64]) -> Result<Report, Error> {
        Ok(Report::new(&View::split(words)?))
    }

    /// The profile in force, in `memory` of [`crate::profile_len`] numbers.
    ///
    /// # Errors
    /// `TooSmall`, `Corrupt`.
    pub fn profile<'m>(&self, memory: &'m mut [f64]) -> Result<Profile<'m>, Error> {
        let mut profile = Profile::over(self.bins(), memory)?;
        self.profile_into(&mut profile, false)?;
        Ok(profile)
    }

    /// The curves of steps 1 to 8 of a refresh on what the rings hold now; the block
    /// does not change.
    ///
    /// # Errors
    /// `TooSmall`, `NotReady` while a ring is empty, `Corrupt`.
    pub fn estimate<'m>(&self, memory: &'m mut [f64]) -> Result<Profile<'m>, Error> {
        let mut profile = Profile::over(self.bins(), memory)?;
        self.profile_into(&mut profile, true)?;
        Ok(profile)
    }

    /// [`StateRef::profile`] or [`StateRef::estimate`], into curves that the caller
    /// places. A curve that is not wanted may be empty, except `error`, `rate`,
    /// `target` and `density` of an estimate, which works in them.
    ///
    /// # Errors
    /// As [`StateRef::profile`] or [`StateRef::estimate`]; `Length`.
    #[inline(never)]
    pub fn profile_into(&self, profile: &mut Profile<'_>, estimated: bool) -> Result<(), Error> {
        let grid = self.block.grid().ok_or(Error::Corrupt)?;
        if estimated {
            // By reference: moved out of the result it would be on the stack twice.
            let config = self.config();
            let config = config.as_ref().map_err(|error| *error)?;
            return profile.fill_estimated(&self.block, config, &grid);
        }
        profile.fill_in_force(&self.block, &grid);
        Ok(())
    }

    /// How far an existing schedule is from the target: from the K masses `target` (of
    /// an estimate, for example), or from the target in force. `emphasis`, unless
    /// empty, receives K masses, see [`Mismatch`].
    ///
    /// # Errors
    /// `NotReady` without `target` before the first refresh; `Argument` or `Length` for
    /// an invalid schedule; `Length` for an array whose length is not K; `Corrupt`.
    #[inline(never)]
    pub fn diagnose(
        &self,
        schedule: &Schedule<'_>,
        target: Option<&[f64]>,
        emphasis: &mut [f64],
    ) -> Result<Mismatch, Error> {
        let config = self.config()?;
        let (block, grid) = (&self.block, self.block.grid().ok_or(Error::Corrupt)?);
        if let Some(target) = target {
            if target.len() != grid.bins() {
                return Err(Error::Length);
            }
            return Mismatch::new(&config, &grid, block.weight, &|k| at(target, k), schedule, emphasis);
        }
        if block.header.refreshes == 0 {
            return Err(Error::NotReady);
        }
        let rate = Rate { grid: &grid, y: block.y };
        let highest = rate.peak_q();
        let raw = |k| target::unnormalised(&rate, block.gate_in_force(&grid, k), highest, k);
        let target = normalised(&grid, raw);
        Mismatch::new(&config, &grid, block.weight, &target, schedule, emphasis)
    }

    /// Checks whether [`crate::Scheduler::reconfigure`] would accept `config` and
    /// `weight`, and, if `baseline` is given, whether the block has those masses.
    ///
    /// # Errors
    /// `Config` names a field that is invalid or fixed at init; `Length`; `Table` names
    /// the entry of a table that cannot be used, or a mass that differs; `Corrupt`.
    #[inline(never)]
    pub fn check_change(
        &self,
        config: &Config,
        weight: Option<&[f64]>,
        baseline: Option<&[f64]>,
    ) -> Result<(), Error> {
        let (weight, baseline) = (weight.map(F64Values::Slice), baseline.map(F64Values::Slice));
        check_change(&self.config()?, config, self.block.baseline, weight.as_ref(), baseline.as_ref())
    }

    /// The digest.
    pub fn digest(&self) -> u64 {
        digest(&self.block)
    }

    /// Entropic time of the last accepted refresh (14, 19): `power` a, gated or not.
    ///
    /// # Errors
    /// `NotReady` before the first refresh, `Argument` unless |a| <= 64, `Corrupt`.
    pub fn entropic_time(&self, power: f64, gated: bool) -> Result<EntropicTime<'s>, Error> {
        self.with_entropic_time(power, gated, |time| time.clone())
    }

    /// Calls `use_map` with [`StateRef::entropic_time`], built in place: a returned map
    /// would be on the stack more than once.
    ///
    /// # Errors
    /// As [`StateRef::entropic_time`].
    #[inline(always)]
    pub fn with_entropic_time<R>(
        &self,
        power: f64,
        gated: bool,
        use_map: impl FnOnce(&EntropicTime<'s>) -> R,
    ) -> Result<R, Error> {
        if !(power.abs() <= 64.0) {
            return Err(Error::Argument);
        }
        let grid = self.block.grid().ok_or(Error::Corrupt)?;
        if self.block.header.refreshes == 0 {
            return Err(Error::NotReady);
        }
        let mut time = EntropicTime::of(&self.block, grid, power, gated);
        time.sum_up();
        Ok(use_map(&time))
    }

    /// `sigma.len()` sigmas equally spaced in entropic time, from sigma_max
    /// down to sigma_min; append 0 for a sampler.
    ///
    /// # Errors
    /// As [`StateRef::entropic_time`] and [`EntropicTime::fill`].
    #[inline(never)]
    pub fn info_grid(&self, sigma: &mut [f32], power: f64, gated: bool) -> Result<(), Error> {
        self.with_entropic_time(power, gated, |time| time.fill(sigma))?
    }

    /// The natural logarithm of the density of the draws at `sigma`, per unit ln sigma,
    /// exact for the map of [`StateRef::draw_table`], which is linear in sigma inside a
    /// bin (docs/specification.md#density-of-the-draws). Minus infinity off the grid and
    /// in a bin that is never drawn; NaN for NaN.
    pub fn log_density(&self, sigma: f32) -> f64 {
        let Some(k) = self.bin(sigma) else {
            return if sigma.is_nan() { f64::NAN } else { f64::NEG_INFINITY };
        };
        self.draw_table().log_density(k, sigma, self.edge(k), self.edge(k + 1))
    }

    /// The midpoints of `sigma.len()` equal shares of the draws, in ascending order: n
    /// evenly spread levels for a validation loss, which takes nothing from the stream.
    ///
    /// # Errors
    /// `Argument` for more than 2^31 levels.
    pub fn levels(&self, sigma: &mut [f32]) -> Result<(), Error> {
        let n = sigma.len() as u64;
        if n > 1 << 31 {
            return Err(Error::Argument);
        }
        let table = self.draw_table();
        for (i, slot) in (0..).zip(sigma.iter_mut()) {
            *slot = table.draw((((2 * i + 1) << 32) / (2 * n)) as u32);
        }
        Ok(())
    }

    /// Fills `levels` with the noise levels of the least predicted error for `solver`, from
    /// sigma_max down; append 0 (docs/specification.md#planned-grid). From the profile in
    /// force, or from an estimate; down to `end`, or as far as it is worth it. Works in
    /// `room` of [`plan_len`](crate::plan::plan_len) numbers.
    ///
    /// # Errors
    /// `NotReady` before the first refresh, for an estimate while a ring is empty; `Argument`
    /// unless there are 1 to 240 levels and `end` lies below sigma_max; `TooSmall`; `Corrupt`.
    pub fn plan_grid<'r>(
        &self,
        solver: Solver,
        estimated: bool,
        end: Option<f64>,
        levels: &mut [f32],
        room: &'r mut [f64],
    ) -> Result<Plan<'r>, Error> {
        let mut curve = Curve::default();
        let room = self.plan_curve(&mut curve, estimated, room)?;
        plan(&curve, solver, end, levels, room)
    }

    /// What [`plan_grid`](Self::plan_grid) plans from; returns the rest of `room`, for [`plan`].
    /// In two calls neither has the other's frame on the stack.
    ///
    /// # Errors
    /// As `plan_grid`.
    #[inline(never)]
    pub fn plan_curve<'r>(
        &self,
        curve: &mut Curve<'r>,
        estimated: bool,
        room: &'r mut [f64],
    ) -> Result<&'r mut [f64], Error> {
        if !estimated && self.block.header.refreshes == 0 {
            return Err(Error::NotReady);
        }
        let (curves, room) = room.split_at_mut_checked(CURVES * MAX_BINS).ok_or(Error::TooSmall)?;
        // By reference: moved out of their options they would be on the stack twice.
        let grid = self.block.grid();
        let grid = grid.as_ref().ok_or(Error::Corrupt)?;
        let mut curves = curves.chunks_exact_mut(grid.bins().max(1));
        let mut profile = Profile::default();
        let Profile { sigma, error, gate, rate, target, density, .. } = &mut profile;
        for place in [sigma, error, gate, rate, target, density] {
            *place = curves.next().unwrap_or_default();
        }
        if estimated {
            let config = self.config();
            profile.fill_estimated(&self.block, config.as_ref().map_err(|error| *error)?, grid)?;
        } else {
            profile.fill_in_force(&self.block, grid);
        }
        let (low, high) = (grid.edge(0).into(), grid.edge(grid.bins()).into());
        *curve = Curve { sigma: profile.sigma, error: profile.error, gate: profile.gate, low, high };
        Ok(room)
    }

    /// Writes the portable snapshot, [`snapshot::bytes`] long.
    ///
    /// # Errors
    /// `TooSmall`.
    #[inline(never)]
    pub fn save(&self, snapshot: &mut [u8]) -> Result<(), Error> {
        snapshot::save(&self.block, snapshot)
    }

    /// Checks the whole content of the block for contradictions.
    ///
    /// # Errors
    /// `Corrupt`.
    #[inline(never)]
    pub fn validate(&self) -> Result<(), Error> {
        let (block, header) = (&self.block, self.block.header);
        let config = self.config()?;
        let grid = Grid::new(&config);
        let sane = |values: &[f64]| values.iter().all(|&x| x >= 0.0 && x.is_finite());
        let sound = header.config.is_resolved()
            && header.frozen <= 1
            && header.last_drawn < u64::from(config.bins)
            && header.rng.iter().any(|&word| word != 0)
            && check_weight(&F64Values::Slice(block.weight), grid.bins()).is_ok()
            && sane(block.baseline)
            && sane(block.ema)
            && sane(block.error)
            && sane(block.density)
            && block.marks.iter().all(|mark| u32::from(mark.head) < config.window && mark.seen <= header.observations)
            && block.spans.iter().all(|span| span.since <= header.observations)
            && block.rings.iter().all(|&loss| loss >= 0.0 && loss.is_finite())
            && block.centres.iter().enumerate().all(|(k, &centre)| centre == grid.centre(k))
            // Derived tables must equal what their sources give.
            && Rate { grid: &grid, y: block.y }.is_of(block.error, header.summary.smoothing)
            && self.draw_table().is_sound(&grid)
            && BinLookup::new(block.bin_table, block.edges).is_sound(&grid);
        if sound { Ok(()) } else { Err(Error::Corrupt) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scheduler, state_words};

    fn block(config: &Config, weight: Option<&[f64]>) -> Vec<u64> {
        let mut words = vec![0; state_words(config.bins as usize, config.window as usize)];
        let mut scheduler = Scheduler::init_with(&mut words, config, 3, weight, None).unwrap();
        let mut sigma = [0.0; 256];
        for _ in 0..40 {
            scheduler.sample(&mut sigma).unwrap();
            scheduler.observe(&sigma, &sigma.map(|s| s * s / (1.0 + s * s))).unwrap();
            scheduler.step().unwrap();
        }
        words
    }

    /// Its integral over each bin is the bin's share of the words.
    #[test]
    fn the_density_integrates_to_the_masses() {
        for bins in [8, 64, 256] {
            let words = block(&Config { bins, ..Config::DEFAULT }, None);
            let reader = StateRef::open(&words).unwrap();
            assert!(reader.report().refreshes > 0);
            let table = reader.draw_table();
            let mut total = 0.0;
            for k in 0..reader.bins() {
                let (low, high) = (f64::from(reader.edge(k)), f64::from(reader.edge(k + 1)));
                let (mut mass, n) = (0.0, 1000);
                for i in 0..n {
                    // Midpoints in sigma: the density per unit sigma is constant in a bin.
                    let sigma = low + (high - low) * (f64::from(i) + 0.5) / f64::from(n);
                    let per_sigma = reader.log_density(sigma as f32).exp() / f64::from(sigma as f32);
                    mass += per_sigma * (high - low) / f64::from(n);
                }
                let words = (table.threshold(k + 1) - table.threshold(k)) as f64;
                assert!((mass - words / 2f64.powi(32)).abs() < 1e-12, "{bins} {k} {mass}");
                total += mass;
            }
            assert!((total - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn the_density_off_the_grid_and_in_empty_bins() {
        // The paper's rules without coverage; a weight that leaves no word for the lowest bins.
        let weight: Vec<f64> = (0..64).map(|k| if k < 8 { 1e30 } else { 1.0 }).collect();
        let words = block(&Config { coverage: 0.0, ..Config::DEFAULT }, Some(&weight));
        let reader = StateRef::open(&words).unwrap();
        assert!(reader.report().refreshes > 0);
        for sigma in [0.0, -1.0, 0.0019, 81.0, f32::INFINITY, 0.0021] {
            assert_eq!(reader.log_density(sigma), f64::NEG_INFINITY, "{sigma}");
        }
        assert!(reader.log_density(f32::NAN).is_nan());
        assert!(reader.log_density(1.0) > -3.0);
    }

    #[test]
    fn levels_are_the_midpoints_of_equal_shares() {
        let words = block(&Config::DEFAULT, None);
        let reader = StateRef::open(&words).unwrap();
        let (before, mut levels) = (words.clone(), [0.0; 7]);
        reader.levels(&mut levels).unwrap();
        for (i, &level) in levels.iter().enumerate() {
            assert_eq!(level, reader.draw_table().quantile((2 * i + 1) as f64 / 14.0));
        }
        assert!(levels.windows(2).all(|pair| pair[0] < pair[1]));
        reader.levels(&mut []).unwrap();
        assert_eq!(words, before);
    }
}
