//! The block: the layout of a schedule in the caller's words.
//!
//! One header, then the sections below, each at an offset that (bins, window)
//! determines. There are no pointers and no implicit padding, and every bit pattern can
//! be read. The words are in the machine's own byte order.
//!
//! ```
//! use infonoise::{state_words, Config, Scheduler};
//! let mut words = [0u64; state_words(64, 256)]; // fixed at compile time
//! Scheduler::init(&mut words, &Config::DEFAULT, 0).unwrap();
//! assert!(size_of_val(&words) <= 75 * 1024);
//! ```

use crate::config::raw::RawConfig;
use crate::error::Error;
use crate::hot::ring::Mark;
use crate::method::fresh::MeanSpan;
use crate::method::gate::gate;
use crate::method::grid::Grid;
use crate::method::rate::Rate;
use bytemuck::{Pod, Zeroable, try_cast_slice, try_cast_slice_mut};

/// "infonois" in the machine's byte order.
pub const MAGIC: u64 = u64::from_be_bytes(*b"infonois");

/// Changes whenever a section moves.
pub const LAYOUT: u64 = 4;

/// Results of the last refreshes, for the report and for the profile in force.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Summary {
    /// Code of the last hold's reason.
    pub hold: u32,
    /// Code of the warning in force.
    pub warning: u32,
    /// Bins at the ceiling at the last refresh, done or held.
    pub clipped: u32,
    /// Code of the rule that set the accepted pivot.
    pub rule: u32,
    /// Smoothing passes of the accepted refresh.
    pub smoothing: u32,
    /// How many bins the warning is about.
    pub warning_bins: u32,
    /// The lowest of them.
    pub warning_first: u32,
    /// The highest of them.
    pub warning_last: u32,
    /// ln c of the accepted refresh.
    pub ln_c: f64,
    /// Gate exponent of the accepted refresh.
    pub gate_exponent: f64,
    /// Largest change of the CDF at the accepted refresh.
    pub cdf_change: f64,
    /// 5, 25, 50, 75 and 95 % quantiles of the sampler in force.
    pub quantiles: [f64; 5],
    /// Centre of the bin where the target peaks.
    pub peak_sigma: f64,
    /// Integral of the rate over the grid, nats per dimension.
    pub information_nats: f64,
    /// Since when draws are compared with observations: the step, the draws and the pairs then.
    pub counted_from: [u64; 3],
    /// Code of the warning that the comparison before that gave.
    pub counted: u64,
    /// Fills the header to whole cache lines.
    pub spare: [u64; 1],
}

/// The head of the block.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: u64,
    /// [`LAYOUT`].
    pub layout: u64,
    /// The configuration.
    pub config: RawConfig,
    /// Xoshiro256++.
    pub rng: [u64; 4],
    /// 1: no refresh.
    pub frozen: u64,
    /// The last bin that is ever drawn.
    pub last_drawn: u64,
    /// Optimizer steps.
    pub steps: u64,
    /// Sigmas drawn, over all ranks.
    pub draws: u64,
    /// Losses taken.
    pub observations: u64,
    /// Pairs rejected.
    pub rejected: u64,
    /// Refreshes done.
    pub refreshes: u64,
    /// Refreshes held.
    pub held: u64,
    /// The step at which the next refresh is due.
    pub next_refresh: u64,
    /// The step of the last refresh, done or held.
    pub last_refresh: u64,
    /// How many losses had been taken then.
    pub refreshed_at: u64,
    /// What the report and the profile need.
    pub summary: Summary,
}

impl Header {
    /// Refreshes done or held.
    pub fn attempts(&self) -> u64 {
        self.refreshes.saturating_add(self.held)
    }

    /// ln c of the last accepted refresh.
    pub fn accepted_pivot(&self) -> Option<f64> {
        if self.refreshes > 0 { Some(self.summary.ln_c) } else { None }
    }

    /// Counts a step; whether a refresh is due at it.
    #[inline(always)]
    pub fn count_step(&mut self) -> bool {
        self.steps = self.steps.wrapping_add(1);
        self.frozen == 0 && self.steps >= self.next_refresh
    }
}

const HEADER_WORDS: usize = size_of::<Header>() / 8;
const _: () = assert!(size_of::<Header>() & 63 == 0);

/// Words of a section of `count` elements of T.
const fn section<T>(count: usize) -> usize {
    (count * size_of::<T>()).div_ceil(8)
}

