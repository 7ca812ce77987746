//! Sequences of calls of the C ABI, on buffers of exact sizes.

use arbitrary::{Arbitrary, Result, Unstructured};
use core::ptr::{null, null_mut};
use infonoise::{Config, Preset, RawConfig, Report};
use infonoise_ffi::*;

/// A call, decoded from bytes.
#[derive(Arbitrary, Debug)]
enum Call {
    Sample {
        #[arbitrary(with = few)]
        n: u16,
    },
    Shard {
        n: u8,
        rank: u8,
        world: u8,
    },
    Observe {
        seed: u32,
        #[arbitrary(with = few)]
        n: u16,
        mask: bool,
    },
    Drawn,
    Step {
        report: bool,
    },
    Advance {
        #[arbitrary(with = few)]
        next: u16,
    },
    Freeze {
        frozen: u8,
    },
    Reconfigure {
        config: Changes,
        weight: bool,
    },
    Profile {
        which: u8,
    },
    Diagnose {
        kind: u8,
        a: f64,
        b: f64,
        given: bool,
    },
    Grid {
        n: u8,
        power: f64,
        gated: u8,
    },
    Entropic {
        power: f64,
        back: bool,
    },
    Save {
        flip: Option<(u16, u8)>,
    },
    Journal {
        #[arbitrary(with = few)]
        page: u16,
    },
    Copy,
    Damage {
        at: u16,
        flip: u8,
    },
    Shrink {
        words: u8,
    },
    Slice {
        n: u8,
        offset: u16,
        total: u16,
    },
    Levels {
        n: u8,
    },
    Plan {
        n: u8,
        solver: u8,
        estimated: u8,
        end: f64,
        short: u8,
    },
    PlanTable {
        seed: u32,
        n: u8,
        points: u8,
        ends: (f64, f64),
    },
}

/// Lengths and pages that are small enough for thousands of calls.
fn few(bytes: &mut Unstructured<'_>) -> Result<u16> {
    bytes.int_in_range(0..=700)
}

/// The fields in which a configuration differs from a preset.
#[derive(Arbitrary, Debug)]
struct Changes {
    preset: u8,
    bins: u8,
    window: u8,
    ends: Option<(f32, f32)>,
    pivot: u8,
    endpoint: u8,
    switches: u8,
    counts: (u8, u8, u8),
    reals: Option<(f64, f64, f64)>,
}

impl Changes {
    fn record(&self) -> RawConfig {
        let preset = Preset::from_code(u32::from(self.preset) % 6).expect("one of six");
        let mut record = Config::preset(preset).to_record();
        record.bins = 8 + u32::from(self.bins) % 40;
        record.window = 8 + u32::from(self.window) % 24;
        record.pivot = u32::from(self.pivot) % 10;
        record.pivot_value = 0.3;
        record.endpoint = u32::from(self.endpoint) % 2;
        record.draw = u32::from(self.switches) & 1;
        record.guard = u32::from(self.switches >> 1) & 1;
        record.ceiling = u32::from(self.switches >> 2) & 1;
        record.smoothing = u32::from(self.switches >> 3) & 3;
        record.emphasis = u32::from(self.switches >> 5) & 1;
        record.min_count = 1 + u32::from(self.counts.0) % 9;
        record.warmup_steps = u64::from(self.counts.1) % 4;
        record.refresh_every = u64::from(self.counts.2) % 4;
        if let Some((low, high)) = self.ends {
            (record.sigma_min, record.sigma_max) = (low.into(), high.into());
        }
        if let Some((rate, exponent, coverage)) = self.reals {
            (record.ema_rate, record.gate_exponent, record.coverage) = (rate, exponent, coverage);
        }
        record
    }
}

fn ok(status: Status) -> bool {
    status == Status::INFONOISE_OK
}

/// Errors and sigmas of every kind, from a small seed.
fn floats(mut seed: u32, n: usize) -> Vec<f32> {
    const EDGE: [f32; 8] = [0.0, 0.002, 80.0, -1.0, f32::NAN, f32::INFINITY, 1e-40, f32::MAX];
    (0..n)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let pick = (seed >> 24) as usize;
            if pick < EDGE.len() { EDGE[pick] } else { f32::from_bits(0x3a00_0000 + (seed >> 5)) }
        })
        .collect()
}

