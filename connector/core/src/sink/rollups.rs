//! Rollups in ClickHouse: which hours have changed, and how they are computed (`deploy/clickhouse/0007_rollups.sql`).
//!
//! An hour is computed anew and whole. Rows of a computation that ended early are never read: the hour counts as changed
//! until the last statement says otherwise, and the next computation writes above them.

use std::time::Duration;

use clickhouse::query::Query;
use clickhouse::{Client, Row};
use serde::Deserialize;
use uuid::Uuid;

use super::{Error, Sink};
use crate::batch::Origin;

/// Events that one statement computes rollups of, unless a single hour has more. It holds their measures in memory.
const EVENTS_AT_ONCE: u64 = 500_000;

/// Hours that one statement names; they stand in the URL.
const HOURS_AT_ONCE: usize = 1_000;

/// A connector that has not reported for so long no longer computes.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

/// Hours of a tenant that have changed.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct Changed {
    /// Whose.
    pub tenant_id: String,
    /// Where they begin, in seconds since 1970.
    pub hours: Vec<u32>,
}

impl Changed {
    /// How many they are, of all tenants.
    #[must_use]
    pub fn count(all: &[Self]) -> u64 {
        all.iter().map(|changed| changed.hours.len() as u64).sum()
    }
}

/// An hour, and how many rows its events have.
#[derive(Row, Deserialize)]
struct Sized {
    hour: u32,
    rows: u64,
}

/// Those that were touched lately wait: an insert that is still on its way may have touched them before its rows can be
/// seen.
const CHANGED: &str = "
    SELECT tenant_id, groupArray(hour) AS hours FROM (
        SELECT tenant_id, toUnixTimestamp(hour) AS hour FROM voc_rollup_hours
        GROUP BY tenant_id, hour
        HAVING max(touched_at) >= max(computed_at) AND max(frozen_at) = toDateTime64(0, 6, 'UTC')
            AND max(touched_at) < fromUnixTimestamp64Micro({as_of:Int64})
        ORDER BY tenant_id, hour
    ) GROUP BY tenant_id ORDER BY tenant_id";

const SIZES: &str = "
    SELECT toUnixTimestamp(arrayJoin({hours:Array(DateTime('UTC'))})) AS hour, toUInt64(0) AS rows
    UNION ALL
    SELECT toUnixTimestamp(toStartOfHour(ts)) AS hour, count() AS rows FROM voc_events
    WHERE tenant_id = {tenant:String} AND toStartOfHour(ts) IN {hours:Array(DateTime('UTC'))}
    GROUP BY hour";

/// What an hour had before and has no more stays as a row of nothing, just below the version of those that follow.
const EMPTY: &str = "
    INSERT INTO voc_rollups (tenant_id, dimension, hour, event_type, key, unit, computed_at)
    SELECT tenant_id, dimension, hour, event_type, key, unit, fromUnixTimestamp64Micro({as_of:Int64} - 1)
    FROM voc_rollups FINAL
    WHERE tenant_id = {tenant:String} AND hour IN {hours:Array(DateTime('UTC'))} AND events > 0";

const COMPUTE: &str = "
    INSERT INTO voc_rollups (* EXCEPT(computed_at, is_changed), computed_at)
    SELECT *, fromUnixTimestamp64Micro({as_of:Int64}) FROM voc_rollups_of_facts
    WHERE tenant_id = {tenant:String} AND hour IN {hours:Array(DateTime('UTC'))}";

const COMPUTED: &str = "
    INSERT INTO voc_rollup_hours (tenant_id, hour, computed_at)
    SELECT {tenant:String}, arrayJoin({hours:Array(DateTime('UTC'))}), fromUnixTimestamp64Micro({as_of:Int64})";

