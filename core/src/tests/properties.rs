//! Properties that hold for every configuration, profile and seed.

use crate::method::grid::Grid;
use crate::state::draw_table::{DrawTable, cells, columns};
use crate::{Config, Draw, Scheduler, Step, profile_len, state_words};
use proptest::prelude::*;

/// Masses of 8 to 256 bins: some tiny, some empty, at least one positive.
fn masses() -> impl Strategy<Value = Vec<f64>> {
    let mass = prop_oneof![3 => 0.0..1.0f64, 1 => Just(0.0), 1 => (-30.0..0.0f64).prop_map(f64::exp)];
    prop::collection::vec(mass, 8..=256).prop_filter("some mass", |masses| masses.iter().sum::<f64>() > 1e-9)
}

fn grids() -> impl Strategy<Value = (f64, f64)> {
    (-12.0..4.0f64, 0.05..12.0f64).prop_map(|(low, width)| (low.exp(), (low + width).exp()))
}

struct Table {
    grid: Grid<'static>,
    entries: Vec<u32>,
    guide: Vec<u8>,
    last: usize,
}

impl Table {
    fn new(masses: &[f64], (sigma_min, sigma_max): (f64, f64)) -> Self {
        let bins = masses.len();
        let config = Config { bins: bins as u32, sigma_min, sigma_max, ..Config::DEFAULT };
        config.check().unwrap();
        let grid = Grid::new(&config);
        let (mut entries, mut guide) = (vec![0; columns(bins)], vec![0; cells(bins)]);
        let last = DrawTable::build(&grid, masses, &mut entries, &mut guide);
        Table { grid, entries, guide, last }
    }

    fn view(&self) -> DrawTable<'_> {
        DrawTable::new(&self.entries, &self.guide, self.last)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_sigma_lies_in_the_bin_it_was_drawn_from(
        masses in masses(), ends in grids(), words in prop::collection::vec(any::<u32>(), 200),
    ) {
        let table = Table::new(&masses, ends);
        let view = table.view();
        let borders = (0..masses.len()).flat_map(|k| {
            let start = view.threshold(k);
            [start.saturating_sub(1), start, start + 1].map(|word| word.min(u64::from(u32::MAX)) as u32)
        });
        for word in words.into_iter().chain(borders) {
            let k = view.bin(word);
            prop_assert!(view.threshold(k) <= u64::from(word) && u64::from(word) < view.threshold(k + 1));
            prop_assert!(masses[k] > 0.0);
            let sigma = view.draw(word);
            prop_assert!(table.grid.edge(k) <= sigma && sigma < table.grid.edge(k + 1));
        }
    }

