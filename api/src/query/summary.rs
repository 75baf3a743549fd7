//! How many events of each type a tenant had, and their mean sentiment.

use clickhouse::Row;
use serde::Deserialize;
use voc_smartmodule::contract::EventType;

use super::{ANSWER_LIMIT, Database, Error};
use crate::params::{Days, TenantId};

/// One event type of one tenant.
#[derive(Debug, PartialEq, Row, Deserialize)]
pub struct TypeSummary {
    /// The type's name in the contract.
    pub event_type: String,
    /// Number of events.
    pub events: u64,
    /// Mean score of the events that have one.
    pub sentiment: Option<f64>,
}

/// FINAL, because an event that was sent twice is two rows until ClickHouse merges them. The two are
/// always in one partition (tenant and time are part of an event's identity), which the setting says,
/// so that each partition is merged on its own.
const SQL: &str = "
    SELECT event_type, count() AS events, avg(sentiment) AS sentiment
    FROM voc_events FINAL
    WHERE tenant_id = {tenant:String} AND ts >= now64(6) - toIntervalDay({days:UInt32})
    GROUP BY event_type
    SETTINGS do_not_merge_across_partitions_select_final = 1";

/// Sums up the last `days` days of a tenant, by event type in the order of the contract.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(
    database: &Database,
    tenant_id: &TenantId,
    days: &Days,
) -> Result<Vec<TypeSummary>, Error> {
    let query = database
        .client
        .query(SQL)
        .param("tenant", tenant_id.as_str())
        .param("days", days.get())
        .fetch_all::<TypeSummary>();
    let mut rows = Database::within(ANSWER_LIMIT, query).await?;
    for row in &mut rows {
        row.sentiment = row.sentiment.filter(|mean| mean.is_finite());
    }
    sort(&mut rows);
    Ok(rows)
}

/// A type that this version does not know comes last, by name.
fn sort(rows: &mut [TypeSummary]) {
    let rank = |name: &str| {
        let known = EventType::ALL.iter().position(|known| known.as_str() == name);
        known.unwrap_or(EventType::ALL.len())
    };
    rows.sort_by(|a, b| (rank(&a.event_type), &a.event_type).cmp(&(rank(&b.event_type), &b.event_type)));
}

#[cfg(test)]
mod tests {
    use super::{TypeSummary, sort};

    #[test]
    fn rows_come_in_the_order_of_the_contract() {
        let row = |name: &str| TypeSummary { event_type: name.to_owned(), events: 1, sentiment: None };
        let mut rows = ["zebra", "qos_metric", "agent_action", "ant", "call", "tool_invocation"].map(row);
        sort(&mut rows);
        let names = rows.map(|row| row.event_type);
        assert_eq!(names, ["call", "agent_action", "tool_invocation", "qos_metric", "ant", "zebra"]);
    }
}
