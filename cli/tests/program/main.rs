//! The program as a user runs it: real files, real processes, exit codes.

mod files;
mod guide;
mod journals;
mod numbers;
mod pictures;

use infonoise::{Config, Scheduler, snapshot, state_words};
use infonoise_simulation::{Errors, gaussian};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Exit code and output of a finished process.
struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Done {
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

fn infonoise<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Done {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_infonoise")).args(arguments).output().unwrap();
    Done {
        code: status.code().expect("no signal"),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// Runs a line of arguments without spaces in them.
fn line(arguments: &str) -> Done {
    infonoise(arguments.split_whitespace())
}

/// Runs a line of arguments that must be refused: exit code 2, one line on stderr, no output.
fn refusal(arguments: &str) -> String {
    let done = line(arguments);
    assert_eq!((done.code, done.out.as_str()), (2, ""), "{arguments}: {}", done.err);
    assert_eq!(done.err.lines().count(), 1, "{arguments}: {}", done.err);
    done.err.strip_prefix("infonoise: ").expect("names the program").trim_end().to_owned()
}

/// An empty folder for one test.
fn folder(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn quick() -> Config {
    let timing = Config { warmup_steps: 20, refresh_every: 10, refresh_growth: 0, ..Config::DEFAULT };
    Config { window: 64, min_count: 20, ..timing }
}

/// A block that has trained on Gaussian data for `steps` steps.
fn trained(config: &Config, steps: u64) -> Vec<u64> {
    let mut words = vec![0; state_words(config.bins as usize, config.window as usize)];
    let mut scheduler = Scheduler::init(&mut words, config, 3).unwrap();
    let errors = Errors::new(&scheduler, 0.05, 4);
    let (mut sigma, mut error) = ([0.0; 512], [0.0; 512]);
    for _ in 0..steps {
        scheduler.sample(&mut sigma).unwrap();
        errors.fill(config.objective, &gaussian(0.5), 1.0, &sigma, &mut error);
        scheduler.observe(&sigma, &error).unwrap();
        scheduler.step().unwrap();
    }
    words
}

fn snapshot_of(words: &[u64]) -> Vec<u8> {
    let reader = infonoise::StateRef::open(words).unwrap();
    let config = reader.config().unwrap();
    let mut bytes = vec![0; snapshot::bytes(config.bins as usize, config.window as usize)];
    reader.save(&mut bytes).unwrap();
    bytes
}

fn block_of(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}