/// Hours whose rollups claim to hold and have another number of events than there are. Those that are frozen have none.
const WRONG: &str = "
    SELECT tenant_id, groupArray(toUnixTimestamp(hour)) AS hours FROM (
        SELECT tenant_id, hour FROM (
            SELECT tenant_id, toStartOfHour(ts) AS hour, toInt64(count()) AS difference FROM voc_events FINAL
            WHERE ts >= toDateTime64('1970-01-01 00:00:00', 6, 'UTC')
                AND ts < toDateTime64('2106-01-01 00:00:00', 6, 'UTC')
            GROUP BY tenant_id, hour
            UNION ALL
            SELECT tenant_id, hour, -toInt64(sum(events)) FROM voc_rollups FINAL WHERE dimension = 'type'
            GROUP BY tenant_id, hour
        )
        WHERE (tenant_id, hour) NOT IN (
            SELECT tenant_id, hour FROM voc_rollup_hours GROUP BY tenant_id, hour
            HAVING max(touched_at) >= max(computed_at) OR max(frozen_at) > toDateTime64(0, 6, 'UTC'))
        GROUP BY tenant_id, hour HAVING sum(difference) != 0
    ) GROUP BY tenant_id ORDER BY tenant_id";

/// Months whose rollups lie in several parts.
const SCATTERED: &str = "
    SELECT partition_id FROM system.parts WHERE active AND database = currentDatabase() AND table = 'voc_rollups'
    GROUP BY partition_id HAVING count() > 1 ORDER BY partition_id";

const TOUCH: &str = "
    INSERT INTO voc_rollup_hours (tenant_id, hour, touched_at)
    SELECT {tenant:String}, arrayJoin({hours:Array(DateTime('UTC'))}), now64(6)";

/// The hours of rows that a writer may have left behind without the view having seen them.
const TOUCH_BEHIND: &str = "
    INSERT INTO voc_rollup_hours (tenant_id, hour, touched_at)
    SELECT tenant_id, toStartOfHour(ts) AS hour, now64(6) FROM voc_events
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32} AND origin_offset >= {from:UInt64}
        AND ts >= toDateTime64('1970-01-01 00:00:00', 6, 'UTC') AND ts < toDateTime64('2106-01-01 00:00:00', 6, 'UTC')
    GROUP BY tenant_id, hour";

/// Who computes: of those that report, the first.
const LEADER: &str = "
    SELECT owner FROM voc_rollup_leases FINAL WHERE reported_at > now64(6) - toIntervalSecond({lease:UInt32})
    ORDER BY since, owner LIMIT 1";

impl Sink {
    /// Up to when touches count as settled: the server's time less `settle`, in microseconds since 1970.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn settled(&self, settle: Duration) -> Result<i64, Error> {
        let client = self.client();
        let now = "SELECT toUnixTimestamp64Micro(now64(6))";
        let now: i64 = self.persist("ask for the time", || client.query(now).fetch_one()).await?;
        Ok(now.saturating_sub(i64::try_from(settle.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The hours that have changed since they were computed, and not since `as_of`.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn changed_hours(&self, as_of: i64) -> Result<Vec<Changed>, Error> {
        let client = self.client();
        self.persist("list the hours that have changed", || {
            client.query(CHANGED).param("as_of", as_of).fetch_all()
        })
        .await
    }

    /// Computes the rollups of these hours from their events.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn compute_rollups(&self, changed: &Changed, as_of: i64) -> Result<(), Error> {
        let client = self.client();
        for hours in changed.hours.chunks(HOURS_AT_ONCE) {
            let sizes: Vec<Sized> = self
                .persist("look how many events hours have", || {
                    client.query(SIZES).param("tenant", &changed.tenant_id).param("hours", hours).fetch_all()
                })
                .await?;
            for hours in portions(&sizes) {
                for (action, statement) in [
                    ("empty rollups", EMPTY),
                    ("compute rollups", COMPUTE),
                    ("note that rollups are computed", COMPUTED),
                ] {
                    self.persist(action, || {
                        computing(&client, statement)
                            .param("tenant", &changed.tenant_id)
                            .param("hours", &hours)
                            .param("as_of", as_of)
                            .execute()
                    })
                    .await?;
                }
            }
        }
        Ok(())
    }

    /// Compares how many events every hour has with what its rollups say. Those that differ count as changed from now on.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn verify_rollups(&self) -> Result<Vec<Changed>, Error> {
        let client = self.client();
        let wrong: Vec<Changed> =
            self.persist("compare rollups with events", || computing(&client, WRONG).fetch_all()).await?;
        for Changed { tenant_id, hours } in &wrong {
            for hours in hours.chunks(HOURS_AT_ONCE) {
                self.persist("note which hours differ", || {
                    client.query(TOUCH).param("tenant", tenant_id).param("hours", hours).execute()
                })
                .await?;
            }
        }
        Ok(wrong)
    }

    /// Merges the rollups of each month into one part, whose rows need no comparing, in place of the dozen that ClickHouse
    /// leaves by itself. Gives how many months it merged.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn merge_rollups(&self) -> Result<usize, Error> {
        let client = self.client();
        let scattered: Vec<String> =
            self.persist("list parts of rollups", || client.query(SCATTERED).fetch_all()).await?;
        for month in &scattered {
            // No parameter can stand there; it is ClickHouse's own name.
            let merge = format!("OPTIMIZE TABLE voc_rollups PARTITION ID '{month}' FINAL");
            self.persist("merge rollups", || client.query(&merge).execute()).await?;
        }
        Ok(scattered.len())
    }

