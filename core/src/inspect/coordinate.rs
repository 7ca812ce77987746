//! Coordinates: the same noise level in the quantities that trainers use.
//!
//! sigma is the standard deviation of the noise in data units. Flow matching
//! has t = sigma / (1 + sigma), **t = 1 is noise**, always; log-SNR is
//! -2 ln sigma; EDM's c_noise is ln(sigma) / 4.
//!
//! ```
//! use infonoise::{coordinate::{from_sigma, to_sigma}, Coordinate};
//! assert_eq!(from_sigma(Coordinate::FlowTime, 1.0), 0.5);
//! assert_eq!(to_sigma(Coordinate::FlowTime, 0.75), 3.0);
//! assert_eq!(from_sigma(Coordinate::LogSnr, 1.0), 0.0);
//! ```

use crate::config::coded;
use crate::error::Error;
use crate::maths::{exp, ln};

/// A quantity that names a noise level (docs/specification.md#coordinates).
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coordinate {
    /// sigma itself, the noise's standard deviation in data units.
    Sigma = 0,
    /// t = sigma / (1 + sigma) of flow matching: 0 is data, 1 is noise.
    FlowTime = 1,
    /// log-SNR, -2 ln sigma: lower is noisier.
    LogSnr = 2,
    /// ln(sigma) / 4, EDM's network input.
    CNoise = 3,
}
coded!(Coordinate { Sigma = "sigma", FlowTime = "flow_t", LogSnr = "log_snr", CNoise = "c_noise" });

impl Coordinate {
    /// Whether `sigma` has a value here: not negative and finite; positive
    /// where a logarithm is taken.
    pub fn accepts(self, sigma: f64) -> bool {
        let logarithm = matches!(self, Coordinate::LogSnr | Coordinate::CNoise);
        sigma.is_finite() && if logarithm { sigma > 0.0 } else { sigma >= 0.0 }
    }

    /// Whether `value` stands for a sigma: flow time lies in [0, 1), sigma is
    /// not negative, logarithms are finite.
    pub fn contains(self, value: f64) -> bool {
        match self {
            Coordinate::Sigma => value >= 0.0 && value.is_finite(),
            Coordinate::FlowTime => (0.0..1.0).contains(&value),
            Coordinate::LogSnr | Coordinate::CNoise => value.is_finite(),
        }
    }
}

/// `sigma` in another coordinate that [accepts](Coordinate::accepts) it.
#[inline]
pub fn from_sigma(coordinate: Coordinate, sigma: f64) -> f64 {
    match coordinate {
        Coordinate::Sigma => sigma,
        Coordinate::FlowTime => sigma / (1.0 + sigma),
        Coordinate::LogSnr => -2.0 * ln(sigma),
        Coordinate::CNoise => ln(sigma) / 4.0,
    }
}

/// The sigma of a `value` that the coordinate [contains](Coordinate::contains).
#[inline]
pub fn to_sigma(coordinate: Coordinate, value: f64) -> f64 {
    match coordinate {
        Coordinate::Sigma => value,
        Coordinate::FlowTime => value / (1.0 - value),
        Coordinate::LogSnr => exp(-value / 2.0),
        Coordinate::CNoise => exp(4.0 * value),
    }
}

/// The entry of `table` (positive, ascending or descending) nearest to `sigma`
/// in ln sigma, and its index; the lower index on a tie. Observe the snapped sigma: it
/// is the one that the model was trained at.
///
/// # Errors
/// `Argument` if `sigma` or the table is not positive, finite and monotone, or
/// the table is empty.
///
/// ```
/// use infonoise::coordinate::snap;
/// assert_eq!(snap(0.9, &[0.1, 1.0, 10.0]), Ok((1.0, 1)));
/// assert_eq!(snap(3.0, &[10.0, 1.0, 0.1]), Ok((1.0, 1))); // nearer in ln sigma
/// ```
pub fn snap(sigma: f32, table: &[f32]) -> Result<(f32, usize), Error> {
    check_table(table)?;
    if !positive(sigma) {
        return Err(Error::Argument);
    }
    Ok(nearest(sigma, table))
}

