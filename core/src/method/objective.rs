//! Objectives: the conversion from the trainer's loss space to x0 space, and the fixed weight.
//!
//! `x0_error = k(sigma) * error`, so that `mmse` is always a squared error of
//! x0 per dimension; `w(sigma)` is the weight that the objective implies there.
//!
//! ```
//! use infonoise::Objective;
//! // At sigma = 1 flow time is 1/2, so the factor on a velocity error is t^2 = 1/4.
//! assert_eq!(Objective::Velocity.to_x0(1.0), 0.25);
//! assert_eq!(Objective::Velocity.weight(1.0, 0.0), 4.0);
//! ```

use crate::config::Objective;

impl Objective {
    /// k(sigma): the factor from an error of this objective to an x0 error, both
    /// squared and per dimension.
    #[inline]
    pub fn to_x0(self, sigma: f64) -> f64 {
        match self {
            Objective::X0 | Objective::Edm => 1.0,
            Objective::Epsilon => sigma * sigma,
            Objective::Velocity => {
                let t = sigma / (1.0 + sigma);
                t * t
            }
            Objective::V => {
                let square = sigma * sigma;
                square / (1.0 + square)
            }
            Objective::Score => {
                let square = sigma * sigma;
                square * square
            }
        }
    }

    /// w(sigma): the weight on the x0 error that training on this objective
    /// implies. Only `Edm` uses `sigma_data` (52).
    #[inline]
    pub fn weight(self, sigma: f64, sigma_data: f64) -> f64 {
        match self {
            Objective::X0 => 1.0,
            Objective::Edm => {
                let product = sigma * sigma_data;
                (sigma * sigma + sigma_data * sigma_data) / (product * product)
            }
            Objective::Epsilon | Objective::Velocity | Objective::V | Objective::Score => {
                1.0 / self.to_x0(sigma)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_undoes_the_conversion() {
        for &objective in Objective::ALL {
            for sigma in [1e-3, 0.5, 1.0, 80.0] {
                let product = objective.weight(sigma, 0.5) * objective.to_x0(sigma);
                if objective == Objective::Edm {
                    assert_eq!(product, (sigma * sigma + 0.25) / (sigma * 0.5).powi(2));
                } else {
                    assert!((product - 1.0).abs() < 1e-15);
                }
            }
        }
    }
}
