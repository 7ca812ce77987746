//! The guard: refuses samplers that no loss profile of real data can give
//! (docs/specification.md#guard).

use crate::config::{Config, Endpoint, coded};
use crate::maths::{at, exp, line, ln, peak, sum};
use crate::method::rate::Rate;

#[test]
fn example() {
    let mut pi = [0.0; 64];
    pi[63] = 1.0;
    assert_eq!(band(&pi), Band::High);
    assert!(is_narrow(&pi));
    assert_eq!(band(&[1.0 / 64.0; 64]), Band::Inside);
}

/// Why a refresh was held: the previous sampler stays.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hold {
    /// No refresh has been held.
    #[default]
    None = 0,
    /// Every loss is 0.
    NoSignal = 1,
    /// No pivot rule applies and none was ever accepted.
    NoPivot = 2,
    /// The rate grows faster towards low noise than that of any data.
    LowEndUnresolved = 3,
    /// Too many draws would fall at the low end of the grid, and the errors contradict
    /// those of a denoiser.
    DegenerateLow = 4,
    /// Too many draws would fall at the high end of the grid, likewise.
    DegenerateHigh = 5,
    /// The draws would fall into too few bins.
    DegenerateNarrow = 6,
}
coded!(Hold {
    None = "none", NoSignal = "no_signal", NoPivot = "no_pivot",
    LowEndUnresolved = "low_end_unresolved", DegenerateLow = "degenerate_low",
    DegenerateHigh = "degenerate_high", DegenerateNarrow = "degenerate_narrow",
});

impl Hold {
    /// What the user can do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Hold::None => "nothing to do",
            Hold::NoSignal => "every error is 0: pass the per-sample errors of the denoiser",
            Hold::NoPivot => {
                "the profile has no low-noise edge that this rule knows: use pivot auto, fixed or off"
            }
            Hold::LowEndUnresolved => {
                "the losses have a floor at low noise, the data are discrete, or the objective is declared wrong: check endpoint and objective, raise sigma_min, or set ceiling on"
            }
            Hold::DegenerateLow => {
                "the density crowds at sigma_min: check the declared objective and endpoint, or raise sigma_min"
            }
            Hold::DegenerateHigh => {
                "the density crowds at sigma_max: set sigma_data (epsilon and score networks have an error floor there), check the declared objective, or use emphasis samples"
            }
            Hold::DegenerateNarrow => {
                "the density falls into hardly any bins: check that errors are per sample, or use more bins on a narrower grid"
            }
        }
    }
}

/// Whether the rate in the lowest bins grows towards low noise faster than that of any
/// data. A slope of -1 is that of data, -3 that of a loss floor or of a loss in the
/// wrong space. `scale` is the logarithm of the data's standard deviation.
pub fn low_end(config: &Config, rate: &Rate, scale: f64) -> Hold {
    let grid = rate.grid;
    let steep = || line(grid.end(), |k| at(rate.y, k)).1 / grid.width() < -2.0;
    let reaches_below = || grid.ln_centre(0) < scale - ln(4.0);
    if config.endpoint == Endpoint::Continuous && reaches_below() && steep() {
        Hold::LowEndUnresolved
    } else {
        Hold::None
    }
}

/// Where most of the draws fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    /// Not at an end.
    Inside,
    /// At the low end of the grid.
    Low,
    /// At the high end of the grid.
    High,
}

/// max(1, K / 4): the bins of a side of the grid.
pub fn side(bins: usize) -> usize {
    (bins / 4).max(1)
}

/// Where the masses `pi` lie: at an end if its max(1, K/9) bins hold more than half of
/// them, or its max(1, K/4) bins more than 90 %.
pub fn band(pi: &[f64]) -> Band {
    let bins = pi.len();
    let (edge, side) = ((bins / 9).max(1), side(bins));
    let low = |n: usize| sum(pi.get(..n).unwrap_or(pi));
    let high = |n: usize| sum(pi.get(bins.saturating_sub(n)..).unwrap_or(pi));
    if low(edge) > 0.5 || low(side) > 0.9 {
        Band::Low
    } else if high(edge) > 0.5 || high(side) > 0.9 {
        Band::High
    } else {
        Band::Inside
    }
}

/// Whether the shape of the masses `pi` must not become the sampler. A band at an end is
/// legitimate (an expert for a part of the range, data in other units) unless the errors
/// contradict those of a denoiser.
pub fn shape(pi: &[f64], band: Band, contradicted: bool) -> Hold {
    match band {
        Band::Low if contradicted => Hold::DegenerateLow,
        Band::High if contradicted => Hold::DegenerateHigh,
        _ if is_narrow(pi) => Hold::DegenerateNarrow,
        _ => Hold::None,
    }
}

/// Whether exp(entropy) of the masses is below max(1.5, K / 30) bins.
fn is_narrow(pi: &[f64]) -> bool {
    let least = (pi.len() as f64 / 30.0).max(1.5);
    // The entropy is at least ln(1 / max pi), so most densities need no logarithm.
    if peak(pi).1 * least < 0.99 {
        return false;
    }
    let mut entropy = 0.0;
    for &p in pi {
        if p > 0.0 {
            entropy -= p * ln(p);
        }
    }
    exp(entropy) < least
}
