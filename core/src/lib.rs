//! # infonoise-core
//!
//! Chooses at which noise levels a diffusion model trains next, from the
//! denoising errors that training computes anyway. The scheduler is a value:
//! one flat block of words that the caller owns, and this crate works on it.
//!
//! ```
//! use infonoise_core::{block::state_words, Config, Scheduler};
//!
//! let mut words = vec![0u64; state_words(64, 256)];
//! let mut scheduler = Scheduler::init(&mut words, &Config::edm(0.5), 42)?;
//! let mut sigma = [0.0f32; 128];
//! scheduler.sample(&mut sigma)?; //         noise levels of the next batch
//! let error = [0.01f32; 128]; //            unweighted errors of the denoiser
//! scheduler.observe(&sigma, &error)?;
//! scheduler.step()?; //                     once per optimizer step
//! # Ok::<(), infonoise_core::Error>(())
//! ```
//!
//! One file per idea, in the order in which a refresh uses them: [`grid`],
//! [`mod@bin`], [`objective`], [`ring`], [`rate`], [`pivot`], [`gate`],
//! [`target`], [`density`], [`guard`], [`quantile`]; [`refresh`] puts them
//! together, [`block`] says where they lie, [`Scheduler`] is the way in. A
//! schedule leaves the block as an [`image`], a whole run as a [`journal`], which
//! [`Recorder`] writes and [`replay`] executes. [`channel`] holds data whose answer
//! is known.
//!
//! No unsafe, no allocation, no panic in release builds, no platform maths:
//! the same inputs give the same bits on every target.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
// Written as they read in METHOD: `!(x >= low)` also refuses NaN.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

pub mod baseline;
pub mod bin;
pub mod block;
pub mod channel;
mod config;
pub mod coordinate;
pub mod crc;
pub mod density;
pub mod diagnose;
mod digest;
pub mod entropic;
mod error;
pub mod gate;
pub mod grid;
pub mod guard;
pub mod image;
pub mod journal;
mod little;
pub mod maths;
pub mod objective;
pub mod pivot;
mod profile;
pub mod quantile;
pub mod rate;
mod reader;
pub mod recent;
mod record;
mod recorder;
pub mod refresh;
pub mod replay;
mod report;
pub use infonoise_loops::ring;
mod scheduler;
pub mod target;
pub mod xxh3;

pub use block::state_words;
pub use config::{Baseline, Config, Draw, Emphasis, Endpoint, Objective, Pivot, Preset};
pub use coordinate::Coordinate;
pub use diagnose::{Mismatch, Schedule, ScheduleKind};
pub use error::{ConfigError, Error};
pub use guard::Hold;
pub use pivot::PivotRule;
pub use profile::{Edges, Profile};
pub use reader::Reader;
pub use record::ConfigRecord;
pub use recorder::{Recorder, begin_room};
pub use refresh::Warning;
pub use report::{Phase, Report};
pub use scheduler::{Scheduler, Step};

/// The version of the C ABI that this crate stands behind; journals name it.
pub const ABI_VERSION: u32 = 1;
