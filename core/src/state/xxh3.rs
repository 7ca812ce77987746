//! xxh3-64 of more than 240 bytes, given as little-endian 32-bit words.
//!
//! Only the digest is hashed, and its input is always longer; the general hash, with
//! its five cases of length, would be a fifth of the library.

#[test]
fn example() {
    let mut hash = Xxh3::new();
    for word in 0..100 {
        hash.put(word);
    }
    assert_eq!(hash.finish(), 0x8b94_2c96_6a17_38e2);
}

const SECRET: [u8; 192] = [
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde,
    0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79,
    0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21, 0xb8, 0x08, 0x46,
    0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb,
    0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97, 0xa2,
    0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8, 0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c,
    0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59,
    0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3,
    0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb, 0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3,
    0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e, 0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8,
    0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb,
    0xca, 0xbb, 0x4b, 0x40, 0x7e,
];
const PRIMES_32: [u64; 3] = [0x9E37_79B1, 0x85EB_CA77, 0xC2B2_AE3D];
const PRIMES_64: [u64; 5] = [
    0x9E37_79B1_85EB_CA87,
    0xC2B2_AE3D_27D4_EB4F,
    0x1656_67B1_9E37_79F9,
    0x85EB_CA77_C2B2_AE63,
    0x27D4_EB2F_1656_67C5,
];

/// Words of a stripe.
const STRIPE: usize = 16;
/// Stripes of a block.
const BLOCK: usize = 16;

/// A hash in progress.
pub struct Xxh3 {
    lanes: [u64; 8],
    stripe: [u32; STRIPE],
    filled: usize,
    /// The previous stripe.
    before: [u32; STRIPE],
    /// Stripes taken since the start of the block.
    taken: usize,
    words: u64,
}

/// Eight bytes of the secret.
fn secret(at: usize) -> u64 {
    SECRET.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl Default for Xxh3 {
    fn default() -> Self {
        Self::new()
    }
}

impl Xxh3 {
    /// A hash without input so far.
    pub fn new() -> Self {
        let ([a, b, c], [d, e, f, g, h]) = (PRIMES_32, PRIMES_64);
        let (stripe, before) = ([0; STRIPE], [0; STRIPE]);
        Xxh3 { lanes: [c, d, e, f, g, b, h, a], stripe, filled: 0, before, taken: 0, words: 0 }
    }

    /// Adds four bytes, the lowest first.
    #[inline(never)]
    pub fn put(&mut self, word: u32) {
        // A full stripe waits for the next word: the last stripe is treated differently.
        if self.filled >= STRIPE {
            self.take_stripe();
        }
        if let Some(slot) = self.stripe.get_mut(self.filled) {
            *slot = word;
        }
        self.filled += 1;
        self.words += 1;
    }

    #[inline(never)]
    fn take_stripe(&mut self) {
        accumulate(&mut self.lanes, &self.stripe, 8 * self.taken);
        self.before = self.stripe;
        self.filled = 0;
        self.taken += 1;
        if self.taken == BLOCK {
            self.taken = 0;
            for (i, lane) in self.lanes.iter_mut().enumerate() {
                let mixed = *lane ^ (*lane >> 47) ^ secret(128 + 8 * i);
                *lane = mixed.wrapping_mul(PRIMES_32[0]);
            }
        }
    }

    /// The hash of all words, of which there must be more than 60.
    pub fn finish(mut self) -> u64 {
        // The last sixteen words, which may belong to two stripes.
        let mut last = [0; STRIPE];
        let words = self.before.iter().chain(&self.stripe).skip(self.filled);
        for (slot, word) in last.iter_mut().zip(words) {
            *slot = *word;
        }
        accumulate(&mut self.lanes, &last, 121);
        let mut hash = (4 * self.words).wrapping_mul(PRIMES_64[0]);
        for (i, pair) in self.lanes.chunks_exact(2).enumerate() {
            let keyed = |j: usize| pair.get(j).map_or(0, |lane| lane ^ secret(11 + 16 * i + 8 * j));
            let product = u128::from(keyed(0)) * u128::from(keyed(1));
            hash = hash.wrapping_add(product as u64 ^ (product >> 64) as u64);
        }
        hash = (hash ^ (hash >> 37)).wrapping_mul(0x1656_6791_9E37_79F9);
        hash ^ (hash >> 32)
    }
}

/// Adds a stripe to the lanes, with the secret from byte `at` on.
fn accumulate(lanes: &mut [u64; 8], stripe: &[u32; STRIPE], at: usize) {
    for (i, words) in stripe.chunks_exact(2).enumerate() {
        let word = |j: usize| words.get(j).map_or(0, |&word| u64::from(word));
        let number = word(0) | word(1) << 32;
        let key = number ^ secret(at + 8 * i);
        lanes[(i & 7) ^ 1] = lanes[(i & 7) ^ 1].wrapping_add(number);
        lanes[i & 7] = lanes[i & 7].wrapping_add((key & 0xffff_ffff) * (key >> 32));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    #[test]
    fn agrees_with_the_general_hash_at_every_length() {
        for words in (61..1200u32).chain([18_000]) {
            let (mut hash, mut bytes) = (Xxh3::new(), Vec::new());
            for i in 0..words {
                let word = i.wrapping_mul(0x9E37_79B9) ^ words;
                hash.put(word);
                bytes.extend(word.to_le_bytes());
            }
            assert_eq!(hash.finish(), xxh3_64(&bytes), "{words} words");
        }
    }
}
