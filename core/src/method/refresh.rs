//! The refresh: from mean losses to the next sampler (docs/specification.md#refresh).
//!
//! ```
//! use infonoise::{Config, Hold, PivotRule, method::grid::Grid, method::refresh::Estimate, maths::collect};
//! let config = Config::DEFAULT;
//! let grid = Grid::new(&config);
//! let mmse = collect((0..64).map(|k| {
//!     let s2 = grid.centre(k).powi(2);
//!     s2 * 0.25 / (s2 + 0.25) // Gaussian data of standard deviation 1/2
//! }));
//! let estimate = Estimate::new(&config, &grid, &[1.0; 64], &mmse, None);
//! assert_eq!((estimate.hold, estimate.pivot.rule), (Hold::None, PivotRule::Onset));
//! assert!((estimate.density.iter().sum::<f64>() - 1.0).abs() < 1e-12);
//! ```

use crate::config::{Config, coded};
use crate::maths::{Bins, at, collect, exp, flush};
use crate::method::density::density;
use crate::method::gate::gate;
use crate::method::grid::Grid;
use crate::method::guard::{self, Hold};
use crate::method::pivot::{self, Found, PivotRule};
use crate::method::rate::Rate;
use crate::method::target::target;

/// What looks wrong although the schedule goes on.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Warning {
    /// Nothing.
    #[default]
    None = 0,
    /// Errors exceed 2 sigma^2 in more than a quarter of the bins: is the
    /// objective declared right?
    ErrorsAboveIdentity = 1,
    /// The rate peaks inside the grid: declare the endpoint `discrete`?
    LooksDiscrete = 2,
}
coded!(Warning {
    None = "none", ErrorsAboveIdentity = "errors_above_identity", LooksDiscrete = "looks_discrete",
});

/// m_k <- (1 - beta) m_k + beta lbar_k (docs/specification.md#ema): `rate` weights the NEW mean.
/// The first refresh takes the mean as it is.
#[inline]
pub fn blend(old: Option<f64>, mean: f64, rate: f64) -> f64 {
    flush(match old {
        Some(old) => (1.0 - rate) * old + rate * mean,
        None => mean,
    })
}

/// Steps 3 to 8 and 11 of a refresh: everything that follows from the means.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// The profile and its rate.
    pub rate: Rate,
    /// Where the gate opens.
    pub pivot: Found,
    /// g_k.
    pub gate: Bins,
    /// rho_k, masses.
    pub target: Bins,
    /// pi_k, masses, before coverage.
    pub density: Bins,
    /// Why this must not become the sampler.
    pub hold: Hold,
    /// What looks wrong.
    pub warning: Warning,
}

impl Estimate {
    /// The estimate from the means `m` (x0 space, per dimension); `weight` is
    /// the caller's table, `accepted` ln c of the last accepted refresh.
    pub fn new(config: &Config, grid: &Grid, weight: &[f64], m: &[f64], accepted: Option<f64>) -> Self {
        let rate = Rate::new(grid, m, config.ceiling, config.smoothing);
        let signal = m.iter().any(|&m| m > 0.0);
        let pivot = if signal { pivot::find(config, grid, &rate, accepted) } else { Found::NONE };
        let gate =
            collect((0..grid.bins()).map(|k| gate(config.gate_exponent, pivot.ln_c, grid.ln_centre(k))));
        let target = target(&rate.q, &gate);
        let density = density(config, grid, weight, &target);
        let hold = if !signal {
            Hold::NoSignal
        } else if pivot.rule == PivotRule::None {
            Hold::NoPivot
        } else if !config.guard {
            Hold::None
        } else {
            match guard::low_end(config, grid, &rate) {
                Hold::None => guard::shape(&density),
                reason => reason,
            }
        };
        let warning = if 4 * rate.above_identity as usize > grid.bins() {
            Warning::ErrorsAboveIdentity
        } else if pivot.interior_peak {
            Warning::LooksDiscrete
        } else {
            Warning::None
        };
        Estimate { rate, pivot, gate, target, density, hold, warning }
    }

    /// Integral of the rate over bin `k`, nats per dimension.
    pub fn nats(&self, grid: &Grid, k: usize) -> f64 {
        exp(at(&self.rate.q, k)) * grid.width()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_the_ema_weights_the_new_mean() {
        assert_eq!(blend(None, 3.0, 0.9), 3.0);
        assert_eq!(blend(Some(1.0), 3.0, 1.0), 3.0);
        assert_eq!(blend(Some(4.0), 8.0, 0.75), 7.0);
        assert_eq!(blend(Some(1e-301), 0.0, 0.5), 0.0);
    }
}
