//! How many events a tenant had, and how its customers felt, beside the period before.

use clickhouse::Row;
use serde::Deserialize;

use super::rollups::{Plan, Question};
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::scope::Scope;

/// Events of one type and period.
#[derive(Debug, Row, Deserialize)]
pub struct Part {
    /// The type's name in the contract.
    pub event_kind: String,
    /// Whether they are of the range itself, not of the one before.
    pub is_current: bool,
    /// How many.
    pub events: u64,
    /// How many have a score.
    pub scored: u64,
    /// Their scores together.
    pub total: f64,
    /// How many of them are negative.
    pub negative: f64,
    /// Calls by the label of their sentiment; without those whose score the keyword rules made.
    pub labels: Vec<(String, u64)>,
}

pub(super) fn sql(plan: &Plan<'_>) -> String {
    format!(
        "SELECT toString(event_type) AS event_kind, CAST(at >= fromUnixTimestamp64Micro({{from:Int64}}), 'Bool') AS is_current,
            sum(events) AS events, sum(sentiment_count) AS scored, sum(sentiment_sum) AS total,
            sum(negative_sum) AS negative, CAST(sumMap(labels), 'Array(Tuple(String, UInt64))') AS labels
        FROM {} GROUP BY event_kind, is_current ORDER BY event_kind, is_current",
        plan.relation("events, sentiment_count, sentiment_sum, negative_sum, labels")
    )
}

/// Counts and adds up.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(database: &Database, scope: &Scope) -> Result<Vec<Part>, Error> {
    let before = scope.range.before();
    let before = Some((before.from, before.to));
    let plan = Question { scope, by: None, before, edges: &[] }.plan(database).await?;
    let query = plan.bind(database.client.query(&sql(&plan)));
    Database::within(ANSWER_LIMIT, query.fetch_all()).await
}

#[cfg(test)]
mod tests {
    use super::sql;
    use crate::query::rollups::tests::plan;
    use crate::query::scope::tests::{assert_bound, scope};

    #[test]
    fn every_value_is_bound() {
        let scope = scope("agent=evil");
        let parameters = [
            "from:Int64",
            "tenant:String",
            "before_from:Int64",
            "to:Int64",
            "before_to:Int64",
            "filter_agent:String",
        ];
        assert_bound(&sql(&plan(&scope, None, Some((0, 1)), Vec::new())), &parameters);
    }
}
