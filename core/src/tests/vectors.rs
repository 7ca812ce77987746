//! The golden vectors in tests/vectors, computed by the NumPy reference, which was
//! written from the specification alone. Their README gives the tolerances.

use crate::maths::ln;
use crate::method::density;
use crate::method::gate::gate;
use crate::method::grid::Grid;
use crate::method::refresh::find_target;
use crate::method::warning::Evidence;
use crate::state::draw_table::{DrawTable, cells, columns};
use crate::{Baseline, Draw, Emphasis, Endpoint, Objective, Pivot};
use crate::{Config, Report, Scheduler, StateRef, Step, profile_len, state_words};
use serde_json::Value;
use std::path::Path;

fn load(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(name);
    let value: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    match value {
        Value::Array(cases) => cases,
        other => vec![other],
    }
}

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(float).collect()
}

fn f32s(value: &Value) -> Vec<f32> {
    floats(value).iter().map(|&x| x as f32).collect()
}

fn f32s_of_bits(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| f32::from_bits(x.as_u64().unwrap() as u32)).collect()
}

fn config(fields: &Value) -> Config {
    let int = |name: &str| fields[name].as_u64().unwrap();
    let real = |name: &str| float(&fields[name]);
    macro_rules! named {
        ($kind:ident, $field:literal) => {
            *$kind::ALL.iter().find(|kind| kind.name() == fields[$field]).unwrap()
        };
    }
    Config {
        bins: int("bins") as u32,
        window: int("window") as u32,
        sigma_min: real("sigma_min"),
        sigma_max: real("sigma_max"),
        objective: named!(Objective, "objective"),
        sigma_data: real("sigma_data"),
        reduction_dim: int("reduction_dim") as u32,
        emphasis: named!(Emphasis, "emphasis"),
        endpoint: named!(Endpoint, "endpoint"),
        pivot: named!(Pivot, "pivot"),
        pivot_value: real("pivot_value"),
        onset_threshold: real("onset_threshold"),
        gate_exponent: real("gate_exponent"),
        ceiling: fields["ceiling"].as_bool().unwrap(),
        guard: fields["guard"].as_bool().unwrap(),
        smoothing: int("smoothing") as u32,
        coverage: real("coverage"),
        baseline: named!(Baseline, "baseline"),
        baseline_mean: real("baseline_mean"),
        baseline_std: real("baseline_std"),
        warmup_steps: int("warmup_steps"),
        refresh_every: int("refresh_every"),
        min_count: int("min_count") as u32,
        ema_rate: real("ema_rate"),
        draw: named!(Draw, "draw"),
        refresh_growth: int("refresh_growth") as u32,
        fresh_means: fields["fresh_means"].as_bool().unwrap(),
    }
}

fn table(value: &Value) -> Option<Vec<f64>> {
    (!value.is_null()).then(|| floats(value))
}

fn thresholds(reader: &StateRef<'_>) -> Vec<u64> {
    let mut memory = vec![0.0; profile_len(reader.bins())];
    reader.profile(&mut memory).unwrap().cdf.iter().map(|share| (share * 4294967296.0) as u64).collect()
}

fn near(what: &str, ours: &[f64], theirs: &[f64], relative: f64, absolute: f64) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= relative * b.abs() + absolute, "{what}[{i}]: {a}, reference {b}");
    }
}

fn near_thresholds(what: &str, ours: &[u64], theirs: &Value) {
    let theirs: Vec<u64> = theirs.as_array().unwrap().iter().map(|t| t.as_u64().unwrap()).collect();
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let off = ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(off <= 1, "{what}: thresholds differ by {off} of 2^32");
}

