//! Results as rows in ClickHouse's own formats, passed on as they come: nothing is ever held as a whole.
//!
//! The query runs as long as its reader takes to read, so there are few of them at once, each with an end. What the
//! reader has not taken waits in ClickHouse; here there are two pieces at most.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clickhouse::Compression;
use futures_util::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout_at;
use tracing::Instrument as _;

use super::client::{Client, Pieces, Query};
use super::{Database, Error};
use crate::config::access::Limits;
use crate::params::format::Format;
use table::Table;

pub mod interval;
pub mod rows;
pub mod table;

/// What an export asks of ClickHouse beside the limits of every query.
const SETTINGS: [(&str, &str); 13] = [
    // Every row, however many there are.
    ("max_result_rows", "0"),
    // Only a query that says that it only reads is ended when we hang up.
    ("readonly", "2"),
    ("cancel_http_readonly_queries_on_client_close", "1"),
    // A limit that is reached is a failure, whatever the profile of our user says, and no end like any other.
    ("timeout_overflow_mode", "throw"),
    ("read_overflow_mode", "throw"),
    // A failure on the way is never a row among the others.
    ("http_write_exception_in_output_format", "0"),
    ("date_time_output_format", "iso"),
    ("format_csv_null_representation", ""),
    ("output_format_json_quote_64bit_integers", "0"),
    ("output_format_parquet_string_as_string", "1"),
    ("output_format_arrow_string_as_string", "1"),
    // ClickHouse holds a whole row group; the default is a million rows.
    ("output_format_parquet_row_group_size", "65536"),
    ("output_format_parquet_row_group_size_bytes", "67108864"),
];

/// ClickHouse for exports, cheap to clone.
#[derive(Clone)]
pub struct Exports {
    /// What is asked before an export, so that it is known where its rows are read.
    database: Database,
    client: Client,
    places: Arc<Semaphore>,
    limit: Duration,
}

impl Exports {
    /// Prepares a client; nothing is connected before the first export.
    pub fn new(database: &Database, limits: &Limits) -> Self {
        let seconds = limits.export_seconds.to_string();
        // As it comes, so that it goes on as it is; Parquet and Arrow are compressed within.
        let client = database.client.with(|client| {
            let client = client.with_compression(Compression::None);
            let client =
                SETTINGS.iter().fold(client, |client, (name, value)| client.with_setting(*name, *value));
            client.with_setting("max_execution_time", seconds)
        });
        Self {
            database: database.clone(),
            client,
            places: Arc::new(Semaphore::new(limits.exports)),
            limit: Duration::from_secs(limits.export_seconds.into()),
        }
    }

    /// A place for one more, as long as the permit lives; none where there are as many as there may be.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// The statement of a table, to be bound.
    pub(super) fn query(&self, table: &Table, format: Format) -> Query {
        self.client.query(&table.sql(format))
    }

    /// Asks, and waits for the first bytes, so that what goes wrong before them is still an error of its own.
    ///
    /// # Errors
    /// ClickHouse does not answer, or not in time, or lacks the table.
    pub async fn begin(
        &self,
        query: Query,
        format: Format,
        place: OwnedSemaphorePermit,
    ) -> Result<Bytestream, Error> {
        let asked = Instant::now();
        let mut cursor = query.fetch_bytes(name(format))?;
        let first = Database::within(self.limit, cursor.next()).await?;
        let (pieces, received) = mpsc::channel(1);
        let (format, limit) = (name(format), self.limit);
        let rows = Rows { cursor, pieces, format, asked, limit, bytes: 0, _place: place };
        // A task of its own, because the body of an answer is left alone while its reader takes nothing.
        tokio::spawn(rows.pass_on(first).in_current_span());
        Ok(Bytestream(received))
    }
}

/// ClickHouse's name of a format.
fn name(format: Format) -> &'static str {
    match format {
        Format::Csv => "CSVWithNames",
        Format::Ndjson => "JSONEachRow",
        Format::Parquet => "Parquet",
        Format::Arrow => "ArrowStream",
    }
}

/// What is passed on.
enum Piece {
    Rows(Bytes),
    /// Without it, what came before is not all.
    End,
}

/// The rest did not come.
#[derive(Debug, thiserror::Error)]
#[error("the export broke off")]
pub struct BrokenOff;

/// What an export gives. It ends with an error, or it is complete.
pub struct Bytestream(mpsc::Receiver<Piece>);

impl Bytestream {
    /// The bytes in their order.
    pub fn bytes(self) -> impl Stream<Item = Result<Bytes, BrokenOff>> + Send + 'static {
        stream::unfold(Some(self.0), |pieces| async {
            let mut pieces = pieces?;
            match pieces.recv().await {
                Some(Piece::Rows(bytes)) => Some((Ok(bytes), Some(pieces))),
                Some(Piece::End) => None,
                None => Some((Err(BrokenOff), None)),
            }
        })
    }
}

/// An export under way. Dropped, it hangs up, and ClickHouse ends the query.
struct Rows {
    cursor: Pieces,
    pieces: mpsc::Sender<Piece>,
    format: &'static str,
    asked: Instant,
    limit: Duration,
    bytes: u64,
    _place: OwnedSemaphorePermit,
}

/// Why an export did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("its reader is gone")]
    Unread,
    #[error("it took longer than api.limits.export_seconds")]
    TooLong,
    #[error("clickhouse failed")]
    Failed(#[from] clickhouse::error::Error),
}

impl Rows {
    async fn pass_on(mut self, first: Option<Bytes>) {
        let outcome = self.pass_all(first).await;
        let (format, bytes, milliseconds) = (self.format, self.bytes, self.asked.elapsed().as_millis());
        match outcome {
            Ok(()) => tracing::info!(format, bytes, milliseconds, "an export is complete"),
            Err(cut) => {
                let error: &dyn std::error::Error = &cut;
                tracing::warn!(error, format, bytes, milliseconds, "an export broke off");
            }
        }
    }

    async fn pass_all(&mut self, first: Option<Bytes>) -> Result<(), Cut> {
        let end = (self.asked + self.limit).into();
        let mut next = first;
        while let Some(bytes) = next {
            self.bytes += bytes.len() as u64;
            let sent = timeout_at(end, self.pieces.send(Piece::Rows(bytes)));
            sent.await.map_err(|_| Cut::TooLong)?.map_err(|_| Cut::Unread)?;
            next = tokio::select! {
                () = self.pieces.closed() => return Err(Cut::Unread),
                read = timeout_at(end, self.cursor.next()) => read.map_err(|_| Cut::TooLong)??,
            };
        }
        let sent = timeout_at(end, self.pieces.send(Piece::End));
        sent.await.map_err(|_| Cut::TooLong)?.map_err(|_| Cut::Unread)
    }
}
