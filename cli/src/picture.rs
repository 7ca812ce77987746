//! The picture of a schedule: panels over a logarithmic sigma axis, each with its
//! legend at its side, outside the plot.

use crate::failure::Failure;
use crate::text::{general, short};
use infonoise::{Baseline, Profile, Scheduler, StateRef, profile_len, state_words};
use plotters::coord::Shift;
use plotters::coord::combinators::{LogCoord, WithKeyPoints};
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;
use std::ops::Range;
use std::vec::IntoIter;

/// Lengths in points; a [`Scale`] converts them to pixels.
const WIDTH: u32 = 1100;
const TITLE: u32 = 50;
const PANEL: u32 = 380;
/// Width of the legend.
const SIDE: u32 = 210;

const GREEN: RGBColor = RGBColor(0, 158, 115);
const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(213, 94, 0);
const GREY: RGBColor = RGBColor(110, 110, 110);

/// Pixels per point: the factor on every length and every font size.
#[derive(Clone, Copy)]
pub struct Scale(pub u32);

impl Scale {
    fn px(self, points: i32) -> i32 {
        points * self.0 as i32
    }

    fn place(self, x: i32, y: i32) -> (i32, i32) {
        (self.px(x), self.px(y))
    }

    fn font(self, size: u32) -> TextStyle<'static> {
        ("sans-serif", size * self.0).into_font().color(&RGBColor(30, 30, 30))
    }

    fn line(self, colour: impl Color, width: u32) -> ShapeStyle {
        colour.stroke_width(width * self.0)
    }
}

type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;
type Area<DB> = DrawingArea<DB, Shift>;

/// The density between two refreshes.
pub struct Span {
    /// The steps during which it was in force.
    pub steps: Range<u64>,
    /// Per unit ln sigma, one for each bin.
    pub density: Vec<f64>,
    /// Its median.
    pub median: f64,
    /// The pivot in force with it, 0 for none.
    pub pivot: f64,
}

/// Everything that is drawn.
pub struct Picture {
    scale: Scale,
    title: String,
    edges: Vec<f64>,
    density: Vec<f64>,
    baseline: Vec<f64>,
    /// 5, 25, 50, 75 and 95 %.
    quantiles: [f64; 5],
    /// Rate per unit ln sigma; empty before the first refresh.
    rate: Vec<f64>,
    gate: Vec<f64>,
    pivot: f64,
    /// The densities over the run, if a journal has them.
    history: Vec<Span>,
}

/// The width of a bin in ln sigma.
pub fn bin_width(profile: &Profile) -> f64 {
    let bins = profile.sigma.len();
    (profile.edges[bins] / profile.edges[0]).ln() / bins as f64
}

impl Picture {
    /// The picture of a schedule without its run.
    pub fn new(name: &str, reader: &StateRef<'_>, history: Vec<Span>, scale: Scale) -> Result<Self, Failure> {
        let mut curves = vec![0.0; profile_len(reader.bins())];
        let (config, report, profile) = (reader.config()?, reader.report(), reader.profile(&mut curves)?);
        // The density of a fresh schedule of this configuration.
        let mut words = vec![0; state_words(config.bins as usize, config.window as usize)];
        let table = (config.baseline == Baseline::Table).then_some(reader.tables().1);
        let fresh = Scheduler::init_with(&mut words, &config, 0, None, table)?;
        let width = bin_width(&profile);
        let per_unit = |masses: &[f64]| masses.iter().map(|mass| mass / width).collect();
        let ready = report.refreshes > 0;
        let rate = profile.rate.iter().zip(&*profile.sigma).map(|(rate, sigma)| rate * sigma);
        Ok(Picture {
            scale,
            title: format!("{name}: {} at step {}", report.phase.name(), report.steps),
            edges: profile.edges.to_vec(),
            density: per_unit(profile.density),
            baseline: per_unit(&infonoise_simulation::density(&fresh.reader())),
            quantiles: [report.q05, report.q25, report.q50, report.q75, report.q95],
            rate: if ready { rate.collect() } else { Vec::new() },
            gate: profile.gate.to_vec(),
            pivot: report.pivot,
            history,
        })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        let panels = if self.history.is_empty() { 2 } else { 3 };
        (WIDTH * self.scale.0, (TITLE + PANEL * panels) * self.scale.0)
    }

