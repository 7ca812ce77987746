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
mod journal;
mod json;
mod picture;
mod plot;
mod png;
mod replay;
mod settings;
mod simulate;
mod table;
mod text;

use clap::{Parser, Subcommand};
use failure::Failure;
use std::io::{BufWriter, Write};
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

fn run(command: &Command) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
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
        Ok(()) | Err(Failure::ReaderGone) => return ExitCode::SUCCESS,
        Err(Failure::Differs(message)) => (message, 1),
        Err(Failure::Refused(message)) => (message, 2),
    };
    failure::note(&message);
    ExitCode::from(code)
}
