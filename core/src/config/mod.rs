//! The configuration: what the trainer must say, checked in one place.
//!
//! ```
//! use infonoise::{Config, Objective};
//! let config = Config { refresh_every: 50, ..Config::edm(0.5) };
//! assert_eq!(config.objective, Objective::Edm);
//! config.check().unwrap();
//! ```

pub mod raw;

use crate::error::{ConfigError, LEFT_AT};
use crate::maths::{ln, normal_mass};

/// Gives a `repr(u32)` enum its code, its name and the way back.
macro_rules! coded {
    ($kind:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $kind {
            /// Every value, in the order of its code.
            pub const ALL: &[$kind] = &[$($kind::$variant),+];

            /// The number that stands for it in the C ABI and in the block.
            #[inline]
            pub const fn code(self) -> u32 {
                self as u32
            }

            /// The name used by every binding and every report.
            pub const fn name(self) -> &'static str {
                match self { $($kind::$variant => $name),+ }
            }

            /// The same name for C.
            pub const fn c_name(self) -> &'static core::ffi::CStr {
                const fn terminated(name: &'static str) -> &'static core::ffi::CStr {
                    match core::ffi::CStr::from_bytes_with_nul(name.as_bytes()) {
                        Ok(name) => name,
                        Err(_) => panic!("a name holds a 0"),
                    }
                }
                match self { $($kind::$variant => const { terminated(concat!($name, "\0")) }),+ }
            }

            /// The value with that code.
            #[inline]
            pub fn from_code(code: u32) -> Option<Self> {
                Self::ALL.get(code as usize).copied()
            }
        }
    };
}
pub(crate) use coded;

/// The space of the loss that the trainer passes (docs/specification.md#objective).
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    /// (D - x0)^2, fixed weight 1.
    X0 = 0,
    /// (D - x0)^2 before lambda, fixed weight (sigma^2 + sd^2) / (sigma sd)^2 (52).
    Edm = 1,
    /// (eps_hat - eps)^2, fixed weight 1 / sigma^2 in x0 space.
    Epsilon = 2,
    /// (v_hat - v)^2 of flow matching, v = eps - x0, t = sigma / (1 + sigma), t = 1 is noise.
    Velocity = 3,
    /// (v_hat - v)^2, variance preserving, sigma = sqrt(1 - a^2) / a.
    V = 4,
}
coded!(Objective { X0 = "x0", Edm = "edm", Epsilon = "epsilon", Velocity = "velocity", V = "v" });

/// What follows the target density rho (docs/specification.md#emphasis).
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emphasis {
    /// The realised emphasis pi w does (16): pi is proportional to rho / w.
    Target = 0,
    /// The draws do: pi = rho, whatever the weight.
    Samples = 1,
}
coded!(Emphasis { Target = "target", Samples = "samples" });

/// How the data end: decides which pivot rule makes sense.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Real-valued data: the rate grows for ever towards low noise.
    Continuous = 0,
    /// Data on finitely many points: the rate dies below a critical sigma.
    Discrete = 1,
}
coded!(Endpoint { Continuous = "continuous", Discrete = "discrete" });

/// How the pivot of the low-noise gate is found.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pivot {
    /// `onset` for continuous data; `foot`, then `power_law`, then `knee` for discrete data.
    Auto = 0,
    /// `onset_literal` for continuous data; `power_law`, then `knee` for discrete data.
    Paper = 1,
    /// The anchored onset.
    Onset = 2,
    /// The paper's onset (18).
    OnsetLiteral = 3,
    /// The foot of the lowest information peak.
    Foot = 4,
    /// The end of the low-noise power law (B.4).
    PowerLaw = 5,
    /// The deepest point below the chord to the peak.
    Knee = 6,
    /// `pivot_value`.
    Fixed = 7,
    /// No gate.
    Off = 8,
}
coded!(Pivot {
    Auto = "auto", Paper = "paper", Onset = "onset", OnsetLiteral = "onset_literal", Foot = "foot",
    PowerLaw = "power_law", Knee = "knee", Fixed = "fixed", Off = "off",
});

/// What the warm-up draws from.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// Uniform in ln sigma.
    LogUniform = 0,
    /// Normal in ln sigma (`baseline_mean`, `baseline_std`), truncated to the grid.
    LogNormal = 1,
    /// The caller's table of K masses.
    Table = 2,
}
coded!(Baseline { LogUniform = "loguniform", LogNormal = "lognormal", Table = "table" });

/// How the words behind the draws are made.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// One random word for each sigma.
    Independent = 0,
    /// One random word for each global batch, the golden-ratio sequence after it.
    Stratified = 1,
}
coded!(Draw { Independent = "independent", Stratified = "stratified" });

