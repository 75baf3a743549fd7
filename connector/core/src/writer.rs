//! The second half of the pipeline: envelopes into batches, batches into ClickHouse, one insert at a
//! time. While one is under way the next batch fills; when that is full, nothing more is taken, and the
//! channel pushes back through the SmartModule to the source.
//!
//! A partition's batches are written in the order of their offsets, and a checkpoint only after
//! everything below it.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::batch::{self, Batch, Due, Origin};
use crate::config::sections::Batch as Limits;
use crate::layers::{Layer, Without};
use crate::metrics::Metrics;
use crate::monitoring::Part;
use crate::options::{Legs, Options};
use crate::sink::{self, Repair, Sink, Written};
use crate::source::Acknowledge;
use crate::stream::{Event, Resume, StreamPartition};
use crate::transform::Annotated;

/// Why writing cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// ClickHouse refuses for good.
    #[error(transparent)]
    Sink(#[from] sink::Error),
    /// The SmartModule is not ours.
    #[error(transparent)]
    Envelope(#[from] batch::Error),
    /// The source sent records of a partition that it never took: a defect of the connector.
    #[error("records of {0} came, which was never assigned")]
    NotAssigned(StreamPartition),
    /// The source left something out: a defect of the connector. Nothing behind it was written.
    #[error(
        "records of {partition} came from offset {found} on, where {expected} was due; start again to read them"
    )]
    NotContiguous {
        /// Whose records these are.
        partition: StreamPartition,
        /// Where the chunk before had ended.
        expected: u64,
        /// Where this one says that it had.
        found: u64,
    },
    /// The task of an insert ended without a result: a defect of the connector.
    #[error("an insert ended without a result: {0}")]
    Died(#[from] tokio::task::JoinError),
}

/// A partition that the source has.
struct Partition {
    origin: Arc<Origin>,
    /// Where the next chunk begins; `None` before the first of all.
    expected: Option<u64>,
    /// Offsets behind the checkpoint that are stored already.
    stored: BTreeSet<u64>,
    /// What to write again behind the checkpoint.
    repair: Option<Repair>,
    batch: Option<Batch>,
}

/// What ends the select of the loop.
enum Step {
    Written(Result<Result<Written, sink::Error>, tokio::task::JoinError>),
    Event(Option<Event<Annotated>>),
    Due,
}

/// Writes what comes.
pub struct Writer {
    sink: Sink,
    limits: Limits,
    /// The reason for a new generation of every stream, if the operator asked for it.
    new_generation: Option<&'static str>,
    without: Without,
    acknowledge: Option<Acknowledge>,
    metrics: Metrics,
    readiness: Part,
    partitions: HashMap<StreamPartition, Partition>,
    /// Partitions with a batch that is open, in the order in which it was opened.
    waiting: VecDeque<StreamPartition>,
    in_flight: Option<(StreamPartition, JoinHandle<Result<Written, sink::Error>>)>,
}

impl Writer {
    /// A writer with nothing to write.
    #[must_use]
    pub fn new(
        sink: Sink,
        limits: Limits,
        options: Options,
        acknowledge: Option<Acknowledge>,
        metrics: Metrics,
        readiness: Part,
    ) -> Self {
        Self {
            sink,
            limits,
            new_generation: options.begins(Legs::Source).then_some("asked for by --new-generation"),
            without: options.without,
            acknowledge,
            metrics,
            readiness,
            partitions: HashMap::new(),
            waiting: VecDeque::new(),
            in_flight: None,
        }
    }

    /// Writes everything that comes, until the channel closes and all of it is stored.
    ///
    /// # Errors
    /// The first [`Error`]; what was not stored by then is read again at the next start.
    pub async fn run(mut self, mut events: mpsc::Receiver<Event<Annotated>>) -> Result<(), Error> {
        let mut is_open = true;
        loop {
            let next_due = self.start_next(!is_open);
            if !is_open && self.in_flight.is_none() && self.waiting.is_empty() {
                return Ok(());
            }
            let takes_more = is_open && !self.is_full();
            let step = tokio::select! {
                biased;
                written = wait_for(&mut self.in_flight) => Step::Written(written),
                event = events.recv(), if takes_more => Step::Event(event),
                () = sleep_until(next_due), if self.in_flight.is_none() => Step::Due,
            };
            match step {
                Step::Written(written) => self.settle(written)?,
                Step::Event(Some(event)) => self.handle(event).await?,
                Step::Event(None) => is_open = false,
                Step::Due => {}
            }
        }
    }

