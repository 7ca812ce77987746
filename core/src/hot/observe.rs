//! Observations: errors, converted to x0 space, into the rings of their bins
//! (docs/specification.md#observation).

use crate::config::Objective;
use crate::error::Error;
use crate::hot::bin_lookup::BinLookup;
use crate::hot::ring::Rings;
use crate::maths::{f32_to_f64, f32_to_loss, f64_to_loss};
use crate::state::block::Hot;

/// Takes pairs of a sigma and a per-sample, unweighted error, those of a mask
/// byte of 0 excepted; returns how many were rejected.
pub fn observe(
    block: &mut Hot<'_>,
    sigma: &[f32],
    error: &[f32],
    mask: Option<&[u8]>,
) -> Result<usize, Error> {
    if sigma.len() != error.len() || mask.is_some_and(|mask| mask.len() != sigma.len()) {
        return Err(Error::Length);
    }
    let config = &block.header.config;
    let objective = Objective::from_code(config.objective).ok_or(Error::Corrupt)?;
    let dimensions = f64::from(config.reduction_dim.max(1));
    let plain = matches!(objective, Objective::X0 | Objective::Edm) && dimensions == 1.0;
    let lookup = BinLookup::new(block.bin_table, block.edges);
    let mut rings = Rings {
        marks: &mut *block.marks,
        seen: &mut *block.seen,
        slots: &mut *block.rings,
        window: config.window,
        puts: block.header.observations,
    };
    let rejected = if plain && mask.is_none() {
        lookup.put_all(sigma, error, &mut rings)
    } else {
        // Signs are read off the bits: denormals-are-zero hides small ones.
        let convert = |sigma: f32, error: f32| {
            if plain {
                return f32_to_loss(error);
            }
            let negative = error.to_bits() > (-0.0f32).to_bits();
            let x0 = f32_to_f64(error) * objective.to_x0(sigma.into()) / dimensions;
            if negative { None } else { f64_to_loss(x0) }
        };
        let mut rejected = 0;
        for (i, (&sigma, &error)) in sigma.iter().zip(error).enumerate() {
            if mask.is_some_and(|mask| mask.get(i) == Some(&0)) {
                continue;
            }
            let taken = match (lookup.bin(sigma), convert(lookup.nearest(sigma), error)) {
                (Some(k), Some(loss)) => rings.put(k, loss),
                _ => false,
            };
            rejected += usize::from(!taken);
        }
        rejected
    };
    block.header.observations = rings.puts;
    block.header.rejected = block.header.rejected.wrapping_add(rejected as u64);
    Ok(rejected)
}
