//! Portable images: saving and loading.

use crate::memory::{self, output, reader};
use crate::{Status, size, status};
use core::ffi::c_void;
use infonoise::{Scheduler, snapshot};

/// Bytes of the portable image of a block; 0 if it holds no scheduler.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_image_bytes(state: *const c_void, bytes: usize) -> usize {
    size(|| {
        let config = unsafe { reader(state, bytes)? }.config()?;
        Ok(snapshot::bytes(config.bins as usize, config.window as usize))
    })
}

/// Writes the portable image of a block: little-endian, with a checksum, good
/// for checkpoints and for machines of the other byte order.
///
/// Errors: as `infonoise_sample`; TOO_SMALL if `image_bytes` is below
/// `infonoise_image_bytes`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_save(
    state: *const c_void,
    bytes: usize,
    image: *mut c_void,
    image_bytes: usize,
) -> Status {
    status(|| {
        let state = unsafe { reader(state, bytes)? };
        if image.is_null() {
            return Err(Status::INFONOISE_NULL);
        }
        // No more than is needed, whatever the caller says that there is.
        let room = image_bytes.min(snapshot::bytes(256, 4096));
        Ok(state.save(unsafe { output(image.cast::<u8>(), room)? })?)
    })
}

/// Bytes of the block that an image needs, after checking the image's head and
/// checksum.
///
/// Errors: as `infonoise_load`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_image_state_bytes(
    image: *const c_void,
    image_bytes: usize,
    bytes: *mut usize,
) -> Status {
    status(|| {
        let needed = snapshot::state_words_of(unsafe { memory::bytes_in(image, image_bytes)? })?;
        if let Some(bytes) = unsafe { output(bytes, 1)? }.first_mut() {
            *bytes = 8 * needed;
        }
        Ok(())
    })
}

/// Writes the schedule of an image into `state`, after checking everything.
///
/// Errors: NULL, MISALIGNED, NOT_AN_IMAGE, TRUNCATED, IMAGE_VERSION, IMAGE_SIZE,
/// CHECKSUM, CORRUPT (values out of range), TOO_SMALL (`bytes`). The block is
/// untouched then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn infonoise_load(
    state: *mut c_void,
    bytes: usize,
    image: *const c_void,
    image_bytes: usize,
) -> Status {
    status(|| {
        let image = unsafe { memory::bytes_in(image, image_bytes)? };
        let words = unsafe { memory::words_mut(state, bytes)? };
        #[cfg(debug_assertions)]
        let _busy = crate::busy::claim(state)?;
        Scheduler::load(words, image)?;
        Ok(())
    })
}
