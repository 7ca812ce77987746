//! Recent draws: with them a journal names sigmas by number instead of storing them.
//!
//! Every sigma has a number: how many were drawn before it. Two pages hold the
//! latest batches; a batch never straddles them, and when the current page is
//! full the other one is overwritten. So at least the last `page` draws are
//! available, however micro-batches, ranks or delays divide them.
//!
//! ```
//! use infonoise::recent_draws::{Recent, recent_words};
//! let mut words = vec![0; recent_words(256)];
//! let mut recent = Recent::init(&mut words, 256, 1000).unwrap(); // the run's 1000th draw
//! recent.reserve(4).unwrap().copy_from_slice(&[0.1, 0.2, 0.3, 0.4]);
//! recent.commit(4);
//! assert_eq!(recent.get(1002), Some(0.3));
//! assert_eq!(recent.find(&[0.2, 0.3]), Some(1001));
//! assert_eq!(recent.find(&[0.3, 0.2]), None);
//! ```

use crate::error::Error;
use bytemuck::{Pod, Zeroable, try_cast_slice_mut};

/// "infonrec" in the machine's byte order.
const MAGIC: u64 = u64::from_be_bytes(*b"infonrec");

/// The most draws that a page may hold.
pub const LARGEST_PAGE: usize = 1 << 28;

#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Head {
    magic: u64,
    /// Draws that a page holds.
    page: u64,
    /// The page that takes the next batch.
    current: u64,
    /// The number of the next draw.
    next: u64,
    /// The number after the last draw that was found: the next search begins there.
    cursor: u64,
    /// For each page the number of its first draw, and how many it holds.
    spans: [[u64; 2]; 2],
    reserved: u64,
}

const HEAD_WORDS: usize = size_of::<Head>() / 8;

/// Words that are needed to store the last `page` draws.
pub const fn recent_words(page: usize) -> usize {
    HEAD_WORDS + 2 * page.div_ceil(2)
}

/// The last draws of a run, in the caller's words.
pub struct Recent<'a> {
    head: &'a mut Head,
    pages: [&'a mut [f32]; 2],
}

impl<'a> Recent<'a> {
    /// Starts an empty store of `page` draws in `words`; `next` draws were made before.
    ///
    /// # Errors
    /// `Argument` unless 1 <= page <= 2^28, `TooSmall`.
    pub fn init(words: &'a mut [u64], page: usize, next: u64) -> Result<Self, Error> {
        if page == 0 || page > LARGEST_PAGE {
            return Err(Error::Argument);
        }
        let words = words.get_mut(..recent_words(page)).ok_or(Error::TooSmall)?;
        words.fill(0);
        let head = words.get_mut(..HEAD_WORDS).ok_or(Error::TooSmall)?;
        let head: &mut [Head] = try_cast_slice_mut(head).map_err(|_| Error::Corrupt)?;
        if let Some(head) = head.first_mut() {
            *head = Head { magic: MAGIC, page: page as u64, next, cursor: next, ..Head::zeroed() };
        }
        Self::open(words)
    }

    /// Borrows the store after checking its head, in O(1).
    ///
    /// # Errors
    /// `TooSmall`, `NotAJournal`.
    pub fn open(words: &'a mut [u64]) -> Result<Self, Error> {
        let (head, rest) = words.split_at_mut_checked(HEAD_WORDS).ok_or(Error::TooSmall)?;
        let head: &mut [Head] = try_cast_slice_mut(head).map_err(|_| Error::Corrupt)?;
        let head = head.first_mut().ok_or(Error::TooSmall)?;
        if head.magic != MAGIC || head.page == 0 || head.page > LARGEST_PAGE as u64 {
            return Err(Error::NotAJournal);
        }
        let page = head.page as usize;
        let (first, rest) = rest.split_at_mut_checked(page.div_ceil(2)).ok_or(Error::TooSmall)?;
        let second = rest.get_mut(..page.div_ceil(2)).ok_or(Error::TooSmall)?;
        let first = try_cast_slice_mut(first).map_err(|_| Error::Corrupt)?.get_mut(..page);
        let second = try_cast_slice_mut(second).map_err(|_| Error::Corrupt)?.get_mut(..page);
        let (Some(first), Some(second)) = (first, second) else { return Err(Error::TooSmall) };
        Ok(Recent { head, pages: [first, second] })
    }

    /// Draws that a page holds.
    pub fn page(&self) -> usize {
        self.head.page as usize
    }

    /// The number of the next draw.
    pub fn next(&self) -> u64 {
        self.head.next
    }

    /// The page that a batch of `n` goes to, and how many of its slots are used; none
    /// if the batch is larger than a page.
    fn target(&self, n: usize) -> Option<(usize, usize)> {
        let current = self.head.current as usize & 1;
        let used = self.head.spans.get(current)?[1] as usize;
        if n > self.page() {
            None
        } else if used.saturating_add(n) <= self.page() {
            Some((current, used))
        } else {
            Some((current ^ 1, 0))
        }
    }

