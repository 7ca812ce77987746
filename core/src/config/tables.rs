//! The caller's tables: K weights at the bin centres, and the K masses of a baseline
//! (docs/specification.md#baseline).

use crate::config::{Baseline, Config};
use crate::error::{ConfigError, Error};
use crate::persist::bytes::F64Values;

#[test]
fn example() {
    let mut weight = [1.0; 64];
    weight[17] = -1.0;
    assert_eq!(
        check_tables(&Config::DEFAULT, Some(&F64Values::Slice(&weight)), None).unwrap_err().to_string(),
        "weight[17] = -1 must be above 0: it is the factor on the error at that bin's centre"
    );
}

/// An entry of a table that cannot be used.
#[cold]
#[inline(never)]
fn table_error(
    field: &'static str,
    index: usize,
    value: f64,
    must: &'static str,
    bound: f64,
    remedy: &'static str,
) -> Result<(), Error> {
    let error = ConfigError::new(field, value, must, bound, remedy);
    Err(Error::Table(ConfigError { index: Some(index as u32), ..error }))
}

/// Checks a caller's weight table: one positive, finite factor for each bin.
///
/// # Errors
/// `Length`, `Table`.
pub fn check_weight(table: &F64Values<'_>, bins: usize) -> Result<(), Error> {
    if table.len() != bins {
        return Err(Error::Length);
    }
    let Some((k, w)) = table.iter().enumerate().find(|(_, w)| !(*w >= f64::MIN_POSITIVE && w.is_finite()))
    else {
        return Ok(());
    };
    let (must, bound) = if !w.is_finite() {
        ("finite and above", 0.0)
    } else if w > 0.0 {
        ("at least", f64::MIN_POSITIVE)
    } else {
        ("above", 0.0)
    };
    table_error("weight", k, w, must, bound, "it is the factor on the error at that bin's centre")
}

/// Checks a caller's table of baseline masses.
///
/// # Errors
/// `Length`, `Table`.
pub fn check_baseline(config: &Config, table: &F64Values<'_>) -> Result<(), Error> {
    const FIELD: &str = "baseline_table";
    if table.len() != config.bins as usize {
        return Err(Error::Length);
    }
    if let Some((k, mass)) = table.iter().enumerate().find(|(_, mass)| !(*mass >= 0.0 && mass.is_finite())) {
        let must = if mass.is_finite() { "at least" } else { "finite and at least" };
        return table_error(
            FIELD,
            k,
            mass,
            must,
            0.0,
            "it is the mass that the warm-up draws from in that bin",
        );
    }
    let largest = table.iter().fold(0.0, f64::max);
    if largest < f64::MIN_POSITIVE {
        let remedy = "the warm-up needs a bin to draw from";
        let error =
            ConfigError::new(FIELD, largest, "positive somewhere, at least", f64::MIN_POSITIVE, remedy);
        return Err(Error::Table(error));
    }
    if config.coverage == 0.0 {
        if let Some(k) = table.iter().position(|mass| mass == 0.0) {
            let remedy =
                "a bin without mass never fills, and no refresh would run; set coverage, 0.02 is usual";
            return table_error(FIELD, k, 0.0, "above", 0.0, remedy);
        }
    }
    Ok(())
}

/// Checks the tables that a schedule of `config` starts with; `config` is checked already.
///
/// # Errors
/// `Length`; `Table` names the bad entry, or says that baseline `table` needs a table
/// of masses and only it takes one.
#[inline(never)]
pub fn check_tables(
    config: &Config,
    weight: Option<&F64Values<'_>>,
    baseline: Option<&F64Values<'_>>,
) -> Result<(), Error> {
    if let Some(table) = weight {
        check_weight(table, config.bins as usize)?;
    }
    match (config.baseline, baseline) {
        (Baseline::Table, Some(table)) => check_baseline(config, table),
        (Baseline::Table, None) => Err(Error::Table(ConfigError::new(
            "baseline",
            config.baseline,
            "given with a table of masses, bins =",
            config.bins,
            "pass one mass for each bin (baseline_table), or choose another baseline",
        ))),
        (_, Some(_)) => Err(Error::Table(ConfigError::new(
            "baseline",
            config.baseline,
            "set to",
            Baseline::Table,
            "a table of masses (baseline_table) goes with that baseline alone",
        ))),
        (_, None) => Ok(()),
    }
}

