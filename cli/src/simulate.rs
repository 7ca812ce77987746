//! `infonoise simulate`: a schedule adapting to a known mmse, without training.

use crate::failure::Failure;
use crate::known_mmse::KnownMmse;
use crate::log::Log;
use crate::settings::Settings;
use crate::text::{bars, short};
use crate::{file, json, settings};
use clap::Args;
use infonoise::recent_draws::recent_words;
use infonoise::{Config, Hold, Profile, Recorder, Report, Scheduler, begin_room, profile_len, state_words};
use infonoise_simulation::{Errors, Exact, density, exact, total_variation};
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// Runs a schedule on data whose mmse is known, to choose settings without training.
///
/// The errors vary around the known mmse: they start at three times the mmse and fall
/// towards it, and the errors of a bin have a common random factor between two
/// refreshes.
#[derive(Args)]
pub struct Arguments {
    /// two-point, gaussian:DEVIATION, mixture:WIDTH (each also without its
    /// number), or a CSV file with columns sigma,mmse.
    #[arg(long)]
    profile: String,
    /// Optimizer steps.
    #[arg(long, default_value_t = 2000)]
    steps: u64,
    /// Sigmas in a batch.
    #[arg(long, default_value_t = 256)]
    batch: usize,
    /// Seed of the draws and of the errors.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Relative standard deviation of the factor that a bin's errors share.
    #[arg(long, default_value_t = 0.2, allow_negative_numbers = true)]
    noise: f64,
    #[command(flatten)]
    settings: Settings,
    /// Write the schedule's snapshot at the end.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Write the journal of the run.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// A line of the output during the run.
struct Moment {
    report: Report,
    distance: f64,
}

/// The quantiles of the sampler in force.
fn quantiles(report: &Report) -> [f64; 5] {
    [report.q05, report.q25, report.q50, report.q75, report.q95]
}

/// Runs the command.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let Arguments { steps, batch, seed, noise, .. } = *arguments;
    if !(1..=1 << 24).contains(&batch) {
        return Err(Failure::Refused(format!("--batch {batch} must be 1 to {}: 256 is usual", 1 << 24)));
    }
    if steps == 0 {
        return Err(Failure::Refused("--steps 0 must be at least 1: 2000 shows a schedule settling".into()));
    }
    if !(0.0..=10.0).contains(&noise) {
        return Err(Failure::Refused(format!("--noise {noise} must be 0 to 10: 0.2 is usual")));
    }
    if let Some(journal) = &arguments.journal {
        if journal.exists() {
            return Err(Failure::at(journal, "exists: a journal is never overwritten, choose another name"));
        }
        if arguments.save.as_ref() == Some(journal) {
            return Err(Failure::at(journal, "cannot be the snapshot and the journal: choose two names"));
        }
    }
    // Checked before the run, not after it.
    arguments.save.as_deref().map_or(Ok(()), file::refuse_journal)?;
    let known = KnownMmse::new(&arguments.profile)?;
    let config = arguments.settings.config(known.preset)?;
    known.check(&arguments.profile, &config)?;
    let channel = known.channel()?;
    let mmse = |sigma: f64| channel.mmse(sigma);
    let exact = exact(&config, &mmse)?;

