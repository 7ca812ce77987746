//! The block: its layout, the draw table and the digest.

pub mod block;
pub mod digest;
pub mod draw_table;
pub mod xxh3;
