//! Writes the seed corpus: `cargo run --example seeds` in tests/fuzz.

fn main() -> std::io::Result<()> {
    for (target, name, bytes) in infonoise_fuzz::seeds::all() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
