//! Writes the C headers and the bindings' lists of the configuration's fields:
//! `cargo run -p infonoise-header`.
//!
//! `ffi/src/journal.rs` becomes `include/infonoise_journal.h`, the rest of the crate
//! `include/infonoise.h`.

mod fields;

use cbindgen::{Builder, Config};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn config(file: &str) -> Config {
    Config::from_file(root().join("ffi").join(file)).expect("a configuration of cbindgen")
}

fn text_of(builder: Builder) -> String {
    let mut text = Vec::new();
    builder.generate().expect("the ffi crate parses").write(&mut text);
    compact(&String::from_utf8(text).expect("cbindgen writes UTF-8"))
}

/// The headers that the ffi crate gives now, with their names.
fn headers() -> [(&'static str, String); 2] {
    let journal = root().join("ffi/src/journal.rs");
    let source = std::fs::read_to_string(&journal).expect("ffi/src/journal.rs");
    let mut main = config("cbindgen.toml");
    main.export.exclude.extend(exported(&source));
    let record = std::env::temp_dir().join(format!("infonoise-record-{}.rs", std::process::id()));
    std::fs::write(&record, fields::record_source()).expect("room for temporary files");
    let main = text_of(Builder::new().with_src(&record).with_crate(root().join("ffi")).with_config(main));
    // A file that cannot be deleted is left where temporary files may stay.
    let _ = std::fs::remove_file(&record);
    // The items that it uses from the rest of the crate are in the other header.
    let journal = Builder::new().with_src(journal).with_config(config("cbindgen_journal.toml"));
    [("infonoise.h", main), ("infonoise_journal.h", text_of(journal))]
}

/// The names of the public functions and types of a file.
fn exported(source: &str) -> impl Iterator<Item = String> {
    source.lines().filter_map(|line| {
        let mut words = line
            .strip_prefix("pub ")?
            .split_whitespace()
            .skip_while(|word| !matches!(*word, "fn" | "struct" | "enum"));
        let name = words.nth(1)?;
        Some(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
    })
}

/// Shortens to one line where that fits: the type of an enum by `INFONOISE_ENUM_`, a
/// member with its comment after it, an argument list.
fn compact(text: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let next = lines.peek().copied().unwrap_or("");
        if let Some(name) = line.strip_prefix("enum ").filter(|_| next.starts_with("#if defined")) {
            out.push(format!("INFONOISE_ENUM_({name}) {{"));
            lines.by_ref().take(4).for_each(drop);
        } else if line == "#ifndef __cplusplus" && next.starts_with("#if __STDC_VERSION__") {
            lines.by_ref().take(6).for_each(drop);
        } else if line.ends_with(',') && line.starts_with("infonoise_status ") {
            let mut call = line.to_owned();
            while !call.ends_with(';') {
                call = format!("{call} {}", lines.next().expect("the rest of the arguments").trim_start());
            }
            wrap(&call, &mut out);
        } else {
            let comment = out.last().filter(|last| last.starts_with("  // ")).cloned();
            let lone = out.len() < 2 || !out[out.len() - 2].starts_with("  // ");
            match comment {
                Some(comment)
                    if lone
                        && line.starts_with("  ")
                        && !line.starts_with("  //")
                        && line.len() + comment.len() <= WIDTH =>
                {
                    out.pop();
                    out.push(format!("{line}{comment}"));
                }
                _ => out.push(line.to_owned()),
            }
        }
    }
    out.join("\n") + "\n"
}

const WIDTH: usize = 100;

/// Breaks a declaration that is too wide between its arguments.
fn wrap(declaration: &str, out: &mut Vec<String>) {
    let indent = declaration.find('(').expect("a function") + 1;
    let mut line = String::new();
    for argument in declaration.split_inclusive(", ") {
        if line.len() + argument.trim_end().len() > WIDTH {
            out.push(line.trim_end().to_owned());
            line = " ".repeat(indent);
        }
        line += argument;
    }
    out.push(line);
}

fn main() -> std::io::Result<()> {
    let headers = headers();
    for (name, text) in &headers {
        std::fs::write(root().join("include").join(name), text)?;
    }
    fields::list_files(&root(), &headers[0].1)
        .iter()
        .try_for_each(|(file, text)| std::fs::write(root().join(file), text))
}

#[cfg(test)]
mod tests {
    #[test]
    fn headers_are_fresh() {
        for (name, fresh) in super::headers() {
            let checked_in = std::fs::read_to_string(super::root().join("include").join(name)).unwrap();
            for (line, (old, new)) in checked_in.lines().zip(fresh.lines()).enumerate() {
                assert_eq!(old, new, "include/{name} is stale at line {}: run make header", line + 1);
            }
            assert_eq!(checked_in.len(), fresh.len(), "include/{name} is stale: run make header");
        }
    }

    #[test]
    fn lists_are_fresh() {
        let header = std::fs::read_to_string(super::root().join("include/infonoise.h")).unwrap();
        for (file, fresh) in super::fields::list_files(&super::root(), &header) {
            let checked_in = std::fs::read_to_string(super::root().join(file)).unwrap();
            assert!(checked_in == fresh, "{file} does not list the core's fields: run make header");
        }
    }
}