    let mut words = vec![0; state_words(config.bins as usize, config.window as usize)];
    let mut scheduler = Scheduler::init(&mut words, &config, seed)?;
    let mut log = Log::new(arguments.journal.as_deref(), batch)?;
    let mut memory = vec![0; recent_words(batch)];
    let mut begun = vec![0; begin_room(config.bins as usize, config.window as usize)];
    let (mut recorder, used) = Recorder::begin(&mut memory, batch, &scheduler, seed, &mut begun)?;
    log.write(&begun[..used])?;
    let mut errors = Errors::new(&scheduler, noise, seed ^ 0x5eed);
    let (mut sigma, mut error) = (vec![0.0; batch], vec![0.0; batch]);
    let mut course: Vec<Moment> = Vec::new();
    if !arguments.json {
        writeln!(out, "{}, {steps} steps of {batch}, noise {noise}, seed {seed}\n", arguments.profile)?;
        writeln!(
            out,
            "{:>9}  {:<9}{:>8}{:>10}{:>10}{:>17}",
            "step", "phase", "pivot", "median", "refreshes", "total variation"
        )?;
    }
    for step in 0..steps {
        if step > 0 && step % config.refresh_every == 0 {
            errors.redraw();
        }
        let used = recorder.sample(&mut scheduler, &mut sigma, 0, batch as u64, &mut log.record)?;
        log.append(used)?;
        errors.fill(config.objective, &mmse, step as f64 / steps as f64, &sigma, &mut error);
        let (_, used) = recorder.observe(&mut scheduler, &sigma, &error, None, &mut log.record)?;
        log.append(used)?;
        let (_, used) = recorder.step(&mut scheduler, &mut log.record)?;
        log.append(used)?;
        // About ten lines, the last one at the end.
        if (step + 1) * 10 / steps > step * 10 / steps {
            let distance = total_variation(&density(&scheduler.reader()), &exact.density);
            let moment = Moment { report: scheduler.report(), distance };
            if !arguments.json {
                print_moment(out, &moment)?;
                out.flush()?;
            }
            course.push(moment);
        }
    }
    let used = recorder.digest(&scheduler, &mut log.record)?;
    log.append(used)?;
    log.finish()?;
    if let Some(path) = &arguments.save {
        file::write(path, None, &file::snapshot_of(&scheduler)?)?;
    }
    let mut curves = vec![0.0; profile_len(config.bins as usize)];
    let profile = scheduler.profile(&mut curves)?;
    if arguments.json {
        let course: Vec<_> = course
            .iter()
            .map(|moment| {
                json!({
                    "steps": moment.report.steps,
                    "phase": moment.report.phase.name(),
                    "pivot": moment.report.pivot,
                    "refreshes": moment.report.refreshes,
                    "total_variation": moment.distance,
                })
            })
            .collect();
        let object = json!({
            "profile": arguments.profile,
            "steps": steps, "batch": batch, "seed": seed, "noise": noise,
            "config": settings::named(&config),
            "course": course,
            "report": json::report(&scheduler.report()),
            "digest": json::digest(scheduler.digest()),
            "total_variation": total_variation(profile.density, &exact.density),
            "sigma": &*profile.sigma,
            "density": &*profile.density,
            "exact": {
                "pivot": exact.report.pivot,
                "pivot_rule": exact.report.pivot_rule.name(),
                "hold_reason": exact.hold.name(),
                "quantiles": quantiles(&exact.report),
                "density": exact.density,
            },
        });
        return Ok(writeln!(out, "{object:#}")?);
    }
    print_end(out, &config, &scheduler.report(), &profile, &exact)
}

fn print_moment(out: &mut impl Write, Moment { report, distance }: &Moment) -> Result<(), Failure> {
    let (steps, phase, refreshes) = (report.steps, report.phase.name(), report.refreshes);
    let pivot = if report.pivot > 0.0 { short(report.pivot) } else { "-".into() };
    let median = short(report.q50);
    Ok(writeln!(out, "{steps:>9}  {phase:<9}{pivot:>8}{median:>10}{refreshes:>10}{distance:>17.3}")?)
}

fn print_end(
    out: &mut impl Write,
    config: &Config,
    report: &Report,
    profile: &Profile,
    exact: &Exact,
) -> Result<(), Failure> {
    let row = |values: [f64; 5]| values.map(|q| format!("{:>9}", short(q))).concat();
    writeln!(out, "\n{:<9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}", "", "pivot", "5%", "25%", "50%", "75%", "95%")?;
    for (name, report) in [("schedule", report), ("exact", &exact.report)] {
        writeln!(out, "{name:<9}{:>9}{}", short(report.pivot), row(quantiles(report)))?;
    }
    let masses = &exact.density;

    let highest = profile.density.iter().chain(masses).fold(0.0f64, |a, &b| a.max(b));
    let (low, high) = (short(config.sigma_min), short(config.sigma_max));
    let width = bars(masses, highest).chars().count();
    writeln!(out, "\n{:<9}{}", "schedule", bars(profile.density, highest))?;
    writeln!(out, "{:<9}{}", "exact", bars(masses, highest))?;
    writeln!(out, "{:<9}{low}{high:>rest$}  sigma", "", rest = width.saturating_sub(low.len()))?;
    writeln!(out, "\ntotal variation to the exact density: {:.3}", total_variation(profile.density, masses))?;
    if exact.hold != Hold::None {
        writeln!(out, "the exact profile would be held ({}): {}", exact.hold.name(), exact.hold.remedy())?;
    }
    if report.refreshes == 0 {
        writeln!(
            out,
            "no refresh yet (phase {}, {} held): run more steps than warmup_steps = {}, or see what inspect says of --save",
            report.phase.name(),
            report.held,
            config.warmup_steps
        )?;
    }
    Ok(())
}