    fn sigmas(&self) -> Range<f64> {
        self.edges[0]..self.edges[self.edges.len() - 1]
    }

    /// A curve that is constant in each bin.
    fn stairs(&self, values: &[f64]) -> Vec<(f64, f64)> {
        let stair = |(k, &y): (usize, &f64)| [(self.edges[k], y), (self.edges[k + 1], y)];
        values.iter().enumerate().flat_map(stair).collect()
    }
}

/// Draws the picture.
pub fn draw<DB: DrawingBackend>(root: &Area<DB>, picture: &Picture) -> Drawn<DB> {
    let scale = picture.scale;
    root.fill(&WHITE)?;
    let (title, panels) = root.split_vertically(scale.px(TITLE as i32));
    title.draw(&Text::new(picture.title.clone(), scale.place(80, 16), scale.font(21)))?;
    let panels = panels.split_evenly((if picture.history.is_empty() { 2 } else { 3 }, 1));
    for (i, panel) in panels.iter().enumerate() {
        let (plot, side) = panel.split_horizontally(scale.px((WIDTH - SIDE) as i32));
        match i {
            0 => density(&plot, &side, picture)?,
            1 => rate(&plot, &side, picture)?,
            _ => history(&plot, &side, picture)?,
        }
    }
    root.present()
}

/// The panel of the densities.
fn density<DB: DrawingBackend>(plot: &Area<DB>, side: &Area<DB>, picture: &Picture) -> Drawn<DB> {
    let scale = picture.scale;
    let top = 1.08 * picture.density.iter().chain(&picture.baseline).fold(0.0f64, |a, &b| a.max(b));
    let mut chart = margins(plot, scale).build_cartesian_2d(sigma_axis(picture.sigmas()), 0.0..top)?;
    let [q05, q25, q50, q75, q95] = picture.quantiles;
    for (low, high, strength) in [(q05, q95, 0.13), (q25, q75, 0.25)] {
        chart.draw_series([Rectangle::new([(low, 0.0), (high, top)], GREEN.mix(strength).filled())])?;
    }
    mesh(&mut chart, picture, "sampling density (per unit ln sigma)")?;
    chart.draw_series(LineSeries::new([(q50, 0.0), (q50, top)], scale.line(GREEN, 1)))?;
    chart.draw_series(LineSeries::new(picture.stairs(&picture.density), scale.line(GREEN, 3)))?;
    chart.draw_series(dashes(picture.stairs(&picture.baseline), scale, BLUE))?;
    legend(
        side,
        scale,
        &[
            (Key::Line(GREEN.to_rgba()), "density in force".into()),
            (Key::Dashes(BLUE.to_rgba()), "baseline (warm-up)".into()),
            (Key::Thin(GREEN.to_rgba()), format!("median {}", short(q50))),
            (Key::Box(GREEN.mix(0.35)), format!("25-75%: {} to {}", short(q25), short(q75))),
            (Key::Box(GREEN.mix(0.13)), format!("5-95%: {} to {}", short(q05), short(q95))),
        ],
    )
}

