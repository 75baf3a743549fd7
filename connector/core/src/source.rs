//! Where records come from: `file` and `kafka` (the broker's own stream, `fluvio`, comes with the
//! cluster). A source runs on its own, and tells the pipeline what happens as [`Event`]s in order.

pub mod file;
pub mod kafka;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::config::sections::Source as Config;
use crate::metrics::Metrics;
use crate::monitoring::Part;

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
}

/// A run of one partition's records in their order. A batch is made of whole chunks.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Whose records these are.
    pub partition: Arc<StreamPartition>,
    /// At least one record, offsets strictly increasing.
    pub records: Vec<Record>,
    /// Where to go on behind this chunk.
    pub next_offset: u64,
    /// What the source needs to go on there and to know its stream again; opaque to everyone else.
    pub bookmark: String,
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

/// Why a source ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read on.
    #[error(transparent)]
    File(#[from] file::Error),
    /// Kafka cannot be read on.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The thread of the source could not be started, or died.
    #[error("the thread that reads {0} ended without a result")]
    Died(String),
}

/// A running source, on a thread of its own.
#[derive(Debug)]
pub enum Source {
    /// An NDJSON file.
    File {
        /// Set to end it.
        stop: Arc<AtomicBool>,
        /// How it ended; the error where its thread panicked.
        finished: oneshot::Receiver<Result<(), file::Error>>,
    },
    /// Topics of a Kafka cluster.
    Kafka(kafka::Kafka),
}

impl Source {
    /// Starts reading; what it has to tell comes through `events`. With `once` it ends where the stream
    /// ends now.
    ///
    /// # Errors
    /// Kafka properties that librdkafka does not take, or no thread.
    pub fn start(
        config: &Config,
        once: bool,
        events: mpsc::Sender<Event>,
        metrics: Metrics,
        readiness: Part,
    ) -> Result<Self, Error> {
        match config {
            Config::Kafka(config) => {
                Ok(Self::Kafka(kafka::Kafka::start(config, once, events, metrics, readiness)?))
            }
            Config::File(config) => {
                let settings = file::Settings {
                    path: config.path.clone(),
                    stream: config.stream.clone(),
                    follow: config.follow && !once,
                };
                let stop = Arc::new(AtomicBool::new(false));
                let (send_result, finished) = oneshot::channel();
                let stop_reading = Arc::clone(&stop);
                std::thread::Builder::new()
                    .name("file".to_owned())
                    .spawn(move || {
                        readiness.ready();
                        let result = file::run(&settings, &events, &stop_reading, &metrics);
                        // Told before the channel closes, so that whoever sees the one finds the other.
                        let _ = send_result.send(result);
                        drop(events);
                    })
                    .map_err(|_| Error::Died(config.path.display().to_string()))?;
                Ok(Self::File { stop, finished })
            }
        }
    }

    /// Asks the source to end: it reads no further and closes its channel.
    pub fn stop(&self) {
        match self {
            Self::File { stop, .. } => stop.store(true, Ordering::Relaxed),
            Self::Kafka(kafka) => kafka.stop(),
        }
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// What made it impossible to go on.
    pub async fn finished(&mut self) -> Result<(), Error> {
        match self {
            Self::File { finished, .. } => {
                Ok(finished.await.map_err(|_| Error::Died("the file".to_owned()))??)
            }
            Self::Kafka(kafka) => Ok(kafka.finished().await?),
        }
    }

    /// Takes note of what is stored, for a source that shows it to others.
    #[must_use]
    pub fn acknowledge(&self) -> Option<kafka::Acknowledge> {
        match self {
            Self::File { .. } => None,
            Self::Kafka(kafka) => Some(kafka.acknowledge()),
        }
    }
}
