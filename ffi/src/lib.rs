//! # infonoise: the C ABI
//!
//! Caller-owned memory, nothing to free, no global state: a state is a block
//! of `infonoise_state_bytes(config)` bytes, 8-aligned, that you may copy,
//! store and send as you like. One block serves one thread at a time.
//!
//! Every function returns an `infonoise_status`, tolerates NULL by returning
//! `INFONOISE_NULL`, and changes nothing unless it returns `INFONOISE_OK`.
//! Arrays of n elements may be NULL where n is 0.

#![cfg_attr(not(feature = "std"), no_std)]
#![allow(clippy::missing_safety_doc, reason = "the pointer rules above hold for every function")]

#[cfg(debug_assertions)]
mod busy;
mod memory;
mod status;
mod text;

use core::ffi::{c_char, c_void};
use infonoise_core::{
    Config, ConfigRecord, Coordinate, Error, Mismatch, Preset, Profile, Reader, Report, Schedule,
    ScheduleKind, Scheduler, coordinate, image, state_words,
};
use memory::{input, output, reader, scheduler, sized_in, sized_out};
pub use status::Status;

/// The version of this ABI: functions and structs are only ever added within
/// one. Compare it with `infonoise_abi_version()` of the library you load.
pub const INFONOISE_ABI_VERSION: u32 = 1;

/// The K curves of a schedule: `infonoise_profile` of the C ABI. Point the
/// members that you want at arrays, leave the others NULL, and set `bins` to
/// the number of bins that they have room for (edges, cdf and entropy hold one
/// more). On return `bins` is K.
#[repr(C)]
pub struct ProfileRecord {
    /// `sizeof` this struct, set by `INFONOISE_PROFILE_INIT`.
    pub struct_size: u32,
    /// In: room; out: K.
    pub bins: u32,
    /// Centres of the bins, standard deviations in data units (K).
    pub sigma: *mut f64,
    /// Edges of the bins (K + 1).
    pub edges: *mut f64,
    /// Share of the draws below each edge (K + 1).
    pub cdf: *mut f64,
    /// Cumulative integral of the rate, nats per dimension (K + 1).
    pub entropy: *mut f64,
    /// Losses that each bin holds (K).
    pub count: *mut f64,
    /// Squared x0 error per dimension, after the ceiling (K).
    pub error: *mut f64,
    /// Nats per unit sigma (K).
    pub rate: *mut f64,
    /// The low-noise gate, 0 to 1 (K).
    pub gate: *mut f64,
    /// The target rho, masses of bins (K).
    pub target: *mut f64,
    /// The density pi, masses of bins (K).
    pub density: *mut f64,
}

/// Which profile `infonoise_profile_get` reads.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum ProfileKind {
    /// The sampler in force.
    InForce = 0,
    /// Estimated from what the rings hold now.
    Estimated = 1,
}

/// How far a schedule is from what the losses ask for: `infonoise_mismatch` of
/// the C ABI.
#[repr(C)]
pub struct MismatchRecord {
    /// `sizeof` this struct, set by `INFONOISE_MISMATCH_INIT`.
    pub struct_size: u32,
    /// In: room in `emphasis`; out: K. May be 0 where `emphasis` is NULL.
    pub bins: u32,
    /// Between realised emphasis and target, 0 to 1.
    pub total_variation: f64,
    /// 5 % quantile of the target.
    pub band_low: f64,
    /// 95 % quantile of the target.
    pub band_high: f64,
    /// Share of the schedule's draws inside that band.
    pub inside_band: f64,
    /// Share of its draws off the grid.
    pub off_grid: f64,
    /// Share of the budget wasted, against the density that the losses ask for.
    pub wasted: f64,
    /// Realised emphasis, masses of bins (K), or NULL.
    pub emphasis: *mut f64,
}

/// Runs `body` and turns its error into a status.
fn status(body: impl FnOnce() -> Result<(), Status>) -> Status {
    match body() {
        Ok(()) => Status::INFONOISE_OK,
        Err(status) => status,
    }
}

fn config_of(record: &ConfigRecord) -> Result<Config, Status> {
    Ok(Config::from_record(record).map_err(Error::Config)?)
}