#[test]
fn profiles() {
    for case in load("profiles.json") {
        let name = case["name"].as_str().unwrap();
        let config = config(&case["config"]);
        let (bins, window) = (config.bins as usize, config.window as usize);
        let weight = table(&case["weight"]);
        let mut words = vec![0; state_words(bins, window)];
        let mut scheduler = Scheduler::init_with(&mut words, &config, 0, weight.as_deref(), None)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let (sigma, expected) = (f32s(&case["sigma"]), &case["expected"]);
        let rounds = case["rounds"].as_array().unwrap();
        let (mut ema, mut accepted, mut done) = (Vec::new(), None, Step::Counted);
        let mut history = Vec::new();
        let grid = Grid::new(&config);
        for (index, round) in rounds.iter().enumerate() {
            let error = f32s(&round["error"]);
            for _ in 0..round["repeats"].as_u64().unwrap() {
                assert_eq!(scheduler.observe(&sigma, &error), Ok(0), "{name}");
            }
            done = scheduler.step().unwrap();
            // The rings' means, blended as in the EMA.
            for _ in 0..round["repeats"].as_u64().unwrap() {
                history.push(floats(&round["x0_error"]));
            }
            let (total, count) = (history.len(), history.len().min(window));
            let fresh = (total / 2).max(config.min_count as usize).min(count);
            let recent = &history[total - if config.fresh_means { fresh } else { count }..];
            ema = (0..bins)
                .map(|k| {
                    let mean = recent.iter().map(|errors| errors[k]).sum::<f64>() / recent.len() as f64;
                    if index == 0 { mean } else { (1.0 - config.ema_rate) * ema[k] + config.ema_rate * mean }
                })
                .collect();
            if done == Step::Refreshed && index + 1 < rounds.len() {
                accepted = Some(scheduler.report().pivot.ln());
            }
        }
        let report = scheduler.report();
        let held = expected["hold_reason"] != "none";
        assert_eq!(matches!(done, Step::Held(_)), held, "{name}");
        if held {
            assert_eq!(report.hold_reason.name(), expected["hold_reason"], "{name}");
        }
        assert_eq!(report.warning.name(), expected["warning"], "{name}");
        assert_eq!(u64::from(report.clipped_bins), expected["clipped_bins"].as_u64().unwrap(), "{name}");
        check_named_bins(name, &report, expected);

        let (mut error, mut y, mut target) = (ema.clone(), vec![0.0; bins], vec![0.0; bins]);
        let found = find_target(&config, &grid, accepted, &mut error, &mut y, &mut target);
        assert_eq!(found.pivot.rule.name(), expected["rule"], "{name}");
        let above = Evidence::of(&config, &grid, &ema, &ema.iter().map(|&m| ln(m)).collect::<Vec<_>>());
        let above = u64::from(above.above_identity.count);
        assert_eq!(above, expected["bins_above_identity"].as_u64().unwrap(), "{name}");
        if let Some(ln_c) = expected["ln_c"].as_f64() {
            near(name, &[found.pivot.ln_c], &[ln_c], 1e-12, 1e-12);
        }
        if !expected["y"].is_null() {
            near(&format!("{name} y"), &y, &floats(&expected["y"]), 1e-12, 1e-12);
        }
        let gate: Vec<f64> =
            (0..bins).map(|k| gate(config.gate_exponent, found.pivot.ln_c, grid.ln_centre(k))).collect();
        let ones = vec![1.0; bins];
        let mut density = target.clone();
        density::density(&config, &grid, weight.as_deref().unwrap_or(&ones), &mut density);
        density::add_coverage(&mut density, config.coverage);
        for (what, ours) in [("error", &error), ("gate", &gate), ("target", &target), ("density", &density)] {
            if !expected[what].is_null() {
                near(&format!("{name} {what}"), ours, &floats(&expected[what]), 1e-12, 1e-15);
            }
        }
        if held {
            near_thresholds(name, &thresholds(&scheduler.reader()), &expected["thresholds_in_force"]);
            continue;
        }
        near_thresholds(name, &thresholds(&scheduler.reader()), &expected["thresholds"]);
        let quantiles = [report.q05, report.q25, report.q50, report.q75, report.q95];
        near(&format!("{name} quantiles"), &quantiles, &floats(&expected["quantiles"]), 1e-6, 0.0);
        near(name, &[report.information_nats], &[float(&expected["information"])], 1e-12, 0.0);
        near(name, &[report.peak_sigma], &[float(&expected["peak"])], 1e-12, 0.0);
        for wanted in expected["info_grids"].as_array().unwrap() {
            let theirs = floats(&wanted["sigma"]);
            let mut ours = vec![0.0; theirs.len()];
            let gated = wanted["gated"].as_bool().unwrap();
            scheduler.reader().info_grid(&mut ours, float(&wanted["power"]), gated).unwrap();
            let ours: Vec<f64> = ours.into_iter().map(f64::from).collect();
            near(&format!("{name} info grid"), &ours, &theirs, 1e-6, 0.0);
        }
        scheduler.reader().validate().unwrap();
    }
}