/// Generates the layout, a read-only view and a writing view from the table of
/// sections: name, element, count.
macro_rules! sections {
    ($bins:ident, $window:ident; $($(#[$doc:meta])* $name:ident: $element:ty = $count:expr;)+) => {
        /// Words that a block of `bins` and `window` needs: a multiple of 8.
        pub const fn state_words($bins: usize, $window: usize) -> usize {
            (HEADER_WORDS $(+ section::<$element>($count))+).next_multiple_of(8)
        }

        /// A block, for reading.
        #[derive(Clone, Copy)]
        pub struct View<'a> {
            /// The head.
            pub header: &'a Header,
            $($(#[$doc])* pub $name: &'a [$element],)+
        }

        impl<'a> View<'a> {
            /// Checks the header in O(1) and finds the sections.
            #[inline(never)]
            pub fn new(words: &'a [u64]) -> Result<Self, Error> {
                Self::split(words)
            }

            /// The same, where few of the sections are used and the others vanish.
            #[inline(always)]
            pub fn split(words: &'a [u64]) -> Result<Self, Error> {
                let ($bins, $window) = dimensions(words)?;
                let (header, rest) = words.split_at_checked(HEADER_WORDS).ok_or(Error::TooSmall)?;
                let header = bytemuck::try_from_bytes(bytes(header)?).map_err(|_| Error::TooSmall)?;
                $(
                    let (words, rest) =
                        rest.split_at_checked(section::<$element>($count)).ok_or(Error::TooSmall)?;
                    let $name: &'a [$element] = try_cast_slice(words).map_err(|_| Error::Corrupt)?;
                    let $name = $name.get(..$count).ok_or(Error::TooSmall)?;
                )+
                let _ = rest;
                Ok(View { header, $($name),+ })
            }
        }

        /// A block, for writing.
        pub struct ViewMut<'a> {
            /// The head.
            pub header: &'a mut Header,
            $($(#[$doc])* pub $name: &'a mut [$element],)+
        }

        impl<'a> ViewMut<'a> {
            /// Checks the header in O(1) and finds the sections.
            #[inline(never)]
            pub fn new(words: &'a mut [u64]) -> Result<Self, Error> {
                Self::split(words)
            }

            /// The same, where few of the sections are used and the others vanish.
            #[inline(always)]
            pub fn split(words: &'a mut [u64]) -> Result<Self, Error> {
                let ($bins, $window) = dimensions(words)?;
                let (header, rest) = words.split_at_mut_checked(HEADER_WORDS).ok_or(Error::TooSmall)?;
                let header = try_cast_slice_mut(header).map_err(|_| Error::Corrupt)?;
                let header = header.first_mut().ok_or(Error::TooSmall)?;
                $(
                    let (words, rest) =
                        rest.split_at_mut_checked(section::<$element>($count)).ok_or(Error::TooSmall)?;
                    let $name: &'a mut [$element] =
                        try_cast_slice_mut(words).map_err(|_| Error::Corrupt)?;
                    let $name = $name.get_mut(..$count).ok_or(Error::TooSmall)?;
                )+
                let _ = rest;
                Ok(ViewMut { header, $($name),+ })
            }

            /// The same block, for reading.
            #[inline]
            pub fn view(&self) -> View<'_> {
                View { header: self.header, $($name: self.$name),+ }
            }
        }
    };
}

sections! { bins, window;
    /// Thresholds, edges and slopes of the sampler in force.
    columns: u32 = crate::state::draw_table::columns(bins);
    /// The guide: first bin for each cell of words. A refresh uses it as scratch memory
    /// and then writes it again.
    guide: u8 = crate::state::draw_table::cells(bins);
    /// First bin for each cell of sigma's bits.
    bin_table: u8 = crate::hot::bin_lookup::cells(bins);
    /// Bits of the edges.
    edges: u32 = crate::hot::bin_lookup::edges(bins);
    /// Head, turns and age of each ring.
    marks: Mark = bins;
    /// How far back the mean of each bin reaches.
    spans: MeanSpan = bins;
    /// The losses: `window` slots for each bin.
    rings: f32 = bins * window;
    /// Centres of the bins.
    centres: f64 = bins;
    /// m, the EMA of the mean losses.
    ema: f64 = bins;
    /// m after the ceiling, at the last accepted refresh.
    error: f64 = bins;
    /// y = ln r at the last accepted refresh.
    y: f64 = bins;
    /// pi, the masses of the sampler in force.
    density: f64 = bins;
    /// The caller's factors on the fixed weight, 1 by default.
    weight: f64 = bins;
    /// The caller's baseline masses, 0 by default.
    baseline: f64 = bins;
}

/// The part of a block that draws and observations need: its first sections.
pub struct Hot<'a> {
    /// The head.
    pub header: &'a mut Header,
    /// See [`ViewMut`], also for the following fields.
    pub columns: &'a [u32],
    /// As there.
    pub guide: &'a [u8],
    /// As there.
    pub bin_table: &'a [u8],
    /// As there.
    pub edges: &'a [u32],
    /// As there.
    pub marks: &'a mut [Mark],
    /// As there.
    pub rings: &'a mut [f32],
}

impl<'a> Hot<'a> {
    /// Checks the header in O(1) and finds these sections only.
    #[inline]
    pub fn new(words: &'a mut [u64]) -> Result<Self, Error> {
        let ViewMut { header, columns, guide, bin_table, edges, marks, rings, .. } = ViewMut::new(words)?;
        Ok(Hot { header, columns, guide, bin_table, edges, marks, rings })
    }
}

impl ViewMut<'_> {
    /// The sections that draws and observations need.
    #[inline]
    pub fn hot(&mut self) -> Hot<'_> {
        Hot {
            header: self.header,
            columns: self.columns,
            guide: self.guide,
            bin_table: self.bin_table,
            edges: self.edges,
            marks: self.marks,
            rings: self.rings,
        }
    }
}

