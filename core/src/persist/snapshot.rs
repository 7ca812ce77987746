//! Snapshots: a schedule as portable bytes, for checkpoints and other machines.
//!
//! Little-endian, field by field: a head, the configuration, the scalars, the
//! arrays, a CRC-32. Derived tables are not stored but rebuilt at load, so a snapshot
//! stays valid when the block's layout changes. Loading checks everything before it
//! writes to the target.
//!
//! ```
//! use infonoise::{snapshot, state_words, Config, Scheduler};
//! let mut words = vec![0; state_words(64, 256)];
//! let mut scheduler = Scheduler::init(&mut words, &Config::DEFAULT, 7).unwrap();
//! let mut bytes = vec![0; snapshot::bytes(64, 256)];
//! scheduler.reader().save(&mut bytes).unwrap();
//!
//! let mut other = vec![0; snapshot::state_words_of(&bytes).unwrap()];
//! let mut twin = Scheduler::load(&mut other, &bytes).unwrap();
//! assert_eq!(twin.digest(), scheduler.digest());
//! let (mut a, mut b) = ([0.0; 5], [0.0; 5]);
//! scheduler.sample(&mut a).unwrap();
//! twin.sample(&mut b).unwrap();
//! assert_eq!(a, b);
//! ```

use crate::config::Config;
use crate::config::raw::RawConfig;
use crate::config::tables::check_weight;
use crate::error::Error;
use crate::hot::bin_lookup::BinLookup;
use crate::hot::ring::Mark;
use crate::method::fresh::MeanSpan;
use crate::method::grid::Grid;
use crate::method::guard::Hold;
use crate::method::pivot::PivotRule;
use crate::method::rate::{Rate, log_errors, smooth_passes};
use crate::method::warning::Warning;
use crate::persist::bytes::{
    CONFIG_BYTES, Cursor, F64Values, Writer, read_config, u32_at, u64_at, write_config,
};
use crate::persist::checksum::crc32;
use crate::state::block::{Header, LAYOUT, MAGIC, View, ViewMut, fresh_header, state_words};
use crate::state::draw_table::DrawTable;
use bytemuck::Zeroable;

/// The first eight bytes of every snapshot.
pub const SNAPSHOT_MAGIC: [u8; 8] = *b"INFNOIMG";

/// Changes whenever the order or the meaning of the bytes changes.
pub const SNAPSHOT_VERSION: u32 = 2;

/// Head: magic, version, configuration bytes, snapshot bytes.
const HEAD: usize = 8 + 4 + 4 + 8;

/// Byte offsets in a snapshot of (bins, window).
struct Places {
    config: usize,
    scalars: usize,
    /// thresholds (K + 1), seen, since, EMA, error, density, weight, baseline: 64 bits each.
    columns: [usize; 8],
    /// head, turns; total and taken at the last refresh: 32 bits each.
    marks: usize,
    rings: usize,
    crc: usize,
    end: usize,
}

impl Places {
    const fn new(bins: usize, window: usize) -> Self {
        let config = HEAD;
        let scalars = config + CONFIG_BYTES;
        let thresholds = scalars + 8 * SCALARS;
        let seen = thresholds + 8 * (bins + 1);
        let (since, ema, error) = (seen + 8 * bins, seen + 16 * bins, seen + 24 * bins);
        let (density, weight, baseline) = (seen + 32 * bins, seen + 40 * bins, seen + 48 * bins);
        let marks = seen + 56 * bins;
        let rings = marks + 16 * bins;
        let crc = rings + 4 * bins * window;
        let columns = [thresholds, seen, since, ema, error, density, weight, baseline];
        Places { config, scalars, columns, marks, rings, crc, end: crc + 4 }
    }
}

/// Bytes of a snapshot of a block of `bins` and `window`.
pub const fn bytes(bins: usize, window: usize) -> usize {
    Places::new(bins, window).end
}

/// A scalar of the header as the u64 that is written.
macro_rules! written {
    (word $place:expr) => {
        $place
    };
    (code $place:expr) => {
        u64::from($place)
    };
    (real $place:expr) => {
        $place.to_bits()
    };
}

/// A scalar from its u64, the inverse of `written`. A code has 32 bits.
macro_rules! read {
    (word $word:expr) => {
        $word
    };
    (code $word:expr) => {
        u32::try_from($word).ok()?
    };
    (real $word:expr) => {
        f64::from_bits($word)
    };
}

