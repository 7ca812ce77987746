//! The planned grid: at which noise levels a sampler steps, from the profile
//! (docs/specification.md#planned-grid).
//!
//! [`spectrum`] finds Gaussian data of the same mmse, [`solver`] knows each solver's error
//! on them, [`plan`] chooses the levels of the least sum of errors.

pub mod cost;
pub mod curve;
pub mod plan;
pub mod polish;
pub mod solver;
pub mod spectrum;
pub mod verdict;
