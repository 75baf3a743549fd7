//! Erasure: rows that are removed on purpose, and the note that they were.

use std::time::Duration;

use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::schema::identifier;
use super::{Error, Sink, bound};
use crate::batch::{Identity, Origin};
use voc_smartmodule::timestamp::Micros;

/// What is to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Whose events; of every tenant where there is none.
    pub tenant_id: Option<String>,
    /// Which event; all where there is none.
    pub event_id: Option<Uuid>,
    /// Only events before this time.
    pub before: Option<Micros>,
    /// Who asked for it, and why.
    pub reason: String,
    /// Whether rollups whose hours are frozen stay: where events go by age alone.
    pub keeps_rollups: bool,
}

/// How much was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// Of this erasure, in `voc_erasures`.
    pub id: Uuid,
    /// Rows of events and dead letters.
    pub rows: u64,
}

/// An erasure as a partition has seen it.
#[derive(Debug, Clone, Row, Deserialize)]
pub struct PastErasure {
    tenant_id: String,
    #[serde(with = "clickhouse::serde::uuid::option")]
    event_id: Option<Uuid>,
    before: Option<i64>,
    last_offset: u64,
}

impl PastErasure {
    /// Whether the event of this offset, which has no row, was there then and fell under it.
    #[must_use]
    pub fn covers(&self, offset: u64, (tenant_id, timestamp, event_id): &Identity) -> bool {
        offset <= self.last_offset
            && (self.tenant_id.is_empty() || self.tenant_id == *tenant_id)
            && self.event_id.is_none_or(|id| id == *event_id)
            && self.before.is_none_or(|before| *timestamp < before)
    }
}

#[derive(Row, Serialize)]
struct ErasureRow<'a> {
    #[serde(with = "clickhouse::serde::uuid")]
    erasure_id: Uuid,
    tenant_id: &'a str,
    #[serde(with = "clickhouse::serde::uuid::option")]
    event_id: Option<Uuid>,
    before: Option<i64>,
    reason: &'a str,
}

/// Which rows of `voc_events`; every condition is always there, so that every parameter is used.
const OF_EVENTS: &str = "({tenant:String} = '' OR tenant_id = {tenant:String})
    AND ({event:String} = '' OR toString(event_id) = {event:String})
    AND ts < fromUnixTimestamp64Micro({before:Int64})";

/// Which dead letters: those of a tenant as a whole, or of a time. They have no id of an event.
const OF_LETTERS: &str = "({tenant:String} = '' OR tenant_id = {tenant:String}) AND {event:String} = ''
    AND processed_at < fromUnixTimestamp64Micro({before:Int64})";

/// The offsets that one erasure took note of.
const NOTED: &str = "(origin_stream, origin_partition, origin_offset) IN (
    SELECT origin_stream, origin_partition, arrayJoin(bitmapToArray(offsets)) FROM {database}.voc_accounted
    WHERE erasure_id = {erasure:UUID})";

/// The hours of what is erased, touched before it goes, in case that we end early.
const TOUCH: &str = "
    INSERT INTO voc_rollup_hours (tenant_id, hour, touched_at)
    SELECT tenant_id, toStartOfHour(ts) AS hour, now64(6) FROM voc_events
    WHERE ts >= toDateTime64('1970-01-01 00:00:00', 6, 'UTC') AND ts < toDateTime64('2106-01-01 00:00:00', 6, 'UTC')
        AND {of_events}
    GROUP BY tenant_id, hour";

/// And once more after it has gone: those that have been touched since.
const TOUCH_AGAIN: &str = "
    INSERT INTO voc_rollup_hours (tenant_id, hour, touched_at)
    SELECT DISTINCT tenant_id, hour, now64(6) FROM voc_rollup_hours
    WHERE ({tenant:String} = '' OR tenant_id = {tenant:String}) AND touched_at >= fromUnixTimestamp64Micro({since:Int64})";

/// Rollups of whole hours whose events are gone by age are erased themselves: nothing computes them again.
const FROZEN: &str =
    "ALTER TABLE voc_rollups DELETE WHERE ({tenant:String} = '' OR tenant_id = {tenant:String})
    AND {event:String} = '' AND hour < fromUnixTimestamp64Micro({before:Int64})
    AND (tenant_id, hour) IN (SELECT tenant_id, hour FROM {database}.voc_rollup_hours
        GROUP BY tenant_id, hour HAVING max(frozen_at) > toDateTime64(0, 6, 'UTC'))";

/// Where no time is given: later than every event. The year 2299, the last that ClickHouse has.
const NEVER: i64 = 10_413_791_999_000_000;