/// Generates the writing and the reading of scalars from one list.
macro_rules! scalars {
    ($($kind:ident ($($place:tt)+);)+) => {
        /// How many there are.
        const SCALARS: usize = [$(stringify!($kind)),+].len();

        /// All scalars, in the snapshot's order.
        fn scalars(header: &Header) -> [u64; SCALARS] {
            [$(written!($kind header.$($place)+)),+]
        }

        /// Writes these scalars into a header, the inverse of [`scalars`]; none where
        /// a code has more than 32 bits. The derived `last_drawn` is not changed.
        #[inline(never)]
        fn read_scalars(header: &mut Header, scalars: &mut Cursor<'_>) -> Option<()> {
            $(header.$($place)+ = read!($kind scalars.u64()?);)+
            Some(())
        }
    };
}
scalars! {
    word (rng[0]);
    word (rng[1]);
    word (rng[2]);
    word (rng[3]);
    word (frozen);
    word (steps);
    word (draws);
    word (observations);
    word (rejected);
    word (refreshes);
    word (held);
    word (next_refresh);
    word (last_refresh);
    word (refreshed_at);
    word (summary.counted_from[0]);
    word (summary.counted_from[1]);
    word (summary.counted_from[2]);
    word (summary.counted);
    code (summary.hold);
    code (summary.warning);
    code (summary.warning_bins);
    code (summary.warning_first);
    code (summary.warning_last);
    code (summary.clipped);
    code (summary.rule);
    code (summary.smoothing);
    real (summary.ln_c);
    real (summary.gate_exponent);
    real (summary.cdf_change);
    real (summary.quantiles[0]);
    real (summary.quantiles[1]);
    real (summary.quantiles[2]);
    real (summary.quantiles[3]);
    real (summary.quantiles[4]);
    real (summary.peak_sigma);
    real (summary.information_nats);
}

/// Writes the block's snapshot; `snapshot` may be longer than [`bytes`].
pub(crate) fn save(block: &View<'_>, snapshot: &mut [u8]) -> Result<(), Error> {
    let (bins, window) = (block.marks.len(), block.header.config.window as usize);
    let places = Places::new(bins, window);
    let snapshot = snapshot.get_mut(..places.end).ok_or(Error::TooSmall)?;
    let (body, crc) = snapshot.split_at_mut_checked(places.crc).ok_or(Error::TooSmall)?;
    let mut writer = Writer::new(body);
    writer.put(SNAPSHOT_MAGIC);
    writer.put(SNAPSHOT_VERSION.to_le_bytes());
    writer.put((CONFIG_BYTES as u32).to_le_bytes());
    writer.put((places.end as u64).to_le_bytes());
    write_config(&block.header.config, &mut writer);
    for scalar in scalars(block.header) {
        writer.put(scalar.to_le_bytes());
    }
    let table = DrawTable::new(block.columns, block.guide, block.header.last_drawn as usize);
    for k in 0..=bins {
        writer.put(table.threshold(k).to_le_bytes());
    }
    for mark in block.marks {
        writer.put(mark.seen.to_le_bytes());
    }
    for span in block.spans {
        writer.put(span.since.to_le_bytes());
    }
    for column in [block.ema, block.error, block.density, block.weight, block.baseline] {
        for x in column {
            writer.put(x.to_le_bytes());
        }
    }
    for (mark, span) in block.marks.iter().zip(block.spans) {
        for number in [u32::from(mark.head), mark.turns, span.total, span.taken] {
            writer.put(number.to_le_bytes());
        }
    }
    for loss in block.rings {
        writer.put(loss.to_le_bytes());
    }
    let sum = crc32(body);
    Writer::new(crc).put(sum.to_le_bytes());
    Ok(())
}

/// A snapshot whose head and checksum have been checked.
struct Snapshot<'a> {
    bytes: &'a [u8],
    places: Places,
    bins: usize,
    window: u32,
}