/// [`snap`] for a batch: overwrites `sigmas`, fills `indices`.
///
/// # Errors
/// As [`snap`], and `Length` if the lengths differ. Nothing is written then.
pub fn snap_all(sigmas: &mut [f32], table: &[f32], indices: &mut [u32]) -> Result<(), Error> {
    if sigmas.len() != indices.len() {
        return Err(Error::Length);
    }
    check_table(table)?;
    if !sigmas.iter().all(|&sigma| positive(sigma)) {
        return Err(Error::Argument);
    }
    for (sigma, slot) in sigmas.iter_mut().zip(indices) {
        let (snapped, index) = nearest(*sigma, table);
        (*sigma, *slot) = (snapped, index as u32);
    }
    Ok(())
}

fn positive(sigma: f32) -> bool {
    sigma >= f32::MIN_POSITIVE && sigma.is_finite()
}

fn check_table(table: &[f32]) -> Result<(), Error> {
    let rising = table.iter().zip(table.iter().skip(1)).all(|(a, b)| a < b);
    let falling = table.iter().zip(table.iter().skip(1)).all(|(a, b)| a > b);
    if table.is_empty() || !table.iter().all(|&sigma| positive(sigma)) || !(rising || falling) {
        return Err(Error::Argument);
    }
    Ok(())
}

/// Nearest in ln sigma: between neighbours a and b the border is sqrt(a b); squares of
/// f32 numbers are exact in f64, so they are compared instead.
fn nearest(sigma: f32, table: &[f32]) -> (f32, usize) {
    let wide = f64::from(sigma);
    let falling = table.first() > table.last();
    // Entries that lie before sigma in the table's own direction.
    let before = table.partition_point(|&entry| if falling { entry > sigma } else { entry < sigma });
    let here = before.min(table.len().saturating_sub(1));
    let prior = here.saturating_sub(1);
    let (a, b) = (table.get(prior).copied().unwrap_or(0.0), table.get(here).copied().unwrap_or(0.0));
    let (square, border) = (wide * wide, f64::from(a) * f64::from(b));
    let first = if falling { square >= border } else { square <= border };
    if first { (a, prior) } else { (b, here) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for &coordinate in Coordinate::ALL {
            for sigma in [0.002, 0.5, 1.0, 80.0, 999.0] {
                let back = to_sigma(coordinate, from_sigma(coordinate, sigma));
                assert!((back / sigma - 1.0).abs() < 1e-12, "{coordinate:?} {sigma}");
            }
        }
    }

    #[test]
    fn domains() {
        assert!(!Coordinate::FlowTime.contains(1.0) && Coordinate::FlowTime.contains(0.0));
        assert!(!Coordinate::FlowTime.contains(f64::NAN) && !Coordinate::FlowTime.contains(-0.1));
        assert!(!Coordinate::LogSnr.accepts(0.0) && Coordinate::FlowTime.accepts(0.0));
        assert!(Coordinate::ALL.iter().all(|c| !c.accepts(-1.0) && !c.accepts(f64::INFINITY)));
    }

    #[test]
    fn noise_is_at_t_one() {
        assert!(from_sigma(Coordinate::FlowTime, 1e6) > 0.999_99);
        assert!(from_sigma(Coordinate::LogSnr, 1e6) < 0.0);
    }

    #[test]
    fn snapping_agrees_with_a_search() {
        let mut table: Vec<f32> = (0..1000).map(|i| (-3.5 + 0.007 * i as f32).exp()).collect();
        for flip in [false, true] {
            if flip {
                table.reverse();
            }
            for i in 0..5000 {
                let sigma = (-4.0 + 0.0016 * i as f32).exp();
                let (snapped, index) = snap(sigma, &table).unwrap();
                assert_eq!(snapped, table[index]);
                let far = |entry: f32| (f64::from(entry).ln() - f64::from(sigma).ln()).abs();
                let least = table.iter().copied().map(far).fold(f64::INFINITY, f64::min);
                assert!(far(snapped) <= least + 1e-12);
            }
        }
        assert_eq!(snap(1.0, &[2.0]), Ok((2.0, 0)));
        assert_eq!(snap(2.0, &[1.0, 4.0]), Ok((1.0, 0)));
        assert_eq!(snap(2.0, &[4.0, 1.0]), Ok((4.0, 0)));
    }

    #[test]
    fn nonsense_is_refused() {
        for (sigma, table) in
            [(1.0, &[][..]), (0.0, &[1.0]), (f32::NAN, &[1.0]), (1.0, &[1.0, 1.0]), (1.0, &[1.0, 3.0, 2.0])]
        {
            assert_eq!(snap(sigma, table), Err(Error::Argument));
        }
    }
}