#[test]
fn draws() {
    let vectors = load("draws.json").remove(0);
    for case in vectors["tables"].as_array().unwrap() {
        let edges = f32s_of_bits(&case["edges_bits"]);
        let ends: Vec<u64> =
            case["thresholds"].as_array().unwrap().iter().map(|t| t.as_u64().unwrap()).collect();
        let bins = edges.len() - 1;
        let config = Config {
            bins: bins as u32,
            sigma_min: edges[0].into(),
            sigma_max: edges[bins].into(),
            ..Config::DEFAULT
        };
        let grid = Grid::new(&config);
        for (i, edge) in edges.iter().enumerate() {
            assert_eq!(grid.edge(i).to_bits(), edge.to_bits(), "{} edge {i}", case["name"]);
        }
        let (mut entries, mut guide) = (vec![0; columns(bins)], vec![0; cells(bins)]);
        let last = DrawTable::fill(&grid, &mut entries, &mut guide, |k| ends[k + 1]);
        let table = DrawTable::new(&entries, &guide, last);
        let words = case["words"].as_array().unwrap().iter().map(|word| word.as_u64().unwrap() as u32);
        for (word, sigma) in words.zip(f32s_of_bits(&case["sigma_bits"])) {
            assert_eq!(table.draw(word).to_bits(), sigma.to_bits(), "{} word {word}", case["name"]);
        }
    }
    for case in vectors["streams"].as_array().unwrap() {
        let config = config(&case["config"]);
        let seed = case["seed"].as_u64().unwrap();
        let world = case["world"].as_u64().unwrap() as u32;
        for (rank, calls) in case["sigma_bits"].as_array().unwrap().iter().enumerate() {
            let mut words = vec![0; state_words(config.bins as usize, config.window as usize)];
            let mut scheduler = Scheduler::init(&mut words, &config, seed).unwrap();
            for expected in calls.as_array().unwrap() {
                let expected = f32s_of_bits(expected);
                let mut sigma = vec![0.0; expected.len()];
                scheduler.sample_shard(&mut sigma, rank as u32, world).unwrap();
                for (ours, theirs) in sigma.iter().zip(&expected) {
                    assert!((ours / theirs - 1.0).abs() < 1e-6, "{}", case["name"]);
                }
            }
        }
    }
}

/// The random generator of the draws, against its published outputs.
#[test]
fn generators() {
    use rand_core::{Rng, SeedableRng};
    for case in load("draws.json").remove(0)["generators"].as_array().unwrap() {
        let hex = |value: &Value| u64::from_str_radix(&value.as_str().unwrap()[2..], 16).unwrap();
        let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(hex(&case["seed"]));
        for (bytes, word) in rng.state().chunks(8).zip(case["state"].as_array().unwrap()) {
            assert_eq!(u64::from_le_bytes(bytes.try_into().unwrap()), hex(word));
        }
        for word in case["words"].as_array().unwrap() {
            assert_eq!(rng.next_u64(), hex(word));
        }
    }
}

