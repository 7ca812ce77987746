//! `infonoise diagnose`: compares an existing schedule with the target of measured losses.

use crate::failure::Failure;
use crate::settings::Settings;
use crate::text::{general, ranges, short};
use crate::{inspect, json, settings, table};
use clap::Args;
use infonoise::coordinate::to_sigma;
use infonoise::{
    Config, Coordinate, Hold, Mismatch, Preset, Report, Schedule, ScheduleKind, Scheduler, StateRef,
    profile_len, state_words,
};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Compares a trainer's schedule with the target that its measured losses give.
///
/// The losses are per-sample and unweighted, in the space of the configuration's
/// objective; measure them at log-uniform sigmas on a frozen checkpoint if you can.
#[derive(Args)]
pub struct Arguments {
    /// CSV file with columns sigma,error (or another coordinate's name for sigma).
    losses: PathBuf,
    /// lognormal:MEAN,STD, loguniform:LOW,HIGH, logitnormal:MEAN,STD, shifted_flow:SHIFT
    /// (each also without its numbers), cosine, or a CSV file of draws: a column sigma,
    /// and optionally mass.
    #[arg(long, allow_hyphen_values = true)]
    schedule: String,
    /// What the first column holds: sigma, t (flow time, 1 is noise), log_snr or c_noise.
    #[arg(long, default_value = "sigma")]
    coordinate: String,
    #[command(flatten)]
    settings: Settings,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// The largest ring that a block can have.
const WIDEST: usize = 4096;

fn coordinate(name: &str) -> Result<(Coordinate, &str), Failure> {
    Ok(match name {
        "sigma" => (Coordinate::Sigma, "sigma"),
        "t" | "flow_t" => (Coordinate::FlowTime, name),
        "log_snr" => (Coordinate::LogSnr, name),
        "c_noise" => (Coordinate::CNoise, name),
        _ => {
            return Err(Failure::Refused(format!(
                "--coordinate {name} must be sigma, t, log_snr or c_noise"
            )));
        }
    })
}

/// The losses of a file, by sigma.
fn losses(path: &Path, coordinate: (Coordinate, &str)) -> Result<(Vec<f32>, Vec<f32>), Failure> {
    let (kind, name) = coordinate;
    let table = table::read(path, &[name, "error"], &[])?;
    let (mut sigmas, mut errors) = (Vec::new(), Vec::new());
    for (i, &line) in table.lines.iter().enumerate() {
        let (place, error) = (table.columns[0][i], table.columns[1][i]);
        if !kind.contains(place) || !(to_sigma(kind, place) > 0.0) {
            let must = match kind {
                Coordinate::Sigma => "above 0: it is a standard deviation in data units",
                Coordinate::FlowTime => "above 0 and below 1: flow time, 1 is noise",
                Coordinate::LogSnr | Coordinate::CNoise => "a finite number: it is a logarithm",
            };
            return Err(table::refuse(path, line, name, place, must));
        }
        if !(error >= 0.0 && error.is_finite()) {
            let must = "at least 0 and finite: it is a squared error, leave failed samples out";
            return Err(table::refuse(path, line, "error", error, must));
        }
        sigmas.push(to_sigma(kind, place) as f32);
        errors.push(error as f32);
    }
    Ok((sigmas, errors))
}

/// A schedule and its name.
struct Spec {
    kind: ScheduleKind,
    a: f64,
    b: f64,
    table: Vec<f64>,
    name: String,
}

impl Spec {
    fn new(text: &str, grid: &StateRef<'_>) -> Result<Self, Failure> {
        let (name, numbers) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let refuse = |what: String| Err(Failure::Refused(format!("--schedule {text}: {what}")));
        let usual: &[f64] = match name {
            "lognormal" => &[-1.2, 1.2],
            "loguniform" => &[f64::from(grid.edge(0)), f64::from(grid.edge(grid.bins()))],
            "logitnormal" => &[0.0, 1.0],
            "shifted_flow" => &[1.0],
            "cosine" => &[],
            _ if name == text && (text.ends_with(".csv") || Path::new(text).exists()) => {
                return Self::drawn(Path::new(text), grid);
            }
            _ => {
                return refuse(
                    "must be lognormal, loguniform, logitnormal, cosine, shifted_flow or a CSV file of draws"
                        .into(),
                );
            }
        };
        let given: Option<Vec<f64>> = numbers.map_or(Some(usual.to_vec()), |text| {
            text.split(',').map(|number| number.trim().parse().ok()).collect()
        });
        let Some(given) = given.filter(|given| given.len() == usual.len()) else {
            return refuse(format!(
                "{name} takes {} numbers after a colon, separated by a comma",
                usual.len()
            ));
        };
        let sound = given.iter().all(|x| x.is_finite())
            && match name {
                "lognormal" | "logitnormal" => given[1] > 0.0,
                "loguniform" => given[0] > 0.0 && given[0] < given[1],
                "shifted_flow" => given[0] > 0.0,
                _ => true,
            };
        if !sound {
            return refuse(
                "makes no sense: a deviation or a shift is positive, of two sigmas the lower comes first"
                    .into(),
            );
        }
        let kind = ScheduleKind::ALL.iter().copied().find(|kind| kind.name() == name);
        let (a, b) = (given.first().copied().unwrap_or(0.0), given.get(1).copied().unwrap_or(0.0));
        let numbers: Vec<String> = given.iter().map(|&x| general(x, 6)).collect();
        let called =
            if given.is_empty() { name.to_owned() } else { format!("{name}({})", numbers.join(", ")) };
        Ok(Spec { kind: kind.unwrap_or(ScheduleKind::Table), a, b, table: Vec::new(), name: called })
    }

