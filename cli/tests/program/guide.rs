//! Runs the examples of docs/cli.md and compares their output.

use crate::folder;
use std::process::Command;

/// The commands of the ```console blocks, each with the lines it prints.
fn examples(text: &str) -> Vec<(String, Vec<String>)> {
    let mut examples: Vec<(String, Vec<String>)> = Vec::new();
    let mut console = false;
    for line in text.lines() {
        match (console, line.strip_prefix("$ ")) {
            (false, _) => console = line == "```console",
            (true, _) if line == "```" => console = false,
            (true, Some(command)) => examples.push((command.to_owned(), Vec::new())),
            (true, None) => examples.last_mut().unwrap().1.push(line.to_owned()),
        }
    }
    examples
}

/// Whether the lines are as shown, where `...` is any number of lines.
fn shown(lines: &[&str], shown: &[String]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((dots, rest)) if dots == "..." => {
            (0..=lines.len()).any(|skip| self::shown(&lines[skip..], rest))
        }
        Some((line, rest)) => lines.first() == Some(&line.as_str()) && self::shown(&lines[1..], rest),
    }
}

#[test]
fn the_guide_shows_what_happens() {
    let folder = folder("guide");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_infonoise")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md")).unwrap();
    let examples = examples(&text);
    for name in ["simulate", "inspect", "replay", "diagnose", "grid", "plot"] {
        assert!(
            examples.iter().any(|(command, _)| command.starts_with(&format!("infonoise {name} "))),
            "{name}"
        );
    }
    for (command, expected) in examples {
        let output =
            Command::new("sh").args(["-c", &command]).current_dir(&folder).env("PATH", &path).output();
        let output = output.unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{command}");
        assert!(shown(&out.lines().collect::<Vec<_>>(), &expected), "{command} printed\n{out}");
    }
    assert!(folder.join("run.png").exists());
}
