//! The scheduler: sample, observe and step on a borrowed block.
//!
//! ```
//! use infonoise::{state_words, Config, Phase, Scheduler};
//! let config = Config { sigma_data: 0.5, ..Config::DEFAULT };
//! let mut words = vec![0; state_words(64, 256)];
//! let mut scheduler = Scheduler::init(&mut words, &config, 0).unwrap();
//! let (mut sigma, mut error) = ([0.0f32; 256], [0.0f32; 256]);
//! for _ in 0..100 {
//!     scheduler.sample(&mut sigma).unwrap();
//!     for (error, s) in error.iter_mut().zip(sigma) {
//!         *error = s * s * 0.25 / (s * s + 0.25); // train here
//!     }
//!     scheduler.observe(&sigma, &error).unwrap();
//!     scheduler.step().unwrap();
//! }
//! let report = scheduler.report();
//! assert_eq!(report.phase, Phase::Adapting);
//! assert!((report.pivot - 0.495).abs() < 0.01); // the data's deviation is 1/2
//! ```

use crate::config::Config;
use crate::config::tables::{check_change, check_tables};
use crate::error::Error;
use crate::hot::bin_lookup::BinLookup;
use crate::hot::observe::observe;
use crate::hot::sample::{sample, seeded};
use crate::inspect::profile::Profile;
use crate::inspect::report::Report;
use crate::inspect::state_ref::StateRef;
use crate::method::baseline::baseline as baseline_mass;
use crate::method::grid::Grid;
use crate::method::guard::Hold;
use crate::method::rate::{Rate, log_errors};
use crate::method::reachable::Reachable;
use crate::method::refresh::refresh;
use crate::persist::bytes::F64Values;
use crate::persist::snapshot;
use crate::state::block::{self, Header, Hot, LAYOUT, MAGIC, Summary, ViewMut, fresh_header, state_words};
use bytemuck::Zeroable;

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// No refresh was due (or the scheduler is frozen).
    Counted,
    /// A refresh is due, but a bin has too few losses.
    Waiting,
    /// The sampler was refreshed.
    Refreshed,
    /// The refresh was held; the previous sampler stays.
    Held(Hold),
}

/// A scheduler on the caller's words. The block holds the whole state and this type
/// only borrows it, so dropping it loses nothing.
pub struct Scheduler<'s> {
    block: ViewMut<'s>,
}

impl<'s> Scheduler<'s> {
    /// Writes a fresh block into `words` and borrows it.
    ///
    /// # Errors
    /// `Config`; `Table` for a table baseline without its table; `TooSmall` if `words`
    /// is shorter than `state_words(bins, window)`. Nothing is written then.
    pub fn init(words: &'s mut [u64], config: &Config, seed: u64) -> Result<Self, Error> {
        Self::init_with(words, config, seed, None, None)
    }

    /// As [`Scheduler::init`], with K further weights at the bin centres and
    /// the K masses of a `Baseline::Table`.
    ///
    /// # Errors
    /// As [`Scheduler::init`]; also `Length` and `Table` for tables that cannot be used.
    pub fn init_with(
        words: &'s mut [u64],
        config: &Config,
        seed: u64,
        weight: Option<&[f64]>,
        baseline: Option<&[f64]>,
    ) -> Result<Self, Error> {
        Self::init_in(words, config, seed, weight, baseline)?;
        Self::open(words)
    }

    /// [`Scheduler::init_with`] without borrowing what it wrote.
    ///
    /// # Errors
    /// As there.
    pub fn init_in(
        words: &mut [u64],
        config: &Config,
        seed: u64,
        weight: Option<&[f64]>,
        baseline: Option<&[f64]>,
    ) -> Result<(), Error> {
        init(words, config, seed, weight.map(F64Values::Slice), baseline.map(F64Values::Slice))
    }

