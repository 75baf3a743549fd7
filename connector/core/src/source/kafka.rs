//! Topics of a Kafka cluster, read as one member of a consumer group.
//!
//! The group shares the partitions out, and that is all it is trusted with: where a partition goes on
//! is asked of the pipeline on every assignment, and the offsets that are committed to Kafka are for
//! people and lag monitors, never read back. librdkafka runs on a thread of its own (`reader`),
//! which turns its callbacks into [`Event`]s and sends them through a bounded channel. While the
//! channel is full the thread goes on serving the group but reads no records, so a slow ClickHouse
//! costs neither memory nor membership.
//!
//! A topic that was deleted and made again under its name is noticed (`check`), at an assignment and
//! every few seconds, by reading again what was read before.
//!
//! Each partition has its own queue (`partition`): its end is told apart from the end of partition
//! 0 of another topic, and what a queue holds at once is a chunk.
//!
//! What stops the source is in [`Error`]; everything else (brokers that are down, leaders that move, a
//! topic that is not there yet) is tried again for ever, and shows in `/readyz`.

mod burst;
mod check;
mod client;
mod error;
pub(super) mod lookup;
pub(super) mod mark;
mod partition;
pub mod probe;
mod reader;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};

pub use error::{Difference, Error};
pub use mark::Mark;

use super::Acknowledge;
use crate::config::kafka::Kafka as Config;
use crate::metrics::Metrics;
use crate::monitoring::Part;
use crate::stream::Event;

/// What the records are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be stored in ClickHouse.
    Store,
    /// To be mirrored: each record has a key that says where it came from.
    Mirror,
}

/// A running Kafka source. Dropping it stops it.
#[derive(Debug)]
pub struct Kafka {
    acknowledge: Acknowledge,
    stop: Arc<AtomicBool>,
    finished: oneshot::Receiver<Result<(), Error>>,
}

impl Kafka {
    /// Starts reading. With `once` the source reads to the ends that it finds on assignment, and then
    /// sends [`Event::CaughtUp`].
    ///
    /// # Errors
    /// A property that librdkafka does not know or take. That no broker answers is not an error here.
    pub fn start(
        config: &Config,
        purpose: Purpose,
        once: bool,
        events: mpsc::Sender<Event>,
        metrics: Metrics,
        readiness: Part,
    ) -> Result<Self, Error> {
        let context = client::Context::new(metrics.clone(), readiness);
        let consumer = client::connect(config, purpose, once, context)?;
        let watch = watch::Watch::start(client::for_check(config))?;
        let acknowledge = Acknowledge::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (send_result, finished) = oneshot::channel();
        let shared = reader::Shared {
            events,
            stop: Arc::clone(&stop),
            acknowledge: acknowledge.clone(),
            metrics,
            topics: config.topics.clone(),
            purpose,
            once,
        };
        std::thread::Builder::new()
            .name("kafka".to_owned())
            .spawn(move || {
                // Nobody listens any more if the handle was dropped: then nobody wants the result.
                let _ = send_result.send(reader::run(consumer, watch, shared));
            })
            .map_err(Error::Spawn)?;
        Ok(Self { acknowledge, stop, finished })
    }

    /// The handle by which the pipeline says what is stored.
    #[must_use]
    pub fn acknowledge(&self) -> Acknowledge {
        self.acknowledge.clone()
    }

    /// Asks the source to end: it reads no further, sends [`Event::Revoked`] for what it holds, waits
    /// until that is drained, closes the channel, and leaves the group, if that lets it go within five seconds. The
    /// pipeline must go on taking events until the channel is closed.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
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

impl Drop for Kafka {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests;
