//! What a call returns, and the words for every number.

use crate::text::c_name;
use core::ffi::{CStr, c_char};
use infonoise::{
    Baseline, ConfigError, Coordinate, Draw, Emphasis, Endpoint, Error, Hold, Objective, Phase, Pivot,
    PivotRule, Preset, ScheduleKind, Warning,
};

/// The result of a call. 0 is success; otherwise nothing has changed.
/// cbindgen:prefix-with-name=false
/// cbindgen:rename-all=None
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "the constants of the C ABI, literally")]
pub enum Status {
    /// Done.
    INFONOISE_OK = 0,
    /// A pointer is NULL.
    INFONOISE_NULL = 1,
    /// The block or an array is shorter than needed.
    INFONOISE_TOO_SMALL = 2,
    /// The block holds no scheduler.
    INFONOISE_NOT_A_STATE = 3,
    /// The block comes from a machine of the other byte order.
    INFONOISE_FOREIGN_ENDIAN = 4,
    /// The block comes from another layout version.
    INFONOISE_WRONG_LAYOUT = 5,
    /// The block's content contradicts itself.
    INFONOISE_CORRUPT = 6,
    /// The configuration is invalid; `infonoise_config_check` says why.
    INFONOISE_INVALID_CONFIG = 7,
    /// Arrays that must be equally long are not.
    INFONOISE_LENGTH = 8,
    /// An argument is outside its range.
    INFONOISE_ARGUMENT = 9,
    /// No refresh has been accepted yet, or a bin is empty.
    INFONOISE_NOT_READY = 10,
    /// f32 cannot hold that many distinct sigmas.
    INFONOISE_GRID_TOO_FINE = 11,
    /// A pointer is not aligned: blocks are 8-aligned.
    INFONOISE_MISALIGNED = 12,
    /// A struct's `struct_size` is not one that this library knows.
    INFONOISE_STRUCT_SIZE = 13,
    /// Another thread is working on the block (debug builds).
    INFONOISE_BUSY = 14,
    /// The bytes are not an image.
    INFONOISE_NOT_AN_IMAGE = 15,
    /// The bytes of an image or of a record end early.
    INFONOISE_TRUNCATED = 16,
    /// The image comes from another image version.
    INFONOISE_IMAGE_VERSION = 17,
    /// The image's length does not fit its dimensions.
    INFONOISE_IMAGE_SIZE = 18,
    /// A checksum does not match.
    INFONOISE_CHECKSUM = 19,
    /// A table of weights or masses cannot be used, or is missing.
    INFONOISE_TABLE = 20,
    /// The bytes are not a journal.
    INFONOISE_NOT_A_JOURNAL = 21,
    /// The journal comes from another journal version.
    INFONOISE_JOURNAL_VERSION = 22,
    /// A record cannot be read, or does not fit what came before it.
    INFONOISE_RECORD = 23,
    /// A replay does not agree with the digest that the journal holds.
    INFONOISE_DIFFERS = 24,
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::TooSmall => Status::INFONOISE_TOO_SMALL,
            Error::NotAState => Status::INFONOISE_NOT_A_STATE,
            Error::ForeignEndian => Status::INFONOISE_FOREIGN_ENDIAN,
            Error::WrongLayout(_) => Status::INFONOISE_WRONG_LAYOUT,
            Error::Config(_) => Status::INFONOISE_INVALID_CONFIG,
            Error::Table(_) => Status::INFONOISE_TABLE,
            Error::Length => Status::INFONOISE_LENGTH,
            Error::Argument => Status::INFONOISE_ARGUMENT,
            Error::NotReady => Status::INFONOISE_NOT_READY,
            Error::GridTooFine => Status::INFONOISE_GRID_TOO_FINE,
            Error::NotASnapshot => Status::INFONOISE_NOT_AN_IMAGE,
            Error::Truncated => Status::INFONOISE_TRUNCATED,
            Error::SnapshotVersion(_) => Status::INFONOISE_IMAGE_VERSION,
            Error::SnapshotSize => Status::INFONOISE_IMAGE_SIZE,
            Error::Checksum => Status::INFONOISE_CHECKSUM,
            Error::NotAJournal => Status::INFONOISE_NOT_A_JOURNAL,
            Error::JournalVersion(_) => Status::INFONOISE_JOURNAL_VERSION,
            Error::Record => Status::INFONOISE_RECORD,
            // `Error` may grow; what is unknown here is as bad as corrupt.
            _ => Status::INFONOISE_CORRUPT,
        }
    }
}

/// The text of an error does not depend on the field.
const ANY: ConfigError = ConfigError { field: "", value: 0.0, must: "", bound: None, remedy: "" };

