//! The errors, as one small enum.
//!
//! ```
//! use infonoise::Config;
//! let config = Config { min_count: 300, ..Config::DEFAULT };
//! let Err(error) = config.check() else { panic!() };
//! assert_eq!(
//!     error.to_string(),
//!     "min_count = 300 must be at most window = 256: lower min_count or raise window"
//! );
//! ```

use core::fmt;

/// The value of a field or of a bound, as messages write it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// The name of a choice.
    Name(&'static str),
}

macro_rules! numbers {
    ($($kind:ident),+) => {
        $(impl From<$kind> for Value {
            fn from(number: $kind) -> Self {
                Value::Number(number as f64)
            }
        })+
    };
}
numbers!(u32, u64, f64);

impl From<bool> for Value {
    fn from(on: bool) -> Self {
        Value::Name(if on { "on" } else { "off" })
    }
}

impl Value {
    fn message(self, put: &mut impl FnMut(&str)) {
        match self {
            Value::Number(x) => number(x, put),
            Value::Name(name) => put(name),
        }
    }
}

/// A configuration field or table that cannot be used: its value, the bound, the remedy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfigError {
    /// The field's name, as in every binding.
    pub field: &'static str,
    /// The bad entry, where the field is a table.
    pub index: Option<u32>,
    /// The value that was given.
    pub value: Value,
    /// The relation that must hold, for example `at most window =`.
    pub must: &'static str,
    /// The bound, unless `must` already names it.
    pub bound: Option<Value>,
    /// What to do about it.
    pub remedy: &'static str,
}

impl ConfigError {
    pub(crate) fn new(
        field: &'static str,
        value: impl Into<Value>,
        must: &'static str,
        bound: impl Into<Value>,
        remedy: &'static str,
    ) -> Self {
        ConfigError { field, index: None, value: value.into(), must, bound: Some(bound.into()), remedy }
    }

    /// Calls `put` with the pieces of the message, in order.
    pub fn message(&self, put: &mut impl FnMut(&str)) {
        put(self.field);
        if let Some(index) = self.index {
            put("[");
            number(index.into(), put);
            put("]");
        }
        put(" = ");
        self.value.message(put);
        put(" must be ");
        put(self.must);
        if let Some(bound) = self.bound {
            put(" ");
            bound.message(put);
        }
        put(": ");
        put(self.remedy);
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        self.message(&mut |piece| result = result.and_then(|()| f.write_str(piece)));
        result
    }
}

impl core::error::Error for ConfigError {}

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Writes `x` with at most seven significant digits. `core::fmt` would add its panics
/// and its tables to the static library.
pub(crate) fn number(x: f64, put: &mut impl FnMut(&str)) {
    if !x.is_finite() {
        return put(if x.is_nan() {
            "NaN"
        } else if x > 0.0 {
            "inf"
        } else {
            "-inf"
        });
    }
    if x < 0.0 {
        put("-");
    }
    let (mut digits, mut exponent) = (x.abs(), 6i32);
    while digits >= 9_999_999.5 {
        (digits, exponent) = (digits / 10.0, exponent + 1);
    }
    while digits > 0.0 && digits < 999_999.95 {
        (digits, exponent) = (digits * 10.0, exponent - 1);
    }
    // Seven digits d: the number is d.dddddd * 10^exponent.
    let mut rest = (digits + 0.5) as u32;
    let mut unit = 1_000_000;
    let scientific = !(-5..16).contains(&exponent);
    let point = if scientific { 0 } else { exponent };
    if digits == 0.0 {
        return put("0");
    }
    if point < 0 {
        put("0.");
        for _ in point + 1..0 {
            put("0");
        }
    }
    let mut place = 0;
    while rest > 0 || place <= point {
        if place == point + 1 && point >= 0 {
            put(".");
        }
        let digit = rest.checked_div(unit).unwrap_or(0);
        put(DIGITS.get(digit as usize).copied().unwrap_or("?"));
        rest -= digit * unit;
        unit /= 10;
        place += 1;
    }
    if scientific {
        put("e");
        number(exponent.into(), put);
    }
}

