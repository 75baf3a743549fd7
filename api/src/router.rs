//! Every route of the API, on one page.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{FromRef, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

use crate::access::credentials::{self, Credentials};
use crate::access::guard::{Guard, admit, surround};
use crate::access::limits::Limits;
use crate::cache::{self, Cache};
use crate::config::Config;
use crate::error::Error;
use crate::ingest::{Ingest, StartError};
use crate::live::Live;
use crate::metrics::{Metrics, Request as Answered};
use crate::query::Database;
use crate::query::export::Exports;
use crate::routes::document::{self, Document};
use crate::routes::export::divert;
use crate::routes::{agents, breakdown, distribution, event, events, qos, tenant_summary, timeseries, tools};
use crate::routes::{audit, dead_letter_jobs, dead_letters, health, ingest, live, metrics, summary};

/// What handlers share; each takes the part that it names.
#[derive(Clone)]
struct Shared {
    database: Database,
    metrics: Metrics,
    live: Live,
    ingest: Ingest,
    document: Document,
}

impl FromRef<Shared> for Document {
    fn from_ref(shared: &Shared) -> Self {
        shared.document.clone()
    }
}

impl FromRef<Shared> for Ingest {
    fn from_ref(shared: &Shared) -> Self {
        shared.ingest.clone()
    }
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

impl FromRef<Shared> for Live {
    fn from_ref(shared: &Shared) -> Self {
        shared.live.clone()
    }
}

/// Why there is no router.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The metrics cannot be registered.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
    /// The credentials cannot be read.
    #[error(transparent)]
    Credentials(#[from] credentials::Error),
    /// Events cannot be taken.
    #[error(transparent)]
    Ingest(#[from] StartError),
}

/// Builds the API of this configuration. No ClickHouse is connected before the first request.
///
/// # Errors
/// The metrics cannot be registered, the files of credentials not read, or events not taken.
pub fn new(config: &Config) -> Result<Router, BuildError> {
    let Config { clickhouse, api } = config;
    let metrics = Metrics::new()?;
    let database = Database::new(clickhouse, &api.limits, metrics.clone());
    let exports = Exports::new(&database, &api.limits);
    let limits = Limits::new(&api.limits, metrics.clone());
    let guard = Guard { credentials: Credentials::load(&api.access)?, limits };
    let cache = Cache::new(api.cache, metrics.clone());
    let live = Live::new(database.clone(), api.limits.live_streams);
    let ingest = Ingest::start(&api.ingest, &metrics)?;
    let document = Document::new(api.access.open);
    let shared = Shared { database, metrics, live, ingest, document };
    Ok(Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/openapi.json", get(document::json))
        .route("/docs", get(document::html))
        .route("/metrics", get(metrics::text))
        .route("/metrics/summary", get(summary::get))
        .route("/v1/audit", get(audit::get))
        .route("/v1/tenants/{tenant}/summary", get(tenant_summary::get))
        .route("/v1/tenants/{tenant}/timeseries", get(timeseries::get))
        .route("/v1/tenants/{tenant}/distribution", get(distribution::get))
        .route("/v1/tenants/{tenant}/breakdown", get(breakdown::get))
        .route("/v1/tenants/{tenant}/events", get(events::list).post(ingest::post))
        .route("/v1/tenants/{tenant}/events/{id}", get(event::get))
        .route("/v1/tenants/{tenant}/agents", get(agents::get))
        .route("/v1/tenants/{tenant}/tools", get(tools::get))
        .route("/v1/tenants/{tenant}/qos", get(qos::get))
        .route("/v1/tenants/{tenant}/live", get(live::get))
        .route("/v1/tenants/{tenant}/dead-letters", get(dead_letters::list))
        .route("/v1/tenants/{tenant}/dead-letters/counts", get(dead_letters::counts))
        .route("/v1/tenants/{tenant}/dead-letters/{stream}/{partition}/{offset}", get(dead_letters::show))
        .route("/v1/tenants/{tenant}/dead-letters/replay", post(dead_letter_jobs::replay))
        .route("/v1/tenants/{tenant}/dead-letters/purge", post(dead_letter_jobs::purge))
        .route("/v1/tenants/{tenant}/dead-letters/jobs/{id}", get(dead_letter_jobs::job))
        .route_layer(middleware::from_fn_with_state(cache, cache::answer))
        // Before the cache, which then sees nothing but JSON.
        .route_layer(middleware::from_fn_with_state(exports, divert))
        .route_layer(middleware::from_fn_with_state(Arc::new(guard), admit))
        .fallback(async || Error::NotFound)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .layer(middleware::from_fn_with_state(shared.metrics.clone(), measure))
        .layer(middleware::from_fn(surround))
        .with_state(shared))
}

async fn measure(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let (start, _in_flight) = (Instant::now(), metrics.begin());
    let response = next.run(request).await;
    metrics.answered(&Answered {
        route: route.as_ref().map(MatchedPath::as_str),
        method: method.as_str(),
        status: response.status().as_u16(),
        took: start.elapsed(),
    });
    response
}

#[cfg(test)]
mod tests;
