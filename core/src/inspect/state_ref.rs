//! The reader: everything that a block can be asked without changing it.
//!
//! ```
//! use infonoise::{state::block::state_words, Config, StateRef, Scheduler};
//! let mut words = vec![0; state_words(64, 256)];
//! Scheduler::init(&mut words, &Config::DEFAULT, 0).unwrap();
//! let reader = StateRef::open(&words).unwrap();
//! assert_eq!(reader.report().steps, 0);
//! reader.validate().unwrap();
//! ```

use crate::config::Config;
use crate::error::Error;
use crate::hot::bin_lookup::BinLookup;
use crate::inspect::diagnose::{Mismatch, Schedule};
use crate::inspect::entropic_time::EntropicTime;
use crate::inspect::profile::{Profile, accepted_gate, accepted_rate};
use crate::inspect::report::Report;
use crate::maths::{MAX_BINS, collect};
use crate::method::density::{check_weight, density};
use crate::method::grid::Grid;
use crate::persist::snapshot;
use crate::state::block::View;
use crate::state::digest::digest;
use crate::state::draw_table::{DrawTable, Entry};

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
    #[inline]
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

    /// The table behind the draws: with [`StateRef::edge`], all that is needed to
    /// draw elsewhere.
    #[inline]
    pub fn draw_table(&self) -> DrawTable<'s> {
        DrawTable::new(self.block.entries, self.block.guide, self.block.header.last_drawn as usize)
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

    /// The bin that an observation at `sigma` goes to; none off the grid.
    pub fn bin(&self, sigma: f32) -> Option<usize> {
        BinLookup::new(self.block.bin_table, self.block.edges).admit(sigma).map(|(_, bin)| bin)
    }

    /// The report.
    #[inline(never)]
    pub fn report(&self) -> Report {
        Report::new(&self.block)
    }

    /// The profile in force.
    ///
    /// # Errors
    /// `Corrupt`.
    #[inline(never)]
    pub fn profile(&self) -> Result<Profile, Error> {
        Ok(Profile::in_force(&self.block, &Grid::new(&self.config()?)))
    }

    /// Steps 1 to 8 on what the rings hold now; nothing is changed.
    ///
    /// # Errors
    /// `NotReady` while a ring is empty, `Corrupt`.
    #[inline(never)]
    pub fn estimate(&self) -> Result<Profile, Error> {
        let config = self.config()?;
        Profile::estimated(&self.block, &config, &Grid::new(&config))
    }

    /// How far an existing schedule is from what the losses ask for: by the
    /// profile in force, or by an estimate from what the rings hold now.
    ///
    /// # Errors
    /// `NotReady` before the first refresh (or, for an estimate, while a ring
    /// is empty), `Argument` and `Length` as [`Mismatch::new`], `Corrupt`.
    #[inline(never)]
    pub fn diagnose(&self, schedule: &Schedule<'_>, estimated: bool) -> Result<Mismatch, Error> {
        let config = self.config()?;
        let grid = Grid::new(&config);
        if !estimated && self.block.header.refreshes == 0 {
            return Err(Error::NotReady);
        }
        let profile = if estimated { self.estimate()? } else { self.profile()? };
        let ideal = density(&config, &grid, self.block.weight, &profile.target);
        Mismatch::new(&config, &grid, self.block.weight, &profile.target, &ideal, schedule)
    }

    /// The digest.
    pub fn digest(&self) -> u64 {
        digest(&self.block)
    }

    /// Entropic time of the last accepted refresh: `power` a, gated or bare.
    ///
    /// # Errors
    /// `NotReady` before the first refresh, `Argument` unless |a| <= 64, `Corrupt`.
    #[inline(never)]
    pub fn entropic_time(&self, power: f64, gated: bool) -> Result<EntropicTime, Error> {
        if !(power.abs() <= 64.0) {
            return Err(Error::Argument);
        }
        let grid = Grid::new(&self.config()?);
        if self.block.header.refreshes == 0 {
            return Err(Error::NotReady);
        }
        let rate = accepted_rate(&self.block, &grid);
        let gate =
            if gated { accepted_gate(&self.block, &grid) } else { collect((0..grid.bins()).map(|_| 1.0)) };
        Ok(EntropicTime::new(&grid, &rate.q, &gate, power))
    }

    /// `sigma.len()` sigmas equally spaced in entropic time, from sigma_max
    /// down to sigma_min; append 0 for a sampler.
    ///
    /// # Errors
    /// As [`StateRef::entropic_time`] and [`EntropicTime::fill`].
    #[inline(never)]
    pub fn info_grid(&self, sigma: &mut [f32], power: f64, gated: bool) -> Result<(), Error> {
        self.entropic_time(power, gated)?.fill(sigma)
    }

    /// Writes the portable snapshot, [`snapshot::bytes`] long.
    ///
    /// # Errors
    /// `TooSmall`.
    #[inline(never)]
    pub fn save(&self, snapshot: &mut [u8]) -> Result<(), Error> {
        snapshot::save(&self.block, snapshot)
    }

    /// Checks everything that the block says against everything else.
    ///
    /// # Errors
    /// `Corrupt`.
    #[inline(never)]
    pub fn validate(&self) -> Result<(), Error> {
        let (block, header) = (&self.block, self.block.header);
        let config = self.config()?;
        let grid = Grid::new(&config);
        let window = config.window as u16;
        let sane = |values: &[f64]| values.iter().all(|&x| x >= 0.0 && x.is_finite());
        let mut sound = header.frozen <= 1
            && header.last_drawn < u64::from(config.bins)
            && header.rng.iter().any(|&word| word != 0)
            && check_weight(block.weight, grid.bins()).is_ok()
            && sane(block.baseline)
            && sane(block.ema)
            && sane(block.error)
            && sane(block.density)
            && block.marks.iter().all(|mark| mark.head < window && mark.count <= window)
            && block.seen.iter().all(|&seen| seen <= header.observations)
            && block.rings.iter().all(|&loss| loss >= 0.0 && loss.is_finite())
            && block.centres.iter().enumerate().all(|(k, &centre)| centre == grid.centre(k))
            && block.edges.iter().enumerate().all(|(i, &bits)| bits == grid.edge(i).to_bits());
        // Derived tables must be what they derive from.
        let table = self.draw_table();
        let mut entries = heapless::Vec::<Entry, { MAX_BINS }>::new();
        let _ = entries.resize_default(block.entries.len());
        let mut bytes = heapless::Vec::<u8, { crate::state::draw_table::cells(MAX_BINS) }>::new();
        let _ = bytes.resize_default(block.guide.len());
        let last = DrawTable::fill(&grid, &mut entries, &mut bytes, |k| table.threshold(k + 1));
        let ordered = (0..grid.bins()).all(|k| table.threshold(k) <= table.threshold(k + 1));
        sound &= ordered
            && last as u64 == header.last_drawn
            && equal(&entries, block.entries)
            && equal(&bytes, block.guide);
        let _ = bytes.resize_default(block.bin_table.len());
        bytes.truncate(block.bin_table.len());
        let mut edges = heapless::Vec::<u32, { MAX_BINS + 1 }>::new();
        let _ = edges.resize_default(block.edges.len());
        BinLookup::build(&grid, &mut bytes, &mut edges);
        sound &= equal(&bytes, block.bin_table);
        if sound { Ok(()) } else { Err(Error::Corrupt) }
    }
}

/// Slice equality by elements: the library may not need `bcmp`.
fn equal<T: PartialEq>(a: &[T], b: &[T]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b)
}
