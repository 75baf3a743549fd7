//! The leg into ClickHouse: source ─▶ transform ─▶ writer, each behind a bounded channel; taken apart again
//! in that order, so that what was read is stored before the process ends.

use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Error;
use crate::config::Config;
use crate::config::sections::{RunsIn, Source as SourceConfig};
use crate::metrics::Metrics;
use crate::monitoring::Readiness;
use crate::options::Options;
use crate::sink::Sink;
use crate::source::Source;
use crate::transform::Transform;
use crate::writer::Writer;
use crate::{audit, rollups};

/// Chunks that may wait before each part: enough to keep the parts busy, few enough to forget.
const CHANNEL: usize = 4;

/// How long a stop may take until what was read is stored. What is not is read again at the next start.
const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// Runs the leg until the source ends, `shutdown` is done, or a part fails.
pub(super) async fn run(
    config: &Config,
    options: Options,
    sink: Sink,
    metrics: &Metrics,
    readiness: &Readiness,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let transform = match &config.source {
        SourceConfig::Fluvio(source) if source.smartmodule == RunsIn::Broker => Transform::by_broker(),
        _ => Transform::start(&config.smartmodule.wasm, &config.transform.with)?,
    };
    tokio::pin!(shutdown);

    let (events, to_transform) = mpsc::channel(CHANNEL);
    let (annotated, to_write) = mpsc::channel(CHANNEL);
    let mut source = Source::start(config, options, events, metrics.clone(), readiness.part("source"))?;
    let mut transform = tokio::task::spawn_blocking(move || transform.run(to_transform, &annotated));
    let watch = tokio::spawn(sink.clone().watch(readiness.part("clickhouse ping")));
    let audit = tokio::spawn(audit::watch::watch(config.clone(), sink.clone(), metrics.clone()));
    let rollups =
        (!options.once).then(|| tokio::spawn(rollups::watch(config.clone(), sink.clone(), metrics.clone())));
    let writer = Writer::new(
        sink,
        config.batch.clone(),
        options,
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
    audit.abort();
    rollups.inspect(tokio::task::JoinHandle::abort);
    // If the writer failed, the source may be idle and notice nothing by itself.
    source.stop();
    written?;
    (&mut transform).await.map_err(|_| Error::Died("transform"))??;
    source.finished().await?;
    tracing::info!("everything that was read is stored");
    Ok(())
}