impl<'a> View<'a> {
    /// The rate at the last accepted refresh; `grid` is the block's.
    pub fn rate_in_force(&self, grid: &'a Grid<'a>) -> Rate<'a> {
        Rate { grid, y: self.y }
    }

    /// The gate of the last accepted refresh in bin `k` of `grid`.
    pub fn gate_in_force(&self, grid: &Grid, k: usize) -> f64 {
        let summary = &self.header.summary;
        gate(summary.gate_exponent, summary.ln_c, grid.ln_centre(k))
    }

    /// The grid, from its stored edges and centres; none where its ends are invalid.
    pub fn grid(&self) -> Option<Grid<'a>> {
        let config = &self.header.config;
        let (low, high) = (config.sigma_min as f32, config.sigma_max as f32);
        let grid = || Grid::between(config.bins, low, high, self.edges, self.centres);
        (low > 0.0 && low < high && high.is_finite()).then(grid)
    }
}

fn bytes(words: &[u64]) -> Result<&[u8], Error> {
    try_cast_slice(words).map_err(|_| Error::Corrupt)
}

/// (bins, window) of a block, if its header says that it can be used.
pub fn dimensions(words: &[u64]) -> Result<(usize, usize), Error> {
    let (head, _) = words.split_at_checked(HEADER_WORDS).ok_or(Error::TooSmall)?;
    let header: &Header = bytemuck::try_from_bytes(bytes(head)?).map_err(|_| Error::TooSmall)?;
    if header.magic == MAGIC.swap_bytes() {
        return Err(Error::ForeignEndian);
    }
    if header.magic != MAGIC {
        return Err(Error::NotAState);
    }
    if header.layout != LAYOUT {
        return Err(Error::WrongLayout(header.layout));
    }
    let (bins, window) = (header.config.bins, header.config.window);
    if !(8..=256).contains(&bins) || !(8..=4096).contains(&window) {
        return Err(Error::Corrupt);
    }
    let (bins, window) = (bins as usize, window as usize);
    if words.len() < state_words(bins, window) {
        return Err(Error::TooSmall);
    }
    Ok((bins, window))
}

/// The header of a block that can be used, for writing.
#[inline(always)]
pub(crate) fn header_mut(words: &mut [u64]) -> Result<&mut Header, Error> {
    dimensions(words)?;
    fresh_header(words)
}

/// The words of a header, whatever they hold.
#[inline(always)]
pub(crate) fn fresh_header(words: &mut [u64]) -> Result<&mut Header, Error> {
    let head = words.get_mut(..HEADER_WORDS).ok_or(Error::TooSmall)?;
    let head: &mut [Header] = try_cast_slice_mut(head).map_err(|_| Error::Corrupt)?;
    head.first_mut().ok_or(Error::TooSmall)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Scheduler};

    #[test]
    fn every_number_of_bins_and_slots_makes_a_block() {
        for bins in 8..=256u32 {
            for window in [8, 9, 37, 4096].into_iter().chain([8 + bins % 50]) {
                let mut words = vec![0; state_words(bins as usize, window as usize)];
                let config = Config { bins, window, min_count: 1, ..Config::DEFAULT };
                let scheduler = Scheduler::init(&mut words, &config, 0).unwrap();
                scheduler.reader().validate().unwrap();
            }
        }
    }
}
