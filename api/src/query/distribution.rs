//! How scores are spread: a histogram, quantiles, labels.

use clickhouse::Row;
use serde::Deserialize;

use super::measure::{BY_LABEL, LABEL_COLUMNS};
use super::rollups::{Plan, Question};
use super::{ANSWER_LIMIT, Database, Error};
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

pub(super) fn sql(plan: &Plan<'_>) -> String {
    let levels = QUANTILES.map(|level| level.to_string()).join(", ");
    // A score of exactly 1 belongs into the last bin. The edges decide, as the answer names them: a division may come
    // out just below its whole number.
    format!(
        "WITH score -> toInt32(floor((score + 1) * {{bins:Int32}} / 2)) AS near,
            score -> multiIf(score < -1, toInt32(-1), score > 1, {{bins:Int32}},
                least(near(score) + (score >= (near(score) + 1) * 2 / {{bins:Int32}} - 1)
                        - (score < near(score) * 2 / {{bins:Int32}} - 1),
                    {{bins:Int32}} - 1))::Int32 AS bin
        SELECT sum(sentiment_count) AS scored, if(scored = 0, NULL, sum(sentiment_sum) / scored) AS mean,
            quantilesExactInclusiveArray({levels})(sentiment_values) AS quantiles,
            arrayZip((sumMap(arrayMap(score -> bin(score), sentiment_values),
                arrayMap(score -> toUInt64(1), sentiment_values)) AS by_bin).1, by_bin.2) AS bins,
            {BY_LABEL} AS labels
        FROM {}",
        plan.relation(&format!("sentiment_count, sentiment_sum, sentiment_values, {LABEL_COLUMNS}"))
    )
}

/// Sorts the scores into so many bins of equal width from -1 to 1.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(database: &Database, scope: &Scope, bins: u32) -> Result<Spread, Error> {
    let plan = Question { scope, by: None, before: None, edges: &[] }.plan(database).await?;
    let query = plan.bind(database.client.query(&sql(&plan))).param("bins", bins);
    Database::within(ANSWER_LIMIT, query.fetch_one()).await
}

#[cfg(test)]
mod tests {
    use super::sql;
    use crate::query::rollups::tests::plan;
    use crate::query::scope::tests::{assert_bound, scope};

    #[test]
    fn every_value_is_bound() {
        let scope = scope("action=evil");
        let parameters = [
            "bins:Int32",
            "tenant:String",
            "from_hour:DateTime('UTC')",
            "to_hour:DateTime('UTC')",
            "filter_action:String",
        ];
        assert_bound(&sql(&plan(&scope, None, None, Vec::new())), &parameters);
    }
}
