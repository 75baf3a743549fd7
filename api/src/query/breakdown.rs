//! A metric of each value of a dimension, with what is needed to say how sure it is.

use clickhouse::Row;
use clickhouse::query::Query;
use serde::Deserialize;

use super::expression::{SETTINGS, dimension, value};
use super::scope::{bind, source};
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
    /// The variance of that sample; none or not a number where there are fewer than two.
    pub variance: Option<f64>,
    /// How many groups there are with enough events.
    pub groups: u64,
}

pub(super) fn sql(scope: &Scope, metric: Metric, by: Dimension) -> String {
    let (name, value, source) = (dimension(by), value(metric), source(scope, false));
    format!(
        "SELECT {name} AS name, count() AS events, count({value}) AS valued, avg({value}) AS mean,
            varSampStable({value}) AS variance, count() OVER () AS groups
        {source} AND isNotNull({name})
        GROUP BY name HAVING valued >= {{least:UInt32}}
        ORDER BY valued DESC, name LIMIT {{most:UInt32}} {SETTINGS}"
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
    let query = bound(database.client.query(&sql(scope, metric, by)), scope, least, most);
    Database::within(ANSWER_LIMIT, query.fetch_all()).await
}

/// Binds what the statement names.
pub(super) fn bound(query: Query, scope: &Scope, least: u32, most: u32) -> Query {
    bind(query, scope).param("least", least).param("most", most)
}

#[cfg(test)]
mod tests {
    use super::sql;
    use crate::params::choice::{Dimension, Metric};
    use crate::query::scope::tests::{assert_bound, scope};

    #[test]
    fn every_value_is_bound() {
        let parameters = [
            "tenant:String",
            "from:Int64",
            "to:Int64",
            "filter_type:String",
            "filter_tool:String",
            "least:UInt32",
            "most:UInt32",
        ];
        assert_bound(&sql(&scope("tool=evil&type=call"), Metric::Latency, Dimension::Agent), &parameters);
    }
}
