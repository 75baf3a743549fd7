//! Takes events in, and says so once they are durable.
//!
//! ```text
//! body ─▶ documents ─▶ judge ─▶ outcome ─▶ queue ─┬─▶ spool    a file, read by the connector's source `file`
//!                                                 └─▶ cluster  a Fluvio topic, read by its source `fluvio`
//! ```
//!
//! Each event is held against the contract by the very code that the SmartModule runs, so that whoever sends a bad
//! one hears it now and not from a dead letter; only good ones of the path's tenant are kept, with the bytes that were
//! sent. An event is known by tenant, `event_id` and `timestamp`: one that is sent again is there once. So after any
//! error, and where no answer came, a client sends the same again, and nothing here has to remember requests.
//!
//! Only `cluster` names Fluvio.

pub mod documents;
pub mod error;
pub mod judge;
pub mod outcome;

mod cluster;
mod queue;
mod spool;

use std::sync::Arc;

use axum::body::Bytes;
use voc_smartmodule::params::Params;

pub use error::{Error, StartError};

use crate::config::ingest::{Ingest as Config, Target};
use crate::metrics::Metrics;
use queue::Queue;

/// Where events go, if any are taken. Cheap to clone.
#[derive(Clone)]
pub struct Ingest(Option<Arc<Intake>>);

/// What takes events.
pub struct Intake {
    queue: Queue,
    /// Bytes of a body, at most.
    pub body_bytes: usize,
    /// Events of a request, at most.
    pub events: usize,
    /// What they are held against.
    pub params: Params,
}

impl Ingest {
    /// Opens the spool, or finds out which cluster is meant; that one is connected to in a task of its own.
    ///
    /// # Errors
    /// The spool cannot be written by this process, or Fluvio has no such profile.
    pub fn start(config: &Config, metrics: &Metrics) -> Result<Self, StartError> {
        let Config { target, body_bytes, events, queue, mut params } = config.clone();
        let Some(target) = target else { return Ok(Self(None)) };
        let queue = match target {
            Target::Spool { path, most } => spool::start(&path, most, queue, metrics.clone())?,
            Target::Topic { name, endpoint, profile } => {
                params.max_bytes = params.max_bytes.min(cluster::LARGEST);
                cluster::start(name, endpoint, profile, queue)?
            }
        };
        Ok(Self(Some(Arc::new(Intake { queue, body_bytes, events, params }))))
    }

    /// What takes events.
    ///
    /// # Errors
    /// None are taken.
    pub fn intake(&self) -> Result<&Arc<Intake>, Error> {
        self.0.as_ref().ok_or(Error::Off)
    }
}

impl Intake {
    /// Whether anything more would be taken now: asked before a body is read.
    ///
    /// # Errors
    /// Too much waits already.
    pub fn has_room(&self) -> Result<(), Error> {
        self.queue.has_room()
    }

    /// Waits until these lines are durable, in their order, one behind the other.
    ///
    /// # Errors
    /// They are not, or not for sure.
    pub async fn store(&self, lines: Vec<Bytes>) -> Result<(), Error> {
        self.queue.store(lines).await
    }
}
