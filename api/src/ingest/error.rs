//! Why events are not taken. What a caller may know; the cause is in the log.

use std::path::PathBuf;

use axum::http::{HeaderName, StatusCode, header};

/// Why a request stored nothing, or perhaps not all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `api.ingest.mode` is off: 403, as the operator allows none.
    #[error("this API takes no events: api.ingest.mode is off, as it is by default")]
    Off,
    /// The body is of another kind: 415.
    #[error("{0}")]
    MediaType(&'static str),
    /// There is no event in the body: 400.
    #[error("the body has no event")]
    Empty,
    /// The body is not JSON as a whole: 400.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// It has not arrived in time: 408.
    #[error("the body did not arrive within {seconds} s")]
    TooSlow {
        /// How long was waited.
        seconds: u64,
    },
    /// It did not arrive: 400.
    #[error("the body cannot be read")]
    BrokenOff,
    /// More bytes than a request may have: 413.
    #[error("the body has more than {most} bytes (api.ingest.body_bytes); send it in parts")]
    BodyTooLarge {
        /// How many it may have.
        most: usize,
    },
    /// More events than a request may have: 413.
    #[error("the body has more than {most} events (api.ingest.events); send it in parts")]
    TooMany {
        /// How many it may have.
        most: usize,
    },
    /// Too much waits to be written: 429.
    #[error("too many requests wait to be written; nothing of this one was stored, send it again")]
    QueueFull,
    /// The spool has reached its largest size: 503.
    #[error("the spool has no room for it (api.ingest.spool_bytes); nothing of this request was stored")]
    SpoolFull,
    /// The disk takes no more: 503.
    #[error("the spool cannot be written; send the request again")]
    NotWritten,
    /// A write was not made durable: what the system holds of the file is not to be trusted: 503 until a restart.
    #[error("the spool has failed, and takes nothing more until the API is started again")]
    SpoolFailed,
    /// What writes has ended, which is a defect: 503 until a restart.
    #[error(
        "what writes events has ended; nothing of this request was stored, and the API must be started again"
    )]
    Ended,
    /// Nobody takes it: 503.
    #[error("the Fluvio cluster does not answer; nothing of this request was stored, send it again")]
    Away,
    /// It was written, perhaps: 503.
    #[error(
        "it is not known whether all of it was stored; send the request again: an event that is sent twice is there \
         once"
    )]
    Unknown,
}

impl Error {
    /// The stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Off => "ingest_off",
            Self::MediaType(_) => "unsupported_media_type",
            Self::Empty => "no_events",
            Self::NotJson(_) => "not_json",
            Self::TooSlow { .. } => "body_too_slow",
            Self::BrokenOff => "bad_body",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::TooMany { .. } => "too_many_events",
            Self::QueueFull => "queue_full",
            Self::SpoolFull => "spool_full",
            Self::NotWritten => "spool_not_written",
            Self::SpoolFailed => "spool_failed",
            Self::Ended => "ingest_ended",
            Self::Away => "unavailable",
            Self::Unknown => "outcome_unknown",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Off => StatusCode::FORBIDDEN,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Empty | Self::NotJson(_) | Self::BrokenOff => StatusCode::BAD_REQUEST,
            Self::TooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge { .. } | Self::TooMany { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::QueueFull => StatusCode::TOO_MANY_REQUESTS,
            Self::SpoolFull
            | Self::NotWritten
            | Self::SpoolFailed
            | Self::Ended
            | Self::Away
            | Self::Unknown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The header that says what to do about it.
    #[must_use]
    pub fn advice(&self) -> Option<(HeaderName, String)> {
        let after = |seconds: u32| Some((header::RETRY_AFTER, seconds.to_string()));
        match self {
            Self::QueueFull | Self::NotWritten | Self::Away | Self::Unknown => after(1),
            // These need a person.
            Self::SpoolFull | Self::SpoolFailed | Self::Ended => after(60),
            _ => None,
        }
    }
}

/// Why the API cannot start with `api.ingest`.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operating system says no.
    #[error("api.ingest.spool, {path}: {cause}")]
    Spool {
        /// The spool.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// It is no file that can be appended to.
    #[error("api.ingest.spool, {path}: not a file")]
    NotAFile {
        /// What is no file.
        path: PathBuf,
    },
    /// Somebody else writes it.
    #[error(
        "api.ingest.spool, {path}: another process writes it; a spool has one writer, give each API its own"
    )]
    Locked {
        /// The spool.
        path: PathBuf,
    },
    /// Fluvio's own configuration does not say which cluster.
    #[error("api.ingest.mode is fluvio, and fluvio's configuration does not say which cluster: {0}")]
    Profile(String),
}
