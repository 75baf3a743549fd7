//! What each agent did, and how the customers of its calls felt.

use clickhouse::Row;
use clickhouse::query::Query;
use serde::Deserialize;

use super::expression::{CALL_DURATION, NEGATIVE, SETTINGS, dimension, value};
use super::scope::{bind, source};
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::Limit;
use crate::params::choice::{Dimension, Metric};
use crate::params::scope::Scope;

/// One agent.
#[derive(Debug, Row, Deserialize)]
pub struct Agent {
    /// Its `agent_id`.
    pub agent: Option<String>,
    /// All its events.
    pub events: u64,
    /// Its calls.
    pub calls: u64,
    /// Its actions.
    pub actions: u64,
    /// Its tool invocations.
    pub tool_invocations: u64,
    /// Events with a score.
    pub scored: u64,
    /// Mean score.
    pub mean_sentiment: Option<f64>,
    /// Share of negative ones among those with a score.
    pub negative_share: Option<f64>,
    /// Mean duration of its calls, in milliseconds.
    pub call_duration: Option<f64>,
    /// Tool invocations that say whether they succeeded.
    pub judged: u64,
    /// Share of those that did.
    pub tool_success: Option<f64>,
    /// How many agents there are.
    pub groups: u64,
}

pub(super) fn sql(scope: &Scope) -> String {
    let (agent, success) = (dimension(Dimension::Agent), value(Metric::ToolSuccess));
    format!(
        "SELECT {agent} AS agent, count() AS events, countIf(event_type = 'call') AS calls,
            countIf(event_type = 'agent_action') AS actions,
            countIf(event_type = 'tool_invocation') AS tool_invocations,
            count(sentiment) AS scored, avg(sentiment) AS mean_sentiment, avg({NEGATIVE}) AS negative_share,
            avg({CALL_DURATION}) AS call_duration, count({success}) AS judged, avg({success}) AS tool_success,
            count() OVER () AS groups
        {} AND isNotNull({agent})
        GROUP BY agent ORDER BY events DESC, agent LIMIT {{limit:UInt32}} {SETTINGS}",
        source(scope, false)
    )
}

/// The agents with the most events.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(database: &Database, scope: &Scope, limit: &Limit) -> Result<Vec<Agent>, Error> {
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
            ["tenant:String", "from:Int64", "to:Int64", "filter_direction:String", "limit:UInt32"];
        assert_bound(&sql(&scope("direction=evil")), &parameters);
    }
}
