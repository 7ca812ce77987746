//! The digest: one number that two equal schedules share on every target.
//!
//! xxh3-64 over a logical list, little-endian: configuration, tables, RNG,
//! counters, frozen flag, next and last refresh, EMA, rings with their heads and how
//! often they were filled, thresholds. Derived tables and padding are not part of it.
//!
//! ```
//! use infonoise::{state_words, Config, Scheduler};
//! let mut words = vec![0; state_words(64, 256)];
//! let mut scheduler = Scheduler::init(&mut words, &Config::DEFAULT, 0).unwrap();
//! let before = scheduler.digest();
//! scheduler.sample(&mut [0.0; 4]).unwrap();
//! assert_ne!(before, scheduler.digest());
//! ```

use crate::state::block::View;
use crate::state::draw_table::DrawTable;
use crate::state::xxh3::Xxh3;

/// A hash of little-endian numbers.
struct Digest(Xxh3);

impl Digest {
    fn u32s(&mut self, numbers: &[u32]) {
        for &x in numbers {
            self.0.put(x);
        }
    }

    fn u64s(&mut self, numbers: &[u64]) {
        for &x in numbers {
            self.u64(x);
        }
    }

    fn u64(&mut self, x: u64) {
        self.0.put(x as u32);
        self.0.put((x >> 32) as u32);
    }

    fn f64s(&mut self, numbers: &[f64]) {
        for x in numbers {
            self.u64(x.to_bits());
        }
    }
}

/// The digest of a block.
#[inline(never)]
pub fn digest(block: &View<'_>) -> u64 {
    let header = block.header;
    let mut digest = Digest(Xxh3::new());
    let (narrow, wide) = header.config.parts();
    // struct_size belongs to the ABI, not to the schedule.
    digest.u32s(narrow.get(1..).unwrap_or(&[]));
    digest.u64s(&wide);
    digest.f64s(block.weight);
    digest.f64s(block.baseline);
    digest.u64s(&header.rng);
    digest.u64s(&[
        header.steps,
        header.draws,
        header.observations,
        header.rejected,
        header.refreshes,
        header.held,
        header.frozen,
        header.next_refresh,
        header.last_refresh,
    ]);
    digest.f64s(block.ema);
    for loss in block.rings {
        digest.0.put(loss.to_bits());
    }
    for mark in block.marks {
        digest.u32s(&[mark.head.into(), mark.turns]);
    }
    let table = DrawTable::new(block.columns, block.guide, header.last_drawn as usize);
    for k in 0..=block.marks.len() {
        digest.u64(table.threshold(k));
    }
    digest.0.finish()
}
