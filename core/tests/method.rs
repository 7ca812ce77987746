//! The method against exact answers (docs/specification.md#numbers-to-hit), and what
//! must not depend on units.

use infonoise::{
    Config, Emphasis, Endpoint, Objective, Pivot, PivotRule, Report, Scheduler, profile_len, state_words,
};
use infonoise_simulation::{density, gaussian, two_point};

/// One refresh on exact errors at the bin centres, in the objective's space.
fn refreshed(config: &Config, mmse: impl Fn(f64) -> f64) -> (Report, Vec<f64>) {
    let config = Config { warmup_steps: 1, min_count: 1, window: 8, ..*config };
    let mut words = vec![0; state_words(config.bins as usize, 8)];
    let mut scheduler = Scheduler::init(&mut words, &config, 0).unwrap();
    for k in 0..config.bins as usize {
        let s = scheduler.reader().centre(k);
        let error = mmse(s) / config.objective.to_x0(s) * f64::from(config.reduction_dim.max(1));
        assert_eq!(scheduler.observe(&[s as f32], &[error as f32]), Ok(0));
    }
    scheduler.step().unwrap();
    let report = scheduler.report();
    assert_eq!(report.refreshes, 1, "{report:?}");
    (report, density(&scheduler.reader()))
}

fn centres(config: &Config) -> Vec<f64> {
    let mut words = vec![0; state_words(config.bins as usize, config.window as usize)];
    let scheduler = Scheduler::init(&mut words, config, 0).unwrap();
    (0..config.bins as usize).map(|k| scheduler.reader().centre(k)).collect()
}

fn quantiles(report: &Report) -> [f64; 5] {
    [report.q05, report.q25, report.q50, report.q75, report.q95]
}

fn near(what: &str, ours: f64, exact: f64, relative: f64) {
    assert!((ours / exact - 1.0).abs() <= relative, "{what}: {ours}, exact {exact}");
}

fn continuous() -> Config {
    Config { coverage: 0.0, ..Config::DEFAULT }
}

fn discrete() -> Config {
    Config { coverage: 0.0, ..Config::discrete() }
}

fn two_scales(s: f64) -> f64 {
    (4.0 * two_point(s / 2.0) + 0.01 * two_point(s * 10.0)) / 2.0
}

