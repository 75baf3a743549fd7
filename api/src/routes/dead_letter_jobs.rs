//! `/v1/tenants/{tenant}/dead-letters/replay`, `/purge` and `/jobs/{id}`: what a running connector is to do
//! with a tenant's dead letters, and how far it is.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request as HttpRequest, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::dead_letters::TenantRequest;
use crate::error::Error;
use crate::openapi::operation::{self, Answer, JSON, Link, Operation, Tag, schema};
use crate::params::{Origin, Params, TenantId, path};
use crate::query::Database;
use crate::query::jobs::{self, Job, Kind, Selection};

/// What the document says of [`replay`].
pub const REPLAY: Operation = Operation {
    id: "replay_dead_letters",
    tag: Tag::DeadLetters,
    summary: "Asks for letters to be tried again",
    description: "Without a body all of the tenant's. A running connector carries the job out.",
    body: Some(operation::Body {
        is_required: false,
        meaning: "Which letters: all that is given must hold.",
        content: &[(JSON, selection)],
        example: r#"{"code": "too_deep"}"#,
    }),
    answers: &ACCEPTED,
    links: &JOB_LINK,
    ..Operation::post("/v1/tenants/{tenant}/dead-letters/replay")
};

/// What the document says of [`purge`].
pub const PURGE: Operation = Operation {
    id: "purge_dead_letters",
    tag: Tag::DeadLetters,
    summary: "Asks for letters to be emptied for good",
    description: "Their bytes and messages go; that they were there, from where and with which code, stays. A running \
        connector carries the job out.",
    body: Some(operation::Body {
        is_required: true,
        meaning: "Which letters, one of `all`, `code` and `origin` at least: all that is given must hold.",
        content: &[(JSON, explicit_selection)],
        example: r#"{"origin": {"stream": "events.ndjson#1", "partition": 0, "offset": 4711}}"#,
    }),
    answers: &ACCEPTED,
    links: &JOB_LINK,
    ..Operation::post("/v1/tenants/{tenant}/dead-letters/purge")
};

/// What the document says of [`job`].
pub const JOB: Operation = Operation {
    id: "show_dead_letter_job",
    tag: Tag::DeadLetters,
    summary: "How far a job is",
    description: "A job that nobody has reported on for a minute is taken up by another connector.",
    answers: &[Answer::ok(&[(JSON, schema::<Reported>)])],
    missing: Some("The tenant has no such job."),
    ..Operation::get("/v1/tenants/{tenant}/dead-letters/jobs/{id}")
};

const ACCEPTED: [Answer; 1] = [Answer {
    status: 202,
    meaning: "The job, as it was requested.",
    content: &[(JSON, schema::<Reported>)],
}];
const JOB_LINK: [Link; 1] = [Link {
    name: "job",
    operation: "show_dead_letter_job",
    parameters: &[("tenant", "$request.path.tenant"), ("id", "$response.body#/job/id")],
}];

/// `all` goes alone.
fn selection(generator: &mut SchemaGenerator) -> Schema {
    let mut body = Body::json_schema(generator);
    let [all, code, origin] = said();
    body.insert("not".to_owned(), json!({"allOf": [all, {"anyOf": [code, origin]}]}));
    body
}

/// And something is said.
fn explicit_selection(generator: &mut SchemaGenerator) -> Schema {
    let mut body = selection(generator);
    body.insert("anyOf".to_owned(), json!(said()));
    body
}

/// That a field of [`Body`] says something.
fn said() -> [Value; 3] {
    let field = |name: &str, values: Value| json!({"properties": {name: values}, "required": [name]});
    let not_null = || json!({"not": {"type": "null"}});
    [field("all", json!({"const": true})), field("code", not_null()), field("origin", not_null())]
}

/// What the body says. All that is given must hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Body {
    /// Every letter of the tenant; goes without `code` and `origin`.
    #[serde(default)]
    all: bool,
    /// Those with this code.
    code: Option<String>,
    /// The one from there.
    origin: Option<Origin>,
}

/// Which letters, of whom.
pub struct Request {
    tenant: TenantId,
    is_explicit: bool,
    selection: Selection,
}

impl<S: Send + Sync> FromRequest<S> for Request {
    type Rejection = Error;

    async fn from_request(request: HttpRequest, state: &S) -> Result<Self, Error> {
        let (mut parts, body) = request.into_parts();
        let TenantRequest { tenant } = TenantRequest::from_request_parts(&mut parts, state).await?;
        let bad = |message: String| Error::BadParameter { parameter: None, message };
        let body = Bytes::from_request(HttpRequest::from_parts(parts, body), state).await;
        let body = body.map_err(|error| match error.into_response().status() {
            StatusCode::PAYLOAD_TOO_LARGE => Error::BodyTooLarge,
            _ => bad("the body cannot be read".to_owned()),
        })?;
        let Body { all, code, origin } = match body.trim_ascii() {
            b"" => Body::default(),
            // A list of the three values would be read, too.
            [first, ..] if *first != b'{' => return Err(bad("the body must be a JSON object".to_owned())),
            body => serde_json::from_slice(body).map_err(|error| bad(format!("the body: {error}")))?,
        };
        if all && (code.is_some() || origin.is_some()) {
            return Err(bad("the body: all goes without code and origin".to_owned()));
        }
        let is_explicit = all || code.is_some() || origin.is_some();
        Ok(Self { tenant, is_explicit, selection: Selection { code, origin } })
    }
}

/// A job.
#[derive(Serialize, JsonSchema)]
pub struct Reported {
    /// As it was last reported on.
    job: Job,
}

/// Asks for letters to be tried again; without a body all of the tenant's.
///
/// # Errors
/// A 400 for a bad body, a 503 while ClickHouse does not answer.
pub async fn replay(State(database): State<Database>, request: Request) -> Result<Response, Error> {
    accept(&database, Kind::Replay, &request).await
}

/// Asks for letters to be emptied; the body says which.
///
/// # Errors
/// As [`replay`]; and a 400 where the body selects nothing.
pub async fn purge(State(database): State<Database>, request: Request) -> Result<Response, Error> {
    if !request.is_explicit {
        let message = "the body must say which letters: code, origin, or \"all\": true";
        return Err(Error::BadParameter { parameter: None, message: message.to_owned() });
    }
    accept(&database, Kind::Purge, &request).await
}

async fn accept(database: &Database, kind: Kind, request: &Request) -> Result<Response, Error> {
    let Request { tenant, selection, .. } = request;
    let id = jobs::request(database, tenant, kind, selection).await?;
    let job = jobs::find(database, tenant, id).await?.ok_or(Error::Internal)?;
    Ok((StatusCode::ACCEPTED, [(header::CACHE_CONTROL, "no-store")], Json(Reported { job })).into_response())
}

/// Which job, of whom.
pub struct JobRequest {
    tenant: TenantId,
    id: Uuid,
}

impl<S: Send + Sync> FromRequestParts<S> for JobRequest {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let (tenant, id): (String, String) = path(parts, state).await?;
        Params::parse(parts.uri.query(), &[])?;
        // What is no id is no job's.
        let id = Uuid::try_parse(&id).map_err(|_| Error::NotFound)?;
        Ok(Self { tenant: TenantId::of_path(tenant)?, id })
    }
}

/// How far a job is.
///
/// # Errors
/// A 404 where the tenant has no such job, a 503 while ClickHouse does not answer.
pub async fn job(State(database): State<Database>, request: JobRequest) -> Result<Json<Reported>, Error> {
    let job = jobs::find(&database, &request.tenant, request.id).await?.ok_or(Error::NotFound)?;
    Ok(Json(Reported { job }))
}
