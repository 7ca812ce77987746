//! What can go wrong, as one small enum.
//!
//! ```
//! use infonoise_core::{Config, Error};
//! let config = Config { min_count: 300, ..Config::DEFAULT };
//! let Err(error) = config.check() else { panic!() };
//! assert_eq!(
//!     error.to_string(),
//!     "min_count = 300 must be at most window = 256: lower min_count or raise window"
//! );
//! assert_eq!(Error::from(error).code(), 7);
//! ```

use core::fmt;

/// A configuration field that cannot be used: its value, the bound, the remedy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConfigError {
    /// The field's name, as in every binding.
    pub field: &'static str,
    /// The value that was given.
    pub value: f64,
    /// What it must be, for example `at most window =`.
    pub must: &'static str,
    /// The bound, unless `must` says it all.
    pub bound: Option<f64>,
    /// What to do about it.
    pub remedy: &'static str,
}

impl ConfigError {
    /// Calls `put` with the pieces of the message, in order.
    pub fn message(&self, put: &mut impl FnMut(&str)) {
        put(self.field);
        put(" = ");
        number(self.value, put);
        put(" must be ");
        put(self.must);
        if let Some(bound) = self.bound {
            put(" ");
            number(bound, put);
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

/// The shortest decimal that reads back as `x`. `core::fmt` would bring panics
/// into the static library; `ryu` has none.
fn number(x: f64, put: &mut impl FnMut(&str)) {
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format(x);
    put(text.strip_suffix(".0").unwrap_or(text));
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
    /// The block was written by another layout version.
    WrongLayout,
    /// The block's content contradicts itself.
    Corrupt,
    /// The configuration cannot be used.
    Config(ConfigError),
    /// Slices that must be equally long are not.
    Length,
    /// An argument is outside its range.
    Argument,
    /// No refresh has been accepted yet (or a ring is still empty).
    NotReady,
    /// f32 cannot hold that many distinct sigmas.
    GridTooFine,
}

impl Error {
    /// The number that the C ABI returns (`infonoise_status`).
    pub const fn code(self) -> u32 {
        match self {
            Error::TooSmall => 2,
            Error::NotAState => 3,
            Error::ForeignEndian => 4,
            Error::WrongLayout => 5,
            Error::Corrupt => 6,
            Error::Config(_) => 7,
            Error::Length => 8,
            Error::Argument => 9,
            Error::NotReady => 10,
            Error::GridTooFine => 11,
        }
    }

    /// One sentence: what is wrong and what to do.
    pub const fn text(self) -> &'static str {
        match self {
            Error::TooSmall => {
                "the state block is smaller than its configuration needs: allocate state_bytes(config)"
            }
            Error::NotAState => {
                "the block does not hold a scheduler: initialise it, or pass the block that was"
            }
            Error::ForeignEndian => {
                "the block was written on a machine of the other byte order: move it as a saved image"
            }
            Error::WrongLayout => {
                "the block was written by another layout version of the library: move it as a saved image"
            }
            Error::Corrupt => "the block's content contradicts itself: restore it from a checkpoint",
            Error::Config(_) => {
                "the configuration is invalid: config_check names the field, the bound and the remedy"
            }
            Error::Length => "arrays that must be equally long are not: pass one error for each sigma",
            Error::Argument => "an argument is outside its documented range",
            Error::NotReady => "not ready: no refresh has been accepted yet; report() says what it waits for",
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
            Error::Config(error) => error.fmt(f),
            other => f.write_str(other.text()),
        }
    }
}

impl core::error::Error for Error {}
