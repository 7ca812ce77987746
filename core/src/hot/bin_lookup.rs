//! The bin of a sigma, without a logarithm.
//!
//! Positive f32 values order like their bits, and their bits grow almost like
//! their logarithm. So cell = (bits(sigma) - bits(sigma_min)) >> shift gives a first
//! guess in a table of at least 4 K cells; comparing the bits of the edges then finds
//! the bin. No floats are compared, so denormals-are-zero has no effect.

use crate::method::grid::Grid;
use crate::state::draw_table::entries;

#[test]
fn example() {
    let grid = Grid::new(&crate::Config::DEFAULT);
    let (mut table, mut bits) = ([0u8; cells(64)], [0u32; 66]);
    BinLookup::build(&grid, &mut table, &mut bits);
    let lookup = BinLookup::new(&table, &bits);
    assert_eq!(lookup.bin(0.002), Some(0));
    assert_eq!(lookup.bin(80.0), Some(63));
    assert_eq!((lookup.bin(80.0001), lookup.nearest(80.0001)), (Some(63), 80.0)); // a round trip
    assert_eq!(lookup.bin(81.0), None);
    assert_eq!(lookup.bin(f32::NAN), None);
}

/// Edges stored for so many entries: the lookup reads two past a guess.
const fn edges_len(entries: usize) -> usize {
    entries + 2
}

/// Edges stored for K = `bins`: those past the last repeat it.
pub const fn edges(bins: usize) -> usize {
    edges_len(entries(bins))
}

/// Cells of the table for K = `bins`.
pub const fn cells(bins: usize) -> usize {
    4 * entries(bins)
}

/// No bin.
pub const OFF_GRID: u16 = u16::MAX;

/// A sigma outside the grid by at most this relative amount is clamped to the end.
const SLACK: f64 = 1e-5;

/// Finds bins in a table that lies in the block: a table of first guesses, and
/// the bits of edges; entries past the last edge repeat it.
#[derive(Clone, Copy)]
pub struct BinLookup<'a> {
    /// First bin for each cell of bits above `low`.
    table: &'a [u8],
    /// Bits of the edges.
    edges: &'a [u32],
    /// Right shift from bits above `low` to a cell.
    shift: u32,
    /// The first edge.
    low: u32,
    /// The last edge.
    high: u32,
}

impl<'a> BinLookup<'a> {
    /// A view of a table and of the bits of K + 1 edges.
    #[inline]
    pub fn new(table: &'a [u8], edges: &'a [u32]) -> Self {
        let low = edges.first().copied().unwrap_or(0);
        let high = edges.last().copied().unwrap_or(0);
        BinLookup { table, edges, shift: shift(low, high, table.len()), low, high }
    }

    /// Writes the table and the edges' bits of `grid`.
    pub fn build(grid: &Grid, table: &mut [u8], edges: &mut [u32]) {
        for (i, bits) in edges.iter_mut().enumerate() {
            *bits = grid.edge(i).to_bits();
        }
        let cells = table.len();
        for (slot, guess) in table.iter_mut().zip(guesses(cells, edges, grid.bins())) {
            *slot = guess;
        }
    }

    /// Whether this is what [`BinLookup::build`] builds from `grid`.
    pub fn is_sound(&self, grid: &Grid) -> bool {
        self.edges.iter().enumerate().all(|(i, &bits)| bits == grid.edge(i).to_bits())
            && guesses(self.table.len(), self.edges, grid.bins()).zip(self.table).all(|(a, &b)| a == b)
    }

    /// The bin of `sigma`; none if it is off the grid, negative or not finite. A sigma
    /// outside an end by no more than [`SLACK`] (the rounding of a conversion to
    /// another coordinate and back) is clamped to it.
    #[inline]
    pub fn bin(&self, sigma: f32) -> Option<usize> {
        let bits = sigma.to_bits();
        let offset = bits.wrapping_sub(self.low);
        if offset >= self.span() {
            return self.clamp(bits);
        }
        let guess = self.table.get((offset >> (self.shift & 31)) as usize).map_or(0, |&k| usize::from(k));
        let k = guess + usize::from(self.edges.get(guess + 1).is_some_and(|&edge| edge <= bits));
        if self.edges.get(k + 1).is_some_and(|&edge| edge <= bits) {
            Some(search(self.edges, bits))
        } else {
            Some(k)
        }
    }

    #[inline(always)]
    fn span(&self) -> u32 {
        self.high.wrapping_sub(self.low)
    }

    /// `sigma` at the nearest place on the grid.
    #[inline]
    pub fn nearest(&self, sigma: f32) -> f32 {
        f32::from_bits(sigma.to_bits().max(self.low).min(self.high))
    }

    /// The bins of sigmas, given by their bits; [`OFF_GRID`] where there is none.
    #[inline(never)]
    pub fn bins(&self, sigmas: &[u32], bins: &mut [u16]) {
        if let (Some(table), Some(edges)) = (self.table.first_chunk(), self.edges.first_chunk()) {
            self.bins_in::<256, 1024, { edges_len(256) }>(table, edges, sigmas, bins);
        } else if let (Some(table), Some(edges)) = (self.table.first_chunk(), self.edges.first_chunk()) {
            self.bins_in::<64, 256, { edges_len(64) }>(table, edges, sigmas, bins);
        }
    }

