//! `infonoise grid`: noise levels for a sampler, equally spaced in entropic time or planned
//! for its solver.

use crate::failure::{Failure, note};
use crate::file;
use crate::file::Source;
use crate::table;
use clap::Args;
use infonoise::plan::{self, Curve, MOST_LEVELS, Plan, plan, plan_len};
use infonoise::{Error, Solver};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;

/// Prints noise levels for a sampler, one sigma a line, from sigma_max down.
///
/// The levels are equally spaced in entropic time, by the profile in force, or, with
/// --planned, those at which a solver errs least. Append 0 where the sampler wants it. Each
/// number reads back as the same f32.
#[derive(Args)]
pub struct Arguments {
    /// A saved snapshot, a state block or a journal; with --planned also a CSV file with the
    /// columns sigma,mmse.
    state: PathBuf,
    /// How many sigmas, at least 2 (with --planned 1 to 240).
    #[arg(short, value_name = "COUNT", required_unless_present = "nfe")]
    n: Option<usize>,
    /// The exponent of sigma in the rescaling: 0 is entropic time itself.
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true, conflicts_with = "planned")]
    power: f64,
    /// Use the rate without the gate.
    #[arg(long, conflicts_with = "planned")]
    bare: bool,
    /// Plan the levels for a solver; what they are worth goes to stderr.
    #[arg(long)]
    planned: bool,
    /// The sampler's solver: heun or euler (DDIM).
    #[arg(long, default_value = "heun", requires = "planned")]
    solver: String,
    /// Evaluations of the network instead of levels: Heun's rule spends 2 n - 1 on n levels.
    #[arg(long, value_name = "COUNT", requires = "planned", conflicts_with = "n")]
    nfe: Option<usize>,
    /// The last level; by default the plan chooses it.
    #[arg(long, value_name = "SIGMA", requires = "planned", allow_negative_numbers = true)]
    end: Option<f64>,
    /// Plan from what the rings hold now instead of the profile in force.
    #[arg(long, requires = "planned")]
    estimate: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// More levels than any sampler uses; an f32 grid seldom holds as many.
const MOST: usize = 1 << 20;

/// Runs the command.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    if arguments.planned { planned(arguments, out) } else { spaced(arguments, out) }
}

fn spaced(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let &Arguments { power, bare, json, .. } = arguments;
    let n = arguments.n.unwrap_or(0);
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
        let object = json!({ "power": power, "gated": !bare, "sigma": shortest(&sigma) });
        return Ok(writeln!(out, "{object}")?);
    }
    print(&sigma, out)
}

fn planned(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let solver = solver(&arguments.solver)?;
    let n = match (arguments.n, arguments.nfe) {
        (Some(n), _) => n,
        (None, nfe) => solver.levels(nfe.unwrap_or(0)),
    };
    if !(1..=MOST_LEVELS).contains(&n) {
        let asked =
            arguments.nfe.map_or(format!("-n {n}"), |nfe| format!("--nfe {nfe} makes {n} levels, which"));
        return Err(Failure::Refused(format!("{asked} must be 1 to {MOST_LEVELS}")));
    }
    let (mut sigma, mut room) = (vec![0.0f32; n], vec![0.0; plan_len(n)]);
    let (path, end) = (&arguments.state, arguments.end);
    let is_table = path.extension().is_some_and(|end| end == "csv");
    let refuse = |high: f64| {
        move |error| match (error, end) {
            (Error::Argument, Some(end)) if n == 1 => Failure::Refused(format!(
                "--end {end} needs -n 1 to be at least 2: a single level is the first one"
            )),
            (Error::Argument, Some(end)) => {
                Failure::Refused(format!("--end {end} must be above 0 and below the first level, {high}"))
            }
            (error, _) => Failure::at(path, error),
        }
    };
    let found = if is_table {
        if arguments.estimate {
            return Err(Failure::at(path, "is a table, of which there is no --estimate: leave it out"));
        }
        let (at, error) = table::profile(path)?;
        let (low, high) = (at[0], at[at.len() - 1]);
        let curve = Curve { sigma: &at, error: &error, gate: &[], low, high };
        plan(&curve, solver, end, &mut sigma, &mut room).map_err(refuse(high))?
    } else {
        let state = file::state(Source::open(path)?)?;
        let reader = state.reader()?;
        let high = reader.config()?.sigma_max;
        reader.plan_grid(solver, arguments.estimate, end, &mut sigma, &mut room).map_err(refuse(high))?
    };
    if arguments.json {
        return Ok(writeln!(out, "{}", object(&found, solver, &sigma))?);
    }
    note(&verdict(&found, solver, n));
    print(&sigma, out)
}

/// The solver of that name.
fn solver(name: &str) -> Result<Solver, Failure> {
    let names: Vec<&str> = Solver::ALL.iter().map(|solver| solver.name()).collect();
    let found = Solver::ALL.iter().copied().find(|solver| solver.name() == name);
    found.ok_or_else(|| Failure::Refused(format!("--solver {name} must be one of {}", names.join(", "))))
}

fn verdict(found: &Plan<'_>, solver: Solver, n: usize) -> String {
    let mut line = String::new();
    let evaluations = solver.evaluations(n) as u32;
    plan::verdict(n as u32, evaluations, found.edm_levels, &mut |piece| line.push_str(piece));
    line
}

fn object(found: &Plan<'_>, solver: Solver, sigma: &[f32]) -> Value {
    let (variance, mass): (Vec<f64>, Vec<f64>) = found.spectrum.iter().unzip();
    json!({
        "solver": solver.name(),
        "nfe": solver.evaluations(sigma.len()),
        "sigma": shortest(sigma),
        "error": found.planned.error,
        "leaps": found.planned.leaps,
        "edm_error": found.edm.error,
        "edm_leaps": found.edm.leaps,
        "edm_levels": found.edm_levels,
        "variance": variance,
        "mass": mass,
        "verdict": verdict(found, solver, sigma.len()),
    })
}

/// As f64, through text, so that 0.002 stays 0.002.
fn shortest(sigma: &[f32]) -> Vec<f64> {
    sigma.iter().filter_map(|s| s.to_string().parse().ok()).collect()
}

fn print(sigma: &[f32], out: &mut impl Write) -> Result<(), Failure> {
    for sigma in sigma {
        writeln!(out, "{sigma}")?;
    }
    Ok(())
}
