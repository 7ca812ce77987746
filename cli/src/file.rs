//! Files of schedules; the first bytes of a file say what it holds.

use crate::failure::Failure;
use infonoise::STATE_MAGIC;
use infonoise::snapshot::{self, SNAPSHOT_MAGIC};
use infonoise::{Scheduler, StateRef, journal};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// A schedule from a file, checked completely.
pub struct State {
    /// The block.
    pub words: Vec<u64>,
    /// `snapshot`, `block` or `journal`.
    pub kind: &'static str,
    /// Bytes of the file.
    pub bytes: u64,
}

impl State {
    /// The block, for reading.
    pub fn reader(&self) -> Result<StateRef<'_>, Failure> {
        Ok(StateRef::open(&self.words)?)
    }
}

/// A file and its first bytes. It is opened only once, so that it may be a pipe.
pub struct Source<'p> {
    /// Its name.
    pub path: &'p Path,
    /// The bytes after `head`.
    pub file: File,
    /// The first bytes, as many as a magic number has.
    pub head: Vec<u8>,
}

impl<'p> Source<'p> {
    /// Opens a file.
    pub fn open(path: &'p Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::at(path, format!("cannot be read: {error}"));
        let (mut file, mut head) = (File::open(path).map_err(failed)?, Vec::new());
        (&mut file).take(journal::MAGIC.len() as u64).read_to_end(&mut head).map_err(failed)?;
        Ok(Source { path, file, head })
    }

    /// Whether it begins with a journal's magic number.
    pub fn is_journal(&self) -> bool {
        self.head == journal::MAGIC
    }

    /// All of its bytes.
    pub fn read(mut self) -> Result<Vec<u8>, Failure> {
        let read = self.file.read_to_end(&mut self.head);
        read.map_err(|error| Failure::at(self.path, format!("cannot be read: {error}")))?;
        Ok(self.head)
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::at(path, format!("cannot be written: {error}"))
}

/// A file that is written completely or not at all: a temporary file in the same folder
/// is renamed at the end. A target that is not a regular file, such as a pipe, is
/// written directly.
pub struct Output<'p> {
    /// Its name.
    pub path: &'p Path,
    part: Option<PathBuf>,
    file: BufWriter<File>,
    reader_gone: bool,
}

impl<'p> Output<'p> {
    /// Creates it. It may not be `input`, which would be overwritten.
    pub fn new(path: &'p Path, input: Option<&Path>) -> Result<Self, Failure> {
        let whole = |path: &Path| path.canonicalize().ok();
        if input.is_some_and(|input| whole(path).is_some() && whole(path) == whole(input)) {
            return Err(Failure::at(path, "is the input: write to another file"));
        }
        refuse_journal(path)?;
        let regular = std::fs::metadata(path).map_or(true, |old| old.is_file());
        let part = regular.then(|| {
            let mut name = path.as_os_str().to_owned();
            name.push(".part");
            PathBuf::from(name)
        });
        let file = match &part {
            Some(part) => File::create(part),
            None => File::options().write(true).open(path),
        };
        let file = BufWriter::new(file.map_err(|error| unwritable(path, &error))?);
        Ok(Output { path, part, file, reader_gone: false })
    }

    /// Writes to it.
    pub fn put(
        &mut self,
        what: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        if self.reader_gone {
            return Ok(());
        }
        match what(&mut self.file) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                self.reader_gone = true;
                Ok(())
            }
            done => done.map_err(|error| unwritable(self.path, &error)),
        }
    }

    /// Renames it to its final name.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.put(|file| file.flush())?;
        match self.part.take() {
            Some(part) => std::fs::rename(part, self.path).map_err(|error| unwritable(self.path, &error)),
            None => Ok(()),
        }
    }
}

/// Refuses to write over a file that begins with a journal's magic number.
pub fn refuse_journal(path: &Path) -> Result<(), Failure> {
    // Opening a pipe would wait for its writer.
    let regular = std::fs::metadata(path).is_ok_and(|old| old.is_file());
    let mut head = [0; journal::MAGIC.len()];
    let begins = regular && File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok();
    if begins && head == journal::MAGIC {
        return Err(Failure::at(path, "is a journal: a journal is never overwritten, choose another name"));
    }
    Ok(())
}

impl Drop for Output<'_> {
    fn drop(&mut self) {
        if let Some(part) = &self.part {
            let _ = std::fs::remove_file(part);
        }
    }
}

/// Writes a file that is made from an input, completely or not at all.
pub fn write(path: &Path, input: Option<&Path>, bytes: &[u8]) -> Result<(), Failure> {
    let mut output = Output::new(path, input)?;
    output.put(|file| file.write_all(bytes))?;
    output.finish()
}

/// Reads a saved snapshot or a raw block, or executes a journal to its end.
pub fn state(source: Source<'_>) -> Result<State, Failure> {
    let path = source.path;
    if source.is_journal() {
        let ended = crate::journal::execute(source, |_| Ok(()))?;
        return Ok(State { words: ended.words, kind: "journal", bytes: ended.bytes });
    }
    let bytes = source.read()?;
    let length = bytes.len() as u64;
    let Some(head) = bytes.first_chunk::<8>() else {
        return Err(Failure::at(path, format!("{} bytes are too few for a schedule", bytes.len())));
    };
    let refuse = |error: infonoise::Error| Failure::at(path, error);
    if *head == SNAPSHOT_MAGIC {
        let mut words = vec![0; snapshot::state_words_of(&bytes).map_err(refuse)?];
        Scheduler::load(&mut words, &bytes).map_err(refuse)?;
        return Ok(State { words, kind: "snapshot", bytes: length });
    }
    let magic = u64::from_ne_bytes(*head);
    if magic == STATE_MAGIC || magic == STATE_MAGIC.swap_bytes() {
        // A block is words in the machine's byte order; the core refuses one of the other order.
        let words: Vec<u64> =
            bytes.chunks_exact(8).filter_map(|word| Some(u64::from_ne_bytes(*word.first_chunk()?))).collect();
        StateRef::open(&words).and_then(|reader| reader.validate()).map_err(refuse)?;
        return Ok(State { words, kind: "block", bytes: length });
    }
    let begins: String =
        head.iter().flat_map(|&byte| std::ascii::escape_default(byte)).map(char::from).collect();
    Err(Failure::at(
        path,
        format!(
            "begins with \"{begins}\", so it is no schedule: pass what save() wrote, a state block or a journal"
        ),
    ))
}

/// The snapshot of a schedule.
pub fn snapshot_of(scheduler: &Scheduler<'_>) -> Result<Vec<u8>, Failure> {
    let config = scheduler.reader().config()?;
    let mut bytes = vec![0; snapshot::bytes(config.bins as usize, config.window as usize)];
    scheduler.reader().save(&mut bytes)?;
    Ok(bytes)
}
