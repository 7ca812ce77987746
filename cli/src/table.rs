//! Tables: CSV files of numbers; errors name line and column.

use crate::failure::Failure;
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
    let text = String::from_utf8(crate::file::Source::open(path)?.read()?);
    let text = text.map_err(|_| Failure::at(path, "is not UTF-8 text: write it as CSV"))?;
    // Spreadsheets write a byte order mark. Blank lines are skipped, but counted.
    let lines = text.trim_start_matches('\u{feff}').lines().zip(1u64..);
    let mut lines = lines.filter(|(line, _)| !line.trim().is_empty());
    let (header, first) = lines.next().unwrap_or(("", 1));
    let cells = |line| str::split(line, ',').map(|cell: &str| cell.trim().trim_matches('"'));
    let width = cells(header).count();
    if let Some(twice) =
        cells(header).enumerate().find(|&(i, name)| cells(header).take(i).any(|other| other == name))
    {
        return Err(Failure::at(path, format!("line {first}: two columns are named {}", twice.1)));
    }
    let mut places = Vec::new();
    for name in names.iter().chain(optional) {
        let place = cells(header).position(|column| column == *name);
        if place.is_none() && names.contains(name) {
            let (found, wanted) = (header.trim(), names.join(","));
            return Err(Failure::at(
                path,
                format!(
                    "line {first}: no column {name} in \"{found}\": the first line must name the columns {wanted}"
                ),
            ));
        }
        places.push((*name, place));
    }
    let mut table = Table { lines: Vec::new(), columns: vec![Vec::new(); places.len()] };
    for (text, line) in lines {
        table.lines.push(line);
        let found = cells(text).count();
        if found != width {
            let what = format!(
                "line {line}: {found} fields must be {width}, as in the first line: decimals have a point, not a comma"
            );
            return Err(Failure::at(path, what));
        }
        for (&(name, place), column) in places.iter().zip(&mut table.columns) {
            let Some(place) = place else { continue };
            let text = cells(text).nth(place).unwrap_or("");
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

/// The columns of a file `sigma,mmse`: a profile that was measured elsewhere.
pub fn profile(path: &Path) -> Result<(Vec<f64>, Vec<f64>), Failure> {
    let Table { lines, columns } = read(path, &["sigma", "mmse"], &[])?;
    let mut before = 0.0;
    for (i, &line) in lines.iter().enumerate() {
        let (sigma, mmse) = (columns[0][i], columns[1][i]);
        if !(sigma > before && sigma.is_finite()) {
            let must = format!("above {before}: sort the rows by sigma, one for each");
            return Err(refuse(path, line, "sigma", sigma, &must));
        }
        if !(mmse >= f64::MIN_POSITIVE && mmse.is_finite()) {
            let must = "above 0: it is a mean squared error of x0 per dimension";
            return Err(refuse(path, line, "mmse", mmse, must));
        }
        before = sigma;
    }
    if lines.len() < 2 {
        return Err(Failure::at(path, "holds 1 row: at least 2 make a profile"));
    }
    let mut columns = columns.into_iter();
    Ok((columns.next().unwrap_or_default(), columns.next().unwrap_or_default()))
}

/// Refuses row `i` of a table: `name = value must be ...`.
pub fn refuse(path: &Path, line: u64, name: &str, value: f64, must: &str) -> Failure {
    Failure::at(path, format!("line {line}: {name} = {value} must be {must}"))
}