/// The ABI version of this library: compare with `INFONOISE_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_abi_version() -> u32 {
    INFONOISE_ABI_VERSION
}

/// Fills `config` with a preset (`infonoise_preset`). Its `struct_size` must be
/// set: `infonoise_config config = INFONOISE_CONFIG_INIT;`.
///
/// Errors: NULL, STRUCT_SIZE, ARGUMENT (no such preset).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_config_init(config: *mut ConfigRecord, preset: u32) -> Status {
    status(|| {
        let preset = Preset::from_code(preset).ok_or(Status::INFONOISE_ARGUMENT)?;
        unsafe { sized_out(config, Config::preset(preset).to_record()) }
    })
}

/// Checks a configuration. Unless `message` is NULL, it receives at most
/// `message_bytes` bytes: on failure the field, its value, the bound and the
/// remedy, otherwise the empty string; always 0-terminated.
///
/// Errors: NULL (config), MISALIGNED, STRUCT_SIZE, INVALID_CONFIG.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_config_check(
    config: *const ConfigRecord,
    message: *mut c_char,
    message_bytes: usize,
) -> Status {
    let room = if message.is_null() { 0 } else { message_bytes };
    let mut text = text::Text::new(unsafe { output(message.cast::<u8>(), room) }.unwrap_or_default());
    status(|| {
        let record = unsafe { sized_in(config)? };
        Config::from_record(&record).map(|_| ()).map_err(|error| {
            error.message(&mut |piece| text.put(piece));
            Status::INFONOISE_INVALID_CONFIG
        })
    })
}

/// Bytes of a state block for `config`; 0 if the configuration is invalid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_state_bytes(config: *const ConfigRecord) -> usize {
    let Ok(record) = (unsafe { sized_in(config) }) else { return 0 };
    match Config::from_record(&record) {
        Ok(config) => 8 * state_words(config.bins as usize, config.window as usize),
        Err(_) => 0,
    }
}

/// Writes a fresh scheduler into `state`.
///
/// Errors: NULL, MISALIGNED, STRUCT_SIZE, INVALID_CONFIG, TOO_SMALL. The block
/// is untouched then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_init(
    state: *mut c_void,
    bytes: usize,
    config: *const ConfigRecord,
    seed: u64,
) -> Status {
    unsafe { infonoise_init_with(state, bytes, config, seed, core::ptr::null(), core::ptr::null()) }
}

/// As `infonoise_init`, with tables of `bins` numbers: `weight`, further
/// positive factors on the fixed weight at the bin centres, and `baseline`, the
/// masses that the warm-up draws from (required by baseline `table`). Either
/// may be NULL.
///
/// Errors: as `infonoise_init`; INVALID_CONFIG for a table that cannot be used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_init_with(
    state: *mut c_void,
    bytes: usize,
    config: *const ConfigRecord,
    seed: u64,
    weight: *const f64,
    baseline: *const f64,
) -> Status {
    status(|| {
        let config = config_of(&unsafe { sized_in(config)? })?;
        let table = |table: *const f64| match table.is_null() {
            true => Ok(None),
            false => unsafe { input(table, config.bins as usize) }.map(Some),
        };
        let (weight, baseline) = (table(weight)?, table(baseline)?);
        let words = unsafe { memory::words_mut(state, bytes)? };
        #[cfg(debug_assertions)]
        let _busy = busy::claim(state)?;
        Scheduler::init_with(words, &config, seed, weight, baseline)?;
        Ok(())
    })
}

/// Checks a block completely: header, configuration, every index and table.
/// Worth a call on memory that came from elsewhere; the other functions stay
/// inside the block whatever it holds.
///
/// Errors: NULL, MISALIGNED, TOO_SMALL, NOT_A_STATE, FOREIGN_ENDIAN,
/// WRONG_LAYOUT, CORRUPT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_validate(state: *const c_void, bytes: usize) -> Status {
    status(|| Ok(unsafe { reader(state, bytes)? }.validate()?))
}

