//! Numbers as text for people.

/// `x` with at most `digits` significant digits, as `%g` prints it.
pub fn general(x: f64, digits: usize) -> String {
    if x == 0.0 || !x.is_finite() {
        return format!("{x}");
    }
    let scientific = format!("{x:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..digits as i32).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        trimmed(&format!("{x:.decimals$}")).to_owned()
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
    }
}

/// Three significant digits: enough for a sigma.
pub fn short(x: f64) -> String {
    general(x, 3)
}

fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// Sorted bins as ranges: `0-3, 7`.
pub fn ranges(bins: &[usize]) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for &bin in bins {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == bin => *last = bin,
            _ => parts.push((bin, bin)),
        }
    }
    let part = |(a, b): &(usize, usize)| if a == b { a.to_string() } else { format!("{a}-{b}") };
    parts.iter().map(part).collect::<Vec<_>>().join(", ")
}

/// A row of bars relative to `highest`, at most 96 characters; neighbours are merged.
pub fn bars(values: &[f64], highest: f64) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let merged = values.len().div_ceil(96);
    let bar = |chunk: &[f64]| {
        let mean = chunk.iter().sum::<f64>() / chunk.len() as f64;
        let level = (mean / highest * 8.0).ceil();
        BARS[if level > 0.0 { level.min(8.0) as usize } else { 0 }]
    };
    values.chunks(merged.max(1)).map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_prints_as_c_does() {
        for (x, digits, text) in [
            (0.0, 3, "0"),
            (80.0, 3, "80"),
            (0.0020000001, 3, "0.002"),
            (123.4, 3, "123"),
            (1234.0, 3, "1.23e+03"),
            (9.999, 3, "10"),
            (999.9, 3, "1e+03"),
            (-1.25e-7, 3, "-1.25e-07"),
            (0.00012345, 3, "0.000123"),
            (-1.2, 6, "-1.2"),
        ] {
            assert_eq!(general(x, digits), text);
        }
    }

    #[test]
    fn neighbours_become_ranges() {
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[0, 1, 2, 5, 9, 10]), "0-2, 5, 9-10");
    }

    #[test]
    fn bars_scale_to_the_highest_and_merge() {
        assert_eq!(bars(&[0.0, 0.5, 1.0, 0.01], 1.0), " ▄█▁");
        assert_eq!(bars(&[1.0; 256], 1.0).chars().count(), 86);
        assert_eq!(bars(&[0.0; 4], 0.0), "    ");
    }
}
