//! Events into a topic of a Fluvio cluster, which the connector's sink reads like any other.
//!
//! One task writes: what came while a request was on its way is one batch. A batch is acknowledged when the partition's
//! leader has committed it (`ReadCommitted`), and nothing is tried a second time here: a client that hears 503 does
//! that, and an event that is there twice is one event. Records have no key: to the connector a key says where in Kafka
//! a record came from.
//!
//! As in the connector, records go through the protocol beneath Fluvio's client (0.50), whose producer waits for ever
//! for a leader that is away, and cannot be stopped then.

mod connection;
mod directory;
mod records;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Bytes;
use fluvio::FluvioClusterConfig;
use fluvio::config::ConfigFile;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, timeout};

use super::error::{Error, StartError};
use super::queue::{Job, Queue, gather};
use connection::Connection;
use directory::Directory;

/// The largest event that goes into a topic, in bytes: what the mirror takes by default.
pub(super) const LARGEST: usize = 1536 << 10;
/// Bytes of one batch, unless one event alone is larger: those of the mirror, well below what a sink asks for.
const BATCH: usize = 512 << 10;
/// How long it may take to find a partition's leader and to connect to it.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long a leader may take to commit a batch.
const PRODUCE_LIMIT: Duration = Duration::from_secs(5);
/// So long after a failed attempt at a partition nobody waits for another one.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the connection to one of the partitions is looked at, where nothing is to be written.
const TICK: Duration = Duration::from_secs(2);

/// Why something did not work out. For the log.
type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// Finds out which cluster is meant, and starts its writer. It ends with the queue.
pub(super) fn start(
    topic: String,
    endpoint: Option<String>,
    profile: Option<String>,
    capacity: usize,
) -> Result<Queue, StartError> {
    let config = cluster(endpoint, profile).map_err(StartError::Profile)?;
    let (queue, jobs) = Queue::new(capacity);
    tracing::info!(topic, endpoint = config.endpoint, "events are taken into the topic");
    let directory = Directory { config, topic };
    let (leaders, away) = (BTreeMap::new(), BTreeMap::new());
    let writer = Writer { directory, leaders, partitions: 1, turn: 0, looked: 0, away };
    tokio::spawn(writer.run(jobs));
    Ok(queue)
}

fn cluster(endpoint: Option<String>, profile: Option<String>) -> Result<FluvioClusterConfig, String> {
    match (endpoint, profile) {
        (Some(endpoint), _) => Ok(FluvioClusterConfig::new(endpoint)),
        (None, Some(profile)) => FluvioClusterConfig::load_with_profile(&profile)
            .map_err(|error| error.to_string())?
            .ok_or_else(|| format!("there is no profile `{profile}`")),
        (None, None) => {
            let file = ConfigFile::load(None).map_err(|error| error.to_string())?;
            Ok(file.config().current_cluster().map_err(|error| error.to_string())?.clone())
        }
    }
}

struct Writer {
    directory: Directory,
    /// Connections on which nothing has gone wrong, by partition.
    leaders: BTreeMap<u32, Connection>,
    /// How many partitions the topic has, as far as is known.
    partitions: u32,
    /// Which one is next.
    turn: u32,
    /// Which one is looked at next.
    looked: u32,
    /// Which of them could not be reached, and when that was tried last.
    away: BTreeMap<u32, Instant>,
}

impl Writer {
    async fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                job = jobs.recv() => match job {
                    Some(first) => self.write(gather(first, &mut jobs, BATCH)).await,
                    None => return,
                },
                _ = tick.tick() => self.look().await,
            }
        }
    }

    /// Writes these, and answers all of them.
    async fn write(&mut self, jobs: Vec<Job>) {
        let Some((partition, leader)) = self.any_leader().await else {
            return jobs.into_iter().for_each(|job| job.answer(Err(Error::Away)));
        };
        let lines: Vec<&Bytes> = jobs.iter().flat_map(|job| &job.lines).collect();
        let mut written = 0;
        let mut trouble = None;
        for batch in records::cut(&lines, BATCH) {
            match leader.produce(batch, PRODUCE_LIMIT).await {
                Ok(()) => written += batch.len(),
                Err(error) => {
                    trouble = Some(error);
                    break;
                }
            }
        }
        match trouble {
            None => {
                self.leaders.insert(partition, leader);
            }
            Some(error) => tracing::warn!(partition, error = &*error, "the outcome of a batch is not known"),
        }
        let mut before = 0;
        for job in jobs {
            before += job.lines.len();
            job.answer(if before <= written { Ok(()) } else { Err(Error::Unknown) });
        }
    }

    /// The next partition's leader, or that of another one where that is away; taken out, so that a connection on which
    /// something goes wrong is not used again.
    async fn any_leader(&mut self) -> Option<(u32, Connection)> {
        let started = Instant::now();
        for _ in 0..self.partitions {
            if started.elapsed() >= CONNECT_LIMIT {
                break;
            }
            let partition = self.turn % self.partitions;
            self.turn = self.turn.wrapping_add(1);
            if let Some(leader) = self.leaders.remove(&partition) {
                return Some((partition, leader));
            }
            if let Some(leader) = self.connect(partition).await {
                return Some((partition, leader));
            }
        }
        None
    }

    /// Connects, unless that has just failed.
    async fn connect(&mut self, partition: u32) -> Option<Connection> {
        if self.away.get(&partition).is_some_and(|since| since.elapsed() < PAUSE) {
            return None;
        }
        let connecting = async {
            let (partitions, leader) = self.directory.leader(partition).await?;
            leader.settle().await?;
            Ok::<_, Trouble>((partitions, leader))
        };
        let connected = timeout(CONNECT_LIMIT, connecting).await;
        match connected.unwrap_or_else(|_| Err(format!("no answer within {CONNECT_LIMIT:?}").into())) {
            Ok((partitions, leader)) => {
                self.partitions = partitions;
                if self.away.remove(&partition).is_some() {
                    tracing::info!(partition, "the fluvio cluster takes events again");
                }
                Some(leader)
            }
            Err(error) => {
                if self.away.insert(partition, Instant::now()).is_none() {
                    tracing::warn!(partition, error = &*error, "the fluvio cluster takes no events");
                }
                None
            }
        }
    }

    /// Sees to it that consumers get all that was acknowledged: a leader that was killed counts some of that as not
    /// committed until the next record comes. Connecting looks for it, so connections that have broken are made anew.
    async fn look(&mut self) {
        let partition = self.looked % self.partitions;
        self.looked = self.looked.wrapping_add(1);
        let leader = match self.leaders.remove(&partition) {
            Some(leader) if leader.is_alive().await => Some(leader),
            _ => self.connect(partition).await,
        };
        if let Some(leader) = leader {
            self.leaders.insert(partition, leader);
        }
    }
}