/// Reads the configuration back; the grid's ends are the f32 ones.
///
/// Errors: as `infonoise_sample`, STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_config_get(
    state: *const c_void,
    bytes: usize,
    config: *mut ConfigRecord,
) -> Status {
    status(|| {
        let record = unsafe { reader(state, bytes)? }.config()?.to_record();
        unsafe { sized_out(config, record) }
    })
}

/// Reads the caller's tables back, K numbers each: the weight (1 where none was
/// given) and the baseline (0 where none was given). Either may be NULL.
///
/// Errors: as `infonoise_sample`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_tables_get(
    state: *const c_void,
    bytes: usize,
    weight: *mut f64,
    baseline: *mut f64,
) -> Status {
    status(|| {
        let (from_weight, from_baseline) = unsafe { reader(state, bytes)? }.tables();
        unsafe { copy_curve(from_weight, weight) }?;
        unsafe { copy_curve(from_baseline, baseline) }
    })
}

/// Copies into an array unless that is NULL.
unsafe fn copy_curve(from: &[f64], to: *mut f64) -> Result<(), Status> {
    if !to.is_null() {
        for (to, from) in unsafe { output(to, from.len())? }.iter_mut().zip(from) {
            *to = *from;
        }
    }
    Ok(())
}

/// Draws n sigmas.
///
/// Errors: NULL, MISALIGNED, TOO_SMALL, NOT_A_STATE, FOREIGN_ENDIAN,
/// WRONG_LAYOUT, CORRUPT; BUSY in debug builds, if another thread is inside.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_sample(
    state: *mut c_void,
    bytes: usize,
    sigma: *mut f32,
    n: usize,
) -> Status {
    unsafe { infonoise_sample_shard(state, bytes, sigma, n, 0, 1) }
}

/// Draws the n sigmas of `rank` out of a global batch of `world * n`: the
/// ranks' slices, concatenated, are what one process would have drawn.
///
/// Errors: as `infonoise_sample`; ARGUMENT unless rank < world and
/// world * n <= 2^32.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_sample_shard(
    state: *mut c_void,
    bytes: usize,
    sigma: *mut f32,
    n: usize,
    rank: u32,
    world: u32,
) -> Status {
    status(|| {
        let mut state = unsafe { scheduler(state, bytes)? };
        Ok(state.sample_shard(unsafe { output(sigma, n)? }, rank, world)?)
    })
}

/// Takes n per-sample, unweighted errors, squared, in the space of the
/// configured objective, at the sigmas that they were measured at. Any number
/// of calls may come between two steps. `rejected`, unless NULL, receives the
/// number of pairs rejected: sigma off the grid, error negative or not finite.
///
/// Errors: as `infonoise_sample`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_observe(
    state: *mut c_void,
    bytes: usize,
    sigma: *const f32,
    error: *const f32,
    n: usize,
    rejected: *mut usize,
) -> Status {
    unsafe { infonoise_observe_masked(state, bytes, sigma, error, core::ptr::null(), n, rejected) }
}

/// As `infonoise_observe`; pairs whose mask byte is 0 are left out and not
/// counted. `mask` may be NULL.
///
/// Errors: as `infonoise_observe`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_observe_masked(
    state: *mut c_void,
    bytes: usize,
    sigma: *const f32,
    error: *const f32,
    mask: *const u8,
    n: usize,
    rejected: *mut usize,
) -> Status {
    status(|| {
        let mut state = unsafe { scheduler(state, bytes)? };
        unsafe { observe(&mut state, sigma, error, mask, n, rejected) }
    })
}

unsafe fn observe(
    state: &mut Scheduler<'_>,
    sigma: *const f32,
    error: *const f32,
    mask: *const u8,
    n: usize,
    rejected: *mut usize,
) -> Result<(), Status> {
    let (sigma, error) = unsafe { (input(sigma, n)?, input(error, n)?) };
    let mask = if mask.is_null() { None } else { Some(unsafe { input(mask, n)? }) };
    let count = if rejected.is_null() { &mut [] } else { unsafe { output(rejected, 1)? } };
    let refused = state.observe_masked(sigma, error, mask)?;
    if let Some(count) = count.first_mut() {
        *count = refused;
    }
    Ok(())
}

