//! The raw record: a configuration as plain numbers, for the block and the C ABI.
//!
//! ```
//! use infonoise::Config;
//! let mut record = Config::DEFAULT.to_record();
//! assert_eq!(Config::from_record(&record), Ok(Config::DEFAULT));
//! record.pivot = 99; // no such rule
//! assert!(Config::from_record(&record).is_err());
//! ```

use crate::config::{Baseline, Config, Draw, Emphasis, Endpoint, Objective, Pivot};
use crate::error::{ConfigError, Value};
use bytemuck::{Pod, Zeroable};

/// How a field is stored: a number as itself, a choice or a switch as its code.
trait Field<Raw>: Sized {
    fn stored(self) -> Raw;
    fn read(name: &'static str, raw: Raw) -> Result<Self, ConfigError>;
}

macro_rules! numbers {
    ($($kind:ident),+) => {
        $(impl Field<$kind> for $kind {
            fn stored(self) -> $kind {
                self
            }

            fn read(_: &'static str, raw: $kind) -> Result<$kind, ConfigError> {
                Ok(raw)
            }
        })+
    };
}
numbers!(u32, u64, f64);

impl Field<u32> for bool {
    fn stored(self) -> u32 {
        self.into()
    }

    fn read(name: &'static str, raw: u32) -> Result<bool, ConfigError> {
        match raw {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(ConfigError::new(name, raw, "at most", 1u32, "1 switches it on, 0 off")),
        }
    }
}

#[cold]
#[inline(never)]
fn no_name(field: &'static str, code: u32, last: &'static str) -> ConfigError {
    let remedy = "use the named constants of this ABI version";
    ConfigError::new(field, code, "the code of a name, at most that of", Value::Name(last), remedy)
}

macro_rules! choices {
    ($($kind:ident),+) => {
        $(impl Field<u32> for $kind {
            fn stored(self) -> u32 {
                self.code()
            }

            fn read(name: &'static str, raw: u32) -> Result<$kind, ConfigError> {
                const LAST: &str = $kind::ALL[$kind::ALL.len() - 1].name();
                $kind::from_code(raw).ok_or_else(|| no_name(name, raw, LAST))
            }
        })+
    };
}
choices!(Objective, Emphasis, Endpoint, Pivot, Baseline, Draw);

/// The type that a field is stored as.
macro_rules! stored_as {
    (u64) => {
        u64
    };
    (f64) => {
        f64
    };
    ($other:ident) => {
        u32
    };
}

macro_rules! record {
    ($($(#[doc = $doc:literal])+ $when:ident $name:ident: $type:ident = $default:expr, $bounds:tt;)+) => {
        /// The configuration as plain words: `infonoise_config` of the C ABI, and what
        /// the block stores. Enum fields hold the codes of their enum. Fill it with
        /// `infonoise_config_init`, then change what differs.
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
        pub struct RawConfig {
            /// `sizeof` this struct, set by `INFONOISE_CONFIG_INIT`.
            pub struct_size: u32,
            $($(#[doc = $doc])+ pub $name: stored_as!($type),)+
        }

        /// How many fields of the record have 32 bits.
        pub(crate) const NARROW: usize = 1 $(+ (size_of::<stored_as!($type)>() == 4) as usize)+;
        const _: () = {
            let widths = [4, $(size_of::<stored_as!($type)>()),+];
            let mut i = 0;
            while i < widths.len() {
                assert!((i < NARROW) == (widths[i] == 4), "the narrow fields come first");
                i += 1;
            }
        };

        impl Config {
            /// The record that the block and the C ABI hold.
            pub fn to_record(&self) -> RawConfig {
                RawConfig {
                    struct_size: size_of::<RawConfig>() as u32,
                    $($name: Field::stored(self.$name)),+
                }
            }

            /// Reads and checks a record; `struct_size` is left to the caller.
            ///
            /// # Errors
            /// As [`Config::check`], and a code that its enum does not have.
            pub fn from_record(record: &RawConfig) -> Result<Self, ConfigError> {
                let config = Config {
                    $($name: <$type as Field<stored_as!($type)>>::read(stringify!($name), record.$name)?),+
                };
                config.check()?;
                Ok(config)
            }
        }
    };
}
crate::config_fields!(record);

/// How many fields of the record have 64 bits.
pub(crate) const WIDE: usize = (size_of::<RawConfig>() - 4 * NARROW) / 8;

/// A record by the width of its fields.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Parts([u32; NARROW], [u64; WIDE]);

impl RawConfig {
    /// Whether the ends are numbers of f32, as in every block: its grid is computed from
    /// them as they stand.
    pub(crate) fn is_resolved(&self) -> bool {
        let number = |end: f64| end > 0.0 && f64::from(end as f32) == end;
        number(self.sigma_min) && number(self.sigma_max)
    }

    /// The u32 fields and the bits of the 64-bit fields, in the struct's order, for
    /// code that must write them in a fixed byte order.
    pub(crate) fn parts(&self) -> ([u32; NARROW], [u64; WIDE]) {
        let Parts(narrow, wide) = bytemuck::must_cast(*self);
        (narrow, wide)
    }

    /// The inverse of [`RawConfig::parts`].
    pub(crate) fn of_parts(narrow: [u32; NARROW], wide: [u64; WIDE]) -> Self {
        bytemuck::must_cast(Parts(narrow, wide))
    }
}
