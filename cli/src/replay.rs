//! `infonoise replay`: a journal executed again, every digest compared.

use crate::failure::{Failure, note};
use crate::{journal, json};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use infonoise_core::Reader;
use infonoise_core::replay::Event;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Executes a journal again and compares every digest in it.
///
/// Exit code 0: all agree; 1: one differs, and its step is named; 2: the file is
/// damaged. A half-written record at the end is left out, with a warning.
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

/// Sigmas as they are drawn.
struct Emitter<'p> {
    path: &'p Path,
    file: BufWriter<File>,
}

impl<'p> Emitter<'p> {
    fn new(path: &'p Path) -> Result<Self, Failure> {
        let failed = |error| Failure::at(path, format!("cannot be written: {error}"));
        let mut emitter = Emitter { path, file: BufWriter::new(File::create(path).map_err(failed)?) };
        emitter.line(format_args!("step,draw,sigma"))?;
        Ok(emitter)
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) -> Result<(), Failure> {
        let path = self.path;
        writeln!(self.file, "{line}")
            .map_err(|error| Failure::at(path, format!("cannot be written: {error}")))
    }

    /// The global batch of a draw.
    fn batch(&mut self, moment: &journal::Moment<'_>) -> Result<(), Failure> {
        let Some(Event::Sampled { first, n, world, .. }) = moment.event else { return Ok(()) };
        let step = moment.scheduler.steps();
        for draw in first..first + n * u64::from(world) {
            let Some(sigma) = moment.recent.get(draw) else {
                return Err(Failure::at(
                    self.path,
                    format!(
                        "the batch of {} draws at step {step} is larger than the journal's page of {}: record it with a larger page",
                        n * u64::from(world),
                        moment.recent.page()
                    ),
                ));
            };
            self.line(format_args!("{step},{draw},{sigma}"))?;
        }
        Ok(())
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let path = &arguments.journal;
    let mut emitter = arguments.emit.as_deref().map(Emitter::new).transpose()?;
    // Drawn on stderr, and only on a terminal.
    let length = std::fs::metadata(path).map_or(0, |data| data.len());
    let bar = ProgressBar::new(length).with_style(
        ProgressStyle::with_template("{bar:40} {percent}%  step {msg}  {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let ended = journal::execute(path, |moment| {
        if let Some(Event::Stepped(_)) = moment.event {
            let steps = moment.scheduler.steps();
            if steps % 256 == 0 {
                bar.set_position(moment.bytes);
                bar.set_message(steps.to_string());
            }
        }
        emitter.as_mut().map_or(Ok(()), |emitter| emitter.batch(moment))
    });
    bar.finish_and_clear();
    let ended = ended?;
    if let Some(Emitter { path, file }) = &mut emitter {
        file.flush().map_err(|error| Failure::at(path, format!("cannot be written: {error}")))?;
    }
    if ended.digests == 0 {
        note(&format!("{}: holds no digest, so nothing was compared", path.display()));
    }
    let reader = Reader::open(&ended.words)?;
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