/// Counts one optimizer step and refreshes the sampler if that is due.
/// `report`, unless NULL, receives the report afterwards.
///
/// Errors: as `infonoise_sample`, STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_step(state: *mut c_void, bytes: usize, report: *mut Report) -> Status {
    status(|| {
        let mut state = unsafe { scheduler(state, bytes)? };
        unsafe { step(&mut state, report) }
    })
}

unsafe fn step(state: &mut Scheduler<'_>, report: *mut Report) -> Result<(), Status> {
    if report.is_null() {
        state.step()?;
        return Ok(());
    }
    unsafe { memory::check_size(report)? };
    state.step()?;
    unsafe { sized_out(report, state.report()) }
}

/// observe, step and sample in one call: the errors of this batch in, the
/// sigmas of the next out. `next_sigma` may be `sigma`. `mask`, `rejected` and
/// `report` may be NULL.
///
/// Errors: as the three. What came before the failing part has been done.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_advance(
    state: *mut c_void,
    bytes: usize,
    sigma: *const f32,
    error: *const f32,
    mask: *const u8,
    n: usize,
    next_sigma: *mut f32,
    next_n: usize,
    rejected: *mut usize,
    report: *mut Report,
) -> Status {
    status(|| {
        let mut state = unsafe { scheduler(state, bytes)? };
        // Refuse before anything is changed.
        unsafe { output(next_sigma, next_n)? };
        if !report.is_null() {
            unsafe { memory::check_size(report)? };
        }
        unsafe { observe(&mut state, sigma, error, mask, n, rejected)? };
        unsafe { step(&mut state, report)? };
        Ok(state.sample(unsafe { output(next_sigma, next_n)? })?)
    })
}

/// 1 stops refreshes, 0 lets them go on; draws and observations continue.
///
/// Errors: as `infonoise_sample`; ARGUMENT for other numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_set_frozen(state: *mut c_void, bytes: usize, frozen: u32) -> Status {
    status(|| {
        if frozen > 1 {
            return Err(Status::INFONOISE_ARGUMENT);
        }
        unsafe { scheduler(state, bytes)? }.set_frozen(frozen == 1);
        Ok(())
    })
}

/// Changes what may change while running (cadence, rate, gate, pivot, guard,
/// ceiling, smoothing, coverage, emphasis, counts) and, unless `weight` is NULL,
/// the table of `bins` weights. It takes effect at the next refresh.
///
/// Errors: as `infonoise_sample`; STRUCT_SIZE; INVALID_CONFIG for a field that is
/// invalid or fixed at init: `infonoise_reconfigure_check` names it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_reconfigure(
    state: *mut c_void,
    bytes: usize,
    config: *const ConfigRecord,
    weight: *const f64,
) -> Status {
    status(|| {
        let config = config_of(&unsafe { sized_in(config)? })?;
        let mut state = unsafe { scheduler(state, bytes)? };
        let bins = state.reader().config()?.bins as usize;
        let weight = if weight.is_null() { None } else { Some(unsafe { input(weight, bins)? }) };
        Ok(state.reconfigure(&config, weight)?)
    })
}

/// Checks whether `infonoise_reconfigure` would take `config`, as
/// `infonoise_config_check` does; `message` may be NULL.
///
/// Errors: as `infonoise_reconfigure`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_reconfigure_check(
    state: *const c_void,
    bytes: usize,
    config: *const ConfigRecord,
    message: *mut c_char,
    message_bytes: usize,
) -> Status {
    let room = if message.is_null() { 0 } else { message_bytes };
    let mut text = text::Text::new(unsafe { output(message.cast::<u8>(), room) }.unwrap_or_default());
    status(|| {
        let record = unsafe { sized_in(config)? };
        let old = unsafe { reader(state, bytes)? }.config()?;
        Config::from_record(&record).and_then(|new| old.may_become(&new)).map_err(|error| {
            error.message(&mut |piece| text.put(piece));
            Status::INFONOISE_INVALID_CONFIG
        })
    })
}

/// Reads the report.
///
/// Errors: as `infonoise_sample`, STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_report_get(
    state: *const c_void,
    bytes: usize,
    report: *mut Report,
) -> Status {
    status(|| {
        let value = unsafe { reader(state, bytes)? }.report();
        unsafe { sized_out(report, value) }
    })
}

