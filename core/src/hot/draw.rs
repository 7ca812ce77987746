//! The draw: from 32-bit random words to sigmas.

use rand_core::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// What a draw needs of a bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Entry {
    /// The first word of the bin (saturated above the last bin that is drawn).
    pub threshold: u32,
    /// The last word of the bin; below `threshold` for a bin that is never drawn.
    pub last: u32,
    /// The bin's lower edge.
    pub edge: f32,
    /// Increase of sigma from one word to the next; 0 for a bin that is never drawn.
    pub slope: f32,
    /// The largest f32 inside the bin.
    pub top: f32,
}

/// Words of a table of so many entries. The fields are stored one after the other, each
/// for all bins, so that an index needs no multiplication; the last field has 256
/// entries, so that a u8 index needs no mask.
pub const fn columns(entries: usize) -> usize {
    4 * entries + 256
}

/// Entries of columns.
#[inline]
pub fn entries_of(columns: &[u32]) -> usize {
    columns.len().saturating_sub(256) / 4
}

impl Entry {
    /// Entry `k` of the columns.
    #[inline]
    pub fn read(columns: &[u32], k: usize) -> Option<Self> {
        let entries = entries_of(columns);
        let field = |i: usize| if k < entries { columns.get(i * entries + k).copied() } else { None };
        Some(Entry {
            threshold: field(0)?,
            last: field(1)?,
            edge: f32::from_bits(field(2)?),
            slope: f32::from_bits(field(3)?),
            top: f32::from_bits(field(4)?),
        })
    }

    /// Writes entry `k` of the columns; `k` is below [`entries_of`] them.
    #[inline]
    pub fn write(&self, columns: &mut [u32], k: usize) {
        let entries = entries_of(columns);
        let mut put = |i: usize, field: u32| {
            if let Some(slot) = columns.get_mut(i * entries + k) {
                *slot = field;
            }
        };
        put(0, self.threshold);
        put(1, self.last);
        put(2, self.edge.to_bits());
        put(3, self.slope.to_bits());
        put(4, self.top.to_bits());
    }
}

/// The upper 32 bits of the generator's next output, which is what a draw uses.
#[inline(always)]
pub fn next_word(rng: &mut Xoshiro256PlusPlus) -> u32 {
    (rng.next_u64() >> 32) as u32
}

/// The sigmas of the next words of `rng`.
#[inline(never)]
pub fn independent(columns: &[u32], guide: &[u8], sigmas: &mut [f32], rng: &mut Xoshiro256PlusPlus) {
    // In a local: otherwise the compiler must assume that a store changes it.
    let mut local = rng.clone();
    draw(columns, guide, sigmas, || next_word(&mut local));
    *rng = local;
}

/// The sigmas of `word`, `word + stride`, `word + 2 stride` and so on.
#[inline(never)]
pub fn sequence(columns: &[u32], guide: &[u8], sigmas: &mut [f32], word: u32, stride: u32) {
    let mut next = word;
    draw(columns, guide, sigmas, || {
        let word = next;
        next = next.wrapping_add(stride);
        word
    });
}

#[inline(always)]
fn draw(words: &[u32], guide: &[u8], sigmas: &mut [f32], next: impl FnMut() -> u32) {
    if let (Some(words), Some(guide)) = (words.first_chunk(), guide.first_chunk()) {
        draw_all::<256, { columns(256) }, 8192>(words, guide, sigmas, next);
    } else if let (Some(words), Some(guide)) = (words.first_chunk(), guide.first_chunk()) {
        draw_all::<64, { columns(64) }, 2048>(words, guide, sigmas, next);
    }
}

/// Draws from a table whose sizes are known at compile time: no index needs a check.
/// Most words fall into the bin that the guide names, so the branch is well predicted.
#[inline(always)]
fn draw_all<const ENTRIES: usize, const WORDS: usize, const CELLS: usize>(
    columns: &[u32; WORDS],
    guide: &[u8; CELLS],
    sigmas: &mut [f32],
    mut next: impl FnMut() -> u32,
) {
    for sigma in sigmas {
        let word = next();
        let cell = word >> (32 - CELLS.trailing_zeros());
        let mut k = usize::from(guide[cell as usize & (CELLS - 1)]);
        if word > columns[ENTRIES + k] {
            k = search::<ENTRIES, WORDS>(columns, k, word).into();
        }
        let steps = word.wrapping_sub(columns[k]) as f32;
        let [edge, slope, top] = [2, 3, 4].map(|i| f32::from_bits(columns[i * ENTRIES + k]));
        // One multiplication and one addition, never fused, clamped inside the bin.
        // With the arguments in this order the clamp is one instruction, minss.
        let linear = edge + steps * slope;
        *sigma = if linear < top { linear } else { top };
    }
}

/// The bin of `word`, searched from bin `k` upwards. A valid table has one; in any
/// other the search ends at the last entry.
#[cold]
#[inline(never)]
fn search<const ENTRIES: usize, const WORDS: usize>(columns: &[u32; WORDS], k: usize, word: u32) -> u8 {
    let last = columns.iter().skip(ENTRIES + k).take(ENTRIES);
    (k + last.take_while(|&&last| word > last).count()) as u8
}
