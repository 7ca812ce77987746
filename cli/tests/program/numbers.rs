//! The printed numbers, compared with those of the core.

use crate::{folder, line, numbers, quick, refusal, snapshot_of, trained, write};
use infonoise::coordinate::from_sigma;
use infonoise::plan::plan_len;
use infonoise::{Config, Coordinate, Schedule, Scheduler, Solver, StateRef, profile_len, state_words};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

#[test]
fn inspect_tells_what_the_core_reports() {
    let words = trained(&quick(), 75);
    let path = write(&folder("report"), "state", snapshot_of(&words));
    let json = line(&format!("inspect {path} --json")).json();
    let reader = StateRef::open(&words).unwrap();
    let mut curves = [0.0; profile_len(64)];
    let (report, profile) = (reader.report(), reader.profile(&mut curves).unwrap());
    let fields = json["report"].as_object().unwrap();
    assert_eq!(fields.len(), 30);
    for (name, value) in [
        ("steps", report.steps as f64),
        ("draws", report.draws as f64),
        ("observations", report.observations as f64),
        ("refreshes", report.refreshes as f64),
        ("pivot", report.pivot),
        ("pivot_ratio", report.pivot_ratio),
        ("cdf_change", report.cdf_change),
        ("q05", report.q05),
        ("q95", report.q95),
        ("peak_sigma", report.peak_sigma),
        ("information_nats", report.information_nats),
        ("stalest_age", report.stalest_age as f64),
    ] {
        assert_eq!(fields[name].as_f64(), Some(value), "{name}");
    }
    assert_eq!(fields["pivot_rule"], "onset");
    let curves = [
        ("sigma", &profile.sigma[..]),
        ("edges", profile.edges),
        ("cdf", profile.cdf),
        ("entropy", profile.entropy),
        ("count", profile.count),
        ("error", profile.error),
        ("rate", profile.rate),
        ("gate", profile.gate),
        ("target", profile.target),
        ("density", profile.density),
    ];
    for (name, curve) in curves {
        assert_eq!(numbers(&json["profile"][name]), curve, "{name}");
    }
    assert_eq!(json["config"]["min_count"], 20);
    assert_eq!(json["config"]["ceiling"], true);
    assert_eq!(json["config"].as_object().unwrap().len(), 27);
}

#[test]
fn grids_are_the_core_s_bit_for_bit() {
    let words = trained(&quick(), 60);
    let folder = folder("grid");
    let path = write(&folder, "state", snapshot_of(&words));
    for (flags, n, power, gated) in
        [("", 18, 1.0, true), ("--power 0", 40, 0.0, true), ("--bare --power -0.5", 7, -0.5, false)]
    {
        let mut expected = vec![0.0f32; n];
        StateRef::open(&words).unwrap().info_grid(&mut expected, power, gated).unwrap();
        let text = line(&format!("grid {path} -n {n} {flags}")).out;
        let found: Vec<f32> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(found, expected);
        let json = line(&format!("grid {path} -n {n} {flags} --json")).json();
        let found: Vec<f32> = numbers(&json["sigma"]).iter().map(|&sigma| sigma as f32).collect();
        assert_eq!(found, expected);
    }
    assert!(refusal(&format!("grid {path} -n 1")).starts_with("-n 1 must be 2 to"));
    assert!(refusal(&format!("grid {path} -n 9 --power 65")).starts_with("--power 65 must be -64 to 64"));
    let fresh = write(&folder, "fresh", snapshot_of(&trained(&quick(), 5)));
    assert!(refusal(&format!("grid {fresh} -n 18")).starts_with(&format!("{fresh}: not ready")));
}