/// Reads the profile in force or an estimate from what the rings hold now
/// (`infonoise_profile_kind`).
///
/// Errors: as `infonoise_sample`; STRUCT_SIZE; ARGUMENT (no such kind);
/// TOO_SMALL if `bins` is below K; NOT_READY for an estimate while a bin is
/// empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_profile_get(
    state: *const c_void,
    bytes: usize,
    which: u32,
    profile: *mut ProfileRecord,
) -> Status {
    status(|| {
        let state = unsafe { reader(state, bytes)? };
        unsafe { memory::check_size(profile)? };
        let record = unsafe { &mut *profile };
        let curves = match which {
            0 => state.profile()?,
            1 => state.estimate()?,
            _ => return Err(Status::INFONOISE_ARGUMENT),
        };
        unsafe { copy_profile(&curves, record) }
    })
}

unsafe fn copy_profile(curves: &Profile, record: &mut ProfileRecord) -> Result<(), Status> {
    if (record.bins as usize) < curves.sigma.len() {
        return Err(Status::INFONOISE_TOO_SMALL);
    }
    let parts: [(&[f64], *mut f64); 10] = [
        (&curves.sigma, record.sigma),
        (&curves.edges, record.edges),
        (&curves.cdf, record.cdf),
        (&curves.entropy, record.entropy),
        (&curves.count, record.count),
        (&curves.error, record.error),
        (&curves.rate, record.rate),
        (&curves.gate, record.gate),
        (&curves.target, record.target),
        (&curves.density, record.density),
    ];
    for (from, to) in parts {
        unsafe { copy_curve(from, to)? };
    }
    record.bins = curves.sigma.len() as u32;
    Ok(())
}

/// Fills `sigma` with n >= 2 noise levels for a sampler, equally spaced in
/// entropic time with the given power (1 is usual, 0 for token data at few
/// steps), from sigma_max down to sigma_min. Append 0 yourself. `gated` 0 uses
/// the bare rate.
///
/// Errors: as `infonoise_sample`; NOT_READY before the first refresh; ARGUMENT
/// (n < 2, |power| > 64, gated > 1); GRID_TOO_FINE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_info_grid(
    state: *const c_void,
    bytes: usize,
    power: f64,
    gated: u32,
    sigma: *mut f32,
    n: usize,
) -> Status {
    status(|| {
        if gated > 1 {
            return Err(Status::INFONOISE_ARGUMENT);
        }
        let state = unsafe { reader(state, bytes)? };
        Ok(state.info_grid(unsafe { output(sigma, n)? }, power, gated == 1)?)
    })
}

/// Maps n sigmas to entropic time: the share of the information (weighted by
/// sigma^power, gated or not) that lies below each, 0 at sigma_min, 1 at
/// sigma_max. `time` may be `sigma`.
///
/// Errors: as `infonoise_info_grid`, GRID_TOO_FINE apart; ARGUMENT for NaN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_to_entropic_time(
    state: *const c_void,
    bytes: usize,
    power: f64,
    gated: u32,
    sigma: *const f64,
    time: *mut f64,
    n: usize,
) -> Status {
    unsafe { entropic(state, bytes, power, gated, sigma, time, n, |map, sigma| map.at(sigma)) }
}

/// The inverse: the sigmas at which entropic time has the n values `time` of
/// 0 to 1. `sigma` may be `time`.
///
/// Errors: as `infonoise_to_entropic_time`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_from_entropic_time(
    state: *const c_void,
    bytes: usize,
    power: f64,
    gated: u32,
    time: *const f64,
    sigma: *mut f64,
    n: usize,
) -> Status {
    unsafe { entropic(state, bytes, power, gated, time, sigma, n, |map, time| map.sigma(time)) }
}

