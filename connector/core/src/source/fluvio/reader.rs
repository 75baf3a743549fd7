//! Finds the partitions, and starts a task for each that is ours.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};

use super::error::Error;
use super::partition::{Partition, STALLED};
use super::sequence::{Original, Sequence};
use super::{Phase, until};
use crate::cluster::{Cluster, SmartModule};
use crate::config::sections::FluvioSource as Config;
use crate::metrics::Metrics;
use crate::monitoring::Health;
use crate::options::Options;
use crate::source::Acknowledge;
use crate::stream::{Event, StreamPartition};
use crate::transform::original_of;

/// How often the cluster is asked for new partitions.
const LOOK: Duration = Duration::from_secs(2);

/// What the tasks of all partitions share.
pub(super) struct Shared {
    pub(super) cluster: Arc<Cluster>,
    pub(super) config: Config,
    pub(super) smartmodule: Option<SmartModule>,
    pub(super) options: Options,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) acknowledge: Acknowledge,
    pub(super) metrics: Metrics,
    pub(super) health: Health,
}

/// Reads until it is stopped, the pipeline is gone, or something is wrong.
pub(super) async fn run(shared: Arc<Shared>, phase: Arc<watch::Sender<Phase>>) -> Result<(), Error> {
    let (caught_up, caught_up_receiver) = mpsc::unbounded_channel();
    let (sending, nobody_sends) = mpsc::channel(1);
    let reader = Reader {
        shared,
        phase,
        known: BTreeSet::new(),
        tasks: JoinSet::new(),
        caught_up,
        caught_up_receiver,
        sending: Some(sending),
        nobody_sends,
    };
    reader.run().await
}

struct Reader {
    shared: Arc<Shared>,
    phase: Arc<watch::Sender<Phase>>,
    known: BTreeSet<StreamPartition>,
    tasks: JoinSet<Result<(), Error>>,
    caught_up: mpsc::UnboundedSender<()>,
    caught_up_receiver: mpsc::UnboundedReceiver<()>,
    /// Held by every task that sends records; nothing is ever sent through it.
    sending: Option<mpsc::Sender<()>>,
    nobody_sends: mpsc::Receiver<()>,
}

impl Reader {
    async fn run(mut self) -> Result<(), Error> {
        let mut stopping = self.phase.subscribe();
        let mut behind = usize::MAX;
        loop {
            let found = tokio::select! {
                found = self.find() => found?,
                () = until(&mut stopping, Phase::Draining) => break,
            };
            if !found.is_empty() && !self.assign(found).await? {
                return Ok(());
            }
            if behind == usize::MAX {
                behind = self.known.len();
            }
            let is_done = self.shared.options.once && behind == 0;
            tokio::select! {
                biased;
                () = until(&mut stopping, Phase::Draining) => break,
                Some(ended) = self.tasks.join_next() => outcome(ended)?,
                () = std::future::ready(()), if is_done => {
                    // Nobody listens any more if the pipeline has failed.
                    let _ = self.shared.events.send(Event::CaughtUp).await;
                    break;
                }
                Some(()) = self.caught_up_receiver.recv() => behind -= 1,
                () = tokio::time::sleep(LOOK), if !self.shared.options.once => {}
            }
        }
        self.end().await
    }

    /// The partitions that are ours and not read yet.
    async fn find(&self) -> Result<Vec<StreamPartition>, Error> {
        let shared = &self.shared;
        let mut found = Vec::new();
        // With `once`, what is there now is all there is.
        if shared.options.once && !self.known.is_empty() {
            return Ok(found);
        }
        for topic in &shared.config.topics {
            match shared.cluster.partitions(topic).await {
                Ok(Some(count)) => {
                    shared.health.up(topic);
                    let ours = (0..count).filter(|partition| shared.config.shard.owns(*partition));
                    let ours = ours.map(|partition| StreamPartition { stream: topic.clone(), partition });
                    found.extend(ours.filter(|partition| !self.known.contains(partition)));
                }
                Ok(None) if shared.options.once => {
                    let endpoint = shared.cluster.endpoint().to_owned();
                    return Err(Error::NoTopic { endpoint, topic: topic.clone() });
                }
                Ok(None) => self.wait_for(topic, &format!("the cluster has no topic {topic}")),
                Err(error) if error.is_fatal() || shared.options.once => return Err(error.into()),
                Err(error) => self.wait_for(topic, &error.to_string()),
            }
        }
        Ok(found)
    }

    fn wait_for(&self, topic: &str, reason: &str) {
        if self.shared.health.down(topic, reason) {
            tracing::warn!(topic, reason, "topic cannot be looked at, trying again");
        }
    }

    /// Takes partitions: asks where each goes on, then reads from there; false where the source ends.
    async fn assign(&mut self, partitions: Vec<StreamPartition>) -> Result<bool, Error> {
        let (reply, answer) = oneshot::channel();
        let assigned = Event::Assigned { partitions: partitions.clone(), reply };
        if self.shared.events.send(assigned).await.is_err() {
            return Ok(false);
        }
        let Ok(resumes) = answer.await else { return Ok(false) };
        let original: Original =
            if self.shared.smartmodule.is_some() { original_of } else { bytes::Bytes::clone };
        for (index, id) in partitions.into_iter().enumerate() {
            let resume = resumes.get(index).filter(|resume| resume.partition == id);
            let resume = resume.ok_or_else(|| Error::NoResume(id.clone()))?;
            self.known.insert(id.clone());
            let partition = Partition {
                id: Arc::new(id),
                shared: Arc::clone(&self.shared),
                phase: self.phase.subscribe(),
                sequence: Sequence::resume(resume, original, self.shared.options.without),
                max_bytes: self.shared.config.max_bytes.as_u64(),
                end: None,
                caught_up: self.caught_up.clone(),
                hole_at: None,
                patience: STALLED,
                sending: self.sending.clone(),
                shrunk_since: None,
            };
            self.tasks.spawn(partition.run());
        }
        Ok(true)
    }

    /// Gives everything back, after all that was sent is stored.
    async fn end(mut self) -> Result<(), Error> {
        self.phase.send_replace(Phase::Draining);
        // Records behind `Revoked` would be nobody's.
        self.sending = None;
        while self.nobody_sends.recv().await.is_some() {}
        let partitions: Vec<StreamPartition> = self.known.iter().cloned().collect();
        let (drained, answer) = oneshot::channel();
        let revoked = Event::Revoked { partitions, drained };
        if self.shared.events.send(revoked).await.is_ok() {
            // An error says that the pipeline has failed, and then it is the one to say why.
            let _ = answer.await;
        }
        self.phase.send_replace(Phase::Ending);
        while let Some(ended) = self.tasks.join_next().await {
            outcome(ended)?;
        }
        Ok(())
    }
}

fn outcome(ended: Result<Result<(), Error>, JoinError>) -> Result<(), Error> {
    ended.unwrap_or(Err(Error::Died))
}
