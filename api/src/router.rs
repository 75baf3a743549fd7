//! Every route of the API, on one page.

use std::time::Instant;

use axum::Router;
use axum::extract::{FromRef, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

use crate::config::ClickHouse;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::query::Database;
use crate::routes::{agents, breakdown, distribution, event, events, qos, tenant_summary, timeseries, tools};
use crate::routes::{audit, dead_letter_jobs, dead_letters, health, metrics, summary};

/// What handlers share; each takes the part that it names.
#[derive(Clone)]
struct Shared {
    database: Database,
    metrics: Metrics,
}

impl FromRef<Shared> for Database {
    fn from_ref(shared: &Shared) -> Self {
        shared.database.clone()
    }
}

impl FromRef<Shared> for Metrics {
    fn from_ref(shared: &Shared) -> Self {
        shared.metrics.clone()
    }
}

/// Builds the API over this ClickHouse. Nothing is connected before the first request.
///
/// # Errors
/// The metrics cannot be registered.
pub fn new(clickhouse: &ClickHouse) -> Result<Router, prometheus::Error> {
    let shared = Shared { database: Database::new(clickhouse), metrics: Metrics::new()? };
    Ok(Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::text))
        .route("/metrics/summary", get(summary::get))
        .route("/v1/audit", get(audit::get))
        .route("/v1/tenants/{tenant}/summary", get(tenant_summary::get))
        .route("/v1/tenants/{tenant}/timeseries", get(timeseries::get))
        .route("/v1/tenants/{tenant}/distribution", get(distribution::get))
        .route("/v1/tenants/{tenant}/breakdown", get(breakdown::get))
        .route("/v1/tenants/{tenant}/events", get(events::list))
        .route("/v1/tenants/{tenant}/events/{id}", get(event::get))
        .route("/v1/tenants/{tenant}/agents", get(agents::get))
        .route("/v1/tenants/{tenant}/tools", get(tools::get))
        .route("/v1/tenants/{tenant}/qos", get(qos::get))
        .route("/v1/tenants/{tenant}/dead-letters", get(dead_letters::list))
        .route("/v1/tenants/{tenant}/dead-letters/counts", get(dead_letters::counts))
        .route("/v1/tenants/{tenant}/dead-letters/{stream}/{partition}/{offset}", get(dead_letters::show))
        .route("/v1/tenants/{tenant}/dead-letters/replay", post(dead_letter_jobs::replay))
        .route("/v1/tenants/{tenant}/dead-letters/purge", post(dead_letter_jobs::purge))
        .route("/v1/tenants/{tenant}/dead-letters/jobs/{id}", get(dead_letter_jobs::job))
        .fallback(async || Error::NotFound)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .layer(middleware::from_fn_with_state(shared.metrics.clone(), measure))
        .with_state(shared))
}

async fn measure(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let start = Instant::now();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    metrics.observe(route, response.status().as_u16(), start.elapsed());
    response
}

#[cfg(test)]
mod tests;
