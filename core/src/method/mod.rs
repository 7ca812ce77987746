//! The method, one file for each concept; [`refresh`] runs them in order.

pub mod baseline;
pub mod density;
pub mod fresh;
pub mod gate;
pub mod grid;
pub mod guard;
pub mod objective;
pub mod pivot;
pub mod rate;
pub mod reachable;
pub mod refresh;
pub mod target;
pub mod warning;
