//! # infonoise
//!
//! Chooses at which noise levels a diffusion model trains next, from the
//! denoising errors that training computes anyway. The scheduler is a value:
//! one flat block of words that the caller owns, and this crate works on it.
//!
//! ```
//! use infonoise::{state_words, Config, Scheduler};
//!
//! let mut words = vec![0u64; state_words(64, 256)];
//! let mut scheduler = Scheduler::init(&mut words, &Config::edm(0.5), 42)?;
//! let mut sigma = [0.0f32; 128];
//! scheduler.sample(&mut sigma)?; //         noise levels of the next batch
//! let error = [0.01f32; 128]; //            unweighted errors of the denoiser
//! scheduler.observe(&sigma, &error)?;
//! scheduler.step()?; //                     once per optimizer step
//! # Ok::<(), infonoise::Error>(())
//! ```
//!
//! | folder | what it holds |
//! |---|---|
//! | `config` | the configuration, its bounds, and its raw record for the C ABI |
//! | `method` | the mathematics, one file for each concept; `method/refresh.rs` follows
//! the order of the specification |
//! | `hot` | the code that runs for each sigma and each error: draw, bin lookup, ring |
//! | `state` | the block: its layout, the draw table, the digest |
//! | `persist` | portable bytes: a schedule as a [`snapshot`], a run as a [`journal`]
//! that [`Recorder`] writes and [`replay`] executes |
//! | `sampler` | the planned grid: at which levels a sampler steps |
//! | `inspect` | queries: [`Report`], [`Profile`], [`diagnose`], [`coordinate`] |
//!
//! Start with [`Scheduler`]; [`StateRef`] reads the same block without changing it.
//!
//! No unsafe, no allocation, no panic in release builds, no platform maths:
//! the same inputs give the same bits on every target.

// Unsafe code is forbidden except in tests, one of which sets the float control register.
#![cfg_attr(not(test), no_std, forbid(unsafe_code))]
// Written as they read in docs/specification.md: `!(x >= low)` also refuses NaN.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

mod config;
mod error;
mod hot;
mod inspect;
mod maths;
mod method;
mod persist;
mod sampler;
mod scheduler;
mod state;
#[cfg(test)]
mod tests;

pub use config::raw::RawConfig;
pub use config::{Baseline, Config, Draw, Emphasis, Endpoint, Objective, Pivot, Preset};
pub use error::{ConfigError, Error, Value};
pub use inspect::coordinate::{self, Coordinate};
pub use inspect::diagnose::{self, Mismatch, Schedule, ScheduleKind};
pub use inspect::entropic_time::EntropicTime;
pub use inspect::profile::{Profile, profile_len};
pub use inspect::report::{Phase, Report};
pub use inspect::state_ref::StateRef;
pub use method::guard::Hold;
pub use method::pivot::PivotRule;
pub use method::warning::Warning;
pub use persist::recorder::{Recorder, begin_room};
pub use persist::{journal, recent_draws, replay, snapshot};
pub use sampler::plan;
pub use sampler::solver::Solver;
pub use sampler::spectrum::Spectrum;
pub use scheduler::{Scheduler, Step};
pub use state::block::{MAGIC as STATE_MAGIC, state_words};

/// The version of the C ABI that this crate implements.
pub const ABI_VERSION: u32 = 2;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
