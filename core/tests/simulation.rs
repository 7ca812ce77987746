//! Simulated training runs: errors around a known mmse that fall towards it,
//! with noise on the means of the bins. The density must find the exact one.

mod channel;

use channel::{Channel, Kind, gaussian, shapes, two_point};
use infonoise_core::density::cover;
use infonoise_core::grid::Grid;
use infonoise_core::maths::collect;
use infonoise_core::objective::to_x0;
use infonoise_core::refresh::Estimate;
use infonoise_core::{Config, Objective, Report, Scheduler, Warning, state_words};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

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

/// A standard normal number, by the sum of uniforms (good to 6 deviations).
fn normal(rng: &mut Xoshiro256PlusPlus) -> f64 {
    (0..12).map(|_| rng.next_u64() as f64 / u64::MAX as f64).sum::<f64>() - 6.0
}

struct Outcome {
    density: Vec<f64>,
    report: Report,
    /// Total variation to the exact, bin-averaged density.
    distance: f64,
}

/// Runs `config` on `channel`; `noise` is the relative deviation of the factor
/// that a bin's errors share between two refreshes.
fn run(channel: &Channel, config: &Config, noise: f64, seed: u64) -> Outcome {
    let (bins, batch) = (config.bins as usize, 1024);
    let grid = Grid::new(config);
    let mut words = vec![0; state_words(bins, config.window as usize)];
    let mut scheduler = Scheduler::init(&mut words, config, seed).unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x5eed);
    let edges: Vec<f32> = (0..=bins).map(|i| grid.edge(i)).collect();
    let (mut factors, mut sigma, mut error) = (vec![1.0; bins], vec![0.0f32; batch], vec![0.0f32; batch]);
    let steps = 200 + 3 * bins as u64;
    for step in 0..steps {
        if step % config.refresh_every == 0 {
            factors.fill_with(|| (noise * normal(&mut rng) - noise * noise / 2.0).exp());
        }
        let excess = 1.0 + 2.0 * (-8.0 * step as f64 / steps as f64).exp();
        scheduler.sample(&mut sigma).unwrap();
        for (error, &sigma) in error.iter_mut().zip(&sigma) {
            let k = edges.partition_point(|&edge| edge <= sigma).saturating_sub(1).min(bins - 1);
            let s = f64::from(sigma);
            let x0 = (channel.mmse(s) * excess).min(s * s) * factors[k];
            *error = (x0 / to_x0(config.objective, s)) as f32;
        }
        scheduler.observe(&sigma, &error).unwrap();
        scheduler.step().unwrap();
    }
    let exact = exact_density(channel, config, &grid);
    let density = scheduler.profile().unwrap().density.to_vec();
    let distance = density.iter().zip(&exact).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0;
    Outcome { density, report: scheduler.report(), distance }
}

/// What an endless run without noise would draw from: the mmse, averaged over
/// each bin as the draws fall there (evenly in sigma).
fn exact_density(channel: &Channel, config: &Config, grid: &Grid) -> Vec<f64> {
    let m = collect((0..grid.bins()).map(|k| {
        let (low, high) = (f64::from(grid.edge(k)), f64::from(grid.edge(k + 1)));
        (0..32).map(|i| channel.mmse(low + (high - low) * (f64::from(i) + 0.5) / 32.0)).sum::<f64>() / 32.0
    }));
    let ones = vec![1.0; grid.bins()];
    let mut estimate = Estimate::new(config, grid, &ones, &m, None);
    cover(&mut estimate.density, config.coverage);
    estimate.density.to_vec()
}

/// The share of the draws in the lowest and in the highest half-decade.
fn edge_mass(config: &Config, density: &[f64]) -> f64 {
    let grid = Grid::new(config);
    let share = |inside: &dyn Fn(f64) -> bool| {
        (0..grid.bins()).filter(|&k| inside(grid.centre(k))).map(|k| density[k]).sum::<f64>()
    };
    let half = 10f64.sqrt();
    let (low, high) = (config.sigma_min * half, config.sigma_max / half);
    share(&|s| s < low).max(share(&|s| s > high))
}

#[test]
fn runs_end_at_the_exact_density() {
    let shapes = shapes();
    let mut failures = Vec::new();
    for (noise, allowed) in [(0.05, 0.04), (0.2, 0.12), (0.5, 0.3)] {
        let (mut runs, mut outside, mut worst) = (0, 0, 0.0f64);
        for (channel, kind) in &shapes {
            for bins in [16, 64, 128, 256] {
                for sigma_min in [0.0005, 0.002, 0.02] {
                    let config = config(*kind, bins, sigma_min);
                    let outcome = run(channel, &config, noise, u64::from(bins) + 1000);
                    let edge = edge_mass(&config, &outcome.density);
                    let what = format!(
                        "{}, K {bins}, sigma_min {sigma_min}, noise {noise}: distance {:.3}, edge {edge:.2}, c {:.3} ({}), {} refreshes, {} held ({})",
                        channel.name,
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
                    if outcome.distance > 2.0 * allowed || edge > 0.5 || outcome.report.refreshes == 0 {
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
    for (low, high, channel, kind) in [
        (0.5, 5.0, Channel::new("two points", two_point), Kind::Discrete),
        (0.5, 5.0, Channel::new("Gaussian", gaussian(0.5)), Kind::Continuous),
        (1.0, 20.0, Channel::new("Gaussian", gaussian(5.0)), Kind::Continuous),
        (7.0, 1000.0, Channel::new("Gaussian", gaussian(50.0)), Kind::Continuous),
    ] {
        let config = Config { sigma_max: high, ..config(kind, 64, low) };
        let outcome = run(&channel, &config, 0.05, 3);
        assert!(outcome.report.refreshes > 5, "{low} to {high}: {:?}", outcome.report);
        assert!(outcome.distance < 0.04, "{low} to {high}: {} {:?}", outcome.distance, outcome.report);
    }
}

/// Velocity errors declared as x0 errors: the commonest way to ruin a schedule.
#[test]
fn a_wrong_objective_is_noticed_within_two_refreshes() {
    let wrong = config(Kind::Continuous, 64, 0.002);
    let truth = gaussian(0.5);
    let velocity = Channel::new("velocity", move |s: f64| truth(s) / to_x0(Objective::Velocity, s));
    let mut words = vec![0; state_words(64, 64)];
    let mut scheduler = Scheduler::init(&mut words, &wrong, 1).unwrap();
    let mut sigma = vec![0.0f32; 1024];
    while scheduler.report().refreshes + scheduler.report().held < 2 {
        scheduler.sample(&mut sigma).unwrap();
        let error: Vec<f32> = sigma.iter().map(|&s| velocity.mmse(s.into()) as f32).collect();
        scheduler.observe(&sigma, &error).unwrap();
        scheduler.step().unwrap();
    }
    assert_eq!(scheduler.report().warning, Warning::ErrorsAboveIdentity);
}
