//! A batch into its tables: events, then dead letters, then the checkpoint.
//!
//! Every insert carries a token made of its origins, so that trying again after an unknown outcome
//! writes only what is missing. A row that ClickHouse refuses is found by halving and joins the dead
//! letters; its neighbours are stored.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clickhouse::error::Error as ClickHouseError;
use clickhouse::insert::Insert;
use clickhouse::{Client, Row};
use uuid::Uuid;

use super::rows::{CheckpointRow, Common, DeadLetterRow, EventRow};
use super::{Error, Sink, query_id_prefix};
use crate::batch::{Batch, DeadLetter, Origin, StoredEvent};
use crate::retry::{Class, classify};

/// How long a piece of an insert may take to be sent, and the server to carry the whole out. Then the
/// outcome is unknown.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
const END_TIMEOUT: Duration = Duration::from_secs(180);

/// The code of a record whose row ClickHouse refused: the only one that the SmartModule does not give.
const REFUSED: &str = "refused";

/// What every insert is sent with, whatever the server's own defaults are: answered when written,
/// remembered by its token in the table and in the ledger behind it, and never cut, since an insert that
/// is cut elsewhere when it is repeated would store rows twice.
const INSERT_SETTINGS: [(&str, &str); 8] = [
    ("async_insert", "0"),
    ("insert_deduplicate", "1"),
    ("deduplicate_blocks_in_dependent_materialized_views", "1"),
    ("max_partitions_per_insert_block", "0"),
    ("max_insert_block_size", "1048449"),
    ("min_insert_block_size_rows", "1048449"),
    ("min_insert_block_size_bytes", "268402944"),
    ("input_format_parallel_parsing", "0"),
];

/// A run of one partition's rows that one insert writes.
struct Piece<'a> {
    origin: &'a Origin,
    first_offset: u64,
    last_offset: u64,
    /// Why it is written: `batch`, `half` of a piece that was refused, or `missing` after a retry.
    cause: &'static str,
    /// Set where a predecessor wrote too.
    repair: Option<Uuid>,
}

impl Piece<'_> {
    /// The token of the insert. **Do not change**: a retry by another version must have the same.
    fn token(&self) -> String {
        let Self { origin, first_offset, last_offset, cause, repair } = self;
        let repair = repair.map(|id| format!("/{id}")).unwrap_or_default();
        format!("{origin}/{first_offset}-{last_offset}/{cause}{repair}")
    }
}

impl Sink {
    /// Writes a batch; on return it is stored and the checkpoint behind it. Waits for ClickHouse as long
    /// as it takes.
    ///
    /// # Errors
    /// [`Error::Refused`], where no attempt can succeed.
    pub async fn write(&self, mut batch: Batch) -> Result<Written, Error> {
        let started = Instant::now();
        let client = self.client();
        let origin = Arc::clone(&batch.origin);
        let topic = if self.is_kafka { stream_name(&origin) } else { "" };
        let common = Common {
            origin: &origin,
            source_topic: topic,
            processed_at: chrono::Utc::now().timestamp_millis(),
        };
        let whole = Piece {
            origin: &origin,
            first_offset: batch.first_offset,
            last_offset: batch.next_offset.saturating_sub(1),
            cause: "batch",
            repair: batch.repair,
        };
        let rows = batch.rows();
        let refused = self.write_events(&client, &whole, &common, std::mem::take(&mut batch.events)).await?;
        let mut letters = std::mem::take(&mut batch.dead_letters);
        letters.extend(refused);
        letters.sort_by_key(|letter| letter.offset);
        if !letters.is_empty() {
            self.persist("write dead letters", || self.try_dead_letters(&client, &whole, &common, &letters))
                .await?;
        }
        self.persist("write the checkpoint", || try_checkpoint(&client, &batch)).await?;
        for letter in &letters {
            self.metrics.rejected(&letter.code, 1);
        }
        self.metrics.processed(rows - letters.len());
        self.metrics.batch_written(rows, started.elapsed().as_secs_f64());
        self.metrics.checkpoint(stream_name(&origin), origin.partition, batch.next_offset);
        Ok(Written { origin, next_offset: batch.next_offset })
    }

