//! The target: where the information resolves, as masses of bins (13)
//! (docs/specification.md#target).
//!
//! ```
//! use infonoise::method::target::target;
//! let rho = target(&[0.0, 0.0, f64::ln(2.0)], &[0.0, 1.0, 1.0]);
//! assert_eq!(rho[0], 0.0); // the gate is shut
//! assert!((rho[2] - 2.0 / 3.0).abs() < 1e-15);
//! ```

use crate::maths::{Bins, collect, exp, normalise, peak};

/// rho_k proportional to g_k exp(q_k), summing to 1. `q` is the logarithm of
/// the rate per unit ln sigma, and all bins are equally wide there.
pub fn target(q: &[f64], gate: &[f64]) -> Bins {
    let (_, highest) = peak(q);
    let mut rho = collect(q.iter().zip(gate).map(|(q, g)| g * exp(q - highest)));
    normalise(&mut rho);
    rho
}