#[test]
fn numbers_to_hit() {
    let fine = Config { sigma_min: 0.0005, bins: 128, ..continuous() };
    let literal = Config { pivot: Pivot::OnsetLiteral, ..continuous() };
    type Row = (&'static str, Config, Box<dyn Fn(f64) -> f64>, PivotRule, f64, [f64; 5]);
    let rows: [Row; 5] = [
        (
            "two-point",
            discrete(),
            Box::new(two_point),
            PivotRule::Foot,
            0.294,
            [0.473, 0.706, 1.02, 1.61, 3.86],
        ),
        (
            "Gaussian",
            continuous(),
            Box::new(gaussian(0.5)),
            PivotRule::Onset,
            0.495,
            [0.208, 0.404, 0.622, 1.0, 2.39],
        ),
        (
            "Gaussian, fine",
            fine,
            Box::new(gaussian(0.5)),
            PivotRule::Onset,
            0.4955,
            [0.207, 0.404, 0.622, 0.998, 2.39],
        ),
        (
            "Gaussian, literal",
            literal,
            Box::new(gaussian(0.5)),
            PivotRule::OnsetLiteral,
            0.513,
            [0.211, 0.413, 0.636, 1.02, 2.43],
        ),
        (
            "two scales",
            discrete(),
            Box::new(two_scales),
            PivotRule::Foot,
            0.0294,
            [0.055, 0.104, 0.847, 2.01, 5.28],
        ),
    ];
    for (name, config, mmse, rule, c, exact) in rows {
        let (report, _) = refreshed(&config, mmse);
        assert_eq!(report.pivot_rule, rule, "{name}");
        near(name, report.pivot, c, 0.01);
        for (ours, exact) in quantiles(&report).into_iter().zip(exact) {
            near(name, ours, exact, 0.01);
        }
    }
    // Ungated information of two points.
    let open = Config { pivot: Pivot::Off, ..discrete() };
    let (report, _) = refreshed(&open, two_point);
    for (ours, exact) in quantiles(&report).into_iter().zip([0.4478, 0.6770, 0.9786, 1.5493, 3.728]) {
        near("two-point, no gate", ours, exact, 0.01);
    }
}

#[test]
fn integrals_of_the_rate() {
    let open = Config { pivot: Pivot::Off, sigma_min: 0.02, guard: false, ..continuous() };
    near("ln 2", refreshed(&open, two_point).0.information_nats, 0.693069, 1e-4);
    near("Gaussian", 5.0 * refreshed(&open, gaussian(0.5)).0.information_nats, 16.09828, 1e-4);
    let low = Config { sigma_min: 0.002, ..open };
    near("Gaussian", 5.0 * refreshed(&low, gaussian(0.5)).0.information_nats, 27.60725, 1e-4);
}

#[test]
fn scaling_data_and_grid_scales_every_quantile() {
    // A power of two, so that f32 edges scale exactly.
    for (config, mmse) in [(continuous(), &gaussian(0.5) as &dyn Fn(f64) -> f64), (discrete(), &two_point)] {
        let (plain, _) = refreshed(&config, mmse);
        let (low, high) = config.ends();
        let scaled = Config { sigma_min: 8.0 * f64::from(low), sigma_max: 8.0 * f64::from(high), ..config };
        let (large, _) = refreshed(&scaled, |s| 64.0 * mmse(s / 8.0));
        for (a, b) in quantiles(&plain).into_iter().zip(quantiles(&large)) {
            near("scaled", b, 8.0 * a, 1e-6);
        }
        near("pivot", large.pivot, 8.0 * plain.pivot, 1e-6);
        near("nats", large.information_nats, plain.information_nats, 1e-6);
    }
}

#[test]
fn constant_factors_on_the_errors_change_nothing() {
    for pivot in [Pivot::Foot, Pivot::PowerLaw, Pivot::OnsetLiteral, Pivot::Fixed] {
        let endpoint = if pivot == Pivot::OnsetLiteral { Endpoint::Continuous } else { Endpoint::Discrete };
        let config =
            Config { pivot, pivot_value: 0.3, endpoint, ceiling: false, guard: false, ..continuous() };
        // A power law below the information peak, so that each rule has something to find.
        let mmse = |s: f64| two_point(s) + 1e-5 * s;
        let (plain, density) = refreshed(&config, mmse);
        for factor in [1e-3, 1.7, 40.0] {
            let (other, scaled) = refreshed(&config, |s| factor * mmse(s));
            assert_eq!(other.pivot_rule, plain.pivot_rule);
            near(pivot.name(), other.pivot, plain.pivot, 1e-5);
            for (a, b) in density.iter().zip(&scaled) {
                assert!((a - b).abs() < 1e-6, "{}: {a} {b}", pivot.name());
            }
        }
    }
}

#[test]
fn onset_is_the_deviation_of_gaussian_data() {
    for sigma_min in [1e-5, 1e-4, 5e-4, 0.002, 0.02] {
        for deviation in [0.25, 0.5, 1.0, 4.0] {
            let config = Config { sigma_min, guard: false, ..continuous() };
            near("onset", refreshed(&config, gaussian(deviation)).0.pivot, deviation, 0.02);
        }
    }
}

#[test]
fn objectives_agree_once_the_weight_is_undone() {
    let centres = centres(&continuous());
    let (_, reference) = refreshed(&Config { sigma_data: 0.5, ..continuous() }, gaussian(0.5));
    for &objective in Objective::ALL {
        for (emphasis, reduction_dim) in
            [(Emphasis::Target, 0), (Emphasis::Samples, 0), (Emphasis::Target, 768)]
        {
            let config =
                Config { objective, emphasis, reduction_dim, sigma_data: 0.5, guard: false, ..continuous() };
            let (_, density) = refreshed(&config, gaussian(0.5));
            let weight = |k: usize| match emphasis {
                Emphasis::Target => objective.weight(centres[k], 0.5),
                Emphasis::Samples => 1.0,
            };
            let undone: Vec<f64> = density.iter().enumerate().map(|(k, pi)| pi * weight(k)).collect();
            let total: f64 = undone.iter().sum();
            for (a, b) in undone.iter().zip(&reference) {
                assert!((a / total - b).abs() < 1e-6, "{objective:?} {emphasis:?}");
            }
        }
    }
}

/// The weight table multiplies the fixed weight.
#[test]
fn a_weight_table_moves_the_draws_against_it() {
    let config = Config { warmup_steps: 1, min_count: 1, window: 8, ..continuous() };
    let centres = centres(&config);
    let min_snr: Vec<f64> = (0..64).map(|k| (5.0f64).min(centres[k].powi(-2))).collect();
    let mut words = vec![0; state_words(64, 8)];
    let mut scheduler = Scheduler::init_with(&mut words, &config, 0, Some(&min_snr), None).unwrap();
    for &centre in &centres {
        scheduler.observe(&[centre as f32], &[gaussian(0.5)(centre) as f32]).unwrap();
    }
    scheduler.step().unwrap();
    let mut memory = [0.0; profile_len(64)];
    let profile = scheduler.profile(&mut memory).unwrap();
    let undone: Vec<f64> = (0..64).map(|k| profile.density[k] * min_snr[k]).collect();
    let total: f64 = undone.iter().sum();
    for (a, b) in undone.iter().zip(&*profile.target) {
        assert!((a / total - b).abs() < 1e-12);
    }
}
