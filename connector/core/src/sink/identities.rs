//! Which events the ledger remembers behind its offsets, whether they have rows or not.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use clickhouse::Row;
use serde::Deserialize;
use uuid::Uuid;

use super::repair::with_offsets;
use super::{Error, Sink, bound};
use crate::batch::{Identity, Origin};

/// How many are asked for at once.
const AT_ONCE: usize = 10_000;

/// How many events are looked for at once: they are parameters, which stand in the URL.
const EVENTS: usize = 200;

/// An offset has one event, however often it was entered.
const IDENTITIES: &str = "
    SELECT DISTINCT one.origin_offset AS origin_offset, one.tenant_id AS tenant_id, one.ts AS ts, one.event_id AS event_id
    FROM voc_origins ARRAY JOIN identities AS one
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}
        AND first_offset <= {last} AND last_offset >= {first} AND one.origin_offset IN {offsets}";

const PRESENT: &str = "
    SELECT DISTINCT tenant_id, ts, event_id FROM voc_events
    WHERE tenant_id IN {tenants:Array(String)} AND event_id IN {ids:Array(UUID)}
        AND ts BETWEEN fromUnixTimestamp64Micro({first:Int64}) AND fromUnixTimestamp64Micro({last:Int64})";

#[derive(Row, Deserialize)]
struct Remembered {
    origin_offset: u64,
    tenant_id: String,
    ts: i64,
    #[serde(with = "clickhouse::serde::uuid")]
    event_id: Uuid,
}

#[derive(Row, Deserialize)]
struct Present {
    tenant_id: String,
    ts: i64,
    #[serde(with = "clickhouse::serde::uuid")]
    event_id: Uuid,
}

impl Sink {
    /// The events behind these offsets, of those that the ledger has an event for.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn identities(
        &self,
        origin: &Origin,
        offsets: &[u64],
    ) -> Result<BTreeMap<u64, Identity>, Error> {
        let client = self.client();
        let mut identities = BTreeMap::new();
        for some in offsets.chunks(AT_ONCE) {
            let query = with_offsets(IDENTITIES, some);
            let rows: Vec<Remembered> = self
                .persist("look up the events of offsets", || bound(&client, &query, origin).fetch_all())
                .await?;
            let identity = |row: Remembered| (row.origin_offset, (row.tenant_id, row.ts, row.event_id));
            identities.extend(rows.into_iter().map(identity));
        }
        Ok(identities)
    }

    /// Which of these events have a row, whatever their origin.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn present(&self, identities: &[Identity]) -> Result<HashSet<Identity>, Error> {
        let client = self.client();
        let mut present = HashSet::new();
        for some in identities.chunks(EVENTS) {
            let tenants: BTreeSet<&str> = some.iter().map(|(tenant, _, _)| tenant.as_str()).collect();
            let ids: Vec<String> = some.iter().map(|(_, _, id)| id.to_string()).collect();
            let times = || some.iter().map(|(_, time, _)| *time);
            let rows: Vec<Present> = self
                .persist("look for equal events", || {
                    let query = client.query(PRESENT).param("tenants", &tenants).param("ids", &ids);
                    query.param("first", times().min()).param("last", times().max()).fetch_all()
                })
                .await?;
            present.extend(rows.into_iter().map(|row| (row.tenant_id, row.ts, row.event_id)));
        }
        Ok(present)
    }
}