    /// Writes the schedule of a snapshot into `words` and borrows it.
    ///
    /// # Errors
    /// `NotASnapshot`, `Truncated`, `SnapshotVersion`, `SnapshotSize`, `Checksum`,
    /// `Corrupt` (values out of range), `TooSmall` (`words`). Nothing is written
    /// then.
    #[inline(never)]
    pub fn load(words: &'s mut [u64], snapshot: &[u8]) -> Result<Self, Error> {
        snapshot::load(words, snapshot)?;
        Self::open(words)
    }

    /// Borrows an existing block after checking it completely.
    ///
    /// # Errors
    /// What [`Scheduler::open`] returns, and `Corrupt` where the content
    /// contradicts itself.
    pub fn attach(words: &'s mut [u64]) -> Result<Self, Error> {
        let scheduler = Self::open(words)?;
        scheduler.reader().validate()?;
        Ok(scheduler)
    }

    /// Borrows an existing block after checking its header alone, in O(1). No
    /// content can make a call read outside the block or panic.
    ///
    /// # Errors
    /// `TooSmall`, `NotAState`, `ForeignEndian`, `WrongLayout`, `Corrupt`.
    #[inline(never)]
    pub fn open(words: &'s mut [u64]) -> Result<Self, Error> {
        Ok(Scheduler { block: ViewMut::new(words)? })
    }

