//! The errors of a command.

use std::io::Write;
use std::path::Path;

/// An error that ends a command.
pub enum Failure {
    /// The value, the bound and the remedy, on one line.
    Refused(String),
    /// A replay whose digest differs: the step, and both digests.
    Differs(String),
}

impl Failure {
    /// An error of a file.
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

/// Prints one line on stderr; errors of that are ignored, since nothing else could report them.
pub fn note(message: &str) {
    let _ = writeln!(std::io::stderr(), "infonoise: {message}");
}
