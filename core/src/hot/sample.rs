//! Samples: a slice of the next global batch.

use crate::config::Draw;
use crate::error::Error;
use crate::hot::draw::next_word;
use crate::state::block::Hot;
use crate::state::draw_table::DrawTable;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// 2^32 / the golden ratio, rounded to odd: the stride of stratified draws
/// (docs/specification.md#stratified-draws).
const GOLDEN: u32 = 0x9E37_79B9;

/// The most sigmas that one global batch may hold.
const LARGEST_BATCH: u64 = 1 << 32;

/// Draws the sigmas `offset` to `offset + n` of a global batch of `total`, with
/// n = `sigma.len()` (docs/specification.md#shards).
pub fn sample(block: &mut Hot<'_>, sigma: &mut [f32], offset: u64, total: u64) -> Result<(), Error> {
    let n = sigma.len() as u64;
    if total > LARGEST_BATCH || offset.checked_add(n).is_none_or(|end| end > total) {
        return Err(Error::Argument);
    }
    let header = &mut *block.header;
    let draw = Draw::from_code(header.config.draw).ok_or(Error::Corrupt)?;
    if total == 0 {
        return Ok(());
    }
    let table = DrawTable::new(block.columns, block.guide, header.last_drawn as usize);
    let mut rng = load(&header.rng);
    match draw {
        Draw::Independent => {
            skip(&mut rng, offset);
            table.independent(sigma, &mut rng);
            skip(&mut rng, total - offset - n);
        }
        Draw::Stratified => {
            let first = next_word(&mut rng).wrapping_add(GOLDEN.wrapping_mul(offset as u32));
            table.sequence(sigma, first, GOLDEN);
        }
    }
    header.rng = save(&rng);
    header.draws = header.draws.wrapping_add(total);
    Ok(())
}

/// The words of the generator that begins with `seed`.
pub fn seeded(seed: u64) -> [u64; 4] {
    save(&Xoshiro256PlusPlus::seed_from_u64(seed))
}

fn load(words: &[u64; 4]) -> Xoshiro256PlusPlus {
    let mut seed = [0u8; 32];
    for (bytes, word) in seed.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Xoshiro256PlusPlus::from_seed(seed)
}

fn save(rng: &Xoshiro256PlusPlus) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(rng.state().chunks_exact(8)) {
        let mut little = [0u8; 8];
        little.copy_from_slice(bytes);
        *word = u64::from_le_bytes(little);
    }
    words
}

/// Advances the generator by `words` words, which other ranks use.
fn skip(rng: &mut Xoshiro256PlusPlus, words: u64) {
    for _ in 0..words {
        rng.next_u64();
    }
}
