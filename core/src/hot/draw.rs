//! The draw: from words to sigmas.

use rand_core::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// A bin as the draw needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Entry {
    /// The first word of the bin (saturated above the last bin that is drawn).
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

/// Columns of a table of entries: the fields of all bins, one field after the
/// other, so that an index needs no multiplication.
pub const FIELDS: usize = 5;

impl Entry {
    /// Entry `k` of the columns.
    #[inline]
    pub fn read(columns: &[u32], k: usize) -> Option<Self> {
        let entries = columns.len() / FIELDS;
        let field = |i: usize| if k < entries { columns.get(i * entries + k).copied() } else { None };
        Some(Entry {
            threshold: field(0)?,
            last: field(1)?,
            edge: f32::from_bits(field(2)?),
            slope: f32::from_bits(field(3)?),
            top: f32::from_bits(field(4)?),
        })
    }

    /// Writes entry `k` of the columns, if they have it.
    #[inline]
    pub fn write(&self, columns: &mut [u32], k: usize) {
        let entries = columns.len() / FIELDS;
        let fields =
            [self.threshold, self.last, self.edge.to_bits(), self.slope.to_bits(), self.top.to_bits()];
        for (column, field) in columns.chunks_exact_mut(entries.max(1)).zip(fields) {
            if let Some(slot) = column.get_mut(k) {
                *slot = field;
            }
        }
    }
}

/// The top half of a word: what a draw uses.
#[inline(always)]
pub fn next_word(rng: &mut Xoshiro256PlusPlus) -> u32 {
    (rng.next_u64() >> 32) as u32
}

/// The sigmas that the next words of `rng` stand for.
#[inline(never)]
pub fn independent(columns: &[u32], guide: &[u8], sigmas: &mut [f32], rng: &mut Xoshiro256PlusPlus) {
    // In a local, since the compiler cannot know that no store reaches it.
    let mut local = rng.clone();
    draw(columns, guide, sigmas, || next_word(&mut local));
    *rng = local;
}

/// The sigmas that `word`, `word` + `stride` and so on stand for.
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
fn draw(columns: &[u32], guide: &[u8], sigmas: &mut [f32], next: impl FnMut() -> u32) {
    if let (Some(columns), Some(guide)) = (columns.first_chunk(), guide.first_chunk()) {
        draw_all::<256, { 256 * FIELDS }, 8192>(columns, guide, sigmas, next);
    } else if let (Some(columns), Some(guide)) = (columns.first_chunk(), guide.first_chunk()) {
        draw_all::<64, { 64 * FIELDS }, 2048>(columns, guide, sigmas, next);
    }
}

/// The draws of a table whose sizes are known: a mask is all that an index needs.
/// Few words leave the bin that the guide names, so the processor predicts that
/// branch, and the search is kept out of the loop's registers.
#[inline(always)]
fn draw_all<const ENTRIES: usize, const WORDS: usize, const CELLS: usize>(
    columns: &[u32; WORDS],
    guide: &[u8; CELLS],
    sigmas: &mut [f32],
    mut next: impl FnMut() -> u32,
) {
    let mut one = |sigma: &mut f32| {
        let word = next();
        let cell = word >> (32 - CELLS.trailing_zeros());
        let mut k = usize::from(guide[cell as usize & (CELLS - 1)]) & (ENTRIES - 1);
        if word > columns[ENTRIES + k] {
            k = search(&columns[ENTRIES..2 * ENTRIES], k, word) & (ENTRIES - 1);
        }
        let steps = word.wrapping_sub(columns[k]) as f32;
        let [edge, slope, top] = [2, 3, 4].map(|i| f32::from_bits(columns[i * ENTRIES + k]));
        // One multiplication, one addition, never fused, clamped inside the bin;
        // this way round the clamp is one instruction, minss.
        let linear = edge + steps * slope;
        *sigma = if linear < top { linear } else { top };
    };
    // Four a turn: the count costs as much as a multiplication.
    let mut turns = sigmas.chunks_exact_mut(4);
    for turn in &mut turns {
        if let [a, b, c, d] = turn {
            one(a);
            one(b);
            one(c);
            one(d);
        }
    }
    turns.into_remainder().iter_mut().for_each(one);
}

/// The bin of `word` from bin `k` upwards, by the bins' `last` words. A sound
/// table has one; the search ends with the table in any case.
#[cold]
#[inline(never)]
fn search(last: &[u32], k: usize, word: u32) -> usize {
    k + last.iter().skip(k).take_while(|&&last| word > last).count()
}