#[allow(clippy::too_many_arguments, reason = "the two functions above, in one")]
unsafe fn entropic(
    state: *const c_void,
    bytes: usize,
    power: f64,
    gated: u32,
    from: *const f64,
    to: *mut f64,
    n: usize,
    map: impl Fn(&infonoise_core::entropic::EntropicTime, f64) -> f64,
) -> Status {
    status(|| {
        if gated > 1 {
            return Err(Status::INFONOISE_ARGUMENT);
        }
        let time = unsafe { reader(state, bytes)? }.entropic_time(power, gated == 1)?;
        unsafe { each(from, to, n, |x| !x.is_nan(), |x| map(&time, x)) }
    })
}

/// to[i] = f(from[i]); the two may be one array. Nothing is written unless all are valid.
unsafe fn each(
    from: *const f64,
    to: *mut f64,
    n: usize,
    valid: impl Fn(f64) -> bool,
    f: impl Fn(f64) -> f64,
) -> Result<(), Status> {
    unsafe { output(to, n)? };
    if !unsafe { input(from, n)? }.iter().all(|&x| valid(x)) {
        return Err(Status::INFONOISE_ARGUMENT);
    }
    for i in 0..n {
        unsafe { to.add(i).write(f(from.add(i).read())) };
    }
    Ok(())
}

/// Converts n sigmas into another coordinate (`infonoise_coordinate`). Flow time
/// t = sigma / (1 + sigma): t = 1 is noise. `value` may be `sigma`.
///
/// Errors: NULL, MISALIGNED, ARGUMENT (no such coordinate; a sigma that is
/// negative, not finite, or 0 where a logarithm is taken).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_from_sigma(
    coordinate: u32,
    sigma: *const f64,
    value: *mut f64,
    n: usize,
) -> Status {
    status(|| {
        let kind = Coordinate::from_code(coordinate).ok_or(Status::INFONOISE_ARGUMENT)?;
        unsafe {
            each(sigma, value, n, |sigma| kind.accepts(sigma), |sigma| coordinate::from_sigma(kind, sigma))
        }
    })
}

/// The inverse of `infonoise_from_sigma`. `sigma` may be `value`.
///
/// Errors: as `infonoise_from_sigma`; ARGUMENT for a flow time outside [0, 1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_to_sigma(
    coordinate: u32,
    value: *const f64,
    sigma: *mut f64,
    n: usize,
) -> Status {
    status(|| {
        let kind = Coordinate::from_code(coordinate).ok_or(Status::INFONOISE_ARGUMENT)?;
        unsafe {
            each(value, sigma, n, |value| kind.contains(value), |value| coordinate::to_sigma(kind, value))
        }
    })
}

/// For trainers with discrete timesteps: replaces each of n sigmas by the
/// nearest entry (in ln sigma) of `table`, positive and strictly monotone, and
/// writes its index. Observe the snapped sigmas.
///
/// Errors: NULL, MISALIGNED, ARGUMENT. Nothing has changed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_snap(
    sigma: *mut f32,
    index: *mut u32,
    n: usize,
    table: *const f32,
    entries: usize,
) -> Status {
    status(|| {
        let (sigma, index) = unsafe { (output(sigma, n)?, output(index, n)?) };
        Ok(coordinate::snap_all(sigma, unsafe { input(table, entries)? }, index)?)
    })
}

/// How far an existing schedule (`infonoise_schedule_kind` with its numbers a
/// and b, or a `table` of K masses) is from what the losses ask for, by the
/// profile in force or an estimate (`infonoise_profile_kind`).
///
/// Errors: as `infonoise_sample`; STRUCT_SIZE; ARGUMENT (no such kind, numbers
/// that make no sense); NULL (kind table without table); NOT_READY; TOO_SMALL if
/// `emphasis` has no room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_diagnose(
    state: *const c_void,
    bytes: usize,
    which: u32,
    kind: u32,
    a: f64,
    b: f64,
    table: *const f64,
    mismatch: *mut MismatchRecord,
) -> Status {
    status(|| {
        let state = unsafe { reader(state, bytes)? };
        unsafe { memory::check_size(mismatch)? };
        let record = unsafe { &mut *mismatch };
        let kind = ScheduleKind::from_code(kind).ok_or(Status::INFONOISE_ARGUMENT)?;
        let bins = state.config()?.bins as usize;
        let table = match kind {
            ScheduleKind::Table => unsafe { input(table, bins)? },
            _ => &[],
        };
        if which > 1 {
            return Err(Status::INFONOISE_ARGUMENT);
        }
        if !record.emphasis.is_null() && (record.bins as usize) < bins {
            return Err(Status::INFONOISE_TOO_SMALL);
        }
        let found: Mismatch = state.diagnose(&Schedule::new(kind, a, b, table), which == 1)?;
        unsafe { copy_curve(&found.emphasis, record.emphasis)? };
        record.bins = bins as u32;
        record.total_variation = found.total_variation;
        record.band_low = found.band_low;
        record.band_high = found.band_high;
        record.inside_band = found.inside_band;
        record.off_grid = found.off_grid;
        record.wasted = found.wasted;
        Ok(())
    })
}

