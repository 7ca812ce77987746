//! The draw table: the inverse CDF in integers.
//!
//! `thr_k = floor(2^32 cdf_k)`; a 32-bit word u falls into the bin with
//! `thr_k <= u < thr_{k+1}` and maps linearly into it. A guide table of at least
//! 32 K cells names the first bin that a word can fall into, so most draws take
//! one comparison (docs/specification.md#sampling).

use crate::config::Config;
use crate::hot::draw;
use crate::hot::draw::{Entry, entries_of};
use crate::maths::{at, below, ln, sum};
use crate::method::grid::Grid;
use crate::state::block::ViewMut;
use rand_xoshiro::Xoshiro256PlusPlus;

#[test]
fn example() {
    let grid = Grid::new(&crate::Config::DEFAULT);
    let (mut words, mut guide) = ([0; columns(64)], [0; cells(64)]);
    let last = DrawTable::build(&grid, &[1.0 / 64.0; 64], &mut words, &mut guide);
    let table = DrawTable::new(&words, &guide, last);
    assert_eq!(table.draw(0), 0.002);
    assert!((table.quantile(0.5) - 0.4).abs() < 1e-6); // the geometric middle
    assert_eq!(table.threshold(64), 1 << 32);
}

/// 2^32: the end of the words.
const WORDS: u64 = 1 << 32;

/// Entries of a table for K = `bins`: 64 or 256. The compiler knows either size, so
/// that a mask replaces the bounds check of an index.
pub const fn entries(bins: usize) -> usize {
    if bins <= 64 { 64 } else { 256 }
}

/// Words of those entries.
pub const fn columns(bins: usize) -> usize {
    draw::columns(entries(bins))
}

/// Cells of the guide for K = `bins`.
pub const fn cells(bins: usize) -> usize {
    32 * entries(bins)
}

/// The table of the draws, as the block stores it.
#[derive(Clone, Copy)]
pub struct DrawTable<'a> {
    columns: &'a [u32],
    guide: &'a [u8],
    last: usize,
}

impl<'a> DrawTable<'a> {
    /// A view of [`columns`] words and [`cells`] cells; `last` is the last bin
    /// that is ever drawn. Other sizes draw nothing.
    #[inline]
    pub fn new(columns: &'a [u32], guide: &'a [u8], last: usize) -> Self {
        DrawTable { columns, guide, last: last.min(entries_of(columns).saturating_sub(1)) }
    }

    /// Builds the table from the masses `pi` (docs/specification.md#cdf); returns the
    /// last bin that is ever drawn.
    pub fn build(grid: &Grid, pi: &[f64], columns: &mut [u32], guide: &mut [u8]) -> usize {
        Self::fill(grid, columns, guide, upper_thresholds(pi))
    }

    /// Builds the table from `end(k)`, the threshold at the upper edge of bin
    /// `k`, asked for in ascending order.
    pub fn fill(grid: &Grid, columns: &mut [u32], guide: &mut [u8], end: impl FnMut(usize) -> u64) -> usize {
        for k in grid.bins()..entries_of(columns) {
            Entry::default().write(columns, k);
        }
        for_each_bin(grid, guide.len(), end, |k, _, entry, cells| {
            entry.write(columns, k);
            if let Some(cells) = guide.get_mut(cells) {
                cells.fill(k as u8);
            }
        })
    }

    /// Whether this is the table that its own thresholds give.
    pub fn is_sound(&self, grid: &Grid) -> bool {
        let mut sound = (0..grid.bins()).all(|k| self.threshold(k) <= self.threshold(k + 1));
        let last = for_each_bin(
            grid,
            self.guide.len(),
            |k| self.threshold(k + 1),
            |k, _, entry, cells| {
                let guided =
                    self.guide.get(cells).is_some_and(|cells| cells.iter().all(|&cell| cell == k as u8));
                sound &= guided && Entry::read(self.columns, k) == Some(entry);
            },
        );
        let mut unused = grid.bins()..entries_of(self.columns);
        sound && last == self.last && unused.all(|k| Entry::read(self.columns, k) == Some(Entry::default()))
    }

    /// The bin that `word` falls into, by the thresholds alone.
    pub fn bin(&self, word: u32) -> usize {
        (0..=self.last).rev().find(|&k| self.threshold(k) <= word.into()).unwrap_or(0)
    }

