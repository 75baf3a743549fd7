//! Where records come from: `file`, `kafka`, `fluvio`. A source runs on its own, and tells the pipeline
//! what happens as [`Event`]s in order.

mod acknowledge;
pub mod file;
pub mod fluvio;
pub mod kafka;
pub mod lookup;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use acknowledge::Acknowledge;
use tokio::sync::{mpsc, oneshot};

use crate::cluster::{Cluster, SmartModule};
use crate::config::Config as Whole;
use crate::config::sections::{RunsIn, Source as Config};
use crate::layers::Layer;
use crate::metrics::Metrics;
use crate::monitoring::Part;
use crate::options::Options;
use crate::stream::Event;

/// Why a source ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read on.
    #[error(transparent)]
    File(#[from] file::Error),
    /// Kafka cannot be read on.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// Fluvio cannot be read on.
    #[error(transparent)]
    Fluvio(#[from] fluvio::Error),
    /// The configuration has no source.
    #[error("source.kind is none: there is nothing to read")]
    None,
    /// The thread of the source could not be started, or died.
    #[error("the thread that reads {0} ended without a result")]
    Died(String),
}

/// A running source, on a thread or tasks of its own.
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
    /// Topics of a Fluvio cluster.
    Fluvio(fluvio::Fluvio),
}

impl Source {
    /// Starts reading; what it has to tell comes through `events`. With `options.once` it ends where the
    /// stream ends now.
    ///
    /// # Errors
    /// Kafka properties that librdkafka does not take, a Fluvio profile that is not there, or no thread.
    pub fn start(
        config: &Whole,
        options: Options,
        events: mpsc::Sender<Event>,
        metrics: Metrics,
        readiness: Part,
    ) -> Result<Self, Error> {
        let Options { once, without, .. } = options;
        match &config.source {
            Config::None => Err(Error::None),
            Config::Fluvio(source) => {
                let cluster = Cluster::new(&config.fluvio).map_err(fluvio::Error::Cluster)?;
                let smartmodule = (source.smartmodule == RunsIn::Broker).then(|| SmartModule {
                    name: config.transform.uses.clone(),
                    params: config.transform.with.clone(),
                });
                let cluster = Arc::new(cluster);
                let running =
                    fluvio::Fluvio::start(cluster, source, smartmodule, options, events, metrics, readiness);
                Ok(Self::Fluvio(running))
            }
            Config::Kafka(config) => Ok(Self::Kafka(kafka::Kafka::start(
                config,
                kafka::Purpose::Store,
                once,
                events,
                metrics,
                readiness,
            )?)),
            Config::File(config) => {
                let settings = file::Settings {
                    path: config.path.clone(),
                    stream: config.stream.clone(),
                    follow: config.follow && !once,
                    is_compared: without.has(Layer::Generation),
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
            Self::Fluvio(fluvio) => fluvio.stop(),
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
            Self::Fluvio(fluvio) => Ok(fluvio.finished().await?),
        }
    }

    /// Takes note of what is stored, for a source that shows it to others.
    #[must_use]
    pub fn acknowledge(&self) -> Option<Acknowledge> {
        match self {
            Self::File { .. } => None,
            Self::Kafka(kafka) => Some(kafka.acknowledge()),
            Self::Fluvio(fluvio) => Some(fluvio.acknowledge()),
        }
    }
}

/// Whether the offsets of the stream that has this bookmark leave no holes: Kafka's do, by compaction and
/// transactions.
#[must_use]
pub fn is_contiguous(bookmark: &str) -> bool {
    !bookmark.is_empty() && kafka::mark::Mark::read(bookmark).is_none()
}
