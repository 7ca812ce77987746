//! Text for C: 0-terminated names, and messages in a caller's buffer.

/// A `&'static CStr` of a `const` &str.
macro_rules! c_name {
    ($text:expr) => {{
        const BYTES: [u8; $text.len() + 1] = {
            let (mut bytes, mut i) = ([0; $text.len() + 1], 0);
            while i < $text.len() {
                bytes[i] = $text.as_bytes()[i];
                i += 1;
            }
            bytes
        };
        const NUL_TERMINATED: &core::ffi::CStr = match core::ffi::CStr::from_bytes_with_nul(&BYTES) {
            Ok(text) => text,
            Err(_) => panic!("a name holds a 0"),
        };
        NUL_TERMINATED
    }};
}
pub(crate) use c_name;

/// A buffer that is 0-terminated after every piece; text that does not fit is cut.
pub struct Text<'a> {
    buffer: &'a mut [u8],
    used: usize,
}

impl<'a> Text<'a> {
    /// An empty text.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        if let Some(first) = buffer.first_mut() {
            *first = 0;
        }
        Text { buffer, used: 0 }
    }

    /// Appends as much as fits.
    pub fn put(&mut self, piece: &str) {
        for &byte in piece.as_bytes() {
            let Some([slot, end]) = self.buffer.get_mut(self.used..).and_then(|rest| rest.first_chunk_mut())
            else {
                return;
            };
            (*slot, *end) = (byte, 0);
            self.used += 1;
        }
    }
}
