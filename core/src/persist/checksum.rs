//! CRC-32, as zip and PNG use it, with one table of a kilobyte. A crate made for speed
//! has sixteen such tables and more code than the rest of a snapshot.

#[test]
fn example() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut remainder = i as u32;
        let mut bit = 0;
        while bit < 8 {
            remainder = (remainder >> 1) ^ (0xEDB8_8320 * (remainder & 1));
            bit += 1;
        }
        table[i] = remainder;
        i += 1;
    }
    table
};

/// The checksum of `bytes`.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = !0u32;
    for &byte in bytes {
        sum = (sum >> 8) ^ TABLE[usize::from(sum as u8 ^ byte)];
    }
    !sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_crc32fast(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(super::crc32(&bytes), crc32fast::hash(&bytes));
        }
    }
}
