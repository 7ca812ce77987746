//! Journals: the verbs that leave records, and their replay.

use crate::memory::{self, input, output, reader, scheduler, sized_in, sized_out};
use crate::{Status, size, status};
use core::ffi::c_void;
use infonoise::recent_draws::{Recent, recent_words};
use infonoise::replay::{self, Event, Needs};
use infonoise::{
    Config, Error, Recorder, Report, STATE_MAGIC, Scheduler, Step, begin_room, journal, snapshot,
};

/// What a record of a journal did.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum EventKind {
    /// Draws: `first`, `n`, `rank`, `world`.
    Sampled = 0,
    /// Observations: `n`, `rejected`.
    Observed = 1,
    /// An optimizer step: `refreshed`, `held`.
    Stepped = 2,
    /// Refreshes stopped (`n` = 1) or let go on (`n` = 0).
    Frozen = 3,
    /// Another configuration took over.
    Reconfigured = 4,
    /// A digest: `steps`, `expected`, `found`.
    Digest = 5,
}

/// What a record of a journal did: `infonoise_event` of the C ABI. Members that
/// the kind does not name are 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EventRecord {
    /// `sizeof` this struct, set by `INFONOISE_EVENT_INIT`.
    pub struct_size: u32,
    /// `infonoise_event_kind`.
    pub kind: u32,
    /// Whose slice.
    pub rank: u32,
    /// Out of how many.
    pub world: u32,
    /// 1: the step refreshed the sampler.
    pub refreshed: u32,
    /// 1: the step's refresh was held.
    pub held: u32,
    /// The number of the global batch's first draw.
    pub first: u64,
    /// Draws of this rank, or pairs observed.
    pub n: u64,
    /// Pairs rejected.
    pub rejected: u64,
    /// Optimizer steps so far.
    pub steps: u64,
    /// The digest as recorded.
    pub expected: u64,
    /// The digest as it came out.
    pub found: u64,
}

/// Bytes of a journal's memory that remembers the last `page` draws: at least a
/// global batch and what is drawn ahead of its observations. 0 if `page` is 0 or
/// above 2^28.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_journal_bytes(page: u32) -> usize {
    if page == 0 || page > 1 << 28 { 0 } else { 8 * recent_words(page as usize) }
}

/// Room that suffices for the record of any one call on n pairs,
/// `infonoise_journal_begin` apart.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_record_bytes(n: usize) -> usize {
    journal::room(n)
}

/// Room that suffices for what `infonoise_journal_begin` writes; 0 if the block
/// holds no scheduler.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_begin_bytes(state: *const c_void, bytes: usize) -> usize {
    size(|| {
        let config = unsafe { reader(state, bytes)? }.config()?;
        Ok(begin_room(config.bins as usize, config.window as usize))
    })
}

/// Begins the journal of a run: `record` receives its first bytes, `used` of
/// them, to be written to a file. Each call below does what the function without
/// `journal_` does and leaves its record likewise, to be appended in order; if it
/// fails, nothing was done and nothing is to be written. `journal` is 8-aligned
/// memory of `infonoise_journal_bytes(page)`; no buffer may overlap another. A
/// block that is fresh from `seed` starts the journal by its configuration, any
/// other by its image.
///
/// Errors: as `infonoise_sample`; ARGUMENT (page), TOO_SMALL (journal, or
/// `record_bytes` below `infonoise_journal_begin_bytes`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_begin(
    journal: *mut c_void,
    journal_bytes: usize,
    page: u32,
    state: *mut c_void,
    bytes: usize,
    seed: u64,
    record: *mut c_void,
    record_bytes: usize,
    used: *mut usize,
) -> Status {
    status(|| {
        let state = unsafe { scheduler(state, bytes)? };
        let mut out = unsafe { Out::new(record, record_bytes, used)? };
        let words = unsafe { memory::any_words_mut(journal, journal_bytes)? };
        let (_, length) = Recorder::begin(words, page as usize, &state, seed, out.bytes)?;
        out.count(length);
        Ok(())
    })
}

/// As `infonoise_sample_shard`; world * n is below 2^32.
///
/// Errors: as there; NOT_A_JOURNAL; TOO_SMALL (`record_bytes` below
/// `infonoise_record_bytes(0)`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_sample(
    journal: *mut c_void,
    journal_bytes: usize,
    state: *mut c_void,
    bytes: usize,
    sigma: *mut f32,
    n: usize,
    rank: u32,
    world: u32,
    record: *mut c_void,
    record_bytes: usize,
    used: *mut usize,
) -> Status {
    unsafe {
        recorded(journal, journal_bytes, state, bytes, record, record_bytes, used, |journal, state, out| {
            Ok(journal.sample(state, output(sigma, n)?, rank, world, out)?)
        })
    }
}

