//! The checks that the fuzzers and the tests on stable Rust run on any bytes: no call
//! may panic, overflow or access memory outside its arguments. Checksums are corrected
//! first, since otherwise nearly all inputs would be refused. Each target returns how
//! far it came.

mod calls;
mod journal;
pub mod seeds;

pub use calls::calls;
pub use journal::journal;

use infonoise::diagnose::{Schedule, ScheduleKind};
use infonoise::plan::plan_len;
use infonoise::{Scheduler, Solver, StateRef, profile_len, snapshot};

/// The bytes as words: a block of any content.
fn words(data: &[u8]) -> Vec<u64> {
    data.chunks(8)
        .map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_ne_bytes(word)
        })
        .collect()
}

/// Every query of a block.
fn ask(reader: &StateRef<'_>) {
    let _ = (reader.report(), reader.digest(), reader.tables(), reader.validate());
    let (mut curves, mut other) = (vec![0.0; profile_len(256)], vec![0.0; profile_len(256)]);
    if let Ok(profile) = reader.profile(&mut curves) {
        assert_eq!(profile.cdf.len(), profile.sigma.len() + 1);
    }
    let estimated = reader.estimate(&mut other);
    let _ = reader.info_grid(&mut [0.0; 9], 1.0, true);
    let (mut levels, mut room) = ([0.0; 5], vec![0.0; plan_len(5)]);
    for (solver, estimated) in [(Solver::Heun, false), (Solver::Euler, true)] {
        if reader.plan_grid(solver, estimated, None, &mut levels, &mut room).is_ok() {
            assert!(levels.windows(2).all(|pair| pair[0] >= pair[1]) && levels.iter().all(|&s| s > 0.0));
        }
    }
    let _ = reader.entropic_time(0.0, false).map(|time| time.sigma(time.at(0.3)));
    let schedule = Schedule::new(ScheduleKind::LogNormal, -1.2, 1.2, &[]);
    let target = estimated.ok().map(|profile| profile.target.to_vec());
    let _ = reader.diagnose(&schedule, target.as_deref(), &mut []);
}

/// Every call that changes a block.
fn use_up(scheduler: &mut Scheduler<'_>) {
    let (mut sigma, error) = ([0.0f32; 33], [0.5f32; 33]);
    for _ in 0..3 {
        let _ = scheduler.sample(&mut sigma);
        let _ = scheduler.sample_shard(&mut sigma[..5], 1, 3);
        let _ = scheduler.observe(&sigma, &error);
        let _ = scheduler.observe_masked(&sigma, &error, Some(&[1; 33]));
        let _ = scheduler.step();
    }
    scheduler.set_frozen(true);
    if let Ok(config) = scheduler.reader().config() {
        let _ = scheduler.reconfigure(&config, None);
    }
    ask(&scheduler.reader());
}

/// Checks a block of any content; returns whether it could be opened.
pub fn state_block(data: &[u8]) -> bool {
    let mut block = words(data);
    if let Ok(reader) = StateRef::open(&block) {
        ask(&reader);
    }
    let sound = Scheduler::attach(&mut block).is_ok();
    let Ok(mut scheduler) = Scheduler::open(&mut block) else {
        assert!(!sound);
        return false;
    };
    use_up(&mut scheduler);
    true
}

/// Checks a snapshot of any content with a corrected checksum; returns whether it could
/// be loaded. A snapshot that loads must give a valid block and save to the same bytes.
pub fn snapshot(data: &[u8]) -> bool {
    let _ = snapshot::state_words_of(data);
    let mut sealed = data.to_vec();
    if let Some(body) = sealed.len().checked_sub(4) {
        let sum = crc32fast::hash(&sealed[..body]).to_le_bytes();
        sealed[body..].copy_from_slice(&sum);
    }
    let Ok(needed) = snapshot::state_words_of(&sealed) else { return false };
    let mut block = vec![0; needed];
    let Ok(mut scheduler) = Scheduler::load(&mut block, &sealed) else { return false };
    scheduler.reader().validate().expect("what loads is sound");
    let mut again = vec![0; sealed.len()];
    scheduler.reader().save(&mut again).expect("a snapshot of the same size");
    assert!(again == sealed, "a snapshot that loads saves to the same bytes");
    use_up(&mut scheduler);
    true
}
