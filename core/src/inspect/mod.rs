//! What a block can be asked without changing it.

pub mod coordinate;
pub mod diagnose;
pub mod entropic_time;
pub mod profile;
pub mod report;
pub mod state_ref;
