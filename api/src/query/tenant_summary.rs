//! How many events a tenant had, and how its customers felt, beside the period before.

use clickhouse::Row;
use serde::Deserialize;

use super::measure::{LABEL_COLUMNS, LABELS};
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
    /// Hours that have changed, so that this is no answer yet.
    pub changed: Vec<u32>,
}

/// Adds up the columns of a relation or a table, whose time is this column.
fn sums(time: &str) -> String {
    format!(
        "toString(event_type) AS event_kind, CAST({time} >= fromUnixTimestamp64Micro({{from:Int64}}), 'Bool') AS is_current,
            sum(part.events) AS events, sum(sentiment_count) AS scored, sum(sentiment_sum) AS total,
            sum(negative_sum) AS negative, {LABELS} AS labels"
    )
}

pub(super) fn sql(plan: &Plan<'_>) -> String {
    let columns = format!("events, sentiment_count, sentiment_sum, negative_sum, {LABEL_COLUMNS}");
    let relation = plan.relation(&columns);
    format!(
        "SELECT {}, CAST([], 'Array(UInt32)') AS changed FROM {relation} AS part
        GROUP BY event_kind, is_current ORDER BY event_kind, is_current",
        sums("at")
    )
}

fn sql_of_rollups(rollups: &str) -> String {
    format!(
        "SELECT {}, groupArrayIf(toUnixTimestamp(hour), part.is_changed) AS changed FROM {rollups} GROUP BY event_kind, is_current",
        sums("hour")
    )
}

/// Counts and adds up.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(database: &Database, scope: &Scope) -> Result<Vec<Part>, Error> {
    let before = scope.range.before();
    let before = Some((before.from, before.to));
    let question = Question { scope, by: None, before, edges: &[] };
    let mut changed = None;
    if let Some(rollups) = question.rollups() {
        let query = question.bind(database.client.query(&sql_of_rollups(&rollups)));
        let mut parts: Vec<Part> = Database::within(ANSWER_LIMIT, query.fetch_all()).await?;
        let hours: Vec<u32> = parts.iter().flat_map(|part| &part.changed).copied().collect();
        if hours.is_empty() {
            parts.retain(|part| part.events > 0);
            return Ok(parts);
        }
        changed = Some(hours);
    }
    let plan = match changed {
        Some(hours) => question.with(hours),
        None => question.plan(database).await?,
    };
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
        let plan = plan(&scope, None, Some((0, 1)), Vec::new());
        assert_bound(&sql(&plan), &parameters);
    }
}
