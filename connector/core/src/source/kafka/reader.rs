//! The thread that owns the consumer: one loop over the group's wishes and the partitions' queues.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc as blocking};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info, warn};

use super::Purpose;
use super::client::{Context, Rebalance};
use super::error::{Class, Error, class};
use super::mark::Mark;
use super::partition::{Partition, Read};
use super::watch::Watch;
use crate::metrics::Metrics;
use crate::mirror::key::Encoder;
use crate::source::Acknowledge;
use crate::stream::{Event, Resume, StreamPartition};

/// How long the group is served before the partitions, or the pipeline, are looked at again.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a partition that is taken from us may take to drain. Longer would hold up the group; what
/// is not stored by then is read again by the next owner, and the fence keeps it single.
const DRAIN: Duration = Duration::from_secs(30);
/// How long the group may take to let us go. While its brokers are away, librdkafka goes on waiting for what it asked
/// them, a minute and more; the group notices by itself that a member is gone.
const LEAVE: Duration = Duration::from_secs(5);
/// How often offsets are committed for display.
const COMMIT: Duration = Duration::from_secs(1);

/// What the thread shares with the rest of the connector.
pub(super) struct Shared {
    pub(super) events: mpsc::Sender<Event>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) acknowledge: Acknowledge,
    pub(super) metrics: Metrics,
    pub(super) topics: Vec<String>,
    pub(super) purpose: Purpose,
    pub(super) once: bool,
}

/// Why the loop ends.
enum Halt {
    /// The pipeline is gone.
    Closed,
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Reads until it is stopped, the pipeline is gone, or something is wrong; then leaves the group.
pub(super) fn run(consumer: BaseConsumer<Context>, watch: Watch, shared: Shared) -> Result<(), Error> {
    let consumer = Arc::new(consumer);
    let reader = Reader {
        partitions: Vec::new(),
        consumer: Arc::clone(&consumer),
        watch,
        shared,
        caught_up: false,
        committed: Instant::now(),
    };
    let result = reader.run();
    leave(consumer);
    match result {
        Ok(()) | Err(Halt::Closed) => Ok(()),
        Err(Halt::Failed(error)) => Err(error),
    }
}

/// Closes the consumer, which has no queues any more. It does that when it is dropped, and cannot be told to give up: so
/// on a thread of its own, which is left alone where it takes too long.
fn leave(consumer: Arc<BaseConsumer<Context>>) {
    let (left, waiting) = blocking::channel();
    let leaving = thread::Builder::new().name("kafka leaves".to_owned()).spawn(move || {
        drop(consumer);
        let _ = left.send(());
    });
    if leaving.is_ok() && waiting.recv_timeout(LEAVE).is_err() {
        warn!(seconds = LEAVE.as_secs(), "the consumer group did not answer, and was left without");
    }
}

struct Reader {
    // Gone with the reader: no queue may be left when the consumer is destroyed.
    partitions: Vec<Partition>,
    consumer: Arc<BaseConsumer<Context>>,
    watch: Watch,
    shared: Shared,
    caught_up: bool,
    committed: Instant,
}

impl Reader {
    fn run(mut self) -> Result<(), Halt> {
        let mut pause = PAUSE;
        loop {
            self.serve(pause)?;
            while let Some(rebalance) = self.consumer.context().next_rebalance() {
                match rebalance {
                    Rebalance::Assign(partitions) => self.assign(partitions)?,
                    Rebalance::Revoke => self.revoke()?,
                }
            }
            if self.shared.stop.load(Ordering::Acquire) {
                info!("leaving the consumer group");
                return self.revoke();
            }
            if self.committed.elapsed() >= COMMIT {
                self.commit();
            }
            self.suspect();
            self.watch.serve(&mut self.partitions, self.shared.once, &self.shared.metrics)?;
            pause = if self.read()? { Duration::ZERO } else { PAUSE };
            if self.shared.once && self.caught_up {
                return self.revoke();
            }
        }
    }

