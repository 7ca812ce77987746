//! The record: a configuration as plain words, for the block and the C ABI.
//!
//! ```
//! use infonoise::Config;
//! let mut record = Config::DEFAULT.to_record();
//! assert_eq!(Config::from_record(&record), Ok(Config::DEFAULT));
//! record.pivot = 99; // no such rule
//! assert!(Config::from_record(&record).is_err());
//! ```

use crate::config::{Baseline, Config, Draw, Emphasis, Endpoint, Objective, Pivot};
use crate::error::ConfigError;
use bytemuck::{Pod, Zeroable};

/// The configuration as plain words: `infonoise_config` of the C ABI, and what
/// the block stores. Enum fields hold the codes of their enum. Fill it with
/// `infonoise_config_init`, then change what differs.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct RawConfig {
    /// `sizeof` this struct, set by `INFONOISE_CONFIG_INIT`.
    pub struct_size: u32,
    /// K, 8 to 256.
    pub bins: u32,
    /// B, 8 to 4096.
    pub window: u32,
    /// `infonoise_objective`: the space of the errors.
    pub objective: u32,
    /// 0: errors are means over dimensions; d: sums over d.
    pub reduction_dim: u32,
    /// `infonoise_emphasis`.
    pub emphasis: u32,
    /// `infonoise_endpoint`.
    pub endpoint: u32,
    /// `infonoise_pivot`.
    pub pivot: u32,
    /// 1: cap the profile at sigma^2.
    pub ceiling: u32,
    /// 1: hold degenerate refreshes.
    pub guard: u32,
    /// Passes of [1 2 1]/4 over ln m.
    pub smoothing: u32,
    /// `infonoise_baseline`.
    pub baseline: u32,
    /// N_min, at most `window`.
    pub min_count: u32,
    /// `infonoise_draw`.
    pub draw: u32,
    /// N_warm, in optimizer steps.
    pub warmup_steps: u64,
    /// M, in optimizer steps.
    pub refresh_every: u64,
    /// Lower end of the grid.
    pub sigma_min: f64,
    /// Upper end of the grid.
    pub sigma_max: f64,
    /// The data's standard deviation per dimension; 0 = estimate.
    pub sigma_data: f64,
    /// c, for pivot `fixed`.
    pub pivot_value: f64,
    /// p of the onset rules.
    pub onset_threshold: f64,
    /// n of the gate.
    pub gate_exponent: f64,
    /// Share of the draws spread over all bins.
    pub coverage: f64,
    /// Mean of ln sigma, for baseline `lognormal`.
    pub baseline_mean: f64,
    /// Standard deviation of ln sigma, for baseline `lognormal`.
    pub baseline_std: f64,
    /// Weight of the NEW mean in the EMA, 0 to 1.
    pub ema_rate: f64,
}

/// A record by the width of its fields.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Parts([u32; 14], [u64; 12]);

impl RawConfig {
    /// The u32 fields and the bits of the 64-bit fields, in the struct's order:
    /// what byte order is about.
    pub(crate) fn parts(&self) -> ([u32; 14], [u64; 12]) {
        let Parts(narrow, wide) = bytemuck::must_cast(*self);
        (narrow, wide)
    }

    /// The inverse of [`RawConfig::parts`].
    pub(crate) fn of_parts(narrow: [u32; 14], wide: [u64; 12]) -> Self {
        bytemuck::must_cast(Parts(narrow, wide))
    }
}

impl Config {
    /// The record that the block and the C ABI hold.
    pub fn to_record(&self) -> RawConfig {
        RawConfig {
            struct_size: size_of::<RawConfig>() as u32,
            bins: self.bins,
            window: self.window,
            objective: self.objective.code(),
            reduction_dim: self.reduction_dim,
            emphasis: self.emphasis.code(),
            endpoint: self.endpoint.code(),
            pivot: self.pivot.code(),
            ceiling: self.ceiling.into(),
            guard: self.guard.into(),
            smoothing: self.smoothing,
            baseline: self.baseline.code(),
            min_count: self.min_count,
            draw: self.draw.code(),
            warmup_steps: self.warmup_steps,
            refresh_every: self.refresh_every,
            sigma_min: self.sigma_min,
            sigma_max: self.sigma_max,
            sigma_data: self.sigma_data,
            pivot_value: self.pivot_value,
            onset_threshold: self.onset_threshold,
            gate_exponent: self.gate_exponent,
            coverage: self.coverage,
            baseline_mean: self.baseline_mean,
            baseline_std: self.baseline_std,
            ema_rate: self.ema_rate,
        }
    }

    /// Reads and checks a record; `struct_size` is left to the caller.
    ///
    /// # Errors
    /// As [`Config::check`], and for codes that no enum knows.
    pub fn from_record(record: &RawConfig) -> Result<Self, ConfigError> {
        let unknown = |field, code: u32, last: usize| ConfigError {
            field,
            value: code.into(),
            must: "at most",
            bound: Some(last as f64),
            remedy: "use the named constants of this ABI version",
        };
        macro_rules! named {
            ($kind:ident, $field:ident) => {
                $kind::from_code(record.$field)
                    .ok_or_else(|| unknown(stringify!($field), record.$field, $kind::ALL.len() - 1))?
            };
        }
        let switch = |field, code| match code {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(unknown(field, code, 1)),
        };
        let config = Config {
            bins: record.bins,
            window: record.window,
            sigma_min: record.sigma_min,
            sigma_max: record.sigma_max,
            objective: named!(Objective, objective),
            sigma_data: record.sigma_data,
            reduction_dim: record.reduction_dim,
            emphasis: named!(Emphasis, emphasis),
            endpoint: named!(Endpoint, endpoint),
            pivot: named!(Pivot, pivot),
            pivot_value: record.pivot_value,
            onset_threshold: record.onset_threshold,
            gate_exponent: record.gate_exponent,
            ceiling: switch("ceiling", record.ceiling)?,
            guard: switch("guard", record.guard)?,
            smoothing: record.smoothing,
            coverage: record.coverage,
            baseline: named!(Baseline, baseline),
            baseline_mean: record.baseline_mean,
            baseline_std: record.baseline_std,
            warmup_steps: record.warmup_steps,
            refresh_every: record.refresh_every,
            min_count: record.min_count,
            ema_rate: record.ema_rate,
            draw: named!(Draw, draw),
        };
        config.check()?;
        Ok(config)
    }
}