    /// The same block, for reading.
    #[inline]
    pub fn reader(&self) -> StateRef<'_> {
        StateRef { block: self.block.view() }
    }

    /// Whether the block equals what [`Scheduler::init_with`] writes for its
    /// configuration, its tables and this seed.
    pub fn is_fresh(&self, seed: u64) -> bool {
        let (block, header) = (&self.block, &self.block.header);
        let Ok(config) = self.reader().config() else { return false };
        let counted = [
            header.steps,
            header.draws,
            header.observations,
            header.rejected,
            header.frozen,
            header.last_refresh,
        ];
        let grid = Grid::new(&config);
        let pi = baseline_mass(&config, &grid, block.baseline);
        counted.iter().all(|&count| count == 0)
            && header.next_refresh == config.warmup_steps
            && header.rng == seeded(seed)
            && block.density.iter().enumerate().all(|(k, mass)| mass.to_bits() == pi(k).to_bits())
    }

    /// Draws one sigma for each element of `sigma`.
    ///
    /// # Errors
    /// `Corrupt`.
    #[inline]
    pub fn sample(&mut self, sigma: &mut [f32]) -> Result<(), Error> {
        self.sample_slice(sigma, 0, sigma.len() as u64)
    }

    /// Draws the slice of `rank` in a global batch of `world * n` sigmas, with n =
    /// `sigma.len()` equal on every rank. The concatenation over the ranks is what one
    /// process would have drawn, and every replica's stream ends at the same place
    /// (docs/specification.md#shards).
    ///
    /// # Errors
    /// `Argument` unless rank < world and world * n <= 2^32; `Corrupt`.
    pub fn sample_shard(&mut self, sigma: &mut [f32], rank: u32, world: u32) -> Result<(), Error> {
        let (offset, total) = Self::shard(sigma.len(), rank, world).ok_or(Error::Argument)?;
        self.sample_slice(sigma, offset, total)
    }

    /// The offset and the total that [`Scheduler::sample_slice`] needs for
    /// [`Scheduler::sample_shard`]; none unless rank < world.
    pub fn shard(n: usize, rank: u32, world: u32) -> Option<(u64, u64)> {
        let n = n as u64;
        (rank < world).then_some((n.checked_mul(rank.into())?, n.checked_mul(world.into())?))
    }

    /// Draws the sigmas number `offset` to `offset + sigma.len()` of a global batch of
    /// `total`. Slices that cover the batch, of any lengths, are together what one process
    /// would have drawn; every replica calls this once per global batch, with an empty
    /// slice too (docs/specification.md#shards).
    ///
    /// # Errors
    /// `Argument` unless offset + n <= total <= 2^32; `Corrupt`.
    pub fn sample_slice(&mut self, sigma: &mut [f32], offset: u64, total: u64) -> Result<(), Error> {
        sample(&mut self.block.hot(), sigma, offset, total)
    }

    /// [`Scheduler::open`] and [`Scheduler::sample_slice`] in one call, which reads
    /// only the sections that it needs.
    ///
    /// # Errors
    /// As the two.
    #[inline(never)]
    pub fn sample_in(words: &mut [u64], sigma: &mut [f32], offset: u64, total: u64) -> Result<(), Error> {
        sample(&mut Hot::new(words)?, sigma, offset, total)
    }

    /// Takes per-sample, unweighted errors (squared) in the objective's own space. May be
    /// called any number of times between two steps. Returns how many pairs
    /// were rejected: sigma off the grid, error negative or not finite
    /// (docs/specification.md#observation).
    ///
    /// # Errors
    /// `Length` if the slices differ, `Corrupt`. Nothing has changed then.
    #[inline]
    pub fn observe(&mut self, sigma: &[f32], error: &[f32]) -> Result<usize, Error> {
        self.observe_masked(sigma, error, None)
    }

    /// As [`Scheduler::observe`]; pairs whose mask byte is 0 are left out and
    /// not counted.
    ///
    /// # Errors
    /// As [`Scheduler::observe`].
    pub fn observe_masked(
        &mut self,
        sigma: &[f32],
        error: &[f32],
        mask: Option<&[u8]>,
    ) -> Result<usize, Error> {
        observe(&mut self.block.hot(), sigma, error, mask)
    }

    /// [`Scheduler::open`] and [`Scheduler::observe_masked`] in one call, which reads
    /// only the sections that it needs.
    ///
    /// # Errors
    /// As the two.
    #[inline]
    pub fn observe_in(
        words: &mut [u64],
        sigma: &[f32],
        error: &[f32],
        mask: Option<&[u8]>,
    ) -> Result<usize, Error> {
        observe(&mut Hot::new(words)?, sigma, error, mask)
    }

    /// Counts an optimizer step, and refreshes the sampler if that is due
    /// (docs/specification.md#when-a-refresh-is-due).
    ///
    /// # Errors
    /// `Corrupt`.
    #[inline]
    pub fn step(&mut self) -> Result<Step, Error> {
        if self.block.header.count_step() { due(&mut self.block) } else { Ok(Step::Counted) }
    }

    /// [`Scheduler::open`] and [`Scheduler::step`] in one call, which reads only the
    /// header of the block where no refresh is due.
    ///
    /// # Errors
    /// As the two.
    #[inline(always)]
    pub fn step_in(words: &mut [u64]) -> Result<Step, Error> {
        if block::header_mut(words)?.count_step() { due_in(words) } else { Ok(Step::Counted) }
    }

    /// Stops refreshes, or allows them again; a due one then runs at the next step.
    pub fn set_frozen(&mut self, frozen: bool) {
        self.block.header.frozen = frozen.into();
    }

    /// Changes the fields that are not fixed at init (cadence, EMA rate, gate, pivot,
    /// guard, ceiling, smoothing, coverage, emphasis, counts) and, if given, the weight
    /// table. It takes effect at the next refresh.
    ///
    /// # Errors
    /// `Config` names a field that is invalid, or fixed at init (grid, window,
    /// objective, sigma_data, reduction, endpoint, draw, baseline); `Length`;
    /// `Corrupt`. Nothing has changed then.
    pub fn reconfigure(&mut self, config: &Config, weight: Option<&[f64]>) -> Result<(), Error> {
        self.reconfigure_from(config, weight.map(F64Values::Slice))
    }

    /// As [`Scheduler::reconfigure`], with a table in any form.
    #[inline(never)]
    pub(crate) fn reconfigure_from(
        &mut self,
        config: &Config,
        weight: Option<F64Values<'_>>,
    ) -> Result<(), Error> {
        self.check_change(config, weight.as_ref())?;
        if let Some(table) = weight {
            table.copy_to(self.block.weight);
        }
        let header = &mut *self.block.header;
        let (low, high) = (header.config.sigma_min, header.config.sigma_max);
        header.next_refresh = if header.attempts() == 0 {
            config.warmup_steps
        } else {
            config.next_refresh(header.last_refresh)
        };
        header.config = config.to_record();
        (header.config.sigma_min, header.config.sigma_max) = (low, high);
        Ok(())
    }

    #[inline(never)]
    fn check_change(&self, config: &Config, weight: Option<&F64Values<'_>>) -> Result<(), Error> {
        let old = Config::from_record(&self.block.header.config);
        let old = old.as_ref().map_err(|_| Error::Corrupt)?;
        check_change(old, config, self.block.baseline, weight, None)
    }

    /// Optimizer steps so far.
    pub fn steps(&self) -> u64 {
        self.block.header.steps
    }

    /// The report.
    pub fn report(&self) -> Report {
        self.reader().report()
    }

    /// The profile in force, in `memory` of [`crate::profile_len`] numbers.
    ///
    /// # Errors
    /// As [`StateRef::profile`].
    pub fn profile<'m>(&self, memory: &'m mut [f64]) -> Result<Profile<'m>, Error> {
        self.reader().profile(memory)
    }

    /// The digest.
    pub fn digest(&self) -> u64 {
        self.reader().digest()
    }
}

