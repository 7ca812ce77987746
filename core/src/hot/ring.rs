//! The loss rings: each bin remembers its last B converted losses.

use crate::maths::real;
use bytemuck::{Pod, Zeroable};

#[test]
fn example() {
    let (mut mark, mut slots) = (Mark::default(), [0.0; 4]);
    for loss in [1.0, 2.0, 3.0, 4.0, 9.0] {
        push(&mut mark, &mut slots, loss);
    }
    assert_eq!((mark.head, mark.count), (1, 4));
    assert_eq!(mean(&mark, &slots), 4.5); // 9 has replaced 1
}

/// Where a ring writes next, and how many of its slots are filled.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Mark {
    /// The slot of the next loss, below B.
    pub head: u16,
    /// Filled slots, at most B.
    pub count: u16,
}

impl Mark {
    /// The slot of the next loss in a ring of `window` slots, over the oldest
    /// once the ring is full. Not below `window` if the mark is nonsense.
    #[inline(always)]
    fn advance(&mut self, window: u32) -> u32 {
        let (head, next) = (u32::from(self.head), u32::from(self.head) + 1);
        self.head = if next < window { next as u16 } else { 0 };
        if u32::from(self.count) < window {
            self.count = self.count.wrapping_add(1);
        }
        head
    }
}

/// Puts `loss` into the ring.
#[inline]
pub fn push(mark: &mut Mark, slots: &mut [f32], loss: f32) {
    let head = mark.advance(slots.len() as u32);
    if let Some(slot) = slots.get_mut(head as usize) {
        *slot = loss;
    }
}

/// All rings of a block.
pub struct Rings<'a> {
    /// One mark for each ring.
    pub marks: &'a mut [Mark],
    /// For each ring, the number of losses put into any at its latest one.
    pub seen: &'a mut [u64],
    /// The slots, ring after ring.
    pub slots: &'a mut [f32],
    /// Slots of a ring.
    pub window: u32,
    /// Losses ever put into any ring.
    pub puts: u64,
}

impl Rings<'_> {
    /// Puts a loss into ring `k`; whether there is one.
    #[inline(always)]
    pub fn put(&mut self, k: usize, loss: f32) -> bool {
        let (Some(mark), Some(seen)) = (self.marks.get_mut(k), self.seen.get_mut(k)) else { return false };
        let slot = k * self.window as usize + mark.advance(self.window) as usize;
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = loss;
        }
        self.puts = self.puts.wrapping_add(1);
        *seen = self.puts;
        true
    }
}

/// Mean of the filled slots, in slot order over eight f64 lanes: lane j sums
/// the slots i with i mod 8 = j; the lanes are then added pairwise. 0 if empty
/// (docs/specification.md#mean).
pub fn mean(mark: &Mark, slots: &[f32]) -> f64 {
    let filled = slots.get(..usize::from(mark.count)).unwrap_or(slots);
    let [a, b, c, d, e, f, g, h] = lanes(filled);
    let total = ((a + b) + (c + d)) + ((e + f) + (g + h));
    if filled.is_empty() { 0.0 } else { total / real(filled.len()) }
}

/// Apart from the last sum, whose order would otherwise shuffle the lanes. Two
/// chunks a turn, since a turn costs as much as a lane.
#[inline(never)]
fn lanes(slots: &[f32]) -> [f64; 8] {
    let (mut lanes, mut rest) = ([0.0; 8], slots);
    while let Some((pair, tail)) = rest.split_first_chunk::<16>() {
        for (j, lane) in lanes.iter_mut().enumerate() {
            *lane += f64::from(pair[j]);
        }
        for (j, lane) in lanes.iter_mut().enumerate() {
            *lane += f64::from(pair[j + 8]);
        }
        rest = tail;
    }
    let (chunk, tail) = rest.split_at_checked(8).unwrap_or((rest, &[]));
    for losses in [chunk, tail] {
        for (lane, &loss) in lanes.iter_mut().zip(losses) {
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
        let (mut mark, mut slots) = (Mark::default(), [0.0; 16]);
        assert_eq!(mean(&mark, &slots), 0.0);
        for i in 1..=11u8 {
            push(&mut mark, &mut slots, f32::from(i));
            assert_eq!(mean(&mark, &slots), (f64::from(i) + 1.0) / 2.0);
        }
    }

    #[test]
    fn nonsense_marks_stay_inside() {
        let (mut mark, mut slots) = (Mark { head: 999, count: 999 }, [1.0; 8]);
        assert_eq!(mean(&mark, &slots), 1.0);
        push(&mut mark, &mut slots, 2.0);
        assert_eq!(mark.head, 0);
        assert_eq!(slots, [1.0; 8]);
    }
}
