//! The limits that an operator can set: `transforms[].with` in `Connector.yaml`, declared in
//! `SmartModule.toml`.

use std::fmt;

/// The limits of the transform. [`Params::default`] has the contract's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Largest record in bytes: 1 to 67,108,864 (64 MiB); 1,048,576 by default.
    pub max_bytes: usize,
    /// Deepest nesting, the event itself being 1: 1 to 512; 64 by default.
    pub max_depth: u32,
    /// How far an event may lie after its record's own time, in hours: 0 to 87,600; 24 by default.
    pub max_future_hours: u32,
    /// How far an event may lie before its record's own time, in days: 0 to 20,000; 400 by default.
    pub max_past_days: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { max_bytes: 1 << 20, max_depth: 64, max_future_hours: 24, max_past_days: 400 }
    }
}

/// A param that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No param has this name.
    Unknown(String),
    /// The value is not a whole number in the param's range.
    Invalid {
        /// The param.
        name: &'static str,
        /// What was given.
        value: String,
        /// Smallest and largest value allowed.
        range: (u64, u64),
    },
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(formatter, "param `{name}` is not known, expected one of {}", Params::NAMES.join(", "))
            }
            Self::Invalid { name, value, range: (low, high) } => {
                write!(formatter, "param `{name}` is `{value}`, expected a whole number from {low} to {high}")
            }
        }
    }
}

impl std::error::Error for Error {}

impl Params {
    /// The names of all params.
    pub const NAMES: [&'static str; 4] = ["max_bytes", "max_depth", "max_future_hours", "max_past_days"];

    /// Reads params as Fluvio hands them over: strings by name. What is absent keeps its default.
    ///
    /// # Errors
    /// The first param that is not known or not in range, by name.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut params = Self::default();
        for (name, value) in pairs {
            match name {
                "max_bytes" => params.max_bytes = whole("max_bytes", value, 1, 64 << 20)?,
                "max_depth" => params.max_depth = whole("max_depth", value, 1, 512)?,
                "max_future_hours" => params.max_future_hours = whole("max_future_hours", value, 0, 87_600)?,
                "max_past_days" => params.max_past_days = whole("max_past_days", value, 0, 20_000)?,
                _ => return Err(Error::Unknown(name.to_owned())),
            }
        }
        Ok(params)
    }
}

fn whole<T: TryFrom<u64>>(name: &'static str, value: &str, low: u64, high: u64) -> Result<T, Error> {
    let number = value.trim().parse::<u64>().ok().filter(|number| (low..=high).contains(number));
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| Error::Invalid {
        name,
        value: value.to_owned(),
        range: (low, high),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_params_keep_their_defaults() {
        let params = Params::from_pairs([("max_depth", "8")]).unwrap();
        assert_eq!(params, Params { max_depth: 8, ..Params::default() });
    }

    #[test]
    fn wrong_params_are_refused_by_name() {
        for (name, value) in [
            ("max_byte", "1"),
            ("max_bytes", "0"),
            ("max_bytes", "1 MiB"),
            ("max_depth", "-1"),
            ("max_depth", "513"),
            ("max_future_hours", ""),
            ("max_past_days", "1e3"),
        ] {
            let message = Params::from_pairs([(name, value)]).unwrap_err().to_string();
            assert!(message.contains(&format!("`{name}`")), "{message}");
        }
    }
}
