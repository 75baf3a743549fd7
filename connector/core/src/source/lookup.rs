//! Records by their offsets, read once more: for an audit that asks what a lost row was, and for its repair.
//! Beside the source that is running, and without its knowledge: no group is joined, nothing is committed.

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use crate::config::Config;
use crate::config::sections::Source;
use crate::stream::{Record, StreamPartition};

/// Why records cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No source of the configuration has such a stream.
    #[error("the configuration has no source for the stream {0}")]
    NoSource(String),
    /// The stream is another one now.
    #[error("{0} was made anew since: its offsets are other records now")]
    Recreated(StreamPartition),
    /// The source cannot be read.
    #[error("{partition} cannot be read: {reason}")]
    Unreadable {
        /// The partition.
        partition: StreamPartition,
        /// Why.
        reason: String,
    },
}

/// What to look up.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The partition.
    pub partition: StreamPartition,
    /// The offset of its checkpoint: all that is wanted lies below.
    pub next_offset: u64,
    /// The bookmark of the checkpoint, which tells whether the stream is still the same.
    pub bookmark: String,
    /// The offsets.
    pub offsets: BTreeSet<u64>,
}

impl Wanted {
    pub(super) fn unreadable(&self, reason: impl std::fmt::Display) -> Error {
        Error::Unreadable { partition: self.partition.clone(), reason: format!("{reason}") }
    }
}

/// Sends the records that the stream still has, in the order of their offsets. Ends early where nobody takes
/// them.
///
/// # Errors
/// The stream is not the same any more, or cannot be read.
pub async fn look_up(config: &Config, wanted: Wanted, found: mpsc::Sender<Record>) -> Result<(), Error> {
    let stream = &wanted.partition.stream;
    match &config.source {
        Source::File(source) if source.stream == *stream => {
            let path = source.path.clone();
            blocking(move || super::file::lookup::look_up(&path, &wanted, &found)).await
        }
        Source::Kafka(source) if source.topics.contains(stream) => {
            let source = source.clone();
            blocking(move || super::kafka::lookup::look_up(&source, &wanted, &found)).await
        }
        Source::Fluvio(source) if source.topics.contains(stream) => {
            super::fluvio::lookup::look_up(&config.fluvio, &wanted, &found).await
        }
        _ => Err(Error::NoSource(stream.clone())),
    }
}

async fn blocking(work: impl FnOnce() -> Result<(), Error> + Send + 'static) -> Result<(), Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(died) => std::panic::resume_unwind(died.into_panic()),
    }
}
