//! The seeds of the fuzzers: a block, a snapshot, a journal of every kind of record.

use infonoise::recent_draws::recent_words;
use infonoise::{Config, Recorder, Scheduler, begin_room, journal, state_words};

fn config() -> Config {
    Config {
        bins: 8,
        window: 8,
        min_count: 1,
        warmup_steps: 1,
        refresh_every: 1,
        coverage: 0.5,
        ..Config::discrete()
    }
}

fn errors(sigma: &[f32]) -> Vec<f32> {
    sigma.iter().map(|s| s * s / (1.0 + s * s)).collect()
}

fn trained(words: &mut [u64]) -> Scheduler<'_> {
    let mut scheduler = Scheduler::init(words, &config(), 1).expect("a valid configuration");
    let mut sigma = [0.0; 64];
    for _ in 0..4 {
        scheduler.sample(&mut sigma).expect("a sound block");
        scheduler.observe(&sigma, &errors(&sigma)).expect("a sound block");
        scheduler.step().expect("a sound block");
    }
    scheduler
}

/// An adapted block, as the machine's own bytes.
pub fn block() -> Vec<u8> {
    let mut words = vec![0; state_words(8, 8)];
    trained(&mut words);
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Its snapshot.
pub fn snapshot() -> Vec<u8> {
    let (mut words, mut snapshot) = (vec![0; state_words(8, 8)], vec![0; infonoise::snapshot::bytes(8, 8)]);
    trained(&mut words).reader().save(&mut snapshot).expect("room for the snapshot");
    snapshot
}

/// A journal of every kind of record; from a snapshot if `late`.
pub fn journal(late: bool) -> Vec<u8> {
    let mut words = vec![0; state_words(8, 8)];
    let mut fresh;
    let mut scheduler = if late {
        trained(&mut words)
    } else {
        fresh = vec![0; state_words(8, 8)];
        let (weight, seed) = (vec![2.0; 8], 1);
        Scheduler::init_with(&mut fresh, &config(), seed, Some(&weight), None).expect("a valid configuration")
    };
    let (mut memory, mut out) = (vec![0; recent_words(64)], vec![0; begin_room(8, 8).max(journal::room(64))]);
    let (mut recorder, used) =
        Recorder::begin(&mut memory, 64, &scheduler, 1, &mut out).expect("room for the start");
    let mut log = out[..used].to_vec();
    let (state, mut sigma) = (&mut scheduler, [0.0; 32]);
    for rank in 0..2 {
        let used = recorder.sample(state, &mut sigma, 32 * rank, 64, &mut out).expect("room");
        log.extend(&out[..used]);
        let mask = [1; 32];
        let mask = if rank == 0 { Some(&mask[..]) } else { None };
        let (_, used) = recorder.observe(state, &sigma, &errors(&sigma), mask, &mut out).expect("room");
        log.extend(&out[..used]);
        let given = [0.5, 1.5, 20.0];
        let (_, used) = recorder.observe(state, &given, &errors(&given), None, &mut out).expect("room");
        log.extend(&out[..used]);
        let (_, used) = recorder.step(state, &mut out).expect("room");
        log.extend(&out[..used]);
    }
    let used = recorder.reconfigure(state, &config(), Some(&[3.0; 8]), &mut out).expect("room");
    log.extend(&out[..used]);
    let used = recorder.set_frozen(state, true, &mut out).expect("room");
    log.extend(&out[..used]);
    let used = recorder.digest(state, &mut out).expect("room");
    log.extend(&out[..used]);
    log
}

/// Bytes that decode to long sequences of calls.
pub fn calls(seed: u64) -> Vec<u8> {
    let mut state = seed * 2 + 1;
    (0..600)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect()
}

/// Every seed: its target, its name, its bytes.
pub fn all() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds = vec![
        ("state_block", "adapted".into(), block()),
        ("snapshot", "adapted".into(), snapshot()),
        ("journal", "fresh".into(), journal(false)),
        ("journal", "late".into(), journal(true)),
    ];
    seeds.extend((0..8).map(|seed| ("calls", format!("random-{seed}"), calls(seed))));
    seeds
}
