//! Recorded runs, executed again: the digests agree for any sequence of calls.

use infonoise::journal::{self, Record, Sigmas, is_torn};
use infonoise::recent_draws::recent_words;
use infonoise::replay::{Event, Needs, apply, begin};
use infonoise::{Baseline, Config, Draw, Error, Recorder, Scheduler, Step, begin_room, state_words};
use proptest::prelude::*;

/// A call of a trainer, in numbers that proptest can shrink.
#[derive(Clone, Debug)]
enum Call {
    /// A batch of n drawn as one rank of several, and observed `lag` batches later.
    Batch {
        n: usize,
        world: u32,
        mask: bool,
        snapped: bool,
    },
    Step,
    Freeze(bool),
    Reconfigure {
        refresh_every: u64,
        weight: bool,
    },
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        6 => (0usize..200, 1u32..4, any::<bool>(), prop::bool::weighted(0.1))
            .prop_map(|(n, world, mask, snapped)| Call::Batch { n, world, mask, snapped }),
        6 => Just(Call::Step),
        1 => any::<bool>().prop_map(Call::Freeze),
        1 => (1u64..9, any::<bool>()).prop_map(|(refresh_every, weight)| Call::Reconfigure { refresh_every, weight }),
    ]
}

const PAGE: usize = 1024;

struct Run {
    log: Vec<u8>,
    sigmas: Vec<f32>,
    digest: u64,
}

fn base(draw: Draw) -> Config {
    Config {
        bins: 16,
        window: 8,
        min_count: 1,
        warmup_steps: 3,
        refresh_every: 2,
        refresh_growth: 0,
        coverage: 0.3,
        draw,
        ..Config::DEFAULT
    }
}

/// Records `calls` on rank 1 of each global batch; errors depend on sigma alone.
fn record(scheduler: &mut Scheduler<'_>, seed: u64, calls: &[Call], lag: usize) -> Run {
    let mut memory = vec![0; recent_words(PAGE)];
    let mut out = vec![0; journal::room(1000).max(begin_room(16, 8))];
    let mut run = Run { log: Vec::new(), sigmas: Vec::new(), digest: 0 };
    let (mut recorder, used) = Recorder::begin(&mut memory, PAGE, scheduler, seed, &mut out).unwrap();
    run.log.extend(&out[..used]);
    let mut pending: Vec<(Vec<f32>, bool)> = Vec::new();
    for call in calls {
        let used = match call {
            Call::Batch { n, world, mask, snapped } => {
                let mut sigma = vec![0.0; *n];
                let used = {
                    let (offset, total) = Scheduler::shard(*n, world - 1, *world).unwrap();
                    recorder.sample(scheduler, &mut sigma, offset, total, &mut out).unwrap()
                };
                run.log.extend(&out[..used]);
                run.sigmas.extend(&sigma);
                if *snapped {
                    sigma.iter_mut().for_each(|s| *s = f32::from_bits(s.to_bits() & !0xffff));
                }
                pending.push((sigma, *mask));
                if pending.len() <= lag {
                    continue;
                }
                let (sigma, mask) = pending.remove(0);
                let error: Vec<f32> = sigma.iter().map(|s| s * s / (1.0 + s * s)).collect();
                let mask = mask.then(|| (0..sigma.len()).map(|i| (i % 3) as u8).collect::<Vec<_>>());
                recorder.observe(scheduler, &sigma, &error, mask.as_deref(), &mut out).unwrap().1
            }
            Call::Step => recorder.step(scheduler, &mut out).unwrap().1,
            Call::Freeze(frozen) => recorder.set_frozen(scheduler, *frozen, &mut out).unwrap(),
            Call::Reconfigure { refresh_every, weight } => {
                let config = Config { refresh_every: *refresh_every, ..scheduler.reader().config().unwrap() };
                let table: Vec<f64> = (0..16).map(|k| 1.0 + f64::from(k) * *refresh_every as f64).collect();
                let weight = weight.then_some(table.as_slice());
                recorder.reconfigure(scheduler, &config, weight, &mut out).unwrap()
            }
        };
        run.log.extend(&out[..used]);
    }
    let used = recorder.digest(scheduler, &mut out).unwrap();
    run.log.extend(&out[..used]);
    run.digest = scheduler.digest();
    run
}

struct Replayed {
    digests: usize,
    digest: u64,
    draws: u64,
    /// The step of the first digest that differs.
    differs: Option<u64>,
}