/// The panel of rate and gate.
fn rate<DB: DrawingBackend>(plot: &Area<DB>, side: &Area<DB>, picture: &Picture) -> Drawn<DB> {
    let scale = picture.scale;
    let gated: Vec<f64> = picture.rate.iter().zip(&picture.gate).map(|(rate, gate)| rate * gate).collect();
    let highest = |values: &[f64]| values.iter().fold(0.0f64, |a, &b| a.max(b));
    // The scale follows the gated rate, so that a loss floor below the gate does not flatten it.
    let top = 1.08 * highest(&picture.rate).min(6.0 * highest(&gated)).max(1e-12);
    let ready = !picture.rate.is_empty();
    let top = if ready { top } else { 1.0 };
    let mut chart = margins(plot, scale).build_cartesian_2d(sigma_axis(picture.sigmas()), 0.0..top)?;
    mesh(&mut chart, picture, "rate (nats per dimension per unit ln sigma)")?;
    if !ready {
        return legend(
            side,
            scale,
            &[(Key::None, "no refresh yet:".into()), (Key::None, "no rate to show".into())],
        );
    }
    let clipped: Vec<f64> = picture.rate.iter().map(|rate| rate.min(top)).collect();
    let gate: Vec<f64> = picture.gate.iter().map(|gate| gate * top / 1.08).collect();
    chart.draw_series(dashes(picture.stairs(&gate), scale, ORANGE))?;
    chart.draw_series(LineSeries::new(picture.stairs(&clipped), scale.line(BLACK, 2)))?;
    chart.draw_series(LineSeries::new(picture.stairs(&gated), scale.line(GREEN, 3)))?;
    let cut = picture.rate.iter().any(|&rate| rate > top);
    let name = if cut { "rate, cut at the top" } else { "rate of the losses" };
    let mut keys = vec![
        (Key::Line(BLACK.to_rgba()), name.into()),
        (Key::Line(GREEN.to_rgba()), "gated: the target".into()),
        (Key::Dashes(ORANGE.to_rgba()), "gate, from 0 to 1".into()),
    ];
    if picture.pivot > 0.0 {
        chart.draw_series(LineSeries::new(
            [(picture.pivot, 0.0), (picture.pivot, top)],
            scale.line(GREY, 1),
        ))?;
        keys.push((Key::Thin(GREY.to_rgba()), format!("pivot {}", short(picture.pivot))));
    }
    legend(side, scale, &keys)
}