/// As `infonoise_observe_masked`: `mask` and `rejected` may be NULL. Sigmas that
/// were drawn lately are stored by their number in the stream, others as they are.
///
/// Errors: as there; NOT_A_JOURNAL; ARGUMENT (n above 2^28); TOO_SMALL
/// (`record_bytes` below `infonoise_record_bytes(n)` may be).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_observe(
    journal: *mut c_void,
    journal_bytes: usize,
    state: *mut c_void,
    bytes: usize,
    sigma: *const f32,
    error: *const f32,
    mask: *const u8,
    n: usize,
    rejected: *mut usize,
    record: *mut c_void,
    record_bytes: usize,
    used: *mut usize,
) -> Status {
    unsafe {
        recorded(journal, journal_bytes, state, bytes, record, record_bytes, used, |journal, state, out| {
            let (sigma, error) = (input(sigma, n)?, input(error, n)?);
            let mask = if mask.is_null() { None } else { Some(input(mask, n)?) };
            let count = if rejected.is_null() { &mut [] } else { output(rejected, 1)? };
            let (refused, used) = journal.observe(state, sigma, error, mask, out)?;
            if let Some(count) = count.first_mut() {
                *count = refused;
            }
            Ok(used)
        })
    }
}

/// As `infonoise_step`; a refresh, done or held, is followed by its digest.
///
/// Errors: as there; NOT_A_JOURNAL; TOO_SMALL (`record_bytes` below
/// `infonoise_record_bytes(0)`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_step(
    journal: *mut c_void,
    journal_bytes: usize,
    state: *mut c_void,
    bytes: usize,
    report: *mut Report,
    record: *mut c_void,
    record_bytes: usize,
    used: *mut usize,
) -> Status {
    unsafe {
        recorded(journal, journal_bytes, state, bytes, record, record_bytes, used, |journal, state, out| {
            if !report.is_null() {
                memory::check_size(report)?;
            }
            let (_, used) = journal.step(state, out)?;
            if !report.is_null() {
                sized_out(report, state.report())?;
            }
            Ok(used)
        })
    }
}

/// As `infonoise_set_frozen`.
///
/// Errors: as there; NOT_A_JOURNAL; TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_set_frozen(
    journal: *mut c_void,
    journal_bytes: usize,
    state: *mut c_void,
    bytes: usize,
    frozen: u32,
    record: *mut c_void,
    record_bytes: usize,
    used: *mut usize,
) -> Status {
    unsafe {
        recorded(journal, journal_bytes, state, bytes, record, record_bytes, used, |journal, state, out| {
            if frozen > 1 {
                return Err(Status::INFONOISE_ARGUMENT);
            }
            Ok(journal.set_frozen(state, frozen == 1, out)?)
        })
    }
}

/// As `infonoise_reconfigure`.
///
/// Errors: as there; NOT_A_JOURNAL; TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_reconfigure(
    journal: *mut c_void,
    journal_bytes: usize,
    state: *mut c_void,
    bytes: usize,
    config: *const infonoise::RawConfig,
    weight: *const f64,
    record: *mut c_void,
    record_bytes: usize,
    used: *mut usize,
) -> Status {
    unsafe {
        recorded(journal, journal_bytes, state, bytes, record, record_bytes, used, |journal, state, out| {
            let config = Config::from_record(&sized_in(config)?).map_err(Error::Config)?;
            let bins = state.reader().config()?.bins as usize;
            let weight = if weight.is_null() { None } else { Some(input(weight, bins)?) };
            Ok(journal.reconfigure(state, &config, weight, out)?)
        })
    }
}

/// Writes the digest down as it is now, for a replay to agree with: at the end of
/// a run, or wherever a proof is wanted.
///
/// Errors: as `infonoise_sample`; NOT_A_JOURNAL; TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_digest(
    journal: *mut c_void,
    journal_bytes: usize,
    state: *mut c_void,
    bytes: usize,
    record: *mut c_void,
    record_bytes: usize,
    used: *mut usize,
) -> Status {
    unsafe {
        recorded(journal, journal_bytes, state, bytes, record, record_bytes, used, |journal, state, out| {
            Ok(journal.digest(state, out)?)
        })
    }
}

