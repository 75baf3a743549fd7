//! A metric of each value of a dimension, with what is needed to say how sure it is.

use clickhouse::Row;
use serde::Deserialize;

use super::measure::measure;
use super::rollups::{Plan, Question, name};
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::choice::{Dimension, Metric};
use crate::params::scope::Scope;

/// One value of the dimension.
#[derive(Debug, Row, Deserialize)]
pub struct Group {
    /// The value.
    pub name: Option<String>,
    /// Its events.
    pub events: u64,
    /// How many of them say something about the metric.
    pub valued: u64,
    /// Their mean; none where there are none.
    pub mean: Option<f64>,
    /// The variance of that sample; not a number where there are fewer than two, and of counts and shares.
    pub variance: Option<f64>,
    /// How many groups there are with enough events.
    pub groups: u64,
}

pub(super) fn sql(plan: &Plan<'_>, metric: Metric, by: Dimension) -> String {
    let (name, metric) = (name(Some(by)), measure(metric));
    let (count, sum, values) = (metric.count, metric.sum, metric.values);
    let own = if count == "events" { String::new() } else { format!(", {count}, {sum}") };
    format!(
        "SELECT name, sum(events) AS events, sum(own_count) AS valued,
            if(valued = 0, NULL, sum(own_sum) / valued) AS mean,
            toNullable(varSampStableArray(own_values)) AS variance, count() OVER () AS groups
        FROM (SELECT {name} AS name, events, {count} AS own_count, {sum} AS own_sum, {values} AS own_values FROM {})
        GROUP BY name HAVING valued >= {{least:UInt32}}
        ORDER BY valued DESC, name LIMIT {{most:UInt32}}",
        plan.relation(&format!("events{own}{}", metric.listed()))
    )
}

/// The groups with at least `least` events that have a value; of more than `most` groups, those with the most.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(
    database: &Database,
    scope: &Scope,
    metric: Metric,
    by: Dimension,
    least: u32,
    most: u32,
) -> Result<Vec<Group>, Error> {
    let plan = Question { scope, by: Some(by), before: None, edges: &[] }.plan(database).await?;
    let query = plan.bind(database.client.query(&sql(&plan, metric, by)));
    let query = query.param("least", least).param("most", most);
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
        let parameters = [
            "tenant:String",
            "from_hour:DateTime('UTC')",
            "to_hour:DateTime('UTC')",
            "filter_type:String",
            "filter_tool:String",
            "least:UInt32",
            "most:UInt32",
        ];
        let (scope, by) = (scope("tool=evil&type=call"), Dimension::Tool);
        assert_bound(&sql(&plan(&scope, Some(by), None, Vec::new()), Metric::Latency, by), &parameters);
    }
}
