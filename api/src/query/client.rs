//! The ClickHouse client, which counts what each query takes, by the resource that asks.
//!
//! A resource is a file of this folder: the one whose line calls [`Client::query`]. So a label is never a value of
//! a request, and a new resource is counted without a word.

use std::panic::Location;
use std::time::Instant;

use bytes::Bytes;
use clickhouse::error::Error;
use clickhouse::insert::Insert;
use clickhouse::query::BytesCursor;
use clickhouse::{QuerySummary, Row, RowOwned, RowRead};
use serde::Serialize;

use crate::metrics::{Metrics, Outcome, QueryCost};

/// Makes the server finish a query before it begins to answer: only then is the summary in the answer's head the whole
/// one, and a late error a status instead of a body that breaks off. It holds the answer back, so it is for the small
/// ones.
const WAIT_FOR_END: (&str, &str) = ("wait_end_of_query", "1");

/// Formats the rows where they are made: for a few of them, more threads take longer to wake than to work.
const FORMAT_AT_ONCE: (&str, &str) = ("output_format_parallel_formatting", "0");

/// A client, cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: clickhouse::Client,
    metrics: Metrics,
}

impl Client {
    /// Counts with these metrics what goes through this client.
    pub fn new(inner: clickhouse::Client, metrics: Metrics) -> Self {
        Self { inner, metrics }
    }

    /// Prepares a query of the resource whose file this is called in.
    #[track_caller]
    pub fn query(&self, sql: &str) -> Query {
        let file = Location::caller().file();
        let name = file.rsplit('/').next().unwrap_or(file);
        let resource = name.strip_suffix(".rs").unwrap_or(name);
        Query { query: self.inner.query(sql), resource, metrics: self.metrics.clone() }
    }

    /// The same server, asked in another way; what is asked counts as before.
    pub fn with(&self, change: impl FnOnce(clickhouse::Client) -> clickhouse::Client) -> Self {
        Self { inner: change(self.inner.clone()), metrics: self.metrics.clone() }
    }

    /// Prepares an insert, which is not counted.
    ///
    /// # Errors
    /// ClickHouse does not answer, or the table has other columns than the rows.
    pub async fn insert<T: Row>(&self, table: &str) -> Result<Insert<T>, Error> {
        self.inner.insert(table).await
    }
}

/// A query that is counted when it ends, however it does.
#[must_use]
pub struct Query {
    query: clickhouse::query::Query,
    resource: &'static str,
    metrics: Metrics,
}

impl Query {
    /// Binds a value on the server's side.
    pub fn param(mut self, name: &str, value: impl Serialize) -> Self {
        self.query = self.query.param(name, value);
        self
    }

    /// Sets what the server is to do otherwise for this query.
    pub fn with_setting(mut self, name: &str, value: &str) -> Self {
        self.query = self.query.with_setting(name, value);
        self
    }

    /// All rows of an answer that fits in memory.
    ///
    /// # Errors
    /// ClickHouse does not answer, or with an error, or with other columns than the rows have.
    pub async fn fetch_all<T: RowOwned + RowRead>(self) -> Result<Vec<T>, Error> {
        let Self { query, resource, metrics } = self.wait_for_end();
        let answer = async {
            let mut cursor = query.fetch::<T>()?;
            let mut rows = Vec::new();
            while let Some(row) = cursor.next().await? {
                rows.push(row);
            }
            Ok((rows, cost(cursor.summary())))
        };
        Meter::start(resource, metrics).measure(answer).await
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`Query::fetch_all`].
    pub async fn fetch_optional<T: RowOwned + RowRead>(self) -> Result<Option<T>, Error> {
        Ok(self.fetch_all().await?.into_iter().next())
    }

    /// The first row, which there must be.
    ///
    /// # Errors
    /// As [`Query::fetch_all`], and where there is none.
    pub async fn fetch_one<T: RowOwned + RowRead>(self) -> Result<T, Error> {
        self.fetch_optional().await?.ok_or(Error::RowNotFound)
    }

    /// An answer in this format that fits in memory.
    ///
    /// # Errors
    /// ClickHouse does not answer, or with an error.
    pub async fn fetch_whole(self, format: &str) -> Result<Vec<u8>, Error> {
        let Self { query, resource, metrics } = self.wait_for_end();
        let answer = async {
            let mut cursor = query.fetch_bytes(format)?;
            let bytes = cursor.collect().await?.to_vec();
            Ok((bytes, cost(cursor.summary())))
        };
        Meter::start(resource, metrics).measure(answer).await
    }

    /// An answer in this format, of any size, as it comes. It is counted when its reader is done with it, and so is the
    /// time that the reader took; what the server read for it stays unknown, as the answer's head comes before that.
    ///
    /// # Errors
    /// A value cannot be bound.
    pub fn fetch_bytes(self, format: &str) -> Result<Pieces, Error> {
        let cursor = self.query.fetch_bytes(format)?;
        Ok(Pieces { cursor, meter: Meter::start(self.resource, self.metrics) })
    }

    fn wait_for_end(self) -> Self {
        [WAIT_FOR_END, FORMAT_AT_ONCE]
            .iter()
            .fold(self, |query, (name, value)| query.with_setting(name, value))
    }
}

/// An answer as it comes.
pub struct Pieces {
    cursor: BytesCursor,
    meter: Meter,
}

impl Pieces {
    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// ClickHouse does not answer, or with an error, which may come after some bytes.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let next = self.cursor.next().await;
        match &next {
            Ok(Some(_)) => {}
            Ok(None) => self.meter.outcome = Outcome::Ok,
            Err(_) => self.meter.outcome = Outcome::Failed,
        }
        next
    }
}

fn cost(summary: Option<&QuerySummary>) -> Option<QueryCost> {
    let summary = summary?;
    Some(QueryCost { rows: summary.read_rows()?, bytes: summary.read_bytes()? })
}

/// Counts one query when it is dropped: also one whose answer nobody awaits any more.
struct Meter {
    resource: &'static str,
    metrics: Metrics,
    started: Instant,
    outcome: Outcome,
}

impl Meter {
    fn start(resource: &'static str, metrics: Metrics) -> Self {
        Self { resource, metrics, started: Instant::now(), outcome: Outcome::Abandoned }
    }

    async fn measure<T>(
        mut self,
        answer: impl Future<Output = Result<(T, Option<QueryCost>), Error>>,
    ) -> Result<T, Error> {
        let answer = answer.await;
        self.outcome = if answer.is_ok() { Outcome::Ok } else { Outcome::Failed };
        let (answer, cost) = answer?;
        if let Some(cost) = cost {
            self.metrics.read(self.resource, cost);
        }
        Ok(answer)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.metrics.queried(self.resource, self.outcome, self.started.elapsed());
    }
}
