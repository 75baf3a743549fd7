//! A metric over time, one series for each group.

use clickhouse::Row;
use clickhouse::query::Query;
use serde::Deserialize;

use super::expression::{SETTINGS, dimension, value};
use super::scope::{bind, bind_before, source};
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::buckets::Buckets;
use crate::params::choice::{Dimension, Metric};
use crate::params::scope::Scope;

/// Where a bucket begins (seconds since 1970), its events, how many of them have a value, and the mean of those.
pub type Bucket = (u32, u64, u64, Option<f64>);

/// The buckets of one group that have events.
#[derive(Debug, Row, Deserialize)]
pub struct Group {
    /// The value of the dimension; none where nothing is grouped.
    pub name: Option<String>,
    /// Events of the range itself.
    pub events: u64,
    /// In no order, those of the period before among them.
    pub buckets: Vec<Bucket>,
    /// How many groups there are, those that are left out among them.
    pub groups: u64,
}

pub(super) fn sql(scope: &Scope, metric: Metric, by: Option<Dimension>, and_before: bool) -> String {
    let name = by.map_or("CAST(NULL, 'Nullable(String)')", dimension);
    let only = if by.is_some() { format!("AND isNotNull({name})") } else { String::new() };
    let (value, source) = (value(metric), source(scope, and_before));
    format!(
        "SELECT name, sumIf(bucket_events, bucket >= {{current:UInt32}}) AS events,
            groupArray((bucket, bucket_events, valued, mean)) AS buckets, count() OVER () AS groups
        FROM (SELECT {name} AS name,
                roundDown(toUInt32(toUnixTimestamp(ts)), {{starts:Array(UInt32)}}) AS bucket,
                count() AS bucket_events, count({value}) AS valued, avg({value}) AS mean
            {source} {only} GROUP BY name, bucket)
        GROUP BY name ORDER BY events DESC, name LIMIT {{limit:UInt32}} {SETTINGS}"
    )
}

/// The groups with the most events of the range, at most `limit`.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(
    database: &Database,
    scope: &Scope,
    metric: Metric,
    by: Option<Dimension>,
    buckets: &Buckets,
    limit: u32,
) -> Result<Vec<Group>, Error> {
    let sql = sql(scope, metric, by, buckets.before.is_some());
    let query = bound(database.client.query(&sql), scope, buckets, limit);
    Database::within(ANSWER_LIMIT, query.fetch_all()).await
}

/// Binds what the statement names.
pub(super) fn bound(query: Query, scope: &Scope, buckets: &Buckets, limit: u32) -> Query {
    let query = bind(query, scope)
        .param("starts", &buckets.starts)
        .param("current", buckets.current()[0])
        .param("limit", limit);
    match &buckets.before {
        Some(before) => bind_before(query, before.from, before.to),
        None => query,
    }
}

#[cfg(test)]
mod tests {
    use super::sql;
    use crate::params::choice::{Dimension, Metric};
    use crate::query::scope::tests::{assert_bound, scope};

    #[test]
    fn every_value_is_bound() {
        let single = sql(&scope("channel=evil"), Metric::Sentiment, None, false);
        let parameters = [
            "current:UInt32",
            "starts:Array(UInt32)",
            "tenant:String",
            "from:Int64",
            "to:Int64",
            "filter_channel:String",
            "limit:UInt32",
        ];
        assert_bound(&single, &parameters);
        assert!(!single.contains("isNotNull"));
        let grouped = sql(&scope(""), Metric::Count, Some(Dimension::Channel), true);
        assert!(
            grouped.contains("isNotNull(if(event_type = 'call'") && grouped.contains("{before_to:Int64}")
        );
    }
}
