//! Logs: write the records of a run to a journal's file.

use crate::failure::Failure;
use crate::file::Output;
use infonoise::journal::room;
use std::io::Write;
use std::path::Path;

/// The journal's file, if one is wanted, and a buffer for the next record.
pub struct Log<'p> {
    file: Option<Output<'p>>,
    /// Room for the record of any call on a batch.
    pub record: Vec<u8>,
}

impl<'p> Log<'p> {
    /// Creates the file.
    pub fn new(path: Option<&'p Path>, batch: usize) -> Result<Self, Failure> {
        Ok(Log { file: path.map(|path| Output::new(path, None)).transpose()?, record: vec![0; room(batch)] })
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match &mut self.file {
            Some(file) => file.put(|file| file.write_all(bytes)),
            None => Ok(()),
        }
    }

    /// Appends the first `used` bytes of the record.
    pub fn append(&mut self, used: usize) -> Result<(), Failure> {
        match &mut self.file {
            Some(file) => file.put(|file| file.write_all(&self.record[..used])),
            None => Ok(()),
        }
    }

    /// Renames the file to its final name.
    pub fn finish(self) -> Result<(), Failure> {
        self.file.map_or(Ok(()), Output::finish)
    }
}
