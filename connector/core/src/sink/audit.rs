//! What is stored of a partition, compared with what must be: sets of offsets, subtracted in ClickHouse.

use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Error, Sink, bound};
use crate::batch::Origin;
use crate::source;

/// Most offsets of one kind that an audit names for a partition. The counts go beyond.
pub const NAMED: usize = 1_000_000;

/// A partition, and how far it must be accounted for.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The partition.
    pub origin: Origin,
    /// The offset after the last that must be accounted for: the checkpoint.
    pub to_offset: u64,
    /// The source's note with it, empty where the stream has no checkpoints.
    pub bookmark: String,
}

/// What the comparison of one partition gave. Offsets are in their order, [`NAMED`] of each kind at most.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct Comparison {
    /// How many offsets must be accounted for.
    pub expected: u64,
    /// How many of them have a row.
    pub stored: u64,
    /// How many were skipped for good.
    pub gaps: u64,
    /// How many have no row since an equal event came later.
    pub replaced: u64,
    /// How many were erased on purpose.
    pub erased: u64,
    /// Without a row, and nothing says why.
    pub unaccounted: Vec<u64>,
    /// Stored, or replaced, and not in the ledger.
    pub unledgered: Vec<u64>,
    /// Whether rows or the ledger hold some offset more than once.
    has_doubled: bool,
}

#[derive(Row, Deserialize)]
struct Checkpoint {
    origin_stream: String,
    origin_partition: u32,
    next_offset: u64,
    bookmark: String,
}

/// The streams that are read have checkpoints. Others are written by place (`kafka:`, what the mirror could not
/// bring into Fluvio; `replay:`, dead letters that came back): there the ledger alone says what must be.
const STANDINGS: &str = "
    SELECT origin_stream, origin_partition, next_offset, bookmark FROM voc_checkpoints
    ORDER BY origin_stream, origin_partition, next_offset DESC LIMIT 1 BY origin_stream, origin_partition
    UNION ALL
    SELECT origin_stream, origin_partition, max(last_offset) + 1, '' FROM voc_origins
    WHERE startsWith(origin_stream, 'kafka:') OR startsWith(origin_stream, 'replay:')
    GROUP BY origin_stream, origin_partition";

/// `{expected}` is one of the two below.
const COMPARE: &str = "
WITH
    (SELECT groupBitmapState(origin_offset) FROM voc_events WHERE {of_partition} AND origin_offset < {to:UInt64})
        AS events,
    (SELECT count() FROM voc_events WHERE {of_partition} AND origin_offset < {to:UInt64}) AS event_rows,
    (SELECT groupBitmapState(origin_offset) FROM voc_dead_letters
        WHERE {of_partition} AND origin_offset < {to:UInt64}) AS letters,
    (SELECT bitmapSubsetInRange(groupBitmapMergeState(offsets), 0, {to:UInt64}) FROM voc_origins
        WHERE {of_partition}) AS ledger,
    (SELECT sum(bitmapCardinality(bitmapSubsetInRange(offsets, 0, {to:UInt64}))) FROM voc_origins
        WHERE {of_partition}) AS ledger_rows,
    (SELECT sum(rows - bitmapCardinality(offsets)) FROM voc_origins WHERE {of_partition}) AS doubled_at_once,
    (SELECT groupBitmapState(gap) FROM (SELECT arrayJoin(range(first_offset, least(last_offset + 1, {to:UInt64})))
        AS gap FROM voc_gaps WHERE {of_partition} AND first_offset < {to:UInt64})) AS skipped,
    (SELECT bitmapSubsetInRange(groupBitmapMergeState(offsets), 0, {to:UInt64}) FROM voc_accounted
        WHERE {of_partition} AND reason = 'replaced') AS replaced_set,
    (SELECT bitmapSubsetInRange(groupBitmapMergeState(offsets), 0, {to:UInt64}) FROM voc_accounted
        WHERE {of_partition} AND reason = 'erased') AS erased_set,
    bitmapOr(events, letters) AS stored_set,
    {expected} AS expected_set,
    bitmapAndnot(bitmapAndnot(bitmapAndnot(bitmapAndnot(expected_set, stored_set), skipped), replaced_set), erased_set)
        AS unaccounted_set
