//! What each agent did, and how the customers of its calls felt.

use clickhouse::Row;
use serde::Deserialize;

use super::rollups::{Plan, Question};
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::Limit;
use crate::params::choice::Dimension;
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

pub(super) fn sql(plan: &Plan<'_>) -> String {
    format!(
        "SELECT toNullable(key) AS agent, sum(part.events) AS events, sumIf(part.events, event_type = 'call') AS calls,
            sumIf(part.events, event_type = 'agent_action') AS actions,
            sumIf(part.events, event_type = 'tool_invocation') AS tool_invocations,
            sum(sentiment_count) AS scored, if(scored = 0, NULL, sum(sentiment_sum) / scored) AS mean_sentiment,
            if(scored = 0, NULL, sum(negative_sum) / scored) AS negative_share,
            toNullable(sumIf(duration_sum, event_type = 'call') / sumIf(duration_count, event_type = 'call'))
                AS call_duration,
            sum(success_count) AS judged, if(judged = 0, NULL, sum(success_sum) / judged) AS tool_success,
            count() OVER () AS groups
        FROM {} AS part
        GROUP BY agent ORDER BY events DESC, agent LIMIT {{limit:UInt32}}",
        plan.relation(
            "events, sentiment_count, sentiment_sum, negative_sum, duration_count, duration_sum, success_count,
                success_sum"
        )
    )
}

/// The agents with the most events.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(database: &Database, scope: &Scope, limit: &Limit) -> Result<Vec<Agent>, Error> {
    let by = Some(Dimension::Agent);
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
        let scope = scope("direction=evil");
        let parameters =
            ["tenant:String", "from:Int64", "to:Int64", "filter_direction:String", "limit:UInt32"];
        assert_bound(&sql(&plan(&scope, Some(Dimension::Agent), None, Vec::new())), &parameters);
    }
}
