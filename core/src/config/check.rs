//! The rules of the configuration: bounds, fields that depend on each other, and
//! what a running schedule may change.

use crate::config::{Baseline, Config, Objective, Pivot};
use crate::error::{ConfigError, Value};
use crate::maths::{ln, normal_mass};

/// 2^-60, the smallest sigma.
const SIGMA_FLOOR: f64 = 1.0 / (1u64 << 60) as f64;
/// 2^60, the largest sigma.
const SIGMA_CEILING: f64 = (1u64 << 60) as f64;
/// The grid's ends in units of the data: EDM's .002 and 80 are those of its sigma_data .5.
const LOW_END: f64 = 0.004;
const HIGH_END: f64 = 160.0;
/// 2^-20: the narrowest bin in ln sigma, eight f32 steps.
const NARROWEST_BIN: f64 = 1.0 / (1u64 << 20) as f64;
/// A log-normal baseline with a smaller share of its mass on the grid is refused.
const LEAST_ON_GRID: f64 = 1e-9;
/// Step counts up to this are exact in an f64, and sums of two fit in a u64.
const STEPS_CEILING: f64 = (1u64 << 48) as f64;

/// Refuses a value outside `low` to `high`; both bounds are allowed.
#[inline(never)]
fn from(
    field: &'static str,
    value: f64,
    low: f64,
    high: f64,
    remedy: &'static str,
) -> Result<(), ConfigError> {
    // NaN fails both comparisons and is refused by the first.
    if !(value >= low) {
        Err(ConfigError::new(field, value, "at least", low, remedy))
    } else if !(value <= high) {
        Err(ConfigError::new(field, value, "at most", high, remedy))
    } else {
        Ok(())
    }
}

/// Refuses a value unless `low` < value <= `high`.
#[inline(never)]
fn above(
    field: &'static str,
    value: f64,
    low: f64,
    high: f64,
    remedy: &'static str,
) -> Result<(), ConfigError> {
    if value > low {
        from(field, value, low, high, remedy)
    } else {
        Err(ConfigError::new(field, value, "above", low, remedy))
    }
}

/// The bounds of one row of the field table.
macro_rules! bounds {
    ($field:expr, $value:expr, []) => {};
    ($field:expr, $value:expr, [$edge:ident $low:tt to $high:tt, $remedy:literal]) => {
        $edge($field, $value as f64, $low, $high, $remedy)?
    };
}

/// Whether a field keeps the value that it had at init.
macro_rules! is_fixed {
    (fixed) => {
        true
    };
    (free) => {
        false
    };
}

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $when:ident $name:ident: $type:ident = $default:expr, $bounds:tt;)+) => {
        impl Config {
            /// Checks the bounds that do not depend on other fields.
            #[allow(clippy::unnecessary_cast, reason = "some fields are f64 already")]
            fn check_bounds(&self) -> Result<(), ConfigError> {
                $(bounds!(stringify!($name), self.$name, $bounds);)+
                Ok(())
            }

            /// The first field that differs although it is fixed at init.
            fn check_fixed(&self, new: &Config) -> Result<(), ConfigError> {
                $(if is_fixed!($when) && self.$name != new.$name {
                    return Err(fixed(stringify!($name), new.$name.into(), self.$name.into()));
                })+
                Ok(())
            }
        }
    };
}
crate::config_fields!(rules);

#[inline(never)]
fn fixed(field: &'static str, new: Value, old: Value) -> ConfigError {
    ConfigError::new(field, new, "left at", old, "it is fixed at init; start a new block to change it")
}

impl Config {
    /// Both grid ends, as given or in units of the data (docs/specification.md#presets),
    /// rounded to the f32 values that the method uses.
    pub fn ends(&self) -> (f32, f32) {
        let (low, high) = self.exact_ends();
        (low as f32, high as f32)
    }

    fn exact_ends(&self) -> (f64, f64) {
        let (low, high) = if self.sigma_data > 0.0 {
            (LOW_END * self.sigma_data, HIGH_END * self.sigma_data)
        } else {
            (0.002, 80.0)
        };
        let given = |end: f64, automatic: f64| if end == 0.0 { automatic } else { end };
        (given(self.sigma_min, low), given(self.sigma_max, high))
    }

    /// The same configuration with the numbers of the ends that it uses, as a block holds it.
    pub fn resolved(&self) -> Config {
        let (low, high) = self.ends();
        Config { sigma_min: low.into(), sigma_max: high.into(), ..*self }
    }

    /// The step at which a refresh is due after one at `step`, done or held
    /// (docs/specification.md#when-a-refresh-is-due).
    pub(crate) fn next_refresh(&self, step: u64) -> u64 {
        let interval = match step.checked_div(self.refresh_growth.into()) {
            Some(share) => share.max(1).min(self.refresh_every),
            None => self.refresh_every,
        };
        step.saturating_add(interval)
    }