impl Sink {
    /// Erases rows: notes first what goes and why, and then removes exactly that. Rows that come meanwhile stay.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn erase(&self, erasure: &Erasure) -> Result<Erased, Error> {
        self.erase_as(Uuid::new_v4(), erasure).await
    }

    /// The same, under an id that is given.
    pub(super) async fn erase_as(&self, id: Uuid, erasure: &Erasure) -> Result<Erased, Error> {
        let client = self.client();
        let since = self.settled(Duration::ZERO).await?;
        self.persist("record the erasure", || try_record(&client, id, erasure)).await?;
        let note = format!(
            "INSERT INTO voc_accounted
                (origin_stream, origin_partition, first_offset, last_offset, rows, offsets, reason, erasure_id)
             SELECT origin_stream, origin_partition, min(origin_offset), max(origin_offset),
                 uniqExactIf(origin_offset, is_row), groupBitmapState(origin_offset), 'erased', {{erasure:UUID}}
             FROM (
                 SELECT origin_stream, origin_partition, origin_offset, true AS is_row FROM voc_events WHERE {OF_EVENTS}
                 UNION ALL
                 SELECT origin_stream, origin_partition, origin_offset, true FROM voc_dead_letters WHERE {OF_LETTERS}
                 UNION ALL
                 SELECT origin_stream, origin_partition, origin_offset, false FROM voc_identities WHERE {OF_EVENTS}
             ) GROUP BY origin_stream, origin_partition"
        );
        self.run("note what is erased", &client, &note, id, erasure).await?;
        let touch = TOUCH.replace("{of_events}", OF_EVENTS);
        self.run("note which hours change", &client, &touch, id, erasure).await?;
        // What was replaced before it was erased has an identity and no row.
        let tables =
            [("voc_events", OF_EVENTS), ("voc_dead_letters", OF_LETTERS), ("voc_identities", OF_EVENTS)];
        for (table, condition) in tables {
            let noted = NOTED.replace("{database}", &identifier(&self.database));
            let statement = format!("ALTER TABLE {table} DELETE WHERE {condition} AND {noted}");
            self.run("erase rows", &client, &statement, id, erasure).await?;
        }
        let statement = format!("ALTER TABLE voc_annotations DELETE WHERE {OF_EVENTS}");
        self.run("erase annotations", &client, &statement, id, erasure).await?;
        if !erasure.keeps_rollups {
            let frozen = FROZEN.replace("{database}", &identifier(&self.database));
            self.run("erase rollups", &client, &frozen, id, erasure).await?;
        }
        let tenant = erasure.tenant_id.as_deref().unwrap_or_default();
        self.persist("note which hours have changed", || {
            client.query(TOUCH_AGAIN).param("tenant", tenant).param("since", since).execute()
        })
        .await?;
        let count = "SELECT sum(rows) FROM voc_accounted WHERE erasure_id = {erasure:UUID}";
        let rows = self.persist("count what was erased", || {
            client.query(count).param("erasure", id.to_string()).fetch_one::<u64>()
        });
        Ok(Erased { id, rows: rows.await? })
    }

    async fn run(
        &self,
        action: &str,
        client: &Client,
        statement: &str,
        id: Uuid,
        erasure: &Erasure,
    ) -> Result<(), Error> {
        self.persist(action, || {
            let query = client.query(statement).param("erasure", id.to_string());
            query
                .param("tenant", erasure.tenant_id.as_deref().unwrap_or_default())
                .param("event", erasure.event_id.map(|id| id.to_string()).unwrap_or_default())
                .param("before", erasure.before.unwrap_or(NEVER))
                .with_setting("mutations_sync", "2")
                .execute()
        })
        .await
    }

    /// The erasures that took rows of a partition.
    pub(crate) async fn erasures(&self, origin: &Origin) -> Result<Vec<PastErasure>, Error> {
        let client = self.client();
        let query = "SELECT tenant_id, event_id, before, max(taken.last_offset) AS last_offset
            FROM voc_erasures INNER JOIN voc_accounted AS taken USING (erasure_id)
            WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}
            GROUP BY erasure_id, tenant_id, event_id, before";
        self.persist("look up erasures", || bound(&client, query, origin).fetch_all()).await
    }
}

async fn try_record(client: &Client, id: Uuid, erasure: &Erasure) -> Result<(), clickhouse::error::Error> {
    let insert = client.insert::<ErasureRow<'_>>("voc_erasures").await?;
    let mut insert = insert.with_setting("async_insert", "0");
    let row = ErasureRow {
        erasure_id: id,
        tenant_id: erasure.tenant_id.as_deref().unwrap_or_default(),
        event_id: erasure.event_id,
        before: erasure.before,
        reason: &erasure.reason,
    };
    insert.write(&row).await?;
    insert.end().await
}