/// Checks whether a running schedule of `old` with the masses `stored` may be
/// reconfigured to `new` with these tables. Without a table it keeps the one that it
/// has.
///
/// # Errors
/// `Config` names a field that is invalid or fixed at init; `Length`; `Table` names
/// a bad weight, or a mass that differs from the stored one.
#[inline(never)]
pub fn check_change(
    old: &Config,
    new: &Config,
    stored: &[f64],
    weight: Option<&F64Values<'_>>,
    baseline: Option<&F64Values<'_>>,
) -> Result<(), Error> {
    new.check()?;
    old.may_become(new)?;
    if let Some(table) = weight {
        check_weight(table, stored.len())?;
    }
    let Some(table) = baseline else { return Ok(()) };
    check_tables(new, None, baseline)?;
    match table.iter().zip(stored).enumerate().find(|(_, (mass, stored))| mass != *stored) {
        None => Ok(()),
        Some((k, (mass, &stored))) => {
            let remedy = "it is fixed at init; start a new schedule to change it";
            table_error("baseline_table", k, mass, "left at", stored, remedy)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight_message(k: usize, w: f64) -> String {
        let mut table = [1.0; 64];
        table[k] = w;
        check_tables(&Config::DEFAULT, Some(&F64Values::Slice(&table)), None).unwrap_err().to_string()
    }

    fn baseline_message(config: Config, table: Option<&[f64]>) -> String {
        let error = check_tables(&config, None, table.map(F64Values::Slice).as_ref()).unwrap_err();
        assert!(matches!(error, Error::Table(_)), "{error:?}");
        error.to_string()
    }

    #[test]
    fn a_bad_entry_is_named() {
        assert!(weight_message(0, f64::NAN).starts_with("weight[0] = NaN must be finite and above 0: "));
        assert!(
            weight_message(63, f64::INFINITY).starts_with("weight[63] = inf must be finite and above 0: ")
        );
        assert!(weight_message(5, 1e-310).starts_with("weight[5] = 1e-310 must be at least 2.225074e-308: "));
        let config = Config { baseline: Baseline::Table, ..Config::DEFAULT };
        let message = |k: usize, mass: f64| {
            let mut table = [1.0; 64];
            table[k] = mass;
            baseline_message(Config { coverage: 0.0, ..config }, Some(&table))
        };
        assert!(message(63, -1.0).starts_with("baseline_table[63] = -1 must be at least 0: "));
        assert!(message(9, f64::NAN).starts_with("baseline_table[9] = NaN must be finite and at least 0: "));
        assert!(message(7, 0.0).starts_with("baseline_table[7] = 0 must be above 0: a bin without mass"));
        assert!(
            baseline_message(config, Some(&[0.0; 64]))
                .starts_with("baseline_table = 0 must be positive somewhere")
        );
    }

    #[test]
    fn a_table_baseline_and_its_table_go_together() {
        let config = Config { baseline: Baseline::Table, ..Config::DEFAULT };
        assert_eq!(
            baseline_message(config, None),
            "baseline = table must be given with a table of masses, bins = 64: \
             pass one mass for each bin (baseline_table), or choose another baseline"
        );
        assert_eq!(
            baseline_message(Config::DEFAULT, Some(&[1.0; 64])),
            "baseline = loguniform must be set to table: \
             a table of masses (baseline_table) goes with that baseline alone"
        );
        assert!(check_tables(&config, None, Some(&F64Values::Slice(&[1.0; 64]))).is_ok());
        assert_eq!(check_tables(&config, None, Some(&F64Values::Slice(&[1.0; 63]))), Err(Error::Length));
    }

    #[test]
    fn a_running_schedule_keeps_its_masses() {
        let config = Config { baseline: Baseline::Table, ..Config::DEFAULT };
        let (stored, mut other) = ([1.0; 64], [1.0; 64]);
        other[3] = 2.0;
        let change = |weight: Option<&[f64]>, baseline: Option<&[f64]>| {
            let (weight, baseline) = (weight.map(F64Values::Slice), baseline.map(F64Values::Slice));
            check_change(&config, &config, &stored, weight.as_ref(), baseline.as_ref())
        };
        assert_eq!(change(Some(&other), Some(&stored)), Ok(()));
        assert_eq!(
            change(None, Some(&other)).unwrap_err().to_string(),
            "baseline_table[3] = 2 must be left at 1: it is fixed at init; start a new schedule to change it"
        );
        other[3] = 0.0;
        assert!(
            change(Some(&other), None).unwrap_err().to_string().starts_with("weight[3] = 0 must be above 0")
        );
        let moved = Config { draw: crate::config::Draw::Stratified, ..config };
        assert_eq!(
            check_change(&config, &moved, &stored, None, None).unwrap_err().to_string(),
            "draw = stratified must be left at independent: it is fixed at init; start a new block to change it"
        );
    }
}
