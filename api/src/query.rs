//! One file per resource with its SQL, over one client.
//!
//! Parameters are always bound on the server's side: `{name:Type}` in the text, `.param()` beside it.
//! No value of a request ever becomes part of a statement.

use std::time::Duration;

use clickhouse::error::Error as ClientError;
use hyper_util::client::legacy::{Client as HttpClient, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

use crate::config::ClickHouse;
use crate::config::access::Limits;
use crate::metrics::Metrics;

pub mod agents;
pub mod audit;
pub mod breakdown;
pub mod client;
pub mod dead_letters;
pub mod distribution;
pub mod event;
pub mod events;
pub mod export;
pub mod health;
pub mod jobs;
pub mod live;
mod measure;
pub mod qos;
mod rollups;
mod scope;
pub mod summary;
pub mod tenant_summary;
pub mod timeseries;
pub mod tools;

/// How long we wait for the answer: a little longer than ClickHouse may work on it (10 s at most), so that the server's own error arrives first.
const ANSWER_LIMIT: Duration = Duration::from_secs(12);
/// Rows of an answer, at most; no resource lists so many.
const RESULT_ROWS: u32 = 100_000;
/// A server on the same network answers a connection attempt in milliseconds.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// Less than the shortest keep-alive of a ClickHouse server (3 s), so that we never reuse a connection
/// that it is about to close.
const IDLE_LIMIT: Duration = Duration::from_secs(2);

/// The ClickHouse client, cheap to clone.
#[derive(Clone)]
pub struct Database {
    client: client::Client,
}

impl Database {
    /// Prepares a client; nothing is connected before the first query.
    pub fn new(config: &ClickHouse, limits: &Limits, metrics: Metrics) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_LIMIT));
        let http = HttpClient::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_LIMIT).build(connector);
        let client = clickhouse::Client::with_http_client(http)
            .with_url(config.url())
            .with_user(&config.user)
            .with_password(&config.password)
            .with_database(&config.database)
            .with_setting("max_execution_time", limits.query_seconds.to_string())
            .with_setting("max_memory_usage", limits.query_memory.to_string())
            .with_setting("max_rows_to_read", limits.query_rows.to_string())
            .with_setting("max_result_rows", RESULT_ROWS.to_string())
            // Two rows of one event are always in one partition (tenant and time are part of its identity), so FINAL may
            // merge each on its own.
            .with_setting("do_not_merge_across_partitions_select_final", "1")
            .with_setting("allow_simdjson", "0"); // see voc_facts
        Self { client: client::Client::new(client, metrics) }
    }

    /// Waits for a query's answer, but not for ever.
    async fn within<T>(
        limit: Duration,
        answer: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(limit, answer).await {
            Ok(answer) => answer.map_err(Error::from),
            Err(_) => Err(Error::TimedOut(limit)),
        }
    }
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client or the server failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// No answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// A table is not there; the connector creates it at start.
    #[error("table {0} does not exist")]
    TableAbsent(&'static str),
}

impl Error {
    /// Whether the query would read or answer more rows than it may.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::Client(ClientError::BadResponse(answer)) if matches!(server_code(answer), Some(158 | 396)))
    }

    /// The reason in plain words where waiting helps; none where the query or this program is at fault.
    pub fn unavailable(&self) -> Option<&'static str> {
        match self {
            Self::TableAbsent(_) => Some(TABLES_ABSENT),
            Self::TimedOut(_) | Self::Client(ClientError::TimedOut) => Some(TOO_SLOW),
            Self::Client(ClientError::Network(_)) => Some("ClickHouse does not answer"),
            Self::Client(ClientError::BadResponse(answer)) => match server_code(answer) {
                None => Some("what answers in ClickHouse's place is not ClickHouse"), // a proxy, say
                Some(60 | 81) => Some(TABLES_ABSENT), // unknown table, unknown database
                Some(159 | 160 | 209) => Some(TOO_SLOW), // time limits, of the query and of the socket
                Some(202 | 241 | 439) => Some("ClickHouse is overloaded"), // queries, memory, threads
                Some(192 | 193 | 194 | 497 | 516) => Some("ClickHouse refuses the API's user"),
                Some(_) => None,
            },
            Self::Client(_) => None,
        }
    }
}

const TABLES_ABSENT: &str = "the tables are not there yet; the connector creates them at start";
const TOO_SLOW: &str = "ClickHouse does not answer in time";

/// The number in `Code: 60. DB::Exception: …`, which begins every exception of the server.
fn server_code(answer: &str) -> Option<u32> {
    let digits = answer.split_once("Code: ")?.1;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use clickhouse::error::Error as ClientError;

    use super::Error;

    fn unavailable(answer: &str) -> Option<&'static str> {
        Error::from(ClientError::BadResponse(answer.to_owned())).unavailable()
    }

    #[test]
    fn the_servers_code_decides_whether_waiting_helps() {
        assert!(unavailable("Code: 60. DB::Exception: Unknown table voc_events").is_some());
        assert!(unavailable("Code: 159. DB::Exception: Timeout exceeded").is_some());
        assert!(unavailable("Code: 241").is_some());
        assert!(unavailable("Code: 62. DB::Exception: Syntax error").is_none());
        assert!(unavailable("502 Bad Gateway").is_some());
    }
}
