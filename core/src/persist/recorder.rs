//! The recorder: the scheduler's calls, each of which also writes its record.
//!
//! Every call does what the scheduler's call of that name does, and writes the record
//! into the caller's buffer; the caller appends the bytes to a file, in order. If a
//! call fails, nothing has changed and nothing is to be appended.
//!
//! ```
//! use infonoise::recent_draws::recent_words;
//! use infonoise::{Config, Recorder, Scheduler, journal, state_words};
//! let (mut words, mut memory) = (vec![0; state_words(64, 256)], vec![0; recent_words(4096)]);
//! let mut scheduler = Scheduler::init(&mut words, &Config::DEFAULT, 7).unwrap();
//! let (mut log, mut out) = (Vec::<u8>::new(), vec![0; journal::room(256)]);
//!
//! let (mut recorder, used) = Recorder::begin(&mut memory, 4096, &scheduler, 7, &mut out).unwrap();
//! log.extend(&out[..used]);
//! let mut sigma = [0.0; 256];
//! let used = recorder.sample(&mut scheduler, &mut sigma, 0, 256, &mut out).unwrap();
//! log.extend(&out[..used]);
//! let (_, used) = recorder.observe(&mut scheduler, &sigma, &[0.1; 256], None, &mut out).unwrap();
//! log.extend(&out[..used]);
//! let (_, used) = recorder.step(&mut scheduler, &mut out).unwrap();
//! log.extend(&out[..used]);
//! assert!(log.len() < 1350); // a run at batch 256 costs about 1 KB a step
//! ```

use crate::config::{Baseline, Config};
use crate::error::Error;
use crate::persist::journal::{F32Values, F64Values, HEAD_ABI, Head, OVERHEAD, Record, Sigmas};
use crate::persist::recent_draws::Recent;
use crate::persist::snapshot;
use crate::scheduler::{Scheduler, Step};

/// Writes the records of a run.
pub struct Recorder<'a> {
    recent: Recent<'a>,
}

/// Bytes that [`Recorder::begin`] writes at most for a block of `bins` and `window`.
pub const fn begin_room(bins: usize, window: usize) -> usize {
    crate::persist::journal::HEAD + OVERHEAD + snapshot::bytes(bins, window)
}

impl<'a> Recorder<'a> {
    /// Begins a journal of `scheduler` and writes its head and first record: the
    /// configuration and `seed` if the block has just been initialised with them, its
    /// snapshot otherwise. `words` stores the last `page` draws: at least a global
    /// batch and what is drawn before it is observed.
    ///
    /// # Errors
    /// `TooSmall` (`words`, or `out` shorter than [`begin_room`]), `Argument`
    /// (page), `Corrupt`.
    pub fn begin(
        words: &'a mut [u64],
        page: usize,
        scheduler: &Scheduler<'_>,
        seed: u64,
        out: &mut [u8],
    ) -> Result<(Self, usize), Error> {
        let reader = scheduler.reader();
        let config = reader.config()?;
        let recent = Recent::init(words, page, reader.report().draws)?;
        let used = Head { abi: HEAD_ABI, page: page as u32 }.encode(out)?;
        let out = out.get_mut(used..).ok_or(Error::TooSmall)?;
        let used = used.saturating_add(if scheduler.is_fresh(seed) {
            start(&config, seed, reader.tables()).encode(out)?
        } else {
            let bytes = snapshot::bytes(config.bins as usize, config.window as usize);
            Record::encode_snapshot(bytes, out, |place| reader.save(place))?
        });
        Ok((Recorder { recent }, used))
    }

    /// Borrows a recorder's words.
    ///
    /// # Errors
    /// `TooSmall`, `NotAJournal`.
    pub fn open(words: &'a mut [u64]) -> Result<Self, Error> {
        Ok(Recorder { recent: Recent::open(words)? })
    }

