//! The bins of sigmas, by the bits of a table and of edges.

/// No bin.
pub const OFF_GRID: u16 = u16::MAX;

/// A table of first guesses, and the bits of edges; edges behind the last repeat
/// it.
#[derive(Clone, Copy)]
pub struct Lookup<'a> {
    /// First bin for each cell of bits above `low`.
    pub table: &'a [u8],
    /// Bits of the edges.
    pub edges: &'a [u32],
    /// From bits above `low` to cells.
    pub shift: u32,
    /// The first edge.
    pub low: u32,
    /// The last edge.
    pub high: u32,
    /// The least bits that are clamped to `low`.
    pub low_slack: u32,
    /// The largest bits that are clamped to `high`.
    pub high_slack: u32,
}

impl Lookup<'_> {
    /// The bins of `sigmas`, [`OFF_GRID`] where there is none.
    #[inline(never)]
    pub fn admit_all(&self, sigmas: &[f32], bins: &mut [u16]) {
        if let (Some(table), Some(edges)) = (self.table.first_chunk(), self.edges.first_chunk()) {
            self.admit_in::<1024, 257>(table, edges, sigmas, bins);
        } else if let (Some(table), Some(edges)) = (self.table.first_chunk(), self.edges.first_chunk()) {
            self.admit_in::<256, 65>(table, edges, sigmas, bins);
        }
    }

    /// Where the sizes are known, a mask is all that an index needs.
    #[inline(always)]
    fn admit_in<const CELLS: usize, const EDGES: usize>(
        &self,
        table: &[u8; CELLS],
        edges: &[u32; EDGES],
        sigmas: &[f32],
        bins: &mut [u16],
    ) {
        let (low, span, shift) = (self.low, self.high.wrapping_sub(self.low), self.shift & 31);
        let mask = EDGES - 2;
        for (bin, &sigma) in bins.iter_mut().zip(sigmas) {
            let bits = sigma.to_bits();
            let offset = bits.wrapping_sub(low);
            // Signs and NaN have the largest bits, so one comparison does.
            if offset >= span {
                *bin = self.clamp(bits);
                continue;
            }
            let mut k = usize::from(table[(offset >> shift) as usize & (CELLS - 1)]) & mask;
            // One comparison without a branch settles nearly all.
            k += usize::from(edges[k + 1] <= bits);
            if edges[(k & mask) + 1] <= bits {
                k = search(edges, bits);
            }
            *bin = k as u16;
        }
    }

    /// The bin of the upper end, which belongs to the last, and of what lies
    /// outside.
    #[cold]
    #[inline(never)]
    fn clamp(&self, bits: u32) -> u16 {
        if bits < self.low_slack || bits > self.high_slack {
            OFF_GRID
        } else {
            search(self.edges, bits.max(self.low).min(self.high.wrapping_sub(1))) as u16
        }
    }
}

/// The bin of `bits` by the edges alone.
#[cold]
#[inline(never)]
fn search(edges: &[u32], bits: u32) -> usize {
    edges.iter().skip(1).take_while(|&&edge| edge <= bits).count()
}