    /// The sigma of `word`.
    pub fn draw(&self, word: u32) -> f32 {
        let mut sigma = [0.0];
        self.sequence(&mut sigma, word, 0);
        let [sigma] = sigma;
        sigma
    }

    /// The sigmas of the next words of `rng`.
    pub fn independent(&self, sigmas: &mut [f32], rng: &mut Xoshiro256PlusPlus) {
        draw::independent(self.columns, self.guide, sigmas, rng);
    }

    /// The sigmas of `word`, `word + stride`, `word + 2 stride` and so on.
    pub fn sequence(&self, sigmas: &mut [f32], word: u32, stride: u32) {
        draw::sequence(self.columns, self.guide, sigmas, word, stride);
    }

    /// Quantile `p` (0 to 1) of the draws.
    pub fn quantile(&self, p: f64) -> f32 {
        self.draw((p * WORDS as f64) as u32)
    }

    /// ln of the density of the draws per unit ln sigma at `sigma` in bin `k`, which ends
    /// at `low` and `high`: the bin's words lie evenly over it.
    pub fn log_density(&self, k: usize, sigma: f32, low: f32, high: f32) -> f64 {
        let words = self.threshold(k + 1).saturating_sub(self.threshold(k));
        if words == 0 {
            return f64::NEG_INFINITY;
        }
        let mass = words as i64 as f64 / WORDS as f64;
        ln(mass * f64::from(sigma) / (f64::from(high) - f64::from(low)))
    }

    /// thr_k for k of 0..=K.
    #[inline]
    pub fn threshold(&self, k: usize) -> u64 {
        if k > self.last {
            return WORDS;
        }
        self.columns.get(k).map_or(WORDS, |&threshold| threshold.into())
    }

    /// Increase of sigma from one word of bin `k` to the next; 0 for a bin that is
    /// never drawn. A draw needs only this, the thresholds and the edges.
    #[inline]
    pub fn slope(&self, k: usize) -> f32 {
        Entry::read(self.columns, k).map_or(0.0, |entry| entry.slope)
    }
}

/// The thresholds at the upper edges of the bins, in ascending order (step 10):
/// floor(2^32 cdf), the last one 2^32.
fn upper_thresholds(pi: &[f64]) -> impl FnMut(usize) -> u64 {
    let total = sum(pi);
    let mut below = 0.0;
    move |k| {
        below += at(pi, k);
        if k + 1 == pi.len() { WORDS } else { ((below / total * WORDS as f64) as i64 as u64).min(WORDS) }
    }
}

/// Calls `put` for each bin with its index, its threshold, its entry and the cells of
/// the guide that begin in it; returns the last bin that is ever drawn. `end(k)` is the
/// threshold at the upper edge of bin `k`.
fn for_each_bin(
    grid: &Grid,
    cells: usize,
    mut end: impl FnMut(usize) -> u64,
    mut put: impl FnMut(usize, u64, Entry, core::ops::Range<usize>),
) -> usize {
    // A cell belongs to the bin of its first word, `cell << shift`.
    let shift = 32 - cells.trailing_zeros();
    let (mut start, mut last, mut cell) = (0, 0, 0);
    for k in 0..grid.bins() {
        let end = end(k);
        let (low, high) = (grid.edge(k), grid.edge(k + 1));
        let words = end.saturating_sub(start);
        let slope = if words == 0 { 0.0 } else { (f64::from(high) - f64::from(low)) / words as i64 as f64 };
        let entry = Entry {
            threshold: start.min(u64::from(u32::MAX)) as u32,
            last: end.saturating_sub(1).min(u64::from(u32::MAX)) as u32,
            edge: low,
            slope: slope as f32,
            top: below(high),
        };
        let first = cell;
        if end > start {
            cell = cell.max((((end - 1) >> shift) + 1) as usize);
            last = k;
        }
        put(k, start, entry, first..cell);
        start = end;
    }
    last
}

