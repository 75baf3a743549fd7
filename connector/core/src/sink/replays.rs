//! What a replay or a purge writes: an event that passed, what came of each attempt, the mark on the letter.
//!
//! An event that passed is stored under the stream `replay:` and the letter's own, once, as any other: who
//! writes there has taken the partition over, and what is there is found by its origin first.

use std::collections::BTreeSet;
use std::sync::Arc;

use clickhouse::{Client, Row};
use serde::Serialize;
use uuid::Uuid;

use super::insert::Piece;
use super::letters::Whole;
use super::rows::{Common, DeadLetterRow};
use super::schema::identifier;
use super::{Error, Sink};
use crate::batch::{DeadLetter, Origin, StoredEvent};
use crate::dead_letters::lookup::REPLAY;

/// Which of these origins have rows.
const IN_ROWS: &str = "SELECT origin_offset FROM voc_events
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}
        AND origin_offset IN {offsets:Array(UInt64)}";

/// Which of these origins the ledger has.
const IN_LEDGER: &str = "SELECT DISTINCT
        arrayJoin(bitmapToArray(bitmapAnd(offsets, bitmapBuild({offsets:Array(UInt64)})))) AS origin_offset
    FROM voc_origins WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}";

/// Takes origins out of the ledger, which are about to come back.
const LEAVE_LEDGER: &str = "ALTER TABLE voc_origins UPDATE
        rows = rows - bitmapAndCardinality(offsets, bitmapBuild({offsets:Array(UInt64)})),
        offsets = bitmapAndnot(offsets, bitmapBuild({offsets:Array(UInt64)}))
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}
        AND bitmapHasAny(offsets, bitmapBuild({offsets:Array(UInt64)}))";

const TWINS: &str = "SELECT count() FROM voc_events
    WHERE tenant_id = {tenant:String} AND ts = fromUnixTimestamp64Micro({ts:Int64}) AND event_id = {id:UUID}";

/// Empties letters that are still there, in a version above every other.
const PURGE: &str =
    "INSERT INTO voc_dead_letters (origin_stream, origin_partition, origin_offset, tenant_id, code,
        field, message, original, processed_at, source_topic, source_partition, source_offset, replay_state,
        replayed_at, version, writer_epoch)
    SELECT origin_stream, origin_partition, origin_offset, tenant_id, code, field, '', '', processed_at,
        source_topic, source_partition, source_offset, 'purged', replayed_at, bitOr(version, {top:UInt64}),
        4294967295
    FROM voc_dead_letters FINAL
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}
        AND origin_offset IN {offsets:Array(UInt64)} AND replay_state != 'purged'";

/// Empties what else there is of purged letters, so that nothing of them stays on disk.
const EMPTY: [&str; 2] = [
    "ALTER TABLE voc_dead_letters UPDATE original = '', message = ''
     WHERE replay_state != 'purged' AND (original != '' OR message != '') AND (origin_stream, origin_partition, origin_offset) IN (
        SELECT origin_stream, origin_partition, origin_offset FROM {database}.voc_dead_letters
        WHERE replay_state = 'purged')",
    "ALTER TABLE voc_replays UPDATE previous_message = '', message = ''
     WHERE (previous_message != '' OR message != '') AND (origin_stream, origin_partition, origin_offset) IN (
        SELECT origin_stream, origin_partition, origin_offset FROM {database}.voc_dead_letters
        WHERE replay_state = 'purged')",
];

/// Who judged.
#[derive(Debug, Clone)]
pub struct Judge {
    /// The first 16 digits of the SHA-256 of its file.
    pub smartmodule: String,
    /// Its params, JSON.
    pub params: String,
}

/// A letter, and what is wrong with it now; `None` where it passed.
pub(crate) type Judged<'a> = (&'a Whole, Option<&'a DeadLetter>);

#[derive(Row, Serialize)]
struct AttemptRow<'a> {
    origin_stream: &'a str,
    origin_partition: u32,
    origin_offset: u64,
    #[serde(with = "clickhouse::serde::uuid")]
    job: Uuid,
    outcome: i8,
    previous_code: &'a str,
    previous_field: &'a str,
    previous_message: &'a str,
    code: &'a str,
    field: &'a str,
    message: &'a str,
    smartmodule: &'a str,
    params: &'a str,
}

impl<'a> AttemptRow<'a> {
    fn new((letter, fault): Judged<'a>, job: Uuid, judge: &'a Judge) -> Self {
        let (code, field, message) =
            fault.map_or(("", "", ""), |fault| (&*fault.code, &*fault.field, &*fault.message));
        Self {
            origin_stream: &letter.origin_stream,
            origin_partition: letter.origin_partition,
            origin_offset: letter.origin_offset,
            job,
            outcome: i8::from(fault.is_some()),
            previous_code: &letter.code,
            previous_field: &letter.field,
            previous_message: &letter.message,
            code,
            field,
            message,
            smartmodule: &judge.smartmodule,
            params: &judge.params,
        }
    }
}

impl Sink {
    /// Makes us the only one who replays or purges letters of this partition; the origin under which those
    /// that pass are stored.
    pub(crate) async fn take_replays_over(&self, stream: &str, partition: u32) -> Result<Arc<Origin>, Error> {
        let client = self.client();
        let mut origin = Origin { stream: format!("{REPLAY}{stream}"), partition, epoch: 0 };
        origin.epoch = self.claim(&client, &origin).await?;
        // What another one has under way began before the fence was raised.
        self.end_predecessor(&client, &origin).await?;
        Ok(Arc::new(origin))
    }

