//! Which events are behind the offsets that were stored, whether they have rows still or not.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use clickhouse::{Client, Row};
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
    SELECT DISTINCT origin_offset, tenant_id, ts, event_id FROM voc_identities
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32} AND origin_offset IN {offsets}";

/// Enters what the table lacks, from an offset on.
const ENTER: &str = "
    INSERT INTO voc_identities
    SELECT origin_stream, origin_partition, origin_offset, tenant_id, ts, event_id FROM voc_events
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32} AND origin_offset >= {from:UInt64}
        AND origin_offset NOT IN (SELECT origin_offset FROM voc_identities
            WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}
                AND origin_offset >= {from:UInt64})";

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
    /// The events behind these offsets, of those that are known to have one.
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

    /// Enters the events of rows from an offset on that are not known yet: a server that died may have written the
    /// rows alone.
    pub(super) async fn enter_identities(
        &self,
        client: &Client,
        origin: &Origin,
        from: u64,
    ) -> Result<(), Error> {
        self.persist("enter the events of offsets", || {
            bound(client, ENTER, origin).param("from", from).execute()
        })
        .await
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
