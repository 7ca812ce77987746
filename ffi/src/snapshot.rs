//! Snapshots: saving and loading.

use crate::memory::{self, opened, output, reader};
use crate::{State, Status, size, status};
use core::ffi::c_void;
use infonoise::{STATE_MAGIC, journal, snapshot};

/// Bytes of the snapshot of a block; 0 if it holds no scheduler.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_snapshot_bytes(state: *const State, bytes: usize) -> usize {
    size(|| {
        let config = unsafe { reader(state, bytes)? }.config()?;
        Ok(snapshot::bytes(config.bins as usize, config.window as usize))
    })
}

/// Writes the snapshot of a block for a checkpoint: portable (little-endian, any
/// processor), with a checksum.
///
/// Errors: those of a state; TOO_SMALL (`snapshot_bytes`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_save(
    state: *const State,
    bytes: usize,
    snapshot: *mut c_void,
    snapshot_bytes: usize,
) -> Status {
    status(|| {
        let state = unsafe { reader(state, bytes) };
        let state = opened(&state)?;
        if snapshot.is_null() {
            return Err(Status::INFONOISE_NULL);
        }
        // Only the bytes that are needed, even if the caller has more.
        let room = snapshot_bytes.min(snapshot::bytes(256, 4096));
        Ok(state.save(unsafe { output(snapshot.cast::<u8>(), room)? })?)
    })
}

/// Bytes of the block that a snapshot needs; its head and checksum are checked.
///
/// Errors: as `infonoise_load`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_snapshot_state_bytes(
    snapshot: *const c_void,
    snapshot_bytes: usize,
    bytes: *mut usize,
) -> Status {
    status(|| {
        let needed = snapshot::state_words_of(unsafe { memory::bytes_in(snapshot, snapshot_bytes)? })?;
        if let Some(bytes) = unsafe { output(bytes, 1)? }.first_mut() {
            *bytes = 8 * needed;
        }
        Ok(())
    })
}

/// Writes the schedule of a snapshot into `state`, after checking everything.
///
/// Errors: NULL, MISALIGNED, NOT_A_SNAPSHOT, TRUNCATED, SNAPSHOT_VERSION, SNAPSHOT_SIZE,
/// CHECKSUM, CORRUPT (values out of range), TOO_SMALL (`bytes`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_load(
    state: *mut State,
    bytes: usize,
    snapshot: *const c_void,
    snapshot_bytes: usize,
) -> Status {
    status(|| {
        let snapshot = unsafe { memory::bytes_in(snapshot, snapshot_bytes)? };
        let words = unsafe { memory::words_mut(state, bytes)? };
        #[cfg(debug_assertions)]
        let _busy = crate::busy::claim(state)?;
        snapshot::load(words, snapshot)?;
        Ok(())
    })
}

/// The version of a block (its layout), a snapshot or a journal, from its first 16
/// bytes (12 are enough for a snapshot or a journal); 0 for anything else.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_version_of(data: *const c_void, data_bytes: usize) -> u32 {
    let Ok(data) = (unsafe { memory::bytes_in(data, data_bytes) }) else { return 0 };
    let (Some(magic), Some(version)) =
        (data.first_chunk::<8>(), data.get(8..).and_then(|v| v.first_chunk::<4>()))
    else {
        return 0;
    };
    let magic = u64::from_ne_bytes(*magic);
    if magic == u64::from_ne_bytes(snapshot::SNAPSHOT_MAGIC) || magic == u64::from_ne_bytes(journal::MAGIC) {
        return u32::from_le_bytes(*version);
    }
    // A block's layout is a small u64 in the machine's own byte order.
    match data.get(8..).and_then(|v| v.first_chunk::<8>()) {
        Some(layout) if magic == STATE_MAGIC => u64::from_ne_bytes(*layout) as u32,
        _ => 0,
    }
}
