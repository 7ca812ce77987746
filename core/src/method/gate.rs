//! The gate: closes the profile at low noise.

use crate::maths::exp;

#[test]
fn example() {
    assert_eq!(gate(3.0, 0.5f64.ln(), 0.5f64.ln()), 0.5); // half open at the pivot
    assert_eq!(gate(3.0, f64::NEG_INFINITY, 0.0), 1.0); // no pivot: open
}

/// Step 6 (docs/specification.md#gate): g(sigma) = sigma^n / (sigma^n + c^n) (17, 50), from the logarithms of
/// c and sigma.
#[inline]
pub fn gate(exponent: f64, ln_c: f64, ln_sigma: f64) -> f64 {
    1.0 / (1.0 + exp(exponent * (ln_c - ln_sigma)))
}
