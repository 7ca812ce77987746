//! Sample, observe, step and refresh, each compared with its floor: the same loop
//! without a scheduler. `cargo bench -p infonoise-benches`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use infonoise::{Config, Scheduler, state_words};
use infonoise_benches::{adapted, mmse};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::hint::black_box;

fn config() -> Config {
    Config { coverage: 0.2, warmup_steps: 1, ..Config::DEFAULT }
}

/// The floor of all groups but the last: a word drawn, converted and stored for
/// each element.
fn words(sigma: &mut [f32], rng: &mut Xoshiro256PlusPlus) {
    // In a local: through the reference each word would have to wait for a store.
    let mut local = rng.clone();
    for sigma in sigma {
        *sigma = (local.next_u64() >> 32) as u32 as f32;
    }
    *rng = local;
}

/// (K, B) in addition to the default.
const SIZES: [(u32, u32); 3] = [(64, 256), (128, 256), (256, 1024)];

/// Inputs rotate over a large pool: small repeated ones make branches too predictable.
struct Pool {
    sigma: Vec<f32>,
    error: Vec<f32>,
    at: usize,
}

impl Pool {
    fn new(scheduler: &mut Scheduler<'_>) -> Self {
        let mut sigma = vec![0.0f32; 1 << 18];
        scheduler.sample(&mut sigma).unwrap();
        let error = sigma.iter().map(|&sigma| mmse(sigma)).collect();
        Pool { sigma, error, at: 0 }
    }

    fn next(&mut self, n: usize) -> (&[f32], &[f32]) {
        self.at = if self.at + 2 * n > self.sigma.len() { 0 } else { self.at + n };
        let range = self.at..self.at + n;
        (black_box(&self.sigma[range.clone()]), black_box(&self.error[range]))
    }
}

/// One group for each size; each part is given the schedule, a pool and n.
fn group(c: &mut Criterion, name: &str, part: impl Fn(&mut Scheduler<'_>, &mut Pool, &mut [f32])) {
    for (bins, window) in SIZES {
        let config = Config { bins, window, ..config() };
        let mut words_of_block = vec![0; state_words(bins as usize, window as usize)];
        let mut scheduler = adapted(&mut words_of_block, &config);
        let mut pool = Pool::new(&mut scheduler);
        let mut group = c.benchmark_group(format!("{name}, {bins} x {window}"));
        for n in [64, 256, 4096] {
            let mut sigma = vec![0.0f32; n];
            group.throughput(Throughput::Elements(n as u64));
            group.bench_function(BenchmarkId::new(name, n), |b| {
                b.iter(|| part(&mut scheduler, &mut pool, black_box(&mut sigma)))
            });
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
            group.bench_function(BenchmarkId::new("floor: a word, converted, stored", n), |b| {
                b.iter(|| words(black_box(&mut sigma), &mut rng))
            });
        }
    }
}

fn sample(c: &mut Criterion) {
    group(c, "sample", |scheduler, _, sigma| scheduler.sample(sigma).unwrap());
}

fn observe(c: &mut Criterion) {
    group(c, "observe", |scheduler, pool, sigma| {
        let (sigma, error) = pool.next(sigma.len());
        scheduler.observe(sigma, error).unwrap();
    });
}

/// A refresh is due at every hundredth step.
fn step(c: &mut Criterion) {
    group(c, "sample, observe, step", |scheduler, pool, sigma| {
        scheduler.sample(sigma).unwrap();
        let (sigma, error) = pool.next(sigma.len());
        scheduler.observe(sigma, error).unwrap();
        scheduler.step().unwrap();
    });
}

fn refresh(c: &mut Criterion) {
    let mut group = c.benchmark_group("refresh");
    for (bins, window) in SIZES {
        let config = Config { bins, window, refresh_every: 1, refresh_growth: 0, ..config() };
        let mut words = vec![0; state_words(bins as usize, window as usize)];
        let mut scheduler = adapted(&mut words, &config);
        group.bench_function(BenchmarkId::new("step with a refresh", format!("{bins} x {window}")), |b| {
            b.iter(|| scheduler.step())
        });
        let rings = vec![1.0f32; (bins * window) as usize];
        let mut copy = rings.clone();
        group.bench_function(
            BenchmarkId::new("floor: a copy of the rings", format!("{bins} x {window}")),
            |b| b.iter(|| black_box(&mut copy).copy_from_slice(black_box(&rings))),
        );
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_millis(500));
    targets = sample, observe, step, refresh
}
criterion_main!(benches);
