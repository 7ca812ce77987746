//! Checks of the caller's tables, and the masses of named schedules.

use crate::memory::{input, output, read_struct};
use crate::text::Text;
use crate::{Status, status};
use core::ffi::c_char;
use infonoise::{Config, Error, RawConfig, Schedule, ScheduleKind};

/// K numbers, or none for NULL, which means no table.
pub(crate) unsafe fn table<'a>(pointer: *const f64, bins: u32) -> Result<Option<&'a [f64]>, Status> {
    if pointer.is_null() { Ok(None) } else { unsafe { input(pointer, bins as usize) }.map(Some) }
}

/// The status of an error; its message, if it has one, is written to the caller's
/// buffer. Never inlined, since each copy would include the printing of numbers.
#[cold]
#[inline(never)]
pub(crate) fn refused(error: Error, text: &mut Text<'_>) -> Status {
    if let Error::Config(error) | Error::Table(error) = &error {
        error.message(&mut |piece| text.put(piece));
    }
    error.into()
}

/// Checks a configuration and the tables that `infonoise_init_with` would get with
/// it: `weight` and `baseline`, `bins` numbers each, or NULL. `message` as in
/// `infonoise_config_check`; for a table it names the index of the bad entry, its
/// value, the bound and the remedy.
///
/// Errors: NULL (config), MISALIGNED, STRUCT_SIZE, INVALID_CONFIG, TABLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_tables_check(
    config: *const RawConfig,
    weight: *const f64,
    baseline: *const f64,
    message: *mut c_char,
    message_bytes: usize,
) -> Status {
    let mut text = unsafe { crate::setup::text_in(message, message_bytes) };
    status(|| {
        let record = unsafe { read_struct(config)? };
        let config = Config::from_record(&record).map_err(|error| refused(error.into(), &mut text))?;
        let (weight, baseline) = unsafe { (table(weight, config.bins)?, table(baseline, config.bins)?) };
        config.check_tables(weight, baseline).map_err(|error| refused(error, &mut text))
    })
}

/// The share of a schedule's draws in each bin of the grid of `config`; if they sum to
/// less than 1, the rest of the draws is off the grid. The schedule is an
/// `infonoise_schedule_kind` with its numbers a and b, or a `table` of `bins` masses;
/// `masses` has room for n numbers and receives `bins`.
///
/// Errors: NULL, MISALIGNED, STRUCT_SIZE, INVALID_CONFIG, TOO_SMALL (n is below
/// `bins`), ARGUMENT (no such kind, invalid numbers).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_schedule_masses(
    config: *const RawConfig,
    kind: u32,
    a: f64,
    b: f64,
    table: *const f64,
    masses: *mut f64,
    n: usize,
) -> Status {
    status(|| {
        let config = Config::from_record(&unsafe { read_struct(config)? }).map_err(Error::Config)?;
        let kind = ScheduleKind::from_code(kind).ok_or(Status::INFONOISE_ARGUMENT)?;
        let bins = config.bins as usize;
        let table = match kind {
            ScheduleKind::Table => unsafe { input(table, bins)? },
            _ => &[],
        };
        if n < bins {
            return Err(Status::INFONOISE_TOO_SMALL);
        }
        Ok(Schedule::new(kind, a, b, table).masses(&config, unsafe { output(masses, bins)? })?)
    })
}
