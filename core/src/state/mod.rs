//! The block: where everything lies in the caller's words.

pub mod block;
pub mod digest;
pub mod draw_table;
pub mod xxh3;
