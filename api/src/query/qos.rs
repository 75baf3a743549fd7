//! What was measured of the quality of service, by metric and unit.

use clickhouse::Row;
use serde::Deserialize;

use super::rollups::{Plan, Question};
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::Limit;
use crate::params::choice::Dimension;
use crate::params::scope::Scope;

/// One metric in one unit.
#[derive(Debug, Row, Deserialize)]
pub struct Measured {
    /// Name of the metric.
    pub metric: Option<String>,
    /// Its unit; empty where none is named.
    pub unit: String,
    /// How many measurements.
    pub measurements: u64,
    /// Their mean.
    pub mean: Option<f64>,
    /// The variance of the sample; none or not a number where there are fewer than two.
    pub variance: Option<f64>,
    /// The smallest.
    pub least: Option<f64>,
    /// The largest.
    pub most: Option<f64>,
    /// Their 5 %, 50 % and 95 % quantile; not numbers where there are none.
    pub quantiles: Vec<f64>,
    /// How many metrics there are.
    pub groups: u64,
}

pub(super) fn sql(plan: &Plan<'_>) -> String {
    format!(
        "SELECT toNullable(key) AS metric, toString(unit) AS unit, sum(qos_count) AS measurements,
            if(measurements = 0, NULL, sum(qos_sum) / measurements) AS mean,
            toNullable(varSampStableArray(qos_values)) AS variance,
            if(measurements = 0, NULL, minArray(qos_values)) AS least,
            if(measurements = 0, NULL, maxArray(qos_values)) AS most,
            quantilesExactInclusiveArray(0.05, 0.5, 0.95)(qos_values) AS quantiles, count() OVER () AS groups
        FROM {}
        GROUP BY metric, unit ORDER BY measurements DESC, metric, unit LIMIT {{limit:UInt32}}",
        plan.relation("qos_count, qos_sum, qos_values")
    )
}

/// The metrics with the most measurements.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(database: &Database, scope: &Scope, limit: &Limit) -> Result<Vec<Measured>, Error> {
    let by = Some(Dimension::QosMetric);
    let plan = Question { scope, by, before: None, edges: &[] }.plan(database).await?;
    let query = plan.bind(database.client.query(&sql(&plan))).param("limit", limit.get());
    Database::within(ANSWER_LIMIT, query.fetch_all()).await
}

#[cfg(test)]
mod tests {
    use super::sql;
    use crate::params::choice::Dimension;
    use crate::query::rollups::tests::plan;
    use crate::query::scope::tests::{assert_bound, scope};

    #[test]
    fn every_value_is_bound() {
        let scope = scope("qos_metric=evil");
        let parameters = [
            "tenant:String",
            "from_hour:DateTime('UTC')",
            "to_hour:DateTime('UTC')",
            "filter_qos_metric:String",
            "limit:UInt32",
        ];
        assert_bound(&sql(&plan(&scope, Some(Dimension::QosMetric), None, Vec::new())), &parameters);
    }
}
