//! Simulated training runs: errors fall towards a known mmse, with noise on the means
//! of the bins. The density must converge to the exact one.

use infonoise::{Config, Objective, Report, Scheduler, Warning, state_words};
use infonoise_simulation::{
    Errors, Table, density, exact, gaussian, points, total_variation, two_modes, two_point,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Continuous,
    Discrete,
    Velocity,
    Epsilon,
}

/// A channel, tabulated for speed: exact at 1801 points.
struct Shape {
    name: &'static str,
    kind: Kind,
    ln_sigma: Vec<f64>,
    ln_mmse: Vec<f64>,
}

impl Shape {
    fn new(name: &'static str, kind: Kind, mmse: impl Fn(f64) -> f64) -> Self {
        let ln_sigma: Vec<f64> = (0..=1800).map(|i| f64::from(i) * 0.01 - 10.0).collect();
        let ln_mmse = ln_sigma.iter().map(|x| mmse(x.exp()).max(1e-300).ln()).collect();
        Shape { name, kind, ln_sigma, ln_mmse }
    }

    fn table(&self) -> Table<'_> {
        Table::new(&self.ln_sigma, &self.ln_mmse).unwrap()
    }
}

/// Every channel on which a run must converge.
fn shapes() -> [Shape; 10] {
    use Kind::*;
    let levels: Vec<f64> = (0..8).map(|i| -1.0 + 2.0 * f64::from(i) / 7.0).collect();
    let spectrum = |sigma: f64| (1..=64).map(|j| gaussian(1.0 / f64::from(j))(sigma)).sum::<f64>() / 64.0;
    let scales = |sigma: f64| (4.0 * two_point(sigma / 2.0) + 0.01 * two_point(sigma * 10.0)) / 2.0;
    [
        Shape::new("two points", Discrete, two_point),
        Shape::new("two points, far apart", Discrete, |s| 9.0 * two_point(s / 3.0)),
        Shape::new("two scales", Discrete, scales),
        Shape::new("eight levels", Discrete, move |s| points(&levels, s)),
        Shape::new("two points, loss floor", Discrete, |s| two_point(s) + 2e-4),
        Shape::new("Gaussian", Continuous, gaussian(0.5)),
        Shape::new("monotone spectrum", Continuous, spectrum),
        Shape::new("two modes", Continuous, two_modes(0.2)),
        Shape::new("Gaussian, velocity errors", Velocity, gaussian(0.5)),
        Shape::new("Gaussian, epsilon errors", Epsilon, gaussian(0.5)),
    ]
}

fn config(kind: Kind, bins: u32, sigma_min: f64) -> Config {
    let base = match kind {
        Kind::Continuous => Config::DEFAULT,
        Kind::Discrete => Config::discrete(),
        Kind::Velocity => Config::flow(),
        Kind::Epsilon => Config::epsilon(),
    };
    Config {
        bins,
        sigma_min,
        sigma_max: 80.0,
        window: 64,
        min_count: 20,
        warmup_steps: 10,
        refresh_every: 10,
        ..base
    }
}

struct Outcome {
    density: Vec<f64>,
    report: Report,
    /// Total variation to the exact, bin-averaged density.
    distance: f64,
}

/// Runs `config` on a channel; `noise` is the relative deviation of the factor
/// that a bin's errors share between two refreshes.
fn run(shape: &Shape, config: &Config, noise: f64, seed: u64) -> Outcome {
    let (bins, batch) = (config.bins as usize, 1024);
    let table = shape.table();
    let mmse = |sigma| table.mmse(sigma);
    let mut words = vec![0; state_words(bins, config.window as usize)];
    let mut scheduler = Scheduler::init(&mut words, config, seed).unwrap();
    let mut errors = Errors::new(&scheduler, noise, seed ^ 0x5eed);
    let (mut sigma, mut error) = (vec![0.0f32; batch], vec![0.0f32; batch]);
    let steps = 200 + 3 * bins as u64;
    for step in 0..steps {
        if step % config.refresh_every == 0 {
            errors.redraw();
        }
        scheduler.sample(&mut sigma).unwrap();
        errors.fill(config.objective, &mmse, step as f64 / steps as f64, &sigma, &mut error);
        scheduler.observe(&sigma, &error).unwrap();
        scheduler.step().unwrap();
    }
    let exact = exact(config, &mmse).unwrap().density;
    let density = density(&scheduler.reader());
    let distance = total_variation(&density, &exact);
    Outcome { density, report: scheduler.report(), distance }
}

/// The share of the draws in the lowest and in the highest half-decade.
fn edge_mass(config: &Config, density: &[f64]) -> f64 {
    let width = (config.sigma_max / config.sigma_min).ln() / density.len() as f64;
    let centre = |k: usize| config.sigma_min * ((k as f64 + 0.5) * width).exp();
    let share = |inside: &dyn Fn(f64) -> bool| {
        (0..density.len()).filter(|&k| inside(centre(k))).map(|k| density[k]).sum::<f64>()
    };
    let half = 10f64.sqrt();
    let (low, high) = (config.sigma_min * half, config.sigma_max / half);
    share(&|s| s < low).max(share(&|s| s > high))
}

