//! ClickHouse as the connector uses it: tables, what is stored already, inserts that can be repeated.
//!
//! ```text
//! schema ─▶ resume (generation, fence, checkpoint, what is stored) ─▶ write (batch) ─▶ insert (token) ─▶ event_block, rows
//! ```

pub mod audit;
pub mod erase;
mod event_block;
mod fence;
mod identities;
mod insert;
mod jobs;
pub mod letters;
mod native;
pub mod probe;
mod refuse;
mod repair;
pub mod replays;
mod resume;
pub mod retention;
pub mod rollups;
mod rows;
mod schema;
mod unmirrored;
mod write;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clickhouse::Client;
use clickhouse::error::Error as ClickHouseError;
use sha2::{Digest, Sha256};

pub use resume::{Repair, Resumed};
pub(crate) use unmirrored::TOO_LARGE;
pub use write::Written;

use crate::batch::Origin;
use crate::config::sections::{ClickHouse, Compression, PartitionBy};
use crate::layers::Without;
use crate::metrics::Metrics;
use crate::monitoring::Part;
use crate::retry::{Class, backoff, classify};

/// How often ClickHouse is asked whether it answers, and how long it may take.
const PING_INTERVAL: Duration = Duration::from_secs(2);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// An error that trying again does not mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// ClickHouse refused.
    #[error("ClickHouse refused to {action}: {source}")]
    Refused {
        /// What was tried.
        action: String,
        /// What ClickHouse said.
        source: ClickHouseError,
    },
    /// Another connector has taken the partition over.
    #[error(
        "fenced off: another connector has taken {origin} over (we wrote as epoch {epoch}); what it has not \
         stored yet it reads itself, and this one ends. Two connectors on one partition are a mistake"
    )]
    Fenced {
        /// The partition.
        origin: Origin,
        /// What we had claimed.
        epoch: u32,
    },
    /// A table does not remember insert tokens, so that a retry could store rows twice.
    #[error(
        "table {table} has no deduplication window, so that a retry could store rows twice: set \
         non_replicated_deduplication_window (or use a replicated engine)"
    )]
    NoWindow {
        /// The table.
        table: String,
    },
    /// A column of the table of events has been given another type.
    #[error(
        "column {column} of voc_events is of type {found}, and what is written of type {written}: ClickHouse \
         would convert it without saying what that loses"
    )]
    Type {
        /// The column.
        column: &'static str,
        /// Its type.
        found: String,
        /// Ours.
        written: &'static str,
    },
}

/// The connection to ClickHouse, cheap to clone.
#[derive(Clone)]
pub struct Sink {
    client: Client,
    database: String,
    partition_by: PartitionBy,
    without: Without,
    metrics: Metrics,
    readiness: Part,
    /// Whether the last attempt at something failed, and it is tried again.
    is_failing: Arc<AtomicBool>,
    suspects: refuse::Suspects,
}

impl Sink {
    /// Configures the connection; nothing is sent yet.
    #[must_use]
    pub fn new(config: &ClickHouse, metrics: Metrics, readiness: Part) -> Self {
        let client = Client::default()
            .with_url(config.url())
            .with_user(&config.user)
            .with_password(config.password.expose())
            .with_compression(match config.compression {
                Compression::Lz4 => clickhouse::Compression::Lz4,
                Compression::None => clickhouse::Compression::None,
            })
            .with_setting("wait_end_of_query", "1");
        Self {
            client,
            database: config.database.clone(),
            partition_by: config.partition_by,
            without: Without::default(),
            metrics,
            readiness,
            is_failing: Arc::default(),
            suspects: refuse::Suspects::default(),
        }
    }

    /// The same, with layers left out.
    #[must_use]
    pub fn without(self, layers: Without) -> Self {
        Self { without: layers, ..self }
    }

    /// Whether ClickHouse fails at present, and something waits for it.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// Something that was tried again has been done.
    fn recovered(&self) {
        self.is_failing.store(false, Ordering::Relaxed);
        self.readiness.ready();
    }

    fn client(&self) -> Client {
        self.client.clone().with_database(&self.database)
    }

    /// Asks ClickHouse every few seconds whether it answers, so that readiness does not wait for the next
    /// batch to find out. Never ends.
    pub async fn watch(self, readiness: Part) {
        let client = self.client();
        loop {
            let answer = tokio::time::timeout(PING_TIMEOUT, client.query("SELECT 1").fetch_one::<u8>());
            match answer.await {
                Ok(Ok(_)) => readiness.ready(),
                Ok(Err(error)) => readiness.unready(error.to_string()),
                Err(_) => readiness.unready(format!("no answer within {PING_TIMEOUT:?}")),
            }
            tokio::time::sleep(PING_INTERVAL).await;
        }
    }

    /// Does something until ClickHouse has done it or says that it never will. While it does not answer,
    /// the connector is not ready, and the reason says so.
    async fn persist<T, F>(&self, action: &str, mut attempt: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, ClickHouseError>>,
    {
        for tries in 0.. {
            match attempt().await {
                Ok(value) => {
                    if tries > 0 {
                        tracing::info!(action, tries, "clickhouse answers again");
                        self.recovered();
                    }
                    return Ok(value);
                }
                Err(source) => self.wait(action, tries, source).await?,
            }
        }
        unreachable!("the loop has no end but its return")
    }

    /// Waits before the next attempt, or gives up.
    async fn wait(&self, action: &str, tries: u32, source: ClickHouseError) -> Result<(), Error> {
        let class = classify(&source);
        if matches!(class, Class::Fatal | Class::Reject) {
            return Err(Error::Refused { action: action.to_owned(), source });
        }
        let wait = backoff(tries);
        self.is_failing.store(true, Ordering::Relaxed);
        self.metrics.insert_retried(class.as_str());
        self.readiness.unready(format!("clickhouse did not {action}: {source}"));
        tracing::warn!(action, class = class.as_str(), %source, ?wait, "clickhouse failed, trying again");
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// A query of one partition.
fn bound(client: &Client, query: &str, origin: &Origin) -> clickhouse::query::Query {
    client.query(query).param("stream", &origin.stream).param("partition", origin.partition)
}

/// What the query ids of a partition begin with, by which a successor finds and ends what its
/// predecessor left running. **Do not change**: predecessors of another version use it too.
fn query_id_prefix(origin: &Origin) -> String {
    let digest = Sha256::digest(origin.stream.as_bytes());
    let name: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("voc-{name}-{}-", origin.partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_ids_do_not_change() {
        let origin = Origin { stream: "voc.events#1".to_owned(), partition: 3, epoch: 1 };
        assert_eq!(query_id_prefix(&origin), "voc-10d618241f8f77c7-3-");
    }
}
