//! One partition: batches into Fluvio, one request in flight.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::batches::{Pending, Piece, cut};
use super::error::Error;
use super::set_aside::SetAside;
use crate::cluster::{Cluster, Connection, Outgoing, Tail};
use crate::config::sections::Mirror as Config;
use crate::metrics::Metrics;
use crate::monitoring::Health;
use crate::retry::backoff;
use crate::source::Acknowledge;
use crate::stream::{Chunk, StreamPartition};

/// How often it is looked whether consumers get all that was written.
const TICK: Duration = Duration::from_secs(5);

/// What all partitions share.
pub(super) struct Shared {
    pub(super) cluster: Cluster,
    pub(super) config: Config,
    pub(super) set_aside: SetAside,
    pub(super) acknowledge: Acknowledge,
    pub(super) metrics: Metrics,
    pub(super) health: Health,
}

impl Shared {
    /// The Fluvio topic of a Kafka topic. The configuration has one for each.
    pub(super) fn topic_of<'a>(&'a self, kafka: &'a str) -> &'a str {
        self.config.topics.get(kafka).map_or(kafka, String::as_str)
    }
}

/// The mirror of one partition.
pub(super) struct Partition {
    id: StreamPartition,
    target: StreamPartition,
    generation: u32,
    /// Where the Fluvio partition's log is known to end.
    end: u64,
    /// Its last record.
    last: Option<Outgoing>,
    shared: Arc<Shared>,
    connection: Option<Connection>,
}

impl Partition {
    pub(super) fn new(
        id: StreamPartition,
        target: StreamPartition,
        generation: u32,
        tail: Tail,
        shared: Arc<Shared>,
    ) -> Self {
        let last = tail.record.map(|record| Outgoing {
            timestamp_ms: record.timestamp_ms,
            key: record.key.unwrap_or_default(),
            value: record.value,
        });
        Self { id, target, generation, end: tail.end, last, shared, connection: None }
    }

    /// Writes every chunk that comes, until no more do.
    pub(super) async fn run(mut self, mut chunks: mpsc::Receiver<Chunk>) -> Result<StreamPartition, Error> {
        let limits = &self.shared.config;
        let (batch_bytes, max_record) = (limits.batch_bytes.as_u64(), limits.max_record_bytes.as_u64());
        let mut tick = tokio::time::interval(TICK);
        loop {
            let chunk = tokio::select! {
                biased;
                chunk = chunks.recv() => chunk,
                _ = tick.tick() => {
                    self.commit().await?;
                    continue;
                }
            };
            let Some(chunk) = chunk else { return Ok(self.id) };
            let mut records: Vec<Pending> = chunk.records.into_iter().map(Pending::from).collect();
            // Under backlog a request takes what waits too.
            let mut bytes = size(&records);
            while (bytes as u64) < batch_bytes
                && let Ok(chunk) = chunks.try_recv()
            {
                records.extend(chunk.records.into_iter().map(Pending::from));
                bytes = size(&records);
            }
            for piece in cut(records, batch_bytes, max_record) {
                match piece {
                    Piece::Batch(batch) => self.write(batch).await?,
                    Piece::TooLarge(pending) => self.set_aside(pending, max_record).await?,
                }
            }
        }
    }