/// Whether the exact profile lies so near a pivot rule's threshold that errors of
/// one bin, off by two deviations of the noise, move its pivot by half: no rule can
/// then tell the two apart. Coarse grids that end inside a peak do that.
fn is_ambiguous(shape: &Shape, config: &Config, noise: f64) -> bool {
    let table = shape.table();
    let pivot = |mmse: &dyn Fn(f64) -> f64| exact(config, mmse).unwrap().report.pivot;
    let plain = pivot(&|sigma| table.mmse(sigma));
    let width = (config.sigma_max / config.sigma_min).ln() / f64::from(config.bins);
    (0..config.bins).any(|k| {
        let low = config.sigma_min * (f64::from(k) * width).exp();
        [-2.0, 2.0].into_iter().any(|deviations: f64| {
            let factor = (deviations * noise).exp();
            let moved = pivot(&|sigma| {
                let inside = sigma >= low && sigma < low * width.exp();
                table.mmse(sigma) * if inside { factor } else { 1.0 }
            });
            moved > 1.5 * plain || plain > 1.5 * moved
        })
    })
}

#[test]
fn runs_end_at_the_exact_density() {
    let shapes = shapes();
    let mut failures = Vec::new();
    for (noise, allowed) in [(0.05, 0.04), (0.2, 0.12), (0.5, 0.3)] {
        let (mut runs, mut outside, mut worst) = (0, 0, 0.0f64);
        for shape in &shapes {
            for bins in [16, 64, 128, 256] {
                for sigma_min in [0.0005, 0.002, 0.02] {
                    let config = config(shape.kind, bins, sigma_min);
                    let outcome = run(shape, &config, noise, u64::from(bins) + 1000);
                    let edge = edge_mass(&config, &outcome.density);
                    let what = format!(
                        "{}, K {bins}, sigma_min {sigma_min}, noise {noise}: distance {:.3}, edge {edge:.2}, c {:.3} ({}), {} refreshes, {} held ({})",
                        shape.name,
                        outcome.distance,
                        outcome.report.pivot,
                        outcome.report.pivot_rule.name(),
                        outcome.report.refreshes,
                        outcome.report.held,
                        outcome.report.hold_reason.name(),
                    );
                    runs += 1;
                    worst = worst.max(outcome.distance);
                    if outcome.distance > allowed {
                        outside += 1;
                        println!("{what}");
                    }
                    let far = outcome.distance > 2.0 * allowed && !is_ambiguous(shape, &config, noise);
                    if far || edge > 0.5 || outcome.report.refreshes == 0 {
                        failures.push(what);
                    }
                }
            }
        }
        println!("noise {noise}: {runs} runs, {outside} beyond {allowed}, worst {worst:.3}");
        if outside * 20 > runs {
            failures.push(format!("noise {noise}: {outside} of {runs} runs beyond {allowed}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Grids that cover a part of the profile, for good reason.
#[test]
fn narrow_grids_are_legitimate() {
    for (low, high, shape) in [
        (0.5, 5.0, Shape::new("two points", Kind::Discrete, two_point)),
        (0.5, 5.0, Shape::new("Gaussian", Kind::Continuous, gaussian(0.5))),
        (1.0, 20.0, Shape::new("Gaussian", Kind::Continuous, gaussian(5.0))),
        (7.0, 1000.0, Shape::new("Gaussian", Kind::Continuous, gaussian(50.0))),
    ] {
        let config = Config { sigma_max: high, ..config(shape.kind, 64, low) };
        let outcome = run(&shape, &config, 0.05, 3);
        assert!(outcome.report.refreshes > 5, "{low} to {high}: {:?}", outcome.report);
        assert!(outcome.distance < 0.04, "{low} to {high}: {} {:?}", outcome.distance, outcome.report);
    }
}

/// Velocity errors declared as x0 errors: the commonest way to ruin a schedule.
#[test]
fn a_wrong_objective_is_noticed_within_two_refreshes() {
    let wrong = config(Kind::Continuous, 64, 0.002);
    let truth = gaussian(0.5);
    let velocity = |s: f64| truth(s) / Objective::Velocity.to_x0(s);
    let mut words = vec![0; state_words(64, 64)];
    let mut scheduler = Scheduler::init(&mut words, &wrong, 1).unwrap();
    let mut sigma = vec![0.0f32; 1024];
    while scheduler.report().refreshes + scheduler.report().held < 2 {
        scheduler.sample(&mut sigma).unwrap();
        let error: Vec<f32> = sigma.iter().map(|&s| velocity(s.into()) as f32).collect();
        scheduler.observe(&sigma, &error).unwrap();
        scheduler.step().unwrap();
    }
    assert_eq!(scheduler.report().warning, Warning::ErrorsAboveIdentity);
}