    /// One round over the partitions; true if there was anything.
    fn read(&mut self) -> Result<bool, Halt> {
        let mut any = false;
        for index in 0..self.partitions.len() {
            match self.partitions[index].read()? {
                Read::Nothing => {}
                Read::Trouble(error) => self.judge(error)?,
                Read::Chunk(chunk) => {
                    any = true;
                    // That its topic is another was said before its first record came, so it is known
                    // now, if not before.
                    self.serve(Duration::ZERO)?;
                    self.suspect();
                    if self.partitions[index].waits() {
                        self.partitions[index].hold(chunk);
                        continue;
                    }
                    self.consumer.context().up();
                    self.send(Event::Chunk(chunk))?;
                    if self.consumer.context().has_rebalance() {
                        return Ok(true);
                    }
                }
            }
        }
        let assigned = !self.partitions.is_empty();
        if self.shared.once && assigned && !self.caught_up && self.partitions.iter().all(Partition::is_done) {
            self.caught_up = true;
            self.send(Event::CaughtUp)?;
        }
        Ok(any)
    }

    /// Lets librdkafka call back, as often as it wants to: rebalances, statistics, errors. Records have
    /// queues of their own.
    fn serve(&self, timeout: Duration) -> Result<(), Error> {
        let mut timeout = timeout;
        loop {
            let calls = self.consumer.context().calls();
            match self.consumer.poll(timeout) {
                None if self.consumer.context().calls() == calls => return Ok(()),
                None => {}
                Some(Err(error)) => self.judge(error)?,
                Some(Ok(message)) => {
                    return Err(Error::Stray {
                        topic: message.topic().to_owned(),
                        partition: message.partition(),
                        offset: message.offset(),
                    });
                }
            }
            timeout = Duration::ZERO;
        }
    }

    /// Reads no further in topics that have another id, until they were checked.
    fn suspect(&mut self) {
        for topic in self.consumer.context().renewed() {
            // What was found out so far may be of the old one.
            self.watch.forget();
            let partitions = self.partitions.iter_mut().filter(|partition| partition.id.stream == topic);
            partitions.for_each(Partition::suspect);
        }
    }

    /// An error that belongs to no offset.
    fn judge(&self, error: KafkaError) -> Result<(), Error> {
        match class(&error) {
            Class::End => Ok(()),
            Class::Down => {
                self.consumer.context().down(&error);
                Ok(())
            }
            Class::NoTopic if self.shared.once => {
                Err(Error::NoTopic { topics: self.shared.topics.join(", "), source: error })
            }
            Class::Retry | Class::NoTopic => {
                if self.partitions.is_empty() {
                    self.consumer.context().down(&error);
                }
                Ok(())
            }
            Class::Refused => Err(Error::Refused(error)),
            Class::NoOffset | Class::Unreadable | Class::Fatal => Err(Error::Fatal(error)),
        }
    }

    /// Takes partitions: asks where each goes on, then reads from there.
    fn assign(&mut self, partitions: Vec<StreamPartition>) -> Result<(), Halt> {
        info!(partitions = partitions.len(), "partitions assigned");
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        if !partitions.is_empty() {
            let (reply, answer) = oneshot::channel();
            self.send(Event::Assigned { partitions: partitions.clone(), reply })?;
            let resumes = self.wait(answer, None)?.unwrap_or_default();
            self.caught_up = false;
            for (index, id) in partitions.into_iter().enumerate() {
                match resumes.get(index) {
                    Some(resume) if resume.partition == id => self.open(resume, &mut list)?,
                    _ => return Err(Error::NoResume { partition: id }.into()),
                }
            }
        } else if self.shared.once && !self.caught_up {
            // Others of the group have everything.
            self.caught_up = true;
            self.send(Event::CaughtUp)?;
        }
        self.consumer.assign(&list).map_err(Error::Client)?;
        self.consumer.context().up();
        Ok(())
    }

