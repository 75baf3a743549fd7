//! Dead letters that come back: which ones are meant, and what becomes of them.
//!
//! ```text
//! command line ─┐
//!               ├─▶ job ─▶ run: page of letters ─▶ transform ─▶ store ─▶ history ─▶ mark ─▶ progress
//! api ─▶ serve ─┘
//! ```
//!
//! Each step can be repeated: what is stored is found by its origin and only marked, an attempt has one
//! row for its job, and a mark that is written twice is the same mark. So a job that ended anywhere is
//! taken up from its last progress, and does no harm.

pub mod job;
pub(crate) mod lookup;
mod pages;
pub mod run;
pub mod serve;

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;

/// Where a letter came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Stream and generation.
    pub stream: String,
    /// Number of the partition.
    pub partition: u32,
    /// The record's offset there.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.stream, self.partition, self.offset)
    }
}

/// A text that is no origin.
#[derive(Debug, thiserror::Error)]
#[error("expected STREAM/PARTITION/OFFSET, such as voc.events#1/0/17")]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        // From the end: a stream may have a slash in its name.
        let mut parts = text.rsplitn(3, '/');
        let offset = parts.next().and_then(|part| part.parse().ok()).ok_or(NoPlace)?;
        let partition = parts.next().and_then(|part| part.parse().ok()).ok_or(NoPlace)?;
        let stream = parts.next().filter(|part| !part.is_empty()).ok_or(NoPlace)?.to_owned();
        Ok(Self { stream, partition, offset })
    }
}

/// Which letters are meant: those for which everything that is given holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// Whose they are; the empty tenant is the one that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// What is wrong with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// A single one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Place>,
}

/// What has become of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has tried it again.
    Open,
    /// It passed, and is stored as an event.
    Replayed,
    /// Its bytes are gone, on purpose.
    Purged,
    /// It was tried again in vain, and can be once more.
    FailedAgain,
}

impl State {
    /// Every state, in the order of its number in `voc_dead_letters`.
    pub const ALL: [Self; 4] = [Self::Open, Self::Replayed, Self::Purged, Self::FailedAgain];

    /// The name in `voc_dead_letters`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Purged => "purged",
            Self::FailedAgain => "failed_again",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A name that is no state's.
#[derive(Debug, thiserror::Error)]
#[error("expected open, replayed, purged or failed_again")]
pub struct NoState;

impl FromStr for State {
    type Err = NoState;

    fn from_str(name: &str) -> Result<Self, NoState> {
        Self::ALL.into_iter().find(|state| state.as_str() == name).ok_or(NoState)
    }
}

/// Original bytes, as JSON can hold them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Original {
    /// They are UTF-8.
    Text(String),
    /// They are not.
    Base64(String),
}

impl From<&[u8]> for Original {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(BASE64.encode(bytes)),
        }
    }
}

/// Why a job or a question about letters has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// ClickHouse does not do its part.
    #[error(transparent)]
    Sink(crate::sink::Error),
    /// The SmartModule that is to judge does not run.
    #[error(transparent)]
    Transform(#[from] crate::transform::Error),
    /// The SmartModule is not ours.
    #[error(transparent)]
    Envelope(#[from] crate::batch::Error),
    /// A part ended without a result: a defect of the connector.
    #[error("the SmartModule's task ended without a result: {0}")]
    Died(#[from] tokio::task::JoinError),
    /// Another job took letters of the same partition.
    #[error(
        "another replay or purge of letters of {0} has begun and goes on; this one ended, and may be run again"
    )]
    Fenced(String),
    /// Somebody else reports on the job.
    #[error("job {0} was taken over by another process, as nobody had reported on it for a minute")]
    TakenOver(uuid::Uuid),
}

impl From<crate::sink::Error> for Error {
    fn from(error: crate::sink::Error) -> Self {
        match error {
            // Of the stream of a replay: there its writers are jobs.
            crate::sink::Error::Fenced { origin, .. } => {
                let stream = origin.stream.strip_prefix(lookup::REPLAY).unwrap_or(&origin.stream);
                Self::Fenced(format!("{stream}/{}", origin.partition))
            }
            error => Self::Sink(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_as_it_is_written() {
        for text in ["voc.events#1/0/17", "a/b#2/3/18446744073709551615", "kafka:voc.events#1/4294967295/0"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for text in ["", "a", "a/1", "/1/2", "a/-1/2", "a/4294967296/2", "a/1/x"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn originals_that_are_no_text_are_written_as_base64() {
        let json = |bytes: &[u8]| serde_json::to_string(&Original::from(bytes)).unwrap();
        assert_eq!(json(b"a\n"), r#"{"text":"a\n"}"#);
        assert_eq!(json(b"\xff\n"), r#"{"base64":"/wo="}"#);
    }

    #[test]
    fn a_state_is_read_as_it_is_written() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse::<State>().unwrap(), state);
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        assert!("waiting".parse::<State>().is_err());
    }
}
