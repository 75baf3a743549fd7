//! Topics of a Fluvio cluster, each partition read by a task of its own (`partition`).
//!
//! Fluvio has no consumer groups: which partitions are ours is fixed by the shard (a partition belongs to
//! shard `partition % count`), and partitions that are added to a topic are found by looking for them
//! every few seconds. Where a partition goes on is asked of the pipeline; the offsets that are committed
//! under the consumer's name are for `fluvio consumer list`, and never read back.
//!
//! What stops the source is in [`Error`]; everything else (a leader that is down, a topic that is not
//! there yet) is tried again for ever, and shows in `/readyz`.

mod bookmark;
mod chunks;
mod error;
pub(super) mod lookup;
mod partition;
mod reader;
mod sequence;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use error::Error;

use super::Acknowledge;
use crate::cluster::{Cluster, SmartModule};
use crate::config::sections::FluvioSource as Config;
use crate::metrics::Metrics;
use crate::monitoring::{Health, Part};
use crate::options::Options;
use crate::stream::Event;

/// How far the end of the source has come. The tasks of the partitions watch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Records are read.
    Reading,
    /// Nothing is read any more; what was read is being stored.
    Draining,
    /// All that was read is stored, or will not be: note that, and end.
    Ending,
}

/// Waits until the end has come this far.
async fn until(watched: &mut watch::Receiver<Phase>, phase: Phase) {
    // An error says that the source is gone, which is an end too.
    let _ = watched.wait_for(|reached| *reached >= phase).await;
}

/// A running Fluvio source. Dropping it stops it.
#[derive(Debug)]
pub struct Fluvio {
    acknowledge: Acknowledge,
    phase: Arc<watch::Sender<Phase>>,
    finished: JoinHandle<Result<(), Error>>,
}

impl Fluvio {
    /// Starts reading. With `smartmodule` the brokers run it and the records are envelopes. With
    /// `options.once` the source reads to the ends that it finds at first, and then sends [`Event::CaughtUp`].
    #[must_use]
    pub fn start(
        cluster: Arc<Cluster>,
        config: &Config,
        smartmodule: Option<SmartModule>,
        options: Options,
        events: mpsc::Sender<Event>,
        metrics: Metrics,
        readiness: Part,
    ) -> Self {
        let acknowledge = Acknowledge::default();
        let phase = Arc::new(watch::Sender::new(Phase::Reading));
        let shared = Arc::new(reader::Shared {
            cluster,
            config: config.clone(),
            smartmodule,
            options,
            events,
            acknowledge: acknowledge.clone(),
            metrics,
            health: Health::new(readiness),
        });
        let finished = tokio::spawn(reader::run(shared, Arc::clone(&phase)));
        Self { acknowledge, phase, finished }
    }

    /// The handle by which the pipeline says what is stored.
    #[must_use]
    pub fn acknowledge(&self) -> Acknowledge {
        self.acknowledge.clone()
    }

    /// Asks the source to end: it reads no further, sends [`Event::Revoked`] for what it holds, waits
    /// until that is drained, commits the last offsets for display, and closes the channel.
    pub fn stop(&self) {
        self.phase.send_if_modified(|phase| {
            let is_reading = *phase == Phase::Reading;
            if is_reading {
                *phase = Phase::Draining;
            }
            is_reading
        });
    }

    /// Waits for the end: after [`stop`](Self::stop), or by itself with the error that ended it.
    ///
    /// # Errors
    /// What made it impossible to go on.
    pub async fn finished(&mut self) -> Result<(), Error> {
        match (&mut self.finished).await {
            Ok(result) => result,
            Err(_) => Err(Error::Died),
        }
    }
}

impl Drop for Fluvio {
    fn drop(&mut self) {
        self.stop();
    }
}
