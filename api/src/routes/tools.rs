//! `/v1/tenants/{tenant}/tools`: how often each tool was invoked, succeeded, and how long it took.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::agents::Request;
use super::finite;
use crate::error::Error;
use crate::interval::wilson;
use crate::query::Database;
use crate::query::tools;

/// The tools that were invoked the most.
#[derive(Serialize)]
pub struct Tools {
    from: String,
    to: String,
    /// How many there are.
    total: u64,
    tools: Vec<Tool>,
}

#[derive(Serialize)]
struct Tool {
    tool: Option<String>,
    invocations: u64,
    /// How many agents invoked it.
    agents: u64,
    /// Invocations that say whether they succeeded.
    judged: u64,
    /// The share of those that did, with its 95 % interval.
    success: Option<f64>,
    success_lower: Option<f64>,
    success_upper: Option<f64>,
    /// Invocations that say how long they took.
    timed: u64,
    latency_ms: Latency,
}

/// Of those; in milliseconds.
#[derive(Serialize)]
struct Latency {
    mean: Option<f64>,
    p50: Option<f64>,
    p95: Option<f64>,
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
