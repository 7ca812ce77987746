//! Journals, read in pieces and executed again.

use crate::failure::{Failure, note};
use crate::file::Source;
use infonoise::journal::{HEAD, Record, is_torn};
use infonoise::recent_draws::Recent;
use infonoise::replay::{Event, Needs, apply, begin};
use infonoise::{Error, Scheduler};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The result of an executed journal.
pub struct Ended {
    /// The block.
    pub words: Vec<u64>,
    /// Bytes of the file.
    pub bytes: u64,
    /// Digests that agreed.
    pub digests: u64,
    /// Bytes of an incomplete record at the end.
    pub torn: usize,
}

/// What a record did to the run.
pub struct Moment<'a> {
    /// None for the start.
    pub event: Option<Event>,
    /// The schedule after the record.
    pub scheduler: &'a Scheduler<'a>,
    /// The recent draws.
    pub recent: &'a Recent<'a>,
    /// Bytes read so far.
    pub bytes: u64,
}

/// The bytes of a file that are not executed yet.
struct Pending<'p> {
    path: &'p Path,
    file: File,
    /// Bytes that were read; those before `start` are executed.
    buffer: Vec<u8>,
    start: usize,
    /// Bytes of the file before the buffer.
    before: u64,
}

/// How many bytes are read at once; most records are far shorter.
const PIECE: u64 = 1 << 20;

impl Pending<'_> {
    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn offset(&self) -> u64 {
        self.before + self.start as u64
    }

    /// Reads until `wanted` bytes are in the buffer or the file ends.
    fn fill(&mut self, wanted: usize) -> Result<(), Failure> {
        while self.rest().len() < wanted {
            self.buffer.drain(..self.start);
            self.before += self.start as u64;
            self.start = 0;
            let more = (&self.file).take(PIECE).read_to_end(&mut self.buffer);
            if more.map_err(|error| Failure::at(self.path, format!("cannot be read: {error}")))? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Reads until the buffer holds `head` bytes and the whole record after them.
    fn fill_record(&mut self, head: usize) -> Result<(), Failure> {
        self.fill(head + 8)?;
        match Record::length_at(self.rest().get(head..).unwrap_or(&[])) {
            Ok(length) => self.fill(head.saturating_add(length)),
            Err(_) => Ok(()), // the error is reported when it is decoded
        }
    }
}

/// Executes a journal and calls `each` at its start and after every record. Warns on
/// stderr if the last record is incomplete; stops at the first digest that differs.
pub fn execute(
    Source { path, file, head }: Source<'_>,
    mut each: impl FnMut(&Moment<'_>) -> Result<(), Failure>,
) -> Result<Ended, Failure> {
    let mut pending = Pending { path, file, buffer: head, start: 0, before: 0 };
    pending.fill_record(HEAD)?;
    let refuse = |error: Error| Failure::at(path, format!("cannot start a replay: {error}"));
    let needs = Needs::of(pending.rest()).map_err(refuse)?;
    let (mut words, mut memory) = (vec![0; needs.state_words], vec![0; needs.recent_words]);
    let (mut scheduler, mut recent, used) = begin(&mut words, &mut memory, pending.rest()).map_err(refuse)?;
    pending.start = used;
    let (mut digests, mut torn) = (0, 0);
    let start = Moment { event: None, scheduler: &scheduler, recent: &recent, bytes: pending.offset() };
    each(&start)?;
    loop {
        pending.fill_record(0)?;
        if pending.rest().is_empty() {
            break;
        }
        let (event, used) = match apply(&mut scheduler, &mut recent, pending.rest()) {
            Ok(done) => done,
            Err(error) => {
                pending.fill(usize::MAX)?;
                if !is_torn(pending.rest()) {
                    return Err(Failure::at(path, format!("byte {}: {error}", pending.offset())));
                }
                torn = pending.rest().len();
                note(&format!("{}: ends in an incomplete record, {torn} bytes were dropped", path.display()));
                break;
            }
        };
        pending.start += used;
        if let Event::Digest { steps, expected, found } = event {
            if expected != found {
                return Err(Failure::Differs(format!(
                    "{}: differs at step {steps}: its digest is {expected:016x}, the run's {found:016x}",
                    path.display()
                )));
            }
            digests += 1;
        }
        let bytes = pending.offset();
        each(&Moment { event: Some(event), scheduler: &scheduler, recent: &recent, bytes })?;
    }
    let bytes = pending.before + pending.buffer.len() as u64;
    Ok(Ended { words, bytes, digests, torn })
}