/// Replays run.json; returns every digest and sigma, for other float modes.
fn replay() -> Vec<u64> {
    let mut trace = Vec::new();
    for run in load("run.json") {
        let name = run["name"].as_str().unwrap();
        let config = config(&run["config"]);
        let mut words = vec![0; state_words(config.bins as usize, config.window as usize)];
        let (weight, baseline) = (table(&run["weight"]), table(&run["baseline"]));
        let seed = run["seed"].as_u64().unwrap();
        let mut scheduler =
            Scheduler::init_with(&mut words, &config, seed, weight.as_deref(), baseline.as_deref()).unwrap();
        for (i, operation) in run["operations"].as_array().unwrap().iter().enumerate() {
            let at = format!("{name}, operation {i}");
            match operation["op"].as_str().unwrap() {
                "sample" => {
                    let expected = f32s_of_bits(&operation["sigma_bits"]);
                    let mut sigma = vec![0.0; expected.len()];
                    scheduler.sample(&mut sigma).unwrap();
                    for (ours, theirs) in sigma.iter().zip(&expected) {
                        assert!((ours / theirs - 1.0).abs() < 1e-6, "{at}: {ours}, reference {theirs}");
                    }
                    trace.extend(sigma.iter().map(|sigma| u64::from(sigma.to_bits())));
                }
                "observe" => {
                    let mask: Option<Vec<u8>> = operation["mask"]
                        .as_array()
                        .map(|mask| mask.iter().map(|m| m.as_u64().unwrap() as u8).collect());
                    let rejected = scheduler.observe_masked(
                        &f32s_of_bits(&operation["sigma_bits"]),
                        &f32s_of_bits(&operation["error_bits"]),
                        mask.as_deref(),
                    );
                    assert_eq!(rejected, Ok(operation["rejected"].as_u64().unwrap() as usize), "{at}");
                }
                "set_frozen" => scheduler.set_frozen(
                    operation["frozen"].as_bool().unwrap_or(operation["frozen"].as_u64() == Some(1)),
                ),
                "step" => {
                    scheduler.step().unwrap();
                    check_report(&at, &scheduler, operation);
                    trace.push(scheduler.digest());
                }
                other => panic!("{at}: {other}"),
            }
        }
        scheduler.reader().validate().unwrap();
    }
    trace
}

/// The bins that the warning is about.
fn check_named_bins(at: &str, report: &Report, expected: &Value) {
    assert_eq!(Some(report.warning_bins.into()), expected["warning_bins"].as_u64(), "{at}");
    for (ours, what) in [(report.warning_low, "warning_low"), (report.warning_high, "warning_high")] {
        near(&format!("{at} {what}"), &[ours], &[float(&expected[what])], 1e-6, 0.0);
    }
}

fn check_report(at: &str, scheduler: &Scheduler<'_>, expected: &Value) {
    let report = scheduler.report();
    assert_eq!(report.phase.name(), expected["phase"], "{at}");
    assert_eq!(report.hold_reason.name(), expected["hold_reason"], "{at}");
    assert_eq!(report.warning.name(), expected["warning"], "{at}");
    assert_eq!(report.pivot_rule.name(), expected["pivot_rule"], "{at}");
    for (what, ours) in [
        ("steps", report.steps),
        ("draws", report.draws),
        ("observations", report.observations),
        ("rejected", report.rejected),
        ("refreshes", report.refreshes),
        ("held", report.held),
        ("clipped_bins", report.clipped_bins.into()),
        ("poorest_bin", report.poorest_bin.into()),
        ("poorest_count", report.poorest_count.into()),
        ("unreachable_bins", report.unreachable_bins.into()),
    ] {
        assert_eq!(Some(ours), expected[what].as_u64(), "{at}: {what}");
    }
    check_named_bins(at, &report, expected);
    if let Some(pivot) = expected["pivot"].as_f64() {
        near(at, &[report.pivot], &[pivot], 1e-12, 0.0);
    }
    let refresh = &expected["refresh"];
    if !refresh.is_null() {
        near_thresholds(at, &thresholds(&scheduler.reader()), &refresh["thresholds"]);
    }
}

#[test]
fn runs() {
    assert!(!replay().is_empty());
}

/// XLA runs custom calls with flush-to-zero and denormals-are-zero on.
#[test]
#[cfg(target_arch = "x86_64")]
fn runs_with_subnormals_flushed() {
    let plain = replay();
    let flushed = flushing::with(replay);
    assert!(plain == flushed, "the host's float mode changed a result");
}

#[cfg(target_arch = "x86_64")]
mod flushing {
    //! The control register needs two instructions that the core never uses.
    #![allow(unsafe_code)]
    use std::arch::asm;

    fn load(mode: u32) {
        unsafe { asm!("ldmxcsr [{}]", in(reg) &mode, options(nostack)) }
    }

    pub fn with<T>(body: impl FnOnce() -> T) -> T {
        let mut saved = 0u32;
        unsafe { asm!("stmxcsr [{}]", in(reg) &mut saved, options(nostack)) };
        load(saved | 0x8040);
        let tiny = std::hint::black_box(f32::MIN_POSITIVE) * std::hint::black_box(0.5);
        assert_eq!(tiny, 0.0, "the mode is not in force");
        let result = body();
        load(saved);
        result
    }
}
