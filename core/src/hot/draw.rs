//! The draw: from words to sigmas.

use bytemuck::{Pod, Zeroable};
use rand_core::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// A bin as the draw needs it: twenty bytes, three to a cache line.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct Entry {
    /// The first word of the bin (saturated behind the last bin that is drawn).
    pub threshold: u32,
    /// The last word of the bin; below `threshold` for a bin that is never drawn.
    pub last: u32,
    /// The bin's lower edge.
    pub edge: f32,
    /// Sigma for each word; 0 for a bin that is never drawn.
    pub slope: f32,
    /// The largest f32 inside the bin.
    pub top: f32,
}

impl Entry {
    /// The sigma that `word` stands for: one multiplication, one addition,
    /// never fused, clamped inside the bin.
    #[inline(always)]
    fn sigma(&self, word: u32) -> f32 {
        let steps = word.wrapping_sub(self.threshold) as f32;
        let sigma = self.edge + steps * self.slope;
        // This way round it is one instruction, minss.
        if sigma < self.top { sigma } else { self.top }
    }
}

/// The top half of a word: what a draw uses.
#[inline(always)]
pub fn next_word(rng: &mut Xoshiro256PlusPlus) -> u32 {
    (rng.next_u64() >> 32) as u32
}

/// The sigmas that the next words of `rng` stand for.
#[inline(never)]
pub fn independent(entries: &[Entry], guide: &[u8], sigmas: &mut [f32], rng: &mut Xoshiro256PlusPlus) {
    // In a local, since the compiler cannot know that no store reaches it.
    let mut local = rng.clone();
    draw(entries, guide, sigmas, || next_word(&mut local));
    *rng = local;
}

/// The sigmas that `word`, `word` + `stride` and so on stand for.
#[inline(never)]
pub fn sequence(entries: &[Entry], guide: &[u8], sigmas: &mut [f32], word: u32, stride: u32) {
    let mut next = word;
    draw(entries, guide, sigmas, || {
        let word = next;
        next = next.wrapping_add(stride);
        word
    });
}

#[inline(always)]
fn draw(entries: &[Entry], guide: &[u8], sigmas: &mut [f32], next: impl FnMut() -> u32) {
    if let (Some(entries), Some(guide)) = (entries.first_chunk(), guide.first_chunk()) {
        draw_all::<256, 8192>(entries, guide, sigmas, next);
    } else if let (Some(entries), Some(guide)) = (entries.first_chunk(), guide.first_chunk()) {
        draw_all::<64, 2048>(entries, guide, sigmas, next);
    }
}

/// The draws of a table whose sizes are known. Few words leave the bin that the
/// guide names, so that branch is foretold well, and the search is kept out of
/// the loop's registers.
#[inline(always)]
fn draw_all<const ENTRIES: usize, const CELLS: usize>(
    entries: &[Entry; ENTRIES],
    guide: &[u8; CELLS],
    sigmas: &mut [f32],
    mut next: impl FnMut() -> u32,
) {
    for sigma in sigmas {
        let word = next();
        let cell = word >> (32 - CELLS.trailing_zeros());
        let mut k = usize::from(guide[cell as usize & (CELLS - 1)]) & (ENTRIES - 1);
        if word > entries[k].last {
            k = search(entries, k, word) & (ENTRIES - 1);
        }
        *sigma = entries[k].sigma(word);
    }
}

/// The bin of `word` from bin `k` upwards. A sound table has one; the search
/// ends with the table in any case.
#[cold]
#[inline(never)]
fn search(entries: &[Entry], k: usize, word: u32) -> usize {
    let behind = entries.iter().skip(k).take_while(|entry| word > entry.last).count();
    k + behind
}
