//! `POST /v1/tenants/{tenant}/events`: one event or many, each answered for itself once all are durable.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::{Schema, SchemaGenerator};
use tokio::task::spawn_blocking;

use super::dead_letters::TenantRequest;
use crate::error::Error;
use crate::ingest::documents::{Form, split};
use crate::ingest::outcome::{Results, Sorted, answer, sort};
use crate::ingest::{self, Ingest};
use crate::metrics::Metrics;
use crate::openapi::operation::{self, Answer, JSON, Operation, Tag, schema};

/// What the document says of it.
pub const OPERATION: Operation = Operation {
    id: "post_events",
    tag: Tag::Ingest,
    summary: "Takes events, one or many",
    description: "Answered once what is good is durable; every event has a result of its own. Where `api.ingest.mode` is off, \
        as it is by default, it is a 403. An event is known by tenant, `event_id` and `timestamp`, so that sending it again does \
        not double it.",
    body: Some(operation::Body {
        is_required: true,
        meaning: "One event, an array of them, or one a line. Each must be of this tenant.",
        content: &[("application/json", events), ("application/x-ndjson", lines)],
        example: "",
    }),
    answers: &[
        Answer {
            status: 202,
            meaning: "All are accepted, which says durable.",
            content: &[(JSON, schema::<Results>)],
        },
        Answer {
            status: 207,
            meaning: "Some are accepted; `results` says which.",
            content: &[(JSON, schema::<Results>)],
        },
    ],
    ..Operation::post("/v1/tenants/{tenant}/events")
};

/// An event is held against its contract by the handler, which gives every fault a code.
fn events(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({"type": ["object", "array"], "minItems": 1})
}

/// At least one line that is not empty.
fn lines(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({"type": "string", "pattern": "[^\\s]"})
}

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
    let (mut parts, body) = request.into_parts();
    let TenantRequest { tenant } = TenantRequest::from_request_parts(&mut parts, &()).await?;
    let intake = Arc::clone(ingest.intake()?);
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
