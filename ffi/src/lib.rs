//! # infonoise: the C ABI
//!
//! Caller-owned memory, nothing to free, no global state: a state is a block
//! of `infonoise_state_bytes(config)` bytes, 8-aligned, that you may copy,
//! store and send as you like. One block serves one thread at a time.
//!
//! `include/infonoise.h` is generated from this crate, except for `journal.rs`,
//! which is `include/infonoise_journal.h`.
//!
//! Every function returns an `infonoise_status`, tolerates NULL by returning
//! `INFONOISE_NULL`, and changes nothing unless it returns `INFONOISE_OK`.
//! Arrays of n elements may be NULL where n is 0.

#![cfg_attr(not(feature = "std"), no_std)]
#![allow(clippy::missing_safety_doc, reason = "the pointer rules above hold for every function")]

#[cfg(debug_assertions)]
mod busy;
mod float_mode;
mod memory;
mod text;

// In the order in which the header is read.
mod setup;

mod tables;

mod verbs;

mod inspect;

mod levels;

mod snapshot;

mod journal;

mod status;

pub use inspect::*;
pub use journal::*;
pub use levels::*;
pub use setup::*;
pub use snapshot::*;
pub use status::*;
pub use tables::*;
pub use verbs::*;

/// The version of this ABI: within one, functions and structs are only ever added.
pub const INFONOISE_ABI_VERSION: u32 = 2;
const _: () = assert!(INFONOISE_ABI_VERSION == infonoise::ABI_VERSION);

/// A schedule: `infonoise_state_bytes(config)` bytes of the caller's, 8-aligned, that may
/// be copied, stored and sent.
pub struct State(());

/// Runs `body` in the standard float mode and turns its error into a status.
fn status(body: impl FnOnce() -> Result<(), Status>) -> Status {
    let _mode = float_mode::FloatMode::standard();
    match body() {
        Ok(()) => Status::INFONOISE_OK,
        Err(status) => status,
    }
}

/// As [`status`], for functions that return a size: 0 stands for every error.
fn size(body: impl FnOnce() -> Result<usize, Status>) -> usize {
    let _mode = float_mode::FloatMode::standard();
    body().unwrap_or(0)
}

/// The ABI version of the library: compare it with `INFONOISE_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_abi_version() -> u32 {
    INFONOISE_ABI_VERSION
}

#[cfg(not(feature = "std"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // Release builds cannot get here: a test holds the archive to it.
    loop {
        core::hint::spin_loop();
    }
}

/// Unoptimised `core` refers to it although nothing here unwinds. Release builds
/// do not have it, so only they link beside other Rust libraries.
/// cbindgen:ignore
#[cfg(all(debug_assertions, not(feature = "std")))]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
