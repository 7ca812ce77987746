//! Debug builds only: catches two threads inside one block.
//!
//! A few process-wide slots hold the addresses of the blocks in use. When all slots are
//! taken the check is skipped: it finds mistakes, it is not a lock.

use crate::{State, Status};
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};

static SLOTS: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];

/// Holds a block's slot until it is dropped.
pub struct Claim(Option<&'static AtomicUsize>);

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(slot) = self.0 {
            slot.store(0, SeqCst);
        }
    }
}

/// Claims a block, or returns an error if another thread has it.
pub fn claim(state: *const State) -> Result<Claim, Status> {
    let address = state as usize;
    let free = SLOTS.iter().find(|slot| slot.compare_exchange(0, address, SeqCst, SeqCst).is_ok());
    let claim = Claim(free);
    // Checked after claiming, so that at least one of two threads sees the other.
    let holders = SLOTS.iter().filter(|slot| slot.load(SeqCst) == address).count();
    if free.is_some() && holders > 1 { Err(Status::INFONOISE_BUSY) } else { Ok(claim) }
}