#[test]
fn planned_grids_are_the_core_s_bit_for_bit() {
    let words = trained(&quick(), 60);
    let folder = folder("planned");
    let path = write(&folder, "state", snapshot_of(&words));
    let reader = StateRef::open(&words).unwrap();
    for (flags, n, solver, estimated, end) in [
        ("-n 9", 9, Solver::Heun, false, None),
        ("--nfe 17", 9, Solver::Heun, false, None),
        ("--nfe 7 --solver euler --estimate", 7, Solver::Euler, true, None),
        ("-n 5 --end 0.05", 5, Solver::Heun, false, Some(0.05)),
        ("-n 1", 1, Solver::Heun, false, None),
    ] {
        let (mut expected, mut room) = (vec![0.0f32; n], vec![0.0; plan_len(n)]);
        let plan = reader.plan_grid(solver, estimated, end, &mut expected, &mut room).unwrap();
        let done = line(&format!("grid {path} --planned {flags}"));
        let found: Vec<f32> = done.out.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(found, expected);
        let json = line(&format!("grid {path} --planned {flags} --json")).json();
        let found: Vec<f32> = numbers(&json["sigma"]).iter().map(|&sigma| sigma as f32).collect();
        assert_eq!(found, expected);
        assert_eq!(json["edm_levels"], plan.edm_levels);
        assert_eq!(json["error"].as_f64(), Some(plan.planned.error));
        assert_eq!(json["edm_leaps"].as_f64(), Some(plan.edm.leaps));
        let spectrum: Vec<(f64, f64)> = plan.spectrum.iter().collect();
        let pairs = numbers(&json["variance"]).into_iter().zip(numbers(&json["mass"]));
        assert_eq!(pairs.collect::<Vec<_>>(), spectrum);
        assert_eq!(done.err, format!("infonoise: {}\n", json["verdict"].as_str().unwrap()));
    }
    let done = line(&format!("grid {path} --planned --nfe 17"));
    assert!(done.err.starts_with("infonoise: 9 levels (17 evaluations): as good as EDM's "), "{}", done.err);
    // A table that was measured elsewhere: the one of the same data.
    let rows: String = (0..=100)
        .map(|i| {
            let sigma = (f64::from(i) * 0.1 - 6.0).exp();
            format!("{sigma},{}\n", infonoise_simulation::gaussian(0.5)(sigma))
        })
        .collect();
    let table = write(&folder, "gaussian.csv", format!("sigma,mmse\n{rows}"));
    let json = line(&format!("grid {table} --planned -n 9 --json")).json();
    let mass: f64 = numbers(&json["mass"]).iter().sum();
    assert!((mass - 1.0).abs() < 0.01 && json["edm_levels"].as_u64() > Some(9), "{json}");
    for (flags, words) in [
        ("-n 0", "-n 0 must be 1 to 240"),
        ("--nfe 500", "--nfe 500 makes 250 levels, which must be 1 to 240"),
        ("--nfe 0", "--nfe 0 makes 0 levels"),
        ("-n 9 --end 80", "--end 80 must be above 0 and below the first level, 80"),
        ("-n 9 --end -1", "--end -1 must be above 0"),
        ("-n 1 --end 1", "--end 1 needs -n 1 to be at least 2"),
        ("-n 9 --solver dpm", "--solver dpm must be one of heun, euler"),
    ] {
        let said = refusal(&format!("grid {path} --planned {flags}"));
        assert!(said.starts_with(words), "{flags}: {said}");
    }
    assert!(refusal(&format!("grid {table} --planned -n 9 --estimate")).contains("is a table"));
    let fresh = write(&folder, "fresh", snapshot_of(&trained(&quick(), 5)));
    assert!(refusal(&format!("grid {fresh} --planned -n 9")).starts_with(&format!("{fresh}: not ready")));
    for flags in ["-n 9 --nfe 17 --planned", "--nfe 17", "-n 9 --end 1", "-n 9 --planned --bare", "--planned"]
    {
        let done = line(&format!("grid {path} {flags}"));
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{flags}");
    }
}

#[test]
fn simulated_schedules_find_the_exact_density() {
    let folder = folder("simulate");
    let rows: String = (0..=400)
        .map(|i| {
            let sigma = (f64::from(i) * 0.04 - 8.0).exp();
            format!("{sigma},{}\n", infonoise_simulation::gaussian(0.5)(sigma))
        })
        .collect();
    let table = write(&folder, "gaussian.csv", format!("sigma,mmse\n{rows}"));
    let mut pivots = Vec::new();
    for (profile, pivot, rule) in [
        ("two-point", 0.294, "foot"),
        ("gaussian", 0.495, "onset"),
        ("mixture", 0.9, "onset"),
        (table.as_str(), 0.495, "onset"),
    ] {
        let flags = "--steps 1200 --noise 0.05 --set window=64,min_count=20,warmup_steps=500,refresh_every=50,refresh_growth=0";
        let json = line(&format!("simulate --profile {profile} {flags} --json")).json();
        let distance = json["total_variation"].as_f64().unwrap();
        assert!(distance < 0.04, "{profile}: {distance}");
        let exact = json["exact"]["pivot"].as_f64().unwrap();
        assert!((exact / pivot - 1.0).abs() < 0.15, "{profile}: {exact}");
        assert_eq!(
            (&json["exact"]["pivot_rule"], &json["report"]["pivot_rule"]),
            (&rule.into(), &rule.into())
        );
        let course = json["course"].as_array().unwrap();
        assert_eq!(
            (course.len(), &course[0]["phase"], &course[9]["phase"]),
            (10, &"warmup".into(), &"adapting".into())
        );
        assert!(course[0]["total_variation"].as_f64().unwrap() > 3.0 * distance);
        pivots.push(exact);
    }
    assert!((pivots[3] / pivots[1] - 1.0).abs() < 1e-3, "the table is the Gaussian: {pivots:?}");
}

