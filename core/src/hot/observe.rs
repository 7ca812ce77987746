//! Observations: errors are converted to x0 space and stored in the rings of their bins
//! (docs/specification.md#observation).

use crate::config::Objective;
use crate::error::Error;
use crate::hot::bin_lookup::BinLookup;
use crate::hot::ring::Rings;
use crate::maths::{f32_to_f64, f32_to_loss, f64_to_loss};
use crate::state::block::Hot;
use bytemuck::{must_cast_slice, must_cast_slice_mut};

/// Pairs that are worked on at a time.
const PIECE: usize = 64;

/// Takes pairs of a sigma and a per-sample, unweighted error, and leaves out those
/// whose mask byte is 0; returns how many were rejected.
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
        slots: must_cast_slice_mut(block.rings),
        window: config.window,
        puts: block.header.observations,
    };
    let rejected = if plain && mask.is_none() {
        // Two passes over short pieces: neither loop waits for the other, and each fits
        // in the registers. Errors are handled as bits, which need no float registers.
        let (sigma, error): (&[u32], &[u32]) = (must_cast_slice(sigma), must_cast_slice(error));
        let (mut bins, mut rejected) = ([0; PIECE], 0);
        for (sigma, error) in sigma.chunks(PIECE).zip(error.chunks(PIECE)) {
            lookup.bins(sigma, &mut bins);
            rejected += rings.put_all(&bins, error);
        }
        rejected
    } else {
        // Signs are read from the bits: denormals-are-zero would hide small negative ones.
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
                (Some(k), Some(loss)) => rings.put(k, loss.to_bits()),
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