fn replay(log: &[u8]) -> Result<Replayed, (usize, Error)> {
    let needs = Needs::of(log).map_err(|error| (0, error))?;
    let (mut words, mut memory) = (vec![0; needs.state_words], vec![0; needs.recent_words]);
    let (mut scheduler, mut recent, mut at) = begin(&mut words, &mut memory, log).unwrap();
    let mut replayed = Replayed { digests: 0, digest: 0, draws: 0, differs: None };
    while at < log.len() {
        let (event, used) = apply(&mut scheduler, &mut recent, &log[at..]).map_err(|error| (at, error))?;
        at += used;
        if let Event::Digest { steps, expected, found } = event {
            replayed.digests += 1;
            if expected != found && replayed.differs.is_none() {
                replayed.differs = Some(steps);
            }
        }
    }
    replayed.digest = scheduler.digest();
    replayed.draws = scheduler.report().draws;
    Ok(replayed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_run_replays_to_its_digests(calls in prop::collection::vec(call(), 1..80), lag in 0usize..3, stratified: bool, late: bool) {
        let draw = if stratified { Draw::Stratified } else { Draw::Independent };
        let mut words = vec![0; state_words(16, 8)];
        let mut scheduler = Scheduler::init(&mut words, &base(draw), 3).unwrap();
        if late {
            // A journal that begins in the middle of a run starts from its snapshot.
            scheduler.sample(&mut [0.0; 7]).unwrap();
            scheduler.step().unwrap();
        }
        let run = record(&mut scheduler, 3, &calls, lag);
        let replayed = replay(&run.log).unwrap();
        prop_assert_eq!(replayed.differs, None);
        prop_assert_eq!(replayed.digest, run.digest);
        prop_assert!(replayed.digests >= 1);
        // A rank's slices, one after the other, are parts of the global stream.
        prop_assert!(replayed.draws >= run.sigmas.len() as u64);
    }

    /// Bytes that are nearly a journal cause no panic and no access out of bounds.
    #[test]
    fn any_bytes_are_refused_or_replayed(at in 0usize..4000, flips in prop::collection::vec(any::<u8>(), 1..9), cut in 0usize..4000, seal: bool) {
        let mut words = vec![0; state_words(16, 8)];
        let mut scheduler = Scheduler::init(&mut words, &base(Draw::Independent), 3).unwrap();
        let calls = [Call::Batch { n: 60, world: 1, mask: true, snapped: false }, Call::Step, Call::Freeze(true)];
        let mut log = record(&mut scheduler, 3, &calls, 0).log;
        let at = at % log.len();
        for (byte, flip) in log[at..].iter_mut().zip(&flips) {
            *byte ^= flip;
        }
        if seal {
            reseal(&mut log);
        }
        log.truncate(cut.max(30));
        let _ = replay(&log);
    }
}

/// Corrects every checksum, up to the first record whose length is damaged.
fn reseal(log: &mut [u8]) {
    let sum = crc32fast::hash(&log[..20]).to_le_bytes();
    log[20..24].copy_from_slice(&sum);
    let mut at = journal::HEAD;
    while at + 12 <= log.len() {
        let length = u32::from_le_bytes(log[at..at + 4].try_into().unwrap()) as usize;
        let check = crc32fast::hash(&log[at..at + 5]).to_le_bytes();
        log[at + 5..at + 8].copy_from_slice(&check[..3]);
        let Some(body) = log.get(at..(at + 8).saturating_add(length)) else { return };
        let (sum, end) = (crc32fast::hash(body).to_le_bytes(), at + 8 + length);
        let Some(place) = log.get_mut(end..end + 4) else { return };
        place.copy_from_slice(&sum);
        at = end + 4;
    }
}

fn steady(steps: usize) -> Vec<Call> {
    (0..steps)
        .flat_map(|_| [Call::Batch { n: 256, world: 1, mask: false, snapped: false }, Call::Step])
        .collect()
}

fn recorded(config: &Config, steps: usize) -> Vec<u8> {
    let mut words = vec![0; state_words(16, 8)];
    record(&mut Scheduler::init(&mut words, config, 3).unwrap(), 3, &steady(steps), 0).log
}

#[test]
fn drawn_sigmas_are_not_stored() {
    let (short, long) = (recorded(&base(Draw::Independent), 10), recorded(&base(Draw::Independent), 20));
    let per_step = (long.len() - short.len()) / 10;
    assert!((1024..1110).contains(&per_step), "{per_step} bytes a step at batch 256");
}

#[test]
fn another_error_is_noticed_at_the_next_refresh() {
    let log = recorded(&base(Draw::Independent), 40);
    assert_eq!(replay(&log).unwrap().differs, None);
    // The lowest bit of the last error in the observation of step 21 (an earlier one
    // may have left its ring before the refresh).
    let (mut at, mut step, mut changed) = (Needs::of(&log).unwrap().bytes, 1, log.clone());
    while step < 21 {
        let (record, used) = Record::decode(&log[at..]).unwrap();
        step += u64::from(matches!(record, Record::Step));
        at += used;
    }
    while !matches!(
        Record::decode(&log[at..]).unwrap().0,
        Record::Observe { sigma: Sigmas::Drawn { .. }, .. }
    ) {
        at += Record::length_at(&log[at..]).unwrap();
    }
    changed[at + 8 + 16 + 4 * 255] ^= 1;
    assert_eq!(replay(&changed).err(), Some((at, Error::Checksum)));
    reseal(&mut changed);
    assert_eq!(replay(&changed).unwrap().differs, Some(21));
}

#[test]
fn a_torn_tail_is_recognised_and_damage_is_not() {
    let log = recorded(&base(Draw::Independent), 4);
    let (at, _) = replay(&log[..log.len() - 1]).err().unwrap();
    assert!(is_torn(&log[at..log.len() - 1]));
    assert_eq!(replay(&log[..at]).unwrap().differs, None);
    let mut damaged = log.clone();
    damaged[at - 200] ^= 1;
    let (at, error) = replay(&damaged).err().unwrap();
    assert_eq!(error, Error::Checksum);
    assert!(!is_torn(&damaged[at..]));
}

#[test]
fn tables_start_with_the_run_and_foreign_starts_are_images() {
    let config = Config { baseline: Baseline::Table, ..base(Draw::Independent) };
    let (weight, masses) = ([2.0; 16], [0.0625; 16]);
    let mut words = vec![0; state_words(16, 8)];
    let mut scheduler = Scheduler::init_with(&mut words, &config, 3, Some(&weight), Some(&masses)).unwrap();
    let log = record(&mut scheduler, 3, &steady(9), 0).log;
    assert!(matches!(
        Record::decode(&log[journal::HEAD..]).unwrap().0,
        Record::Start { seed: 3, weight: Some(_), baseline: Some(_), .. }
    ));
    assert_eq!(replay(&log).unwrap().differs, None);
    // A seed other than the block's, or a coverage set after the baseline was drawn up.
    let mut words = vec![0; state_words(16, 8)];
    let mut scheduler = Scheduler::init(&mut words, &base(Draw::Independent), 3).unwrap();
    assert!(scheduler.is_fresh(3) && !scheduler.is_fresh(4));
    scheduler.reconfigure(&Config { coverage: 0.9, ..base(Draw::Independent) }, None).unwrap();
    // Log-uniform has equal masses already, so coverage does not change it.
    assert!(scheduler.is_fresh(3));
    let config = Config { baseline: Baseline::LogNormal, ..base(Draw::Independent) };
    let mut words = vec![0; state_words(16, 8)];
    let mut scheduler = Scheduler::init(&mut words, &config, 3).unwrap();
    scheduler.reconfigure(&Config { coverage: 0.9, ..config }, None).unwrap();
    let log = record(&mut scheduler, 3, &steady(9), 0).log;
    assert!(matches!(Record::decode(&log[journal::HEAD..]).unwrap().0, Record::Snapshot { .. }));
    assert_eq!(replay(&log).unwrap().differs, None);
}

#[test]
fn a_call_that_fails_leaves_no_record_and_no_trace() {
    let (mut words, mut memory) = (vec![0; state_words(16, 8)], vec![0; recent_words(PAGE)]);
    let mut scheduler = Scheduler::init(&mut words, &base(Draw::Independent), 3).unwrap();
    let mut out = vec![0; begin_room(16, 8)];
    let (mut recorder, _) = Recorder::begin(&mut memory, PAGE, &scheduler, 3, &mut out).unwrap();
    let (digest, mut sigma) = (scheduler.digest(), [0.0; 100]);
    assert_eq!(recorder.sample(&mut scheduler, &mut sigma, 0, 100, &mut out[..23]), Err(Error::TooSmall));
    assert_eq!(recorder.sample(&mut scheduler, &mut sigma, 1, 100, &mut out), Err(Error::Argument));
    assert_eq!(
        recorder.observe(&mut scheduler, &sigma, &[0.1; 100], None, &mut out[..99]),
        Err(Error::TooSmall)
    );
    assert_eq!(recorder.observe(&mut scheduler, &sigma, &[0.1; 99], None, &mut out), Err(Error::Length));
    assert_eq!(recorder.step(&mut scheduler, &mut out[..39]).err(), Some(Error::TooSmall));
    assert!(recorder.reconfigure(&mut scheduler, &Config::DEFAULT, None, &mut out).is_err());
    assert_eq!((scheduler.digest(), recorder.recent().next()), (digest, 0));
    assert!(matches!(recorder.step(&mut scheduler, &mut out), Ok((Step::Counted, 12))));
}

#[test]
fn batches_beyond_the_memory_are_stored_as_they_are() {
    let mut words = vec![0; state_words(16, 8)];
    let mut scheduler = Scheduler::init(&mut words, &base(Draw::Stratified), 3).unwrap();
    let calls =
        [Call::Batch { n: 600, world: 3, mask: false, snapped: false }, Call::Step, Call::Step, Call::Step];
    let log = record(&mut scheduler, 3, &calls, 0).log;
    assert!(log.len() > 8 * 600);
    assert_eq!(replay(&log).unwrap().differs, None);
}