impl<'a> Snapshot<'a> {
    #[inline(never)]
    fn open(snapshot: &'a [u8]) -> Result<Self, Error> {
        let magic = snapshot.get(..8).ok_or(Error::Truncated)?;
        if !magic.iter().eq(&SNAPSHOT_MAGIC) {
            return Err(Error::NotASnapshot);
        }
        let u32_at = |at| u32_at(snapshot, at).ok_or(Error::Truncated);
        let u64_at = |at| u64_at(snapshot, at).ok_or(Error::Truncated);
        let version = u32_at(8)?;
        if version != SNAPSHOT_VERSION || u32_at(12)? as usize != CONFIG_BYTES {
            return Err(Error::SnapshotVersion(version));
        }
        let length = u64_at(16)?;
        if (snapshot.len() as u64) < length {
            return Err(Error::Truncated);
        }
        // Sizes first: the length must be that of a snapshot of these dimensions.
        let (bins, window) = (u32_at(HEAD + 4)?, u32_at(HEAD + 8)?);
        if !(8..=256).contains(&bins) || !(8..=4096).contains(&window) {
            return Err(Error::SnapshotSize);
        }
        let places = Places::new(bins as usize, window as usize);
        if length != places.end as u64 || snapshot.len() as u64 != length {
            return Err(Error::SnapshotSize);
        }
        let body = snapshot.get(..places.crc).ok_or(Error::Truncated)?;
        if crc32(body) != u32_at(places.crc)? {
            return Err(Error::Checksum);
        }
        Ok(Snapshot { bytes: snapshot, places, bins: bins as usize, window })
    }

    fn record(&self) -> Result<RawConfig, Error> {
        let mut fields = Cursor::new(self.bytes.get(self.places.config..).ok_or(Error::Truncated)?);
        read_config(&mut fields).ok_or(Error::Truncated)
    }

    #[inline(never)]
    fn check_config(&self) -> Result<(), Error> {
        let record = self.record()?;
        let sound = record.is_resolved() && Config::from_record(&record).is_ok();
        if sound { Ok(()) } else { Err(Error::Corrupt) }
    }

    /// Writes the header of a block.
    #[inline(never)]
    fn read_header(&self, header: &mut Header) -> Result<(), Error> {
        // Field by field: a header on the stack is half a kilobyte.
        bytemuck::bytes_of_mut(header).fill(0);
        (header.magic, header.layout) = (MAGIC, LAYOUT);
        header.config = self.record()?;
        self.read_scalars(header)
    }

    fn read_scalars(&self, header: &mut Header) -> Result<(), Error> {
        let mut scalars = Cursor::new(self.bytes.get(self.places.scalars..).ok_or(Error::Truncated)?);
        read_scalars(header, &mut scalars).ok_or(Error::Corrupt)
    }

    /// Element `i` of the 64-bit column that begins at `column`.
    fn word(&self, column: usize, i: usize) -> u64 {
        u64_at(self.bytes, column + 8 * i).unwrap_or(0)
    }

    fn real(&self, column: usize, i: usize) -> f64 {
        f64::from_bits(self.word(column, i))
    }

    /// The mark of ring `k`; none where it lies outside the ring.
    fn mark(&self, k: usize) -> Option<Mark> {
        let at = self.places.marks + 16 * k;
        let [_, seen, ..] = self.places.columns;
        let head = u16::try_from(u32_at(self.bytes, at)?).ok()?;
        let turns = u32_at(self.bytes, at + 4)?;
        let mark = Mark { seen: self.word(seen, k), turns, head, ..Mark::default() };
        (u32::from(head) < self.window).then_some(mark)
    }

    fn span(&self, k: usize) -> Option<MeanSpan> {
        let at = self.places.marks + 16 * k + 8;
        let [_, _, since, ..] = self.places.columns;
        let (total, taken) = (u32_at(self.bytes, at)?, u32_at(self.bytes, at + 4)?);
        Some(MeanSpan { since: self.word(since, k), total, taken })
    }

    fn loss(&self, i: usize) -> f32 {
        f32::from_bits(u32_at(self.bytes, self.places.rings + 4 * i).unwrap_or(0))
    }

    fn load(&self, words: &mut [u64]) -> Result<(), Error> {
        self.check_config()?;
        self.check()?;
        let words = words.get_mut(..state_words(self.bins, self.window as usize)).ok_or(Error::TooSmall)?;
        words.fill(0);
        self.read_header(fresh_header(words)?)?;
        fill_tables(words, self)?;
        fill_bins(words, self)
    }

    /// Checks that the scalars and the arrays make sense together.
    fn check(&self) -> Result<(), Error> {
        // One after the other, so that their stacks do not add up.
        let observations = self.check_scalars()?;
        if self.sound_columns(observations) { Ok(()) } else { Err(Error::Corrupt) }
    }

