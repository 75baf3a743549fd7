//! One partition: its stream, reopened wherever it breaks off.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::chunks::Chunks;
use super::error::Error;
use super::reader::Shared;
use super::sequence::{Sequence, Step};
use super::{Phase, until};
use crate::cluster::{Answer, Connection, Offsets, Stream};
use crate::retry::backoff;
use crate::stream::{Chunk, Event, GapReason, StreamPartition};

/// How often offsets are committed for display, and the partition's end is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long the leader may send nothing while it has something, at first: then it has jumped to its end, as
/// it does where what its SmartModule makes of one batch exceeds an answer's size.
pub(super) const STALLED: Duration = Duration::from_secs(5);
/// And at the longest.
const LONGEST: Duration = Duration::from_secs(300);
/// How long a partition may end below what was read of it. A leader that has just started may not know
/// yet what is committed.
const SHRUNK: Duration = Duration::from_secs(10);
/// An answer's size is not doubled beyond this.
const MOST_BYTES: u64 = 1 << 30;

/// Why the reading of one connection ends without an error.
enum Left {
    /// The source ends.
    Ended,
    /// It begins anew, for this cause.
    Reopen(&'static str),
    /// The leader has not come far enough yet.
    Wait,
}

/// A partition that is being read.
pub(super) struct Partition {
    pub(super) id: Arc<StreamPartition>,
    pub(super) shared: Arc<Shared>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) sequence: Sequence,
    /// Size of an answer; grows where a batch needs more.
    pub(super) max_bytes: u64,
    /// With `once`: where to end, known from the first connection on.
    pub(super) end: Option<u64>,
    /// Told when the end is reached.
    pub(super) caught_up: mpsc::UnboundedSender<()>,
    /// The stream left this offset out.
    pub(super) hole_at: Option<u64>,
    /// How long the leader may send nothing while it has something.
    pub(super) patience: Duration,
    /// Held while records are sent to the pipeline: whoever waits for all of these knows that none come.
    pub(super) sending: Option<mpsc::Sender<()>>,
    /// Since when the partition ends below what was read.
    pub(super) shrunk_since: Option<Instant>,
}

impl Partition {
    /// Reads until the source ends or something is wrong for good.
    pub(super) async fn run(mut self) -> Result<(), Error> {
        let result = self.read_on().await;
        self.sending = None;
        result
    }

