//! Files of schedules: what a file is, read off its first bytes.

use crate::failure::Failure;
use infonoise_core::block::MAGIC;
use infonoise_core::image::{self, IMAGE_MAGIC};
use infonoise_core::{Reader, Scheduler, journal};
use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::Path;

/// A schedule out of a file, checked completely.
pub struct State {
    /// The block.
    pub words: Vec<u64>,
    /// `image`, `block` or `journal`.
    pub kind: &'static str,
    /// Bytes of the file.
    pub bytes: u64,
}

impl State {
    /// The block, for reading.
    pub fn reader(&self) -> Result<Reader<'_>, Failure> {
        Ok(Reader::open(&self.words)?)
    }
}

/// The bytes of a file.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::at(path, format!("cannot be read: {error}")))
}

/// Writes a file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::at(path, format!("cannot be written: {error}"))
}

/// A file that grows.
pub struct Output<'p> {
    /// Its name.
    pub path: &'p Path,
    file: BufWriter<File>,
}

impl<'p> Output<'p> {
    /// Creates it; an old one of that name is replaced.
    pub fn new(path: &'p Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| unwritable(path, &error))?;
        Ok(Output { path, file: BufWriter::new(file) })
    }

    /// Writes to it, or flushes it.
    pub fn put(
        &mut self,
        what: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        what(&mut self.file).map_err(|error| unwritable(self.path, &error))
    }
}

/// Whether a file begins as a journal does.
pub fn is_journal(path: &Path) -> bool {
    let mut head = [0; journal::MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == journal::MAGIC
}

/// Reads a saved image or a raw block, or executes a journal to its end.
pub fn state(path: &Path) -> Result<State, Failure> {
    if is_journal(path) {
        let ended = crate::journal::execute(path, |_| Ok(()))?;
        return Ok(State { words: ended.words, kind: "journal", bytes: ended.bytes });
    }
    let bytes = read(path)?;
    let length = bytes.len() as u64;
    let Some(head) = bytes.first_chunk::<8>() else {
        return Err(Failure::at(path, format!("{} bytes are too few for a schedule", bytes.len())));
    };
    let refuse = |error: infonoise_core::Error| Failure::at(path, error);
    if *head == IMAGE_MAGIC {
        let mut words = vec![0; image::state_words_of(&bytes).map_err(refuse)?];
        Scheduler::load(&mut words, &bytes).map_err(refuse)?;
        return Ok(State { words, kind: "image", bytes: length });
    }
    let magic = u64::from_ne_bytes(*head);
    if magic == MAGIC || magic == MAGIC.swap_bytes() {
        // A block is native-endian words; the core names one of the other order.
        let words: Vec<u64> =
            bytes.chunks_exact(8).filter_map(|word| Some(u64::from_ne_bytes(*word.first_chunk()?))).collect();
        Reader::open(&words).and_then(|reader| reader.validate()).map_err(refuse)?;
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

/// The image of a schedule.
pub fn image_of(scheduler: &Scheduler<'_>) -> Result<Vec<u8>, Failure> {
    let config = scheduler.reader().config()?;
    let mut bytes = vec![0; image::bytes(config.bins as usize, config.window as usize)];
    scheduler.reader().save(&mut bytes)?;
    Ok(bytes)
}