    /// Sees to it that consumers get all that was written. A leader that was killed has its records, and
    /// counts some of them as not committed until the next one comes; where Kafka has none, that is the last
    /// one again, which whoever reads the topic passes over.
    async fn commit(&mut self) -> Result<(), Error> {
        let Some(last) = self.last.clone() else { return Ok(()) };
        let connection = match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.shared.cluster.connect(&self.target).await,
        };
        // A leader that is away is met when there is something to write, or at the next look.
        let Ok(connection) = connection else { return Ok(()) };
        let Ok(offsets) = connection.offsets().await else { return Ok(()) };
        if offsets.end >= self.end {
            self.connection = Some(connection);
            return Ok(());
        }
        let (partition, target, end) = (&self.id, &self.target, self.end);
        tracing::info!(%partition, %target, end, "the last record is written again, to commit those before it");
        match self.produce(&[last]).await {
            Ok(base_offset) => self.reached(base_offset, 1),
            Err(Error::Cluster(error)) if !error.is_fatal() => self.look_after(&error).await.map(drop),
            Err(error) => Err(error),
        }
    }

    /// So many records were written from an offset on, which must not lie before what was written earlier.
    fn reached(&mut self, base_offset: u64, records: u64) -> Result<(), Error> {
        if base_offset < self.end {
            let (target, expected) = (self.target.clone(), self.end);
            return Err(Error::Recreated { target, offset: base_offset, expected });
        }
        self.end = base_offset + records;
        Ok(())
    }

    /// Writes a batch, however often it takes.
    async fn write(&mut self, batch: Vec<Pending>) -> Result<(), Error> {
        let mut waiting = vec![batch];
        let mut attempt = 0;
        while let Some(mut batch) = waiting.pop() {
            let (Some(last), bytes) = (batch.last().map(|pending| pending.offset), size(&batch)) else {
                continue;
            };
            let records: Vec<Outgoing> = batch.iter().map(|pending| pending.record.clone()).collect();
            match self.produce(&records).await {
                Ok(base_offset) => {
                    self.reached(base_offset, records.len() as u64)?;
                    self.last = records.last().cloned();
                    if std::mem::take(&mut attempt) > 0 {
                        self.shared.health.up(&self.target.to_string());
                    }
                    self.written(last, records.len(), bytes);
                }
                Err(Error::Cluster(error)) if error.is_too_large() => {
                    if let [pending] = &batch[..] {
                        self.set_aside(pending.clone(), bytes as u64 - 1).await?;
                    } else {
                        let second = batch.split_off(batch.len() / 2);
                        waiting.extend([second, batch]);
                    }
                }
                Err(Error::Cluster(error)) if !error.is_fatal() => {
                    let after = self.look_after(&error).await?;
                    self.shared.health.down(&self.target.to_string(), error.to_string());
                    tokio::time::sleep(backoff(attempt)).await;
                    attempt += 1;
                    let total = batch.len();
                    batch.retain(|pending| after.is_none_or(|after| pending.offset > after));
                    if batch.len() < total {
                        self.written(after.unwrap_or(last).min(last), total - batch.len(), 0);
                    }
                    if batch.is_empty() {
                        attempt = 0;
                        self.shared.health.up(&self.target.to_string());
                    } else {
                        waiting.push(batch);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn produce(&mut self, records: &[Outgoing]) -> Result<u64, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let produced = connection.produce(records, self.shared.config.produce_timeout).await?;
        // Kept only where nothing went wrong on it.
        self.connection = Some(connection);
        Ok(produced.base_offset)
    }

    /// Connects, and makes sure that nothing of what was written is gone: what is written next would hide
    /// that from whoever looks at the end of the partition.
    async fn connect(&self) -> Result<Connection, Error> {
        let (shared, target) = (&self.shared, &self.target);
        let connect = || async {
            let connection = shared.cluster.connect(target).await?;
            let tail = connection.tail().await?;
            Ok((connection, tail))
        };
        let (connection, tail) = shared.insist(&target.to_string(), connect).await?;
        self.still_there(tail.end)?;
        Ok(connection)
    }

    fn still_there(&self, end: u64) -> Result<(), Error> {
        if end < self.end {
            return Err(Error::Recreated { target: self.target.clone(), offset: end, expected: self.end });
        }
        Ok(())
    }

    /// It is not known whether a request was carried out: the end of the partition tells up to which
    /// Kafka offset everything is there.
    async fn look_after(&mut self, error: &crate::cluster::Error) -> Result<Option<u64>, Error> {
        let (partition, target) = (&self.id, &self.target);
        tracing::warn!(%partition, %target, %error, "outcome of a request unknown, looking at the partition's end");
        self.shared.metrics.mirror_retried(partition);
        let (standing, tail) = self.shared.standing(partition, target).await?;
        self.still_there(tail.end)?;
        let is_ours = standing.generation == self.generation;
        let after = standing.next_offset.filter(|_| is_ours).map(|next| next - 1);
        tracing::info!(%partition, %target, offset = tail.end, ?after, "mirror goes on");
        self.end = tail.end;
        Ok(after)
    }

    /// Keeps a record elsewhere that Fluvio does not take.
    async fn set_aside(&mut self, pending: Pending, most: u64) -> Result<(), Error> {
        let offset = pending.offset;
        let (partition, bytes) = (&self.id, pending.record.size());
        tracing::warn!(%partition, offset, bytes, most, "record too large for fluvio, set aside");
        self.shared.set_aside.keep(partition, self.generation, pending, most).await?;
        self.shared.metrics.mirror_set_aside(partition);
        self.written(offset, 0, 0);
        Ok(())
    }

    /// Everything up to this Kafka offset is where it belongs.
    fn written(&self, offset: u64, records: usize, bytes: usize) {
        let StreamPartition { stream, partition } = &self.id;
        self.shared.metrics.mirrored(records, bytes);
        self.shared.metrics.checkpoint(stream, *partition, offset + 1);
        self.shared.acknowledge.stored(&self.id, offset + 1);
    }
}

fn size(records: &[Pending]) -> usize {
    records.iter().map(|pending| pending.record.size()).sum()
}
