//! What ends the source.

use crate::cluster;
use crate::stream::StreamPartition;

/// Why the Fluvio source cannot go on. Each needs a person: trying again would not help, or would skip
/// records.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cluster refuses for good.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// The task ended without a word.
    #[error("a task of the fluvio source died")]
    Died,
    /// With `--once` there is nothing to wait for.
    #[error("the fluvio cluster at {endpoint} has no topic {topic}")]
    NoTopic {
        /// Address of the cluster.
        endpoint: String,
        /// The topic of the configuration.
        topic: String,
    },
    /// The partition ends before what was read of it.
    #[error(
        "{partition} ends at offset {end}, and everything below {next} was stored: the topic was made anew; \
         --new-generation=source begins it from its start"
    )]
    Shrunk {
        /// The partition.
        partition: StreamPartition,
        /// Where it ends.
        end: u64,
        /// Where it was to go on.
        next: u64,
    },
    /// The last record that was stored is another one now.
    #[error(
        "{partition}: the record at offset {offset} is not the one that was stored from there: the topic was made \
         anew; --new-generation=source begins it from its start"
    )]
    Recreated {
        /// The partition.
        partition: StreamPartition,
        /// Offset of the record.
        offset: u64,
    },
    /// A SmartModule that is not ours gave more or fewer records than it got.
    #[error("{partition}: the SmartModule gave no envelope for the record at offset {offset}: {reason}")]
    Envelope {
        /// The partition.
        partition: StreamPartition,
        /// Offset of the record.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// The pipeline did not say where the partition goes on: a defect of the connector.
    #[error("{0}: the pipeline did not say where to go on")]
    NoResume(StreamPartition),
}
