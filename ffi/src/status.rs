//! The statuses, and the names of every code.

use crate::text::c_name;
use core::ffi::{CStr, c_char};
use infonoise::{
    Baseline, ConfigError, Coordinate, Draw, Emphasis, Endpoint, Error, Hold, Objective, Phase, Pivot,
    PivotRule, Preset, ScheduleKind, Solver, Value, Warning,
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
    /// A struct's `struct_size` is not one that this library supports.
    INFONOISE_STRUCT_SIZE = 13,
    /// Another thread is working on the block (debug builds).
    INFONOISE_BUSY = 14,
    /// The bytes are not a snapshot.
    INFONOISE_NOT_A_SNAPSHOT = 15,
    /// The bytes of a snapshot or of a record end early.
    INFONOISE_TRUNCATED = 16,
    /// The snapshot comes from another snapshot version.
    INFONOISE_SNAPSHOT_VERSION = 17,
    /// The snapshot's length does not fit its dimensions.
    INFONOISE_SNAPSHOT_SIZE = 18,
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
    /// The digest of a replay differs from the journal's.
    INFONOISE_DIFFERS = 24,
}

/// The one table from errors of the core to statuses, and from statuses to their text: the
/// core's sentence, or the one given here for an error that only the C ABI has.
macro_rules! statuses {
    (
        core { $($status:ident = $variant:ident $(($filler:expr))?,)* }
        c { $($own:ident = $text:literal,)* }
    ) => {
        impl From<Error> for Status {
            fn from(error: Error) -> Self {
                match error {
                    $(Error::$variant { .. } => Status::$status,)*
                    // `Error` may get new members; one that is unknown here is reported as corrupt.
                    _ => Status::INFONOISE_CORRUPT,
                }
            }
        }

        fn text(status: u32) -> &'static CStr {
            $(const $status: u32 = Status::$status as u32;)*
            $(const $own: u32 = Status::$own as u32;)*
            match status {
                $($status => {
                    const TEXT: &str = Error::$variant $(($filler))?.text();
                    c_name!(TEXT)
                })*
                $($own => $text,)*
                _ => c"unknown status: is the header from this library's version?",
            }
        }
    };
}

/// The text of an error does not depend on the field.
const ANY: ConfigError =
    ConfigError { field: "", index: None, value: Value::Number(0.0), must: "", bound: None, remedy: "" };

statuses! {
    core {
        INFONOISE_TOO_SMALL = TooSmall,
        INFONOISE_NOT_A_STATE = NotAState,
        INFONOISE_FOREIGN_ENDIAN = ForeignEndian,
        INFONOISE_WRONG_LAYOUT = WrongLayout(0),
        INFONOISE_CORRUPT = Corrupt,
        INFONOISE_INVALID_CONFIG = Config(ANY),
        INFONOISE_LENGTH = Length,
        INFONOISE_ARGUMENT = Argument,
        INFONOISE_NOT_READY = NotReady,
        INFONOISE_GRID_TOO_FINE = GridTooFine,
        INFONOISE_NOT_A_SNAPSHOT = NotASnapshot,
        INFONOISE_TRUNCATED = Truncated,
        INFONOISE_SNAPSHOT_VERSION = SnapshotVersion(0),
        INFONOISE_SNAPSHOT_SIZE = SnapshotSize,
        INFONOISE_CHECKSUM = Checksum,
        INFONOISE_TABLE = Table(ANY),
        INFONOISE_NOT_A_JOURNAL = NotAJournal,
        INFONOISE_JOURNAL_VERSION = JournalVersion(0),
        INFONOISE_RECORD = Record,
    }
    c {
        INFONOISE_OK = c"ok",
        INFONOISE_NULL = c"a pointer is NULL: pass memory for every argument that is not documented as optional",
        INFONOISE_MISALIGNED = c"a pointer is not aligned: state blocks are 8-aligned, arrays as their elements",
        INFONOISE_STRUCT_SIZE = c"struct_size is unknown: initialise structs with their INFONOISE_..._INIT macro",
        INFONOISE_BUSY = c"another thread is working on this block: one block serves one thread at a time",
        INFONOISE_DIFFERS = c"the run differs from its journal: the digests of this step do not agree",
    }
}

/// One sentence for a status: what is wrong and what to do. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_status_message(status: u32) -> *const c_char {
    text(status).as_ptr()
}

/// The enum whose names `infonoise_name` returns.
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum NameKind {
    /// `infonoise_phase`.
    Phase = 0,
    /// `infonoise_warning`.
    Warning = 1,
    /// `infonoise_hold`.
    Hold = 2,
    /// What to do about an `infonoise_hold`.
    HoldRemedy = 3,
    /// `infonoise_pivot_rule`.
    PivotRule = 4,
    /// `infonoise_objective`.
    Objective = 5,
    /// `infonoise_emphasis`.
    Emphasis = 6,
    /// `infonoise_endpoint`.
    Endpoint = 7,
    /// `infonoise_pivot`.
    Pivot = 8,
    /// `infonoise_baseline`.
    Baseline = 9,
    /// `infonoise_draw`.
    Draw = 10,
    /// `infonoise_preset`.
    Preset = 11,
    /// `infonoise_coordinate`.
    Coordinate = 12,
    /// `infonoise_schedule_kind`.
    ScheduleKind = 13,
    /// What an `infonoise_warning` means, and what to do about it.
    WarningRemedy = 14,
    /// `infonoise_solver`.
    Solver = 15,
}

/// The name of a `code` of an enum (`infonoise_name_kind`), as every binding spells it;
/// "unknown" for any other code. Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn infonoise_name(kind: u32, code: u32) -> *const c_char {
    macro_rules! names {
        ($($kind:ident),+) => {
            $(if kind == NameKind::$kind as u32 {
                return $kind::from_code(code).map_or(c"unknown", $kind::c_name).as_ptr();
            })+
        };
    }
    names!(
        Phase,
        Warning,
        Hold,
        PivotRule,
        Objective,
        Emphasis,
        Endpoint,
        Pivot,
        Baseline,
        Draw,
        Preset,
        Coordinate,
        ScheduleKind,
        Solver
    );
    if kind == NameKind::HoldRemedy as u32 {
        hold_remedy(code)
    } else if kind == NameKind::WarningRemedy as u32 {
        warning_remedy(code)
    } else {
        c"unknown"
    }
    .as_ptr()
}

/// Generates the function from a code to what to do about it.
macro_rules! remedies {
    ($name:ident, $kind:ident: $($variant:ident),+) => {
        fn $name(code: u32) -> &'static CStr {
            match $kind::from_code(code) {
                $(Some($kind::$variant) => {
                    const REMEDY: &str = $kind::$variant.remedy();
                    c_name!(REMEDY)
                })+
                None => c"unknown",
            }
        }
    };
}
remedies!(hold_remedy, Hold: None, NoSignal, NoPivot, LowEndUnresolved, DegenerateLow, DegenerateHigh, DegenerateNarrow);
remedies!(warning_remedy, Warning: None, ErrorsAboveIdentity, LooksDiscrete, ErrorsAboveVariance, BandAtLowEnd, BandAtHighEnd,
    DrawsNotObserved, ObservedNotDrawn);
