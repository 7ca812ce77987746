//! The journal: a run as a log of records, from which the schedule can be
//! executed again.
//!
//! A head, then records, little-endian throughout. The first record starts the
//! run (a configuration with its seed, or the snapshot of a block); each later one
//! is a call: draws, observations, steps, control; a digest follows every
//! refresh. Sigmas that the run drew are not stored; their numbers in the stream of
//! draws are. [`crate::Recorder`] writes records, [`crate::persist::replay`] executes
//! them.
//!
//! | bytes | of the head |
//! |---|---|
//! | 8 | [`MAGIC`] |
//! | 4, 4, 4 | [`VERSION`], [`HEAD_ABI`], draws on a page of the writer's memory |
//! | 4 | CRC-32 of the 20 bytes before |
//!
//! | bytes | of a record |
//! |---|---|
//! | 4, 1 | length of the payload, kind |
//! | 3 | the low bytes of the CRC-32 of those five |
//! | length | payload |
//! | 4 | CRC-32 of everything before |
//!
//! ```
//! use infonoise::journal::{Record, OVERHEAD};
//! let mut bytes = [0; 64];
//! let used = Record::Digest { steps: 500, digest: 7 }.encode(&mut bytes).unwrap();
//! assert_eq!(used, OVERHEAD + 16);
//! let (record, read) = Record::decode(&bytes[..used]).unwrap();
//! assert!(matches!(record, Record::Digest { steps: 500, digest: 7 }));
//! assert_eq!(read, used);
//! ```

use crate::config::raw::RawConfig;
use crate::error::Error;
use crate::maths::MAX_BINS;
use crate::persist::bytes::{CONFIG_BYTES, Cursor, Writer, read_config, write_config};
pub use crate::persist::bytes::{F32Values, F64Values};
use crate::persist::checksum::crc32;
use crate::persist::recent_draws::LARGEST_PAGE;

/// The first eight bytes of every journal.
pub const MAGIC: [u8; 8] = *b"INFNOJRN";

/// Changes whenever the order or the meaning of the bytes changes.
pub const VERSION: u32 = 2;

/// The value that writers put into [`Head::abi`]. It is not the version of the C ABI: a
/// journal does not depend on that version, and the same run must give the same bytes.
pub const HEAD_ABI: u32 = 1;

/// Bytes of the head.
pub const HEAD: usize = 24;

/// Bytes of a record in addition to its payload.
pub const OVERHEAD: usize = 12;

/// The most pairs that one record holds.
pub const MOST_PAIRS: usize = 1 << 28;

/// Bytes that are enough for the record of any call on n pairs.
pub const fn room(n: usize) -> usize {
    // An observation of given sigmas with a mask, or a reconfiguration.
    (OVERHEAD + 4 + CONFIG_BYTES + 8 * MAX_BINS).saturating_add(n.saturating_mul(9))
}

/// The head of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// [`HEAD_ABI`] of the library that wrote it; readers accept any.
    pub abi: u32,
    /// Draws that a page of the writer's recent draws holds; a reader needs as many.
    pub page: u32,
}

