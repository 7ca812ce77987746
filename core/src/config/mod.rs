//! The configuration: what the trainer declares, checked in one place.
//!
//! `fields.rs` is the table of fields, `choices.rs` has the choices among names,
//! `check.rs` the rules, and `tables.rs` the rules for the caller's tables.
//!
//! ```
//! use infonoise::{Config, Objective};
//! let config = Config { refresh_every: 50, ..Config::edm(0.5) };
//! assert_eq!(config.objective, Objective::Edm);
//! config.check().unwrap();
//! ```

mod check;
mod choices;
mod fields;
pub mod raw;
pub(crate) mod tables;

pub(crate) use choices::coded;
pub use choices::{Baseline, Draw, Emphasis, Endpoint, Objective, Pivot, Preset};

use crate::error::Error;
use crate::persist::bytes::F64Values;

macro_rules! config {
    ($($(#[doc = $doc:literal])+ $when:ident $name:ident: $type:ident = $default:expr, $bounds:tt;)+) => {
        /// The configuration. Sigmas are standard deviations in data units.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl Config {
            /// Preset `default`: continuous data, x0 errors.
            pub const DEFAULT: Config = Config { $($name: $default),+ };
        }
    };
}
crate::config_fields!(config);

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Config {
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
            sigma_min: 0.029,
            sigma_max: 14.65,
            ..Self::DEFAULT
        }
    }

    /// Preset `paper`: the paper's literal rules alone.
    pub const fn paper(endpoint: Endpoint) -> Self {
        Config {
            endpoint,
            pivot: Pivot::Paper,
            ceiling: false,
            guard: false,
            coverage: 0.0,
            warmup_steps: 500,
            refresh_growth: 0,
            min_count: 50,
            fresh_means: false,
            ..Self::DEFAULT
        }
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

    /// Checks the tables that a schedule of this configuration starts with
    /// ([`crate::Scheduler::init_with`]), and the configuration itself.
    ///
    /// # Errors
    /// `Config`; `Length` for a table whose length is not K; `Table` names the entry
    /// that cannot be used, or says that baseline `table` needs a table and only it
    /// takes one.
    pub fn check_tables(&self, weight: Option<&[f64]>, baseline: Option<&[f64]>) -> Result<(), Error> {
        self.check()?;
        let (weight, baseline) = (weight.map(F64Values::Slice), baseline.map(F64Values::Slice));
        tables::check_tables(self, weight.as_ref(), baseline.as_ref())
    }
}
