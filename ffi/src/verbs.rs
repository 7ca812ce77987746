//! The calls of a training step: sample, observe, step, and all three in one.

use crate::memory::{self, input, output, scheduler, write_struct};
use crate::{State, Status, status};
use infonoise::{Report, Scheduler, StateRef};

/// Draws n sigmas.
///
/// Errors: those of a state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_sample(
    state: *mut State,
    bytes: usize,
    sigma: *mut f32,
    n: usize,
) -> Status {
    unsafe { infonoise_sample_slice(state, bytes, sigma, n, 0, n as u64) }
}

/// Draws the n sigmas of `rank` in a global batch of `world * n`. The concatenated
/// slices of all ranks are what one process would have drawn.
///
/// Errors: those of a state; ARGUMENT unless rank < world and
/// world * n <= 2^32.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_sample_shard(
    state: *mut State,
    bytes: usize,
    sigma: *mut f32,
    n: usize,
    rank: u32,
    world: u32,
) -> Status {
    match Scheduler::shard(n, rank, world) {
        Some((offset, total)) => unsafe { infonoise_sample_slice(state, bytes, sigma, n, offset, total) },
        None => Status::INFONOISE_ARGUMENT,
    }
}

/// Draws the n sigmas from number `offset` on of a global batch of `total`. Slices of any
/// lengths that cover the batch are together what one process would have drawn; every
/// rank calls this for every batch, with n = 0 too.
///
/// Errors: those of a state; ARGUMENT unless offset + n <= total <= 2^32.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_sample_slice(
    state: *mut State,
    bytes: usize,
    sigma: *mut f32,
    n: usize,
    offset: u64,
    total: u64,
) -> Status {
    status(|| {
        let words = unsafe { memory::words_mut(state, bytes)? };
        #[cfg(debug_assertions)]
        let _busy = crate::busy::claim(state)?;
        Ok(Scheduler::sample_in(words, unsafe { output(sigma, n)? }, offset, total)?)
    })
}

/// Takes n per-sample, unweighted errors, squared, in the space of the
/// configured objective, at the sigmas that they were measured at. Any number
/// of calls may come between two steps. `rejected`, unless NULL, receives the
/// number of pairs rejected: sigma off the grid, error negative or not finite.
///
/// Errors: those of a state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_observe(
    state: *mut State,
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
    state: *mut State,
    bytes: usize,
    sigma: *const f32,
    error: *const f32,
    mask: *const u8,
    n: usize,
    rejected: *mut usize,
) -> Status {
    status(|| {
        let words = unsafe { memory::words_mut(state, bytes)? };
        #[cfg(debug_assertions)]
        let _busy = crate::busy::claim(state)?;
        unsafe { observe(words, sigma, error, mask, n, rejected) }
    })
}

// A function of its own: inlined, it would increase the stack of its callers.
#[inline(never)]
unsafe fn observe(
    words: &mut [u64],
    sigma: *const f32,
    error: *const f32,
    mask: *const u8,
    n: usize,
    rejected: *mut usize,
) -> Result<(), Status> {
    let (sigma, error) = unsafe { (input(sigma, n)?, input(error, n)?) };
    let mask = if mask.is_null() { None } else { Some(unsafe { input(mask, n)? }) };
    let count = if rejected.is_null() { &mut [] } else { unsafe { output(rejected, 1)? } };
    let refused = Scheduler::observe_in(words, sigma, error, mask)?;
    if let Some(count) = count.first_mut() {
        *count = refused;
    }
    Ok(())
}

/// Counts one optimizer step and refreshes the sampler if that is due.
/// `report`, unless NULL, receives the report afterwards.
///
/// Errors: those of a state, STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_step(state: *mut State, bytes: usize, report: *mut Report) -> Status {
    status(|| {
        let words = unsafe { memory::words_mut(state, bytes)? };
        #[cfg(debug_assertions)]
        let _busy = crate::busy::claim(state)?;
        unsafe { step(words, report) }
    })
}

#[inline(always)]
unsafe fn step(words: &mut [u64], report: *mut Report) -> Result<(), Status> {
    if report.is_null() {
        Scheduler::step_in(words)?;
        return Ok(());
    }
    unsafe { memory::check_size(report)? };
    Scheduler::step_in(words)?;
    unsafe { write_report(words, report) }
}

/// A function of its own: inlined, it would increase the stack of the step.
#[inline(never)]
unsafe fn write_report(words: &[u64], report: *mut Report) -> Result<(), Status> {
    unsafe { write_struct(report, StateRef::report_in(words)?) }
}

/// observe, step and sample in one call: takes the errors of this batch and draws the
/// sigmas of the next. `next_sigma` may be `sigma`. `mask`, `rejected` and `report` may
/// be NULL.
///
/// Errors: as those three. Nothing has changed then, unless the block is CORRUPT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_advance(
    state: *mut State,
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
        let words = unsafe { memory::words_mut(state, bytes)? };
        #[cfg(debug_assertions)]
        let _busy = crate::busy::claim(state)?;
        StateRef::probe(words)?;
        // Checked before anything is changed.
        unsafe { output(next_sigma, next_n)? };
        if !report.is_null() {
            unsafe { memory::check_size(report)? };
        }
        unsafe { observe(words, sigma, error, mask, n, rejected)? };
        unsafe { step(words, report)? };
        Ok(Scheduler::sample_in(words, unsafe { output(next_sigma, next_n)? }, 0, next_n as u64)?)
    })
}

/// 1 stops refreshes, 0 resumes them; draws and observations continue.
///
/// Errors: those of a state; ARGUMENT for other numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_set_frozen(state: *mut State, bytes: usize, frozen: u32) -> Status {
    status(|| {
        if frozen > 1 {
            return Err(Status::INFONOISE_ARGUMENT);
        }
        unsafe { scheduler(state, bytes)? }.set_frozen(frozen == 1);
        Ok(())
    })
}
