//! The fuzz targets on stable Rust: seeds, damaged seeds, and random bytes.

use infonoise_fuzz::{calls, journal, seeds, snapshot, state_block};
use proptest::prelude::*;

/// A seed with some bytes changed, cut or repeated.
fn damaged(seed: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let length = seed.len();
    let flips = prop::collection::vec((0..length, any::<u8>()), 0..12);
    (flips, 0..=length, prop::bool::weighted(0.2)).prop_map(move |(flips, cut, shorten)| {
        let mut bytes = seed.clone();
        for (at, value) in flips {
            bytes[at] = value;
        }
        if shorten {
            bytes.truncate(cut);
        }
        bytes
    })
}

#[test]
fn seeds_lead_to_the_ground() {
    assert!(state_block(&seeds::block()));
    assert!(snapshot(&seeds::snapshot()));
    // Start or snapshot, 2 x (sample, 2 observations, step and digest), two more and the digest.
    assert_eq!((journal(&seeds::journal(false)), journal(&seeds::journal(true))), (14, 14));
    let deepest = (0..8).map(|seed| calls(&seeds::calls(seed))).max().unwrap();
    assert!(deepest >= 10, "{deepest} calls succeeded");
}

#[test]
fn the_checked_in_corpus_is_fresh() {
    for (target, name, bytes) in seeds::all() {
        let path = format!("{}/seeds/{target}/{name}", env!("CARGO_MANIFEST_DIR"));
        assert!(std::fs::read(&path).unwrap() == bytes, "{path} is stale: cargo run --example seeds");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn blocks(bytes in damaged(seeds::block())) {
        state_block(&bytes);
    }

    #[test]
    fn snapshots(bytes in damaged(seeds::snapshot())) {
        snapshot(&bytes);
    }

    #[test]
    fn journals(bytes in damaged(seeds::journal(false))) {
        journal(&bytes);
    }

    #[test]
    fn late_journals(bytes in damaged(seeds::journal(true))) {
        journal(&bytes);
    }

    #[test]
    fn sequences_of_calls(bytes in prop::collection::vec(any::<u8>(), 0..800)) {
        calls(&bytes);
    }

    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        state_block(&bytes);
        snapshot(&bytes);
        journal(&bytes);
    }
}
