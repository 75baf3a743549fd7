//! Hands every partition's chunks to its own task, and answers what Kafka's side asks.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use super::error::Error;
use super::partition::{Partition, Shared};
use super::topics::Standing;
use crate::layers::Layer;
use crate::options::{Legs, Options};
use crate::stream::{Chunk, Event, Resume, StreamPartition};

/// Chunks that may wait for a partition's task, besides those that it writes.
const WAITING: usize = 2;

/// The tasks and what they are fed with.
pub(super) struct Distributor {
    shared: Arc<Shared>,
    /// Whether the operator asked to begin every Kafka topic anew.
    is_new: bool,
    /// Whether a topic that was made anew is told from the old one.
    is_compared: bool,
    open: HashMap<StreamPartition, mpsc::Sender<Chunk>>,
    tasks: JoinSet<Result<StreamPartition, Error>>,
}

impl Distributor {
    pub(super) fn new(shared: Arc<Shared>, options: Options) -> Self {
        let (is_new, is_compared) = (options.begins(Legs::Mirror), options.without.has(Layer::Generation));
        Self { shared, is_new, is_compared, open: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Distributes everything that comes, until the channel closes and all of it is written.
    pub(super) async fn run(mut self, mut events: mpsc::Receiver<Event>) -> Result<(), Error> {
        loop {
            let event = tokio::select! {
                biased;
                Some(ended) = self.tasks.join_next() => {
                    outcome(ended)?;
                    continue;
                }
                event = events.recv() => event,
            };
            match event {
                None => {
                    let all: Vec<StreamPartition> = self.open.keys().cloned().collect();
                    return self.drain(&all).await;
                }
                Some(event) => self.handle(event).await?,
            }
        }
    }

    async fn handle(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Assigned { partitions, reply } => {
                let mut resumes = Vec::with_capacity(partitions.len());
                // The highest first: it makes the topic with all of its partitions at once.
                for partition in partitions.iter().rev() {
                    resumes.push(self.assign(partition).await?);
                }
                resumes.reverse();
                // Topics are begun anew once, not at every rebalance.
                self.is_new = false;
                // A source that does not listen any more has ended.
                let _ = reply.send(resumes);
            }
            Event::Chunk(chunk) => {
                let partition = Arc::clone(&chunk.partition);
                let task =
                    self.open.get(&*partition).ok_or_else(|| Error::NotAssigned((*partition).clone()))?;
                if task.send(chunk).await.is_err() {
                    // It has failed, and says why when it is joined.
                    self.open.remove(&*partition);
                    while let Some(ended) = self.tasks.join_next().await {
                        outcome(ended)?;
                    }
                    return Err(Error::Died);
                }
            }
            Event::Revoked { partitions, drained } => {
                self.drain(&partitions).await?;
                let _ = drained.send(());
            }
            Event::Restarted { reply, .. } => {
                let _ = reply.send(());
            }
            Event::CaughtUp => tracing::info!("caught up with kafka"),
        }
        Ok(())
    }

    /// Finds where a partition goes on, and starts its task.
    async fn assign(&mut self, partition: &StreamPartition) -> Result<Resume, Error> {
        let topic = self.shared.topic_of(&partition.stream);
        let target = StreamPartition { stream: topic.to_owned(), partition: partition.partition };
        let (mut standing, tail) = self.shared.standing(partition, &target).await?;
        if self.is_new && standing.next_offset.is_some() {
            let generation = standing.generation + 1;
            standing = Standing { generation, next_offset: None, bookmark: String::new() };
        }
        if !self.is_compared {
            standing.bookmark.clear();
        }
        let Standing { generation, next_offset, bookmark } = standing;
        tracing::info!(%partition, %target, next_offset, generation, "mirror of a partition begins");
        if let Some(next) = next_offset {
            self.shared.metrics.checkpoint(&partition.stream, partition.partition, next);
        }
        let (chunks, received) = mpsc::channel(WAITING);
        let task = Partition::new(partition.clone(), target, generation, tail, Arc::clone(&self.shared));
        self.tasks.spawn(task.run(received));
        self.open.insert(partition.clone(), chunks);
        Ok(Resume { partition: partition.clone(), next_offset, bookmark, generation })
    }

    /// Lets the tasks of these partitions write what they have and end.
    async fn drain(&mut self, partitions: &[StreamPartition]) -> Result<(), Error> {
        let mut left: Vec<StreamPartition> = partitions.to_vec();
        left.retain(|partition| self.open.remove(partition).is_some());
        while !left.is_empty() {
            let Some(ended) = self.tasks.join_next().await else { return Ok(()) };
            let ended = outcome(ended)?;
            left.retain(|partition| *partition != ended);
        }
        Ok(())
    }
}

fn outcome(ended: Result<Result<StreamPartition, Error>, JoinError>) -> Result<StreamPartition, Error> {
    ended.unwrap_or(Err(Error::Died))
}
