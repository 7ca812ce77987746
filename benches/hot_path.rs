//! Sample, observe, step and refresh, each beside its floor: the same loop
//! without a scheduler. `cargo bench -p infonoise-benches`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use infonoise_benches::{adapted, mmse};
use infonoise_core::{Config, state_words};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::hint::black_box;

fn config() -> Config {
    Config { coverage: 0.2, warmup_steps: 1, ..Config::DEFAULT }
}

fn sample(c: &mut Criterion) {
    let mut words = vec![0; state_words(64, 256)];
    let mut scheduler = adapted(&mut words, &config());
    let mut group = c.benchmark_group("sample");
    for n in [64, 256, 4096] {
        let mut sigma = vec![0.0f32; n];
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::new("draw", n), |b| {
            b.iter(|| scheduler.sample(black_box(&mut sigma)))
        });
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        group.bench_function(BenchmarkId::new("floor: a word, converted, stored", n), |b| {
            b.iter(|| {
                for sigma in black_box(&mut sigma) {
                    *sigma = (rng.next_u64() >> 32) as u32 as f32;
                }
            })
        });
    }
}

fn observe(c: &mut Criterion) {
    let mut words = vec![0; state_words(64, 256)];
    let mut scheduler = adapted(&mut words, &config());
    // Inputs rotate over a large pool: repeated small ones flatter branches.
    let mut pool = vec![0.0f32; 1 << 18];
    scheduler.sample(&mut pool).unwrap();
    let errors: Vec<f32> = pool.iter().map(|&sigma| mmse(sigma)).collect();
    let mut group = c.benchmark_group("observe");
    for n in [64, 256, 4096] {
        let mut at = 0;
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::new("pairs", n), |b| {
            b.iter(|| {
                at = if at + 2 * n > pool.len() { 0 } else { at + n };
                scheduler.observe(black_box(&pool[at..at + n]), black_box(&errors[at..at + n]))
            })
        });
    }
}

fn refresh(c: &mut Criterion) {
    let mut group = c.benchmark_group("refresh");
    for (bins, window) in [(64, 256), (256, 1024)] {
        let config = Config { bins, window, refresh_every: 1, ..config() };
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
        .measurement_time(std::time::Duration::from_secs(1));
    targets = sample, observe, refresh
}
criterion_main!(benches);
