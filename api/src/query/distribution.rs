//! How scores are spread: a histogram, quantiles, labels.

use clickhouse::Row;
use clickhouse::query::Query;
use serde::Deserialize;

use super::expression::{SETTINGS, dimension};
use super::scope::{bind, source};
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::choice::Dimension;
use crate::params::scope::Scope;

/// The quantiles that are given.
pub const QUANTILES: [f64; 7] = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95];

/// Everything about the scores of a scope.
#[derive(Debug, Row, Deserialize)]
pub struct Spread {
    /// How many events have one.
    pub scored: u64,
    /// Their mean.
    pub mean: Option<f64>,
    /// [`QUANTILES`] of them, between neighbours in proportion; not numbers where there are none.
    pub quantiles: Vec<f64>,
    /// Number of events by bin: -1 is what lies below -1, and the number of bins what lies above 1.
    pub bins: Vec<(i32, u64)>,
    /// Number of calls by label.
    pub labels: Vec<(String, u64)>,
}

pub(super) fn sql(scope: &Scope) -> String {
    let levels = QUANTILES.map(|level| level.to_string()).join(", ");
    let (label, source) = (dimension(Dimension::Label), source(scope, false));
    // A score of exactly 1 belongs into the last bin. The edges decide, as the answer names them: a division may come
    // out just below its whole number.
    format!(
        "SELECT count(score) AS scored, avg(score) AS mean, quantilesExactInclusive({levels})(score) AS quantiles,
            arrayZip((sumMapIf([bin], [toUInt64(1)], isNotNull(score)) AS by_bin).1, by_bin.2) AS bins,
            arrayZip((sumMapIf([assumeNotNull(label)], [toUInt64(1)], isNotNull(label)) AS by_label).1, by_label.2)
                AS labels
        FROM (SELECT sentiment AS score, {label} AS label, assumeNotNull(multiIf(
                sentiment < -1, toInt32(-1),
                sentiment > 1, {{bins:Int32}},
                least(
                    near + (sentiment >= (near + 1) * 2 / {{bins:Int32}} - 1)
                        - (sentiment < near * 2 / {{bins:Int32}} - 1),
                    {{bins:Int32}} - 1)))::Int32 AS bin,
                toInt32(floor((sentiment + 1) * {{bins:Int32}} / 2)) AS near
            {source})
        {SETTINGS}"
    )
}

/// Sorts the scores into so many bins of equal width from -1 to 1.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(database: &Database, scope: &Scope, bins: u32) -> Result<Spread, Error> {
    let query = bound(database.client.query(&sql(scope)), scope, bins);
    Database::within(ANSWER_LIMIT, query.fetch_one()).await
}

/// Binds what the statement names.
pub(super) fn bound(query: Query, scope: &Scope, bins: u32) -> Query {
    bind(query, scope).param("bins", bins)
}

#[cfg(test)]
mod tests {
    use super::sql;
    use crate::query::scope::tests::{assert_bound, scope};

    #[test]
    fn every_value_is_bound() {
        let parameters = [
            "bins:Int32",
            "bins:Int32",
            "bins:Int32",
            "bins:Int32",
            "bins:Int32",
            "tenant:String",
            "from:Int64",
            "to:Int64",
            "filter_action:String",
        ];
        assert_bound(&sql(&scope("action=evil")), &parameters);
    }
}