impl Head {
    /// Writes the head; returns its length.
    ///
    /// # Errors
    /// `TooSmall`.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, Error> {
        let out = out.get_mut(..HEAD).ok_or(Error::TooSmall)?;
        let (body, sum) = out.split_at_mut_checked(HEAD - 4).ok_or(Error::TooSmall)?;
        let mut writer = Writer::new(body);
        writer.put(MAGIC);
        writer.put(VERSION.to_le_bytes());
        writer.put(self.abi.to_le_bytes());
        writer.put(self.page.to_le_bytes());
        Writer::new(sum).put(crc32(body).to_le_bytes());
        Ok(HEAD)
    }

    /// Reads the head at the start of a journal; returns its length too.
    ///
    /// # Errors
    /// `Truncated`, `NotAJournal`, `JournalVersion`, `Checksum`, `Record` (a page size
    /// that no writer uses).
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), Error> {
        let mut cursor = Cursor::new(bytes);
        let magic: [u8; 8] = cursor.array().ok_or(Error::Truncated)?;
        if u64::from_le_bytes(magic) != u64::from_le_bytes(MAGIC) {
            return Err(Error::NotAJournal);
        }
        let version = cursor.u32().ok_or(Error::Truncated)?;
        if version != VERSION {
            return Err(Error::JournalVersion(version));
        }
        let (abi, page, sum) = (cursor.u32(), cursor.u32(), cursor.u32());
        let (Some(abi), Some(page), Some(sum)) = (abi, page, sum) else { return Err(Error::Truncated) };
        let body = bytes.get(..HEAD - 4).ok_or(Error::Truncated)?;
        if crc32(body) != sum {
            return Err(Error::Checksum);
        }
        // A reader allocates this much, so it is bounded here.
        if page == 0 || page as usize > LARGEST_PAGE {
            return Err(Error::Record);
        }
        Ok((Head { abi, page }, HEAD))
    }
}

/// The sigmas of an observation.
#[derive(Clone, Copy, Debug)]
pub enum Sigmas<'a> {
    /// Consecutive draws of this run.
    Drawn {
        /// The number of the first: how many sigmas were drawn before it.
        first: u64,
    },
    /// Any other sigmas, stored.
    Given(F32Values<'a>),
}

/// One entry of a journal.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// The run starts from a configuration and a seed; always the first record.
    Start {
        /// The configuration.
        config: RawConfig,
        /// The seed.
        seed: u64,
        /// The caller's K weights, if any.
        weight: Option<F64Values<'a>>,
        /// The caller's K baseline masses, if any.
        baseline: Option<F64Values<'a>>,
    },
    /// The run starts from the snapshot of a block; always the first record.
    Snapshot {
        /// The bytes that `save` wrote.
        snapshot: &'a [u8],
    },
    /// Draws: a slice of a global batch.
    Sample {
        /// Draws of this rank.
        n: u32,
        /// The place of the first of them in the batch.
        offset: u32,
        /// Draws of the batch.
        total: u32,
    },
    /// Observations.
    Observe {
        /// The sigmas at which the errors were measured.
        sigma: Sigmas<'a>,
        /// Errors in the objective's own space.
        error: F32Values<'a>,
        /// 0 leaves a pair out.
        mask: Option<&'a [u8]>,
    },
    /// An optimizer step.
    Step,
    /// Refreshes are stopped, or allowed again.
    Freeze {
        /// Whether they are stopped.
        frozen: bool,
    },
    /// Another configuration takes over.
    Reconfigure {
        /// The new configuration.
        config: RawConfig,
        /// Its K weights, if they change.
        weight: Option<F64Values<'a>>,
    },
    /// A digest that a replay must reproduce.
    Digest {
        /// Optimizer steps so far.
        steps: u64,
        /// The digest of the block.
        digest: u64,
    },
}

const START: u8 = 1;
const SNAPSHOT: u8 = 2;
const SAMPLE: u8 = 3;
const OBSERVE: u8 = 4;
const STEP: u8 = 5;
const FREEZE: u8 = 6;
const RECONFIGURE: u8 = 7;
const DIGEST: u8 = 8;

/// Flags of an observation.
const DRAWN: u32 = 1;
const MASKED: u32 = 2;
/// Flags of a start and of a reconfiguration.
const WEIGHT: u32 = 1;
const BASELINE: u32 = 2;

fn length(table: &Option<F64Values<'_>>) -> usize {
    table.map_or(0, |table| table.len().saturating_mul(8))
}

impl<'a> Record<'a> {
    fn kind(&self) -> u8 {
        match self {
            Record::Start { .. } => START,
            Record::Snapshot { .. } => SNAPSHOT,
            Record::Sample { .. } => SAMPLE,
            Record::Observe { .. } => OBSERVE,
            Record::Step => STEP,
            Record::Freeze { .. } => FREEZE,
            Record::Reconfigure { .. } => RECONFIGURE,
            Record::Digest { .. } => DIGEST,
        }
    }