/// Makes a block and runs the calls on it; returns how many succeeded.
pub fn calls(data: &[u8]) -> usize {
    run(&mut Unstructured::new(data)).unwrap_or(0)
}

fn run(bytes: &mut Unstructured<'_>) -> Result<usize> {
    let mut record = Changes::arbitrary(bytes)?.record();
    record.struct_size = size_of::<RawConfig>() as u32;
    let needed = unsafe { infonoise_state_bytes(&record) };
    let mut block = vec![0u64; needed / 8];
    let mut bytes_now = needed;
    let made = unsafe { infonoise_init(block.as_mut_ptr().cast(), needed, &record, 1) };
    assert_eq!(ok(made), needed > 0, "{made:?}");
    let (mut sigma, mut succeeded) = (Vec::<f32>::new(), 0);
    for _ in 0..48 {
        let state = block.as_mut_ptr().cast::<State>();
        let bins = record.bins as usize;
        let size = bytes_now;
        let status = match Call::arbitrary(bytes)? {
            Call::Sample { n } => {
                sigma = vec![0.0; n.into()];
                unsafe { infonoise_sample(state, size, sigma.as_mut_ptr(), sigma.len()) }
            }
            Call::Shard { n, rank, world } => {
                sigma = vec![0.0; n.into()];
                unsafe {
                    infonoise_sample_shard(
                        state,
                        size,
                        sigma.as_mut_ptr(),
                        n.into(),
                        rank.into(),
                        world.into(),
                    )
                }
            }
            Call::Slice { n, offset, total } => {
                sigma = vec![0.0; n.into()];
                unsafe {
                    infonoise_sample_slice(
                        state,
                        size,
                        sigma.as_mut_ptr(),
                        n.into(),
                        offset.into(),
                        total.into(),
                    )
                }
            }
            Call::Levels { n } => {
                let (mut levels, mut density) = (vec![0.0f32; n.into()], vec![0.0f64; n.into()]);
                let drawn = unsafe { infonoise_levels(state, size, levels.as_mut_ptr(), levels.len()) };
                levels.extend(&sigma);
                density.resize(levels.len(), 0.0);
                let read = unsafe {
                    infonoise_log_density(state, size, levels.as_ptr(), levels.len(), density.as_mut_ptr())
                };
                assert!(drawn as u32 == read as u32);
                read
            }
            Call::Observe { seed, n, mask } => {
                let (sigma, error) = (floats(seed, n.into()), floats(!seed, n.into()));
                let kept: Vec<u8> = (0..n).map(|i| (i % 3) as u8).collect();
                let kept = if mask { kept.as_ptr() } else { null() };
                let mut rejected = 0;
                let status = unsafe {
                    infonoise_observe_masked(
                        state,
                        size,
                        sigma.as_ptr(),
                        error.as_ptr(),
                        kept,
                        n.into(),
                        &mut rejected,
                    )
                };
                assert!(rejected <= n.into());
                status
            }
            Call::Drawn => {
                let error: Vec<f32> = sigma.iter().map(|s| s * s / (1.0 + s * s)).collect();
                unsafe {
                    infonoise_observe(state, size, sigma.as_ptr(), error.as_ptr(), sigma.len(), null_mut())
                }
            }
            Call::Step { report } => {
                let mut record = blank_report();
                let place = if report { &raw mut record } else { null_mut() };
                unsafe { infonoise_step(state, size, place) }
            }
            Call::Advance { next } => {
                let error = floats(next.into(), sigma.len());
                let mut following = vec![0.0; next.into()];
                let status = unsafe {
                    infonoise_advance(
                        state,
                        size,
                        sigma.as_ptr(),
                        error.as_ptr(),
                        null(),
                        sigma.len(),
                        following.as_mut_ptr(),
                        next.into(),
                        null_mut(),
                        null_mut(),
                    )
                };
                sigma = following;
                status
            }
            Call::Freeze { frozen } => unsafe { infonoise_set_frozen(state, size, frozen.into()) },
            Call::Reconfigure { config, weight } => {
                let mut new = config.record();
                (new.bins, new.window) = (record.bins, record.window);
                let table = vec![1.5; bins];
                let table = if weight { table.as_ptr() } else { null() };
                unsafe { infonoise_reconfigure(state, size, &new, table) }
            }
            Call::Profile { which } => {
                let (mut edges, mut work) = (vec![0.0; bins + 1], vec![0.0; 4 * bins]);
                let mut work = work.chunks_exact_mut(bins).map(|curve| curve.as_mut_ptr());
                let mut curve = || work.next().expect("one of four");
                let mut profile = ProfileRecord {
                    struct_size: size_of::<ProfileRecord>() as u32,
                    bins: record.bins,
                    sigma: null_mut(),
                    edges: edges.as_mut_ptr(),
                    cdf: null_mut(),
                    entropy: null_mut(),
                    count: null_mut(),
                    error: curve(),
                    rate: curve(),
                    gate: null_mut(),
                    target: curve(),
                    density: curve(),
                };
                unsafe { infonoise_profile_get(state, size, which.into(), &mut profile) }
            }
            Call::Diagnose { kind, a, b, given } => {
                let (table, target) = (vec![1.0; bins], vec![1.0 / bins as f64; bins]);
                let target = if given { target.as_ptr() } else { null() };
                let mut found = MismatchRecord {
                    struct_size: size_of::<MismatchRecord>() as u32,
                    bins: 0,
                    total_variation: 0.0,
                    band_low: 0.0,
                    band_high: 0.0,
                    inside_band: 0.0,
                    off_grid: 0.0,
                    wasted: 0.0,
                    emphasis: null_mut(),
                };
                unsafe {
                    infonoise_diagnose(state, size, kind.into(), a, b, table.as_ptr(), target, &mut found)
                }
            }
            Call::Grid { n, power, gated } => {
                let mut grid = vec![0.0; n.into()];
                unsafe { infonoise_info_grid(state, size, power, gated.into(), grid.as_mut_ptr(), n.into()) }
            }
            Call::Plan { n, solver, estimated, end, short } => {
                let (mut levels, mut plan) = (vec![0.0; n.into()], blank_plan());
                let room = infonoise_plan_bytes(n.into()).saturating_sub(8 * usize::from(short / 2));
                let mut scratch = vec![0u64; room / 8];
                (plan.estimated, plan.end) = (estimated.into(), end);
                unsafe {
                    infonoise_plan_grid(
                        state,
                        size,
                        solver.into(),
                        levels.as_mut_ptr(),
                        n.into(),
                        scratch.as_mut_ptr().cast(),
                        room,
                        &mut plan,
                    )
                }
            }
            Call::PlanTable { seed, n, points, ends } => {
                let (mut levels, mut plan) = (vec![0.0; n.into()], blank_plan());
                let (mut variance, mut mass) = ([0.0; 32], [0.0; 32]);
                (plan.variance, plan.mass) = (variance.as_mut_ptr(), mass.as_mut_ptr());
                let mut at: Vec<f64> = floats(seed, points.into()).iter().map(|&s| s.into()).collect();
                at.sort_by(f64::total_cmp);
                at.dedup();
                let error: Vec<f64> = floats(!seed, at.len()).iter().map(|&e| f64::from(e).abs()).collect();
                let room = infonoise_plan_bytes(n.into());
                let mut scratch = vec![0u64; room / 8];
                unsafe {
                    infonoise_plan_table(
                        at.as_ptr(),
                        error.as_ptr(),
                        at.len(),
                        ends.0,
                        ends.1,
                        u32::from(seed & 1 == 1),
                        levels.as_mut_ptr(),
                        n.into(),
                        scratch.as_mut_ptr().cast(),
                        room,
                        &mut plan,
                    )
                }
            }
            Call::Entropic { power, back } => {
                let mut values = [0.0, 0.5, 1.0, 80.0];
                let call = if back { infonoise_from_entropic_time } else { infonoise_to_entropic_time };
                unsafe { call(state, size, power, 1, values.as_ptr(), values.as_mut_ptr(), 4) }
            }
            Call::Save { flip } => {
                let length = unsafe { infonoise_snapshot_bytes(state, size) };
                let mut snapshot = vec![0u8; length];
                let status = unsafe { infonoise_save(state, size, snapshot.as_mut_ptr().cast(), length) };
                if let (Some((at, flip)), true) = (flip, length > 0) {
                    snapshot[usize::from(at) % length] ^= flip;
                }
                let mut other = vec![0u64; block.len()];
                unsafe {
                    infonoise_load(
                        other.as_mut_ptr().cast(),
                        8 * other.len(),
                        snapshot.as_ptr().cast(),
                        length,
                    )
                };
                assert!(length <= infonoise::snapshot::bytes(256, 4096));
                status
            }
            Call::Journal { page } => journaled(state, size, page, &sigma),
            Call::Copy => {
                block = block.clone();
                Status::INFONOISE_OK
            }
            Call::Damage { at, flip } => {
                let length = block.len().max(1);
                if let Some(word) = block.get_mut(usize::from(at) % length) {
                    *word ^= u64::from(flip) << (8 * (flip & 7));
                }
                Status::INFONOISE_OK
            }
            Call::Shrink { words } => {
                bytes_now = bytes_now.saturating_sub(8 * usize::from(words));
                Status::INFONOISE_OK
            }
        };
        succeeded += usize::from(ok(status));
    }
    Ok(succeeded)
}

