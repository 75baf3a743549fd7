//! What goes by age: events first, after their hours are frozen, and rollups long after.

use clickhouse::query::Query;
use uuid::Uuid;

use super::erase::Erasure;
use super::{Error, Sink};
use voc_smartmodule::timestamp::Micros;

/// Hours whose rollups hold are frozen: from here on they are never computed again.
const FREEZE: &str = "
    INSERT INTO voc_rollup_hours (tenant_id, hour, frozen_at)
    SELECT tenant_id, hour, now64(6) FROM voc_rollup_hours
    WHERE tenant_id = {tenant:String} AND hour < fromUnixTimestamp64Micro({before:Int64})
    GROUP BY tenant_id, hour HAVING max(computed_at) > max(touched_at) AND max(frozen_at) = toDateTime64(0, 6, 'UTC')";

/// Events of hours that are not frozen stay, and those after them: up to where they may go.
const UP_TO: &str = "
    SELECT toUnixTimestamp64Micro(least(fromUnixTimestamp64Micro({before:Int64}),
        ifNull((SELECT toDateTime64(minOrNull(hour), 6, 'UTC') FROM (
            SELECT hour FROM voc_rollup_hours
            WHERE tenant_id = {tenant:String} AND hour < fromUnixTimestamp64Micro({before:Int64})
            GROUP BY hour HAVING max(frozen_at) = toDateTime64(0, 6, 'UTC'))), fromUnixTimestamp64Micro({before:Int64}))))";

const OF_TENANT: &str = "tenant_id = {tenant:String} AND ts < fromUnixTimestamp64Micro({before:Int64})";

/// Events that were read after their hour was frozen: no rollups have them.
const LATE: &str = "
    INSERT INTO voc_late_events
    SELECT tenant_id, toStartOfHour(ts) AS hour, {erasure:UUID}, count() FROM voc_events AS event FINAL
    INNER JOIN (
        SELECT hour AS frozen_hour, max(frozen_at) AS at FROM voc_rollup_hours WHERE tenant_id = {tenant:String}
        GROUP BY hour HAVING at > toDateTime64(0, 6, 'UTC')
    ) AS frozen ON toStartOfHour(event.ts) = frozen.frozen_hour
    WHERE tenant_id = {tenant:String} AND ts < fromUnixTimestamp64Micro({before:Int64}) AND processed_at >= frozen.at
    GROUP BY tenant_id, hour";

/// How much of a tenant went by age.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    /// Rows of events and dead letters.
    pub rows: u64,
    /// Hours whose rollups went.
    pub hours: u64,
}

impl Sink {
    /// The tenants that have, or had, events.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn tenants(&self) -> Result<Vec<String>, Error> {
        let client = self.client();
        let query = "SELECT DISTINCT tenant_id FROM voc_rollup_hours ORDER BY tenant_id";
        self.persist("list the tenants", || client.query(query).fetch_all()).await
    }

    /// Removes a tenant's events from before one time, and its rollups from before another. Events stay until the
    /// rollups of their hours hold.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn expire(
        &self,
        tenant: &str,
        events_before: Option<Micros>,
        rollups_before: Option<Micros>,
    ) -> Result<Expired, Error> {
        let mut expired = Expired::default();
        if let Some(before) = events_before {
            self.expiring("freeze hours", FREEZE, tenant, before, Query::execute).await?;
            let before: Micros =
                self.expiring("look which events may go", UP_TO, tenant, before, Query::fetch_one).await?;
            let count = format!("SELECT count() FROM voc_events WHERE {OF_TENANT}");
            let rows: u64 =
                self.expiring("count what is old", &count, tenant, before, Query::fetch_one).await?;
            if rows > 0 {
                let id = Uuid::new_v4();
                let late = LATE.replace("{erasure:UUID}", &format!("toUUID('{id}')"));
                self.expiring("count late events", &late, tenant, before, Query::execute).await?;
                let erasure = Erasure {
                    tenant_id: Some(tenant.to_owned()),
                    event_id: None,
                    before: Some(before),
                    reason: "retention".to_owned(),
                    keeps_rollups: true,
                };
                expired.rows = self.erase_as(id, &erasure).await?.rows;
            }
        }
        if let Some(before) = rollups_before {
            let of_hours = "tenant_id = {tenant:String} AND hour < fromUnixTimestamp64Micro({before:Int64})";
            let count = format!("SELECT uniqExact(hour) FROM voc_rollup_hours WHERE {of_hours}");
            expired.hours =
                self.expiring("count old rollups", &count, tenant, before, Query::fetch_one).await?;
            if expired.hours > 0 {
                for table in ["voc_rollups", "voc_rollup_hours"] {
                    let statement = format!("ALTER TABLE {table} DELETE WHERE {of_hours}");
                    self.expiring("remove old rollups", &statement, tenant, before, Query::execute).await?;
                }
            }
        }
        Ok(expired)
    }

    async fn expiring<T, F>(
        &self,
        action: &str,
        statement: &str,
        tenant: &str,
        before: Micros,
        run: impl Fn(Query) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, clickhouse::error::Error>>,
    {
        let client = self.client();
        self.persist(action, || {
            let query = client.query(statement).param("tenant", tenant).param("before", before);
            run(query.with_setting("mutations_sync", "2"))
        })
        .await
    }
}
