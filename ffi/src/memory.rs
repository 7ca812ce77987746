//! Converts C pointers to Rust slices; all checks of pointers are here.

use crate::{State, Status};
use core::ffi::c_void;
use infonoise::{RawConfig, Report, Scheduler, StateRef, state_words};

/// No block is larger, so no slice over a block needs to be.
const LARGEST_STATE: usize = state_words(256, 4096);
/// No struct of this ABI will be larger.
const LARGEST_STRUCT: u32 = 4096;

fn check<T>(pointer: *const T, n: usize) -> Result<(), Status> {
    if pointer.is_null() {
        return Err(Status::INFONOISE_NULL);
    }
    if !pointer.is_aligned() {
        return Err(Status::INFONOISE_MISALIGNED);
    }
    // The largest slice that Rust allows.
    if n > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Status::INFONOISE_ARGUMENT);
    }
    Ok(())
}

/// n elements for reading; NULL is allowed where n is 0.
pub unsafe fn input<'a, T>(pointer: *const T, n: usize) -> Result<&'a [T], Status> {
    if n == 0 {
        return Ok(&[]);
    }
    check(pointer, n)?;
    Ok(unsafe { core::slice::from_raw_parts(pointer, n) })
}

/// n elements for writing; NULL is allowed where n is 0.
pub unsafe fn output<'a, T>(pointer: *mut T, n: usize) -> Result<&'a mut [T], Status> {
    if n == 0 {
        return Ok(&mut []);
    }
    check(pointer, n)?;
    Ok(unsafe { core::slice::from_raw_parts_mut(pointer, n) })
}

/// n elements for writing, or none where the pointer is NULL because they are not wanted.
pub unsafe fn optional<'a, T>(pointer: *mut T, n: usize) -> Result<&'a mut [T], Status> {
    if pointer.is_null() { Ok(&mut []) } else { unsafe { output(pointer, n) } }
}

fn words_in(bytes: usize) -> usize {
    (bytes / 8).min(LARGEST_STATE)
}

/// The words of a block, for writing.
pub unsafe fn words_mut<'a>(state: *mut State, bytes: usize) -> Result<&'a mut [u64], Status> {
    let state = state.cast::<u64>();
    check(state, 1)?;
    unsafe { output(state, words_in(bytes)) }
}

/// The words of any memory, for writing; that of a journal has no largest size.
pub unsafe fn any_words_mut<'a>(memory: *mut c_void, bytes: usize) -> Result<&'a mut [u64], Status> {
    let memory = memory.cast::<u64>();
    check(memory, 1)?;
    unsafe { output(memory, bytes / 8) }
}

/// The bytes of a snapshot or a journal, for reading.
pub unsafe fn bytes_in<'a>(data: *const c_void, bytes: usize) -> Result<&'a [u8], Status> {
    if data.is_null() {
        return Err(Status::INFONOISE_NULL);
    }
    unsafe { input(data.cast::<u8>(), bytes) }
}

/// The scheduler in a block, for reading.
#[inline(never)]
pub unsafe fn reader<'a>(state: *const State, bytes: usize) -> Result<StateRef<'a>, Status> {
    let state = state.cast::<u64>();
    check(state, 1)?;
    Ok(StateRef::open(unsafe { input(state, words_in(bytes))? })?)
}

/// The result of [`reader`] by reference: passed by value it would be on the stack twice.
pub fn opened<'r, 'a>(state: &'r Result<StateRef<'a>, Status>) -> Result<&'r StateRef<'a>, Status> {
    state.as_ref().map_err(|status| *status)
}

/// The result of [`scheduler`] by reference, for the same reason.
pub fn opened_mut<'r, 'a>(state: &'r mut Result<Claimed<'a>, Status>) -> Result<&'r mut Claimed<'a>, Status> {
    state.as_mut().map_err(|status| *status)
}

/// A scheduler in a block, for writing; claimed in debug builds.
pub struct Claimed<'a> {
    scheduler: Scheduler<'a>,
    #[cfg(debug_assertions)]
    _busy: crate::busy::Claim,
}

impl<'a> core::ops::Deref for Claimed<'a> {
    type Target = Scheduler<'a>;
    fn deref(&self) -> &Self::Target {
        &self.scheduler
    }
}

impl core::ops::DerefMut for Claimed<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.scheduler
    }
}

/// The scheduler in a block, for writing.
#[inline(never)]
pub unsafe fn scheduler<'a>(state: *mut State, bytes: usize) -> Result<Claimed<'a>, Status> {
    #[cfg(debug_assertions)]
    let busy = crate::busy::claim(state)?;
    let scheduler = Scheduler::open(unsafe { words_mut(state, bytes)? })?;
    Ok(Claimed {
        scheduler,
        #[cfg(debug_assertions)]
        _busy: busy,
    })
}

/// A struct of the ABI that begins with `uint32_t struct_size`.
///
/// # Safety
/// `repr(C)`, and the first field is that size.
pub unsafe trait Sized32: Sized {}
unsafe impl Sized32 for RawConfig {}
unsafe impl Sized32 for Report {}

/// The caller's `struct_size`, if this library can work with it: a newer
/// caller's struct may be longer, but its tail must be zero.
pub unsafe fn check_size<T: Sized32>(pointer: *const T) -> Result<u32, Status> {
    check(pointer, 1)?;
    let ours = size_of::<T>();
    let theirs = unsafe { pointer.cast::<u32>().read() };
    if (theirs as usize) < ours || theirs > LARGEST_STRUCT {
        return Err(Status::INFONOISE_STRUCT_SIZE);
    }
    let tail = unsafe { input(pointer.cast::<u8>().add(ours), theirs as usize - ours)? };
    if tail.iter().any(|&byte| byte != 0) {
        return Err(Status::INFONOISE_STRUCT_SIZE);
    }
    Ok(theirs)
}

/// Reads a struct of the ABI.
pub unsafe fn read_struct<T: Sized32 + Copy>(pointer: *const T) -> Result<T, Status> {
    unsafe {
        check_size(pointer)?;
        Ok(pointer.read())
    }
}

/// Writes a struct of the ABI, keeping the caller's `struct_size`.
pub unsafe fn write_struct<T: Sized32>(pointer: *mut T, value: T) -> Result<(), Status> {
    unsafe {
        let theirs = check_size(pointer)?;
        pointer.write(value);
        pointer.cast::<u32>().write(theirs);
    }
    Ok(())
}

/// Copies into an array unless that is NULL.
pub unsafe fn copy_curve(from: &[f64], to: *mut f64) -> Result<(), Status> {
    for (to, from) in unsafe { optional(to, from.len())? }.iter_mut().zip(from) {
        *to = *from;
    }
    Ok(())
}
