//! The program `infonoise`: the library as shell commands.
//!
//! Each command has a file; none contains a formula of the method. Exit codes: 0 for
//! success, 1 for a replay whose digest differs, 2 for any other error, with one line
//! on stderr.

// `!(x >= low)` also refuses NaN.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

mod diagnose;
mod failure;
mod file;
mod grid;
mod inspect;
mod journal;
mod json;
mod known_mmse;
mod log;
mod picture;
mod plot;
mod replay;
mod settings;
mod simulate;
mod table;
mod text;

use clap::{Parser, Subcommand};
use failure::Failure;
use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};
use std::process::ExitCode;

/// Inspects, replays, simulates, diagnoses and plots the noise schedules of infonoise.
#[derive(Parser)]
#[command(version)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Inspect(inspect::Arguments),
    Replay(replay::Arguments),
    Simulate(simulate::Arguments),
    Diagnose(diagnose::Arguments),
    Grid(grid::Arguments),
    Plot(plot::Arguments),
}

/// Standard output. If its reader closes it (`| head`), the command still completes and
/// writes its files.
struct Stdout(StdoutLock<'static>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

fn run(command: &Command) -> Result<(), Failure> {
    let mut out = BufWriter::new(Stdout(std::io::stdout().lock()));
    match command {
        Command::Inspect(arguments) => inspect::run(arguments, &mut out),
        Command::Replay(arguments) => replay::run(arguments, &mut out),
        Command::Simulate(arguments) => simulate::run(arguments, &mut out),
        Command::Diagnose(arguments) => diagnose::run(arguments, &mut out),
        Command::Grid(arguments) => grid::run(arguments, &mut out),
        Command::Plot(arguments) => plot::run(arguments),
    }?;
    Ok(out.flush()?)
}

fn main() -> ExitCode {
    let (message, code) = match run(&Program::parse().command) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Differs(message)) => (message, 1),
        Err(Failure::Refused(message)) => (message, 2),
    };
    failure::note(&message);
    ExitCode::from(code)
}