impl ViewMut<'_> {
    /// Writes the guide again, from the thresholds of the sampler in force.
    pub fn restore_guide(&mut self, config: &Config) {
        let grid = Grid::stored(config, self.edges, self.centres);
        let (columns, last) = (&*self.columns, self.header.last_drawn as usize);
        let table = DrawTable::new(columns, &[], last);
        for_each_bin(
            &grid,
            self.guide.len(),
            |k| table.threshold(k + 1),
            |k, _, _, cells| {
                if let Some(cells) = self.guide.get_mut(cells) {
                    cells.fill(k as u8);
                }
            },
        );
    }

    /// Makes `density` the sampler in force: writes thresholds, guide, quantiles, and
    /// the largest change of the CDF.
    pub fn install(&mut self, config: &Config) {
        let grid = &Grid::stored(config, self.edges, self.centres);
        let (old_last, mut change) = (self.header.last_drawn as usize, 0);
        let last =
            for_each_bin(grid, self.guide.len(), upper_thresholds(self.density), |k, start, entry, cells| {
                let before = self.columns.get(k).filter(|_| k <= old_last).map_or(WORDS, |&old| old.into());
                change = start.abs_diff(before).max(change);
                entry.write(self.columns, k);
                if let Some(cells) = self.guide.get_mut(cells) {
                    cells.fill(k as u8);
                }
            });
        let table = DrawTable::new(self.columns, self.guide, last);
        let summary = &mut self.header.summary;
        summary.cdf_change = change as f64 / WORDS as f64;
        summary.quantiles = [0.05, 0.25, 0.5, 0.75, 0.95].map(|p| table.quantile(p).into());
        self.header.last_drawn = last as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn table(pi: &[f64]) -> (Grid<'_>, Vec<u32>, Vec<u8>, usize) {
        let grid = Grid::new(&Config { bins: pi.len() as u32, ..Config::DEFAULT });
        let (mut words, mut guide) = (vec![0; columns(pi.len())], vec![0; cells(pi.len())]);
        let last = DrawTable::build(&grid, pi, &mut words, &mut guide);
        (grid, words, guide, last)
    }

    /// The bin by its definition, without the guide.
    fn by_definition(table: &DrawTable, bins: usize, word: u32) -> usize {
        (0..bins).find(|&k| (table.threshold(k)..table.threshold(k + 1)).contains(&u64::from(word))).unwrap()
    }

    #[test]
    fn empty_bins_are_never_drawn_and_edges_belong_upwards() {
        for pi in [
            vec![0.0, 0.0, 0.25, 0.0, 0.5, 0.25, 0.0, 0.0, 0.0],
            vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            vec![0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
            vec![1e-12, 0.3, 1e-9, 0.2, 1e-12, 0.1, 0.4, 1e-12, 1e-12, 1e-12],
        ] {
            let (grid, words, guide, last) = table(&pi);
            let table = DrawTable::new(&words, &guide, last);
            let mut words = vec![0, u32::MAX, u32::MAX / 2, 12345];
            for k in 1..pi.len() {
                let t = table.threshold(k);
                words.extend((t.saturating_sub(2)..t + 3).filter(|&w| w < WORDS).map(|w| w as u32));
            }
            for word in words {
                let k = table.bin(word);
                assert_eq!(k, by_definition(&table, pi.len(), word));
                assert!(pi[k] > 0.0);
                let sigma = table.draw(word);
                assert!(grid.edge(k) <= sigma && sigma < grid.edge(k + 1), "{word} {sigma}");
            }
        }
    }

    /// The draw as documented at `infonoise_sampler_get`, at the words around every threshold.
    #[test]
    fn a_draw_can_be_made_elsewhere() {
        for pi in [
            vec![0.0, 0.0, 0.25, 0.0, 0.5, 0.25, 0.0, 0.0, 0.0],
            vec![0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
            (0..256).map(|k| f64::from(k % 5)).collect(),
        ] {
            let (grid, words, guide, last) = table(&pi);
            let table = DrawTable::new(&words, &guide, last);
            for near in 0..=pi.len() {
                for word in
                    (0..9).map(|i| (table.threshold(near) + i).wrapping_sub(4)).filter(|&word| word < WORDS)
                {
                    let k = by_definition(&table, pi.len(), word as u32);
                    let steps = (word - table.threshold(k)) as f32;
                    let sigma = (grid.edge(k) + steps * table.slope(k)).min(below(grid.edge(k + 1)));
                    assert_eq!(table.draw(word as u32).to_bits(), sigma.to_bits());
                }
            }
        }
    }

    #[test]
    fn quantiles_are_monotone() {
        let pi: Vec<f64> = (0..64).map(|k| f64::from(k % 7) / 189.0).collect();
        let (_, words, guide, last) = table(&pi);
        let table = DrawTable::new(&words, &guide, last);
        let draws: Vec<f32> = (0..=10_000).map(|i| table.quantile(f64::from(i) / 10_001.0)).collect();
        assert!(draws.windows(2).all(|pair| pair[0] <= pair[1]));
    }
}
