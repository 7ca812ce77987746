//! The replay: a journal's records, executed again.
//!
//! ```
//! use infonoise::recent_draws::{Recent, recent_words};
//! use infonoise::replay::{Event, Needs, apply, begin};
//! # use infonoise::{Config, Recorder, Scheduler, journal, state_words};
//! # let (mut words, mut memory) = (vec![0; state_words(64, 256)], vec![0; recent_words(4096)]);
//! # let mut original = Scheduler::init(&mut words, &Config::DEFAULT, 7).unwrap();
//! # let (mut log, mut out) = (Vec::new(), vec![0; journal::room(256)]);
//! # let (mut recorder, used) = Recorder::begin(&mut memory, 4096, &original, 7, &mut out).unwrap();
//! # log.extend(&out[..used]);
//! # let used = recorder.sample(&mut original, &mut [0.0; 256], 0, 256, &mut out).unwrap();
//! # log.extend(&out[..used]);
//! # let used = recorder.digest(&original, &mut out).unwrap();
//! # log.extend(&out[..used]);
//! // log: the bytes of a journal
//! let needs = Needs::of(&log).unwrap();
//! let (mut words, mut memory) = (vec![0; needs.state_words], vec![0; needs.recent_words]);
//! let (mut scheduler, mut recent, mut at) = begin(&mut words, &mut memory, &log).unwrap();
//! while at < log.len() {
//!     let (event, used) = apply(&mut scheduler, &mut recent, &log[at..]).unwrap();
//!     if let Event::Digest { steps, expected, found } = event {
//!         assert_eq!(expected, found, "the run differs at step {steps}");
//!     }
//!     at += used;
//! }
//! ```

use crate::config::Config;
use crate::config::raw::RawConfig;
use crate::error::Error;
use crate::inspect::state_ref::StateRef;
use crate::persist::journal::{F32Values, Head, Record, Sigmas};
use crate::persist::recent_draws::{Recent, recent_words};
use crate::persist::snapshot;
use crate::scheduler::{Scheduler, Step, init};
use crate::state_words;

/// Words that a replay needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// For the block.
    pub state_words: usize,
    /// For the recent draws.
    pub recent_words: usize,
    /// Bytes of the head and the first record.
    pub bytes: usize,
}

impl Needs {
    /// Reads the sizes from the head and the first record of a journal.
    ///
    /// # Errors
    /// As [`Head::decode`] and [`Record::decode`]; `Record` where the first one
    /// does not start a run.
    #[inline(never)]
    pub fn of(journal: &[u8]) -> Result<Self, Error> {
        let (head, record, bytes) = first(journal)?;
        let state_words = match record {
            Record::Start { config, .. } => {
                let config = checked(&config)?;
                state_words(config.bins as usize, config.window as usize)
            }
            Record::Snapshot { snapshot } => snapshot::state_words_of(snapshot)?,
            _ => return Err(Error::Record),
        };
        Ok(Needs { state_words, recent_words: recent_words(head.page as usize), bytes })
    }
}

fn first(journal: &[u8]) -> Result<(Head, Record<'_>, usize), Error> {
    let (head, at) = Head::decode(journal)?;
    let (record, used) = Record::decode(journal.get(at..).ok_or(Error::Truncated)?)?;
    Ok((head, record, at.saturating_add(used)))
}

fn checked(record: &RawConfig) -> Result<Config, Error> {
    Config::from_record(record).map_err(|_| Error::Record)
}

/// What a record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Draws. `recent` holds the global batch from number `first` on, unless it is
    /// larger than a page.
    Sampled {
        /// The number of the global batch's first draw.
        first: u64,
        /// Draws of this rank.
        n: u64,
        /// The place of the first of them in the global batch.
        offset: u64,
        /// Draws of the global batch.
        total: u64,
    },
    /// Observations.
    Observed {
        /// Pairs of a sigma and an error.
        n: u64,
        /// How many of them were rejected.
        rejected: u64,
    },
    /// An optimizer step.
    Stepped(Step),
    /// Refreshes stopped, or allowed again.
    Frozen(bool),
    /// Another configuration took over.
    Reconfigured,
    /// A digest: the replay reproduces the run as long as the two are equal.
    Digest {
        /// Optimizer steps so far, as recorded.
        steps: u64,
        /// The recorded digest.
        expected: u64,
        /// The digest of this replay.
        found: u64,
    },
}

/// Starts the run of a journal in `words`, with `memory` for its recent draws;
/// returns the number of bytes read.
///
/// # Errors
/// As [`Needs::of`]; `TooSmall`; as [`Scheduler::init_with`] or [`Scheduler::load`], by
/// which the run starts.
pub fn begin<'s, 'a>(
    words: &'s mut [u64],
    memory: &'a mut [u64],
    journal: &[u8],
) -> Result<(Scheduler<'s>, Recent<'a>, usize), Error> {
    let needed = begin_in(words, memory, journal)?;
    Ok((Scheduler::open(words)?, Recent::open(memory)?, needed))
}

