//! `GET /metrics`: the API's own metrics, for Prometheus.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::error::Error;
use crate::metrics::Metrics;
use crate::openapi::operation::{Answer, Operation, Tag, text as any_text};

/// What the document says of it.
pub const OPERATION: Operation = Operation {
    id: "metrics",
    tag: Tag::Operation,
    summary: "The API's own metrics, for Prometheus",
    description: "In Prometheus' text format, by route and status.",
    answers: &[Answer {
        status: 200,
        meaning: "Prometheus' text format.",
        content: &[(Metrics::CONTENT_TYPE, any_text)],
    }],
    ..Operation::get("/metrics")
};

/// Renders the metrics in Prometheus' text format.
///
/// # Errors
/// A 500 if a metric cannot be encoded.
pub async fn text(State(metrics): State<Metrics>) -> Result<impl IntoResponse, Error> {
    let text = metrics.render().map_err(|error| {
        tracing::error!(%error, "metrics cannot be encoded");
        Error::Internal
    })?;
    Ok(([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], text))
}