    async fn handle(&mut self, event: Event<Annotated>) -> Result<(), Error> {
        match event {
            Event::Chunk(chunk) => self.take(chunk)?,
            Event::Assigned { partitions, reply } => {
                let mut resumes = Vec::with_capacity(partitions.len());
                let mut begun = HashSet::new();
                for partition in partitions {
                    // A generation is the whole stream's: begun once, and neither for each of its
                    // partitions nor at every rebalance.
                    let is_first = begun.insert(partition.stream.clone());
                    let reason = self.new_generation.filter(|_| is_first);
                    resumes.push(self.assign(partition, reason).await?);
                }
                self.new_generation = None;
                self.readiness.ready();
                // A source that does not listen any more has ended.
                let _ = reply.send(resumes);
            }
            Event::Restarted { partition, reason, reply } => {
                self.drain(std::slice::from_ref(&partition)).await?;
                self.assign(partition, Some(&reason)).await?;
                let _ = reply.send(());
            }
            Event::Revoked { partitions, drained } => {
                self.drain(&partitions).await?;
                for partition in &partitions {
                    self.partitions.remove(partition);
                }
                let _ = drained.send(());
            }
            Event::CaughtUp => tracing::info!("caught up with the source"),
        }
        Ok(())
    }

    async fn assign(&mut self, partition: StreamPartition, reason: Option<&str>) -> Result<Resume, Error> {
        let resumed = self.sink.resume(&partition, reason).await?;
        let state = Partition {
            origin: resumed.origin,
            expected: resumed.next_offset,
            stored: resumed.stored,
            repair: resumed.repair,
            batch: None,
        };
        self.partitions.insert(partition.clone(), state);
        if let Some(next_offset) = resumed.next_offset {
            self.metrics.checkpoint(&partition.stream, partition.partition, next_offset);
        }
        let bookmark = resumed.bookmark;
        Ok(Resume { partition, next_offset: resumed.next_offset, bookmark, generation: 0 })
    }

    /// Puts a chunk into its partition's batch.
    fn take(&mut self, chunk: Annotated) -> Result<(), Error> {
        let Annotated { partition, envelopes, gaps, bytes, from_offset, next_offset, bookmark, has_more } =
            chunk;
        let first_envelope = envelopes.first().map(|envelope| envelope.offset);
        let first_gap = gaps.first().map(|gap| gap.first_offset);
        let Some(first_offset) = first_envelope.into_iter().chain(first_gap).min() else { return Ok(()) };
        let state =
            self.partitions.get_mut(&*partition).ok_or_else(|| Error::NotAssigned((*partition).clone()))?;
        let expected = state.expected.filter(|_| self.without.has(Layer::Contiguity));
        if let Some(expected) = expected.filter(|expected| *expected != from_offset) {
            return Err(Error::NotContiguous {
                partition: (*partition).clone(),
                expected,
                found: from_offset,
            });
        }
        state.expected = Some(next_offset);
        let now = Instant::now();
        let batch = state.batch.get_or_insert_with(|| {
            self.waiting.push_back((*partition).clone());
            let mut batch = Batch::open(Arc::clone(&state.origin), first_offset, now);
            batch.repair =
                state.repair.as_ref().filter(|repair| first_offset < repair.end).map(|repair| repair.id);
            batch
        });
        self.metrics.consumed(envelopes.len(), bytes);
        for enveloped in envelopes {
            let offset = enveloped.offset;
            if state.stored.remove(&offset) {
                self.metrics.origins_skipped(1);
            } else {
                batch.push(enveloped)?;
                if state.repair.as_ref().is_some_and(|repair| repair.gone.contains(&offset)) {
                    let erasures = state.repair.iter().flat_map(|repair| &repair.erasures);
                    batch.restore(offset, |event| {
                        let identity = event.identity();
                        erasures.into_iter().any(|erasure| erasure.covers(offset, &identity))
                    });
                }
            }
        }
        batch.gaps.extend(gaps);
        batch.advance(next_offset, bookmark, has_more, now);
        Ok(())
    }