/// [`Scheduler::init_with`] from tables in any form, without borrowing the block.
#[inline(never)]
pub(crate) fn init(
    words: &mut [u64],
    config: &Config,
    seed: u64,
    weight: Option<F64Values<'_>>,
    baseline: Option<F64Values<'_>>,
) -> Result<(), Error> {
    config.check()?;
    let (bins, window) = (config.bins as usize, config.window as usize);
    check_tables(config, weight.as_ref(), baseline.as_ref())?;
    let words = words.get_mut(..state_words(bins, window)).ok_or(Error::TooSmall)?;
    words.fill(0);
    let (low, high) = config.ends();
    // The method uses the ends rounded to f32, so the block stores those.
    let config = Config { sigma_min: low.into(), sigma_max: high.into(), ..*config };
    let header = Header {
        magic: MAGIC,
        layout: LAYOUT,
        config: config.to_record(),
        rng: seeded(seed),
        frozen: 0,
        last_drawn: 0,
        steps: 0,
        draws: 0,
        observations: 0,
        rejected: 0,
        refreshes: 0,
        held: 0,
        next_refresh: config.warmup_steps,
        last_refresh: 0,
        refreshed_at: 0,
        summary: Summary::zeroed(),
    };
    *fresh_header(words)? = header;
    let grid = Grid::new(&config);
    let ViewMut { bin_table, edges, centres, weight: weights, baseline: masses, density, error, y, .. } =
        ViewMut::split(words)?;
    BinLookup::build(&grid, bin_table, edges);
    grid.store_centres(centres);
    match weight {
        Some(table) => table.copy_to(weights),
        None => weights.fill(1.0),
    }
    if let Some(table) = baseline {
        table.copy_to(masses);
    }
    let pi = baseline_mass(&config, &grid, masses);
    density.iter_mut().enumerate().for_each(|(k, mass)| *mass = pi(k));
    drop(pi);
    log_errors(error, y);
    Rate::new(&grid, y);
    install(words, &config)
}

/// Installs the first sampler; its change of the CDF is 0.
#[inline(never)]
fn install(words: &mut [u64], config: &Config) -> Result<(), Error> {
    match &mut ViewMut::new(words) {
        Ok(block) => {
            block.install(config);
            block.header.summary.cdf_change = 0.0;
            Ok(())
        }
        Err(error) => Err(*error),
    }
}

#[cold]
#[inline(never)]
fn due_in(words: &mut [u64]) -> Result<Step, Error> {
    // By reference: a view passed by value would be on the stack twice.
    match &mut ViewMut::new(words) {
        Ok(block) => due(block),
        Err(error) => Err(*error),
    }
}