#[test]
fn simulations_repeat_and_leave_what_they_saw() {
    let folder = folder("repeat");
    let path = folder.join("state.snapshot");
    let path = path.to_str().unwrap();
    let run = |seed: u32| {
        line(&format!("simulate --profile gaussian --steps 600 --seed {seed} --json --save {path}")).json()
    };
    let (first, again, other) = (run(1), run(1), run(2));
    assert_eq!(first, again);
    assert_ne!(first["digest"], other["digest"]);
    let saved = line(&format!("inspect {path} --json")).json();
    assert_eq!((&saved["digest"], &saved["report"]), (&other["digest"], &other["report"]));
    let text = line("simulate --profile gaussian --steps 600 --seed 2").out;
    assert!(text.contains("total variation to the exact density: 0.") && text.contains('█'), "{text}");
}

#[test]
fn settings_change_what_is_simulated() {
    // Discrete data declared continuous: the report must say so.
    let json = line("simulate --profile two-point --preset default --steps 800 --json").json();
    assert_eq!(json["report"]["warning"], "looks_discrete");
    let json = line(
        "simulate --profile gaussian --preset flow --set bins=32,min_count=10 --set coverage=0.1 --json",
    )
    .json();
    assert_eq!((&json["config"]["objective"], &json["config"]["bins"]), (&"velocity".into(), &32.into()));
    assert_eq!(json["config"]["coverage"], 0.1);
    assert_eq!(numbers(&json["density"]).len(), 32);
}

/// Losses of Gaussian data at log-uniform sigmas: both columns as f32.
fn losses(n: usize) -> (Vec<f32>, Vec<f32>) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
    let mut unit = || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    (0..n)
        .map(|_| {
            let sigma = (0.002f64.ln() + unit() * (80.0f64 / 0.002).ln()).exp();
            let error = infonoise_simulation::gaussian(0.5)(sigma) * (0.5 + unit());
            (sigma as f32, error as f32)
        })
        .unzip()
}

fn csv(head: &str, a: impl IntoIterator<Item = f64>, b: &[f32]) -> String {
    let rows = a.into_iter().zip(b).map(|(a, b)| format!("{a},{b}\n"));
    std::iter::once(format!("{head}\n")).chain(rows).collect()
}

