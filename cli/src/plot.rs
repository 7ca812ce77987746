//! `infonoise plot`: a schedule as a picture, SVG or PNG.

use crate::failure::Failure;
use crate::picture::{Picture, Scale, draw};
use crate::{file, png};
use clap::Args;
use plotters::prelude::{BitMapBackend, IntoDrawingArea, SVGBackend};
use plotters::style::{FontStyle, register_font};
use std::path::PathBuf;

/// Draws a schedule: its density, and the rate and gate behind it.
#[derive(Args)]
pub struct Arguments {
    /// A saved image or a state block.
    state: PathBuf,
    /// The picture: a name that ends in .svg or .png.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
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
    let state = file::state(&arguments.state)?;
    // PNG at two pixels to a point: the font backend sets letters on whole pixels.
    let scale = Scale(if svg { 1 } else { 2 });
    let picture = Picture::new(&arguments.state.display().to_string(), &state.reader()?, scale)?;
    let failed = |error: &dyn std::fmt::Display| Failure::at(output, format!("cannot be drawn: {error}"));
    // SVG needs it as well, to know how wide its words are.
    register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| failed(&"the font is damaged"))?;
    let size = picture.size();
    if svg {
        let mut text = String::new();
        draw(&SVGBackend::with_string(&mut text, size).into_drawing_area(), &picture)
            .map_err(|e| failed(&e))?;
        return file::write(output, text.as_bytes());
    }
    let mut pixels = vec![0; 3 * size.0 as usize * size.1 as usize];
    let backend = BitMapBackend::with_buffer(&mut pixels, size);
    draw(&backend.into_drawing_area(), &picture).map_err(|e| failed(&e))?;
    file::write(output, &png::encode(&pixels, size.0, size.1))
}
