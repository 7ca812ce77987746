//! `infonoise replay`: a journal executed again, every digest compared.

use crate::failure::{Failure, note};
use crate::file::{Output, Source};
use crate::{journal, json};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use infonoise::StateRef;
use infonoise::replay::Event;
use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// Executes a journal again and compares every digest in it.
///
/// Exit code 0: all agree; 1: one differs, and its step is named; 2: the file is
/// damaged. An incomplete record at the end is left out, with a warning.
#[derive(Args)]
pub struct Arguments {
    /// A journal.
    journal: PathBuf,
    /// Write every sigma that is drawn, as CSV with the columns step,draw,sigma.
    #[arg(long, value_name = "FILE")]
    emit: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Writes the global batch of a draw.
fn emit(output: &mut Output<'_>, moment: &journal::Moment<'_>) -> Result<(), Failure> {
    let Some(Event::Sampled { first, total, .. }) = moment.event else { return Ok(()) };
    let (step, batch) = (moment.scheduler.steps(), total);
    for draw in first..first + batch {
        let Some(sigma) = moment.recent.get(draw) else {
            let page = moment.recent.page();
            return Err(Failure::at(
                output.path,
                format!(
                    "the batch of {batch} draws at step {step} is larger than the journal's page of {page}: record it with a larger page"
                ),
            ));
        };
        output.put(|file| writeln!(file, "{step},{draw},{sigma}"))?;
    }
    Ok(())
}

/// Runs the command.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let path = &arguments.journal;
    let source = Source::open(path)?;
    let mut output = arguments.emit.as_deref().map(|emit| Output::new(emit, Some(path))).transpose()?;
    if let Some(output) = &mut output {
        output.put(|file| writeln!(file, "step,draw,sigma"))?;
    }
    // The progress bar goes to stderr, and only if that is a terminal.
    let length = std::fs::metadata(path).map_or(0, |data| data.len());
    let bar = ProgressBar::new(length).with_style(
        ProgressStyle::with_template("{bar:40} {percent}%  step {msg}  {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let ended = journal::execute(source, |moment| {
        if let Some(Event::Stepped(_)) = moment.event {
            let steps = moment.scheduler.steps();
            if steps % 256 == 0 {
                bar.set_position(moment.bytes);
                bar.set_message(steps.to_string());
            }
        }
        output.as_mut().map_or(Ok(()), |output| emit(output, moment))
    });
    bar.finish_and_clear();
    let ended = ended?;
    output.map_or(Ok(()), Output::finish)?;
    if ended.digests == 0 {
        note(&format!("{}: holds no digest, so nothing was compared", path.display()));
    }
    let reader = StateRef::open(&ended.words)?;
    let (report, digest) = (reader.report(), json::digest(reader.digest()));
    if arguments.json {
        let object = json!({
            "digests": ended.digests, "torn_bytes": ended.torn, "digest": digest,
            "report": json::report(&report),
        });
        return Ok(writeln!(out, "{object:#}")?);
    }
    let (steps, draws, digests) = (report.steps, report.draws, ended.digests);
    let s = if digests == 1 { " agrees" } else { "s agree" };
    writeln!(out, "{}: {steps} steps, {draws} draws, {digests} digest{s}; ends at {digest}", path.display())?;
    Ok(())
}
