//! Why a command ends early.

use std::io::Write;
use std::path::Path;

/// What ends a command before its end.
pub enum Failure {
    /// The value, the bound and the remedy, on one line.
    Refused(String),
    /// A replay that ends elsewhere: the step, and both digests.
    Differs(String),
}

impl Failure {
    /// What is wrong with a file.
    pub fn at(path: &Path, what: impl std::fmt::Display) -> Self {
        Failure::Refused(format!("{}: {what}", path.display()))
    }
}

/// Errors of writing to stdout; those of files are made with [`Failure::at`].
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::Refused(format!("cannot write the output: {error}"))
    }
}

impl From<infonoise::Error> for Failure {
    fn from(error: infonoise::Error) -> Self {
        Failure::Refused(error.to_string())
    }
}

/// One line on stderr. Nobody is left to tell if that is closed.
pub fn note(message: &str) {
    let _ = writeln!(std::io::stderr(), "infonoise: {message}");
}
