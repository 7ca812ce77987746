//! Writes `include/infonoise.h`: `cargo run -p infonoise-header`.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The header as the ffi crate wants it now.
fn header() -> String {
    let config = cbindgen::Config::from_file(root().join("ffi/cbindgen.toml")).expect("ffi/cbindgen.toml");
    let bindings = cbindgen::Builder::new()
        .with_crate(root().join("ffi"))
        .with_config(config)
        .generate()
        .expect("the ffi crate parses");
    let mut text = Vec::new();
    bindings.write(&mut text);
    String::from_utf8(text).expect("cbindgen writes UTF-8")
}

fn main() -> std::io::Result<()> {
    std::fs::write(root().join("include/infonoise.h"), header())
}

#[cfg(test)]
mod tests {
    #[test]
    fn header_is_fresh() {
        let checked_in = std::fs::read_to_string(super::root().join("include/infonoise.h")).unwrap();
        let fresh = super::header();
        for (line, (old, new)) in checked_in.lines().zip(fresh.lines()).enumerate() {
            assert_eq!(old, new, "include/infonoise.h is stale at line {}: run make header", line + 1);
        }
        assert_eq!(checked_in.len(), fresh.len(), "include/infonoise.h is stale: run make header");
    }
}
