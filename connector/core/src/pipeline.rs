//! Puts the parts together: source ─▶ transform ─▶ writer, each behind a bounded channel, with the
//! monitoring server beside them; and takes them apart again in that order, so that what was read is
//! stored before the process ends.

use std::future::Future;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::config::Config;
use crate::config::sections::Source as SourceConfig;
use crate::metrics::Metrics;
use crate::monitoring::{self, Readiness};
use crate::sink::{self, Sink};
use crate::source::{self, Source};
use crate::transform::{self, Transform};
use crate::writer::{self, Writer};

/// Chunks that may wait before each part: enough to keep the parts busy, few enough to forget.
const CHANNEL: usize = 4;

/// How long a stop may take until what was read is stored. What is not is read again at the next start.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// How the connector runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// End when everything that the source has now is stored.
    pub once: bool,
    /// Begin a new generation of every stream, and read each from its start.
    pub new_generation: bool,
}

/// Why the connector ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The monitoring server does not run.
    #[error(transparent)]
    Monitoring(#[from] monitoring::Error),
    /// The metrics contradict each other: a defect of the connector.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(Box<dyn std::error::Error + Send + Sync>),
    /// The SmartModule does not run.
    #[error(transparent)]
    Transform(#[from] transform::Error),
    /// The tables cannot be used.
    #[error(transparent)]
    Sink(#[from] sink::Error),
    /// The source cannot be read on.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// Nothing can be written any more.
    #[error(transparent)]
    Writer(#[from] writer::Error),
    /// A part ended without a result: a defect of the connector.
    #[error("the {0} ended without a result")]
    Died(&'static str),
    /// The stop took too long.
    #[error(
        "stopped with records not stored, because ClickHouse did not take them within {0:?}; they are read again"
    )]
    NotDrained(Duration),
}

/// Runs the connector until the source ends (with `once`), `shutdown` is done, or a part fails.
///
/// # Errors
/// The first failure; a stop that stored everything is none.
pub async fn run(config: &Config, options: Options, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    let metrics = Metrics::new().map_err(|error| Error::Metrics(error.into()))?;
    let readiness = Readiness::new();
    let server = monitoring::Server::bind(&config.monitoring, metrics.clone(), readiness.clone()).await?;
    tracing::info!(address = %server.address(), "monitoring listens");
    let (stop_server, server_stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(server.run(async {
        let _ = server_stopped.await;
    }));
    let result = move_records(config, options, &metrics, &readiness, shutdown).await;
    drop(stop_server);
    server.await.map_err(|_| Error::Died("monitoring"))??;
    result
}

async fn move_records(
    config: &Config,
    options: Options,
    metrics: &Metrics,
    readiness: &Readiness,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let transform = Transform::start(&config.smartmodule.wasm, &config.transform.with)?;
    let is_kafka = matches!(config.source, SourceConfig::Kafka(_));
    let sink = Sink::new(&config.clickhouse, is_kafka, metrics.clone(), readiness.part("clickhouse"));
    tokio::pin!(shutdown);
    tokio::select! {
        prepared = sink.prepare() => prepared?,
        () = &mut shutdown => return Ok(()),
    }

    let (events, to_transform) = mpsc::channel(CHANNEL);
    let (annotated, to_write) = mpsc::channel(CHANNEL);
    let mut source =
        Source::start(&config.source, options.once, events, metrics.clone(), readiness.part("source"))?;
    let mut transform = tokio::task::spawn_blocking(move || transform.run(to_transform, &annotated));
    let watch = tokio::spawn(sink.clone().watch(readiness.part("clickhouse ping")));
    let writer = Writer::new(
        sink,
        config.batch.clone(),
        options.new_generation,
        source.acknowledge(),
        metrics.clone(),
        readiness.part("writer"),
    );
    let mut writer = tokio::spawn(writer.run(to_write));

    // Each part ends when the one before it has closed its channel, so the writer ends last. If it ends
    // first it has failed, and the others end because nobody listens.
    let deadline = tokio::time::sleep(Duration::MAX);
    tokio::pin!(deadline);
    let mut is_stopping = false;
    let written = loop {
        tokio::select! {
            written = &mut writer => break written.map_err(|_| Error::Died("writer"))?,
            () = &mut shutdown, if !is_stopping => {
                tracing::info!("stopping: what was read is stored first");
                is_stopping = true;
                source.stop();
                deadline.as_mut().reset(tokio::time::Instant::now() + DRAIN_DEADLINE);
            }
            () = &mut deadline, if is_stopping => {
                writer.abort();
                return Err(Error::NotDrained(DRAIN_DEADLINE));
            }
        }
    };
    watch.abort();
    // If the writer failed, the source may be idle and notice nothing by itself.
    source.stop();
    written?;
    (&mut transform).await.map_err(|_| Error::Died("transform"))??;
    source.finished().await?;
    tracing::info!("everything that was read is stored");
    Ok(())
}
