//! What was measured of the quality of service, by metric and unit.

use clickhouse::Row;
use clickhouse::query::Query;
use serde::Deserialize;

use super::expression::{SETTINGS, UNIT, dimension, value};
use super::scope::{bind, source};
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::Limit;
use crate::params::choice::{Dimension, Metric};
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

pub(super) fn sql(scope: &Scope) -> String {
    let (metric, value) = (dimension(Dimension::QosMetric), value(Metric::QosValue));
    format!(
        "SELECT {metric} AS metric, {UNIT} AS unit, count({value}) AS measurements, avg({value}) AS mean,
            varSampStable({value}) AS variance, min({value}) AS least, max({value}) AS most,
            quantilesExactInclusive(0.05, 0.5, 0.95)({value}) AS quantiles, count() OVER () AS groups
        {} AND event_type = 'qos_metric' AND isNotNull({metric})
        GROUP BY metric, unit ORDER BY measurements DESC, metric, unit LIMIT {{limit:UInt32}} {SETTINGS}",
        source(scope, false)
    )
}

/// The metrics with the most measurements.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(database: &Database, scope: &Scope, limit: &Limit) -> Result<Vec<Measured>, Error> {
    let query = bound(database.client.query(&sql(scope)), scope, limit.get());
    Database::within(ANSWER_LIMIT, query.fetch_all()).await
}

/// Binds what the statement names.
pub(super) fn bound(query: Query, scope: &Scope, limit: u32) -> Query {
    bind(query, scope).param("limit", limit)
}

#[cfg(test)]
mod tests {
    use super::sql;
    use crate::query::scope::tests::{assert_bound, scope};

    #[test]
    fn every_value_is_bound() {
        let parameters =
            ["tenant:String", "from:Int64", "to:Int64", "filter_qos_metric:String", "limit:UInt32"];
        assert_bound(&sql(&scope("qos_metric=evil")), &parameters);
    }
}
