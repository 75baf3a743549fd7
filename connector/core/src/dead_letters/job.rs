//! A job: which letters are to be replayed or purged, and how far that has come.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use super::{Place, Selection};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Try the letters again.
    Replay,
    /// Forget what they said.
    Purge,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has taken it up.
    Requested,
    /// Somebody works on it.
    Running,
    /// Every letter was tried.
    Done,
    /// It ended early.
    Failed,
}

impl Kind {
    /// By its number in `voc_replay_jobs`.
    #[must_use]
    pub const fn from_number(number: i8) -> Self {
        if number == 0 { Self::Replay } else { Self::Purge }
    }
}

impl State {
    /// By its number in `voc_replay_jobs`.
    #[must_use]
    pub const fn from_number(number: i8) -> Self {
        match number {
            0 => Self::Requested,
            1 => Self::Running,
            2 => Self::Done,
            _ => Self::Failed,
        }
    }
}

/// A job as it was last reported.
#[derive(Debug, Clone, Serialize)]
pub struct Job {
    /// Its name.
    pub id: Uuid,
    /// What is to be done.
    pub kind: Kind,
    /// With which letters.
    pub selection: Selection,
    /// When it was requested, in milliseconds since 1970. Letters that came later are not meant.
    pub requested_at: i64,
    /// By whom: `api` or `command line`.
    pub requested_by: String,
    /// How far it is.
    pub state: State,
    /// How many letters were selected at the start.
    pub total: u64,
    /// How many of them are done.
    pub done: u64,
    /// How many of those are stored now, or emptied.
    pub passed: u64,
    /// How many failed again.
    pub failed_again: u64,
    /// Why it failed.
    pub message: String,
    /// Everything up to here is done.
    #[serde(skip)]
    pub last: Option<Place>,
    /// Who works on it.
    #[serde(skip)]
    pub runner: String,
    /// Of its row: each report is one above.
    #[serde(skip)]
    pub version: u64,
}

impl fmt::Display for Job {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { done, total, passed, failed_again, .. } = self;
        match self.kind {
            Kind::Replay => write!(formatter, "{done}/{total} passed {passed} failed again {failed_again}"),
            Kind::Purge => write!(formatter, "{done}/{total} purged"),
        }
    }
}