    /// Stores events that are not stored yet; gives those that ClickHouse refused.
    pub(crate) async fn store_replayed(
        &self,
        origin: &Origin,
        mut events: Vec<StoredEvent>,
    ) -> Result<Vec<DeadLetter>, Error> {
        let client = self.client();
        let common = Common { origin, processed_at: chrono::Utc::now().timestamp_millis() };
        let mut refused = Vec::new();
        loop {
            self.retain_missing(&client, origin, &mut events).await?;
            let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(refused) };
            let piece = Piece {
                origin,
                first_offset: first.offset,
                last_offset: last.offset,
                cause: "replay",
                // What was replayed before is not asked for by its token, but by its origin.
                repair: Some(Uuid::new_v4()),
            };
            let (mut more, is_certain) = self.write_events(&client, &piece, &common, &events).await?;
            let offsets: BTreeSet<u64> = more.iter().map(|letter| letter.offset).collect();
            refused.append(&mut more);
            if is_certain {
                return Ok(refused);
            }
            events.retain(|event| !offsets.contains(&event.offset));
        }
    }

    /// Leaves the events that are not stored.
    async fn retain_missing(
        &self,
        client: &Client,
        origin: &Origin,
        events: &mut Vec<StoredEvent>,
    ) -> Result<(), Error> {
        let offsets: Vec<u64> = events.iter().map(|event| event.offset).collect();
        let Some(&first_offset) = offsets.first() else { return Ok(()) };
        let in_rows = self.among(client, IN_ROWS, origin, &offsets).await?;
        let in_ledger = self.among(client, IN_LEDGER, origin, &offsets).await?;
        if !in_rows.is_subset(&in_ledger) {
            self.enter(client, origin, first_offset).await?;
        }
        // What the ledger has without a row was sent twice, and its twin took its place; or ClickHouse lost it.
        let mut lost = Vec::new();
        for event in events.iter().filter(|event| !in_rows.contains(&event.offset)) {
            if in_ledger.contains(&event.offset) && !self.has_twin(client, event).await? {
                lost.push(event.offset);
            }
        }
        if !lost.is_empty() {
            tracing::warn!(%origin, events = lost.len(), "replayed events have gone, and are written again");
            self.persist("correct the ledger", || {
                let query = client.query(LEAVE_LEDGER).param("stream", &origin.stream);
                let query = query.param("partition", origin.partition).param("offsets", &lost);
                query.with_setting("mutations_sync", "2").execute()
            })
            .await?;
        }
        events.retain(|event| {
            let offset = &event.offset;
            !in_rows.contains(offset) && (!in_ledger.contains(offset) || lost.contains(offset))
        });
        Ok(())
    }

    async fn has_twin(&self, client: &Client, event: &StoredEvent) -> Result<bool, Error> {
        let twins = self.persist("look for an event", || {
            let query = client.query(TWINS).param("tenant", &event.tenant_id).param("ts", event.timestamp);
            query.param("id", event.event_id.to_string()).fetch_one::<u64>()
        });
        Ok(twins.await? > 0)
    }

    async fn among(
        &self,
        client: &Client,
        query: &str,
        origin: &Origin,
        offsets: &[u64],
    ) -> Result<BTreeSet<u64>, Error> {
        let found = self.persist("look up what is stored", || {
            let query = client.query(query).param("stream", &origin.stream);
            query.param("partition", origin.partition).param("offsets", offsets).fetch_all::<u64>()
        });
        Ok(found.await?.into_iter().collect())
    }

    /// Notes what came of a job's attempts.
    pub(crate) async fn note_attempts(
        &self,
        job: Uuid,
        judge: &Judge,
        judged: &[Judged<'_>],
    ) -> Result<(), Error> {
        let client = self.client();
        self.persist("note what came of a replay", || async {
            let insert = client.insert::<AttemptRow<'_>>("voc_replays").await?;
            let mut insert = insert.with_setting("async_insert", "0");
            for judged in judged {
                insert.write(&AttemptRow::new(*judged, job, judge)).await?;
            }
            insert.end().await
        })
        .await
    }

    /// Marks letters with what came of an attempt. One that fails as before stays as it is.
    pub(crate) async fn mark(&self, judged: &[Judged<'_>]) -> Result<(), Error> {
        let client = self.client();
        let now = chrono::Utc::now().timestamp_millis();
        let rows: Vec<_> =
            judged.iter().filter_map(|(letter, fault)| DeadLetterRow::marked(letter, *fault, now)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        self.persist("mark dead letters", || async {
            let insert = client.insert::<DeadLetterRow<'_>>("voc_dead_letters").await?;
            // Whatever is written twice is one row: it has the same version.
            let mut insert = insert.with_setting("async_insert", "0").with_setting("insert_deduplicate", "0");
            for row in &rows {
                insert.write(row).await?;
            }
            insert.end().await
        })
        .await
    }

    /// Empties letters of one partition.
    pub(crate) async fn purge(&self, stream: &str, partition: u32, offsets: &[u64]) -> Result<(), Error> {
        let client = self.client();
        self.persist("purge dead letters", || {
            let query = client.query(PURGE).param("stream", stream).param("partition", partition);
            let query = query.param("offsets", offsets).param("top", super::rows::PURGED);
            query.with_setting("async_insert", "0").with_setting("insert_deduplicate", "0").execute()
        })
        .await
    }

    /// Takes from disk what purged letters said.
    pub(crate) async fn empty_purged(&self) -> Result<(), Error> {
        let client = self.client();
        for statement in EMPTY {
            // The server carries it out later, where no database is the current one.
            let statement = statement.replace("{database}", &identifier(&self.database));
            self.persist("empty purged dead letters", || {
                client.query_raw(&statement).with_setting("mutations_sync", "2").execute()
            })
            .await?;
        }
        Ok(())
    }
}
