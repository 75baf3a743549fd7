//! What a source tells of its stream, and the words for it: partitions, records with their places, gaps, chunks. Plain
//! data, which all other parts are made of.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

/// A partition of a stream, by the stream's base name, without its generation: a file's name and 0, or
/// a Kafka topic and its partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamPartition {
    /// Base name of the stream.
    pub stream: String,
    /// Number of the partition, from 0.
    pub partition: u32,
}

impl std::fmt::Display for StreamPartition {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.stream, self.partition)
    }
}

/// One record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in its partition.
    pub offset: u64,
    /// Its own time in milliseconds since 1970: Kafka's, or for a file the time of reading.
    pub timestamp_ms: i64,
    /// Its value. Kafka's null value is empty here.
    pub value: Bytes,
    /// What the mirror writes as the record's key; `None` where nothing is mirrored.
    pub key: Option<Bytes>,
    /// Where in Kafka it came from; `None` where it did not.
    pub source: Option<Position>,
}

/// A place in Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: u32,
    /// The offset there.
    pub offset: u64,
}

/// Offsets of a partition that will never be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The first of them.
    pub first_offset: u64,
    /// The last of them.
    pub last_offset: u64,
    /// Why.
    pub reason: GapReason,
}

/// Why offsets will never be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// The stream's retention removed them before they were read.
    Evicted,
    /// The stream does not give them out, though it should have them.
    Missing,
    /// The mirror wrote them a second time: an answer was lost, and the request came through.
    Duplicate,
}

impl GapReason {
    /// The reason as `voc_gaps` and the metrics have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Missing => "missing",
            Self::Duplicate => "duplicate",
        }
    }
}

/// A run of one partition's records in their order. A batch is made of whole chunks.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Whose records these are.
    pub partition: Arc<StreamPartition>,
    /// Offsets strictly increasing; empty only where the chunk is all gaps.
    pub records: Vec<Record>,
    /// Offsets of this run that are not among the records, where every offset is expected.
    pub gaps: Vec<Gap>,
    /// Where the chunk before this one ended, or where the partition was resumed. The writer takes no chunk
    /// that does not begin where the one before ended.
    pub from_offset: u64,
    /// Where to go on behind this chunk.
    pub next_offset: u64,
    /// What the source needs to go on there and to know its stream again; opaque to everyone else.
    pub bookmark: String,
    /// Whether the stream is known to have more behind this chunk.
    pub has_more: bool,
}

/// Where a partition goes on, according to ClickHouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The partition.
    pub partition: StreamPartition,
    /// Every origin below is stored; `None` where nothing is, and the partition begins at its start.
    pub next_offset: Option<u64>,
    /// The bookmark that was stored with it, empty where there is none.
    pub bookmark: String,
    /// Which incarnation of its topic the mirror takes it for; 0 where nothing is mirrored.
    pub generation: u32,
}

/// What a source tells the pipeline, in order. The SmartModule turns the records of a chunk into
/// envelopes on the way, and passes the rest on: there, `C` is [`crate::transform::Annotated`].
#[derive(Debug)]
pub enum Event<C = Chunk> {
    /// The source took these partitions, and waits to hear where each goes on.
    Assigned {
        /// The partitions.
        partitions: Vec<StreamPartition>,
        /// Takes one [`Resume`] for each partition, in the same order.
        reply: oneshot::Sender<Vec<Resume>>,
    },
    /// The stream was made anew (a file was cut): what follows for this partition belongs to a new
    /// generation and starts at offset 0.
    Restarted {
        /// The partition.
        partition: StreamPartition,
        /// Why the source says so, for people.
        reason: String,
        /// Told when the new generation is recorded.
        reply: oneshot::Sender<()>,
    },
    /// Records.
    Chunk(C),
    /// The source is about to lose these partitions, and waits until all of theirs is stored.
    Revoked {
        /// The partitions.
        partitions: Vec<StreamPartition>,
        /// Told when everything that was read of them is stored.
        drained: oneshot::Sender<()>,
    },
    /// All that was there when reading began has been sent. Nothing follows with `--once`.
    CaughtUp,
}