    /// Writes events; returns those that ClickHouse refused.
    async fn write_events(
        &self,
        client: &Client,
        whole: &Piece<'_>,
        common: &Common<'_>,
        events: Vec<StoredEvent>,
    ) -> Result<Vec<DeadLetter>, Error> {
        let mut refused = Vec::new();
        let mut halves: Vec<Vec<StoredEvent>> = Vec::new();
        if let Some(error) = self.try_until_refused(client, whole, common, &events).await? {
            halves.extend(self.halves(client, whole.origin, events, &error, &mut refused).await?);
        }
        while let Some(half) = halves.pop() {
            let (Some(first), Some(last)) = (half.first(), half.last()) else { continue };
            let piece = Piece {
                origin: whole.origin,
                first_offset: first.offset,
                last_offset: last.offset,
                cause: "half",
                repair: whole.repair,
            };
            if let Some(error) = self.try_until_refused(client, &piece, common, &half).await? {
                halves.extend(self.halves(client, whole.origin, half, &error, &mut refused).await?);
            }
        }
        Ok(refused)
    }

    /// Splits what was refused, without what of it is stored nevertheless; a single row is set aside.
    async fn halves(
        &self,
        client: &Client,
        origin: &Origin,
        mut events: Vec<StoredEvent>,
        error: &ClickHouseError,
        refused: &mut Vec<DeadLetter>,
    ) -> Result<[Vec<StoredEvent>; 2], Error> {
        let first_offset = events.first().map_or(0, |event| event.offset);
        let stored = self.stored(client, origin, first_offset).await?;
        events.retain(|event| !stored.contains(&event.offset));
        if let [event] = &events[..] {
            tracing::warn!(%origin, offset = event.offset, %error, "row refused, kept as a dead letter");
            refused.push(DeadLetter {
                offset: event.offset,
                tenant_id: event.tenant_id.clone(),
                code: REFUSED.to_owned(),
                field: String::new(),
                message: error.to_string(),
                original: event.payload.clone(),
            });
            events.clear();
        }
        let second = events.split_off(events.len() / 2);
        Ok([events, second])
    }

    /// Writes one piece, however often it takes; the error where a row of it is at fault.
    async fn try_until_refused(
        &self,
        client: &Client,
        piece: &Piece<'_>,
        common: &Common<'_>,
        events: &[StoredEvent],
    ) -> Result<Option<ClickHouseError>, Error> {
        if events.is_empty() {
            return Ok(None);
        }
        let mut is_uncertain = false;
        for tries in 0.. {
            let Err(error) = self.try_events(client, piece, common, events).await else {
                if is_uncertain {
                    self.write_missing(client, piece, common, events).await?;
                }
                if tries > 0 {
                    self.readiness.ready();
                }
                return Ok(None);
            };
            match classify(&error) {
                Class::Reject => return Ok(Some(error)),
                Class::Unknown => {
                    is_uncertain = true;
                    self.wait("write events", tries, error).await?;
                    self.end_predecessor(client, piece.origin).await?;
                }
                Class::Retry | Class::Fatal => self.wait("write events", tries, error).await?,
            }
        }
        unreachable!("the loop has no end but its returns")
    }