/// The part of a step at which a refresh is due.
fn due(block: &mut ViewMut<'_>) -> Result<Step, Error> {
    let least = block.header.config.min_count;
    if Reachable::new(block.header, block.marks, block.spans, block.density).is_ready(least) {
        refresh(block)
    } else {
        Ok(Step::Waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Draw;
    use crate::config::Pivot;
    use crate::inspect::report::Phase;
    use crate::state::draw_table::DrawTable;

    fn gaussian(sigma: &[f32]) -> Vec<f32> {
        sigma.iter().map(|s| s * s * 0.25 / (s * s + 0.25)).collect()
    }

    /// `steps` steps of a batch of 256, cut into `parts` calls each.
    fn train(scheduler: &mut Scheduler<'_>, steps: usize, parts: usize) -> Vec<Step> {
        let mut done = Vec::new();
        for _ in 0..steps {
            for _ in 0..parts {
                let mut sigma = vec![0.0; 256 / parts];
                scheduler.sample(&mut sigma).unwrap();
                scheduler.observe(&sigma, &gaussian(&sigma)).unwrap();
            }
            done.push(scheduler.step().unwrap());
        }
        done
    }

    fn quick() -> Config {
        Config { warmup_steps: 20, refresh_every: 10, refresh_growth: 0, min_count: 5, ..Config::DEFAULT }
    }

    fn words() -> Vec<u64> {
        vec![0; state_words(64, 256)]
    }

    #[test]
    fn every_number_of_bins_makes_a_block() {
        for bins in 8..=256 {
            let config = Config { bins, window: 8, min_count: 5, ..quick() };
            let mut words = vec![0; state_words(bins as usize, 8)];
            let mut scheduler = Scheduler::init(&mut words, &config, 0).unwrap();
            scheduler.sample(&mut [0.0; 100]).unwrap();
            scheduler.reader().validate().unwrap();
        }
    }

    #[test]
    fn accumulation_changes_neither_steps_nor_draws() {
        let mut reference = None;
        for parts in [1, 2, 4] {
            let mut words = words();
            let mut scheduler = Scheduler::init(&mut words, &quick(), 3).unwrap();
            let done = train(&mut scheduler, 60, parts);
            let outcome = (done, scheduler.digest());
            assert_eq!(*reference.get_or_insert(outcome.clone()), outcome);
        }
        let (done, _) = reference.unwrap();
        let refreshed: Vec<usize> = (0..60).filter(|&i| done[i] == Step::Refreshed).map(|i| i + 1).collect();
        assert_eq!(refreshed, [20, 30, 40, 50, 60]);
    }

    #[test]
    fn a_step_by_the_head_alone_is_the_same_step() {
        let (mut one, mut other) = (words(), words());
        let mut scheduler = Scheduler::init(&mut one, &quick(), 3).unwrap();
        Scheduler::init(&mut other, &quick(), 3).unwrap();
        for _ in 0..45 {
            let feed = |scheduler: &mut Scheduler<'_>| {
                let mut sigma = [0.0; 256];
                scheduler.sample(&mut sigma).unwrap();
                scheduler.observe(&sigma, &gaussian(&sigma)).unwrap();
            };
            feed(&mut scheduler);
            feed(&mut Scheduler::open(&mut other).unwrap());
            assert_eq!(Scheduler::step_in(&mut other), scheduler.step());
        }
        assert!(scheduler.report().refreshes == 3 && one == other);
        other[0] ^= 1;
        assert_eq!(Scheduler::step_in(&mut other), Err(Error::NotAState));
    }

    #[test]
    fn frozen_schedules_draw_but_do_not_refresh() {
        let mut words = words();
        let mut scheduler = Scheduler::init(&mut words, &quick(), 3).unwrap();
        scheduler.set_frozen(true);
        assert!(train(&mut scheduler, 50, 1).iter().all(|&step| step == Step::Counted));
        assert_eq!(scheduler.report().phase, Phase::Frozen);
        scheduler.set_frozen(false);
        assert_eq!(scheduler.report().phase, Phase::Waiting);
        assert_eq!(scheduler.step(), Ok(Step::Refreshed));
    }

    #[test]
    fn starving_bins_are_named() {
        let mut words = words();
        let config = Config { min_count: 1, ..quick() };
        let mut scheduler = Scheduler::init(&mut words, &config, 3).unwrap();
        let grid = Grid::new(&config);
        for k in (0..64).filter(|&k| k != 41) {
            scheduler.observe(&[grid.centre(k) as f32], &[0.1]).unwrap();
        }
        for _ in 0..19 {
            assert_eq!(scheduler.step(), Ok(Step::Counted));
        }
        assert_eq!(scheduler.step(), Ok(Step::Waiting));
        let report = scheduler.report();
        assert_eq!((report.phase, report.poorest_bin, report.poorest_count), (Phase::Waiting, 41, 0));
        assert_eq!((report.stalest_bin, report.stalest_age), (41, 63));
    }

    #[test]
    fn a_held_refresh_leaves_the_sampler_alone_and_the_next_one_recovers() {
        let mut words = words();
        let config = Config { ceiling: false, ema_rate: 1.0, window: 8, ..quick() };
        let mut scheduler = Scheduler::init(&mut words, &config, 3).unwrap();
        let grid = Grid::new(&config);
        let centres: Vec<f32> = (0..64).map(|k| grid.centre(k) as f32).collect();
        let feed = |scheduler: &mut Scheduler<'_>, errors: &[f32]| {
            for _ in 0..8 {
                scheduler.observe(&centres, errors).unwrap();
            }
            (0..20).map(|_| scheduler.step().unwrap()).find(|&step| step != Step::Counted).unwrap()
        };
        // A loss floor: the rate rises like sigma^-3 towards low noise.
        let floor: Vec<f32> = gaussian(&centres).iter().map(|e| e + 0.05).collect();
        let before: Vec<u64> = (0..=64).map(|k| threshold(&scheduler, k)).collect();
        assert_eq!(feed(&mut scheduler, &floor), Step::Held(Hold::LowEndUnresolved));
        assert!((0..=64).all(|k| threshold(&scheduler, k) == before[k]));
        let report = scheduler.report();
        assert_eq!((report.held, report.refreshes, report.phase), (1, 0, Phase::Waiting));
        assert_eq!(feed(&mut scheduler, &gaussian(&centres)), Step::Refreshed);
        assert_eq!(scheduler.report().hold_reason, Hold::LowEndUnresolved);
        assert_eq!(feed(&mut scheduler, &[0.0; 64]), Step::Held(Hold::NoSignal));
        assert_eq!(scheduler.report().phase, Phase::Adapting);
    }

    fn threshold(scheduler: &Scheduler<'_>, k: usize) -> u64 {
        let block = scheduler.block.view();
        DrawTable::new(block.columns, block.guide, block.header.last_drawn as usize).threshold(k)
    }

    #[test]
    fn reconfigure_names_what_is_fixed_and_moves_the_cadence() {
        let mut words = words();
        let mut scheduler = Scheduler::init(&mut words, &quick(), 3).unwrap();
        let digest = scheduler.digest();
        for (changed, field) in [
            (Config { bins: 32, ..quick() }, "bins"),
            (Config { sigma_max: 90.0, ..quick() }, "sigma_max"),
            (Config { sigma_data: 0.5, ..quick() }, "sigma_data"),
            (Config { draw: Draw::Stratified, ..quick() }, "draw"),
            (Config { min_count: 999, ..quick() }, "min_count"),
        ] {
            match scheduler.reconfigure(&changed, None) {
                Err(Error::Config(error)) => assert_eq!(error.field, field),
                other => panic!("{field}: {other:?}"),
            }
        }
        assert_eq!(scheduler.reconfigure(&quick(), Some(&[1.0; 3])), Err(Error::Length));
        assert_eq!(scheduler.digest(), digest);
        scheduler.reconfigure(&Config { warmup_steps: 30, ..quick() }, None).unwrap();
        let done = train(&mut scheduler, 30, 1);
        assert_eq!(done.iter().position(|&step| step == Step::Refreshed), Some(29));
        let slower = Config { refresh_every: 15, warmup_steps: 30, pivot: Pivot::Off, ..quick() };
        scheduler.reconfigure(&slower, Some(&[2.0; 64])).unwrap();
        let done = train(&mut scheduler, 20, 1);
        assert_eq!(done.iter().position(|&step| step == Step::Refreshed), Some(14));
        assert_eq!(scheduler.report().pivot, 0.0);
        scheduler.reader().validate().unwrap();
    }

    #[test]
    fn shards_concatenate_whatever_the_draw() {
        for draw in [Draw::Independent, Draw::Stratified] {
            let config = Config { draw, ..quick() };
            let (mut one, mut whole) = (words(), vec![0.0; 40]);
            let mut single = Scheduler::init(&mut one, &config, 9).unwrap();
            for _ in 0..3 {
                single.sample(&mut whole).unwrap();
            }
            let mut parts = Vec::new();
            for rank in 0..4 {
                let (mut block, mut part) = (words(), [0.0; 10]);
                let mut replica = Scheduler::init(&mut block, &config, 9).unwrap();
                for _ in 0..3 {
                    replica.sample_shard(&mut part, rank, 4).unwrap();
                }
                parts.extend(part);
                assert_eq!(replica.digest(), single.digest());
            }
            assert_eq!(parts, whole);
        }
    }

    #[test]
    fn slices_of_any_lengths_cover_the_batch() {
        for draw in [Draw::Independent, Draw::Stratified] {
            let config = Config { draw, ..quick() };
            let (mut one, mut whole) = (words(), [0.0; 40]);
            Scheduler::init(&mut one, &config, 9).unwrap();
            let (mut parts, mut replicas) = (Vec::new(), vec![one.clone(); 4]);
            let mut single = Scheduler::open(&mut one).unwrap();
            for _ in 0..3 {
                single.sample(&mut whole).unwrap();
                let mut offset = 0;
                parts.clear();
                for (n, block) in [7, 0, 30, 3].into_iter().zip(&mut replicas) {
                    let mut replica = Scheduler::open(block).unwrap();
                    let mut part = vec![0.0; n];
                    replica.sample_slice(&mut part, offset, 40).unwrap();
                    offset += n as u64;
                    parts.extend(part);
                    assert_eq!(replica.digest(), single.digest());
                }
                assert_eq!(parts, whole);
            }
        }
    }

    #[test]
    fn slices_outside_their_batch_are_refused() {
        let mut block = words();
        let mut scheduler = Scheduler::init(&mut block, &quick(), 9).unwrap();
        let before = scheduler.digest();
        for (offset, total) in [(1, 4), (0, 3), (u64::MAX, 8), (0, (1 << 32) + 1)] {
            assert_eq!(scheduler.sample_slice(&mut [0.0; 4], offset, total), Err(Error::Argument));
        }
        assert_eq!(scheduler.digest(), before);
    }

    #[test]
    fn blocks_that_contradict_themselves_are_refused() {
        let mut fresh = words();
        Scheduler::init(&mut fresh, &quick(), 3).unwrap();
        assert!(Scheduler::attach(&mut fresh.clone()).is_ok());
        let mut caught = 0;
        for word in 2..fresh.len() - 8192 {
            let mut bad = fresh.clone();
            bad[word] ^= 1 << 62;
            caught += usize::from(Scheduler::attach(&mut bad).is_err());
        }
        // Counters, the RNG and report fields may hold any value, and a mean loss of 2
        // is as valid as one of 0.
        assert!(caught > 500, "{caught}");
    }
}
