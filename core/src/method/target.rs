//! The target: the gated information rate, as masses of bins (13).

use crate::maths::{exp, normalise};
use crate::method::rate::Rate;

#[test]
fn example() {
    let grid = crate::method::grid::Grid::new(&crate::Config { bins: 8, ..crate::Config::DEFAULT });
    // m = sigma^2 up to bin 6: q is 0 there, and ln 2 in the last bin.
    let mut ln_error = [0.0; 8];
    ln_error.iter_mut().enumerate().for_each(|(k, l)| *l = 2.0 * grid.ln_centre(k));
    ln_error[7] += f64::ln(2.0);
    let mut rho = [0.0; 8];
    target(&Rate::new(&grid, &mut ln_error), |k| if k < 6 { 0.0 } else { 1.0 }, &mut rho);
    assert_eq!(rho[0], 0.0); // the gate is shut
    assert!((rho[7] - 2.0 / 3.0).abs() < 1e-15);
}

/// rho_k before it is normalised: g_k exp(q_k), scaled by the largest exp(q).
#[inline]
pub fn unnormalised(rate: &Rate, gate: f64, highest_q: f64, k: usize) -> f64 {
    gate * exp(rate.q(k) - highest_q)
}

/// Step 7 (docs/specification.md#target): rho_k proportional to g_k exp(q_k), summing
/// to 1. All bins have the same width in ln sigma, and q is a rate per unit of ln
/// sigma.
pub fn target(rate: &Rate, gate: impl Fn(usize) -> f64, rho: &mut [f64]) {
    let highest = rate.peak_q();
    for (k, rho) in rho.iter_mut().enumerate() {
        *rho = unnormalised(rate, gate(k), highest, k);
    }
    normalise(rho);
}