    /// Prepares one partition. Its queue is split off before the assignment, so that none of its
    /// records ever arrives elsewhere.
    fn open(&mut self, resume: &Resume, list: &mut TopicPartitionList) -> Result<(), Error> {
        let StreamPartition { stream, partition } = &resume.partition;
        let client = |reason: String| Error::Client(KafkaError::Subscription(reason));
        let number = i32::try_from(*partition).map_err(|error| client(error.to_string()))?;
        let queue = self
            .consumer
            .split_partition_queue(stream, number)
            .ok_or_else(|| client(format!("no queue for {}", resume.partition)))?;
        let offset = match resume.next_offset {
            None => Offset::Beginning,
            Some(next) => Offset::Offset(i64::try_from(next).map_err(|error| client(error.to_string()))?),
        };
        list.add_partition_offset(stream, number, offset).map_err(Error::Client)?;
        debug!(partition = %resume.partition, ?offset, "partition opened");
        let encoder = match self.shared.purpose {
            Purpose::Store => None,
            Purpose::Mirror => Some(Encoder::new(resume.generation, stream, *partition)),
        };
        // A partition that begins at its start is what it is; only --once has to know its end.
        let is_checked = self.shared.once || resume.next_offset.is_some();
        let (next_offset, mark) = (resume.next_offset, Mark::read(&resume.bookmark));
        self.partitions.push(Partition::new(
            resume.partition.clone(),
            queue,
            next_offset,
            mark,
            encoder,
            is_checked,
        ));
        Ok(())
    }

    /// Gives all partitions back, after everything that was sent of them is stored.
    fn revoke(&mut self) -> Result<(), Halt> {
        // Records still in the queues are dropped unread: whoever reads next asks where to go on.
        self.watch.forget();
        let partitions: Vec<StreamPartition> = self.partitions.drain(..).map(|p| (*p.id).clone()).collect();
        if !partitions.is_empty() {
            info!(partitions = partitions.len(), "partitions revoked");
            let (drained, answer) = oneshot::channel();
            self.send(Event::Revoked { partitions: partitions.clone(), drained })?;
            if self.wait(answer, Some(DRAIN))?.is_none() {
                warn!(seconds = DRAIN.as_secs(), "partitions given back before they were drained");
            }
            self.commit();
            for partition in &partitions {
                self.shared.metrics.forget(&partition.stream, partition.partition);
            }
        }
        self.consumer.unassign().map_err(|error| Error::Client(error).into())
    }

    /// Sends to the pipeline. While it has no room, the group is served and nothing is read.
    fn send(&self, mut event: Event) -> Result<(), Halt> {
        loop {
            match self.shared.events.try_send(event) {
                Ok(()) => return Ok(()),
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(Halt::Closed),
                Err(mpsc::error::TrySendError::Full(refused)) => event = refused,
            }
            self.serve(PAUSE)?;
        }
    }

    /// Waits for the pipeline's answer; `None` after the deadline. The group is served meanwhile, so
    /// that a long reconciliation does not cost the membership.
    fn wait<T>(&self, mut answer: oneshot::Receiver<T>, most: Option<Duration>) -> Result<Option<T>, Halt> {
        let started = Instant::now();
        loop {
            match answer.try_recv() {
                Ok(value) => return Ok(Some(value)),
                Err(TryRecvError::Closed) => return Err(Halt::Closed),
                Err(TryRecvError::Empty) if most.is_some_and(|most| started.elapsed() >= most) => {
                    return Ok(None);
                }
                Err(TryRecvError::Empty) => self.serve(PAUSE)?,
            }
        }
    }

    /// Commits what is stored, for display.
    fn commit(&mut self) {
        self.committed = Instant::now();
        let mut list = TopicPartitionList::new();
        for (partition, next) in self.shared.acknowledge.take() {
            let (Ok(number), Ok(next)) = (i32::try_from(partition.partition), i64::try_from(next)) else {
                continue;
            };
            if let Err(error) = list.add_partition_offset(&partition.stream, number, Offset::Offset(next)) {
                debug!(%partition, %error, "offset for display left out");
            }
        }
        if list.count() > 0
            && let Err(error) = self.consumer.commit(&list, CommitMode::Async)
        {
            debug!(%error, "offsets for display were not committed");
        }
    }
}

impl Drop for Reader {
    /// The consumer is closed next, and waits for an answer to every rebalance.
    fn drop(&mut self) {
        self.consumer.context().close();
        if let Err(error) = self.consumer.unassign() {
            debug!(%error, "unassigning at the end");
        }
    }
}