    /// Logged draws, or masses at the centres of bins.
    fn drawn(path: &Path, grid: &StateRef<'_>) -> Result<Self, Failure> {
        let rows = table::read(path, &["sigma"], &["mass"])?;
        let mut masses = vec![0.0; grid.bins()];
        for (i, &sigma) in rows.columns[0].iter().enumerate() {
            let mass = rows.columns[1].get(i).copied().unwrap_or(1.0);
            let Some(bin) = grid.bin(sigma as f32) else {
                let ends = (grid.edge(0), grid.edge(grid.bins()));
                let must =
                    format!("{} to {}, the grid: leave the row out, or widen the grid", ends.0, ends.1);
                return Err(table::refuse(path, rows.lines[i], "sigma", rows.columns[0][i], &must));
            };
            if !(mass >= 0.0 && mass.is_finite()) {
                return Err(table::refuse(path, rows.lines[i], "mass", mass, "at least 0 and finite"));
            }
            masses[bin] += mass;
        }
        if !(masses.iter().sum::<f64>() > 0.0) {
            return Err(Failure::at(path, "holds no mass: one row at least must have a positive one"));
        }
        Ok(Spec {
            kind: ScheduleKind::Table,
            a: 0.0,
            b: 0.0,
            table: masses,
            name: path.display().to_string(),
        })
    }

    fn schedule(&self) -> Schedule<'_> {
        Schedule::new(self.kind, self.a, self.b, &self.table)
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let path = &arguments.losses;
    let mut config = arguments.settings.config(Preset::Default)?;
    // The bins are those of a fresh schedule.
    let mut words = vec![0; state_words(config.bins as usize, config.window as usize)];
    let fresh = Scheduler::init(&mut words, &config, 0)?;
    let grid = fresh.reader();
    let spec = Spec::new(&arguments.schedule, &grid)?;
    let (sigmas, errors) = losses(path, coordinate(&arguments.coordinate)?)?;

    let mut counts = vec![0usize; grid.bins()];
    for bin in sigmas.iter().filter_map(|&sigma| grid.bin(sigma)) {
        counts[bin] += 1;
    }
    let empty: Vec<usize> = (0..grid.bins()).filter(|&k| counts[k] == 0).collect();
    if !empty.is_empty() {
        return Err(Failure::at(path, missing(&grid, &empty, &arguments.settings)));
    }
    if !arguments.settings.sets("window") {
        // The window takes every loss of the file, up to the largest ring.
        config.window = counts.iter().copied().max().unwrap_or(0).clamp(8, WIDEST) as u32;
    }
    if !arguments.settings.sets("fresh_means") {
        // The order of a file says nothing about when a loss was measured.
        config.fresh_means = false;
    }
    config.min_count = config.min_count.min(config.window);
    // The refresh below is due at once, whatever the configuration says.
    let least = counts.iter().copied().min().unwrap_or(0).min(config.window as usize);
    let ready = Config { warmup_steps: 1, min_count: least as u32, ..config };