    /// With sizes known at compile time, a mask replaces the bounds check of an index.
    #[inline(always)]
    fn bins_in<const ENTRIES: usize, const CELLS: usize, const EDGES: usize>(
        &self,
        table: &[u8; CELLS],
        edges: &[u32; EDGES],
        sigmas: &[u32],
        bins: &mut [u16],
    ) {
        let (low, span, shift) = (self.low, self.span(), self.shift & 31);
        for (bin, &sigma) in bins.iter_mut().zip(sigmas) {
            let offset = sigma.wrapping_sub(low);
            // Negative numbers and NaN have the largest bits, so one comparison suffices.
            if offset >= span {
                *bin = self.clamp(sigma).map_or(OFF_GRID, |k| k as u16);
                continue;
            }
            let guess = usize::from(table[(offset >> shift) as usize & (CELLS - 1)]) & (ENTRIES - 1);
            // One comparison without a branch decides nearly all.
            let mut k = guess + usize::from(edges[guess + 1] <= sigma);
            if edges[k + 1] <= sigma {
                k = search(edges, sigma);
            }
            *bin = k as u16;
        }
    }

    /// The bin of the upper end, which belongs to the last bin, and of sigmas outside
    /// the grid, which are clamped up to [`SLACK`].
    #[cold]
    #[inline(never)]
    fn clamp(&self, bits: u32) -> Option<usize> {
        let slack = |bits: u32, factor: f64| ((f64::from(f32::from_bits(bits)) * factor) as f32).to_bits();
        if bits < slack(self.low, 1.0 - SLACK) || bits > slack(self.high, 1.0 + SLACK) {
            None
        } else {
            Some(search(self.edges, bits.max(self.low).min(self.high.wrapping_sub(1))))
        }
    }
}

/// The bin of `bits` by the edges alone.
#[cold]
#[inline(never)]
fn search(edges: &[u32], bits: u32) -> usize {
    edges.iter().skip(1).take_while(|&&edge| edge <= bits).count()
}

/// The first bin of each of `cells` cells.
fn guesses(cells: usize, edges: &[u32], bins: usize) -> impl Iterator<Item = u8> {
    let low = edges.first().copied().unwrap_or(0);
    let shift = shift(low, edges.last().copied().unwrap_or(0), cells);
    let mut k = 0usize;
    (0..cells).map(move |cell| {
        let start = u64::from(low) + ((cell as u64) << shift);
        while k + 1 < bins && edges.get(k + 1).is_some_and(|&edge| u64::from(edge) <= start) {
            k += 1;
        }
        k as u8
    })
}

/// The smallest shift that brings the whole grid into `cells` cells.
#[inline]
fn shift(low: u32, high: u32, cells: usize) -> u32 {
    let span = high.wrapping_sub(low);
    let room = 32 - (cells as u32).saturating_sub(1).leading_zeros();
    let used = 32 - span.leading_zeros();
    let shift = used.saturating_sub(room);
    // `room` is rounded up to a power of two; shift one more where the table is shorter.
    if (span >> shift) as usize >= cells { shift + 1 } else { shift }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// Every bin found through the table is the one that the edges define.
    #[test]
    fn agrees_with_the_edges_on_every_neighbourhood() {
        for (bins, sigma_min, sigma_max) in [
            (8, 0.002, 80.0),
            (64, 0.002, 80.0),
            (100, 1.0, 1.001),
            (256, 8.7e-19, 1.1e18),
            (37, 7.0, 1000.0),
        ] {
            let config = Config { bins, sigma_min, sigma_max, ..Config::DEFAULT };
            config.check().unwrap();
            let grid = Grid::new(&config);
            let k = bins as usize;
            let (mut table, mut edges) = (vec![0u8; cells(k)], vec![0u32; super::edges(k)]);
            BinLookup::build(&grid, &mut table, &mut edges);
            let lookup = BinLookup::new(&table, &edges);
            for i in 0..k {
                let (low, high) = (grid.edge(i), grid.edge(i + 1));
                let inside = f32::from_bits(high.to_bits() - 1);
                assert_eq!(lookup.bin(low), Some(i), "K {bins} bin {i}");
                assert_eq!(lookup.bin(inside), Some(i), "K {bins} bin {i}");
            }
            assert_eq!(lookup.bin(grid.edge(k)), Some(k - 1));
        }
    }

    /// A first guess is at most two bins too low, so the search is short.
    #[test]
    fn guesses_are_close() {
        let grid = Grid::new(&Config::DEFAULT);
        let (mut table, mut edges) = ([0u8; cells(64)], [0u32; 66]);
        BinLookup::build(&grid, &mut table, &mut edges);
        assert!(table.windows(2).all(|pair| pair[1] - pair[0] <= 1));
    }

    #[test]
    fn off_the_grid() {
        let grid = Grid::new(&Config::DEFAULT);
        let (mut table, mut edges) = ([0u8; cells(64)], [0u32; 66]);
        BinLookup::build(&grid, &mut table, &mut edges);
        let lookup = BinLookup::new(&table, &edges);
        for sigma in [0.0, -0.0, -1.0, 0.00199, 80.01, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -f32::NAN]
        {
            assert_eq!(lookup.bin(sigma), None, "{sigma}");
        }
        let outside = 0.002 * (1.0 - 0.9e-5);
        assert_eq!((lookup.bin(outside), lookup.nearest(outside)), (Some(0), 0.002));
    }
}
