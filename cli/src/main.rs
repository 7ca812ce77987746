//! The program `infonoise`: a thin way into infonoise-core from a shell.
//!
//! Every command is a file of its own; none holds a formula of the method.
//! Exit codes: 0, 1 for a replay that ends elsewhere, 2 for what is refused,
//! with one line on stderr.

// `!(x >= low)` also refuses NaN.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

mod diagnose;
mod failure;
mod file;
mod grid;
mod inspect;
mod json;
mod picture;
mod plot;
mod png;
mod settings;
mod simulate;
mod table;
mod text;

use clap::{Parser, Subcommand};
use failure::Failure;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

/// Inspects, simulates, diagnoses and plots the noise schedules of infonoise.
#[derive(Parser)]
#[command(version, infer_subcommands = false)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Inspect(inspect::Arguments),
    Simulate(simulate::Arguments),
    Diagnose(diagnose::Arguments),
    Grid(grid::Arguments),
    Plot(plot::Arguments),
}

fn run(command: &Command) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    match command {
        Command::Inspect(arguments) => inspect::run(arguments, &mut out),
        Command::Simulate(arguments) => simulate::run(arguments, &mut out),
        Command::Diagnose(arguments) => diagnose::run(arguments, &mut out),
        Command::Grid(arguments) => grid::run(arguments, &mut out),
        Command::Plot(arguments) => plot::run(arguments),
    }?;
    Ok(out.flush()?)
}

fn main() -> ExitCode {
    match run(&Program::parse().command) {
        Ok(()) | Err(Failure::ReaderGone) => ExitCode::SUCCESS,
        Err(Failure::Refused(message)) => complain(&message, 2),
    }
}

/// One line on stderr, and the exit code.
fn complain(message: &str, code: u8) -> ExitCode {
    // Nobody is left to tell if stderr is closed.
    let _ = writeln!(std::io::stderr(), "infonoise: {message}");
    ExitCode::from(code)
}
