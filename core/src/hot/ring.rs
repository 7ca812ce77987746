//! The loss rings: each bin keeps its last B losses, converted to x0 space.

use crate::maths::{is_normal, odd_f32_to_loss, real};
use bytemuck::{Pod, Zeroable};

#[test]
fn example() {
    let (mut marks, mut slots) = ([Mark::default()], [0; 4]);
    let mut rings = Rings { marks: &mut marks, slots: &mut slots, window: 4, puts: 0 };
    for loss in [1.0f32, 2.0, 3.0, 4.0, 9.0] {
        rings.put(0, loss.to_bits());
    }
    let ([mark], losses) = (marks, slots.map(f32::from_bits));
    assert_eq!((mark.head, mark.count(4)), (1, 4));
    assert_eq!(mean(&mark, &losses), 4.5); // 9 has replaced 1
}

/// Where a ring writes next, whether all its slots are filled, and its age.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Mark {
    /// How many losses had been put into all rings when this ring took its last one.
    pub seen: u64,
    /// The slot of the next loss, below B.
    pub head: u16,
    /// Whether the ring has wrapped, so that all slots are filled: 0 or 1. Before that
    /// `head` is their count, which saves the hot loop a counter.
    pub full: u16,
    /// Padding to whole words.
    pub reserved: u32,
}

impl Mark {
    /// The mark of a ring of `window` slots, `count` of them filled, whose last loss
    /// was number `seen`; none where the three contradict each other.
    pub fn new(head: u32, count: u32, window: u32, seen: u64) -> Option<Self> {
        let full = count == window;
        let sound = head < window && (full || head == count);
        if sound { Some(Mark { seen, head: head as u16, full: full.into(), reserved: 0 }) } else { None }
    }

    /// Filled slots.
    #[inline]
    pub fn count(&self, window: u32) -> u32 {
        if self.full != 0 { window } else { window.min(self.head.into()) }
    }

    /// The slot of the next loss in a ring of `window` slots; once the ring is full it
    /// is the oldest one's. Not below `window` if the mark is invalid.
    #[inline(always)]
    fn advance(&mut self, window: u32) -> u32 {
        let (head, next) = (u32::from(self.head), u32::from(self.head) + 1);
        if next < window {
            self.head = next as u16;
        } else {
            (self.head, self.full) = (0, 1);
        }
        head
    }
}

/// All rings of a block.
pub struct Rings<'a> {
    /// One mark for each ring.
    pub marks: &'a mut [Mark],
    /// The slots, ring after ring: bits of f32.
    pub slots: &'a mut [u32],
    /// Slots of a ring.
    pub window: u32,
    /// Losses ever put into any ring.
    pub puts: u64,
}

impl Rings<'_> {
    /// Puts the bits of a loss into ring `k`; returns whether that ring exists.
    #[inline(always)]
    pub fn put(&mut self, k: usize, loss: u32) -> bool {
        let Some(mark) = self.marks.get_mut(k) else { return false };
        let slot = k * self.window as usize + mark.advance(self.window) as usize;
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = loss;
        }
        self.puts = self.puts.wrapping_add(1);
        mark.seen = self.puts;
        true
    }

    /// Puts the bits of errors that need no conversion, each into the ring that `bins`
    /// names; returns how many have no ring or cannot be stored.
    #[inline(never)]
    pub fn put_all(&mut self, bins: &[u16], errors: &[u32]) -> usize {
        // In locals: otherwise the compiler must assume that a store changes them.
        let Rings { marks, slots, window, puts } = self;
        let mut local = Rings { marks, slots, window: *window, puts: *puts };
        let mut rejected = 0;
        for (&k, &error) in bins.iter().zip(errors) {
            if is_normal(error) && local.put(k.into(), error) {
                continue;
            }
            let loss = if is_normal(error) { None } else { odd_f32_to_loss(f32::from_bits(error)) };
            if !loss.is_some_and(|loss| local.put(k.into(), loss.to_bits())) {
                rejected += 1;
            }
        }
        *puts = local.puts;
        rejected
    }
}

/// Mean of the filled slots, in slot order over eight f64 lanes: lane j sums
/// the slots i with i mod 8 = j; the lanes are then added pairwise. 0 if empty
/// (docs/specification.md#mean).
pub fn mean(mark: &Mark, slots: &[f32]) -> f64 {
    let filled = slots.get(..mark.count(slots.len() as u32) as usize).unwrap_or(slots);
    let [a, b, c, d, e, f, g, h] = lanes(filled);
    let total = ((a + b) + (c + d)) + ((e + f) + (g + h));
    if filled.is_empty() { 0.0 } else { total / real(filled.len()) }
}

/// The sums of the eight lanes. A function of its own: merged with the sum over the
/// lanes it would be compiled to shuffles. Four chunks in each iteration, since the
/// loop itself costs as much as a lane.
#[inline(never)]
fn lanes(slots: &[f32]) -> [f64; 8] {
    let (mut lanes, mut rest) = ([0.0; 8], slots);
    while let Some((turn, tail)) = rest.split_first_chunk::<32>() {
        let mut add = |first: usize| {
            for (j, lane) in lanes.iter_mut().enumerate() {
                *lane += f64::from(turn[(first + j) & 31]);
            }
        };
        add(0);
        add(8);
        add(16);
        add(24);
        rest = tail;
    }
    for chunk in rest.chunks(8) {
        for (lane, &loss) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(loss);
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partly_filled_rings_average_what_they_hold() {
        let (mut marks, mut slots) = ([Mark::default()], [0; 16]);
        assert_eq!(mean(&marks[0], &[0.0; 16]), 0.0);
        for i in 1..=11u8 {
            Rings { marks: &mut marks, slots: &mut slots, window: 16, puts: 0 }
                .put(0, f32::from(i).to_bits());
            assert_eq!(mean(&marks[0], &slots.map(f32::from_bits)), (f64::from(i) + 1.0) / 2.0);
            assert_eq!(marks[0].count(16), u32::from(i));
        }
    }

    #[test]
    fn nonsense_marks_stay_inside() {
        let nonsense = Mark { head: 999, full: 999, ..Mark::default() };
        let (mut marks, mut slots) = ([nonsense], [1f32.to_bits(); 8]);
        assert_eq!(mean(&marks[0], &[1.0; 8]), 1.0);
        let mut rings = Rings { marks: &mut marks, slots: &mut slots, window: 8, puts: 0 };
        assert!(rings.put(0, 2f32.to_bits()) && !rings.put(1, 2f32.to_bits()));
        assert_eq!((marks[0].head, slots), (0, [1f32.to_bits(); 8]));
    }

    #[test]
    fn marks_that_contradict_themselves_are_none() {
        assert_eq!(Mark::new(3, 8, 8, 9), Some(Mark { seen: 9, head: 3, full: 1, reserved: 0 }));
        assert_eq!(Mark::new(3, 3, 8, 9), Some(Mark { seen: 9, head: 3, full: 0, reserved: 0 }));
        assert_eq!([Mark::new(3, 4, 8, 9), Mark::new(8, 8, 8, 9), Mark::new(0, 9, 8, 9)], [None; 3]);
    }
}
