//! Arithmetic that gives the same bits on every target and in every float mode.
//!
//! `exp`, `ln` and `erfc` come from `libm`, never from the platform. Host
//! programs may run with flush-to-zero and denormals-are-zero set (XLA does),
//! so code that may meet a subnormal number decides by its bits, never by arithmetic.

#[test]
fn example() {
    let tiny = f32::from_bits(1); // the smallest subnormal
    assert_eq!(f32_to_f64(tiny), f64::powi(2.0, -149));
    assert_eq!(f64_to_loss(1e-40), Some(0.0)); // below 2^-126: stored as +0
    assert_eq!(f64_to_loss(1e300), None);
    assert_eq!(flush(1e-305), 0.0);
}

/// The largest number of bins a grid may have.
pub const MAX_BINS: usize = 256;

/// Bits of 2^-1000, the smallest f64 magnitude that is ever stored.
const SMALLEST_F64: u64 = (1023 - 1000) << 52;

/// e to the x.
#[inline]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// The natural logarithm.
#[inline]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// The complementary error function.
#[inline]
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

/// `x`, or 0 where its magnitude is below 2^-1000: stored f64 state must not
/// depend on how the host treats subnormals.
#[inline]
pub fn flush(x: f64) -> f64 {
    if x.to_bits() << 1 < SMALLEST_F64 << 1 { 0.0 } else { x }
}

/// The largest f32 below a positive normal one.
#[inline]
pub fn below(x: f32) -> f32 {
    f32::from_bits(x.to_bits().wrapping_sub(1))
}
/// Bits of 2^-126 as an f64: the smallest normal f32.
const SMALLEST_F32: u64 = (1023 - 126) << 52;
/// 2^-149, the unit of subnormal f32 mantissas.
const SUBNORMAL_UNIT: f64 = f64::from_bits((1023 - 149) << 52);

/// An f32 as f64, exact for subnormals whatever the float mode.
#[inline]
pub fn f32_to_f64(x: f32) -> f64 {
    let bits = x.to_bits();
    let mantissa = bits & 0x007f_ffff;
    if bits & 0x7f80_0000 == 0 {
        let magnitude = f64::from(mantissa) * SUBNORMAL_UNIT;
        if bits >> 31 == 0 { magnitude } else { -magnitude }
    } else {
        f64::from(x)
    }
}

/// A non-negative f64 as the f32 that a ring stores: +0 below 2^-126 (and for -0), none
/// for NaN or beyond the range of f32.
#[inline]
pub fn f64_to_loss(x: f64) -> Option<f32> {
    if x.to_bits() << 1 < SMALLEST_F32 << 1 {
        return Some(0.0);
    }
    let y = x as f32;
    if y.is_finite() { Some(y) } else { None }
}

/// The f32 that a ring stores of an error that needs no conversion: as [`f64_to_loss`],
/// and none if it is negative.
#[inline]
pub fn f32_to_loss(x: f32) -> Option<f32> {
    if is_normal(x.to_bits()) { Some(x) } else { odd_f32_to_loss(x) }
}

/// Whether an f32 of these bits is positive, finite and not subnormal. Nearly all
/// errors are, and a ring then stores them unchanged.
#[inline(always)]
pub fn is_normal(bits: u32) -> bool {
    const SMALLEST: u32 = f32::MIN_POSITIVE.to_bits();
    bits.wrapping_sub(SMALLEST) < f32::INFINITY.to_bits() - SMALLEST
}

/// [`f32_to_loss`] of any other f32.
#[cold]
#[inline(never)]
pub fn odd_f32_to_loss(x: f32) -> Option<f32> {
    // Signs are read from the bits: denormals-are-zero would hide small negative ones.
    if x.to_bits() > (-0.0f32).to_bits() { None } else { f64_to_loss(f32_to_f64(x)) }
}

/// A small count as f64. The conversion from u32 is one instruction, from usize six.
#[inline]
pub fn real(count: usize) -> f64 {
    f64::from(count as u32)
}

/// Element `i`, or 0 past the end; cannot panic.
#[inline]
pub fn at(values: &[f64], i: usize) -> f64 {
    values.get(i).copied().unwrap_or(0.0)
}

/// Copies as many elements as fit; unlike `copy_from_slice` it cannot panic.
#[inline]
pub fn copy<T: Copy>(to: &mut [T], from: &[T]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from;
    }
}

/// Sum in ascending order.
#[inline]
pub fn sum(values: &[f64]) -> f64 {
    let mut total = 0.0;
    for x in values {
        total += x;
    }
    total
}

/// Index and value of the largest element, the lowest index on a tie.
pub fn peak(values: &[f64]) -> (usize, f64) {
    let mut best = (0, f64::NEG_INFINITY);
    for (i, &x) in values.iter().enumerate() {
        if x > best.1 {
            best = (i, x);
        }
    }
    best
}

/// Scales `values` to sum 1, in place; leaves them unchanged if the sum is not positive.
pub fn normalise(values: &mut [f64]) {
    let total = sum(values);
    if total > 0.0 {
        for x in values {
            *x = flush(*x / total);
        }
    }
}

/// Standard normal mass between `low` and `high`. Of the two tails it takes the one
/// that does not contain the mean, where no digits cancel.
pub fn normal_mass(low: f64, high: f64) -> f64 {
    if low > 0.0 { normal_cdf(-low) - normal_cdf(-high) } else { normal_cdf(high) - normal_cdf(low) }
}

/// Standard normal mass below `z`.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z / core::f64::consts::SQRT_2)
}

/// A least-squares line y = intercept + slope * i through the values at 0..n.
/// Returns (intercept, slope per index).
pub fn line(n: usize, value: impl Fn(usize) -> f64) -> (f64, f64) {
    let centre = (real(n) - 1.0) / 2.0;
    let mut total = 0.0;
    for i in 0..n {
        total += value(i);
    }
    let mean = total / real(n);
    let (mut xy, mut xx) = (0.0, 0.0);
    for i in 0..n {
        let x = real(i) - centre;
        xy += x * (value(i) - mean);
        xx += x * x;
    }
    let slope = if xx > 0.0 { xy / xx } else { 0.0 };
    (mean - slope * centre, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_through_points_is_exact() {
        let (a, b) = line(4, |i| 1.0 + 2.0 * i as f64);
        assert_eq!((a, b), (1.0, 2.0));
    }

    #[test]
    fn f64_to_loss_decides_at_the_smallest_normal() {
        let edge = f64::powi(2.0, -126);
        assert_eq!(f64_to_loss(edge), Some(f32::MIN_POSITIVE));
        assert_eq!(f64_to_loss(f64::from_bits(edge.to_bits() - 1)), Some(0.0));
        assert_eq!(f64_to_loss(f64::NAN), None);
        assert_eq!(f64_to_loss(-0.0).map(f32::to_bits), Some(0));
        assert_eq!(super::f32_to_loss(-0.0).map(f32::to_bits), Some(0));
        assert_eq!(super::f32_to_loss(-f32::from_bits(1)), None);
        assert_eq!(f64_to_loss(f64::from(f32::MAX)), Some(f32::MAX));
    }
}
