//! Numbers of a ring, decided on their bits: host programs may flush subnormals.

/// Bits of 2^-126 as an f64: the smallest normal f32.
const SMALLEST_F32: u64 = (1023 - 126) << 52;
/// 2^-149, the unit of subnormal f32 mantissas.
const SUBNORMAL_UNIT: f64 = f64::from_bits((1023 - 149) << 52);

/// An f32 as f64, exact for subnormals whatever the float mode.
#[inline]
pub fn widen(x: f32) -> f64 {
    let bits = x.to_bits();
    let mantissa = bits & 0x007f_ffff;
    if bits & 0x7f80_0000 == 0 {
        let magnitude = f64::from(mantissa) * SUBNORMAL_UNIT;
        if bits >> 31 == 0 { magnitude } else { -magnitude }
    } else {
        f64::from(x)
    }
}

/// A non-negative f64 as the f32 that a ring stores: below 2^-126 (-0 too) it is
/// +0, beyond the range of f32 (or NaN) there is none.
#[inline]
pub fn narrow(x: f64) -> Option<f32> {
    if x.to_bits() << 1 < SMALLEST_F32 << 1 {
        return Some(0.0);
    }
    let y = x as f32;
    if y.is_finite() { Some(y) } else { None }
}

/// What a ring stores of an error that needs no conversion: [`narrow`] of it,
/// none if it is negative. Normal numbers, which nearly all are, stay as they are.
#[inline(always)]
pub fn keep(x: f32) -> Option<f32> {
    const SMALLEST: u32 = f32::MIN_POSITIVE.to_bits();
    let normal = x.to_bits().wrapping_sub(SMALLEST) < f32::INFINITY.to_bits() - SMALLEST;
    if normal { Some(x) } else { keep_odd(x) }
}

#[cold]
#[inline(never)]
fn keep_odd(x: f32) -> Option<f32> {
    // Signs are read off the bits: denormals-are-zero hides small ones.
    if x.to_bits() > (-0.0f32).to_bits() { None } else { narrow(widen(x)) }
}
