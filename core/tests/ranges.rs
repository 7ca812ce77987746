//! Parts of a range, other units and error floors: what is legitimate adapts and equals
//! the whole schedule cut to its range; a collapse is held
//! (docs/specification.md#guard).

use infonoise::{Config, Endpoint, Hold, Objective, PivotRule, Warning};
use infonoise_simulation::{exact, gaussian};

/// Masses of `whole` in the bins of `part`, normalised; within a bin of `whole` the
/// density per unit ln sigma is constant.
fn cut(whole: &Config, density: &[f64], part: &Config) -> Vec<f64> {
    let edges = |config: &Config| {
        let (low, high) = config.ends();
        let (low, high) = (f64::from(low).ln(), f64::from(high).ln());
        move |i: f64| low + (high - low) * i
    };
    let (bins, from, to) = (density.len() as f64, edges(whole), edges(part));
    let below = |x: f64| -> f64 {
        let place = ((x - from(0.0)) / (from(1.0) - from(0.0)) * bins).clamp(0.0, bins);
        let full = (place as usize).min(density.len() - 1);
        density[..full].iter().sum::<f64>() + (place - full as f64) * density[full]
    };
    let edge = |i: u32| below(to(f64::from(i) / f64::from(part.bins)));
    let masses: Vec<f64> = (0..part.bins).map(|k| edge(k + 1) - edge(k)).collect();
    let total: f64 = masses.iter().sum();
    masses.into_iter().map(|mass| mass / total).collect()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

#[test]
fn a_part_of_the_range_is_the_whole_schedule_cut_to_it() {
    // t = .875 of a flow is sigma = 7.
    let edm = Config::edm(0.5);
    let (flow, epsilon) = (Config::flow(), Config::epsilon());
    let cases = [
        ("flow expert, low", flow, Config { sigma_max: 7.0, ..flow }, 0.5, 0.02),
        ("flow expert, high", flow, Config { sigma_min: 7.0, ..flow }, 0.5, 0.02),
        ("flow expert of wider data, low", flow, Config { sigma_max: 7.0, ..flow }, 1.0, 0.02),
        ("flow expert of wider data, high", flow, Config { sigma_min: 7.0, ..flow }, 1.0, 0.02),
        ("EDM below .3", edm, Config { sigma_max: 0.3, ..edm }, 0.5, 0.02),
        ("EDM above 1", edm, Config { sigma_min: 1.0, ..edm }, 0.5, 0.02),
        ("refiner", epsilon, Config { sigma_max: 0.57, ..epsilon }, 1.0, 0.06),
        ("refiner of narrower data", epsilon, Config { sigma_max: 0.57, ..epsilon }, 0.5, 0.06),
    ];
    for (name, whole, part, deviation, limit) in cases {
        for sigma_data in [0.0, deviation] {
            if whole.objective == Objective::Edm && sigma_data == 0.0 {
                continue;
            }
            let whole = Config { bins: 256, sigma_data, coverage: 0.0, ..whole };
            let part = Config { sigma_data, coverage: 0.0, ..part };
            let found = exact(&part, &gaussian(deviation)).unwrap();
            let truth = exact(&whole, &gaussian(deviation)).unwrap();
            assert_eq!((found.hold, truth.hold), (Hold::None, Hold::None), "{name}");
            let distance = distance(&found.density, &cut(&whole, &truth.density, &part));
            println!("{name}, sigma_data {sigma_data}: {distance:.4}");
            // With sigma_data the pivot beyond the grid is found, too.
            let limit = if sigma_data > 0.0 { 0.02 } else { limit };
            assert!(distance < limit, "{name}, sigma_data {sigma_data}: {distance}");
        }
    }
}

/// Experts with the errors of real networks: those that a denoiser cannot have lie at the
/// other end of the grid than the band, and do not speak against it.
#[test]
fn experts_with_error_floors_adapt() {
    let epsilon = Config { sigma_min: 1.0, sigma_max: 80.0, sigma_data: 0.5, ..Config::epsilon() };
    let edm = Config { sigma_min: 2.0, sigma_max: 80.0, ..Config::edm(0.5) };
    let low = Config { sigma_min: 0.002, sigma_max: 1.0, sigma_data: 0.5, ..Config::DEFAULT };
    let floor = |s: f64| gaussian(0.5)(s) + 1e-3 * s * s;
    let no_skip = |s: f64| gaussian(0.5)(s) + 1e-3;
    // Wrong at high noise alone, where the ceiling cuts it.
    let wild = |s: f64| gaussian(0.5)(s) + if s > 8.0 { 3.0 * s * s } else { 0.0 };
    type Case<'a> = (Config, &'a dyn Fn(f64) -> f64, Warning);
    let cases: [Case<'_>; 4] = [
        (epsilon, &wild, Warning::ErrorsAboveIdentity),
        (epsilon, &floor, Warning::ErrorsAboveVariance),
        // sigma_data is the constant of the preconditioning, not the data's deviation.
        (edm, &gaussian(0.87), Warning::BandAtLowEnd),
        (low, &no_skip, Warning::ErrorsAboveIdentity),
    ];
    for (config, errors, warning) in cases {
        let found = exact(&config, errors).unwrap();
        assert_eq!(found.hold, Hold::None, "{config:?}");
        if warning != Warning::BandAtLowEnd {
            assert_eq!(found.report.warning, warning, "{config:?}");
        }
        let clean = exact(&Config { guard: false, ..config }, errors).unwrap();
        assert!(distance(&found.density, &clean.density) < 1e-12);
    }
}

