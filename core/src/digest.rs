//! The digest: one number that two equal schedules share on every target.
//!
//! xxh3-64 over a logical list, little-endian: configuration, tables, RNG,
//! counters, frozen flag, next refresh, EMA, rings with heads and counts,
//! thresholds. Derived tables and padding are outside it.
//!
//! ```
//! use infonoise_core::{block::state_words, Config, Scheduler};
//! let mut words = vec![0; state_words(64, 256)];
//! let mut scheduler = Scheduler::init(&mut words, &Config::DEFAULT, 0).unwrap();
//! let before = scheduler.digest();
//! scheduler.sample(&mut [0.0; 4]).unwrap();
//! assert_ne!(before, scheduler.digest());
//! ```

use crate::block::View;
use crate::quantile::DrawTable;
use bytemuck::{Pod, bytes_of, cast_slice};
use xxhash_rust::xxh3::Xxh3;

/// A hash of little-endian numbers.
struct Digest(Xxh3);

impl Digest {
    /// Adds numbers of N bytes, each turned little-endian by `to_le`.
    fn put<T: Pod>(&mut self, numbers: &[T], to_le: impl Fn(T) -> T) {
        if cfg!(target_endian = "little") {
            self.0.update(cast_slice(numbers));
        } else {
            for &x in numbers {
                self.0.update(bytes_of(&to_le(x)));
            }
        }
    }

    fn u32s(&mut self, numbers: &[u32]) {
        self.put(numbers, u32::to_le);
    }

    fn u64s(&mut self, numbers: &[u64]) {
        self.put(numbers, u64::to_le);
    }

    fn f64s(&mut self, numbers: &[f64]) {
        self.put(numbers, |x| f64::from_bits(x.to_bits().to_le()));
    }
}

/// The digest of a block.
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
    ]);
    digest.f64s(block.ema);
    digest.put(block.rings, |x: f32| f32::from_bits(x.to_bits().to_le()));
    for mark in block.marks {
        digest.u32s(&[mark.head.into(), mark.count.into()]);
    }
    let table = DrawTable::new(block.entries, block.guide, header.last_drawn as usize);
    for k in 0..=block.marks.len() {
        digest.u64s(&[table.threshold(k)]);
    }
    digest.0.digest()
}