    /// Writes what a retry left out. A table notes a token before the part behind it can be seen; a
    /// server that dies in between takes the retry for done, and only the rows tell that it is not.
    async fn write_missing(
        &self,
        client: &Client,
        piece: &Piece<'_>,
        common: &Common<'_>,
        events: &[StoredEvent],
    ) -> Result<(), Error> {
        let in_rows = self.offsets_in_rows(client, piece.origin, piece.first_offset).await?;
        // Of an event that was sent twice in one insert, the table keeps only the later row.
        let mut seen = HashSet::new();
        let mut missing: Vec<StoredEvent> = Vec::new();
        let mut is_complete = true;
        for event in events.iter().rev() {
            let is_replaced = !seen.insert((&event.tenant_id, event.timestamp, event.event_id));
            if !in_rows.contains(&event.offset) {
                is_complete &= is_replaced;
                missing.push(StoredEvent { is_restored: is_replaced, ..event.clone() });
            }
        }
        let (Some(last), Some(first)) = (missing.first(), missing.last()) else { return Ok(()) };
        if is_complete {
            return Ok(());
        }
        tracing::warn!(origin = %piece.origin, rows = missing.len(), "rows are missing after a retry, written again");
        let piece = Piece {
            origin: piece.origin,
            first_offset: first.offset,
            last_offset: last.offset,
            cause: "missing",
            repair: Some(Uuid::new_v4()),
        };
        // The ledger has them already, and would count them twice.
        self.reconcile(client, piece.origin, piece.first_offset).await?;
        self.persist("write missing events", || self.try_events(client, &piece, common, &missing)).await
    }

    async fn try_events(
        &self,
        client: &Client,
        piece: &Piece<'_>,
        common: &Common<'_>,
        events: &[StoredEvent],
    ) -> Result<(), ClickHouseError> {
        let mut insert = begin::<EventRow<'_>>(client, "voc_events", piece).await?;
        for event in events {
            insert.write(&EventRow::new(event, *common)).await?;
        }
        insert.end().await
    }

    async fn try_dead_letters(
        &self,
        client: &Client,
        piece: &Piece<'_>,
        common: &Common<'_>,
        letters: &[DeadLetter],
    ) -> Result<(), ClickHouseError> {
        let mut insert = begin::<DeadLetterRow<'_>>(client, "voc_dead_letters", piece).await?;
        for letter in letters {
            insert.write(&DeadLetterRow::new(letter, *common)).await?;
        }
        insert.end().await
    }
}

/// A batch that is stored.
#[derive(Debug)]
pub struct Written {
    /// Where its records came from.
    pub origin: Arc<Origin>,
    /// Everything below is stored.
    pub next_offset: u64,
}

async fn try_checkpoint(client: &Client, batch: &Batch) -> Result<(), ClickHouseError> {
    let mut insert = client.insert::<CheckpointRow<'_>>("voc_checkpoints").await?;
    insert = insert.with_setting("async_insert", "0");
    let row = CheckpointRow {
        origin_stream: &batch.origin.stream,
        origin_partition: batch.origin.partition,
        next_offset: batch.next_offset,
        bookmark: &batch.bookmark,
    };
    insert.write(&row).await?;
    insert.end().await
}

/// Begins an insert under the piece's token, with a query id by which a successor can end it.
async fn begin<R: Row>(
    client: &Client,
    table: &str,
    piece: &Piece<'_>,
) -> Result<Insert<R>, ClickHouseError> {
    let mut insert = client.insert::<R>(table).await?.with_timeouts(Some(SEND_TIMEOUT), Some(END_TIMEOUT));
    for (name, value) in INSERT_SETTINGS {
        insert = insert.with_setting(name, value);
    }
    let query_id = format!("{}{}", query_id_prefix(piece.origin), Uuid::new_v4());
    Ok(insert.with_setting("insert_deduplication_token", piece.token()).with_setting("query_id", query_id))
}

/// The stream's base name.
fn stream_name(origin: &Origin) -> &str {
    origin.stream.rsplit_once('#').map_or(&origin.stream, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_do_not_change() {
        let origin = Origin { stream: "voc.events#2".to_owned(), partition: 3 };
        let mut piece =
            Piece { origin: &origin, first_offset: 10, last_offset: 19, cause: "batch", repair: None };
        assert_eq!(piece.token(), "voc.events#2/3/10-19/batch");
        piece.repair = Some(Uuid::nil());
        assert_eq!(piece.token(), "voc.events#2/3/10-19/batch/00000000-0000-0000-0000-000000000000");
    }
}