    /// Starts the insert of a batch that is due, if none is under way; otherwise, when the first will be
    /// due. With `all`, and where the batches are full together, every batch is due: the oldest comes first.
    fn start_next(&mut self, all: bool) -> Option<Instant> {
        if self.in_flight.is_some() {
            return None;
        }
        let all = all || batch::are_full(self.open(), &self.limits);
        let now = Instant::now();
        let mut earliest: Option<Instant> = None;
        for place in 0..self.waiting.len() {
            let partition = &self.waiting[place];
            let due = self
                .partitions
                .get(partition)
                .and_then(|state| state.batch.as_ref())
                .map_or(Due::Full, |batch| batch.due(&self.limits));
            match due {
                Due::At(at) if at > now && !all => {
                    earliest = Some(earliest.map_or(at, |earlier| earlier.min(at)));
                }
                Due::Full | Due::At(_) => {
                    if let Some(partition) = self.waiting.remove(place) {
                        self.start(partition);
                    }
                    return None;
                }
            }
        }
        earliest
    }

    fn start(&mut self, partition: StreamPartition) {
        let batch = self.partitions.get_mut(&partition).and_then(|state| state.batch.take());
        if let Some(batch) = batch {
            let sink = self.sink.clone();
            let insert = tokio::spawn(async move { sink.write(batch).await });
            self.in_flight = Some((partition, insert));
        }
    }

    fn settle(
        &mut self,
        written: Result<Result<Written, sink::Error>, tokio::task::JoinError>,
    ) -> Result<(), Error> {
        let partition = self.in_flight.take().map(|(partition, _)| partition);
        let written = written??;
        tracing::debug!(origin = %written.origin, next_offset = written.next_offset, "batch stored");
        if let (Some(acknowledge), Some(partition)) = (&self.acknowledge, partition) {
            acknowledge.stored(&partition, written.next_offset);
        }
        Ok(())
    }

    /// Stores what is there of these partitions.
    async fn drain(&mut self, partitions: &[StreamPartition]) -> Result<(), Error> {
        for partition in partitions {
            if self.in_flight.is_some() {
                let written = wait_for(&mut self.in_flight).await;
                self.settle(written)?;
            }
            self.waiting.retain(|waiting| waiting != partition);
            self.start(partition.clone());
        }
        if self.in_flight.is_some() {
            let written = wait_for(&mut self.in_flight).await;
            self.settle(written)?;
        }
        Ok(())
    }

    /// Whether nothing more may be taken: a batch is full, or all together are, or ClickHouse fails. Then the next
    /// batch does not grow to its limits, so that an outage takes no more memory than the work before it; the backlog
    /// waits in the source, and fills larger batches afterwards.
    fn is_full(&self) -> bool {
        let waiting: usize = self.open().map(Batch::rows).sum();
        self.in_flight.is_some() && self.sink.is_failing() && waiting >= self.limits.min_rows
            || self.open().any(|batch| batch.due(&self.limits) == Due::Full)
            || batch::are_full(self.open(), &self.limits)
    }

    /// The batches that are being filled.
    fn open(&self) -> impl Iterator<Item = &Batch> {
        self.partitions.values().filter_map(|state| state.batch.as_ref())
    }
}

/// The result of the insert that is under way; never, where none is.
async fn wait_for(
    in_flight: &mut Option<(StreamPartition, JoinHandle<Result<Written, sink::Error>>)>,
) -> Result<Result<Written, sink::Error>, tokio::task::JoinError> {
    match in_flight {
        Some((_, insert)) => insert.await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
