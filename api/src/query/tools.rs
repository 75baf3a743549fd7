//! How often each tool was invoked, succeeded, and how long it took.

use clickhouse::Row;
use clickhouse::query::Query;
use serde::Deserialize;

use super::expression::{SETTINGS, dimension, value};
use super::scope::{bind, source};
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::Limit;
use crate::params::choice::{Dimension, Metric};
use crate::params::scope::Scope;

/// One tool.
#[derive(Debug, Row, Deserialize)]
pub struct Tool {
    /// Its name.
    pub tool: Option<String>,
    /// How often it was invoked.
    pub invocations: u64,
    /// How many agents invoked it.
    pub agents: u64,
    /// Invocations that say whether they succeeded.
    pub judged: u64,
    /// Share of those that did.
    pub success: Option<f64>,
    /// Invocations that say how long they took.
    pub timed: u64,
    /// Mean latency, in milliseconds.
    pub latency: Option<f64>,
    /// Its 50 %, 95 % and 99 % quantile; not numbers where there are none.
    pub latencies: Vec<f64>,
    /// How many tools there are.
    pub groups: u64,
}

pub(super) fn sql(scope: &Scope) -> String {
    let (tool, agent) = (dimension(Dimension::Tool), dimension(Dimension::Agent));
    let (success, latency) = (value(Metric::ToolSuccess), value(Metric::Latency));
    format!(
        "SELECT {tool} AS tool, count() AS invocations, uniqExact({agent}) AS agents,
            count({success}) AS judged, avg({success}) AS success, count({latency}) AS timed,
            avg({latency}) AS latency, quantilesExactInclusive(0.5, 0.95, 0.99)({latency}) AS latencies,
            count() OVER () AS groups
        {} AND event_type = 'tool_invocation' AND isNotNull({tool})
        GROUP BY tool ORDER BY invocations DESC, tool LIMIT {{limit:UInt32}} {SETTINGS}",
        source(scope, false)
    )
}

/// The tools that were invoked the most.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(database: &Database, scope: &Scope, limit: &Limit) -> Result<Vec<Tool>, Error> {
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
        let parameters = ["tenant:String", "from:Int64", "to:Int64", "filter_agent:String", "limit:UInt32"];
        assert_bound(&sql(&scope("agent=evil")), &parameters);
    }
}