    /// Checks the scalars; returns the number of observations.
    #[inline(never)]
    fn check_scalars(&self) -> Result<u64, Error> {
        let mut header = Header::zeroed();
        self.read_scalars(&mut header)?;
        let summary = &header.summary;
        let known = |code: u32, kinds: usize| (code as usize) < kinds;
        let sound = header.rng.iter().any(|&word| word != 0)
            && header.frozen <= 1
            && known(summary.hold, Hold::ALL.len())
            && known(summary.warning, Warning::ALL.len())
            && summary.counted < Warning::ALL.len() as u64
            && known(summary.rule, PivotRule::ALL.len())
            && summary.clipped as usize <= self.bins
            && summary.warning_bins as usize <= self.bins
            && summary.warning_first <= summary.warning_last
            && (summary.warning_last as usize) < self.bins
            && summary.smoothing <= 64;
        if sound { Ok(header.observations) } else { Err(Error::Corrupt) }
    }

    #[inline(never)]
    fn sound_columns(&self, observations: u64) -> bool {
        let (bins, window) = (self.bins, self.window);
        let [thresholds, seen, since, ema, error, density, weight, baseline] = self.places.columns;
        let sane =
            |column| (0..bins).all(|k| self.real(column, k) >= 0.0 && self.real(column, k).is_finite());
        let weights = self.bytes.get(weight..weight + 8 * bins).unwrap_or(&[]);
        self.word(thresholds, 0) == 0
            && self.word(thresholds, bins) == 1 << 32
            && (0..bins).all(|k| self.word(thresholds, k) <= self.word(thresholds, k + 1))
            && (0..bins).all(|k| self.word(seen, k) <= observations)
            && (0..bins).all(|k| self.word(since, k) <= observations)
            && [ema, error, density, baseline].into_iter().all(sane)
            && check_weight(&F64Values::Packed(weights), bins).is_ok()
            && (0..bins).all(|k| self.mark(k).is_some())
            && (0..bins * window as usize).all(|i| self.loss(i) >= 0.0 && self.loss(i).is_finite())
    }
}

/// Words of the block that a snapshot needs.
///
/// # Errors
/// As [`crate::Scheduler::load`].
#[inline(never)]
pub fn state_words_of(snapshot: &[u8]) -> Result<usize, Error> {
    let snapshot = Snapshot::open(snapshot)?;
    snapshot.check_config()?;
    Ok(state_words(snapshot.bins, snapshot.window as usize))
}

/// Writes the block of a snapshot into `words`, as [`crate::Scheduler::load`] does,
/// without borrowing it.
///
/// # Errors
/// As there; nothing is written then.
// Separate functions, called one after the other, so that their stacks do not add up.
pub fn load(words: &mut [u64], snapshot: &[u8]) -> Result<(), Error> {
    // By reference: a value would be on the stack twice.
    match &Snapshot::open(snapshot) {
        Ok(snapshot) => snapshot.load(words),
        Err(error) => Err(*error),
    }
}

/// The tables that the grid and the thresholds determine.
#[inline(never)]
fn fill_tables(words: &mut [u64], snapshot: &Snapshot<'_>) -> Result<(), Error> {
    let ViewMut { header, columns, guide, bin_table, edges, centres, .. } = ViewMut::split(words)?;
    // From the header, which has been checked: a configuration would take more stack.
    let RawConfig { bins, sigma_min, sigma_max, .. } = header.config;
    let grid = Grid::between(bins, sigma_min as f32, sigma_max as f32, &[], &[]);
    BinLookup::build(&grid, bin_table, edges);
    grid.store_centres(centres);
    let [thresholds, ..] = snapshot.places.columns;
    let last = DrawTable::fill(&grid, columns, guide, |k| snapshot.word(thresholds, k + 1));
    header.last_drawn = last as u64;
    Ok(())
}