    let mut words = vec![0; state_words(config.bins as usize, config.window as usize)];
    let mut scheduler = Scheduler::init(&mut words, &ready, 0)?;
    let rejected = scheduler.observe(&sigmas, &errors)?;
    let reader = scheduler.reader();
    let mut curves = vec![0.0; profile_len(reader.bins())];
    let profile = reader.estimate(&mut curves)?;
    let mut emphasis = vec![0.0; reader.bins()];
    let found = reader.diagnose(&spec.schedule(), Some(&*profile.target), &mut emphasis);
    let found =
        found.map_err(|error| Failure::Refused(format!("--schedule {}: {error}", arguments.schedule)))?;
    scheduler.step()?;
    let report = scheduler.report();
    let verdict = verdict(&spec.name, &found);
    if arguments.json {
        let object = json!({
            "schedule": spec.name,
            "losses": sigmas.len() - rejected, "rejected": rejected,
            "pivot": report.pivot, "pivot_rule": report.pivot_rule.name(),
            "hold_reason": report.hold_reason.name(), "warning": report.warning.name(),
            "total_variation": found.total_variation,
            "band_low": found.band_low, "band_high": found.band_high,
            "inside_band": found.inside_band, "off_grid": found.off_grid, "wasted": found.wasted,
            "verdict": verdict,
            "emphasis": emphasis,
            "profile": json::profile(&profile),
            "config": settings::named(&config),
        });
        return Ok(writeln!(out, "{object:#}")?);
    }
    print(out, &spec.name, (sigmas.len(), rejected), &counts, &found, &report)?;
    Ok(writeln!(out, "\n{verdict}")?)
}

/// Which bins lack losses, and what to do.
fn missing(grid: &StateRef<'_>, empty: &[usize], settings: &Settings) -> String {
    let (first, last) = (empty[0], empty[empty.len() - 1]);
    let narrower =
        if settings.sets("sigma_min") && settings.sets("sigma_max") { "" } else { ", narrow the grid" };
    format!(
        "no loss in {} of {} bins ({}; sigma {} to {}): measure there too{narrower}, or use fewer bins (--set bins=..)",
        empty.len(),
        grid.bins(),
        ranges(empty),
        short(grid.edge(first).into()),
        short(grid.edge(last + 1).into()),
    )
}

/// The sentence of `infonoise.diagnose`, word for word.
fn verdict(schedule: &str, found: &Mismatch) -> String {
    let percent = |share: f64| format!("{:.0}%", 100.0 * share);
    format!(
        "{schedule} puts {} of its draws between sigma {} and {}, where 90% of the target lies: {} of the budget is wasted (total variation {:.2})",
        percent(found.inside_band),
        short(found.band_low),
        short(found.band_high),
        percent(found.wasted),
        found.total_variation,
    )
}

fn print(
    out: &mut impl Write,
    schedule: &str,
    (rows, rejected): (usize, usize),
    counts: &[usize],
    found: &Mismatch,
    report: &Report,
) -> Result<(), Failure> {
    let (kept, bins) = (rows - rejected, counts.len());
    let least = counts.iter().min().copied().unwrap_or(0);
    let hold = report.hold_reason;
    let pivot = if hold == Hold::None {
        format!("{} by rule {}", short(report.pivot), report.pivot_rule.name())
    } else {
        format!("none: a schedule would hold this estimate ({}): {}", hold.name(), hold.remedy())
    };
    let band = (short(found.band_low), short(found.band_high));
    let rows = [
        ("schedule", schedule.to_owned()),
        ("losses", format!("{kept} on the grid, {rejected} off it, at least {least} in each of {bins} bins")),
        ("pivot", pivot),
        ("band", format!("sigma {} to {}, 90% of the target", band.0, band.1)),
        ("emphasis", format!("total variation {:.3} to the target", found.total_variation)),
        ("inside the band", format!("{:.1}% of the draws", 100.0 * found.inside_band)),
        ("off the grid", format!("{:.1}% of the draws", 100.0 * found.off_grid)),
        ("wasted", format!("{:.1}% of the budget", 100.0 * found.wasted)),
    ];
    for (name, value) in rows {
        writeln!(out, "  {name:<17}{value}")?;
    }
    if let Some(text) = inspect::warned(report) {
        writeln!(out, "  {:<17}{text}", "warning")?;
    }
    Ok(())
}