/// A number that two equal schedules share, on every platform.
///
/// Errors: as `infonoise_sample`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_digest(state: *const c_void, bytes: usize, digest: *mut u64) -> Status {
    status(|| {
        let state: Reader<'_> = unsafe { reader(state, bytes)? };
        if let Some(digest) = unsafe { output(digest, 1)? }.first_mut() {
            *digest = state.digest();
        }
        Ok(())
    })
}

/// Bytes of the portable image of a block; 0 if it holds no scheduler.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_image_bytes(state: *const c_void, bytes: usize) -> usize {
    match unsafe { reader(state, bytes) }.and_then(|state| Ok(state.config()?)) {
        Ok(config) => image::bytes(config.bins as usize, config.window as usize),
        Err(_) => 0,
    }
}

/// Writes the portable image of a block: little-endian, with a checksum, good
/// for checkpoints and for machines of the other byte order.
///
/// Errors: as `infonoise_sample`; TOO_SMALL if `image_bytes` is below
/// `infonoise_image_bytes`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_save(
    state: *const c_void,
    bytes: usize,
    image: *mut c_void,
    image_bytes: usize,
) -> Status {
    status(|| {
        let state = unsafe { reader(state, bytes)? };
        if image.is_null() {
            return Err(Status::INFONOISE_NULL);
        }
        // No more than is needed, whatever the caller says that there is.
        let room = image_bytes.min(image::bytes(256, 4096));
        Ok(state.save(unsafe { output(image.cast::<u8>(), room)? })?)
    })
}

/// Bytes of the block that an image needs, after checking the image's head and
/// checksum.
///
/// Errors: as `infonoise_load`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_image_state_bytes(
    image: *const c_void,
    image_bytes: usize,
    bytes: *mut usize,
) -> Status {
    status(|| {
        let needed = image::state_words_of(unsafe { image_of(image, image_bytes)? })?;
        if let Some(bytes) = unsafe { output(bytes, 1)? }.first_mut() {
            *bytes = 8 * needed;
        }
        Ok(())
    })
}

/// Writes the schedule of an image into `state`, after checking everything.
///
/// Errors: NULL, MISALIGNED, NOT_AN_IMAGE, TRUNCATED, IMAGE_VERSION, IMAGE_SIZE,
/// CHECKSUM, CORRUPT (values out of range), TOO_SMALL (`bytes`). The block is
/// untouched then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_load(
    state: *mut c_void,
    bytes: usize,
    image: *const c_void,
    image_bytes: usize,
) -> Status {
    status(|| {
        let image = unsafe { image_of(image, image_bytes)? };
        let words = unsafe { memory::words_mut(state, bytes)? };
        #[cfg(debug_assertions)]
        let _busy = busy::claim(state)?;
        Scheduler::load(words, image)?;
        Ok(())
    })
}

unsafe fn image_of<'a>(image: *const c_void, bytes: usize) -> Result<&'a [u8], Status> {
    if image.is_null() {
        return Err(Status::INFONOISE_NULL);
    }
    unsafe { input(image.cast::<u8>(), bytes) }
}

#[cfg(not(feature = "std"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Release builds cannot get here: a test holds the archive to it.
    loop {
        core::hint::spin_loop();
    }
}

/// Unoptimised `core` refers to it although nothing here unwinds.
#[cfg(all(debug_assertions, not(feature = "std")))]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