/// Named starting points (docs/specification.md#presets).
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Continuous data, x0 errors.
    Default = 0,
    /// Discrete data, x0 errors.
    Discrete = 1,
    /// EDM preconditioning and loss weight, `sigma_data` .5.
    Edm = 2,
    /// Flow matching with velocity errors, t from .001 to .999.
    Flow = 3,
    /// Epsilon errors on the range of the Stable Diffusion table.
    Epsilon = 4,
    /// The paper's literal rules.
    Paper = 5,
}
coded!(Preset {
    Default = "default", Discrete = "discrete", Edm = "edm", Flow = "flow", Epsilon = "epsilon",
    Paper = "paper",
});

/// The configuration. Sigmas are standard deviations in data units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Bins of the log-sigma grid, K: 8 to 256.
    pub bins: u32,
    /// Losses that each bin remembers, B: 8 to 4096.
    pub window: u32,
    /// Lower end of the grid; rounded to f32.
    pub sigma_min: f64,
    /// Upper end of the grid; rounded to f32.
    pub sigma_max: f64,
    /// The space of the errors passed to `observe`.
    pub objective: Objective,
    /// Standard deviation of the data per dimension; 0 = estimate. Required by `edm`.
    pub sigma_data: f64,
    /// 0: errors are means over dimensions; d: they are sums over d dimensions.
    pub reduction_dim: u32,
    /// What follows the target.
    pub emphasis: Emphasis,
    /// Continuous or discrete data.
    pub endpoint: Endpoint,
    /// The pivot rule.
    pub pivot: Pivot,
    /// c, for `Pivot::Fixed`.
    pub pivot_value: f64,
    /// p of the onset rules.
    pub onset_threshold: f64,
    /// n of the gate (17).
    pub gate_exponent: f64,
    /// Cap the profile at sigma^2.
    pub ceiling: bool,
    /// Hold refreshes that would produce a degenerate sampler.
    pub guard: bool,
    /// Passes of [1 2 1]/4 over ln m.
    pub smoothing: u32,
    /// Share of the draws spread evenly over the bins.
    pub coverage: f64,
    /// What the warm-up draws from.
    pub baseline: Baseline,
    /// Mean of ln sigma for `Baseline::LogNormal`.
    pub baseline_mean: f64,
    /// Standard deviation of ln sigma for `Baseline::LogNormal`.
    pub baseline_std: f64,
    /// Optimizer steps before the first refresh, N_warm.
    pub warmup_steps: u64,
    /// Optimizer steps between refreshes, M.
    pub refresh_every: u64,
    /// Losses that every bin must hold before a refresh, N_min.
    pub min_count: u32,
    /// Weight of the NEW mean in the EMA across refreshes, beta.
    pub ema_rate: f64,
    /// Independent or stratified draws.
    pub draw: Draw,
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Config {
    /// Preset `default`: continuous data, x0 errors.
    /// cbindgen:ignore
    pub const DEFAULT: Config = Config {
        bins: 64,
        window: 256,
        sigma_min: 0.002,
        sigma_max: 80.0,
        objective: Objective::X0,
        sigma_data: 0.0,
        reduction_dim: 0,
        emphasis: Emphasis::Target,
        endpoint: Endpoint::Continuous,
        pivot: Pivot::Auto,
        pivot_value: 0.0,
        onset_threshold: 0.002,
        gate_exponent: 3.0,
        ceiling: true,
        guard: true,
        smoothing: 0,
        coverage: 0.02,
        baseline: Baseline::LogUniform,
        baseline_mean: -1.2,
        baseline_std: 1.2,
        warmup_steps: 500,
        refresh_every: 100,
        min_count: 50,
        ema_rate: 0.9,
        draw: Draw::Independent,
    };

    /// Preset `discrete`: data on finitely many points, x0 errors.
    pub const fn discrete() -> Self {
        Config { endpoint: Endpoint::Discrete, ..Self::DEFAULT }
    }

    /// Preset `edm`: x0 errors before lambda, EDM's loss weight.
    pub const fn edm(sigma_data: f64) -> Self {
        Config { objective: Objective::Edm, sigma_data, ..Self::DEFAULT }
    }

    /// Preset `flow`: velocity errors, t from .001 to .999 (t = 1 is noise).
    pub const fn flow() -> Self {
        Config {
            objective: Objective::Velocity,
            sigma_min: 0.001 / 0.999,
            sigma_max: 0.999 / 0.001,
            ..Self::DEFAULT
        }
    }

    /// Preset `epsilon`: epsilon errors over the sigmas of the Stable Diffusion table.
    pub const fn epsilon() -> Self {
        Config {
            objective: Objective::Epsilon,
            emphasis: Emphasis::Samples,
            sigma_min: 0.0292,
            sigma_max: 14.6,
            ..Self::DEFAULT
        }
    }

    /// Preset `paper`: the literal rules, nothing of ours.
    pub const fn paper(endpoint: Endpoint) -> Self {
        Config { endpoint, pivot: Pivot::Paper, ceiling: false, guard: false, coverage: 0.0, ..Self::DEFAULT }
    }

    /// The preset of that name.
    #[inline(never)]
    pub const fn preset(preset: Preset) -> Self {
        match preset {
            Preset::Default => Self::DEFAULT,
            Preset::Discrete => Self::discrete(),
            Preset::Edm => Self::edm(0.5),
            Preset::Flow => Self::flow(),
            Preset::Epsilon => Self::epsilon(),
            Preset::Paper => Self::paper(Endpoint::Continuous),
        }
    }

    /// Both grid ends as the f32 that the method uses.
    pub fn ends(&self) -> (f32, f32) {
        (self.sigma_min as f32, self.sigma_max as f32)
    }

    /// Checks every field against its bounds and against the others.
    ///
    /// # Errors
    /// The first field that cannot be used, with its bound and the remedy.
    #[inline(never)]
    pub fn check(&self) -> Result<(), ConfigError> {
        let range = |field, value: f64, low: f64, high: f64, remedy| {
            let refuse = |must, bound| Err(ConfigError { field, value, must, bound: Some(bound), remedy });
            // NaN fails both comparisons and is refused by the first.
            if !(value >= low) {
                refuse("at least", low)
            } else if !(value <= high) {
                refuse("at most", high)
            } else {
                Ok(())
            }
        };
        let positive = |field, value: f64, remedy| {
            if value > 0.0 {
                Ok(())
            } else {
                Err(ConfigError { field, value, must: "above", bound: Some(0.0), remedy })
            }
        };
        let (low, high) = self.ends();
        let (low, high) = (f64::from(low), f64::from(high));

        range("bins", self.bins.into(), 8.0, 256.0, "64 serves most grids")?;
        range("window", self.window.into(), 8.0, 4096.0, "256 serves most trainers")?;
        range(
            "sigma_min",
            self.sigma_min,
            SIGMA_FLOOR,
            SIGMA_CEILING,
            "sigma is a standard deviation in data units",
        )?;
        range(
            "sigma_max",
            self.sigma_max,
            SIGMA_FLOOR,
            SIGMA_CEILING,
            "sigma is a standard deviation in data units",
        )?;
        if high <= low {
            return Err(ConfigError {
                field: "sigma_max",
                value: self.sigma_max,
                must: "above sigma_min =",
                bound: Some(self.sigma_min),
                remedy: "swap them, or widen the grid",
            });
        }
        // Each bin then spans at least eight f32 steps, so edges are distinct
        // and no cell of the bin table needs a long search.
        if ln(high) - ln(low) < f64::from(self.bins) * NARROWEST_BIN {
            return Err(ConfigError {
                field: "sigma_max",
                value: self.sigma_max,
                must: "well above sigma_min =",
                bound: Some(self.sigma_min),
                remedy: "f32 cannot hold that many bins between them; widen the grid or use fewer bins",
            });
        }
        range(
            "sigma_data",
            self.sigma_data,
            0.0,
            SIGMA_CEILING,
            "pass the data's standard deviation per dimension, or 0 to estimate it",
        )?;
        if self.objective == Objective::Edm {
            range(
                "sigma_data",
                self.sigma_data,
                SIGMA_FLOOR,
                SIGMA_CEILING,
                "objective edm needs the sigma_data of its loss weight (EDM's is 0.5)",
            )?;
        }
        if self.pivot == Pivot::Fixed {
            range(
                "pivot_value",
                self.pivot_value,
                SIGMA_FLOOR,
                SIGMA_CEILING,
                "pivot fixed needs the sigma at which the gate opens",
            )?;
        }
        positive("onset_threshold", self.onset_threshold, "the paper's is 0.002")?;
        range("onset_threshold", self.onset_threshold, 0.0, 1.0, "the paper's is 0.002")?;
        positive("gate_exponent", self.gate_exponent, "the paper's is 3")?;
        range("gate_exponent", self.gate_exponent, 0.0, 64.0, "the paper's is 3")?;
        range("smoothing", self.smoothing.into(), 0.0, 64.0, "0 to 2 passes are usual")?;
        range(
            "coverage",
            self.coverage,
            0.0,
            1.0,
            "it is the share of draws spread over all bins; 0.02 is usual",
        )?;
        if self.baseline == Baseline::LogNormal {
            range(
                "baseline_mean",
                self.baseline_mean,
                -100.0,
                100.0,
                "it is the mean of ln sigma; EDM's is -1.2",
            )?;
            positive(
                "baseline_std",
                self.baseline_std,
                "it is the standard deviation of ln sigma; EDM's is 1.2",
            )?;
            range(
                "baseline_std",
                self.baseline_std,
                0.0,
                100.0,
                "it is the standard deviation of ln sigma; EDM's is 1.2",
            )?;
            let z = |end: f64| (ln(end) - self.baseline_mean) / self.baseline_std;
            if normal_mass(z(low), z(high)) < LEAST_ON_GRID {
                return Err(ConfigError {
                    field: "baseline_mean",
                    value: self.baseline_mean,
                    must: "nearer to the grid, within a few baseline_std =",
                    bound: Some(self.baseline_std),
                    remedy: "the log-normal baseline has no mass on the grid; its mean is that of ln sigma",
                });
            }
            positive(
                "coverage",
                self.coverage,
                "a log-normal baseline never fills its outer bins without it; 0.02 is usual",
            )?;
        }
        range(
            "refresh_every",
            self.refresh_every as f64,
            1.0,
            STEPS_CEILING,
            "100 optimizer steps are usual",
        )?;
        range("warmup_steps", self.warmup_steps as f64, 0.0, STEPS_CEILING, "500 optimizer steps are usual")?;
        range("min_count", self.min_count.into(), 1.0, f64::from(u32::MAX), "50 losses a bin are usual")?;
        if self.min_count > self.window {
            return Err(ConfigError {
                field: "min_count",
                value: self.min_count.into(),
                must: "at most window =",
                bound: Some(self.window.into()),
                remedy: "lower min_count or raise window",
            });
        }
        positive("ema_rate", self.ema_rate, "it weights the NEW mean; 0.9 is usual")?;
        range("ema_rate", self.ema_rate, 0.0, 1.0, "it weights the NEW mean; 0.9 is usual")
    }

    /// Whether a running schedule of this configuration may take on `new`.
    ///
    /// # Errors
    /// The first field that differs although it is fixed at init: the grid,
    /// window, objective, sigma_data, reduction, endpoint, draw or baseline.
    pub fn may_become(&self, new: &Config) -> Result<(), ConfigError> {
        let (ends, new_ends) = (self.ends(), new.ends());
        let fixed: [(&'static str, f64, f64); 12] = [
            ("bins", self.bins.into(), new.bins.into()),
            ("window", self.window.into(), new.window.into()),
            ("sigma_min", ends.0.into(), new_ends.0.into()),
            ("sigma_max", ends.1.into(), new_ends.1.into()),
            ("objective", self.objective.code().into(), new.objective.code().into()),
            ("sigma_data", self.sigma_data, new.sigma_data),
            ("reduction_dim", self.reduction_dim.into(), new.reduction_dim.into()),
            ("endpoint", self.endpoint.code().into(), new.endpoint.code().into()),
            ("draw", self.draw.code().into(), new.draw.code().into()),
            ("baseline", self.baseline.code().into(), new.baseline.code().into()),
            ("baseline_mean", self.baseline_mean, new.baseline_mean),
            ("baseline_std", self.baseline_std, new.baseline_std),
        ];
        match fixed.into_iter().find(|(_, old, new)| old != new) {
            None => Ok(()),
            Some((field, old, new)) => Err(ConfigError {
                field,
                value: new,
                must: LEFT_AT,
                bound: Some(old),
                remedy: "it is fixed at init; start a new block to change it",
            }),
        }
    }
}

/// The name behind a code of the field, where that is fixed at init and holds codes.
pub(crate) fn code_name(field: &str, code: u32) -> Option<&'static str> {
    match field {
        "objective" => Objective::from_code(code).map(Objective::name),
        "endpoint" => Endpoint::from_code(code).map(Endpoint::name),
        "draw" => Draw::from_code(code).map(Draw::name),
        "baseline" => Baseline::from_code(code).map(Baseline::name),
        _ => None,
    }
}

/// 2^-60, the smallest sigma.
const SIGMA_FLOOR: f64 = 1.0 / (1u64 << 60) as f64;
/// 2^60, the largest sigma.
const SIGMA_CEILING: f64 = (1u64 << 60) as f64;
/// 2^-20: the narrowest bin in ln sigma, eight f32 steps.
const NARROWEST_BIN: f64 = 1.0 / (1u64 << 20) as f64;
/// A log-normal baseline with less of its mass on the grid is a mistake.
const LEAST_ON_GRID: f64 = 1e-9;
/// Step counts stay exact in an f64 and never overflow a u64.
const STEPS_CEILING: f64 = (1u64 << 48) as f64;

#[cfg(test)]
mod tests {
    use super::*;

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
            "pivot = 9 must be at most 8: use the named constants of this ABI version"
        );
    }
}
