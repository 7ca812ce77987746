//! The loss rings: each bin keeps its last B losses, converted to x0 space.

use crate::maths::{is_normal, odd_f32_to_loss};
use bytemuck::{Pod, Zeroable};

#[test]
fn example() {
    let (mut marks, mut slots) = ([Mark::default()], [0; 4]);
    let mut rings = Rings { marks: &mut marks, slots: &mut slots, window: 4, puts: 0 };
    for loss in [1.0f32, 2.0, 3.0, 4.0, 9.0] {
        rings.put(0, loss.to_bits());
    }
    let ([mark], losses) = (marks, slots.map(f32::from_bits));
    assert_eq!((mark.head, mark.total(4), mark.count(4)), (1, 5, 4));
    assert_eq!(mean(&mark, &losses, 4), 4.5); // 9 has replaced 1
    assert_eq!(mean(&mark, &losses, 2), 6.5); // of 4 and 9
}

/// Where a ring writes next, how many losses it ever got, and when the last one came.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Mark {
    /// How many losses had been put into all rings when this ring took its last one.
    pub seen: u64,
    /// How often the ring was filled, which saves the hot loop a counter.
    pub turns: u32,
    /// The slot of the next loss, below B.
    pub head: u16,
    /// Padding to whole words.
    pub reserved: u16,
}

impl Mark {
    /// P, the losses that a ring of `window` slots ever got.
    #[inline]
    pub fn total(&self, window: u32) -> u64 {
        u64::from(self.turns) * u64::from(window) + u64::from(self.head)
    }

    /// Filled slots.
    #[inline]
    pub fn count(&self, window: u32) -> u32 {
        if self.turns > 0 { window } else { window.min(self.head.into()) }
    }

    /// The slot of the next loss in a ring of `window` slots; once the ring is full it
    /// is the oldest one's. Not below `window` if the mark is invalid.
    #[inline(always)]
    fn advance(&mut self, window: u32) -> u32 {
        let (head, next) = (u32::from(self.head), u32::from(self.head) + 1);
        if next < window {
            self.head = next as u16;
        } else {
            (self.head, self.turns) = (0, self.turns.saturating_add(1));
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

/// Mean of the newest `n` losses, at most those that the ring holds, over eight f64
/// lanes. They lie in one or two pieces of slots: of each piece, in slot order, lane j
/// sums the elements i with i mod 8 = j. The lanes are then added pairwise. 0 if empty
/// (docs/specification.md#mean).
pub fn mean(mark: &Mark, slots: &[f32], n: u32) -> f64 {
    let count = mark.count(slots.len() as u32);
    let n = n.min(count);
    let head = usize::from(mark.head);
    let newest = n as usize;
    let (lower, upper) = if n == count {
        (slots.get(..newest), None)
    } else if newest <= head {
        (slots.get(head - newest..head), None)
    } else {
        (slots.get(..head), slots.get(slots.len().saturating_sub(newest - head)..))
    };
    let mut sums = [0.0; 8];
    add_to_lanes(&mut sums, lower.unwrap_or(&[]));
    if let Some(upper) = upper {
        add_to_lanes(&mut sums, upper);
    }
    let [a, b, c, d, e, f, g, h] = sums;
    let total = ((a + b) + (c + d)) + ((e + f) + (g + h));
    if n == 0 { 0.0 } else { total / f64::from(n) }
}

/// Adds slots to the eight lanes. A function of its own: merged with the sum over the
/// lanes it would be compiled to shuffles. Four chunks in each iteration, since the
/// loop itself costs as much as a lane.
#[inline(never)]
fn add_to_lanes(sums: &mut [f64; 8], slots: &[f32]) {
    let (mut lanes, mut rest) = (*sums, slots);
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
    *sums = lanes;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partly_filled_rings_average_what_they_hold() {
        let (mut marks, mut slots) = ([Mark::default()], [0; 16]);
        assert_eq!(mean(&marks[0], &[0.0; 16], 16), 0.0);
        for i in 1..=11u8 {
            Rings { marks: &mut marks, slots: &mut slots, window: 16, puts: 0 }
                .put(0, f32::from(i).to_bits());
            assert_eq!(mean(&marks[0], &slots.map(f32::from_bits), 16), (f64::from(i) + 1.0) / 2.0);
            assert_eq!(marks[0].count(16), u32::from(i));
        }
    }

    #[test]
    fn the_newest_losses_are_those_put_last() {
        let window = 37u8;
        let (mut marks, mut slots) = ([Mark::default()], [0; 37]);
        for i in 1..=100u8 {
            Rings { marks: &mut marks, slots: &mut slots, window: window.into(), puts: 0 }
                .put(0, f32::from(i).to_bits());
            for n in 1..=i.min(window) {
                let newest: f64 = (i - n + 1..=i).map(f64::from).sum();
                assert_eq!(mean(&marks[0], &slots.map(f32::from_bits), n.into()), newest / f64::from(n));
            }
        }
    }

    #[test]
    fn nonsense_marks_stay_inside() {
        let nonsense = Mark { head: 999, turns: 999, ..Mark::default() };
        let (mut marks, mut slots) = ([nonsense], [1f32.to_bits(); 8]);
        assert_eq!(mean(&marks[0], &[1.0; 8], 8), 1.0);
        assert!(mean(&marks[0], &[1.0; 8], 3).is_finite());
        let mut rings = Rings { marks: &mut marks, slots: &mut slots, window: 8, puts: 0 };
        assert!(rings.put(0, 2f32.to_bits()) && !rings.put(1, 2f32.to_bits()));
        assert_eq!((marks[0].head, slots), (0, [1f32.to_bits(); 8]));
    }
}
