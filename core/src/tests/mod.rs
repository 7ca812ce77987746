//! Tests that need the whole crate and its private items.

mod properties;
mod vectors;
