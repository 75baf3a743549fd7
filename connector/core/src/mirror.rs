//! From Kafka into Fluvio: one Fluvio topic for each Kafka topic, partition by partition.
//!
//! The mirror consumes what `source::kafka` tells, as the writer does for ClickHouse. Where a partition
//! goes on is read from the end of the Fluvio partition itself: every record carries in its key where in
//! Kafka it came from (`key`), so the topic is its own ledger. A task per partition writes (`partition`),
//! one request in flight, one batch a request; where the outcome of a request is not known, the end of
//! the partition is read again. A request that lands after that has written records twice, with the same
//! keys: whoever reads the topic sees their Kafka offsets go back, and passes them over.
//!
//! What does not fit into Fluvio is kept elsewhere before the mirror goes on (`set_aside`).

mod batches;
mod distributor;
mod error;
pub mod key;
mod partition;
mod set_aside;
mod topics;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

pub use error::Error;

use crate::cluster::Cluster;
use crate::config::sections::{Cluster as ClusterConfig, Mirror as Config};
use crate::metrics::Metrics;
use crate::monitoring::{Health, Readiness};
use crate::options::Options;
use crate::sink::Sink;
use crate::source::kafka::{Kafka, Purpose};
use distributor::Distributor;
use partition::Shared;
use set_aside::SetAside;

/// Chunks that may wait before they are distributed.
const CHANNEL: usize = 4;

/// How long a stop may take until what was read is written. What is not is read again.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// What the mirror works with.
pub struct Parts<'a> {
    /// Which cluster.
    pub cluster: &'a ClusterConfig,
    /// Where records go that do not fit into Fluvio; a file, where nothing is stored.
    pub sink: Option<Sink>,
    /// The mirror's metrics: [`Metrics::of_mirror`].
    pub metrics: Metrics,
    /// The readiness of the process.
    pub readiness: &'a Readiness,
}

/// Runs the mirror until Kafka's end (with `once`), `shutdown` is done, or something is wrong for good.
///
/// # Errors
/// The first failure; a stop that wrote everything is none.
pub async fn run(
    config: &Config,
    options: Options,
    parts: Parts<'_>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let Parts { cluster, sink, metrics, readiness } = parts;
    let set_aside = match sink {
        Some(sink) => SetAside::DeadLetters(Box::new(sink)),
        None => SetAside::file(&config.set_aside)?,
    };
    let (events, received) = mpsc::channel(CHANNEL);
    let (once, part) = (options.once, readiness.part("mirror kafka"));
    let mut kafka = Kafka::start(&config.kafka, Purpose::Mirror, once, events, metrics.clone(), part)?;
    let shared = Shared {
        cluster: Cluster::new(cluster)?,
        config: config.clone(),
        set_aside,
        acknowledge: kafka.acknowledge(),
        metrics,
        health: Health::new(readiness.part("mirror fluvio")),
    };
    shared.health.up("");
    let distributor = Distributor::new(Arc::new(shared), options);
    let distributed = distributor.run(received);
    let deadline = tokio::time::sleep(Duration::MAX);
    tokio::pin!(distributed, shutdown, deadline);
    let mut is_stopping = false;
    let result = loop {
        tokio::select! {
            result = &mut distributed => break result,
            () = &mut shutdown, if !is_stopping => {
                is_stopping = true;
                kafka.stop();
                deadline.as_mut().reset(tokio::time::Instant::now() + DRAIN_DEADLINE);
            }
            () = &mut deadline, if is_stopping => return Err(Error::NotDrained(DRAIN_DEADLINE)),
        }
    };
    kafka.stop();
    result?;
    kafka.finished().await?;
    tracing::info!("everything that was read of kafka is in fluvio");
    Ok(())
}