/// The panel of the density over the steps.
fn history<DB: DrawingBackend>(plot: &Area<DB>, side: &Area<DB>, picture: &Picture) -> Drawn<DB> {
    let scale = picture.scale;
    let (first, last) = match picture.history.as_slice() {
        [first, .., last] => (first.steps.start, last.steps.end),
        [only] => (only.steps.start, only.steps.end),
        [] => return Ok(()),
    };
    let mut values: Vec<f64> = picture.history.iter().flat_map(|span| span.density.iter().copied()).collect();
    values.sort_by(f64::total_cmp);
    // A few high bins must not make all others dark.
    let top = values[((values.len() - 1) as f64 * 0.999) as usize].max(1e-12);
    let mut chart = margins(plot, scale).build_cartesian_2d(first..last, sigma_axis(picture.sigmas()))?;
    for span in &picture.history {
        // Neighbours of the same shade become one rectangle, to keep an SVG short.
        let shades: Vec<f64> = span.density.iter().map(|value| (value / top * 100.0).round()).collect();
        let mut first = 0;
        for run in shades.chunk_by(|a, b| a == b) {
            let sigmas = (picture.edges[first], picture.edges[first + run.len()]);
            let corners = [(span.steps.start, sigmas.0), (span.steps.end, sigmas.1)];
            chart.draw_series([Rectangle::new(corners, heat(run[0] / 100.0).filled())])?;
            first += run.len();
        }
    }
    let line = |of: fn(&Span) -> f64| -> Vec<(u64, f64)> {
        let spans = picture.history.iter().filter(|span| of(span) > 0.0);
        spans.flat_map(|span| [(span.steps.start, of(span)), (span.steps.end, of(span))]).collect()
    };
    // A white line on a dark one is visible on bins of any brightness.
    chart.draw_series(LineSeries::new(line(|span| span.median), scale.line(BLACK, 4)))?;
    chart.draw_series(LineSeries::new(line(|span| span.median), scale.line(WHITE, 2)))?;
    chart.draw_series(DashedLineSeries::new(
        line(|span| span.pivot),
        scale.px(8),
        scale.px(5),
        scale.line(ORANGE, 2),
    ))?;
    let (x, y) = (scale.font(15), scale.font(16));
    let range = picture.sigmas();
    let mut style = chart.configure_mesh();
    style.set_all_tick_mark_size(scale.px(6));
    style.disable_mesh().label_style(x).axis_desc_style(y).x_labels(8);
    let sigma_label = |sigma: &f64| label(*sigma, &range);
    style.y_label_formatter(&sigma_label);
    style.x_desc("optimizer steps").y_desc("noise level sigma (data units)").draw()?;

    // The colour scale, from 0 at the bottom.
    let (left, upper, height) = (4, 46, 180);
    for i in 0..scale.px(height) {
        let y = scale.px(upper + height) - i;
        let colour = heat(f64::from(i) / f64::from(scale.px(height)));
        side.draw(&Rectangle::new([(scale.px(left), y - 1), (scale.px(left + 22), y)], colour.filled()))?;
    }
    let write = |text: String, x: i32, y: i32| Text::new(text, scale.place(x, y), scale.font(14));
    side.draw(&write("density (per unit ln sigma)".into(), left, upper - 28))?;
    for (value, y) in [(top, upper), (top / 2.0, upper + height / 2), (0.0, upper + height)] {
        side.draw(&write(general(value, 2), left + 30, y - 7))?;
    }
    let dark = RGBColor(68, 1, 84).to_rgba();
    let lines = [
        (Key::On(dark, WHITE.to_rgba()), "median draw".into()),
        (Key::On(dark, ORANGE.to_rgba()), "pivot".into()),
    ];
    keys(side, scale, upper + height + 28, &lines)
}

fn heat(share: f64) -> RGBColor {
    ViridisRGB::get_color(share.clamp(0.0, 1.0))
}

fn margins<'a, DB: DrawingBackend>(plot: &'a Area<DB>, scale: Scale) -> ChartBuilder<'a, 'a, DB> {
    let mut builder = ChartBuilder::on(plot);
    builder.margin(scale.px(12)).x_label_area_size(scale.px(56)).y_label_area_size(scale.px(78));
    builder
}

fn mesh<DB, X, Y>(
    chart: &mut ChartContext<'_, DB, Cartesian2d<X, Y>>,
    picture: &Picture,
    what: &str,
) -> Drawn<DB>
where
    DB: DrawingBackend,
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let (scale, range) = (picture.scale, &picture.sigmas());
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .label_style(scale.font(15))
        .axis_desc_style(scale.font(16))
        .x_label_formatter(&|sigma| label(*sigma, range))
        .y_label_formatter(&|y| general(*y, 3))
        .y_labels(6)
        .set_all_tick_mark_size(scale.px(6))
        .x_desc("noise level sigma (data units)")
        .y_desc(what)
        .draw()
}

fn dashes(
    points: Vec<(f64, f64)>,
    scale: Scale,
    colour: RGBColor,
) -> DashedLineSeries<IntoIter<(f64, f64)>, i32> {
    DashedLineSeries::new(points, scale.px(8), scale.px(5), scale.line(colour, 2))
}

/// A logarithmic axis with labels at round values and at its ends.
fn sigma_axis(range: Range<f64>) -> WithKeyPoints<LogCoord<f64>> {
    let ticks = ticks(range.start, range.end);
    range.log_scale().with_key_points(ticks)
}

