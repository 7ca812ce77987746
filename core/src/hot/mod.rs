//! The code that runs for each sigma and each error: draw, bin lookup, ring.

pub mod bin_lookup;
pub mod draw;
pub mod observe;
pub mod ring;
pub mod sample;
