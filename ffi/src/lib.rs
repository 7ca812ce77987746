//! # infonoise: the C ABI
//!
//! The caller owns all memory, nothing needs to be freed, and there is no global state.
//! A state is a block of `infonoise_state_bytes(config)` bytes, 8-aligned, that may
//! be copied, stored and sent. One block serves one thread at a time.
//!
//! `include/infonoise_journal.h` is generated from `journal.rs`, `include/infonoise.h`
//! from the other files.
//!
//! A function that can fail returns an `infonoise_status`. It returns `INFONOISE_NULL`
//! for a NULL pointer, and changes nothing unless it returns `INFONOISE_OK`. Arrays of
//! n elements may be NULL where n is 0.

#![cfg_attr(not(feature = "std"), no_std)]
#![allow(clippy::missing_safety_doc, reason = "the pointer rules above hold for every function")]

#[cfg(debug_assertions)]
mod busy;
mod float_mode;
mod memory;
mod text;

// The order of the header.
mod setup;

mod tables;

mod verbs;

mod inspect;

mod levels;

mod plan;

mod snapshot;

mod journal;

mod status;

pub use inspect::*;
pub use journal::*;
pub use levels::*;
pub use plan::*;
pub use setup::*;
pub use snapshot::*;
pub use status::*;
pub use tables::*;
pub use verbs::*;

/// The version of this ABI. Within a version, functions and structs are only added.
pub const INFONOISE_ABI_VERSION: u32 = 2;
const _: () = assert!(INFONOISE_ABI_VERSION == infonoise::ABI_VERSION);

/// A schedule: `infonoise_state_bytes(config)` bytes of the caller's memory, 8-aligned,
/// that may be copied, stored and sent.
pub struct State(());

/// Runs `body` in the standard float mode and turns its error into a status.
fn status(body: impl FnOnce() -> Result<(), Status>) -> Status {
    let _mode = float_mode::FloatMode::standard();
    match body() {
        Ok(()) => Status::INFONOISE_OK,
        Err(status) => status,
    }
}

/// As [`status`], for functions that return a size: 0 for every error.
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
    // Release builds cannot reach this; a test checks that the archive does not contain it.
    loop {
        core::hint::spin_loop();
    }
}

/// Unoptimised `core` refers to it although nothing here unwinds. Release builds do not
/// define it, so only they link together with other Rust libraries.
/// cbindgen:ignore
#[cfg(all(debug_assertions, not(feature = "std")))]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
