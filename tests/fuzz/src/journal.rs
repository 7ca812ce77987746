//! Journals of any content.

use infonoise::journal::{HEAD, Head, Record, is_torn};
use infonoise::replay::{Needs, apply, begin};

/// Replays a journal of any content with corrected checksums; returns how many of its
/// records could be executed. Records that decode must encode to the same bytes.
pub fn journal(data: &[u8]) -> usize {
    let _ = (Head::decode(data), Record::decode(data), is_torn(data));
    let mut log = data.to_vec();
    reseal(&mut log);
    let Ok(needs) = Needs::of(&log) else { return 0 };
    // A page of 2^28 draws is valid, but too large for a fuzzer.
    if needs.recent_words > 1 << 16 {
        return 0;
    }
    let (mut block, mut memory) = (vec![0; needs.state_words], vec![0; needs.recent_words]);
    let Ok((mut scheduler, mut recent, mut at)) = begin(&mut block, &mut memory, &log) else { return 0 };
    let mut records = 1;
    while at < log.len() {
        if let Ok((record, used)) = Record::decode(&log[at..]) {
            let mut again = vec![0; used];
            assert_eq!(record.encode(&mut again), Ok(used));
            assert!(again == log[at..at + used], "a record that reads is written the same");
            // Skipping the draws of a very large global batch takes too long.
            if matches!(record, Record::Sample { total, .. } if total > 1 << 20) {
                return records;
            }
        }
        let Ok((_, used)) = apply(&mut scheduler, &mut recent, &log[at..]) else { return records };
        records += 1;
        at += used;
    }
    records
}

/// Corrects every checksum, up to the first record with a damaged length.
fn reseal(log: &mut [u8]) {
    if log.len() < HEAD {
        return;
    }
    let sum = crc32fast::hash(&log[..HEAD - 4]).to_le_bytes();
    log[HEAD - 4..HEAD].copy_from_slice(&sum);
    let mut at = HEAD;
    while at + 12 <= log.len() {
        let length = u32::from_le_bytes([log[at], log[at + 1], log[at + 2], log[at + 3]]) as usize;
        let check = crc32fast::hash(&log[at..at + 5]).to_le_bytes();
        log[at + 5..at + 8].copy_from_slice(&check[..3]);
        let end = (at + 8).saturating_add(length);
        if end.saturating_add(4) > log.len() {
            return;
        }
        let sum = crc32fast::hash(&log[at..end]).to_le_bytes();
        log[end..end + 4].copy_from_slice(&sum);
        at = end + 4;
    }
}