    fn payload(&self) -> usize {
        match self {
            Record::Start { weight, baseline, .. } => 12usize
                .saturating_add(CONFIG_BYTES)
                .saturating_add(length(weight))
                .saturating_add(length(baseline)),
            Record::Snapshot { snapshot } => snapshot.len(),
            Record::Sample { .. } => 12,
            Record::Observe { sigma, error, mask } => {
                let each = match sigma {
                    Sigmas::Drawn { .. } => 4,
                    Sigmas::Given(_) => 8,
                } + usize::from(mask.is_some());
                let first = if let Sigmas::Drawn { .. } = sigma { 8 } else { 0 };
                error.len().saturating_mul(each).saturating_add(8 + first)
            }
            Record::Step => 0,
            Record::Freeze { .. } => 4,
            Record::Reconfigure { weight, .. } => {
                4usize.saturating_add(CONFIG_BYTES).saturating_add(length(weight))
            }
            Record::Digest { .. } => 16,
        }
    }

    /// Bytes of the whole record.
    pub fn bytes(&self) -> usize {
        self.payload().saturating_add(OVERHEAD)
    }

    /// Writes the record; returns its length.
    ///
    /// # Errors
    /// `TooSmall`; `Argument` for more than [`MOST_PAIRS`] pairs; `Length` where
    /// sigmas or mask are not as many as the errors.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, Error> {
        if let Record::Observe { sigma, error, mask } = self {
            let sigmas = if let Sigmas::Given(sigma) = sigma { sigma.len() } else { error.len() };
            if sigmas != error.len() || mask.is_some_and(|mask| mask.len() != error.len()) {
                return Err(Error::Length);
            }
            if error.len() > MOST_PAIRS {
                return Err(Error::Argument);
            }
        }
        frame(self.kind(), self.payload(), out, |payload| {
            self.write(&mut Writer::new(payload));
            Ok(())
        })
    }

    /// Writes a [`Record::Snapshot`] whose `bytes` bytes are written in place by `save`.
    pub(crate) fn encode_snapshot(
        bytes: usize,
        out: &mut [u8],
        save: impl FnOnce(&mut [u8]) -> Result<(), Error>,
    ) -> Result<usize, Error> {
        frame(SNAPSHOT, bytes, out, save)
    }

    fn write(&self, writer: &mut Writer<'_>) {
        let table = |table: &Option<F64Values<'_>>, flag| if table.is_some() { flag } else { 0 };
        match self {
            Record::Start { config, seed, weight, baseline } => {
                writer.put((table(weight, WEIGHT) | table(baseline, BASELINE)).to_le_bytes());
                writer.put(seed.to_le_bytes());
                write_config(config, writer);
                weight.iter().chain(baseline).for_each(|table| table.write(writer));
            }
            Record::Snapshot { snapshot } => writer.put_bytes(snapshot),
            Record::Sample { n, offset, total } => {
                writer.put(n.to_le_bytes());
                writer.put(offset.to_le_bytes());
                writer.put(total.to_le_bytes());
            }
            Record::Observe { sigma, error, mask } => {
                let drawn = if let Sigmas::Drawn { .. } = sigma { DRAWN } else { 0 };
                writer.put((drawn | if mask.is_some() { MASKED } else { 0 }).to_le_bytes());
                writer.put((error.len() as u32).to_le_bytes());
                match sigma {
                    Sigmas::Drawn { first } => writer.put(first.to_le_bytes()),
                    Sigmas::Given(sigma) => sigma.write(writer),
                }
                error.write(writer);
                if let Some(mask) = mask {
                    writer.put_bytes(mask);
                }
            }
            Record::Step => {}
            Record::Freeze { frozen } => writer.put(u32::from(*frozen).to_le_bytes()),
            Record::Reconfigure { config, weight } => {
                writer.put(table(weight, WEIGHT).to_le_bytes());
                write_config(config, writer);
                weight.iter().for_each(|table| table.write(writer));
            }
            Record::Digest { steps, digest } => {
                writer.put(steps.to_le_bytes());
                writer.put(digest.to_le_bytes());
            }
        }
    }

    /// Reads the record at the start of `bytes`; returns its length too.
    ///
    /// # Errors
    /// `Truncated` where the bytes end within it, `Checksum`, `Record` where the
    /// payload is not one that this version writes.
    pub fn decode(bytes: &'a [u8]) -> Result<(Self, usize), Error> {
        let total = Self::length_at(bytes)?;
        let record = bytes.get(..total).ok_or(Error::Truncated)?;
        let (body, sum) = record.split_at_checked(total.saturating_sub(4)).ok_or(Error::Truncated)?;
        if Cursor::new(sum).u32() != Some(crc32(body)) {
            return Err(Error::Checksum);
        }
        let kind = body.get(4).copied().unwrap_or(0);
        let mut payload = Cursor::new(body.get(8..).unwrap_or(&[]));
        let record = Self::read(kind, &mut payload).ok_or(Error::Record)?;
        if payload.is_empty() { Ok((record, total)) } else { Err(Error::Record) }
    }

    /// Length in bytes of the record at the start of `bytes`, from its first eight bytes.
    ///
    /// # Errors
    /// `Truncated` where there are fewer, `Checksum`.
    pub fn length_at(bytes: &[u8]) -> Result<usize, Error> {
        let mut cursor = Cursor::new(bytes);
        let (Some(length), Some([kind, check @ ..])) = (cursor.u32(), cursor.array::<4>()) else {
            return Err(Error::Truncated);
        };
        let [expected @ .., _] = head_check(length, kind).to_le_bytes();
        if check != expected {
            return Err(Error::Checksum);
        }
        Ok((length as usize).saturating_add(OVERHEAD))
    }

    fn read(kind: u8, payload: &mut Cursor<'a>) -> Option<Self> {
        Some(match kind {
            START => {
                let flags = known(payload.u32()?, WEIGHT | BASELINE)?;
                let seed = payload.u64()?;
                let config = read_config(payload)?;
                let mut table = |flag| doubles(payload, flags & flag != 0, &config);
                Record::Start { weight: table(WEIGHT)?, baseline: table(BASELINE)?, config, seed }
            }
            SNAPSHOT => Record::Snapshot { snapshot: payload.rest() },
            SAMPLE => Record::Sample { n: payload.u32()?, offset: payload.u32()?, total: payload.u32()? },
            OBSERVE => {
                let flags = known(payload.u32()?, DRAWN | MASKED)?;
                let n = payload.u32()? as usize;
                let bytes = n.checked_mul(4)?;
                let sigma = if flags & DRAWN != 0 {
                    Sigmas::Drawn { first: payload.u64()? }
                } else {
                    Sigmas::Given(F32Values::Packed(payload.bytes(bytes)?))
                };
                let error = F32Values::Packed(payload.bytes(bytes)?);
                let mask = if flags & MASKED != 0 { Some(payload.bytes(n)?) } else { None };
                Record::Observe { sigma, error, mask }
            }
            STEP => Record::Step,
            FREEZE => Record::Freeze { frozen: known(payload.u32()?, 1)? == 1 },
            RECONFIGURE => {
                let flags = known(payload.u32()?, WEIGHT)?;
                let config = read_config(payload)?;
                Record::Reconfigure { weight: doubles(payload, flags & WEIGHT != 0, &config)?, config }
            }
            DIGEST => Record::Digest { steps: payload.u64()?, digest: payload.u64()? },
            _ => return None,
        })
    }
}