/// What the bins and their rings hold.
#[inline(never)]
fn fill_bins(words: &mut [u64], snapshot: &Snapshot<'_>) -> Result<(), Error> {
    let ViewMut { header, marks, spans, rings, ema, error, y, density, weight, baseline, .. } =
        ViewMut::split(words)?;
    let [_, _, _, places @ ..] = snapshot.places.columns;
    for (column, slots) in places.into_iter().zip([ema, &mut *error, density, weight, baseline]) {
        for (k, slot) in slots.iter_mut().enumerate() {
            *slot = snapshot.real(column, k);
        }
    }
    for (k, (mark, span)) in marks.iter_mut().zip(spans).enumerate() {
        *mark = snapshot.mark(k).unwrap_or_default();
        *span = snapshot.span(k).unwrap_or_default();
    }
    for (i, slot) in rings.iter_mut().enumerate() {
        *slot = snapshot.loss(i);
    }
    log_errors(error, y);
    smooth_passes(y, header.summary.smoothing);
    let RawConfig { bins, sigma_min, sigma_max, .. } = header.config;
    Rate::new(&Grid::between(bins, sigma_min as f32, sigma_max as f32, &[], &[]), y);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::Scheduler;
    use core::mem::offset_of;

    fn trained() -> (Vec<u64>, Vec<u8>) {
        let config = Config { warmup_steps: 3, min_count: 2, window: 16, bins: 16, ..Config::discrete() };
        let mut words = vec![0; state_words(16, 16)];
        let mut scheduler = Scheduler::init(&mut words, &config, 5).unwrap();
        let mut sigma = [0.0; 128];
        for _ in 0..9 {
            scheduler.sample(&mut sigma).unwrap();
            scheduler.observe(&sigma, &sigma.map(|s| s * s / (1.0 + s * s))).unwrap();
            scheduler.step().unwrap();
        }
        let mut snapshot = vec![0; bytes(16, 16)];
        scheduler.reader().save(&mut snapshot).unwrap();
        (words, snapshot)
    }

    #[test]
    fn loading_gives_the_same_words() {
        let (words, snapshot) = trained();
        let mut other = vec![7; words.len()];
        Scheduler::load(&mut other, &snapshot).unwrap();
        assert_eq!(words, other);
    }

    #[test]
    fn every_damage_is_named_and_leaves_the_target() {
        let (words, snapshot) = trained();
        let load = |snapshot: &[u8]| {
            let mut target = vec![7; words.len()];
            let error = Scheduler::load(&mut target, snapshot).err().unwrap();
            assert!(target.iter().all(|&word| word == 7));
            error
        };
        for length in [0, 7, 20, 100, snapshot.len() - 1] {
            assert_eq!(load(&snapshot[..length]), Error::Truncated);
        }
        let mut longer = snapshot.clone();
        longer.push(0);
        assert_eq!(load(&longer), Error::SnapshotSize);
        for at in 0..snapshot.len() {
            let mut bad = snapshot.clone();
            bad[at] ^= 0x10;
            let error = load(&bad);
            match at {
                0..8 => assert_eq!(error, Error::NotASnapshot),
                8..12 => assert_eq!(
                    error,
                    Error::SnapshotVersion(u32::from_le_bytes(*bad[8..].first_chunk().unwrap()))
                ),
                12..16 => assert_eq!(error, Error::SnapshotVersion(SNAPSHOT_VERSION)),
                16..24 => assert!(matches!(error, Error::SnapshotSize | Error::Truncated)),
                28..36 => assert!(matches!(error, Error::SnapshotSize | Error::Checksum)),
                _ => assert_eq!(error, Error::Checksum, "byte {at}"),
            }
        }
        let mut short = vec![7; words.len() - 8];
        assert_eq!(Scheduler::load(&mut short, &snapshot).err(), Some(Error::TooSmall));
    }

    /// Damaged content with a matching checksum: indices and values out of range.
    #[test]
    fn forged_images_are_corrupt() {
        let (words, snapshot) = trained();
        let places = Places::new(16, 16);
        let [thresholds, seen, _, ema, .., weight, _] = places.columns;
        let nan = f64::NAN.to_le_bytes();
        for (at, bytes) in [
            (thresholds + 8, &[0xff; 8][..]),
            (seen, &[0xff; 8]),
            (ema, &nan),
            (weight, &[0; 8]),
            (places.marks, &[16, 0, 0, 0]),
            (places.rings, &(-1.0f32).to_le_bytes()),
            (places.scalars, &[0; 32]),
            (places.scalars + 8 * 17, &[99]),
            (places.scalars + 8 * 18 + 4, &[1]),
            (places.scalars + 8 * 24, &[99]),
            (places.config + 12, &[99, 0, 0, 0]),
            // Ends that only a caller may give: "as the data ask" and more digits than an f32.
            (places.config + offset_of!(RawConfig, sigma_min), &[0; 8]),
            (places.config + offset_of!(RawConfig, sigma_max), &80.00000001f64.to_le_bytes()),
        ] {
            let mut bad = snapshot.clone();
            bad[at..at + bytes.len()].copy_from_slice(bytes);
            let sum = crc32(&bad[..places.crc]).to_le_bytes();
            bad[places.crc..].copy_from_slice(&sum);
            let mut target = vec![7; words.len()];
            assert_eq!(Scheduler::load(&mut target, &bad).err(), Some(Error::Corrupt), "{at}");
            assert!(target.iter().all(|&word| word == 7));
        }
    }
}
