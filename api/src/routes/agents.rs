//! `/v1/tenants/{tenant}/agents`: what each agent did, and how the customers of its calls felt.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;

use super::finite;
use crate::error::Error;
use crate::openapi::operation::{Answer, JSON, Operation, schema};
use crate::params::Limit;
use crate::params::parameter::Parameter;
use crate::params::scope::Scope;
use crate::query::Database;
use crate::query::agents;

/// The parameters beside those of every scope.
pub const KNOWN: [Parameter; 1] = [Limit::PARAMETER];

/// What the document says of it.
pub const OPERATION: Operation = Operation {
    id: "agents",
    summary: "What each agent did, and how the customers of its calls felt",
    description: "Those with the most events come first.",
    parameters: &KNOWN,
    answers: &[Answer::ok(&[(JSON, schema::<Agents>)])],
    ..Operation::analytic("/v1/tenants/{tenant}/agents")
};

/// Which agents, tools or metrics of the quality of service.
pub struct Request {
    /// Their events.
    pub scope: Scope,
    /// How many of them.
    pub limit: Limit,
}

impl<S: Send + Sync> FromRequestParts<S> for Request {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let (scope, params) = Scope::of_request(parts, state, &KNOWN).await?;
        Ok(Self { scope, limit: Limit::optional(&params)? })
    }
}

/// The agents with the most events.
#[derive(Serialize, JsonSchema)]
pub struct Agents {
    /// The first moment that counts.
    #[schemars(extend("format" = "date-time"))]
    from: String,
    /// The first moment that does not count any more.
    #[schemars(extend("format" = "date-time"))]
    to: String,
    /// How many there are.
    total: u64,
    /// Those with the most events first, at most `limit`.
    agents: Vec<Agent>,
}

/// One agent.
#[derive(Serialize, JsonSchema)]
struct Agent {
    /// Its `agent_id`.
    agent: Option<String>,
    /// All its events.
    events: u64,
    /// Its calls.
    calls: u64,
    /// Its actions.
    actions: u64,
    /// Its tool invocations.
    tool_invocations: u64,
    /// Events with a score.
    scored: u64,
    /// The mean of those scores, from -1 to 1; null where there are none.
    sentiment: Option<f64>,
    /// The share of negative ones among those, 0 to 1; null where there are none.
    negative_share: Option<f64>,
    /// Mean duration of its calls in milliseconds; null where none says so.
    call_duration_ms: Option<f64>,
    /// Tool invocations that say whether they succeeded.
    judged_invocations: u64,
    /// The share of those that did, 0 to 1; null where there are none.
    tool_success: Option<f64>,
}

fn agent(row: agents::Agent) -> Agent {
    Agent {
        agent: row.agent,
        events: row.events,
        calls: row.calls,
        actions: row.actions,
        tool_invocations: row.tool_invocations,
        scored: row.scored,
        sentiment: finite(row.mean_sentiment),
        negative_share: finite(row.negative_share),
        call_duration_ms: finite(row.call_duration),
        judged_invocations: row.judged,
        tool_success: finite(row.tool_success),
    }
}

/// Lists.
///
/// # Errors
/// A 400 for a bad parameter, a 503 while ClickHouse does not answer.
pub async fn get(
    State(database): State<Database>,
    Request { scope, limit }: Request,
) -> Result<Json<Agents>, Error> {
    let found = agents::fetch(&database, &scope, &limit).await?;
    Ok(Json(Agents {
        from: scope.range.show(scope.range.from),
        to: scope.range.show(scope.range.to),
        total: found.first().map_or(0, |row| row.groups),
        agents: found.into_iter().map(agent).collect(),
    }))
}