    /// The recent draws.
    pub fn recent(&self) -> &Recent<'a> {
        &self.recent
    }

    /// As [`Scheduler::sample_slice`]; returns the record's length.
    ///
    /// # Errors
    /// As there, and `TooSmall` (`out`). A global batch is below 2^32.
    pub fn sample(
        &mut self,
        scheduler: &mut Scheduler<'_>,
        sigma: &mut [f32],
        offset: u64,
        total: u64,
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let place = [sigma.len() as u64, offset, total].map(u32::try_from);
        let [Ok(n), Ok(first), Ok(batch)] = place else { return Err(Error::Argument) };
        let used = Record::Sample { n, offset: first, total: batch }.encode(out)?;
        sample(scheduler, &mut self.recent, sigma, first, batch)?;
        Ok(used)
    }

    /// As [`Scheduler::observe_masked`]; returns the rejected pairs and the
    /// record's length. Sigmas that are among the recent draws are stored by number.
    ///
    /// # Errors
    /// As there; `TooSmall` (`out`), `Argument` (more than 2^28 pairs).
    pub fn observe(
        &mut self,
        scheduler: &mut Scheduler<'_>,
        sigma: &[f32],
        error: &[f32],
        mask: Option<&[u8]>,
        out: &mut [u8],
    ) -> Result<(usize, usize), Error> {
        if sigma.len() != error.len() {
            return Err(Error::Length);
        }
        let sigmas = match self.recent.find(sigma) {
            Some(first) => Sigmas::Drawn { first },
            None => Sigmas::Given(F32Values::Slice(sigma)),
        };
        let used = Record::Observe { sigma: sigmas, error: F32Values::Slice(error), mask }.encode(out)?;
        Ok((scheduler.observe_masked(sigma, error, mask)?, used))
    }

    /// As [`Scheduler::step`]; returns what it did and the records' length: a
    /// refresh, done or held, is followed by its digest.
    ///
    /// # Errors
    /// As there; `TooSmall` (`out`).
    pub fn step(&mut self, scheduler: &mut Scheduler<'_>, out: &mut [u8]) -> Result<(Step, usize), Error> {
        let used = Record::Step.encode(out)?;
        let rest = out.get_mut(used..).ok_or(Error::TooSmall)?;
        if rest.len() < OVERHEAD + 16 {
            return Err(Error::TooSmall);
        }
        let step = scheduler.step()?;
        let digest = match step {
            Step::Refreshed | Step::Held(_) => self.digest(scheduler, rest)?,
            Step::Counted | Step::Waiting => 0,
        };
        Ok((step, used.saturating_add(digest)))
    }

    /// As [`Scheduler::set_frozen`]; returns the record's length.
    ///
    /// # Errors
    /// `TooSmall` (`out`).
    pub fn set_frozen(
        &mut self,
        scheduler: &mut Scheduler<'_>,
        frozen: bool,
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let used = Record::Freeze { frozen }.encode(out)?;
        scheduler.set_frozen(frozen);
        Ok(used)
    }

    /// As [`Scheduler::reconfigure`]; returns the record's length.
    ///
    /// # Errors
    /// As there; `TooSmall` (`out`).
    pub fn reconfigure(
        &mut self,
        scheduler: &mut Scheduler<'_>,
        config: &Config,
        weight: Option<&[f64]>,
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let record = Record::Reconfigure { config: config.to_record(), weight: weight.map(F64Values::Slice) };
        let used = record.encode(out)?;
        scheduler.reconfigure(config, weight)?;
        Ok(used)
    }

    /// Writes the present digest, which a replay must reproduce.
    ///
    /// # Errors
    /// `TooSmall` (`out`).
    pub fn digest(&self, scheduler: &Scheduler<'_>, out: &mut [u8]) -> Result<usize, Error> {
        Record::Digest { steps: scheduler.steps(), digest: scheduler.digest() }.encode(out)
    }
}

/// The first record of a fresh block.
fn start<'a>(config: &Config, seed: u64, (weight, baseline): (&'a [f64], &'a [f64])) -> Record<'a> {
    // A block without a weight table holds weights of 1.
    let weighted = weight.iter().any(|&w| w != 1.0);
    Record::Start {
        config: config.to_record(),
        seed,
        weight: if weighted { Some(F64Values::Slice(weight)) } else { None },
        baseline: if config.baseline == Baseline::Table { Some(F64Values::Slice(baseline)) } else { None },
    }
}

/// Draws a slice and stores the global batch that contains it.
pub(crate) fn sample(
    scheduler: &mut Scheduler<'_>,
    recent: &mut Recent<'_>,
    sigma: &mut [f32],
    offset: u32,
    total: u32,
) -> Result<(), Error> {
    let end = (sigma.len() as u64).saturating_add(offset.into());
    if end > total.into() {
        return Err(Error::Argument);
    }
    let Some(place) = recent.reserve(total as usize) else {
        scheduler.sample_slice(sigma, offset.into(), total.into())?;
        recent.skip(total.into());
        return Ok(());
    };
    scheduler.sample(place)?;
    for (to, &from) in sigma.iter_mut().zip(place.iter().skip(offset as usize)) {
        *to = from;
    }
    recent.commit(total as usize);
    Ok(())
}
