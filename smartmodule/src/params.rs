//! What an operator can set: `transforms[].with` in `Connector.yaml`, declared in `SmartModule.toml`.

use std::collections::BTreeMap;
use std::fmt;

use crate::json::Text;
use crate::sentiment::language::known;
use crate::sentiment::model::Language;

/// How sentiment is annotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sentiment {
    /// By lexicon, rules and model: `lexicon_and_model`.
    #[default]
    LexiconAndModel,
    /// By the rules of the original service: `keywords`.
    Keywords,
}

/// The settings of the transform. [`Params::default`] has the contract's own limits.
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
    /// How sentiment is annotated.
    pub sentiment: Sentiment,
    /// The language of a tenant's texts where the event names none; `*` stands for every other tenant.
    pub tenant_languages: BTreeMap<String, Language>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 20,
            max_depth: 64,
            max_future_hours: 24,
            max_past_days: 400,
            sentiment: Sentiment::default(),
            tenant_languages: BTreeMap::new(),
        }
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
    /// The value is none of the param's.
    NotOneOf {
        /// The param.
        name: &'static str,
        /// What was given.
        value: String,
        /// What may be given.
        expected: &'static str,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(formatter, "param `{name}` is not known, expected one of {}", Params::NAMES.join(", "))
            }
            Self::NotOneOf { name, value, expected } => {
                write!(formatter, "param `{name}` is `{value}`, expected {expected}")
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
    pub const NAMES: [&'static str; 6] =
        ["max_bytes", "max_depth", "max_future_hours", "max_past_days", "sentiment", "tenant_languages"];

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
                "sentiment" => params.sentiment = sentiment(value)?,
                "tenant_languages" => params.tenant_languages = tenant_languages(value)?,
                _ => return Err(Error::Unknown(name.to_owned())),
            }
        }
        Ok(params)
    }

    /// The language that this tenant usually speaks, if that is set.
    #[must_use]
    pub fn tenant_language(&self, tenant_id: Text<'_>) -> Option<Language> {
        if self.tenant_languages.is_empty() {
            return None;
        }
        let of = |tenant_id: &str| self.tenant_languages.get(tenant_id).copied();
        of(&tenant_id.decode()).or_else(|| of("*"))
    }
}

fn sentiment(value: &str) -> Result<Sentiment, Error> {
    match value.trim() {
        "lexicon_and_model" => Ok(Sentiment::LexiconAndModel),
        "keywords" => Ok(Sentiment::Keywords),
        _ => Err(Error::NotOneOf {
            name: "sentiment",
            value: value.to_owned(),
            expected: "lexicon_and_model or keywords",
        }),
    }
}

fn tenant_languages(value: &str) -> Result<BTreeMap<String, Language>, Error> {
    let wrong = || Error::NotOneOf {
        name: "tenant_languages",
        value: value.to_owned(),
        expected: r#"a JSON object of tenant ids (or *) and en or pt, such as {"acme":"pt","*":"en"}"#,
    };
    let names: BTreeMap<String, String> = serde_json::from_str(value).map_err(|_| wrong())?;
    let languages = names.into_iter().map(|(tenant_id, name)| Some((tenant_id, known(&name)?)));
    languages.collect::<Option<_>>().ok_or_else(wrong)
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
    fn a_tenant_that_is_not_named_has_the_language_of_the_others() {
        let languages = r#"{"acme":"pt","*":"en"}"#;
        let params = Params::from_pairs([("tenant_languages", languages)]).unwrap();
        let mut scanner = crate::json::Scanner::new(r#"["acme", "other"]"#, 2);
        let mut found = Vec::new();
        let tenant = |scanner: &mut crate::json::Scanner<'_>| {
            if let crate::json::Value::Text(tenant_id) = scanner.value()? {
                found.push(params.tenant_language(tenant_id));
            }
            Ok(())
        };
        scanner.elements(tenant).unwrap();
        assert_eq!(found, [Some(Language::Portuguese), Some(Language::English)]);
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
            ("sentiment", "vader"),
            ("tenant_languages", "pt"),
            ("tenant_languages", r#"{"acme":"es"}"#),
        ] {
            let message = Params::from_pairs([(name, value)]).unwrap_err().to_string();
            assert!(message.contains(&format!("`{name}`")), "{message}");
        }
    }
}
