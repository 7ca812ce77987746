//! Little-endian numbers in bytes, for snapshots and journals.

use crate::config::raw::{NARROW, RawConfig, WIDE};

/// Writes numbers one after the other. A number that does not fit is dropped; callers
/// check the length first.
pub(crate) struct Writer<'a> {
    rest: &'a mut [u8],
}

impl<'a> Writer<'a> {
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Writer { rest: bytes }
    }

    pub fn put<const N: usize>(&mut self, number: [u8; N]) {
        let rest = core::mem::take(&mut self.rest);
        if let Some((place, rest)) = rest.split_first_chunk_mut() {
            *place = number;
            self.rest = rest;
        }
    }

    pub fn put_bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.put([byte]);
        }
    }
}

/// Reads numbers one after the other; gives none when too few bytes are left.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes }
    }

    pub fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }

    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.rest)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// The u32 at a byte offset.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Cursor::new(bytes.get(at..)?).u32()
}

/// The u64 at a byte offset.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Cursor::new(bytes.get(at..)?).u64()
}

/// Numbers of one type: the caller's slice, or packed little-endian in bytes, which
/// need not have this machine's alignment and byte order.
macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident, $kind:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name<'a> {
            /// The caller's slice.
            Slice(&'a [$kind]),
            /// Little-endian, one after the other.
            Packed(&'a [u8]),
        }

        impl $name<'_> {
            /// How many there are.
            pub fn len(&self) -> usize {
                match self {
                    Self::Slice(numbers) => numbers.len(),
                    Self::Packed(bytes) => bytes.len() / size_of::<$kind>(),
                }
            }

            /// Whether there are none.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Number `i`, 0 past the end.
            #[inline]
            pub fn get(&self, i: usize) -> $kind {
                match self {
                    Self::Slice(numbers) => numbers.get(i).copied().unwrap_or(0.0),
                    Self::Packed(bytes) => bytes
                        .get(i.saturating_mul(size_of::<$kind>())..)
                        .and_then(|bytes| bytes.first_chunk())
                        .map_or(0.0, |bytes| <$kind>::from_le_bytes(*bytes)),
                }
            }

            /// All of them, in order.
            pub(crate) fn iter(&self) -> impl Iterator<Item = $kind> {
                (0..self.len()).map(|i| self.get(i))
            }

            /// Copies as many as fit.
            #[allow(dead_code, reason = "tables are copied, losses are not")]
            pub(crate) fn copy_to(&self, to: &mut [$kind]) {
                for (to, x) in to.iter_mut().zip(self.iter()) {
                    *to = x;
                }
            }

            pub(crate) fn write(&self, writer: &mut Writer<'_>) {
                for i in 0..self.len() {
                    writer.put(self.get(i).to_le_bytes());
                }
            }
        }
    };
}
numbers! {
    /// f32 numbers of a record: sigmas or errors.
    F32Values, f32
}
numbers! {
    /// f64 numbers of a record: a table of weights or masses.
    F64Values, f64
}

/// Bytes of a stored configuration: its fields in the struct's order.
pub(crate) const CONFIG_BYTES: usize = size_of::<RawConfig>();

pub(crate) fn write_config(record: &RawConfig, writer: &mut Writer<'_>) {
    let (narrow, wide) = record.parts();
    narrow.into_iter().for_each(|field| writer.put(field.to_le_bytes()));
    wide.into_iter().for_each(|field| writer.put(field.to_le_bytes()));
}

pub(crate) fn read_config(cursor: &mut Cursor<'_>) -> Option<RawConfig> {
    let (mut narrow, mut wide) = ([0; NARROW], [0; WIDE]);
    for field in &mut narrow {
        *field = cursor.u32()?;
    }
    for field in &mut wide {
        *field = cursor.u64()?;
    }
    Some(RawConfig::of_parts(narrow, wide))
}
