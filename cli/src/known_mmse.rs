//! Known mmse: a channel of the crate `infonoise-simulation` by name, or a table from a file.

use crate::failure::Failure;
use crate::table;
use crate::text::short;
use infonoise::{Config, Error, Preset};
use infonoise_simulation::{Table, gaussian, two_modes, two_point};
use std::path::Path;

/// A known mmse over the grid, as logarithms.
pub struct KnownMmse {
    ln_sigma: Vec<f64>,
    ln_mmse: Vec<f64>,
    /// The preset that suits the data's endpoint, used where no preset is named.
    pub preset: Preset,
}

/// Points of a tabulated channel, 0.007 apart in ln sigma.
const POINTS: u32 = 4000;

impl KnownMmse {
    /// A channel, tabulated over a range that contains any usual grid.
    fn tabulated(preset: Preset, mmse: impl Fn(f64) -> f64) -> Self {
        let (low, high) = (f64::ln(1e-6), f64::ln(1e6));
        let ln_sigma: Vec<f64> =
            (0..=POINTS).map(|i| low + (high - low) * f64::from(i) / f64::from(POINTS)).collect();
        let ln_mmse = ln_sigma.iter().map(|&x| mmse(x.exp()).max(1e-300).ln()).collect();
        KnownMmse { ln_sigma, ln_mmse, preset }
    }

    /// The channel of that name, or the table of that file.
    pub fn new(profile: &str) -> Result<Self, Failure> {
        let (name, width) = match profile.split_once(':') {
            Some((name, width)) => (name, Some(width)),
            None => (profile, None),
        };
        let width = |usual: f64| match width.map_or(Ok(usual), str::parse) {
            Ok(width) if (1e-5..=1e5).contains(&width) => Ok(width),
            _ => Err(Failure::Refused(format!(
                "--profile {profile}: the width must be 0.00001 to 100000, {usual} is usual"
            ))),
        };
        match name {
            "two-point" if profile == name => Ok(Self::tabulated(Preset::Discrete, two_point)),
            "gaussian" => Ok(Self::tabulated(Preset::Default, gaussian(width(0.5)?))),
            "mixture" => Ok(Self::tabulated(Preset::Default, two_modes(width(0.2)?))),
            _ if profile.ends_with(".csv") || Path::new(profile).exists() => {
                Self::measured(Path::new(profile))
            }
            _ => Err(Failure::Refused(format!(
                "--profile {profile} must be two-point, gaussian:DEVIATION, mixture:WIDTH or a CSV file with columns sigma,mmse"
            ))),
        }
    }

    /// A table of sigma,mmse.
    fn measured(path: &Path) -> Result<Self, Failure> {
        let (sigma, mmse) = table::profile(path)?;
        let logs = |column: &[f64]| column.iter().map(|x| x.ln()).collect();
        let (ln_sigma, ln_mmse) = (logs(&sigma), logs(&mmse));
        Ok(KnownMmse { ln_sigma, ln_mmse, preset: Preset::Default })
    }

    /// The mmse as a table that is interpolated.
    pub fn channel(&self) -> Result<Table<'_>, Error> {
        Table::new(&self.ln_sigma, &self.ln_mmse)
    }

    /// Refuses a grid that is not inside the known range.
    pub fn check(&self, profile: &str, config: &Config) -> Result<(), Failure> {
        let known = (self.ln_sigma[0].exp(), self.ln_sigma[self.ln_sigma.len() - 1].exp());
        let (low, high) = (config.sigma_min, config.sigma_max);
        if low < known.0 * (1.0 - 1e-6) || high > known.1 * (1.0 + 1e-6) {
            return Err(Failure::Refused(format!(
                "{profile}: knows sigma {} to {}, but the grid goes from {} to {}: add rows, or --set sigma_min=..,sigma_max=..",
                short(known.0),
                short(known.1),
                short(low),
                short(high),
            )));
        }
        Ok(())
    }
}
