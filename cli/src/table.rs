//! Tables: CSV files of numbers, refused by line and column.

use crate::failure::Failure;
use csv::{ReaderBuilder, Trim};
use std::path::Path;

/// The wanted columns of a file with a header line.
pub struct Table {
    /// Line of each row.
    pub lines: Vec<u64>,
    /// One column of numbers for each wanted name; empty for one that is optional and missing.
    pub columns: Vec<Vec<f64>>,
}

/// Reads the columns `names`; those in `optional` may be missing, all as numbers.
pub fn read(path: &Path, names: &[&str], optional: &[&str]) -> Result<Table, Failure> {
    let bad = |error: csv::Error| {
        let line = error.position().map(|position| format!("line {}: ", position.line()));
        Failure::at(path, format!("{}{error}", line.unwrap_or_default()))
    };
    let mut bytes = crate::file::read(path)?;
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3); // a byte order mark, as spreadsheets write it
    }
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(bytes.as_slice());
    let header = reader.headers().map_err(bad)?.clone();
    let mut places = Vec::new();
    for name in names.iter().chain(optional) {
        let place = header.iter().position(|column| column == *name);
        if place.is_none() && names.contains(name) {
            let found = header.iter().collect::<Vec<_>>().join(",");
            let wanted = names.join(",");
            return Err(Failure::at(
                path,
                format!(
                    "line 1: no column {name} in \"{found}\": the first line must name the columns {wanted}"
                ),
            ));
        }
        places.push((*name, place));
    }
    let mut table = Table { lines: Vec::new(), columns: vec![Vec::new(); places.len()] };
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(bad)? {
        let line = record.position().map_or(0, csv::Position::line);
        table.lines.push(line);
        for (&(name, place), column) in places.iter().zip(&mut table.columns) {
            let Some(place) = place else { continue };
            let text = record.get(place).unwrap_or("");
            let number = text.parse::<f64>().ok();
            column.push(number.ok_or_else(|| {
                Failure::at(path, format!("line {line}: {name} = \"{text}\" must be a number"))
            })?);
        }
    }
    if table.lines.is_empty() {
        return Err(Failure::at(path, "holds no row below its header"));
    }
    Ok(table)
}

/// Refuses row `i` of a table: `name = value must be ...`.
pub fn refuse(path: &Path, line: u64, name: &str, value: f64, must: &str) -> Failure {
    Failure::at(path, format!("line {line}: {name} = {value} must be {must}"))
}
