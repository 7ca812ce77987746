//! What needs the whole crate and looks inside it.

mod properties;
mod vectors;