SELECT
    bitmapCardinality(expected_set) AS expected,
    bitmapCardinality(stored_set) AS stored,
    bitmapCardinality(skipped) AS gaps,
    bitmapCardinality(bitmapAndnot(replaced_set, stored_set)) AS replaced,
    bitmapCardinality(bitmapAndnot(bitmapAndnot(erased_set, stored_set), replaced_set)) AS erased,
    bitmapToArray(bitmapSubsetLimit(unaccounted_set, 0, {named:UInt64})) AS unaccounted,
    bitmapToArray(bitmapSubsetLimit(bitmapAndnot(bitmapOr(stored_set, replaced_set), ledger), 0, {named:UInt64})) AS unledgered,
    CAST(ifNull(event_rows + bitmapCardinality(letters) != bitmapCardinality(stored_set)
        OR ledger_rows != bitmapCardinality(ledger) OR doubled_at_once != 0, 0), 'Bool') AS has_doubled";

const OF_PARTITION: &str = "origin_stream = {stream:String} AND origin_partition = {partition:UInt32}";

/// Every offset, of a stream whose offsets leave no holes.
const EVERY_OFFSET: &str =
    "(SELECT groupBitmapState(number) FROM numbers({from:UInt64}, {to:UInt64} - {from:UInt64}))";

/// The first offset that is known of. What was evicted before reading began was never due.
const FIRST: &str = "
    SELECT min(first_offset) FROM (
        SELECT first_offset FROM voc_origins WHERE {of_partition}
        UNION ALL
        SELECT first_offset FROM voc_gaps WHERE {of_partition}
        UNION ALL
        SELECT first_offset FROM voc_accounted WHERE {of_partition}
        UNION ALL
        SELECT min(origin_offset) AS first_offset FROM voc_events WHERE {of_partition} HAVING count() > 0
        UNION ALL
        SELECT min(origin_offset) AS first_offset FROM voc_dead_letters WHERE {of_partition} HAVING count() > 0
        UNION ALL
        SELECT min(origin_offset) AS first_offset FROM voc_identities WHERE {of_partition} HAVING count() > 0
    )";

/// What was stored once, of a stream whose offsets leave holes.
const STORED_ONCE: &str = "bitmapOr(ledger, stored_set)";

/// A ledger that was cut may lack what was replaced.
const ENTER_REPLACED: &str = "
    INSERT INTO voc_origins
    SELECT {stream:String}, {partition:UInt32}, min(gone), max(gone), count(), groupBitmapState(gone)
    FROM (SELECT arrayJoin({offsets:Array(UInt64)}) AS gone)
    WHERE gone NOT IN (SELECT arrayJoin(bitmapToArray(offsets)) FROM voc_origins
        WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}) HAVING count() > 0";

const DOUBLED: &str = "
    SELECT origin_offset FROM (
        SELECT origin_offset FROM voc_events WHERE {of_partition} AND origin_offset < {to:UInt64}
        UNION ALL
        SELECT DISTINCT origin_offset FROM voc_dead_letters WHERE {of_partition} AND origin_offset < {to:UInt64}
    ) GROUP BY origin_offset HAVING count() > 1
    UNION DISTINCT
    SELECT origin_offset FROM (
        SELECT arrayJoin(bitmapToArray(offsets)) AS origin_offset FROM voc_origins WHERE {of_partition}
    ) WHERE origin_offset < {to:UInt64} GROUP BY origin_offset HAVING count() > 1
    UNION DISTINCT
    SELECT arrayJoin(bitmapToArray(offsets)) AS origin_offset FROM voc_origins
    WHERE {of_partition} AND rows > bitmapCardinality(offsets)
    ORDER BY origin_offset LIMIT {named:UInt64}";