/// Bytes that the replay of a journal needs for its block and for its memory, by
/// the journal's first `head_bytes` bytes (`bytes` in `infonoise_replay_begin`).
///
/// Errors: NULL; TRUNCATED (more bytes are needed), NOT_A_JOURNAL,
/// JOURNAL_VERSION, CHECKSUM, RECORD; what `infonoise_load` refuses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_replay_needs(
    head: *const c_void,
    head_bytes: usize,
    state_bytes: *mut usize,
    journal_bytes: *mut usize,
) -> Status {
    status(|| {
        let needs = Needs::of(unsafe { memory::bytes_in(head, head_bytes)? })?;
        let (state, journal) = unsafe { (output(state_bytes, 1)?, output(journal_bytes, 1)?) };
        if let ([state], [journal]) = (state, journal) {
            (*state, *journal) = (8 * needs.state_words, 8 * needs.recent_words);
        }
        Ok(())
    })
}

/// Starts the run of a journal in `state`, with `journal` for its recent draws.
/// `used` receives the bytes read: the next record begins there.
///
/// Errors: as `infonoise_replay_needs`; MISALIGNED; TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_replay_begin(
    journal: *mut c_void,
    journal_bytes: usize,
    state: *mut c_void,
    bytes: usize,
    head: *const c_void,
    head_bytes: usize,
    used: *mut usize,
) -> Status {
    status(|| {
        let head = unsafe { memory::bytes_in(head, head_bytes)? };
        let words = unsafe { memory::words_mut(state, bytes)? };
        #[cfg(debug_assertions)]
        let _busy = crate::busy::claim(state)?;
        let memory = unsafe { memory::any_words_mut(journal, journal_bytes)? };
        let used = unsafe { output(used, 1)? };
        let (_, _, length) = replay::begin(words, memory, head)?;
        if let Some(used) = used.first_mut() {
            *used = length;
        }
        Ok(())
    })
}

/// Executes the record that `record` begins with on the block; `used` receives
/// its length, `event`, unless NULL, what it did. `record_bytes` may reach beyond
/// the record.
///
/// Errors: as `infonoise_sample`; NOT_A_JOURNAL, STRUCT_SIZE; TRUNCATED (the
/// record goes on: pass more bytes, or see `infonoise_journal_is_torn`), CHECKSUM,
/// RECORD; DIFFERS where the digests do not agree: `used` and `event` are set
/// then, and the replay may go on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_replay_next(
    journal: *mut c_void,
    journal_bytes: usize,
    state: *mut c_void,
    bytes: usize,
    record: *const c_void,
    record_bytes: usize,
    used: *mut usize,
    event: *mut EventRecord,
) -> Status {
    status(|| {
        let mut state = unsafe { scheduler(state, bytes)? };
        let mut recent = Recent::open(unsafe { memory::any_words_mut(journal, journal_bytes)? })?;
        let record = unsafe { memory::bytes_in(record, record_bytes)? };
        let used = unsafe { output(used, 1)? };
        if !event.is_null() {
            unsafe { memory::check_size(event)? };
        }
        let (done, length) = replay::apply(&mut state, &mut recent, record)?;
        if let Some(used) = used.first_mut() {
            *used = length;
        }
        let value = event_record(&done, &state);
        if !event.is_null() {
            unsafe { sized_out(event, value)? };
        }
        if value.expected == value.found { Ok(()) } else { Err(Status::INFONOISE_DIFFERS) }
    })
}

fn event_record(event: &Event, state: &Scheduler<'_>) -> EventRecord {
    let blank = EventRecord {
        struct_size: 0,
        kind: 0,
        rank: 0,
        world: 0,
        refreshed: 0,
        held: 0,
        first: 0,
        n: 0,
        rejected: 0,
        steps: state.steps(),
        expected: 0,
        found: 0,
    };
    match *event {
        Event::Sampled { first, n, rank, world } => {
            EventRecord { kind: EventKind::Sampled as u32, first, n, rank, world, ..blank }
        }
        Event::Observed { n, rejected } => {
            EventRecord { kind: EventKind::Observed as u32, n, rejected, ..blank }
        }
        Event::Stepped(step) => EventRecord {
            kind: EventKind::Stepped as u32,
            refreshed: u32::from(step == Step::Refreshed),
            held: u32::from(matches!(step, Step::Held(_))),
            ..blank
        },
        Event::Frozen(frozen) => EventRecord { kind: EventKind::Frozen as u32, n: frozen.into(), ..blank },
        Event::Reconfigured => EventRecord { kind: EventKind::Reconfigured as u32, ..blank },
        Event::Digest { steps, expected, found } => {
            EventRecord { kind: EventKind::Digest as u32, steps, expected, found, ..blank }
        }
    }
}

