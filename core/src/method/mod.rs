//! The method, one file for each idea; [`refresh`] puts them together.

pub mod baseline;
pub mod density;
pub mod gate;
pub mod grid;
pub mod guard;
pub mod objective;
pub mod pivot;
pub mod rate;
pub mod refresh;
pub mod target;
