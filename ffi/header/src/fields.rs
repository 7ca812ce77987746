//! Generates, from the core's table of the configuration's fields, the struct that
//! cbindgen reads and the list macros of the bindings; the lists of the other structs
//! are generated from the header.

use std::path::Path;

/// A row of the table.
pub struct Field {
    doc: &'static [&'static str],
    name: &'static str,
    kind: &'static str,
}

macro_rules! rows {
    ($($(#[doc = $doc:literal])+ $when:ident $name:ident: $type:ident = $default:expr, $bounds:tt;)+) => {
        /// The fields in the order of the C struct.
        pub const FIELDS: &[Field] =
            &[$(Field { doc: &[$($doc),+], name: stringify!($name), kind: stringify!($type) }),+];
    };
}
infonoise::config_fields!(rows);

/// The record as Rust source, since cbindgen does not expand the macro that defines it.
pub fn record_source() -> String {
    let mut source = String::from(
        "/// The configuration as plain words. Start with `INFONOISE_CONFIG_INIT` and\n\
         /// `infonoise_config_init`, then change the fields that differ.\n\
         #[repr(C)]\npub struct RawConfig {\n/// `sizeof` this struct, set by `INFONOISE_CONFIG_INIT`.\npub struct_size: u32,\n",
    );
    for Field { doc, name, kind } in FIELDS {
        let (codes, stored) = match *kind {
            "u32" | "u64" | "f64" => (String::new(), *kind),
            "bool" => ("0 or 1: ".to_owned(), "u32"),
            _ => (format!("`{}`: ", c_name(kind)), "u32"),
        };
        for (line, text) in doc.iter().enumerate() {
            let text = text.trim_start();
            let (first, rest) = text.split_at(1);
            source += &match line {
                0 if !codes.is_empty() => format!("/// {codes}{}{rest}\n", first.to_lowercase()),
                _ => format!("/// {text}\n"),
            };
        }
        source += &format!("pub {name}: {stored},\n");
    }
    source + "}\n"
}

/// The C name of a choice: `infonoise_objective` for `Objective`.
fn c_name(kind: &str) -> String {
    format!("infonoise_{}", kind.to_lowercase())
}

/// The members of a struct of the C header, without `struct_size` and padding: type,
/// name, comment.
fn members<'h>(header: &'h str, name: &str) -> Vec<(&'h str, &'h str, String)> {
    let end = header.find(&format!("}} {name};")).unwrap_or_else(|| panic!("no {name}"));
    let start = header[..end].rfind("typedef struct {").expect("a struct");
    let mut comment = String::new();
    let mut found = Vec::new();
    for line in header[start..end].lines().skip(1) {
        let (code, text) = line.split_once("//").unwrap_or((line, ""));
        comment += text;
        if let Some((kind, member)) = code.trim().strip_suffix(';').and_then(|code| code.split_once(' ')) {
            found.push((kind, member, core::mem::take(&mut comment)));
        }
    }
    found.retain(|(_, member, _)| !matches!(*member, "struct_size" | "reserved"));
    found
}

/// The lists of the structs that the library fills, from the header: a member of an
/// enum's type is a NAME, and an array whose comment says "(K + 1)" has that length.
fn filled_structs(header: &str) -> [(&'static str, Vec<String>); 3] {
    let report = members(header, "infonoise_report").into_iter().map(|(kind, member, _)| match kind {
        "uint32_t" | "uint64_t" => format!("COUNT({member})"),
        "double" => format!("REAL({member})"),
        _ => {
            let choice = kind.strip_prefix("infonoise_").expect("an enum of this library").to_uppercase();
            format!("NAME({member}, INFONOISE_NAME_KIND_{choice})")
        }
    });
    let profile = members(header, "infonoise_profile").into_iter().filter_map(|(_, member, comment)| {
        let kind = if comment.contains("(K + 1)") { "EDGES" } else { "BINS" };
        Some(format!("{kind}({})", member.strip_prefix('*')?))
    });
    let mismatch = members(header, "infonoise_mismatch").into_iter();
    let mismatch = mismatch
        .filter(|(kind, member, _)| *kind == "double" && !member.starts_with('*'))
        .map(|(_, member, _)| format!("REAL({member})"));
    [
        ("INFONOISE_REPORT_FIELDS(NAME, COUNT, REAL)", lines(report)),
        ("INFONOISE_PROFILE_FIELDS(EDGES, BINS)", lines(profile)),
        ("INFONOISE_MISMATCH_FIELDS(REAL)", lines(mismatch)),
    ]
}

/// The files with list macros, with the content that fits this `header`.
pub fn list_files(root: &Path, header: &str) -> [(&'static str, String); 2] {
    let by_kind = FIELDS.iter().map(|field| {
        let kind = match field.kind {
            "u32" => "COUNT",
            "u64" => "STEPS",
            "f64" => "REAL",
            "bool" => "SWITCH",
            _ => "NAME",
        };
        format!("{kind}({})", field.name)
    });
    let by_type = FIELDS.iter().map(|field| {
        let kind = match field.kind {
            "u32" => "std::uint32_t".to_owned(),
            "u64" => "std::uint64_t".to_owned(),
            "f64" => "double".to_owned(),
            "bool" => "bool".to_owned(),
            choice => c_name(choice),
        };
        format!("FIELD({kind}, {})", field.name)
    });
    let of = |file| std::fs::read_to_string(root.join(file)).expect(file);
    let (native, cpp) = ("bindings/jax/native/fields.h", "bindings/cpp/include/infonoise/config.hpp");
    let config = ("INFONOISE_CONFIG_FIELDS(COUNT, NAME, SWITCH, STEPS, REAL)", lines(by_kind));
    let lists = [config].into_iter().chain(filled_structs(header));
    [
        (native, lists.fold(of(native), |text, (head, body)| with_body(&text, head, &body))),
        (cpp, with_body(&of(cpp), "INFONOISE_CONFIG_FIELDS_(FIELD)", &lines(by_type))),
    ]
}

/// The items of a list, indented by two spaces and at most 100 columns wide.
fn lines(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines = vec![String::new()];
    for item in items {
        let last = lines.last_mut().expect("there is one");
        if last.len() + item.len() > 96 {
            lines.push(format!("  {item}"));
        } else {
            *last += &if last.is_empty() { format!("  {item}") } else { format!(" {item}") };
        }
    }
    lines
}

/// `text` with the body of the macro that begins with `#define head \` replaced.
fn with_body(text: &str, head: &str, body: &[String]) -> String {
    let head = format!("#define {head}");
    let mut out = String::new();
    let mut lines = text.lines();
    let mut found = false;
    while let Some(line) = lines.next() {
        if line.strip_suffix('\\').unwrap_or(line).trim_end() == head {
            found = true;
            while lines.next().is_some_and(|line| line.ends_with('\\')) {}
            out += &format!("{head} \\\n{}\n", body.join(" \\\n"));
        } else {
            out += line;
            out.push('\n');
        }
    }
    assert!(found, "no {head}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_what_is_around_it() {
        let text = "a\n#define LIST(X)     \\\n  X(old) \\\n  X(older)\n\nb\n";
        assert_eq!(
            with_body(text, "LIST(X)", &["  X(new)".into()]),
            "a\n#define LIST(X) \\\n  X(new)\n\nb\n"
        );
    }

    #[test]
    fn members_are_read_off_the_header() {
        let header = "typedef struct {\n  uint32_t struct_size;  // x\n  // a (K\n  // + 1)\n  double *edges;\n  \
                      infonoise_hold hold;  // why\n  uint32_t reserved;\n} infonoise_a;\n";
        let found = members(header, "infonoise_a");
        assert_eq!(found[0], ("double", "*edges", " a (K + 1)".to_owned()));
        assert_eq!(found[1..], [("infonoise_hold", "hold", " why".to_owned())]);
    }

    #[test]
    fn the_record_has_the_width_that_the_table_says() {
        let widths: usize =
            FIELDS.iter().map(|field| if matches!(field.kind, "u64" | "f64") { 8 } else { 4 }).sum();
        assert_eq!(4 + widths, size_of::<infonoise::RawConfig>());
    }
}
