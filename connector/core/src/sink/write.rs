//! A batch into its tables: events, then dead letters, then the checkpoint.
//!
//! Every insert carries a token made of its origins, so that trying again after an unknown outcome
//! writes only what is missing; and after such a retry the rows themselves are looked at before the
//! checkpoint is set. A row that ClickHouse refuses joins the dead letters ([`super::refuse`]).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use clickhouse::Client;
use clickhouse::error::Error as ClickHouseError;
use uuid::Uuid;

use super::insert::{Outcome, Piece};
use super::rows::{CheckpointRow, Common, GapRow};
use super::{Error, Sink};
use crate::batch::{Batch, DeadLetter, Origin, StoredEvent};

impl Sink {
    /// Writes a batch; on return it is stored and the checkpoint behind it. Waits for ClickHouse as long
    /// as it takes.
    ///
    /// # Errors
    /// [`Error::Refused`], where no attempt can succeed.
    pub async fn write(&self, batch: Batch) -> Result<Written, Error> {
        let started = Instant::now();
        let client = self.client();
        let origin = Arc::clone(&batch.origin);
        let common = Common { origin: &origin, processed_at: chrono::Utc::now().timestamp_millis() };
        let whole = Piece {
            origin: &origin,
            first_offset: batch.first_offset,
            last_offset: batch.next_offset.saturating_sub(1),
            cause: "batch",
            repair: batch.repair,
        };
        let (refused, mut is_certain) = self.write_events(&client, &whole, &common, &batch.events).await?;
        let mut letters = [batch.dead_letters.as_slice(), &refused].concat();
        letters.sort_by_key(|letter| letter.offset);
        let outcome = self.insert_dead_letters(&client, &whole, &common, &letters).await?;
        is_certain &= is_known(outcome, "write dead letters")?;
        while !is_certain {
            is_certain = self.write_missing(&client, &whole, &common, &batch.events, &letters).await?;
        }
        if !batch.gaps.is_empty() {
            self.persist("write gaps", || try_gaps(&client, &batch)).await?;
        }
        self.persist("write the checkpoint", || try_checkpoint(&client, &batch)).await?;

        for gap in &batch.gaps {
            self.metrics.gap(stream_name(&origin), origin.partition, gap);
            tracing::warn!(
                %origin, first_offset = gap.first_offset, last_offset = gap.last_offset, reason = gap.reason.as_str(),
                "offsets are skipped for good"
            );
        }
        for letter in &letters {
            self.metrics.rejected(&letter.code, 1);
        }
        self.metrics.processed(batch.rows() - letters.len());
        self.metrics.batch_written(batch.rows(), started.elapsed().as_secs_f64());
        self.metrics.checkpoint(stream_name(&origin), origin.partition, batch.next_offset);
        Ok(Written { origin, next_offset: batch.next_offset })
    }

    /// Looks for rows that a retry left out, and writes them; returns whether all are stored for certain.
    async fn write_missing(
        &self,
        client: &Client,
        whole: &Piece<'_>,
        common: &Common<'_>,
        events: &[StoredEvent],
        letters: &[DeadLetter],
    ) -> Result<bool, Error> {
        let stored = self.stored(client, whole.origin, whole.first_offset).await?;
        let missing_letters: Vec<DeadLetter> =
            letters.iter().filter(|letter| !stored.contains(&letter.offset)).cloned().collect();
        let refused: HashSet<u64> = letters.iter().map(|letter| letter.offset).collect();
        let in_ledger = self.offsets_in_ledger(client, whole.origin, whole.first_offset).await?;
        // Of an event that was sent twice, a merge keeps only the later row, and the ledger has both origins.
        let mut seen = HashSet::new();
        let mut missing_events: Vec<StoredEvent> = Vec::new();
        let mut is_complete = missing_letters.is_empty();
        for event in events.iter().rev().filter(|event| !refused.contains(&event.offset)) {
            let is_replaced = !seen.insert((&event.tenant_id, event.timestamp, event.event_id));
            if !stored.contains(&event.offset) {
                is_complete &= is_replaced && in_ledger.contains(&event.offset);
                missing_events.push(StoredEvent { is_restored: is_replaced, ..event.clone() });
            }
        }
        if is_complete {
            return Ok(true);
        }
        tracing::warn!(
            origin = %whole.origin, events = missing_events.len(), dead_letters = missing_letters.len(),
            "rows are missing after a retry, and are written again"
        );
        // The ledger may have them already, and would count them twice; their token would be refused.
        self.reconcile(client, whole.origin, whole.first_offset).await?;
        let piece = Piece { cause: "missing", repair: Some(Uuid::new_v4()), ..*whole };
        let outcome = self.insert_events(client, &piece, common, &missing_events).await?;
        let is_certain = is_known(outcome, "write missing events")?;
        let outcome = self.insert_dead_letters(client, &piece, common, &missing_letters).await?;
        Ok(is_certain & is_known(outcome, "write missing dead letters")?)
    }
}

/// Whether what was inserted is stored for certain.
///
/// # Errors
/// [`Error::Refused`], where nothing can be set aside any more.
pub(super) fn is_known(outcome: Outcome, action: &str) -> Result<bool, Error> {
    match outcome {
        Outcome::Stored => Ok(true),
        Outcome::StoredPerhaps => Ok(false),
        Outcome::Refused(source) => Err(Error::Refused { action: action.to_owned(), source }),
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

async fn try_gaps(client: &Client, batch: &Batch) -> Result<(), ClickHouseError> {
    let mut insert = client.insert::<GapRow<'_>>("voc_gaps").await?.with_setting("async_insert", "0");
    for gap in &batch.gaps {
        let row = GapRow {
            origin_stream: &batch.origin.stream,
            origin_partition: batch.origin.partition,
            first_offset: gap.first_offset,
            last_offset: gap.last_offset,
            reason: gap.reason.as_str(),
        };
        insert.write(&row).await?;
    }
    insert.end().await
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

/// The stream's base name.
fn stream_name(origin: &Origin) -> &str {
    origin.stream.rsplit_once('#').map_or(&origin.stream, |(name, _)| name)
}