/// The texts of the errors are the core's, 0-terminated.
macro_rules! c_text {
    ($error:expr) => {{
        const TEXT: &str = $error.text();
        c_name!(TEXT)
    }};
}

/// One sentence for a status: what is wrong and what to do. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_status_message(status: u32) -> *const c_char {
    let text: &CStr = match status {
        0 => c"ok",
        1 => c"a pointer is NULL: pass memory for every argument that is not documented as optional",
        2 => c_text!(Error::TooSmall),
        3 => c_text!(Error::NotAState),
        4 => c_text!(Error::ForeignEndian),
        5 => c_text!(Error::WrongLayout(0)),
        6 => c_text!(Error::Corrupt),
        7 => {
            c"the configuration is invalid: infonoise_config_check names the field, the bound and the remedy"
        }
        8 => c_text!(Error::Length),
        9 => c_text!(Error::Argument),
        10 => c_text!(Error::NotReady),
        11 => c_text!(Error::GridTooFine),
        12 => c"a pointer is not aligned: state blocks are 8-aligned, arrays as their elements",
        13 => c"struct_size is unknown: initialise structs with their INFONOISE_..._INIT macro",
        14 => c"another thread is working on this block: one block serves one thread at a time",
        15 => c_text!(Error::NotASnapshot),
        16 => c_text!(Error::Truncated),
        17 => c_text!(Error::SnapshotVersion(0)),
        18 => c_text!(Error::SnapshotSize),
        19 => c_text!(Error::Checksum),
        20 => c_text!(Error::Table(ANY)),
        21 => c_text!(Error::NotAJournal),
        22 => c_text!(Error::JournalVersion(0)),
        23 => c_text!(Error::Record),
        24 => c"the run differs from its journal: the digests of this step do not agree",
        _ => c"unknown status: is the header from this library's version?",
    };
    text.as_ptr()
}

/// The name of a code, "unknown" where there is none.
macro_rules! name {
    ($kind:ident, $code:expr) => {
        $kind::from_code($code).map_or(c"unknown", $kind::c_name).as_ptr()
    };
}

/// Name of an `infonoise_phase`; "unknown" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_phase_name(phase: u32) -> *const c_char {
    name!(Phase, phase)
}

/// Name of an `infonoise_pivot_rule`; "unknown" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_rule_name(rule: u32) -> *const c_char {
    name!(PivotRule, rule)
}

/// Name of an `infonoise_hold`; "unknown" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_hold_name(hold: u32) -> *const c_char {
    name!(Hold, hold)
}

/// Name of an `infonoise_warning`; "unknown" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_warning_name(warning: u32) -> *const c_char {
    name!(Warning, warning)
}

/// Name of an `infonoise_objective`; "unknown" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_objective_name(objective: u32) -> *const c_char {
    name!(Objective, objective)
}

/// Name of an `infonoise_emphasis`; "unknown" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_emphasis_name(emphasis: u32) -> *const c_char {
    name!(Emphasis, emphasis)
}

/// Name of an `infonoise_endpoint`; "unknown" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_endpoint_name(endpoint: u32) -> *const c_char {
    name!(Endpoint, endpoint)
}

/// Name of an `infonoise_pivot`; "unknown" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_pivot_name(pivot: u32) -> *const c_char {
    name!(Pivot, pivot)
}

/// Name of an `infonoise_baseline`; "unknown" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_baseline_name(baseline: u32) -> *const c_char {
    name!(Baseline, baseline)
}

/// Name of an `infonoise_draw`; "unknown" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_draw_name(draw: u32) -> *const c_char {
    name!(Draw, draw)
}

/// Name of an `infonoise_preset`; "unknown" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_preset_name(preset: u32) -> *const c_char {
    name!(Preset, preset)
}

/// What to do about an `infonoise_hold`.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_hold_remedy(hold: u32) -> *const c_char {
    macro_rules! remedy {
        ($($variant:ident),+) => {
            match Hold::from_code(hold) {
                $(Some(Hold::$variant) => {
                    const REMEDY: &str = Hold::$variant.remedy();
                    c_name!(REMEDY)
                })+
                None => c"unknown",
            }
        };
    }
    let text =
        remedy!(None, NoSignal, NoPivot, LowEndUnresolved, DegenerateLow, DegenerateHigh, DegenerateNarrow);
    text.as_ptr()
}

/// Name of an `infonoise_coordinate`; "unknown" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_coordinate_name(coordinate: u32) -> *const c_char {
    name!(Coordinate, coordinate)
}

/// Name of an `infonoise_schedule_kind`; "unknown" for other numbers.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_schedule_name(schedule: u32) -> *const c_char {
    name!(ScheduleKind, schedule)
}
