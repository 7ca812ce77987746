//! `infonoise inspect`: what a schedule is doing, and what it waits for.

use crate::failure::Failure;
use crate::file::Source;
use crate::text::{general, ranges, short};
use crate::{file, json, settings};
use clap::Args;
use infonoise::{Config, Hold, Phase, Profile, Report, Warning, profile_len};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;

/// Prints the report, the configuration and what a schedule waits for.
#[derive(Args)]
pub struct Arguments {
    /// A saved snapshot, a state block, or a journal, which is executed to its end.
    state: PathBuf,
    /// Print one JSON object, with the profile.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let state = file::state(Source::open(&arguments.state)?)?;
    let reader = state.reader()?;
    let mut curves = vec![0.0; profile_len(reader.bins())];
    let (config, report, profile) = (reader.config()?, reader.report(), reader.profile(&mut curves)?);
    let starved = starved(&config, &profile);
    if arguments.json {
        let object = json!({
            "kind": state.kind,
            "digest": json::digest(reader.digest()),
            "report": json::report(&report),
            "starved_bins": starved,
            "advice": advice(&config, &report, &starved),
            "config": settings::named(&config),
            "profile": json::profile(&profile),
        });
        return Ok(writeln!(out, "{object:#}")?);
    }
    let digest = json::digest(reader.digest());
    writeln!(out, "{}: {} of {} bytes, digest {digest}", arguments.state.display(), state.kind, state.bytes)?;
    print(out, &config, &report, &profile, &starved)
}

/// Bins that hold fewer losses than a refresh needs.
fn starved(config: &Config, profile: &Profile) -> Vec<usize> {
    let short = |&k: &usize| profile.count[k] < f64::from(config.min_count);
    (0..profile.count.len()).filter(short).collect()
}

/// What the user can do now; nothing if all is well.
fn advice(config: &Config, report: &Report, starved: &[usize]) -> Vec<String> {
    let mut advice = Vec::new();
    if report.phase == Phase::Waiting && !starved.is_empty() {
        advice.push(format!(
            "waiting: bin {} holds {} losses and a refresh needs min_count = {} in every bin; train on, or lower min_count",
            report.poorest_bin, report.poorest_count, config.min_count
        ));
    }
    if report.hold_reason != Hold::None {
        advice.push(format!("{}: {}", report.hold_reason.name(), report.hold_reason.remedy()));
    }
    advice.extend(warned(report));
    advice
}

/// The warning in force in words, and the bins that it is about.
pub fn warned(report: &Report) -> Option<String> {
    if report.warning == Warning::None {
        return None;
    }
    let bins = if report.warning_bins == 0 {
        String::new()
    } else {
        let (low, high) = (short(report.warning_low), short(report.warning_high));
        format!(" ({} bins, sigma {low} to {high})", report.warning_bins)
    };
    Some(format!("{}{bins}: {}", report.warning.name(), report.warning.remedy()))
}

fn print(
    out: &mut impl Write,
    config: &Config,
    report: &Report,
    profile: &Profile,
    starved: &[usize],
) -> Result<(), Failure> {
    let sigma = |k: u32| profile.sigma.get(k as usize).map_or(String::new(), |&s| short(s));
    let r = report;
    let settled = if r.refreshes > 0 && r.cdf_change < 0.01 { " (settled)" } else { "" };
    let pivot = if r.pivot > 0.0 {
        format!("{} by rule {}, {} x sigma_min", short(r.pivot), r.pivot_rule.name(), short(r.pivot_ratio))
    } else {
        format!("none, the gate is open (rule {})", r.pivot_rule.name())
    };
    let quantiles = [("5%", r.q05), ("25%", r.q25), ("50%", r.q50), ("75%", r.q75), ("95%", r.q95)];
    let quantiles = quantiles.map(|(p, q)| format!("{p} {}", short(q))).join("  ");
    let starved_text = if starved.is_empty() {
        format!("none, all {} bins hold at least {}", config.bins, config.min_count)
    } else {
        format!(
            "{} of {} hold fewer than {}: {}",
            starved.len(),
            config.bins,
            config.min_count,
            ranges(starved)
        )
    };
    let rows = [
        ("phase", r.phase.name().to_owned()),
        ("steps", format!("{}, {} draws", r.steps, r.draws)),
        ("observations", format!("{}, {} rejected", r.observations, r.rejected)),
        (
            "refreshes",
            format!("{} done, {} held (last reason: {})", r.refreshes, r.held, r.hold_reason.name()),
        ),
        ("warning", r.warning.name().to_owned()),
        ("pivot", pivot),
        ("sigma drawn", quantiles),
        ("peak_sigma", short(r.peak_sigma)),
        ("cdf_change", format!("{}{settled}", short(r.cdf_change))),
        ("information", format!("{} nats per dimension", general(r.information_nats, 5))),
        ("clipped_bins", format!("{} of {}", r.clipped_bins, config.bins)),
        (
            "poorest bin",
            format!("{} (sigma {}): {} losses", r.poorest_bin, sigma(r.poorest_bin), r.poorest_count),
        ),
        ("starved bins", starved_text),
        (
            "stalest bin",
            format!("{} (sigma {}): {} observations ago", r.stalest_bin, sigma(r.stalest_bin), r.stalest_age),
        ),
        ("unreachable", format!("{} of {} bins", r.unreachable_bins, config.bins)),
        ("pivot's age", format!("{} observations", r.pivot_age)),
    ];
    writeln!(out)?;
    for (name, value) in rows {
        writeln!(out, "  {name:<14}{value}")?;
    }
    let advice = advice(config, report, starved);
    if !advice.is_empty() {
        writeln!(out, "\nadvice")?;
        for line in advice {
            writeln!(out, "  {line}")?;
        }
    }
    writeln!(out, "\nconfiguration")?;
    let fields: Vec<String> =
        settings::named(config).iter().map(|(name, value)| assignment(name, value)).collect();
    for pair in fields.chunks(2) {
        writeln!(out, "  {}", pair.iter().map(|x| format!("{x:<34}")).collect::<String>().trim_end())?;
    }
    Ok(())
}

fn assignment(name: &str, value: &Value) -> String {
    let text = match value {
        Value::Bool(on) => (if *on { "on" } else { "off" }).to_owned(),
        Value::String(name) => name.clone(),
        Value::Number(number) => number.as_f64().map_or(number.to_string(), |x| general(x, 7)),
        other => other.to_string(),
    };
    format!("{name:<17} {text}")
}