#[test]
fn data_in_other_units_adapt() {
    for deviation in [16.0, 100.0] {
        let whole = Config {
            bins: 256,
            sigma_min: 0.004 * deviation,
            sigma_max: 160.0 * deviation,
            coverage: 0.0,
            ..Config::DEFAULT
        };
        let truth = exact(&whole, &gaussian(deviation)).unwrap();
        let default_ends = Config { sigma_min: 0.002, sigma_max: 80.0, coverage: 0.0, ..Config::DEFAULT };
        for config in [default_ends, Config { sigma_data: deviation, ..default_ends }] {
            let found = exact(&config, &gaussian(deviation)).unwrap();
            assert_eq!((found.hold, found.report.warning), (Hold::None, Warning::BandAtHighEnd));
            let limit = if deviation > 80.0 && config.sigma_data == 0.0 { 0.06 } else { 0.02 };
            let distance = distance(&found.density, &cut(&whole, &truth.density, &config));
            println!("deviation {deviation}, sigma_data {}: {distance:.4}", config.sigma_data);
            assert!(distance < limit, "deviation {deviation}, {config:?}: {distance}");
        }
        // Ends that are not given follow the data: all numbers scale, and nothing warns.
        let scaled = |sigma_data: f64| {
            let config = Config { sigma_data, ..Config::DEFAULT };
            (config.ends(), exact(&config, &gaussian(sigma_data)).unwrap())
        };
        let ((ends, found), (unit, one)) = (scaled(deviation), scaled(1.0));
        assert_eq!((ends.0, ends.1), (unit.0 * deviation as f32, unit.1 * deviation as f32));
        assert_eq!((found.hold, found.report.warning), (Hold::None, Warning::None));
        assert!((found.report.pivot / one.report.pivot / deviation - 1.0).abs() < 1e-6);
        assert!(distance(&found.density, &one.density) < 1e-6);
    }
}

#[test]
fn a_pivot_beyond_the_grid_is_extrapolated() {
    let config = Config { sigma_max: 0.2, sigma_min: 0.002, ..Config::edm(0.5) };
    let report = exact(&config, &gaussian(0.5)).unwrap().report;
    assert_eq!(report.pivot_rule, PivotRule::OnsetAtTop);
    assert!((0.4..0.9).contains(&report.pivot), "{}", report.pivot);
}