/// Copies n remembered draws from number `first` on: behind a `Sampled` event,
/// its global batch.
///
/// Errors: NULL, MISALIGNED, TOO_SMALL, NOT_A_JOURNAL; ARGUMENT if one of them
/// is no longer remembered.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_draws(
    journal: *mut c_void,
    journal_bytes: usize,
    first: u64,
    sigma: *mut f32,
    n: usize,
) -> Status {
    status(|| {
        let recent = Recent::open(unsafe { memory::any_words_mut(journal, journal_bytes)? })?;
        let sigma = unsafe { output(sigma, n)? };
        let last = first.wrapping_add((n as u64).wrapping_sub(1));
        if n > 0 && (recent.get(first).is_none() || recent.get(last).is_none()) {
            return Err(Status::INFONOISE_ARGUMENT);
        }
        let mut draw = first;
        for slot in sigma {
            *slot = recent.get(draw).ok_or(Status::INFONOISE_ARGUMENT)?;
            draw = draw.wrapping_add(1);
        }
        Ok(())
    })
}

/// 1 if `rest`, the bytes of a file behind its last whole record, are what an
/// interrupted write leaves: cut them off. 0 if they are damage, or a whole record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_is_torn(rest: *const c_void, rest_bytes: usize) -> u32 {
    match unsafe { memory::bytes_in(rest, rest_bytes) } {
        Ok(rest) => journal::is_torn(rest).into(),
        Err(_) => 0,
    }
}

/// The version that wrote a block (its layout), an image or a journal, by its
/// first 12 bytes; 0 if they are of none of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_version_of(data: *const c_void, data_bytes: usize) -> u32 {
    let Ok(data) = (unsafe { memory::bytes_in(data, data_bytes) }) else { return 0 };
    let (Some(magic), Some(version)) =
        (data.first_chunk::<8>(), data.get(8..).and_then(|v| v.first_chunk::<4>()))
    else {
        return 0;
    };
    let magic = u64::from_ne_bytes(*magic);
    if magic == u64::from_ne_bytes(snapshot::SNAPSHOT_MAGIC) || magic == u64::from_ne_bytes(journal::MAGIC) {
        return u32::from_le_bytes(*version);
    }
    // A block's layout is a small u64 in the machine's own byte order.
    match data.get(8..).and_then(|v| v.first_chunk::<8>()) {
        Some(layout) if magic == STATE_MAGIC => u64::from_ne_bytes(*layout) as u32,
        _ => 0,
    }
}

/// The caller's buffer for a record, and where its length goes.
struct Out<'a> {
    bytes: &'a mut [u8],
    used: &'a mut [usize],
}

impl Out<'_> {
    unsafe fn new<'a>(record: *mut c_void, bytes: usize, used: *mut usize) -> Result<Out<'a>, Status> {
        let bytes = unsafe { output(record.cast::<u8>(), bytes)? };
        Ok(Out { bytes, used: unsafe { output(used, 1)? } })
    }

    fn count(&mut self, length: usize) {
        if let Some(used) = self.used.first_mut() {
            *used = length;
        }
    }
}

/// Runs a recorded verb on a block and its journal.
#[allow(clippy::too_many_arguments, reason = "what every recorded verb of the C ABI takes")]
unsafe fn recorded(
    journal: *mut c_void,
    journal_bytes: usize,
    state: *mut c_void,
    bytes: usize,
    record: *mut c_void,
    record_bytes: usize,
    used: *mut usize,
    verb: impl FnOnce(&mut Recorder<'_>, &mut Scheduler<'_>, &mut [u8]) -> Result<usize, Status>,
) -> Status {
    status(|| {
        let mut state = unsafe { scheduler(state, bytes)? };
        let mut journal = Recorder::open(unsafe { memory::any_words_mut(journal, journal_bytes)? })?;
        let mut out = unsafe { Out::new(record, record_bytes, used)? };
        let length = verb(&mut journal, &mut state, out.bytes)?;
        out.count(length);
        Ok(())
    })
}