/// Writes a record around the payload that `fill` writes; returns its length.
fn frame(
    kind: u8,
    payload: usize,
    out: &mut [u8],
    fill: impl FnOnce(&mut [u8]) -> Result<(), Error>,
) -> Result<usize, Error> {
    let length = u32::try_from(payload).map_err(|_| Error::Argument)?;
    let total = payload.saturating_add(OVERHEAD);
    let out = out.get_mut(..total).ok_or(Error::TooSmall)?;
    let (body, sum) = out.split_at_mut_checked(total.saturating_sub(4)).ok_or(Error::TooSmall)?;
    let (head, place) = body.split_at_mut_checked(8).ok_or(Error::TooSmall)?;
    let [check @ .., _] = head_check(length, kind).to_le_bytes();
    let mut writer = Writer::new(head);
    writer.put(length.to_le_bytes());
    writer.put([kind]);
    writer.put(check);
    fill(place)?;
    Writer::new(sum).put(crc32(body).to_le_bytes());
    Ok(total)
}

/// The flags, if only known ones are set.
fn known(flags: u32, mask: u32) -> Option<u32> {
    if flags & !mask == 0 { Some(flags) } else { None }
}

/// A table of K numbers, if there is one.
fn doubles<'a>(payload: &mut Cursor<'a>, present: bool, config: &RawConfig) -> Option<Option<F64Values<'a>>> {
    if !present {
        return Some(None);
    }
    let bytes = (config.bins as usize).checked_mul(8)?;
    Some(Some(F64Values::Packed(payload.bytes(bytes)?)))
}

