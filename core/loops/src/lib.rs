//! The loops that a training step spends its time in: draw, find bins, fill
//! rings, average them.
//!
//! They are a crate of their own so that they can be compiled for speed and
//! everything else for size (`[profile.release]` in the workspace). Use
//! `infonoise-core`, which re-exports them.

#![no_std]

pub mod bins;
pub mod draw;
pub mod number;
pub mod ring;
