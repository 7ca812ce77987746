//! Queries: report, profile, diagnosis, digest.

use crate::memory::{self, Sized32, input, opened, optional, output, reader, write_struct};
use crate::{State, Status, status};
use infonoise::{Mismatch, Profile, Report, Schedule, ScheduleKind};

/// The curves of a schedule over its K bins. Point the members that you want to arrays,
/// leave the others NULL, and set `bins` to the number of bins that the arrays have
/// room for. An estimate works in `error`, `rate`, `target` and `density`, so it needs
/// these four.
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
unsafe impl Sized32 for ProfileRecord {}

/// Which profile `infonoise_profile_get` reads.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum ProfileKind {
    /// The sampler in force.
    InForce = 0,
    /// Estimated from what the rings hold now.
    Estimated = 1,
}

/// How far a schedule is from the target.
#[repr(C)]
pub struct MismatchRecord {
    /// `sizeof` this struct, set by `INFONOISE_MISMATCH_INIT`.
    pub struct_size: u32,
    /// In: room in `emphasis`; out: K. May be 0 where `emphasis` is NULL.
    pub bins: u32,
    /// Total variation between realised emphasis and target, 0 to 1.
    pub total_variation: f64,
    /// 5 % quantile of the target.
    pub band_low: f64,
    /// 95 % quantile of the target.
    pub band_high: f64,
    /// Share of the schedule's draws inside that band.
    pub inside_band: f64,
    /// Share of its draws off the grid.
    pub off_grid: f64,
    /// Share of the training budget that is wasted, compared with the density that the
    /// target gives.
    pub wasted: f64,
    /// Realised emphasis, masses of bins (K), or NULL.
    pub emphasis: *mut f64,
}
unsafe impl Sized32 for MismatchRecord {}

/// Reads the report.
///
/// Errors: those of a state, STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_report_get(
    state: *const State,
    bytes: usize,
    report: *mut Report,
) -> Status {
    status(|| {
        let value = unsafe { reader(state, bytes)? }.report();
        unsafe { write_struct(report, value) }
    })
}

/// Reads the profile in force or an estimate from what the rings hold now
/// (`infonoise_profile_kind`).
///
/// Errors: those of a state; STRUCT_SIZE; ARGUMENT (no such kind); TOO_SMALL (`bins`
/// below K); for an estimate NULL (one of its four arrays) and NOT_READY (a bin is empty).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_profile_get(
    state: *const State,
    bytes: usize,
    which: u32,
    profile: *mut ProfileRecord,
) -> Status {
    status(|| {
        let state = unsafe { reader(state, bytes) };
        let state = opened(&state)?;
        unsafe { memory::check_size(profile)? };
        let record = unsafe { &mut *profile };
        if which > 1 {
            return Err(Status::INFONOISE_ARGUMENT);
        }
        if (record.bins as usize) < state.bins() {
            return Err(Status::INFONOISE_TOO_SMALL);
        }
        let needed = [record.error, record.rate, record.target, record.density];
        if which == 1 && needed.iter().any(|curve| curve.is_null()) {
            return Err(Status::INFONOISE_NULL);
        }
        let mut curves = unsafe { curves_of(record, state.bins())? };
        state.profile_into(&mut curves, which == 1)?;
        record.bins = state.bins() as u32;
        Ok(())
    })
}

/// The arrays of a record, those that are NULL as empty.
unsafe fn curves_of<'a>(record: &ProfileRecord, bins: usize) -> Result<Profile<'a>, Status> {
    unsafe {
        Ok(Profile {
            sigma: optional(record.sigma, bins)?,
            edges: optional(record.edges, bins + 1)?,
            cdf: optional(record.cdf, bins + 1)?,
            entropy: optional(record.entropy, bins + 1)?,
            count: optional(record.count, bins)?,
            error: optional(record.error, bins)?,
            rate: optional(record.rate, bins)?,
            gate: optional(record.gate, bins)?,
            target: optional(record.target, bins)?,
            density: optional(record.density, bins)?,
        })
    }
}

/// How far an existing schedule (`infonoise_schedule_kind` with its numbers a and b, or
/// a `table` of K masses) is from the target: from `target`, K masses (of an estimated
/// profile, for example), or from the target in force where `target` is NULL.
///
/// Errors: those of a state; STRUCT_SIZE; ARGUMENT (no such kind, invalid numbers or
/// masses); NULL (kind table without table); NOT_READY (no target in force yet);
/// TOO_SMALL (`emphasis` has no room).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_diagnose(
    state: *const State,
    bytes: usize,
    kind: u32,
    a: f64,
    b: f64,
    table: *const f64,
    target: *const f64,
    mismatch: *mut MismatchRecord,
) -> Status {
    status(|| {
        let state = unsafe { reader(state, bytes) };
        let state = opened(&state)?;
        unsafe { memory::check_size(mismatch)? };
        let record = unsafe { &mut *mismatch };
        let kind = ScheduleKind::from_code(kind).ok_or(Status::INFONOISE_ARGUMENT)?;
        let bins = state.bins();
        let table = match kind {
            ScheduleKind::Table => unsafe { input(table, bins)? },
            _ => &[],
        };
        let target = if target.is_null() { None } else { Some(unsafe { input(target, bins)? }) };
        if target.is_some_and(|masses| !masses.iter().all(|&mass| mass >= 0.0 && mass.is_finite())) {
            return Err(Status::INFONOISE_ARGUMENT);
        }
        if !record.emphasis.is_null() && (record.bins as usize) < bins {
            return Err(Status::INFONOISE_TOO_SMALL);
        }
        let emphasis = unsafe { optional(record.emphasis, bins)? };
        let found: Mismatch = state.diagnose(&Schedule::new(kind, a, b, table), target, emphasis)?;
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

/// The table of the draws, to draw elsewhere (in a GPU kernel, for example) with the
/// same bits. `threshold` receives K + 1 numbers from 0 to 2^32, `edge` K + 1, `slope`
/// K; each may be NULL. Word u of 0 to 2^32 - 1 falls into the one bin k with
/// `threshold[k] <= u < threshold[k + 1]` and gives the sigma
/// `edge[k] + (float)(u - threshold[k]) * slope[k]`, in float, with product and sum
/// each rounded, never fused. If that is not below `edge[k + 1]`, sigma is the largest
/// float below it.
///
/// Errors: those of a state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_sampler_get(
    state: *const State,
    bytes: usize,
    threshold: *mut u64,
    edge: *mut f32,
    slope: *mut f32,
) -> Status {
    status(|| {
        let state = unsafe { reader(state, bytes) };
        let state = opened(&state)?;
        let (bins, table) = (state.config()?.bins as usize, state.draw_table());
        unsafe {
            let threshold = optional(threshold, bins + 1)?;
            let edge = optional(edge, bins + 1)?;
            let slope = optional(slope, bins)?;
            threshold.iter_mut().enumerate().for_each(|(k, to)| *to = table.threshold(k));
            edge.iter_mut().enumerate().for_each(|(k, to)| *to = state.edge(k));
            slope.iter_mut().enumerate().for_each(|(k, to)| *to = table.slope(k));
        }
        Ok(())
    })
}

/// The digest: a number that is the same for equal schedules, on every platform.
///
/// Errors: those of a state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_digest(state: *const State, bytes: usize, digest: *mut u64) -> Status {
    status(|| {
        let state = unsafe { reader(state, bytes) };
        let state = opened(&state)?;
        if let Some(digest) = unsafe { output(digest, 1)? }.first_mut() {
            *digest = state.digest();
        }
        Ok(())
    })
}
