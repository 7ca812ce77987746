//! `infonoise grid`: noise levels for a sampler, equally spaced in entropic time.

use crate::failure::Failure;
use crate::file;
use crate::file::Source;
use clap::Args;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// Prints noise levels for a sampler, one sigma a line, from sigma_max down.
///
/// The levels are equally spaced in entropic time, by the profile in force.
/// Append 0 where the sampler wants it. Each number reads back as the same f32.
#[derive(Args)]
pub struct Arguments {
    /// A saved snapshot, a state block or a journal.
    state: PathBuf,
    /// How many sigmas, at least 2.
    #[arg(short, value_name = "COUNT")]
    n: usize,
    /// The exponent of sigma in the rescaling: 0 is entropic time itself.
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    power: f64,
    /// Use the rate without the gate.
    #[arg(long)]
    bare: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// More levels than any sampler uses; an f32 grid seldom holds as many.
const MOST: usize = 1 << 20;

/// Runs the command.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let &Arguments { n, power, bare, json, .. } = arguments;
    if !(2..=MOST).contains(&n) {
        return Err(Failure::Refused(format!("-n {n} must be 2 to {MOST}: the two ends count")));
    }
    if !(power.abs() <= 64.0) {
        return Err(Failure::Refused(format!(
            "--power {power} must be -64 to 64: 1 is usual, 0 is entropic time"
        )));
    }
    let state = file::state(Source::open(&arguments.state)?)?;
    let mut sigma = vec![0.0f32; n];
    let filled = state.reader()?.info_grid(&mut sigma, power, !bare);
    filled.map_err(|error| Failure::at(&arguments.state, error))?;
    if json {
        // Through text, so that 0.002 stays 0.002.
        let shortest: Vec<f64> = sigma.iter().filter_map(|s| s.to_string().parse().ok()).collect();
        let object = json!({ "power": power, "gated": !bare, "sigma": shortest });
        return Ok(writeln!(out, "{object}")?);
    }
    for sigma in sigma {
        writeln!(out, "{sigma}")?;
    }
    Ok(())
}