/// Round values between two sigmas, at most about a dozen, and the two sigmas.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let decades = (high / low).log10();
    let mut round: Vec<f64> = Vec::new();
    if decades < 0.3 {
        // An axis as narrow as this is almost linear.
        let power = 10f64.powf((high - low).log10().floor());
        let step = [0.2, 0.5, 1.0].map(|x| x * power).into_iter().find(|step| (high - low) / step <= 6.0);
        let step = step.unwrap_or(2.0 * power);
        let first = (low / step).ceil();
        round.extend((0..8).map(|i| (first + f64::from(i)) * step));
    } else {
        let steps: &[f64] = match decades {
            d if d < 1.5 => &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
            d if d < 6.5 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let every = (decades / 10.0).ceil().max(1.0) as usize;
        for exponent in (low.log10().floor() as i32..=high.log10().ceil() as i32).step_by(every) {
            round.extend(steps.iter().map(|step| step * 10f64.powi(exponent)));
        }
    }
    let mut ticks = vec![low, high];
    for tick in round {
        let apart = |other: &f64| (tick / other).log10().abs() > 0.06 * decades;
        if low < tick && tick < high && ticks.iter().all(apart) {
            ticks.push(tick);
        }
    }
    ticks.sort_by(f64::total_cmp);
    ticks
}

/// The label of a tick, with enough digits to differ from its neighbours.
fn label(sigma: f64, range: &Range<f64>) -> String {
    let digits = 3 + (0.3 / (range.end / range.start).log10()).log10().max(0.0).ceil() as usize;
    general(sigma, digits.min(9))
}

/// The symbol of a line in a legend.
enum Key {
    Line(RGBAColor),
    Thin(RGBAColor),
    Dashes(RGBAColor),
    Box(RGBAColor),
    On(RGBAColor, RGBAColor),
    None,
}

fn legend<DB: DrawingBackend>(side: &Area<DB>, scale: Scale, lines: &[(Key, String)]) -> Drawn<DB> {
    keys(side, scale, 26, lines)
}

fn keys<DB: DrawingBackend>(side: &Area<DB>, scale: Scale, top: i32, lines: &[(Key, String)]) -> Drawn<DB> {
    for (i, (key, text)) in lines.iter().enumerate() {
        let y = top + 27 * i as i32;
        let line = |from: i32, to: i32, style: ShapeStyle| {
            PathElement::new([scale.place(from, y + 6), scale.place(to, y + 6)], style)
        };
        let area = |colour: &RGBAColor| {
            Rectangle::new([scale.place(4, y - 2), scale.place(32, y + 14)], colour.filled())
        };
        match key {
            Key::Line(colour) => side.draw(&line(4, 32, scale.line(*colour, 3)))?,
            Key::Thin(colour) => side.draw(&line(4, 32, scale.line(*colour, 1)))?,
            Key::Dashes(colour) => {
                for from in [4, 15, 26] {
                    side.draw(&line(from, from + 7, scale.line(*colour, 2)))?;
                }
            }
            Key::Box(colour) => side.draw(&area(colour))?,
            Key::On(ground, colour) => {
                side.draw(&area(ground))?;
                side.draw(&line(6, 30, scale.line(*colour, 2)))?;
            }
            Key::None => {}
        }
        side.draw(&Text::new(text.clone(), scale.place(40, y), scale.font(14)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{label, ticks};

    #[test]
    fn ticks_are_round_few_and_within_the_axis() {
        for (low, high) in
            [(0.002, 80.0), (0.5, 5.0), (1.0, 1.2), (0.9999, 1.0003), (8.7e-19, 1.1e18), (0.001, 999.0)]
        {
            let ticks = ticks(low, high);
            assert_eq!((ticks[0], ticks[ticks.len() - 1]), (low, high));
            assert!((4..=14).contains(&ticks.len()), "{low} to {high}: {ticks:?}");
            assert!(ticks.is_sorted());
            let mut labels: Vec<String> = ticks.iter().map(|&tick| label(tick, &(low..high))).collect();
            labels.dedup();
            assert_eq!(labels.len(), ticks.len(), "{labels:?}");
        }
    }
}
