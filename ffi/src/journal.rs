//! Journals: calls that write records, and their replay. `include/infonoise_journal.h`
//! is generated from this file.

use crate::memory::{
    self, Sized32, input, opened_mut, optional, output, read_struct, reader, scheduler, write_struct,
};
use crate::{State, Status, size, status};
use core::ffi::c_void;
use infonoise::recent_draws::{Recent, recent_words};
use infonoise::replay::{self, Event, Needs};
use infonoise::{Config, Error, RawConfig, Recorder, Report, Scheduler, Step, begin_room, journal};

/// What a record of a journal did.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum EventKind {
    /// Draws: `first`, `n`, `offset`, `total`.
    Sampled = 0,
    /// Observations: `n`, `rejected`.
    Observed = 1,
    /// An optimizer step: `refreshed`, `held`.
    Stepped = 2,
    /// Refreshes stopped (`n` = 1) or resumed (`n` = 0).
    Frozen = 3,
    /// A new configuration.
    Reconfigured = 4,
    /// A digest: `steps`, `expected`, `found`.
    Digest = 5,
}

/// What a record of a journal did. Members that the kind does not name are 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EventRecord {
    /// `sizeof` this struct, set by `INFONOISE_EVENT_INIT`.
    pub struct_size: u32,
    /// `infonoise_event_kind`.
    pub kind: u32,
    /// 1: the step refreshed the sampler.
    pub refreshed: u32,
    /// 1: the step's refresh was held.
    pub held: u32,
    /// The number of the global batch's first draw.
    pub first: u64,
    /// Draws of this rank, or pairs observed.
    pub n: u64,
    /// The place of the first of those draws in the global batch.
    pub offset: u64,
    /// Draws of the global batch.
    pub total: u64,
    /// Pairs rejected.
    pub rejected: u64,
    /// Optimizer steps so far.
    pub steps: u64,
    /// The digest as recorded.
    pub expected: u64,
    /// The digest that the replay computed.
    pub found: u64,
}
unsafe impl Sized32 for EventRecord {}

/// The memory of a journal or of its replay. The caller owns all of it, and no part may
/// overlap another. A replay needs no `record`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RecorderRecord {
    /// `sizeof` this struct, set by `INFONOISE_RECORDER_INIT`.
    pub struct_size: u32,
    /// Padding; 0.
    pub reserved: u32,
    /// The schedule.
    pub state: *mut State,
    /// Bytes of `state`.
    pub bytes: usize,
    /// Memory of the recent draws, 8-aligned.
    pub recent: *mut c_void,
    /// `infonoise_recent_bytes`.
    pub recent_bytes: usize,
    /// Buffer for one record.
    pub record: *mut c_void,
    /// Bytes of `record`.
    pub record_bytes: usize,
    /// Out: bytes that a call wrote to `record` or read from it; 0 if it failed.
    pub used: usize,
}
unsafe impl Sized32 for RecorderRecord {}

/// Bytes that `recent` needs for the last `page` draws: at least a global batch and
/// what is drawn before it is observed. 0 if `page` is 0 or above 2^28.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_recent_bytes(page: u32) -> usize {
    if page == 0 || page > 1 << 28 { 0 } else { 8 * recent_words(page as usize) }
}

/// Bytes that are enough for the record of any call on n pairs, except
/// `infonoise_journal_begin`.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_record_bytes(n: usize) -> usize {
    journal::room(n)
}

/// Bytes that are enough for `infonoise_journal_begin`; 0 if the block holds no
/// scheduler.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_begin_bytes(state: *const State, bytes: usize) -> usize {
    size(|| {
        let config = unsafe { reader(state, bytes)? }.config()?;
        Ok(begin_room(config.bins as usize, config.window as usize))
    })
}

/// Begins the journal of a run, with recent draws of `page` sigmas, none so far.
/// `record` then holds the first `used` bytes of the file. If the block has just been
/// initialised with `seed`, the journal starts with its configuration, otherwise with
/// its snapshot.
///
/// Errors: STRUCT_SIZE; those of a state; ARGUMENT (page); TOO_SMALL (`recent_bytes`,
/// or `record_bytes` below `infonoise_journal_begin_bytes`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_begin(
    recorder: *mut RecorderRecord,
    page: u32,
    seed: u64,
) -> Status {
    unsafe {
        with(recorder, |recorder| {
            let state = scheduler(recorder.state, recorder.bytes)?;
            let out = output(recorder.record.cast::<u8>(), recorder.record_bytes)?;
            let words = memory::any_words_mut(recorder.recent, recorder.recent_bytes)?;
            let (_, used) = Recorder::begin(words, page as usize, &state, seed, out)?;
            recorder.used = used;
            Ok(())
        })
    }
}

