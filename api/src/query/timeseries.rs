//! A metric over time, one series for each group.

use clickhouse::Row;
use serde::Deserialize;

use super::measure::measure;
use super::rollups::{Plan, Question, name};
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

pub(super) fn sql(plan: &Plan<'_>, metric: Metric, by: Option<Dimension>) -> String {
    let (name, metric) = (name(by), measure(metric));
    let (count, sum) = (metric.count, metric.sum);
    let columns = if count == "events" { "events".to_owned() } else { format!("events, {count}, {sum}") };
    format!(
        "SELECT name, sumIf(bucket_events, bucket >= {{current:UInt32}}) AS events,
            groupArray((bucket, bucket_events, valued, mean)) AS buckets, count() OVER () AS groups
        FROM (SELECT {name} AS name, roundDown(toUInt32(toUnixTimestamp(at)), {{starts:Array(UInt32)}}) AS bucket,
                sum(events) AS bucket_events, sum({count}) AS valued, if(valued = 0, NULL, sum({sum}) / valued) AS mean
            FROM {} GROUP BY name, bucket)
        GROUP BY name ORDER BY events DESC, name LIMIT {{limit:UInt32}}",
        plan.relation(&columns)
    )
}

/// A bucket of whole hours.
#[derive(Row, Deserialize)]
struct Whole {
    start: u32,
    events: u64,
    valued: u64,
    mean: Option<f64>,
    /// Its hours that have changed.
    changed: Vec<u32>,
}

fn is_by_hour(buckets: &Buckets) -> bool {
    buckets.count > 1 && buckets.starts.windows(2).all(|pair| pair[1] - pair[0] == 3_600)
}

/// Without groups, and where rollups alone answer. Buckets of an hour begin where its rollups do.
fn sql_of_rollups(rollups: &str, metric: Metric, buckets: &Buckets) -> String {
    let metric = measure(metric);
    let (count, sum) = (metric.count, metric.sum);
    let start = match is_by_hour(buckets) {
        true => "hour",
        false => "toDateTime(roundDown(toUInt32(toUnixTimestamp(hour)), {starts:Array(UInt32)}), 'UTC')",
    };
    format!(
        "SELECT {start} AS start, sum(part.events) AS events, sum(part.{count}) AS valued,
            if(valued = 0, NULL, sum(part.{sum}) / valued) AS mean,
            groupArrayIf(hour, part.is_changed) AS changed
        FROM {rollups} GROUP BY start"
    )
}

/// Buckets as the one group that they are.
fn one_group(found: &[Whole], buckets: &Buckets) -> Vec<Group> {
    let found = found.iter().filter(|bucket| bucket.events > 0);
    let buckets_of = |bucket: &Whole| (bucket.start, bucket.events, bucket.valued, bucket.mean);
    let current = buckets.current()[0];
    let events = found.clone().filter(|bucket| bucket.start >= current).map(|bucket| bucket.events).sum();
    vec![Group { name: None, events, buckets: found.map(buckets_of).collect(), groups: 1 }]
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
    let before = buckets.before.as_ref().map(|before| (before.from, before.to));
    let question = Question { scope, by, before, edges: &buckets.starts };
    let mut changed = None;
    if let (None, Some(rollups)) = (by, question.rollups()) {
        let query = question.bind(database.client.query(&sql_of_rollups(&rollups, metric, buckets)));
        let query = if is_by_hour(buckets) { query } else { query.param("starts", &buckets.starts) };
        let found: Vec<Whole> = Database::within(ANSWER_LIMIT, query.fetch_all()).await?;
        let hours: Vec<u32> = found.iter().flat_map(|bucket| &bucket.changed).copied().collect();
        if hours.is_empty() {
            return Ok(one_group(&found, buckets));
        }
        changed = Some(hours);
    }
    let plan = match changed {
        Some(hours) => question.with(hours),
        None => question.plan(database).await?,
    };
    let query = plan
        .bind(database.client.query(&sql(&plan, metric, by)))
        .param("starts", &buckets.starts)
        .param("current", buckets.current()[0])
        .param("limit", limit);
    Database::within(ANSWER_LIMIT, query.fetch_all()).await
}

#[cfg(test)]
mod tests {
    use super::sql;
    use crate::params::choice::{Dimension, Metric};
    use crate::query::rollups::tests::plan;
    use crate::query::scope::tests::{assert_bound, scope};

    #[test]
    fn every_value_is_bound() {
        let filtered = scope("channel=evil");
        let single = sql(&plan(&filtered, None, None, Vec::new()), Metric::Sentiment, None);
        let parameters = [
            "current:UInt32",
            "starts:Array(UInt32)",
            "tenant:String",
            "from_hour:DateTime('UTC')",
            "to_hour:DateTime('UTC')",
            "filter_channel:String",
            "limit:UInt32",
        ];
        assert_bound(&single, &parameters);
        assert!(single.contains("dimension = 'channel'") && single.contains("NULL, 'Nullable(String)'"));
        let all = scope("");
        let by = Some(Dimension::Channel);
        let grouped = sql(&plan(&all, by, Some((0, 1)), vec![0]), Metric::Count, by);
        assert!(grouped.contains("isNotNull(channel)") && grouped.contains("{before_to:Int64}"));
    }
}