fn blank_plan() -> PlanRecord {
    PlanRecord {
        struct_size: size_of::<PlanRecord>() as u32,
        estimated: 0,
        end: 0.0,
        error: 0.0,
        leaps: 0.0,
        edm_error: 0.0,
        edm_leaps: 0.0,
        evaluations: 0,
        levels: 0,
        edm_levels: 0,
        variances: 0,
        variance: null_mut(),
        mass: null_mut(),
    }
}

fn blank_report() -> Report {
    let mut words = vec![0; infonoise::state_words(8, 8)];
    let config = Config { bins: 8, window: 8, min_count: 1, ..Config::DEFAULT };
    infonoise::Scheduler::init(&mut words, &config, 0).expect("a valid configuration").report()
}

/// Records a journal of two calls and checks that its replay agrees.
fn journaled(state: *mut State, size: usize, page: u16, sigma: &[f32]) -> Status {
    let room =
        unsafe { infonoise_journal_begin_bytes(state, size) } + 3 * infonoise_record_bytes(sigma.len());
    let (mut recent, mut log) = (vec![0u64; infonoise_recent_bytes(page.into()) / 8], vec![0u8; room]);
    let mut run = recorder(state, size, &mut recent);
    let mut at = 0;
    macro_rules! record {
        ($call:ident($($argument:expr),*)) => {{
            run.record = unsafe { log.as_mut_ptr().add(at) }.cast();
            run.record_bytes = room - at;
            let status = unsafe { $call(&mut run, $($argument),*) };
            assert!(ok(status) || run.used == 0);
            if !ok(status) {
                return status;
            }
            at += run.used;
        }};
    }
    record!(infonoise_journal_begin(page.into(), 1));
    let mut drawn = vec![0.0f32; sigma.len()];
    record!(infonoise_journal_sample(drawn.as_mut_ptr(), drawn.len(), 0, drawn.len() as u64));
    let error = vec![0.25f32; drawn.len()];
    record!(infonoise_journal_observe(drawn.as_ptr(), error.as_ptr(), null(), drawn.len(), null_mut()));
    record!(infonoise_journal_digest());
    log.truncate(at);
    let (mut needed, mut more) = (0, 0);
    let status = unsafe { infonoise_replay_needs(log.as_ptr().cast(), at, &mut needed, &mut more) };
    if !ok(status) {
        return status; // a damaged block saves to a snapshot that does not load
    }
    let (mut twin, mut recent) = (vec![0u64; needed / 8], vec![0u64; more / 8]);
    let mut run = recorder(twin.as_mut_ptr().cast(), needed, &mut recent);
    let mut status = unsafe { infonoise_replay_begin(&mut run, log.as_ptr().cast(), at) };
    let mut place = run.used;
    while ok(status) && place < at {
        let rest = unsafe { log.as_ptr().add(place) }.cast();
        status = unsafe { infonoise_replay_next(&mut run, rest, at - place, null_mut()) };
        place += run.used;
    }
    assert!(status != Status::INFONOISE_CHECKSUM && status != Status::INFONOISE_TRUNCATED);
    status
}

fn recorder(state: *mut State, bytes: usize, recent: &mut [u64]) -> RecorderRecord {
    RecorderRecord {
        struct_size: size_of::<RecorderRecord>() as u32,
        reserved: 0,
        state,
        bytes,
        recent: recent.as_mut_ptr().cast(),
        recent_bytes: 8 * recent.len(),
        record: null_mut(),
        record_bytes: 0,
        used: 0,
    }
}