/// Why a call was refused. Nothing has changed when one is returned.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The block is smaller than its configuration needs.
    TooSmall,
    /// The block does not begin with the magic number.
    NotAState,
    /// The block was written on a machine of the other byte order.
    ForeignEndian,
    /// The block was written by another layout version, which is given.
    WrongLayout(u64),
    /// The block's content contradicts itself.
    Corrupt,
    /// The configuration cannot be used.
    Config(ConfigError),
    /// A table of weights or baseline masses cannot be used, or is missing.
    Table(ConfigError),
    /// Slices that must be equally long are not.
    Length,
    /// An argument is outside its range.
    Argument,
    /// No refresh has been accepted yet (or a ring is still empty).
    NotReady,
    /// f32 cannot hold that many distinct sigmas.
    GridTooFine,
    /// The bytes do not begin with a snapshot's magic number.
    NotASnapshot,
    /// The bytes of a snapshot or of a record end early.
    Truncated,
    /// The snapshot was written by another snapshot version, which is given.
    SnapshotVersion(u32),
    /// The snapshot's length is not what its dimensions need.
    SnapshotSize,
    /// A checksum does not match its bytes.
    Checksum,
    /// The bytes do not begin with a journal's magic number.
    NotAJournal,
    /// The journal was written by another journal version, which is given.
    JournalVersion(u32),
    /// A record of a journal cannot be read, or does not fit what came before.
    Record,
}

impl Error {
    /// One sentence: what is wrong and what to do.
    pub const fn text(self) -> &'static str {
        match self {
            Error::TooSmall => {
                "memory is smaller than needed: allocate what the ..._bytes function of the state, snapshot, journal or record says, and bins numbers for a curve"
            }
            Error::NotAState => {
                "the block does not hold a scheduler: initialise it, or pass the block that was"
            }
            Error::ForeignEndian => {
                "the block was written on a machine of the other byte order: move it as a saved snapshot"
            }
            Error::WrongLayout(_) => {
                "the block was written by another layout version of the library: move it as a saved snapshot"
            }
            Error::Corrupt => "the block's content contradicts itself: restore it from a checkpoint",
            Error::Config(_) => {
                "the configuration is invalid: config_check (reconfigure_check for a running schedule) names the field, the bound and the remedy"
            }
            Error::Table(_) => {
                "a table cannot be used: weights are one positive, finite factor for each bin; baseline masses are finite, none negative, one positive and, where coverage is 0, none zero; a baseline table goes exactly with baseline = table"
            }
            Error::Length => "arrays that must be equally long are not: pass one error for each sigma",
            Error::Argument => "an argument is outside its documented range",
            Error::NotReady => {
                "not ready: no refresh has been accepted yet (or, for an estimate, a bin is still empty); the report says what it waits for"
            }
            Error::NotASnapshot => "these bytes are not a snapshot of a schedule: pass what save() wrote",
            Error::Truncated => {
                "the bytes end early: the file was cut off; use an older checkpoint, or cut a journal after its last whole record"
            }
            Error::SnapshotVersion(_) => {
                "the snapshot was written by another snapshot version of the library, whose rules differ: load it with that one, or start a new schedule with its density as baseline table"
            }
            Error::SnapshotSize => {
                "the snapshot's length does not fit its bins and window: pass exactly what save() wrote"
            }
            Error::Checksum => "a checksum does not match: the file is damaged, use another copy",
            Error::NotAJournal => {
                "these bytes are not a journal: pass what a journal wrote, from its first byte"
            }
            Error::JournalVersion(_) => {
                "the journal was written by another journal version of the library, whose rules differ: replay it with that one"
            }
            Error::Record => {
                "a record cannot be read, or does not fit what came before it: was the journal joined from pieces?"
            }
            Error::GridTooFine => {
                "f32 cannot hold that many distinct sigmas: ask for fewer points or a wider grid"
            }
        }
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Error::Config(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Config(error) | Error::Table(error) => error.fmt(f),
            Error::WrongLayout(version) => write!(f, "{} (layout {version})", self.text()),
            Error::SnapshotVersion(version) | Error::JournalVersion(version) => {
                write!(f, "{} (version {version})", self.text())
            }
            other => f.write_str(other.text()),
        }
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::number;

    fn written(x: f64) -> String {
        let mut text = String::new();
        number(x, &mut |piece| text.push_str(piece));
        text
    }

    #[test]
    fn numbers_read_back() {
        for (x, text) in [
            (0.0, "0"),
            (300.0, "300"),
            (0.002, "0.002"),
            (-1.2, "-1.2"),
            (80.00001, "80.00001"),
            (281474976710656.0, "281475000000000"),
            (8.673617379884035e-19, "8.673617e-19"),
            (1.152921504606847e18, "1.152922e18"),
            (0.999_999_99, "1"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::MAX, "1.797693e308"),
        ] {
            assert_eq!(written(x), text);
        }
        assert_eq!(written(f64::from_bits(1)), "4.940656e-324");
    }
}
