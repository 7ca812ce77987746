//! The choices: fields of the configuration that have names instead of numbers.

/// Gives a `repr(u32)` enum its codes and names, and the conversion from a code.
macro_rules! coded {
    ($kind:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $kind {
            /// Every value, in the order of its code.
            pub const ALL: &[$kind] = &[$($kind::$variant),+];

            /// Its code in the C ABI and in the block.
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

        impl From<$kind> for $crate::Value {
            fn from(choice: $kind) -> Self {
                $crate::Value::Name(choice.name())
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
    /// (s_hat - s)^2 of the score of x0 + sigma eps, s = -eps / sigma, fixed weight 1 / sigma^4.
    Score = 5,
}
coded!(Objective {
    X0 = "x0", Edm = "edm", Epsilon = "epsilon", Velocity = "velocity", V = "v", Score = "score",
});

/// What equals the target rho (docs/specification.md#emphasis).
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emphasis {
    /// The realised emphasis, density times weight: pi is proportional to rho / w (16).
    Target = 0,
    /// The density of the draws: pi = rho, whatever the weight.
    Samples = 1,
}
coded!(Emphasis { Target = "target", Samples = "samples" });

/// How the information behaves at low noise; this decides which pivot rule applies.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Real-valued data: the rate grows without bound towards low noise.
    Continuous = 0,
    /// Data on finitely many points: the rate vanishes below a critical sigma.
    Discrete = 1,
}
coded!(Endpoint { Continuous = "continuous", Discrete = "discrete" });

/// How the pivot of the low-noise gate is found.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pivot {
    /// `onset` for continuous data; `foot`, then `power_law`, `shoulder` and `knee` for discrete data.
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

/// How the random words of the draws are made.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// One random word for each sigma.
    Independent = 0,
    /// One random word for each global batch; the golden-ratio sequence continues from it.
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
