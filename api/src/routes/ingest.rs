//! `POST /v1/tenants/{tenant}/events`: one event or many, each answered for itself once all are durable.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

use super::dead_letters::TenantRequest;
use crate::error::Error;
use crate::ingest::documents::{Form, split};
use crate::ingest::outcome::{Sorted, answer, sort};
use crate::ingest::{self, Ingest};
use crate::metrics::Metrics;

/// How long a body may take to arrive, so that slow ones do not keep the places of others.
const BODY_LIMIT: Duration = Duration::from_secs(30);

/// Takes events.
///
/// # Errors
/// What [`ingest::Error`] says, and a 400 for a bad tenant. Of events that are bad themselves the answer says it.
pub async fn post(
    State(ingest): State<Ingest>,
    State(metrics): State<Metrics>,
    request: Request,
) -> Result<Response, Error> {
    let intake = Arc::clone(ingest.intake()?);
    let (mut parts, body) = request.into_parts();
    let TenantRequest { tenant } = TenantRequest::from_request_parts(&mut parts, &()).await?;
    let form =
        Form::of(text(&parts.headers, header::CONTENT_TYPE), text(&parts.headers, header::CONTENT_ENCODING))?;
    intake.has_room()?;
    let body = read(Request::from_parts(parts, body), intake.body_bytes).await?;
    // Megabytes of JSON: not on a thread that answers others.
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let judge = Arc::clone(&intake);
    let judged = spawn_blocking(move || {
        let documents = split(form, &body, judge.events)?;
        Ok::<_, ingest::Error>(sort(documents, tenant.as_str(), now_ms, &judge.params))
    });
    let Sorted { lines, outcomes } = judged.await.map_err(|_| Error::Internal)??;
    let (accepted, rejected) = (lines.len(), outcomes.len() - lines.len());
    if accepted > 0 {
        intake.store(lines).await.inspect_err(|_| metrics.ingested("not_stored", accepted))?;
    }
    metrics.ingested("accepted", accepted);
    metrics.ingested("rejected", rejected);
    Ok(answer(accepted, outcomes))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

async fn read(mut request: Request, most: usize) -> Result<Bytes, ingest::Error> {
    DefaultBodyLimit::max(most).apply(&mut request);
    let read = tokio::time::timeout(BODY_LIMIT, Bytes::from_request(request, &()));
    let read = read.await.map_err(|_| ingest::Error::TooSlow { seconds: BODY_LIMIT.as_secs() })?;
    read.map_err(|error| match error.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => ingest::Error::BodyTooLarge { most },
        _ => ingest::Error::BrokenOff,
    })
}
