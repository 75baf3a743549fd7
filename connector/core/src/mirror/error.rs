//! What ends the mirror.

use std::path::PathBuf;
use std::time::Duration;

use crate::source::kafka;

use crate::stream::StreamPartition;
use crate::{cluster, sink};

/// Why the mirror cannot go on. Each needs a person: trying again would not help, or would write records
/// where they do not belong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka cannot be read on.
    #[error("mirror: {0}")]
    Kafka(#[from] kafka::Error),
    /// The cluster refuses for good.
    #[error("mirror: {0}")]
    Cluster(#[from] cluster::Error),
    /// A record that does not fit into Fluvio cannot be kept as a dead letter.
    #[error("mirror: {0}")]
    Sink(#[from] sink::Error),
    /// Or in the file.
    #[error("mirror.set_aside: {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Somebody else writes into the topic.
    #[error(
        "mirror: the record at offset {offset} of the fluvio partition {target} did not come from the kafka partition \
         {partition}: {reason}; a topic has one mirror as its only writer"
    )]
    Foreign {
        /// The Kafka partition.
        partition: StreamPartition,
        /// The Fluvio partition.
        target: StreamPartition,
        /// Offset of its last record.
        offset: u64,
        /// What its key says.
        reason: String,
    },
    /// The Fluvio topic lost what was written to it.
    #[error(
        "mirror: the fluvio partition {target} went on at offset {offset} instead of {expected}: the topic was made \
         anew, or has another writer; when the mirror starts again, it goes on behind what the topic holds"
    )]
    Recreated {
        /// The Fluvio partition.
        target: StreamPartition,
        /// Where records were written.
        offset: u64,
        /// Where they were to be written.
        expected: u64,
    },
    /// Kafka's side sent records of a partition that it never took: a defect of the connector.
    #[error("mirror: records of {0} came, which was never assigned")]
    NotAssigned(StreamPartition),
    /// A task ended without a word: a defect of the connector.
    #[error("mirror: a task died")]
    Died,
    /// The stop took too long.
    #[error(
        "mirror: stopped with records not written, because Fluvio did not take them within {0:?}; they are read again"
    )]
    NotDrained(Duration),
}
