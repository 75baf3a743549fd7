//! `/v1/tenants/{tenant}/tools`: how often each tool was invoked, succeeded, and how long it took.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::agents::{KNOWN, Request};
use super::finite;
use crate::error::Error;
use crate::interval::wilson;
use crate::openapi::operation::{Answer, JSON, Operation, schema};
use crate::query::Database;
use crate::query::tools;

/// What the document says of it.
pub const OPERATION: Operation = Operation {
    id: "tools",
    summary: "How often each tool was invoked, succeeded, and how long it took",
    description: "Those that were invoked the most come first.",
    parameters: &KNOWN,
    answers: &[Answer::ok(&[(JSON, schema::<Tools>)])],
    ..Operation::analytic("/v1/tenants/{tenant}/tools")
};

/// The tools that were invoked the most.
#[derive(Serialize, JsonSchema)]
pub struct Tools {
    /// The first moment that counts.
    #[schemars(extend("format" = "date-time"))]
    from: String,
    /// The first moment that does not count any more.
    #[schemars(extend("format" = "date-time"))]
    to: String,
    /// How many there are.
    total: u64,
    /// The most invoked first, at most `limit`.
    tools: Vec<Tool>,
}

/// One tool.
#[derive(Serialize, JsonSchema)]
struct Tool {
    /// Its name.
    tool: Option<String>,
    /// How often it was invoked.
    invocations: u64,
    /// How many agents invoked it.
    agents: u64,
    /// Invocations that say whether they succeeded.
    judged: u64,
    /// The share of those that did, 0 to 1; null where none says so.
    success: Option<f64>,
    /// The lower end of its 95 % interval.
    success_lower: Option<f64>,
    /// The upper end.
    success_upper: Option<f64>,
    /// Invocations that say how long they took.
    timed: u64,
    /// How long, in milliseconds.
    latency_ms: Latency,
}

/// Of those that say so; in milliseconds, null where none does.
#[derive(Serialize, JsonSchema)]
struct Latency {
    /// The mean.
    mean: Option<f64>,
    /// The median.
    p50: Option<f64>,
    /// What 95 % stay below.
    p95: Option<f64>,
    /// What 99 % stay below.
    p99: Option<f64>,
}

fn tool(row: tools::Tool) -> Tool {
    let success = finite(row.success);
    let (success_lower, success_upper) = success.and_then(|success| wilson(success, row.judged)).unzip();
    let quantile = |at: usize| finite(row.latencies.get(at).copied());
    Tool {
        latency_ms: Latency {
            mean: finite(row.latency),
            p50: quantile(0),
            p95: quantile(1),
            p99: quantile(2),
        },
        tool: row.tool,
        invocations: row.invocations,
        agents: row.agents,
        judged: row.judged,
        success,
        success_lower,
        success_upper,
        timed: row.timed,
    }
}

/// Lists.
///
/// # Errors
/// A 400 for a bad parameter, a 503 while ClickHouse does not answer.
pub async fn get(
    State(database): State<Database>,
    Request { scope, limit }: Request,
) -> Result<Json<Tools>, Error> {
    let found = tools::fetch(&database, &scope, &limit).await?;
    Ok(Json(Tools {
        from: scope.range.show(scope.range.from),
        to: scope.range.show(scope.range.to),
        total: found.first().map_or(0, |row| row.groups),
        tools: found.into_iter().map(tool).collect(),
    }))
}