#[test]
fn diagnoses_are_the_core_s() {
    let (sigma, error) = losses(20_000);
    let folder = folder("diagnose");
    let path = write(&folder, "losses.csv", csv("sigma, error", sigma.iter().map(|&s| s.into()), &error));
    // A window that holds every loss, as the program chooses it.
    let mut words = vec![0; state_words(64, 4096)];
    let mut wide =
        Scheduler::init(&mut words, &Config { window: 4096, fresh_means: false, ..Config::DEFAULT }, 0)
            .unwrap();
    wide.observe(&sigma, &error).unwrap();
    let mut curves = [0.0; profile_len(64)];
    let most = wide.profile(&mut curves).unwrap().count.iter().fold(0.0f64, |a, &b| a.max(b)) as u32;
    let mut words = vec![0; state_words(64, most as usize)];
    let mut scheduler =
        Scheduler::init(&mut words, &Config { window: most, fresh_means: false, ..Config::DEFAULT }, 0)
            .unwrap();
    scheduler.observe(&sigma, &error).unwrap();
    for (text, name, schedule) in [
        ("lognormal:-1.2,1.2", "lognormal(-1.2, 1.2)", Schedule::LogNormal { mean: -1.2, std: 1.2 }),
        ("loguniform", "loguniform(0.002, 80)", Schedule::LogUniform { low: 0.002f32.into(), high: 80.0 }),
        ("loguniform:0.1,10", "loguniform(0.1, 10)", Schedule::LogUniform { low: 0.1, high: 10.0 }),
        ("logitnormal:0,1", "logitnormal(0, 1)", Schedule::LogitNormal { mean: 0.0, std: 1.0 }),
        ("cosine", "cosine", Schedule::Cosine),
        ("shifted_flow:3", "shifted_flow(3)", Schedule::ShiftedFlow { shift: 3.0 }),
    ] {
        let mut curves = [0.0; profile_len(64)];
        let target = scheduler.reader().estimate(&mut curves).unwrap().target.to_vec();
        let mut emphasis = [0.0; 64];
        let expected = scheduler.reader().diagnose(&schedule, Some(&target), &mut emphasis).unwrap();
        let json = line(&format!("diagnose {path} --schedule {text} --json")).json();
        for (field, value) in [
            ("total_variation", expected.total_variation),
            ("band_low", expected.band_low),
            ("band_high", expected.band_high),
            ("inside_band", expected.inside_band),
            ("off_grid", expected.off_grid),
            ("wasted", expected.wasted),
        ] {
            assert_eq!(json[field].as_f64(), Some(value), "{text}: {field}");
        }
        assert_eq!(numbers(&json["emphasis"]), &emphasis[..]);
        assert_eq!(json["losses"], 20_000);
        let verdict = json["verdict"].as_str().unwrap();
        assert!(verdict.starts_with(&format!("{name} puts ")), "{verdict}");
        assert!(
            verdict.contains("of its draws between sigma 0.2")
                && verdict.contains(", where 90% of the target lies: ")
        );
        let text = line(&format!("diagnose {path} --schedule {text}")).out;
        assert!(text.ends_with(&format!("{verdict}\n")) && text.contains("by rule onset"), "{text}");
    }
}

#[test]
fn losses_may_come_in_any_coordinate() {
    let (sigma, error) = losses(5000);
    let folder = folder("coordinates");
    let distance = |coordinate: Coordinate, name: &str| {
        let column = sigma.iter().map(|&s| from_sigma(coordinate, s.into()));
        let path = write(&folder, name, csv(&format!("{name},error"), column, &error));
        let json = line(&format!("diagnose {path} --coordinate {name} --schedule cosine --json")).json();
        assert_eq!(json["rejected"], 0);
        json["total_variation"].as_f64().unwrap()
    };
    let plain = distance(Coordinate::Sigma, "sigma");
    for (coordinate, name) in
        [(Coordinate::FlowTime, "t"), (Coordinate::LogSnr, "log_snr"), (Coordinate::CNoise, "c_noise")]
    {
        assert!((distance(coordinate, name) - plain).abs() < 1e-3, "{name}");
    }
    let path = write(&folder, "noise", "t,error\n0.5,1\n1,1\n");
    let message = refusal(&format!("diagnose {path} --coordinate t --schedule cosine"));
    assert!(message.contains("line 3: t = 1 must be above 0 and below 1"), "{message}");
}

#[test]
fn schedules_may_be_logged_draws() {
    let (sigma, error) = losses(20_000);
    let folder = folder("draws");
    let path = write(&folder, "losses.csv", csv("sigma,error", sigma.iter().map(|&s| s.into()), &error));
    let draws = csv("sigma,step", sigma.iter().map(|&s| s.into()), &error);
    let draws = write(&folder, "draws.csv", draws);
    let wasted = |schedule: &str| {
        line(&format!("diagnose {path} --schedule {schedule} --json")).json()["wasted"].as_f64().unwrap()
    };
    assert!((wasted(&draws) - wasted("loguniform")).abs() < 0.02);
    // All mass where 90 % of the target lies: nothing is wasted.
    let inside = write(&folder, "inside.csv", "sigma,mass\n0.5,1\n1,2\n40,0\n");
    assert_eq!(wasted(&inside), 0.0);
    let off = write(&folder, "off.csv", "sigma\n1\n100\n");
    let message = refusal(&format!("diagnose {path} --schedule {off}"));
    assert!(
        message.starts_with(&format!("{off}: line 3: sigma = 100 must be 0.002 to 80, the grid")),
        "{message}"
    );
}
