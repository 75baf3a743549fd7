//! How often each tool was invoked, succeeded, and how long it took.

use clickhouse::Row;
use serde::Deserialize;

use super::rollups::{Plan, Question};
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::Limit;
use crate::params::choice::Dimension;
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

pub(super) fn sql(plan: &Plan<'_>) -> String {
    format!(
        "SELECT toNullable(key) AS tool, sum(events) AS invocations, length(groupUniqArrayArray(agents)) AS agents,
            sum(success_count) AS judged, if(judged = 0, NULL, sum(success_sum) / judged) AS success,
            sum(latency_count) AS timed, if(timed = 0, NULL, sum(latency_sum) / timed) AS latency,
            quantilesExactInclusiveArray(0.5, 0.95, 0.99)(latency_values) AS latencies, count() OVER () AS groups
        FROM {}
        GROUP BY tool ORDER BY invocations DESC, tool LIMIT {{limit:UInt32}}",
        plan.relation(
            "events, agents, success_count, success_sum, latency_count, latency_sum, latency_values"
        )
    )
}

/// The tools that were invoked the most.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(database: &Database, scope: &Scope, limit: &Limit) -> Result<Vec<Tool>, Error> {
    let by = Some(Dimension::Tool);
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
        let scope = scope("agent=evil");
        let parameters = ["tenant:String", "from:Int64", "to:Int64", "filter_agent:String", "limit:UInt32"];
        assert_bound(&sql(&plan(&scope, Some(Dimension::Tool), None, Vec::new())), &parameters);
    }
}