    /// The slots for the next batch of `n`, to be written before [`Recent::commit`];
    /// none if it is larger than a page.
    pub fn reserve(&mut self, n: usize) -> Option<&mut [f32]> {
        let (page, used) = self.target(n)?;
        self.pages.get_mut(page)?.get_mut(used..used.checked_add(n)?)
    }

    /// Makes the `n` sigmas written to [`Recent::reserve`]'s slots the latest draws.
    pub fn commit(&mut self, n: usize) {
        let Some((page, used)) = self.target(n) else { return };
        self.head.current = page as u64;
        if let Some(span) = self.head.spans.get_mut(page) {
            if used == 0 {
                span[0] = self.head.next;
            }
            span[1] = used.saturating_add(n) as u64;
        }
        self.head.next = self.head.next.wrapping_add(n as u64);
    }

    /// Counts `n` draws that are not stored, and drops those stored before.
    pub fn skip(&mut self, n: u64) {
        self.head.next = self.head.next.wrapping_add(n);
        self.head.spans = [[self.head.next, 0]; 2];
    }

    /// Draw number `draw`, if it is stored.
    #[inline]
    pub fn get(&self, draw: u64) -> Option<f32> {
        for (span, page) in self.head.spans.iter().zip(&self.pages) {
            let at = draw.wrapping_sub(span[0]);
            if at < span[1] {
                return page.get(at as usize).copied();
            }
        }
        None
    }

    /// The number of the first of these sigmas, if they are stored one after the other.
    /// The search begins after the draws that were found last, then covers all.
    pub fn find(&mut self, sigma: &[f32]) -> Option<u64> {
        let &wanted = sigma.first()?;
        let found = if self.holds(self.head.cursor, sigma) {
            Some(self.head.cursor)
        } else {
            self.head.spans.iter().zip(&self.pages).find_map(|(span, page)| {
                let held = page.get(..span[1] as usize).unwrap_or(&[]);
                let same = |(_, x): &(usize, &f32)| x.to_bits() == wanted.to_bits();
                let numbers =
                    held.iter().enumerate().filter(same).map(|(i, _)| span[0].wrapping_add(i as u64));
                numbers.into_iter().find(|&first| self.holds(first, sigma))
            })
        }?;
        self.head.cursor = found.wrapping_add(sigma.len() as u64);
        Some(found)
    }

    /// Whether the draws from number `first` on have the bits of `sigma`.
    fn holds(&self, first: u64, sigma: &[f32]) -> bool {
        let mut draw = first;
        sigma.iter().all(|x| {
            let same = self.get(draw).is_some_and(|held| held.to_bits() == x.to_bits());
            draw = draw.wrapping_add(1);
            same
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_of_draws_is_always_remembered() {
        let mut words = vec![0; recent_words(37)];
        let mut recent = Recent::init(&mut words, 37, 5).unwrap();
        let mut drawn = 0u64;
        for n in [5usize, 37, 1, 36, 20, 20, 3, 0, 37, 2].into_iter().cycle().take(200) {
            let place = recent.reserve(n).unwrap();
            for (i, slot) in place.iter_mut().enumerate() {
                *slot = (drawn + i as u64) as f32;
            }
            recent.commit(n);
            drawn += n as u64;
            assert_eq!(recent.next(), drawn + 5);
            for draw in drawn.saturating_sub(37)..drawn {
                assert_eq!(recent.get(draw + 5), Some(draw as f32));
            }
            assert_eq!(recent.get(drawn + 5), None);
            let tail: Vec<f32> = (drawn.saturating_sub(30)..drawn).map(|draw| draw as f32).collect();
            assert_eq!(recent.find(&tail), (!tail.is_empty()).then(|| drawn.saturating_sub(30) + 5));
        }
        assert!(recent.reserve(38).is_none());
        recent.skip(1000);
        assert_eq!((recent.next(), recent.get(drawn + 4)), (drawn + 1005, None));
    }

    #[test]
    fn nonsense_stays_inside() {
        for word in 0..HEAD_WORDS {
            for bits in [u64::MAX, 1 << 63, 1 << 28, 37, 0] {
                let mut words = vec![0; recent_words(37)];
                Recent::init(&mut words, 37, 5).unwrap();
                words[word] = bits;
                let Ok(mut recent) = Recent::open(&mut words) else { continue };
                for n in [0, 1, 36, 37, 38] {
                    recent.reserve(n);
                    recent.commit(n);
                    recent.find(&[0.0; 3]);
                    recent.get(bits);
                }
            }
        }
        assert_eq!(Recent::open(&mut [0; 8]).err(), Some(Error::TooSmall));
        assert_eq!(Recent::init(&mut [0; 50], 0, 0).err(), Some(Error::Argument));
    }
}