/// [`begin`] without borrowing what it wrote; returns the number of bytes read.
///
/// # Errors
/// As there.
pub fn begin_in(words: &mut [u64], memory: &mut [u64], journal: &[u8]) -> Result<usize, Error> {
    let needed = Needs::of(journal)?;
    if words.len() < needed.state_words || memory.len() < needed.recent_words {
        return Err(Error::TooSmall);
    }
    match snapshot_in(journal)? {
        Some(snapshot) => snapshot::load(words, snapshot)?,
        None => start(words, journal)?,
    }
    let (head, _) = Head::decode(journal)?;
    Recent::init(memory, head.page as usize, StateRef::report_in(words)?.draws)?;
    Ok(needed.bytes)
}

/// The snapshot that the run starts from, if it starts from one.
#[inline(never)]
fn snapshot_in(journal: &[u8]) -> Result<Option<&[u8]>, Error> {
    match first(journal)? {
        (_, Record::Snapshot { snapshot }, _) => Ok(Some(snapshot)),
        _ => Ok(None),
    }
}

/// Starts the run from the configuration of the first record.
#[inline(never)]
fn start(words: &mut [u64], journal: &[u8]) -> Result<(), Error> {
    // By reference: a value that is moved is on the stack twice.
    match &first(journal) {
        Ok((_, Record::Start { config, seed, weight, baseline }, _)) => match &checked(config) {
            Ok(config) => init(words, config, *seed, *weight, *baseline),
            Err(error) => Err(*error),
        },
        Ok(_) => Err(Error::Record),
        Err(error) => Err(*error),
    }
}

/// Executes the record at the start of `bytes`; returns its length too.
///
/// # Errors
/// As [`Record::decode`]; `Record` for a record that does not fit the run. The
/// scheduler may then have taken part of an observation.
pub fn apply(
    scheduler: &mut Scheduler<'_>,
    recent: &mut Recent<'_>,
    bytes: &[u8],
) -> Result<(Event, usize), Error> {
    let (record, used) = Record::decode(bytes)?;
    let event = match record {
        Record::Start { .. } | Record::Snapshot { .. } => return Err(Error::Record),
        Record::Sample { n, offset, total } => {
            let [n, offset, total] = [n, offset, total].map(u64::from);
            if n + offset > total {
                return Err(Error::Record);
            }
            let first = recent.next();
            draw(scheduler, recent, total)?;
            Event::Sampled { first, n, offset, total }
        }
        Record::Observe { sigma, error, mask } => {
            let rejected = observe(scheduler, recent, &sigma, &error, mask)?;
            Event::Observed { n: error.len() as u64, rejected }
        }
        Record::Step => Event::Stepped(scheduler.step()?),
        Record::Freeze { frozen } => {
            scheduler.set_frozen(frozen);
            Event::Frozen(frozen)
        }
        Record::Reconfigure { config, weight } => {
            scheduler.reconfigure_from(&checked(&config)?, weight).map_err(|_| Error::Record)?;
            Event::Reconfigured
        }
        Record::Digest { steps, digest } => {
            Event::Digest { steps, expected: digest, found: scheduler.digest() }
        }
    };
    Ok((event, used))
}

/// Draws a whole global batch.
fn draw(scheduler: &mut Scheduler<'_>, recent: &mut Recent<'_>, total: u64) -> Result<(), Error> {
    match recent.reserve(total as usize) {
        Some(place) => {
            scheduler.sample(place)?;
            recent.commit(total as usize);
        }
        // Too many to store: the generator and the count advance all the same.
        None => {
            scheduler.sample_slice(&mut [], 0, total)?;
            recent.skip(total);
        }
    }
    Ok(())
}

/// Observes in pieces; the division of observations into calls does not matter.
fn observe(
    scheduler: &mut Scheduler<'_>,
    recent: &Recent<'_>,
    sigma: &Sigmas<'_>,
    error: &F32Values<'_>,
    mask: Option<&[u8]>,
) -> Result<u64, Error> {
    const PIECE: usize = 64;
    let (mut at, mut rejected) = (0usize, 0u64);
    while at < error.len() {
        let n = PIECE.min(error.len().saturating_sub(at));
        let (mut sigmas, mut errors, mut kept) = ([0.0; PIECE], [0.0; PIECE], [1; PIECE]);
        for (i, ((s, e), keep)) in sigmas.iter_mut().zip(&mut errors).zip(&mut kept).take(n).enumerate() {
            let i = at.saturating_add(i);
            *e = error.get(i);
            *s = match sigma {
                Sigmas::Drawn { first } => recent.get(first.wrapping_add(i as u64)).ok_or(Error::Record)?,
                Sigmas::Given(sigma) => sigma.get(i),
            };
            *keep = mask.and_then(|mask| mask.get(i).copied()).unwrap_or(1);
        }
        let (Some(sigmas), Some(errors), Some(kept)) = (sigmas.get(..n), errors.get(..n), kept.get(..n))
        else {
            return Err(Error::Record);
        };
        rejected = rejected.saturating_add(scheduler.observe_masked(sigmas, errors, Some(kept))? as u64);
        at = at.saturating_add(n);
    }
    Ok(rejected)
}
