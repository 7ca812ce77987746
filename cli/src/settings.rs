//! The configuration on the command line: a preset, then fields by name.

use crate::failure::Failure;
use clap::Args;
use infonoise::{Baseline, Config, Draw, Emphasis, Endpoint, Objective, Pivot, Preset};
use serde_json::{Map, Value};

/// The flags of every command that makes a schedule.
#[derive(Args)]
pub struct Settings {
    /// Starting point: default, discrete, edm, flow, epsilon or paper.
    #[arg(long)]
    preset: Option<String>,
    /// Changes a field of the configuration; repeatable, or separated by commas.
    #[arg(long = "set", value_name = "FIELD=VALUE", value_delimiter = ',')]
    set: Vec<String>,
}

impl Settings {
    /// The checked configuration; `fallback` where no preset is named.
    pub fn config(&self, fallback: Preset) -> Result<Config, Failure> {
        let mut preset = fallback;
        if let Some(name) = &self.preset {
            preset.read(name).map_err(|must| Failure::Refused(format!("--preset {name} must be {must}")))?;
        }
        let mut config = Config::preset(preset);
        for setting in &self.set {
            let refuse = |what: String| Err(Failure::Refused(format!("--set {setting}: {what}")));
            let Some((name, text)) = setting.split_once('=') else {
                return refuse("write FIELD=VALUE, for example bins=32".into());
            };
            let mut fields = fields(&mut config);
            let Some((name, field)) = fields.iter_mut().find(|(field, _)| *field == name.trim()) else {
                let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
                return refuse(format!("no such field; there are {}", names.join(", ")));
            };
            if let Err(must) = field.read(text.trim()) {
                return refuse(format!("{name} must be {must}"));
            }
        }
        config.check().map_err(|error| Failure::Refused(error.to_string()))?;
        if config.baseline == Baseline::Table {
            return Err(Failure::Refused(
                "--set baseline=table: a table of masses cannot be given here; use loguniform or lognormal"
                    .into(),
            ));
        }
        Ok(config.resolved())
    }

    /// Whether the command line sets this field itself.
    pub fn sets(&self, field: &str) -> bool {
        self.set.iter().any(|setting| setting.split('=').next().map(str::trim) == Some(field))
    }
}

/// The fields and their values, in the order of the struct.
pub fn named(config: &Config) -> Map<String, Value> {
    let mut config = *config;
    fields(&mut config).iter().map(|(name, field)| ((*name).to_owned(), field.show())).collect()
}

/// A field of the configuration, by its text.
trait Field {
    /// Reads it; the error says what it must be.
    fn read(&mut self, text: &str) -> Result<(), String>;
    fn show(&self) -> Value;
}

macro_rules! numbers {
    ($($kind:ty, $must:literal);+) => {
        $(impl Field for $kind {
            fn read(&mut self, text: &str) -> Result<(), String> {
                *self = text.parse().map_err(|_| $must.to_owned())?;
                Ok(())
            }

            fn show(&self) -> Value {
                (*self).into()
            }
        })+
    };
}
numbers!(u32, "a whole number"; u64, "a whole number"; f64, "a number");

impl Field for bool {
    fn read(&mut self, text: &str) -> Result<(), String> {
        *self = match text {
            "on" | "true" | "1" => true,
            "off" | "false" | "0" => false,
            _ => return Err("on or off".into()),
        };
        Ok(())
    }

    fn show(&self) -> Value {
        (*self).into()
    }
}

macro_rules! names {
    ($($kind:ident),+) => {
        $(impl Field for $kind {
            fn read(&mut self, text: &str) -> Result<(), String> {
                let names = || $kind::ALL.iter().map(|value| value.name()).collect::<Vec<_>>().join(", ");
                let found = $kind::ALL.iter().find(|value| value.name() == text);
                *self = *found.ok_or_else(|| format!("one of {}", names()))?;
                Ok(())
            }

            fn show(&self) -> Value {
                self.name().into()
            }
        })+
    };
}
names!(Baseline, Draw, Emphasis, Endpoint, Objective, Pivot, Preset);

macro_rules! list {
    ($($(#[doc = $doc:literal])+ $when:ident $field:ident: $type:ident = $default:expr, $bounds:tt;)+) => {
        fn fields(config: &mut Config) -> Vec<(&'static str, &mut dyn Field)> {
            vec![$((stringify!($field), &mut config.$field as &mut dyn Field)),+]
        }
    };
}
infonoise::config_fields!(list);

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(set: &[&str]) -> Settings {
        Settings { preset: Some("paper".into()), set: set.iter().map(|&text| text.to_owned()).collect() }
    }

    fn refusal(set: &[&str]) -> String {
        match settings(set).config(Preset::Default) {
            Err(Failure::Refused(message)) => message,
            _ => panic!("not refused: {set:?}"),
        }
    }

    #[test]
    fn every_field_reads_what_it_shows() {
        for &preset in Preset::ALL {
            let mut config = Config::preset(preset);
            let set: Vec<String> = named(&config)
                .iter()
                .map(|(name, value)| format!("{name}={}", value.to_string().trim_matches('"')))
                .collect();
            let set: Vec<&str> = set.iter().map(String::as_str).collect();
            let Ok(read) = settings(&set).config(Preset::Default) else { panic!("{preset:?}") };
            assert_eq!(read, config.resolved());
            assert_eq!(fields(&mut config).len(), 27);
        }
    }

    #[test]
    fn refusals_say_what_is_possible() {
        assert_eq!(refusal(&["bins"]), "--set bins: write FIELD=VALUE, for example bins=32");
        assert!(refusal(&["bin=3"]).starts_with("--set bin=3: no such field; there are bins, window,"));
        assert_eq!(refusal(&["bins=-3"]), "--set bins=-3: bins must be a whole number");
        assert_eq!(refusal(&["guard=maybe"]), "--set guard=maybe: guard must be on or off");
        assert!(refusal(&["draw=x"]).ends_with("draw must be one of independent, stratified"));
        assert_eq!(refusal(&["bins=4"]), "bins = 4 must be at least 8: 64 serves most grids");
        assert!(refusal(&["baseline=table", "coverage=0.1"]).contains("cannot be given here"));
    }
}
