//! What can be wrong with a configuration, always with the place and the key.

use std::fmt;
use std::io;

/// Why a configuration was refused. The text names the file and line (or the environment variable),
/// then the key by its dotted path, then what is wrong:
/// `Connector.yaml:12: batch.max_row: unknown key, expected one of max_age, max_bytes, ...`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration or the secrets file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file, as it was named.
        path: String,
        /// Why it cannot be read.
        source: io::Error,
    },
    /// The file is not YAML, or not `NAME=value` lines for a secrets file.
    #[error("{path}:{line}: {message}")]
    Syntax {
        /// The file, as it was named.
        path: String,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// A key is unknown, missing, or has a value that cannot be.
    #[error("{place}: {key}: {message}")]
    Key {
        /// `FILE:LINE`, or the environment variable that set the value.
        place: String,
        /// Dotted path of the key, e.g. `source.kafka.topics[0]`.
        key: String,
        /// What is wrong.
        message: String,
    },
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A line of the configuration file, from 1.
    Line(u64),
    /// An environment variable.
    Variable(&'static str),
}

/// An error on its way up: the innermost value that knows sets place and key, once.
#[derive(Debug)]
pub(super) struct Fault {
    place: Option<Place>,
    key: String,
    message: String,
}

impl Fault {
    /// A fault at a place and key that are known.
    pub(super) fn at(place: Place, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: Some(place), key: key.into(), message: message.into() }
    }

    /// Sets place and key, unless a value further in did. A key that is there already is a missing
    /// field's own name: it comes after the path.
    pub(super) fn or_at(mut self, place: Place, path: &str) -> Self {
        if self.place.is_none() {
            self.place = Some(place);
            self.key = match (path.is_empty(), self.key.is_empty()) {
                (_, true) => path.to_owned(),
                (true, false) => self.key,
                (false, false) => format!("{path}.{}", self.key),
            };
        }
        self
    }

    /// The public error, for the file of that name.
    pub(super) fn in_file(self, file: &str) -> Error {
        let place = match self.place.unwrap_or(Place::Line(1)) {
            Place::Line(line) => format!("{file}:{line}"),
            Place::Variable(name) => name.to_owned(),
        };
        let key = if self.key.is_empty() { "(document)".to_owned() } else { self.key };
        Error::Key { place, key, message: self.message }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { place: None, key: String::new(), message: message.to_string() }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { place: None, key: field.to_owned(), message: "missing".to_owned() }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format!("unknown value `{variant}`, expected one of {}", expected.join(", ")))
    }
}
