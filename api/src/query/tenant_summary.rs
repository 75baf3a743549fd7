//! How many events a tenant had, and how its customers felt, beside the period before.

use clickhouse::Row;
use clickhouse::query::Query;
use serde::Deserialize;

use super::expression::{NEGATIVE, SETTINGS};
use super::scope::{bind, bind_before, source};
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::scope::Scope;

/// Events of one type, label and period.
#[derive(Debug, Row, Deserialize)]
pub struct Part {
    /// The type's name in the contract.
    pub event_kind: String,
    /// The label of their sentiment; empty where the keyword rules made the score.
    pub label: String,
    /// Whether they are of the range itself, not of the one before.
    pub is_current: bool,
    /// How many.
    pub events: u64,
    /// How many have a score.
    pub scored: u64,
    /// Their scores together; none where none has one.
    pub total: Option<f64>,
    /// How many of them are negative.
    pub negative: u64,
}

pub(super) fn sql(scope: &Scope) -> String {
    format!(
        "SELECT toString(event_type) AS event_kind, toString(sentiment_label) AS label,
            CAST(ts >= fromUnixTimestamp64Micro({{from:Int64}}), 'Bool') AS is_current,
            count() AS events, count(sentiment) AS scored, sum(sentiment) AS total,
            countIf({NEGATIVE} = 1) AS negative
        {} GROUP BY event_kind, label, is_current ORDER BY event_kind, label, is_current {SETTINGS}",
        source(scope, true)
    )
}

/// Counts and adds up.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(database: &Database, scope: &Scope) -> Result<Vec<Part>, Error> {
    let query = bound(database.client.query(&sql(scope)), scope);
    Database::within(ANSWER_LIMIT, query.fetch_all()).await
}

/// Binds what the statement names.
pub(super) fn bound(query: Query, scope: &Scope) -> Query {
    let before = scope.range.before();
    bind_before(bind(query, scope), before.from, before.to)
}

#[cfg(test)]
mod tests {
    use super::sql;
    use crate::query::scope::tests::{assert_bound, scope};

    #[test]
    fn every_value_is_bound() {
        let parameters = [
            "from:Int64",
            "tenant:String",
            "before_from:Int64",
            "to:Int64",
            "from:Int64",
            "before_to:Int64",
            "filter_agent:String",
        ];
        assert_bound(&sql(&scope("agent=evil")), &parameters);
    }
}
