//! Portable bytes: snapshots of a schedule, journals of a run.

pub mod bytes;
pub mod checksum;
pub mod journal;
pub mod recent_draws;
pub mod recorder;
pub mod replay;
pub mod snapshot;