/// As `infonoise_sample_slice`; total is below 2^32.
///
/// Errors of this and the next five: as without `journal_`; STRUCT_SIZE,
/// NOT_A_JOURNAL (`recent`), TOO_SMALL (`record_bytes` below
/// `infonoise_record_bytes(n)`, where n is 0 except for observe).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_sample(
    recorder: *mut RecorderRecord,
    sigma: *mut f32,
    n: usize,
    offset: u64,
    total: u64,
) -> Status {
    unsafe {
        recorded(recorder, &mut |journal, state, out| {
            Ok(journal.sample(state, output(sigma, n)?, offset, total, out)?)
        })
    }
}

/// As `infonoise_observe_masked`, n at most 2^28. Sigmas that are in `recent` are
/// stored by their number in the stream of draws, others by value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_observe(
    recorder: *mut RecorderRecord,
    sigma: *const f32,
    error: *const f32,
    mask: *const u8,
    n: usize,
    rejected: *mut usize,
) -> Status {
    unsafe {
        recorded(recorder, &mut |journal, state, out| {
            let (sigma, error) = (input(sigma, n)?, input(error, n)?);
            let mask = if mask.is_null() { None } else { Some(input(mask, n)?) };
            let count = optional(rejected, 1)?;
            let (refused, used) = journal.observe(state, sigma, error, mask, out)?;
            count.iter_mut().for_each(|count| *count = refused);
            Ok(used)
        })
    }
}

/// As `infonoise_step`; a refresh, done or held, is followed by its digest.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_step(
    recorder: *mut RecorderRecord,
    report: *mut Report,
) -> Status {
    unsafe {
        recorded(recorder, &mut |journal, state, out| {
            if !report.is_null() {
                memory::check_size(report)?;
            }
            let (_, used) = journal.step(state, out)?;
            if !report.is_null() {
                write_report(state, report)?;
            }
            Ok(used)
        })
    }
}

/// A function of its own: inlined, it would increase the stack of the step.
#[inline(never)]
unsafe fn write_report(state: &Scheduler<'_>, report: *mut Report) -> Result<(), Status> {
    unsafe { write_struct(report, state.report()) }
}

/// As `infonoise_set_frozen`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_set_frozen(recorder: *mut RecorderRecord, frozen: u32) -> Status {
    unsafe {
        recorded(recorder, &mut |journal, state, out| {
            if frozen > 1 {
                return Err(Status::INFONOISE_ARGUMENT);
            }
            Ok(journal.set_frozen(state, frozen == 1, out)?)
        })
    }
}

/// As `infonoise_reconfigure`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_reconfigure(
    recorder: *mut RecorderRecord,
    config: *const RawConfig,
    weight: *const f64,
) -> Status {
    unsafe {
        recorded(recorder, &mut |journal, state, out| {
            let config = Config::from_record(&read_struct(config)?).map_err(Error::Config)?;
            let bins = state.reader().bins();
            let weight = if weight.is_null() { None } else { Some(input(weight, bins)?) };
            Ok(journal.reconfigure(state, &config, weight, out)?)
        })
    }
}

/// Records the present digest, which a replay compares with its own: at the end of a
/// run, or wherever a proof is wanted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_digest(recorder: *mut RecorderRecord) -> Status {
    unsafe { recorded(recorder, &mut |journal, state, out| Ok(journal.digest(state, out)?)) }
}

/// Bytes that the replay of a journal needs for its `state` and its `recent`, from the
/// journal's first `head_bytes` bytes.
///
/// Errors: NULL; TRUNCATED (pass more bytes), NOT_A_JOURNAL, JOURNAL_VERSION, CHECKSUM,
/// RECORD; the errors of `infonoise_load`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_replay_needs(
    head: *const c_void,
    head_bytes: usize,
    state_bytes: *mut usize,
    recent_bytes: *mut usize,
) -> Status {
    status(|| {
        let needs = Needs::of(unsafe { memory::bytes_in(head, head_bytes)? })?;
        let (state, recent) = unsafe { (output(state_bytes, 1)?, output(recent_bytes, 1)?) };
        if let ([state], [recent]) = (state, recent) {
            (*state, *recent) = (8 * needs.state_words, 8 * needs.recent_words);
        }
        Ok(())
    })
}

