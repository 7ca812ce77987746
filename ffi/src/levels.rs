//! Noise levels: information grids, the density of the draws, entropic time, coordinates,
//! timesteps.

use crate::memory::{input, opened, output, reader};
use crate::{State, Status, status};
use infonoise::EntropicTime;
use infonoise::{Coordinate, coordinate};

/// Fills `sigma` with n >= 2 noise levels for a sampler, equally spaced in
/// entropic time with the given power (1 is usual, 0 for token data at few steps), from
/// sigma_max down to sigma_min (19). It does not append 0. `gated` 0 uses the rate
/// without the gate.
///
/// Errors: those of a state; NOT_READY before the first refresh; ARGUMENT
/// (n < 2, |power| > 64, gated > 1); GRID_TOO_FINE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_info_grid(
    state: *const State,
    bytes: usize,
    power: f64,
    gated: u32,
    sigma: *mut f32,
    n: usize,
) -> Status {
    status(|| {
        let state = unsafe { reader(state, bytes) };
        let state = opened(&state)?;
        if gated > 1 || n < 2 {
            return Err(Status::INFONOISE_ARGUMENT);
        }
        Ok(state.info_grid(unsafe { output(sigma, n)? }, power, gated == 1)?)
    })
}

/// Fills `sigma` with the midpoints of n equal shares of the draws in force, in ascending
/// order: evenly spread levels for a validation loss. The state does not change.
///
/// Errors: those of a state; ARGUMENT (n > 2^31).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_levels(
    state: *const State,
    bytes: usize,
    sigma: *mut f32,
    n: usize,
) -> Status {
    status(|| {
        let state = unsafe { reader(state, bytes) };
        Ok(opened(&state)?.levels(unsafe { output(sigma, n)? })?)
    })
}

/// Writes the natural logarithms of the density of the draws at n sigmas, per unit
/// ln sigma: -infinity off the grid and where nothing is ever drawn, NaN for NaN. It is
/// exact for the draws in force, and what a loss is divided by (as a probability) to make
/// it unbiased.
///
/// Errors: those of a state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_log_density(
    state: *const State,
    bytes: usize,
    sigma: *const f32,
    n: usize,
    out: *mut f64,
) -> Status {
    status(|| {
        let state = unsafe { reader(state, bytes) };
        let (state, sigma) = (opened(&state)?, unsafe { input(sigma, n)? });
        for (slot, &sigma) in unsafe { output(out, n)? }.iter_mut().zip(sigma) {
            *slot = state.log_density(sigma);
        }
        Ok(())
    })
}

/// Maps n sigmas to entropic time (14): the share of the information (weighted by
/// sigma^power, gated or not) below each sigma, from 0 at sigma_min to 1 at sigma_max.
/// `time` may be `sigma`.
///
/// Errors: as `infonoise_info_grid`, except GRID_TOO_FINE; ARGUMENT for NaN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_to_entropic_time(
    state: *const State,
    bytes: usize,
    power: f64,
    gated: u32,
    sigma: *const f64,
    time: *mut f64,
    n: usize,
) -> Status {
    unsafe { entropic(state, bytes, power, gated, sigma, time, n, |map, sigma| map.at(sigma)) }
}

/// The inverse of `infonoise_to_entropic_time`: the sigmas at which entropic time has
/// the n values `time`, 0 to 1. `sigma` may be `time`.
///
/// Errors: as `infonoise_to_entropic_time`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_from_entropic_time(
    state: *const State,
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
    state: *const State,
    bytes: usize,
    power: f64,
    gated: u32,
    from: *const f64,
    to: *mut f64,
    n: usize,
    map: fn(&EntropicTime<'_>, f64) -> f64,
) -> Status {
    status(|| {
        if gated > 1 {
            return Err(Status::INFONOISE_ARGUMENT);
        }
        let state = unsafe { reader(state, bytes) };
        opened(&state)?.with_entropic_time(power, gated == 1, |time| unsafe {
            each(from, to, n, &|x| !x.is_nan(), &|x| map(time, x))
        })?
    })
}

/// to[i] = f(from[i]); the two may be one array. Nothing is written unless all are valid.
unsafe fn each(
    from: *const f64,
    to: *mut f64,
    n: usize,
    valid: &dyn Fn(f64) -> bool,
    f: &dyn Fn(f64) -> f64,
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
            each(sigma, value, n, &|sigma| kind.accepts(sigma), &|sigma| coordinate::from_sigma(kind, sigma))
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
            each(value, sigma, n, &|value| kind.contains(value), &|value| coordinate::to_sigma(kind, value))
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
