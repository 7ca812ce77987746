//! The field table: the only list of the configuration's fields.

/// Calls the macro `$use` with the 27 fields, in the order of `infonoise_config`
/// of the C ABI: first the fields of 32 bits, then those of 64. A new field goes after
/// the others of its width.
///
/// A row says `fixed` (cannot change after init) or `free`, then name, type, default
/// and, in brackets, the bounds that do not depend on other fields: `from low to high`
/// includes both ends, `above low to high` only the upper one; the remedy follows. A
/// 32-bit type that is not a number is a choice or a switch.
///
/// The table generates [`Config`](crate::Config) and its default, [`RawConfig`](crate::RawConfig),
/// the conversions between them, the bounds, the list of what a running schedule may
/// change, and the command line's `--set`. `make header` generates from it the struct
/// of the C header and the lists of the C++ and Python bindings.
#[doc(hidden)]
#[macro_export]
macro_rules! config_fields {
    ($use:ident) => {
        $use! {
            /// Bins of the log-sigma grid, K: 8 to 256.
            fixed bins: u32 = 64, [from 8.0 to 256.0, "64 serves most grids"];
            /// Losses kept in each bin's ring, B: 8 to 4096.
            fixed window: u32 = 256, [from 8.0 to 4096.0, "256 serves most trainers"];
            /// The space of the errors passed to `observe`.
            fixed objective: Objective = Objective::X0, [];
            /// 0: errors are means over dimensions; d: they are sums over d dimensions.
            fixed reduction_dim: u32 = 0, [];
            /// What equals the target: density times weight, or the density.
            free emphasis: Emphasis = Emphasis::Target, [];
            /// Continuous or discrete data.
            fixed endpoint: Endpoint = Endpoint::Continuous, [];
            /// The pivot rule.
            free pivot: Pivot = Pivot::Auto, [];
            /// Cap the profile at the error of the best linear denoiser.
            free ceiling: bool = true, [];
            /// Hold refreshes that would produce a degenerate sampler.
            free guard: bool = true, [];
            /// Passes of [1 2 1]/4 over ln m.
            free smoothing: u32 = 0, [from 0.0 to 64.0, "0 to 2 passes are usual"];
            /// What the warm-up draws from.
            fixed baseline: Baseline = Baseline::LogUniform, [];
            /// Losses that every bin must hold before a refresh, N_min; at most `window`.
            free min_count: u32 = 20, [from 1.0 to 4294967295.0, "20 losses a bin are usual"];
            /// Independent or stratified draws.
            fixed draw: Draw = Draw::Independent, [];
            /// After a refresh at step s the next is due after s / growth steps, at most
            /// `refresh_every`; 0 = always `refresh_every`.
            free refresh_growth: u32 = 4, [from 0.0 to 4294967295.0, "4 is usual; 0 keeps the interval constant"];
            /// Average the newest half of what a bin ever got, instead of its whole ring.
            free fresh_means: bool = true, [];
            /// Optimizer steps before the first refresh, N_warm; 0 = as soon as every bin holds `min_count`.
            free warmup_steps: u64 = 0, [from 0.0 to STEPS_CEILING, "0 starts as soon as every bin has its losses"];
            /// Most optimizer steps between refreshes, M.
            free refresh_every: u64 = 100, [from 1.0 to STEPS_CEILING, "100 optimizer steps are usual"];
            /// Lower end of the grid, rounded to f32; 0 = 0.004 `sigma_data`, or 0.002 where that is 0.
            fixed sigma_min: f64 = 0.0,
                [from 0.0 to SIGMA_CEILING, "sigma is a standard deviation in data units, or 0 to follow sigma_data"];
            /// Upper end of the grid, rounded to f32; 0 = 160 `sigma_data`, or 80 where that is 0.
            fixed sigma_max: f64 = 0.0,
                [from 0.0 to SIGMA_CEILING, "sigma is a standard deviation in data units, or 0 to follow sigma_data"];
            /// Standard deviation of the data per dimension, which bounds the errors of a
            /// denoiser; 0 = unknown. Required by objective `edm`.
            fixed sigma_data: f64 = 0.0,
                [from 0.0 to SIGMA_CEILING, "pass the data's standard deviation per dimension, or 0 if it is unknown"];
            /// Sigma of the pivot, c, for pivot `fixed`.
            free pivot_value: f64 = 0.0, [];
            /// Threshold p of the onset rules (18).
            free onset_threshold: f64 = 0.002, [above 0.0 to 1.0, "the paper's is 0.002"];
            /// Exponent n of the gate (17).
            free gate_exponent: f64 = 3.0, [above 0.0 to 64.0, "the paper's is 3"];
            /// Share of the draws spread evenly over the bins.
            free coverage: f64 = 0.02,
                [from 0.0 to 1.0, "it is the share of draws spread over all bins; 0.02 is usual"];
            /// Mean of ln sigma for baseline `lognormal`.
            fixed baseline_mean: f64 = -1.2, [];
            /// Standard deviation of ln sigma for baseline `lognormal`.
            fixed baseline_std: f64 = 1.2, [];
            /// Weight of the NEW mean in the EMA across refreshes, beta: 0 to 1.
            free ema_rate: f64 = 0.9, [above 0.0 to 1.0, "it weights the NEW mean; 0.9 is usual"];
        }
    };
}