/// Starts the run of a journal in the recorder's `state` and `recent`. `used` receives
/// the bytes read: the next record begins there.
///
/// Errors: as `infonoise_replay_needs`; STRUCT_SIZE; MISALIGNED; TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_replay_begin(
    recorder: *mut RecorderRecord,
    head: *const c_void,
    head_bytes: usize,
) -> Status {
    unsafe {
        with(recorder, |recorder| {
            let head = memory::bytes_in(head, head_bytes)?;
            let words = memory::words_mut(recorder.state, recorder.bytes)?;
            #[cfg(debug_assertions)]
            let _busy = crate::busy::claim(recorder.state)?;
            let recent = memory::any_words_mut(recorder.recent, recorder.recent_bytes)?;
            recorder.used = replay::begin_in(words, recent, head)?;
            Ok(())
        })
    }
}

/// Executes the record at the start of `record`. `used` receives its length and
/// `event`, unless NULL, what it did. More bytes may follow the record.
///
/// Errors: those of a state; NOT_A_JOURNAL, STRUCT_SIZE; TRUNCATED (the record is
/// longer: pass more bytes, or see `infonoise_journal_is_torn`), CHECKSUM, RECORD;
/// DIFFERS if the digests are not equal: `used` and `event` are set then, and the
/// replay may continue.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_replay_next(
    recorder: *mut RecorderRecord,
    record: *const c_void,
    record_bytes: usize,
    event: *mut EventRecord,
) -> Status {
    unsafe {
        with(recorder, |recorder| {
            let mut state = scheduler(recorder.state, recorder.bytes);
            let state = opened_mut(&mut state)?;
            let mut recent = Recent::open(memory::any_words_mut(recorder.recent, recorder.recent_bytes)?)?;
            let record = memory::bytes_in(record, record_bytes)?;
            if !event.is_null() {
                memory::check_size(event)?;
            }
            let (done, used) = replay::apply(state, &mut recent, record)?;
            recorder.used = used;
            let value = event_record(&done, state);
            if !event.is_null() {
                write_struct(event, value)?;
            }
            if value.expected == value.found { Ok(()) } else { Err(Status::INFONOISE_DIFFERS) }
        })
    }
}

fn event_record(event: &Event, state: &Scheduler<'_>) -> EventRecord {
    let blank = EventRecord {
        struct_size: 0,
        kind: 0,
        refreshed: 0,
        held: 0,
        first: 0,
        n: 0,
        offset: 0,
        total: 0,
        rejected: 0,
        steps: state.steps(),
        expected: 0,
        found: 0,
    };
    match *event {
        Event::Sampled { first, n, offset, total } => {
            EventRecord { kind: EventKind::Sampled as u32, first, n, offset, total, ..blank }
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

/// Copies n draws from number `first` on out of `recent`: after a `sampled` event, for
/// example, its global batch.
///
/// Errors: NULL, MISALIGNED, STRUCT_SIZE, TOO_SMALL, NOT_A_JOURNAL; ARGUMENT if
/// `recent` no longer holds one of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_draws(
    recorder: *const RecorderRecord,
    first: u64,
    sigma: *mut f32,
    n: usize,
) -> Status {
    status(|| {
        let recorder = unsafe { read_struct(recorder)? };
        let recent = Recent::open(unsafe { memory::any_words_mut(recorder.recent, recorder.recent_bytes)? })?;
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

/// 1 if `rest`, the bytes of a file after its last whole record, are what an
/// interrupted write leaves; they can be cut off. 0 if they are damaged, or a whole
/// record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_journal_is_torn(rest: *const c_void, rest_bytes: usize) -> u32 {
    match unsafe { memory::bytes_in(rest, rest_bytes) } {
        Ok(rest) => journal::is_torn(rest).into(),
        Err(_) => 0,
    }
}

/// Runs `body` on the caller's recorder and sets `used` to 0 unless it succeeds.
unsafe fn with(
    recorder: *mut RecorderRecord,
    body: impl FnOnce(&mut RecorderRecord) -> Result<(), Status>,
) -> Status {
    status(|| {
        unsafe { memory::check_size(recorder)? };
        let recorder = unsafe { &mut *recorder };
        recorder.used = 0;
        body(recorder)
    })
}

/// A call that writes a record and returns the record's length.
type Verb<'v> = dyn FnMut(&mut Recorder<'_>, &mut Scheduler<'_>, &mut [u8]) -> Result<usize, Status> + 'v;

/// Runs a recorded call on a block and its journal.
unsafe fn recorded(recorder: *mut RecorderRecord, verb: &mut Verb<'_>) -> Status {
    unsafe {
        with(recorder, |recorder| {
            let mut state = scheduler(recorder.state, recorder.bytes);
            let state = opened_mut(&mut state)?;
            let mut journal = Recorder::open(memory::any_words_mut(recorder.recent, recorder.recent_bytes)?)?;
            let out = output(recorder.record.cast::<u8>(), recorder.record_bytes)?;
            recorder.used = verb(&mut journal, state, out)?;
            Ok(())
        })
    }
}