    #[test]
    fn quantiles_are_monotone(masses in masses(), ends in grids(), words in prop::collection::vec(any::<u32>(), 300)) {
        let table = Table::new(&masses, ends);
        let mut words = words;
        words.sort_unstable();
        let sigmas: Vec<f32> = words.iter().map(|&word| table.view().draw(word)).collect();
        prop_assert!(sigmas.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    /// A held refresh changes no word of the sampler; after any observations, a refresh
    /// leaves a valid block.
    #[test]
    fn refreshes_leave_sound_blocks(
        errors in prop::collection::vec((-40.0..6.0f32).prop_map(f32::exp), 16),
        choices in prop::collection::vec(0u32..9, 3),
        seed in any::<u64>(),
    ) {
        let base = [Config::DEFAULT, Config::discrete(), Config::flow(), Config::epsilon(), Config::edm(0.5)];
        let config = Config {
            bins: 16, window: 8, min_count: 1, warmup_steps: 1, refresh_every: 1,
            pivot: crate::Pivot::ALL[choices[0] as usize],
            pivot_value: 0.5,
            ceiling: choices[1] % 2 == 0,
            guard: choices[2] % 2 == 0,
            ..base[choices[1] as usize % 5]
        };
        let grid = Grid::new(&config);
        let mut words = vec![0; state_words(16, 8)];
        let mut scheduler = Scheduler::init(&mut words, &config, seed).unwrap();
        for (k, &error) in errors.iter().enumerate() {
            scheduler.observe(&[grid.centre(k) as f32], &[error]).unwrap();
        }
        let (mut first, mut second) = ([0.0; profile_len(256)], [0.0; profile_len(256)]);
        let before = scheduler.profile(&mut first).unwrap();
        let step = scheduler.step().unwrap();
        let after = scheduler.profile(&mut second).unwrap();
        match step {
            Step::Held(reason) => {
                prop_assert_eq!(&before.cdf, &after.cdf);
                prop_assert_eq!(&before.density, &after.density);
                prop_assert_eq!(scheduler.report().hold_reason, reason);
            }
            Step::Refreshed => {
                let total: f64 = after.density.iter().sum();
                prop_assert!((total - 1.0).abs() < 1e-9);
                prop_assert!(after.cdf.windows(2).all(|pair| pair[0] <= pair[1]));
                prop_assert_eq!(after.cdf[16], 1.0);
            }
            other => prop_assert!(false, "{:?}", other),
        }
        prop_assert_eq!(scheduler.reader().validate(), Ok(()));
        let mut sigma = [0.0; 64];
        scheduler.sample(&mut sigma).unwrap();
        let (low, high) = config.ends();
        prop_assert!(sigma.iter().all(|&s| low <= s && s < high));
    }

    /// The stream of draws does not depend on its division into calls and shards.
    #[test]
    fn the_cut_does_not_matter(cuts in prop::collection::vec(0usize..40, 1..8), seed in any::<u64>()) {
        let total: usize = cuts.iter().sum();
        let (mut one, mut other) = (vec![0; state_words(64, 256)], vec![0; state_words(64, 256)]);
        let mut whole = vec![0.0; total];
        let mut a = Scheduler::init(&mut one, &Config::DEFAULT, seed).unwrap();
        a.sample(&mut whole).unwrap();
        let mut b = Scheduler::init(&mut other, &Config::DEFAULT, seed).unwrap();
        let mut parts = Vec::new();
        for n in cuts {
            let mut part = vec![0.0; n];
            b.sample(&mut part).unwrap();
            parts.extend(part);
        }
        prop_assert_eq!(whole, parts);
        prop_assert_eq!(a.digest(), b.digest());
    }

    /// Every contiguous slice of a stratified batch is evenly spread: in units of
    /// probability its star discrepancy is that of the golden-ratio sequence.
    #[test]
    fn slices_of_stratified_draws_have_low_discrepancy(
        n in 2usize..600, from in 0usize..400, seed in any::<u64>(),
    ) {
        let config = Config { draw: Draw::Stratified, ..Config::DEFAULT };
        let mut words = vec![0; state_words(64, 256)];
        let mut scheduler = Scheduler::init(&mut words, &config, seed).unwrap();
        let mut batch = vec![0.0; from + n];
        scheduler.sample(&mut batch).unwrap();
        // Uniform in ln sigma within a few tenths of a per cent of a bin.
        let mut u: Vec<f64> =
            batch[from..].iter().map(|&s| (f64::from(s) / 0.002).ln() / (40_000f64).ln()).collect();
        u.sort_by(f64::total_cmp);
        let discrepancy = u.iter().enumerate()
            .map(|(i, &u)| (u - i as f64 / n as f64).abs().max(((i + 1) as f64 / n as f64 - u).abs()))
            .fold(0.0, f64::max);
        let bound = (1.0 + 1.2 * (n as f64).ln()) / n as f64 + 0.001;
        prop_assert!(discrepancy <= bound, "n {}: {} > {}", n, discrepancy, bound);
    }
}

/// Ten million draws fall into the bins as the thresholds say.
#[test]
fn draws_follow_the_thresholds() {
    let config = Config { warmup_steps: 1, min_count: 1, window: 8, ..Config::DEFAULT };
    let grid = Grid::new(&config);
    let mut words = vec![0; state_words(64, 8)];
    let mut scheduler = Scheduler::init(&mut words, &config, 7).unwrap();
    for k in 0..64 {
        let square = grid.centre(k).powi(2);
        scheduler.observe(&[grid.centre(k) as f32], &[(square * 0.25 / (square + 0.25)) as f32]).unwrap();
    }
    assert_eq!(scheduler.step(), Ok(Step::Refreshed));
    let mut memory = [0.0; profile_len(64)];
    let profile = scheduler.profile(&mut memory).unwrap();
    let edges: Vec<f32> = profile.edges.iter().map(|&edge| edge as f32).collect();
    let (mut counts, mut batch, n) = (vec![0u64; 64], vec![0.0f32; 100_000], 10_000_000u64);
    for _ in 0..n / 100_000 {
        scheduler.sample(&mut batch).unwrap();
        for &sigma in &batch {
            counts[edges.partition_point(|&edge| edge <= sigma) - 1] += 1;
        }
    }
    let chi_square: f64 = (0..64)
        .map(|k| {
            let expected = (profile.cdf[k + 1] - profile.cdf[k]) * n as f64;
            (counts[k] as f64 - expected).powi(2) / expected
        })
        .sum();
    // 63 degrees of freedom: mean 63, deviation 11.2.
    assert!((25.0..110.0).contains(&chi_square), "{chi_square}");
}