    /// Touches the hours of the rows from an offset on: a server that died may have written the rows alone.
    pub(super) async fn touch_behind(
        &self,
        client: &Client,
        origin: &Origin,
        from: u64,
    ) -> Result<(), Error> {
        self.persist("note which hours have changed", || {
            super::bound(client, TOUCH_BEHIND, origin).param("from", from).execute()
        })
        .await
    }

    /// Reports that this connector would compute rollups, since this time; whether it is the one that does.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn leads_rollups(&self, owner: Uuid, since: i64) -> Result<bool, Error> {
        let client = self.client();
        let report = "INSERT INTO voc_rollup_leases (owner, since)
            SELECT {owner:UUID}, fromUnixTimestamp64Micro({since:Int64})";
        self.persist("report that rollups are computed", || {
            client.query(report).param("owner", owner.to_string()).param("since", since).execute()
        })
        .await?;
        let leader: String = self
            .persist("look who computes rollups", || {
                let query = client.query(LEADER).param("lease", LEASE.as_secs());
                async { query.fetch_one::<Uuid4>().await.map(|leader| leader.owner.to_string()) }
            })
            .await?;
        Ok(leader == owner.to_string())
    }
}

#[derive(Row, Deserialize)]
struct Uuid4 {
    #[serde(with = "clickhouse::serde::uuid")]
    owner: Uuid,
}

/// A statement that reads facts (see `voc_facts`).
fn computing(client: &Client, statement: &str) -> Query {
    client
        .query(statement)
        .with_setting("allow_simdjson", "0")
        .with_setting("do_not_merge_across_partitions_select_final", "1")
        .with_setting("max_partitions_per_insert_block", "0")
}

/// The hours in portions of [`EVENTS_AT_ONCE`].
fn portions(sizes: &[Sized]) -> Vec<Vec<u32>> {
    let mut rows = std::collections::BTreeMap::<u32, u64>::new();
    for size in sizes {
        *rows.entry(size.hour).or_default() += size.rows;
    }
    let mut portions: Vec<Vec<u32>> = Vec::new();
    let mut room = 0;
    for (hour, rows) in rows {
        match portions.last_mut().filter(|_| rows <= room) {
            Some(portion) => portion.push(hour),
            None => {
                portions.push(vec![hour]);
                room = EVENTS_AT_ONCE;
            }
        }
        room = room.saturating_sub(rows);
    }
    portions
}

#[cfg(test)]
mod tests {
    use super::{EVENTS_AT_ONCE, Sized, portions};

    #[test]
    fn a_statement_computes_so_many_events_or_one_hour() {
        let sized = |hour, rows| Sized { hour, rows };
        let half = EVENTS_AT_ONCE / 2;
        let sizes = [
            sized(0, 0),
            sized(3, 5 * half),
            sized(1, half),
            sized(2, half),
            sized(4, half + 1),
            sized(5, half),
        ];
        assert_eq!(portions(&sizes), [vec![0, 1, 2], vec![3], vec![4], vec![5]]);
        assert!(portions(&[]).is_empty());
    }
}