#[test]
fn collapses_are_still_held() {
    let open = Config { ceiling: false, ..Config::DEFAULT };
    let constant = |_: f64| 0.3;
    // Errors of another objective, declared as x0 errors.
    let velocity = |s: f64| gaussian(0.5)(s) / Objective::Velocity.to_x0(s);
    let epsilon = |s: f64| gaussian(0.5)(s) / Objective::Epsilon.to_x0(s);
    let floor = |s: f64| gaussian(0.5)(s) + 0.05;
    let discrete = Config { endpoint: Endpoint::Discrete, pivot: infonoise::Pivot::Off, ..open };
    type Case<'a> = (&'a str, Config, &'a dyn Fn(f64) -> f64, Hold);
    let cases: [Case<'_>; 6] = [
        ("a constant", open, &constant, Hold::LowEndUnresolved),
        ("velocity as x0", open, &velocity, Hold::LowEndUnresolved),
        ("epsilon as x0", open, &epsilon, Hold::LowEndUnresolved),
        ("a loss floor", open, &floor, Hold::LowEndUnresolved),
        // 98.7 % and more in the lowest quarter, as public ports had it.
        ("velocity as x0, discrete", discrete, &velocity, Hold::DegenerateLow),
        ("a loss floor, discrete", discrete, &floor, Hold::DegenerateLow),
    ];
    for (name, config, errors, hold) in cases {
        let found = exact(&config, errors).unwrap();
        println!("{name}: {}", found.hold.name());
        assert_eq!(found.hold, hold, "{name}");
        assert_eq!(found.report.warning, Warning::ErrorsAboveIdentity, "{name}");
        // With the ceiling on, the bins below are capped and the schedule stays inside.
        let capped = exact(&Config { ceiling: true, pivot: config.pivot, ..config }, errors).unwrap();
        assert_eq!(capped.report.warning, Warning::ErrorsAboveIdentity, "{name}");
    }
}

/// An epsilon network with a floor under its error: its x0 error grows with sigma^2.
#[test]
fn an_error_floor_is_warned_of_and_sigma_data_bounds_it() {
    for (sigma_min, sigma_max) in [(0.029, 14.65), (0.002, 80.0), (0.002, 160.0)] {
        for floor in [0.003, 0.01, 0.03] {
            let plain = Config { sigma_min, sigma_max, ..Config::epsilon() };
            let known = Config { sigma_data: 0.5, ..plain };
            let errors = |s: f64| gaussian(0.5)(s) + floor * s * s;
            let clean = exact(&known, &gaussian(0.5)).unwrap().report;
            assert_eq!((clean.warning, clean.warning_bins), (Warning::None, 0));
            let unknown = exact(&plain, &errors).unwrap().report;
            assert_eq!((unknown.warning, unknown.warning_bins), (Warning::ErrorsAboveVariance, 7));
            assert!(f64::from(sigma_max as f32) == unknown.warning_high && unknown.warning_low > 1.0);
            let bounded = exact(&known, &errors).unwrap().report;
            let q95 = [clean, unknown, bounded].map(|report| report.q95);
            println!("floor {floor} up to {sigma_max}: q95 exact, unknown, with sigma_data: {q95:.2?}");
            assert!((bounded.q95 / clean.q95 - 1.0).abs() < 0.15, "{} {}", bounded.q95, clean.q95);
        }
    }
    // The specification's own numbers: q95 is about 90 without sigma_data, and below 3 with it.
    let wide = Config { sigma_min: 0.002, sigma_max: 160.0, coverage: 0.0, ..Config::epsilon() };
    let errors = |s: f64| gaussian(0.5)(s) + 0.01 * s * s;
    assert!(exact(&wide, &errors).unwrap().report.q95 > 80.0);
    assert!(exact(&Config { sigma_data: 0.5, ..wide }, &errors).unwrap().report.q95 < 3.0);
}
