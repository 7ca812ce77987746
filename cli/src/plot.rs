//! `infonoise plot`: a schedule as a picture, SVG or PNG.

use crate::failure::Failure;
use crate::file::Source;
use crate::picture::{Picture, Scale, Span, bin_width, draw};
use crate::{file, journal};
use clap::Args;
use infonoise::replay::Event;
use infonoise::{StateRef, Step, profile_len};
use plotters::prelude::{BitMapBackend, IntoDrawingArea, SVGBackend};
use plotters::style::{FontStyle, register_font};
use std::path::PathBuf;

/// Draws a schedule: its density, rate and gate.
///
/// For a journal also the density over the steps of the run, as a heat map.
#[derive(Args)]
pub struct Arguments {
    /// A saved snapshot, a state block or a journal.
    state: PathBuf,
    /// The picture: a name that ends in .svg or .png.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// The densities of a run, from its journal.
#[derive(Default)]
struct DensityHistory {
    spans: Vec<Span>,
}

impl DensityHistory {
    fn record(&mut self, moment: &journal::Moment<'_>) -> Result<(), Failure> {
        if !matches!(moment.event, None | Some(Event::Stepped(Step::Refreshed))) {
            return Ok(());
        }
        let mut curves = vec![0.0; profile_len(moment.scheduler.reader().bins())];
        let (report, profile) = (moment.scheduler.report(), moment.scheduler.profile(&mut curves)?);
        let width = bin_width(&profile);
        let density = profile.density.iter().map(|mass| mass / width).collect();
        self.close(report.steps);
        let steps = report.steps..report.steps;
        self.spans.push(Span { steps, density, median: report.q50, pivot: report.pivot });
        Ok(())
    }

    fn close(&mut self, steps: u64) {
        if let Some(last) = self.spans.last_mut() {
            last.steps.end = steps;
        }
    }

    /// At most `COLUMNS` spans with steps in them, the last one until `steps`.
    fn spans(mut self, steps: u64) -> Vec<Span> {
        const COLUMNS: usize = 250;
        self.close(steps);
        self.spans.retain(|span| !span.steps.is_empty());
        let every = self.spans.len().div_ceil(COLUMNS).max(1);
        let mut kept: Vec<Span> = self.spans.into_iter().step_by(every).collect();
        for i in 1..kept.len() {
            kept[i - 1].steps.end = kept[i].steps.start;
        }
        if let Some(last) = kept.last_mut() {
            last.steps.end = steps;
        }
        kept
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let output = &arguments.output;
    let kind = output.extension().map(|kind| kind.to_ascii_lowercase());
    let svg = match kind.as_ref().and_then(|kind| kind.to_str()) {
        Some("svg") => true,
        Some("png") => false,
        _ => return Err(Failure::at(output, "the name of a picture must end in .svg or .png")),
    };
    let mut history = DensityHistory::default();
    let source = Source::open(&arguments.state)?;
    let words = if source.is_journal() {
        journal::execute(source, |moment| history.record(moment))?.words
    } else {
        file::state(source)?.words
    };
    let reader = StateRef::open(&words)?;
    // PNG has two pixels per point, since the font backend places letters on whole pixels.
    let scale = Scale(if svg { 1 } else { 2 });
    let name = arguments.state.file_name().unwrap_or_default().to_string_lossy();
    let picture = Picture::new(&name, &reader, history.spans(reader.report().steps), scale)?;
    let failed = |error: &dyn std::fmt::Display| Failure::at(output, format!("cannot be drawn: {error}"));
    // SVG needs the font as well, for the width of its words.
    register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| failed(&"the font is damaged"))?;
    let size = picture.size();
    if svg {
        let mut text = String::new();
        draw(&SVGBackend::with_string(&mut text, size).into_drawing_area(), &picture)
            .map_err(|e| failed(&e))?;
        return file::write(output, Some(&arguments.state), text.as_bytes());
    }
    let mut pixels = vec![0; 3 * size.0 as usize * size.1 as usize];
    let backend = BitMapBackend::with_buffer(&mut pixels, size);
    draw(&backend.into_drawing_area(), &picture).map_err(|e| failed(&e))?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.0, size.1);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().map_err(|e| failed(&e))?;
    writer.write_image_data(&pixels).map_err(|e| failed(&e))?;
    writer.finish().map_err(|e| failed(&e))?;
    file::write(output, Some(&arguments.state), &bytes)
}
