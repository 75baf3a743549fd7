//! Puts the legs together, each on or off: the mirror (Kafka ─▶ Fluvio) and the way into ClickHouse
//! (`store`), with the monitoring server beside them. They run side by side and know nothing of each
//! other; where one fails, the other is stopped in order.

mod store;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::config::sections::{self, Source as SourceConfig};
use crate::metrics::Metrics;
use crate::monitoring::{self, Readiness};
use crate::options::Options;
use crate::sink::{self, Sink};
use crate::{dead_letters, mirror, source, transform, writer};

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
    /// The mirror cannot go on.
    #[error(transparent)]
    Mirror(#[from] mirror::Error),
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
    let stop = watch::Sender::new(false);
    let legs = Legs { config, options, metrics: &metrics, readiness: &readiness, stop: &stop };
    let legs = legs.run();
    tokio::pin!(legs, shutdown);
    let result = tokio::select! {
        result = &mut legs => result,
        () = &mut shutdown => {
            tracing::info!("stopping: what was read is stored first");
            stop.send_replace(true);
            legs.await
        }
    };
    drop(stop_server);
    server.await.map_err(|_| Error::Died("monitoring"))??;
    result
}

/// What both legs are run with.
struct Legs<'a> {
    config: &'a Config,
    options: Options,
    metrics: &'a Metrics,
    readiness: &'a Readiness,
    /// Set when the legs are to end.
    stop: &'a watch::Sender<bool>,
}

impl Legs<'_> {
    async fn run(self) -> Result<(), Error> {
        let sink = match self.config.source {
            SourceConfig::None => None,
            _ => {
                let (metrics, readiness) = (self.metrics.clone(), self.readiness.part("clickhouse"));
                let sink =
                    Sink::new(&self.config.clickhouse, metrics, readiness).without(self.options.without);
                tokio::select! {
                    prepared = sink.prepare() => prepared?,
                    () = self.stopped() => return Ok(()),
                }
                Some(sink)
            }
        };
        // Beside the legs, and gone with them.
        let mut jobs = JoinSet::new();
        if let Some(sink) = sink.clone().filter(|_| !self.options.once) {
            jobs.spawn(dead_letters::serve::Server::new(self.config, sink, self.metrics.clone()).run());
        }
        match (&self.config.mirror, sink) {
            (None, None) => Ok(()),
            (None, Some(sink)) => self.store(sink).await,
            (Some(mirror), None) => self.mirror(mirror, None).await,
            (Some(mirror), Some(sink)) if self.options.once => {
                // What Kafka has now is to be stored, so it has to be in Fluvio first.
                self.mirror(mirror, Some(sink.clone())).await?;
                self.store(sink).await
            }
            (Some(mirror), Some(sink)) => {
                let (mirrored, stored) =
                    tokio::join!(self.mirror(mirror, Some(sink.clone())), self.store(sink));
                mirrored.and(stored)
            }
        }
    }

    async fn store(&self, sink: Sink) -> Result<(), Error> {
        let stopped = self.stopped();
        let leg = store::run(self.config, self.options, sink, self.metrics, self.readiness, stopped);
        self.ended(erase(leg).await)
    }

    async fn mirror(&self, mirror: &sections::Mirror, sink: Option<Sink>) -> Result<(), Error> {
        let parts = mirror::Parts {
            cluster: &self.config.fluvio,
            sink,
            metrics: self.metrics.of_mirror(),
            readiness: self.readiness,
        };
        let leg = mirror::run(mirror, self.options, parts, self.stopped());
        self.ended(erase(leg).await.map_err(Error::Mirror))
    }

    /// A leg that fails ends the other.
    fn ended(&self, result: Result<(), Error>) -> Result<(), Error> {
        if result.is_err() {
            self.stop.send_replace(true);
        }
        result
    }

    async fn stopped(&self) {
        // The sender lives as long as we do.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }
}

/// Hides a leg's type, which is too deep for the compiler otherwise.
fn erase<'a, T>(leg: impl Future<Output = T> + Send + 'a) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> {
    Box::pin(leg)
}
