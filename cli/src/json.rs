//! The report and the profile under the names of the C structs.

use infonoise::{Profile, Report};
use serde_json::{Map, Value, json};

/// A JSON object of the named fields.
macro_rules! object {
    ($from:expr; $($name:ident),+ $(,)?) => {
        [$((stringify!($name).to_owned(), json!($from.$name))),+]
    };
}

/// `infonoise_report`.
pub fn report(report: &Report) -> Map<String, Value> {
    let names = [
        ("phase", report.phase.name()),
        ("warning", report.warning.name()),
        ("hold_reason", report.hold_reason.name()),
        ("pivot_rule", report.pivot_rule.name()),
    ];
    let numbers = object! { report;
        steps, draws, observations, rejected, refreshes, held, pivot, pivot_ratio, clipped_bins, cdf_change,
        q05, q25, q50, q75, q95, peak_sigma, information_nats, poorest_bin, poorest_count, stalest_bin,
        stalest_age, unreachable_bins, pivot_age, warning_bins, warning_low, warning_high,
    };
    names.into_iter().map(|(name, value)| (name.to_owned(), value.into())).chain(numbers).collect()
}

/// `infonoise_profile`.
pub fn profile(profile: &Profile) -> Map<String, Value> {
    let curves: [(&str, &[f64]); 10] = [
        ("sigma", profile.sigma),
        ("edges", profile.edges),
        ("cdf", profile.cdf),
        ("entropy", profile.entropy),
        ("count", profile.count),
        ("error", profile.error),
        ("rate", profile.rate),
        ("gate", profile.gate),
        ("target", profile.target),
        ("density", profile.density),
    ];
    curves.into_iter().map(|(name, curve)| (name.to_owned(), json!(curve))).collect()
}

/// A digest as text: JSON numbers lose bits beyond 2^53.
pub fn digest(digest: u64) -> String {
    format!("{digest:016x}")
}
