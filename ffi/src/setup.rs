//! Configurations and blocks: checking, initialising, reading back, changing.

use crate::memory::{self, copy_curve, opened, output, read_struct, reader, scheduler, write_struct};
use crate::tables::{refused, table};
use crate::{State, Status, size, status, text};
use core::ffi::c_char;
use infonoise::{Config, Error, Preset, RawConfig, Scheduler, state_words};

fn config_of(record: &RawConfig) -> Result<Config, Status> {
    Ok(Config::from_record(record).map_err(Error::Config)?)
}

/// Fills `config` with a preset (`infonoise_preset`). Its `struct_size` must be
/// set: `infonoise_config config = INFONOISE_CONFIG_INIT;`.
///
/// Errors: NULL, STRUCT_SIZE, ARGUMENT (no such preset).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_config_init(config: *mut RawConfig, preset: u32) -> Status {
    status(|| {
        let preset = Preset::from_code(preset).ok_or(Status::INFONOISE_ARGUMENT)?;
        unsafe { write_struct(config, Config::preset(preset).to_record()) }
    })
}

/// Checks a configuration. Unless `message` is NULL, it receives at most
/// `message_bytes` bytes: on failure the field, its value, the bound and the
/// remedy, otherwise the empty string; always 0-terminated.
///
/// Errors: NULL (config), MISALIGNED, STRUCT_SIZE, INVALID_CONFIG.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_config_check(
    config: *const RawConfig,
    message: *mut c_char,
    message_bytes: usize,
) -> Status {
    let mut text = unsafe { text_in(message, message_bytes) };
    status(|| {
        let record = unsafe { read_struct(config)? };
        Config::from_record(&record).map(|_| ()).map_err(|error| refused(error.into(), &mut text))
    })
}

/// Writes sigma_min and sigma_max of the grid of `config` to `ends`, two numbers in data
/// units: as given, or those that follow `sigma_data` where a field is 0.
///
/// Errors: NULL, MISALIGNED, STRUCT_SIZE, INVALID_CONFIG.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_grid_ends(config: *const RawConfig, ends: *mut f32) -> Status {
    status(|| {
        let (low, high) = config_of(&unsafe { read_struct(config)? })?.ends();
        let ends = unsafe { output(ends, 2)? };
        ends.iter_mut().zip([low, high]).for_each(|(end, value)| *end = value);
        Ok(())
    })
}

/// Bytes of a state block for `config`; 0 if the configuration is invalid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_state_bytes(config: *const RawConfig) -> usize {
    size(|| {
        let config = config_of(&unsafe { read_struct(config)? })?;
        Ok(8 * state_words(config.bins as usize, config.window as usize))
    })
}

/// Writes a fresh scheduler into `state`.
///
/// Errors: NULL, MISALIGNED, STRUCT_SIZE, INVALID_CONFIG, TOO_SMALL; TABLE for
/// baseline `table`, whose masses `infonoise_init_with` takes. The block is unchanged
/// then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_init(
    state: *mut State,
    bytes: usize,
    config: *const RawConfig,
    seed: u64,
) -> Status {
    unsafe { infonoise_init_with(state, bytes, config, seed, core::ptr::null(), core::ptr::null()) }
}

/// As `infonoise_init`, with tables of `bins` numbers: `weight`, further
/// positive factors on the fixed weight at the bin centres, and `baseline`, the
/// masses that the warm-up draws from (required by baseline `table`). Either
/// may be NULL.
///
/// Errors: as `infonoise_init`; TABLE for a table that cannot be used:
/// `infonoise_tables_check` names its entry.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_init_with(
    state: *mut State,
    bytes: usize,
    config: *const RawConfig,
    seed: u64,
    weight: *const f64,
    baseline: *const f64,
) -> Status {
    status(|| {
        let config = config_of(&unsafe { read_struct(config)? })?;
        let (weight, baseline) = unsafe { (table(weight, config.bins)?, table(baseline, config.bins)?) };
        let words = unsafe { memory::words_mut(state, bytes)? };
        #[cfg(debug_assertions)]
        let _busy = crate::busy::claim(state)?;
        Ok(Scheduler::init_in(words, &config, seed, weight, baseline)?)
    })
}

/// Checks a block completely: header, configuration, every index and table.
/// Call it on memory from an untrusted source; the other functions access only the
/// block, whatever it holds.
///
/// Errors: those of a state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_validate(state: *const State, bytes: usize) -> Status {
    status(|| Ok(unsafe { reader(state, bytes)? }.validate()?))
}

/// Reads the configuration back; the grid's ends are rounded to f32.
///
/// Errors: those of a state, STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_config_get(
    state: *const State,
    bytes: usize,
    config: *mut RawConfig,
) -> Status {
    status(|| {
        let record = unsafe { reader(state, bytes)? }.config()?.to_record();
        unsafe { write_struct(config, record) }
    })
}

/// Reads the caller's tables back, K numbers each: the weight (1 where none was
/// given) and the baseline (0 where none was given). Either may be NULL.
///
/// Errors: those of a state.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_tables_get(
    state: *const State,
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

/// Changes the fields that are not fixed at init (cadence, EMA rate, gate, pivot,
/// guard, ceiling, smoothing, coverage, emphasis, counts) and, unless `weight` is NULL,
/// the table of `bins` weights. It takes effect at the next refresh.
///
/// Errors: those of a state; STRUCT_SIZE; INVALID_CONFIG for a field that is
/// invalid or fixed at init, TABLE for a weight: `infonoise_reconfigure_check`
/// names either.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_reconfigure(
    state: *mut State,
    bytes: usize,
    config: *const RawConfig,
    weight: *const f64,
) -> Status {
    status(|| {
        let config = config_of(&unsafe { read_struct(config)? })?;
        let mut state = unsafe { scheduler(state, bytes)? };
        let bins = state.reader().bins() as u32;
        let weight = unsafe { table(weight, bins)? };
        Ok(state.reconfigure(&config, weight)?)
    })
}

/// Checks whether `infonoise_reconfigure` would accept `config` and `weight`, and,
/// unless `baseline` is NULL, whether the state has those masses, which are fixed at
/// init. `message` as in `infonoise_tables_check`.
///
/// Errors: as `infonoise_reconfigure`; TABLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_reconfigure_check(
    state: *const State,
    bytes: usize,
    config: *const RawConfig,
    weight: *const f64,
    baseline: *const f64,
    message: *mut c_char,
    message_bytes: usize,
) -> Status {
    let mut text = unsafe { text_in(message, message_bytes) };
    status(|| {
        let record = unsafe { read_struct(config)? };
        let state = unsafe { reader(state, bytes) };
        let state = opened(&state)?;
        let new = Config::from_record(&record).map_err(|error| refused(error.into(), &mut text))?;
        // The tables have K entries of `config`, which is the state's K once that is checked.
        state.check_change(&new, None, None).map_err(|error| refused(error, &mut text))?;
        let (weight, baseline) = unsafe { (table(weight, new.bins)?, table(baseline, new.bins)?) };
        state.check_change(&new, weight, baseline).map_err(|error| refused(error, &mut text))
    })
}

/// The caller's message buffer as an empty text; NULL is a buffer of no bytes.
pub(crate) unsafe fn text_in<'a>(message: *mut c_char, bytes: usize) -> text::Text<'a> {
    let room = if message.is_null() { 0 } else { bytes };
    text::Text::new(unsafe { output(message.cast::<u8>(), room) }.unwrap_or_default())
}