/// The checksum of length and kind: a record with a damaged length must not look like a torn one.
fn head_check(length: u32, kind: u8) -> u32 {
    let [a, b, c, d] = length.to_le_bytes();
    crc32(&[a, b, c, d, kind])
}

/// Whether `rest`, the bytes after the last whole record of a file, are what an
/// interrupted write leaves: the beginning of a record, zeros, or a record whose last
/// bytes are still zero because the file system had only reserved them. Such a tail can
/// be cut off; anything else is damage.
pub fn is_torn(rest: &[u8]) -> bool {
    let zero = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 0);
    match Record::decode(rest) {
        Err(Error::Truncated) => true,
        Err(Error::Checksum) => {
            let sum = rest.get(rest.len().saturating_sub(4)..).unwrap_or(&[]);
            zero(rest) || (Record::length_at(rest) == Ok(rest.len()) && zero(sum))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn every_kind<'a>(
        tables: &'a [f64],
        sigma: &'a [f32],
        error: &'a [f32],
        mask: &'a [u8],
    ) -> Vec<Record<'a>> {
        let config = Config { bins: tables.len() as u32, ..Config::DEFAULT }.to_record();
        let (weight, error) = (Some(F64Values::Slice(tables)), F32Values::Slice(error));
        let given = Sigmas::Given(F32Values::Slice(sigma));
        vec![
            Record::Start { config, seed: 9, weight: None, baseline: None },
            Record::Start { config, seed: u64::MAX, weight, baseline: weight },
            Record::Snapshot { snapshot: mask },
            Record::Sample { n: 1 << 31, offset: 3, total: u32::MAX },
            Record::Observe { sigma: Sigmas::Drawn { first: 1 << 40 }, error, mask: None },
            Record::Observe { sigma: given, error, mask: Some(mask) },
            Record::Observe { sigma: given, error: F32Values::Slice(&[]), mask: None },
            Record::Step,
            Record::Freeze { frozen: true },
            Record::Reconfigure { config, weight },
            Record::Reconfigure { config, weight: None },
            Record::Digest { steps: 3, digest: 4 },
        ]
    }

    fn records() -> Vec<Vec<u8>> {
        let tables: Vec<f64> = (0..8).map(|i| 1.0 + f64::from(i)).collect();
        let (sigma, error, mask) = ([1.5, 2.5, f32::NAN], [0.5, -0.0, f32::INFINITY], [0, 1, 200]);
        let mut encoded = Vec::new();
        for record in every_kind(&tables, &sigma, &error, &mask) {
            let mut bytes = vec![0; record.bytes()];
            match record.encode(&mut bytes) {
                // Not one sigma for each error: refused.
                Err(error) => assert_eq!(error, Error::Length),
                Ok(used) => {
                    assert_eq!(used, bytes.len());
                    let short = used - 1;
                    assert_eq!(record.encode(&mut bytes[..short]), Err(Error::TooSmall));
                    record.encode(&mut bytes).unwrap();
                    encoded.push(bytes);
                }
            }
        }
        assert_eq!(encoded.len(), 11);
        encoded
    }

    #[test]
    fn records_read_back_to_the_same_bytes() {
        for bytes in records() {
            let (record, used) = Record::decode(&bytes).unwrap();
            let mut again = vec![0; used];
            record.encode(&mut again).unwrap();
            assert_eq!(again, bytes);
        }
    }

    #[test]
    fn every_cut_is_torn_and_every_flipped_byte_is_found() {
        for bytes in records() {
            for length in 0..bytes.len() {
                assert_eq!(Record::decode(&bytes[..length]).err(), Some(Error::Truncated));
                assert!(is_torn(&bytes[..length]));
            }
            for at in 0..bytes.len() {
                let mut bad = bytes.clone();
                bad[at] ^= 0x40;
                assert_eq!(Record::decode(&bad).err(), Some(Error::Checksum), "byte {at}");
                assert!(!is_torn(&bad));
            }
            for written in 8..bytes.len() - 4 {
                let mut bad = bytes.clone();
                bad[written..].fill(0);
                assert!(is_torn(&bad));
                bad.push(0);
                assert!(!is_torn(&bad));
            }
        }
        assert!(is_torn(&[0; 100]) && !is_torn(&records()[4]));
    }

    #[test]
    fn pages_that_no_writer_has_are_refused() {
        for (page, refused) in
            [(0, true), (1, false), (1 << 28, false), ((1 << 28) + 1, true), (u32::MAX, true)]
        {
            let mut bytes = [0; HEAD];
            Head { abi: 1, page }.encode(&mut bytes).unwrap();
            assert_eq!(Head::decode(&bytes).is_err(), refused, "{page}");
        }
    }

    #[test]
    fn payloads_of_another_shape_are_refused() {
        let forge = |kind: u8, payload: &[u8]| {
            let mut bytes = (payload.len() as u32).to_le_bytes().to_vec();
            bytes.push(kind);
            bytes.extend(&head_check(payload.len() as u32, kind).to_le_bytes()[..3]);
            bytes.extend(payload);
            bytes.extend(crc32(&bytes).to_le_bytes());
            Record::decode(&bytes).map(|_| ())
        };
        assert_eq!(forge(STEP, &[]), Ok(()));
        for (kind, payload) in [
            (0, &[][..]),
            (99, &[]),
            (STEP, &[0]),
            (FREEZE, &[2, 0, 0, 0]),
            (SAMPLE, &[0; 16]),
            (DIGEST, &[0; 24]),
            (OBSERVE, &[4, 0, 0, 0, 0, 0, 0, 0]),
            (OBSERVE, &[0, 0, 0, 0, 255, 255, 255, 255]),
            (START, &[0; 40]),
        ] {
            assert_eq!(forge(kind, payload), Err(Error::Record), "{kind}");
        }
    }

    #[test]
    fn the_head_names_its_version() {
        let head = Head { abi: 1, page: 4096 };
        let mut bytes = [0; HEAD];
        assert_eq!(head.encode(&mut bytes), Ok(HEAD));
        assert_eq!(Head::decode(&bytes), Ok((head, HEAD)));
        for at in 0..HEAD {
            let mut bad = bytes;
            bad[at] ^= 2;
            let expected = match at {
                0..8 => Error::NotAJournal,
                8..12 => Error::JournalVersion(u32::from_le_bytes(*bad[8..].first_chunk().unwrap())),
                _ => Error::Checksum,
            };
            assert_eq!(Head::decode(&bad), Err(expected));
            assert_eq!(Head::decode(&bytes[..at]), Err(Error::Truncated));
        }
    }
}