    async fn read_on(&mut self) -> Result<(), Error> {
        let name = self.id.to_string();
        let mut attempt = 0;
        while *self.phase.borrow() == Phase::Reading {
            let before = self.sequence.next();
            match self.read(&name).await {
                Ok(Left::Ended) => break,
                Ok(Left::Reopen(cause)) => {
                    let (partition, offset) = (&*self.id, self.sequence.next());
                    tracing::info!(%partition, offset, cause, "stream opened again");
                    self.shared.metrics.reopened(partition, cause);
                    attempt = 0;
                    continue;
                }
                Ok(Left::Wait) => attempt += 1,
                Err(Error::Cluster(error)) if !error.is_fatal() => {
                    if self.shared.health.down(&name, error.to_string()) {
                        let (partition, offset) = (&*self.id, self.sequence.next());
                        tracing::warn!(%partition, offset, %error, "stream broke off, trying again");
                        self.shared.metrics.reopened(partition, "disconnected");
                    }
                    attempt = if self.sequence.next() == before { attempt + 1 } else { 0 };
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = tokio::time::sleep(backoff(attempt)) => {}
                () = until(&mut self.phase, Phase::Draining) => break,
            }
        }
        Ok(())
    }

    async fn read(&mut self, name: &str) -> Result<Left, Error> {
        let shared = Arc::clone(&self.shared);
        let mut connection = tokio::select! {
            connection = shared.cluster.connect(&self.id) => connection?,
            () = until(&mut self.phase, Phase::Draining) => return Ok(Left::Ended),
        };
        let offsets = connection.offsets().await?;
        self.metric_end(offsets.end);
        if offsets.end < self.sequence.next() {
            return self.behind(&connection, offsets).await;
        }
        self.shrunk_since = None;
        self.look_into_hole(&connection).await?;
        if offsets.start > self.sequence.next() {
            self.sequence.skip_to(offsets.start, GapReason::Evicted);
        }
        let gaps = Chunks::new(Arc::clone(&self.id), offsets.end).finish(&mut self.sequence);
        if !self.send(gaps).await {
            return Ok(Left::Ended);
        }
        if shared.options.once {
            self.end.get_or_insert(offsets.end);
        }
        let from = self.sequence.open_at(offsets.start, offsets.end);
        let consumer = Some(shared.config.consumer.as_str());
        let stream = connection.stream(from, self.max_bytes, shared.smartmodule.as_ref(), consumer).await?;
        let (partition, offset) = (&*self.id, self.sequence.next());
        if shared.health.up(name) {
            tracing::info!(%partition, offset, "stream goes on");
        } else {
            tracing::debug!(%partition, offset, "stream opened");
        }
        self.follow(stream, from).await
    }

    /// Reads a stream until it is to be left.
    async fn follow(&mut self, mut stream: Stream, from: u64) -> Result<Left, Error> {
        let mut phase = self.phase.clone();
        let mut tick = tokio::time::interval(TICK);
        let mut heard = Instant::now();
        let mut is_compared = from == self.sequence.next();
        loop {
            if is_compared && self.end.is_some_and(|end| self.sequence.next() >= end) {
                // An error says that the source is ending.
                let _ = self.caught_up.send(());
                return self.end(&stream).await;
            }
            tokio::select! {
                biased;
                () = until(&mut phase, Phase::Draining) => return self.end(&stream).await,
                _ = tick.tick() => {
                    self.commit(&stream).await;
                    if heard.elapsed() >= TICK
                        && let Some(left) = self.look(stream.offsets().await?, heard)
                    {
                        return Ok(left);
                    }
                }
                answer = stream.next() => {
                    is_compared = true;
                    if let Some(left) = self.take(answer?, &stream).await? {
                        return Ok(left);
                    }
                    // The time that the pipeline took is not the leader's silence.
                    heard = Instant::now();
                }
            }
        }
    }

    /// Takes what the leader sent. The leader hears at once how far it reached, and prepares the next
    /// answer while this one is passed on.
    async fn take(&mut self, answer: Answer, stream: &Stream) -> Result<Option<Left>, Error> {
        let Answer { records, cut_at, end } = answer;
        self.metric_end(end);
        if records.is_empty() && cut_at.is_none() {
            return Err(stream.unreadable("an answer of which nothing can be read".to_owned()).into());
        }
        let before = self.sequence.next();
        let mut chunks = Chunks::new(Arc::clone(&self.id), self.end.unwrap_or(end));
        let mut left = None;
        for incoming in records {
            let offset = incoming.offset;
            if self.end.is_some_and(|end| offset >= end) {
                break;
            }
            match self.sequence.take(incoming) {
                Step::Take(record) => chunks.push(record, &mut self.sequence),
                Step::Pass => {}
                Step::Hole => {
                    left = Some(Left::Reopen("hole"));
                    break;
                }
                Step::Changed => return Err(Error::Recreated { partition: (*self.id).clone(), offset }),
            }
        }
        let next = self.sequence.next();
        let heard = if left.is_some() {
            // Records are left out where what the SmartModule makes of a batch exceeds an answer's size.
            self.hole_at = Some(next);
            self.grow(stream)
        } else if cut_at.is_some() && next == before {
            left = Some(Left::Reopen("cut"));
            self.grow(stream)
        } else {
            self.patience = STALLED;
            if cut_at.is_some() {
                self.shared.metrics.reopened(&self.id, "cut");
            }
            stream.acknowledge(next).await.map_err(Error::from)
        };
        // What the sequence took is passed on whatever the leader says: it is not asked for again.
        let chunks = chunks.finish(&mut self.sequence);
        let is_taken = self.send(chunks).await;
        heard?;
        Ok(if is_taken { left } else { Some(Left::Ended) })
    }

    /// Whether something is wrong with what the partition has while it sends nothing.
    fn look(&mut self, offsets: Offsets, heard: Instant) -> Option<Left> {
        self.metric_end(offsets.end);
        let next = self.sequence.next();
        if offsets.end < next {
            return Some(Left::Wait);
        }
        if offsets.start > next {
            return Some(Left::Reopen("evicted"));
        }
        if offsets.end > next && heard.elapsed() >= self.patience {
            // A leader that is only slow gets more time, not only more to do.
            self.patience = (self.patience * 4).min(LONGEST);
            self.max_bytes = (self.max_bytes * 2).min(MOST_BYTES);
            return Some(Left::Reopen("stalled"));
        }
        None
    }

    /// Doubles the size of an answer: a batch needs more.
    fn grow(&mut self, stream: &Stream) -> Result<(), Error> {
        if self.max_bytes >= MOST_BYTES {
            let next = self.sequence.next();
            return Err(stream.unreadable(format!("the record at offset {next} does not come")).into());
        }
        self.max_bytes = (self.max_bytes * 2).min(MOST_BYTES);
        Ok(())
    }

    /// The stream left records out from the offset that is due. Where the leader's log does not hold that
    /// offset either, it will never come.
    async fn look_into_hole(&mut self, connection: &Connection) -> Result<(), Error> {
        let next = self.sequence.next();
        if self.hole_at.take() != Some(next) {
            return Ok(());
        }
        let held = connection.fetch(next).await?;
        if let Some(first) = held.iter().map(|record| record.offset).find(|offset| *offset >= next)
            && first > next
        {
            self.sequence.skip_to(first, GapReason::Missing);
        }
        Ok(())
    }

    /// The partition's committed records end before what was read. A leader that was killed comes back
    /// with an old note of what is committed: then its log holds the last record, and the rest is patience.
    async fn behind(&mut self, connection: &Connection, offsets: Offsets) -> Result<Left, Error> {
        let last = self.sequence.next().saturating_sub(1);
        // An error says that the log ends before that.
        let records = connection.fetch(last).await.unwrap_or_default();
        if let Some(record) = records.into_iter().find(|record| record.offset == last) {
            self.shrunk_since = None;
            return match self.sequence.take(record) {
                Step::Changed => Err(Error::Recreated { partition: (*self.id).clone(), offset: last }),
                _ => Ok(Left::Wait),
            };
        }
        let since = *self.shrunk_since.get_or_insert_with(Instant::now);
        if since.elapsed() < SHRUNK {
            return Ok(Left::Wait);
        }
        let (partition, next) = ((*self.id).clone(), self.sequence.next());
        Err(Error::Shrunk { partition, end: offsets.end, next })
    }

    /// Passes chunks on; false where nobody takes them any more.
    async fn send(&self, chunks: Vec<Chunk>) -> bool {
        for chunk in chunks {
            if self.shared.events.send(Event::Chunk(chunk)).await.is_err() {
                return false;
            }
        }
        true
    }

    /// The source ends: once all that was read is stored, that is noted for display.
    async fn end(&mut self, stream: &Stream) -> Result<Left, Error> {
        self.sending = None;
        until(&mut self.phase, Phase::Ending).await;
        self.commit(stream).await;
        Ok(Left::Ended)
    }

    async fn commit(&self, stream: &Stream) {
        if let Some(next) = self.shared.acknowledge.take_of(&self.id)
            && let Err(error) = stream.commit(next).await
        {
            tracing::debug!(partition = %self.id, next, %error, "offset for display was not committed");
        }
    }

    fn metric_end(&self, end: u64) {
        self.shared.metrics.source_end(&self.id.stream, self.id.partition, end);
    }
}