/// A row of `voc_audits`; what its counts mean stands in `0004_audit.sql`.
#[derive(Debug, Clone, Row, Serialize)]
pub(crate) struct AuditRow {
    #[serde(with = "clickhouse::serde::uuid")]
    pub audit_id: Uuid,
    pub audited_at: i64,
    pub origin_stream: String,
    pub origin_partition: u32,
    pub to_offset: u64,
    pub expected: u64,
    pub stored: u64,
    pub gaps: u64,
    pub replaced: u64,
    pub erased: u64,
    pub missing: u64,
    pub doubled: u64,
    pub unledgered: u64,
    pub findings: String,
}

impl Sink {
    /// The partitions that there are to audit.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn standings(&self) -> Result<Vec<Standing>, Error> {
        let client = self.client();
        let found: Vec<Checkpoint> =
            self.persist("list the partitions", || client.query(STANDINGS).fetch_all()).await?;
        let standing = |found: Checkpoint| Standing {
            origin: Origin { stream: found.origin_stream, partition: found.origin_partition, epoch: 0 },
            to_offset: found.next_offset,
            bookmark: found.bookmark,
        };
        Ok(found.into_iter().map(standing).collect())
    }

    /// Compares what is stored of a partition with what must be.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn compare(&self, standing: &Standing) -> Result<Comparison, Error> {
        let client = self.client();
        let is_contiguous = source::is_contiguous(&standing.bookmark);
        let from = if is_contiguous { self.first_offset(&client, standing).await? } else { 0 };
        let expected = if is_contiguous { EVERY_OFFSET } else { STORED_ONCE };
        let query = COMPARE.replace("{expected}", expected).replace("{of_partition}", OF_PARTITION);
        self.persist("compare what is stored", || {
            let query = bound(&client, &query, &standing.origin);
            query.param("from", from).param("to", standing.to_offset).param("named", NAMED).fetch_one()
        })
        .await
    }

    async fn first_offset(&self, client: &Client, standing: &Standing) -> Result<u64, Error> {
        let query = FIRST.replace("{of_partition}", OF_PARTITION);
        let first = self.persist("look up the first offset", || {
            bound(client, &query, &standing.origin).fetch_one::<u64>()
        });
        Ok(first.await?.min(standing.to_offset))
    }

    /// The offsets that rows or the ledger hold more than once.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn doubled(&self, standing: &Standing, found: &Comparison) -> Result<Vec<u64>, Error> {
        if !found.has_doubled {
            return Ok(Vec::new());
        }
        let client = self.client();
        let query = DOUBLED.replace("{of_partition}", OF_PARTITION);
        self.persist("look for what is stored twice", || {
            let query = bound(&client, &query, &standing.origin);
            query.param("to", standing.to_offset).param("named", NAMED).fetch_all::<u64>()
        })
        .await
    }

    /// Notes that these offsets have no row any more, and rightly so, because an equal event came later.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn note_replaced(&self, origin: &Origin, offsets: &[u64]) -> Result<(), Error> {
        if offsets.is_empty() {
            return Ok(());
        }
        let client = self.client();
        let statement = "INSERT INTO voc_accounted
                (origin_stream, origin_partition, first_offset, last_offset, rows, offsets, reason)
            SELECT {stream:String}, {partition:UInt32}, min(gone), max(gone), uniqExact(gone), groupBitmapState(gone),
                'replaced'
            FROM (SELECT arrayJoin({offsets:Array(UInt64)}) AS gone)";
        self.persist("note what was replaced", || {
            bound(&client, statement, origin).param("offsets", offsets).execute()
        })
        .await?;
        self.persist("enter what was replaced into the ledger", || {
            bound(&client, ENTER_REPLACED, origin).param("offsets", offsets).execute()
        })
        .await
    }

    /// Keeps what an audit found.
    pub(crate) async fn keep_audit(&self, rows: &[AuditRow]) -> Result<(), Error> {
        let client = self.client();
        self.persist("keep the audit", || async {
            let insert = client.insert::<AuditRow>("voc_audits").await?;
            let mut insert = insert.with_setting("async_insert", "0");
            for row in rows {
                insert.write(row).await?;
            }
            insert.end().await
        })
        .await
    }
}