    /// Checks every field against its bounds, then against the others.
    ///
    /// # Errors
    /// The first field that cannot be used, with its bound and the remedy.
    #[inline(never)]
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_bounds()?;
        let (min, max) = self.exact_ends();
        let Config { sigma_min: low, sigma_max: high, .. } = self.resolved();
        let remedy = "sigma is a standard deviation in data units; an end that is 0 follows sigma_data";
        from("sigma_min", min, SIGMA_FLOOR, SIGMA_CEILING, remedy)?;
        from("sigma_max", max, SIGMA_FLOOR, SIGMA_CEILING, remedy)?;
        let too_narrow = |must, remedy| Err(ConfigError::new("sigma_max", max, must, min, remedy));
        if high <= low {
            return too_narrow("above sigma_min =", "swap them, or widen the grid");
        }
        // With this each bin spans at least eight f32 steps: edges are distinct, and no
        // cell of the bin table needs a long search.
        if ln(high) - ln(low) < f64::from(self.bins) * NARROWEST_BIN {
            return too_narrow(
                "well above sigma_min =",
                "f32 cannot hold that many bins between them; widen the grid or use fewer bins",
            );
        }
        if self.objective == Objective::Edm {
            let remedy = "objective edm needs the sigma_data of its loss weight (EDM's is 0.5)";
            from("sigma_data", self.sigma_data, SIGMA_FLOOR, SIGMA_CEILING, remedy)?;
        }
        if self.pivot == Pivot::Fixed {
            let remedy = "pivot fixed needs the sigma at which the gate opens";
            from("pivot_value", self.pivot_value, SIGMA_FLOOR, SIGMA_CEILING, remedy)?;
        }
        if self.baseline == Baseline::LogNormal {
            let (mean, std) = (self.baseline_mean, self.baseline_std);
            from("baseline_mean", mean, -100.0, 100.0, "it is the mean of ln sigma; EDM's is -1.2")?;
            let remedy = "it is the standard deviation of ln sigma; EDM's is 1.2";
            above("baseline_std", std, 0.0, 100.0, remedy)?;
            let z = |end: f64| (ln(end) - mean) / std;
            if normal_mass(z(low), z(high)) < LEAST_ON_GRID {
                return Err(ConfigError::new(
                    "baseline_mean",
                    mean,
                    "nearer to the grid, within a few baseline_std =",
                    std,
                    "the log-normal baseline has no mass on the grid; its mean is that of ln sigma",
                ));
            }
            let remedy = "a log-normal baseline never fills its outer bins without it; 0.02 is usual";
            above("coverage", self.coverage, 0.0, 1.0, remedy)?;
        }
        if self.min_count > self.window {
            return Err(ConfigError::new(
                "min_count",
                self.min_count,
                "at most window =",
                self.window,
                "lower min_count or raise window",
            ));
        }
        Ok(())
    }

    /// Whether a running schedule of this configuration may be reconfigured to `new`.
    ///
    /// # Errors
    /// The first field that differs although it is fixed at init: the grid,
    /// window, objective, sigma_data, reduction, endpoint, draw or baseline.
    #[inline(never)]
    pub fn may_become(&self, new: &Config) -> Result<(), ConfigError> {
        self.resolved().check_fixed(&new.resolved())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Preset;

    fn message(config: Config) -> String {
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn presets_are_valid_and_survive_the_record() {
        for &preset in Preset::ALL {
            let config = Config::preset(preset);
            assert_eq!(Config::from_record(&config.to_record()), Ok(config));
        }
    }

    #[test]
    fn errors_name_value_bound_and_remedy() {
        let base = Config::DEFAULT;
        assert_eq!(
            message(Config { sigma_max: 0.001, ..base }),
            "sigma_max = 0.001 must be above sigma_min = 0.002: swap them, or widen the grid"
        );
        assert_eq!(
            message(Config { baseline: Baseline::LogNormal, coverage: 0.0, ..base }),
            "coverage = 0 must be above 0: a log-normal baseline never fills its outer bins without it; 0.02 is usual"
        );
        assert_eq!(message(Config { bins: 7, ..base }), "bins = 7 must be at least 8: 64 serves most grids");
        let far = Config { baseline: Baseline::LogNormal, baseline_mean: 10.0, baseline_std: 0.1, ..base };
        assert!(message(far).starts_with("baseline_mean = 10 must be nearer to the grid"));
        assert!(message(Config { ema_rate: f64::NAN, ..base }).starts_with("ema_rate = NaN must be above 0"));
        assert!(message(Config { objective: Objective::Edm, ..base }).starts_with("sigma_data = 0"));
        assert!(message(Config { sigma_min: 1.0, sigma_max: 1.000001, ..base }).contains("f32 cannot hold"));
        let other = base.may_become(&Config { objective: Objective::Epsilon, ..base }).unwrap_err();
        assert!(other.to_string().starts_with("objective = epsilon must be left at x0: it is fixed at init"));
        let mut record = base.to_record();
        record.pivot = 9;
        assert_eq!(
            Config::from_record(&record).unwrap_err().to_string(),
            "pivot = 9 must be the code of a name, at most that of off: use the named constants of this ABI version"
        );
    }
}
