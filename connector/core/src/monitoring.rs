//! The connector's own HTTP surface: `/healthz`, `/readyz`, `/metrics`.
//!
//! Health says that the process lives, readiness that records can flow. Several parts take part in
//! that (the source, ClickHouse, the pipeline), each through a [`Part`] of one [`Readiness`], so that
//! one part's recovery never hides another's trouble.

mod health;
mod readiness;

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

use crate::config::sections::Monitoring;
use crate::metrics::Metrics;
pub use health::Health;
pub use readiness::{Part, Readiness, Status};

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be had.
    #[error("monitoring cannot listen on {host}:{port}: {source}; set monitoring.port to a free port")]
    Bind {
        /// `monitoring.host`.
        host: String,
        /// `monitoring.port`.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// The server stopped by itself.
    #[error("monitoring stopped: {0}")]
    Serve(#[source] io::Error),
}

/// A server that is bound, so that a taken port is known before anything else starts.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
}

impl Server {
    /// Binds the address of the configuration.
    ///
    /// # Errors
    /// The port is taken or the host is none of this machine's.
    pub async fn bind(config: &Monitoring, metrics: Metrics, readiness: Readiness) -> Result<Self, Error> {
        let failed = |source| Error::Bind { host: config.host.clone(), port: config.port, source };
        let listener = TcpListener::bind((config.host.as_str(), config.port)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let router = Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(render))
            .with_state(Surface { metrics, readiness });
        Ok(Self { listener, address, router })
    }

    /// Where it listens: with `monitoring.port` 0, the port that was free.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the future is done, then answers what is under way and returns.
    ///
    /// # Errors
    /// The listener broke.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        axum::serve(self.listener, self.router).with_graceful_shutdown(shutdown).await.map_err(Error::Serve)
    }
}

#[derive(Debug, Clone)]
struct Surface {
    metrics: Metrics,
    readiness: Readiness,
}

async fn healthz() -> Json<serde_json::Value> {
    Json(json!({"status": "ok"}))
}

async fn readyz(State(surface): State<Surface>) -> Response {
    match surface.readiness.status() {
        Status::Ready => Json(json!({"status": "ok"})).into_response(),
        Status::Starting => unready("starting"),
        Status::Unready(reason) => unready(&reason),
    }
}

fn unready(reason: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"status": "unready", "reason": reason}))).into_response()
}

async fn render(State(surface): State<Surface>) -> impl IntoResponse {
    surface.metrics.ready(surface.readiness.status() == Status::Ready);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], surface.metrics.render())
}

#[cfg(test)]
mod tests;
