//! What arrived of a tenant's events lately.
//!
//! Arrived is what the connector has read (`processed_at`). The table is in the order of the events' own time, so that
//! a look is at the events of the last [`LOOKBACK`] alone: what comes later than that is old, and no news. FINAL is not
//! needed: of one event that came twice within the time that is looked at, one row counts.

use std::time::Duration;

use clickhouse::Row;
use serde::Deserialize;

use super::{Database, Error};

/// How old an event may be when it arrives, in milliseconds.
const LOOKBACK: i64 = 24 * 3_600_000;
/// Somebody looks at it, and the next look is near.
const LOOK_LIMIT: Duration = Duration::from_secs(5);

/// Whether an event is negative; the keyword rules give no label.
const NEGATIVE: &str = "ifNull(if(sentiment_label = '', sentiment < 0, isNotNull(sentiment) AND sentiment_label = 'negative'), 0)";

/// Events of one type.
#[derive(Debug, Row, Deserialize)]
pub struct Arrived {
    /// The type's name in the contract.
    pub event_kind: String,
    /// How many have arrived since `from`.
    pub events: u64,
    /// How many of them have a score.
    pub scored: u64,
    /// Their scores together; none where none has one.
    pub total: Option<f64>,
    /// How many of them are negative.
    pub negative: u64,
    /// How many have arrived since `earlier`.
    pub since_earlier: u64,
}

/// Whose events, and since when they have arrived, in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Whose.
    pub tenant: &'a str,
    /// Begin of the window.
    pub from: i64,
    /// Begin of the window of the look before; at most `from`.
    pub earlier: i64,
}

fn sql() -> String {
    format!(
        "SELECT toString(event_type) AS event_kind, countIf(is_inside) AS events,
            countIf(is_inside AND isNotNull(sentiment)) AS scored, sumIf(sentiment, is_inside) AS total,
            countIf(is_inside AND {NEGATIVE}) AS negative, count() AS since_earlier
        FROM (SELECT event_type, sentiment, sentiment_label,
                processed_at >= fromUnixTimestamp64Milli({{from:Int64}})
                    AND ts >= fromUnixTimestamp64Milli({{oldest:Int64}}) AS is_inside
            FROM voc_events
            WHERE tenant_id = {{tenant:String}} AND ts >= fromUnixTimestamp64Milli({{earlier_oldest:Int64}})
                AND processed_at >= fromUnixTimestamp64Milli({{earlier:Int64}})
            ORDER BY version DESC, processed_at DESC LIMIT 1 BY ts, event_id)
        GROUP BY event_kind ORDER BY event_kind"
    )
}

/// Looks once.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(database: &Database, look: Look<'_>) -> Result<Vec<Arrived>, Error> {
    let query = database
        .client
        .query(&sql())
        .param("tenant", look.tenant)
        .param("from", look.from)
        .param("oldest", look.from - LOOKBACK)
        .param("earlier", look.earlier)
        .param("earlier_oldest", look.earlier - LOOKBACK);
    Database::within(LOOK_LIMIT, query.fetch_all()).await
}

#[cfg(test)]
mod tests {
    use super::sql;
    use crate::query::scope::tests::assert_bound;

    #[test]
    fn every_value_is_bound() {
        let parameters =
            ["from:Int64", "oldest:Int64", "tenant:String", "earlier_oldest:Int64", "earlier:Int64"];
        assert_bound(&sql(), &parameters);
    }
}
