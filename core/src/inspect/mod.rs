//! Queries that do not change the block.

pub mod coordinate;
pub mod diagnose;
pub mod entropic_time;
pub mod profile;
pub mod report;
pub mod state_ref;
