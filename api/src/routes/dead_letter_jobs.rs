//! `/v1/tenants/{tenant}/dead-letters/replay`, `/purge` and `/jobs/{id}`: what a running connector is to do
//! with a tenant's dead letters, and how far it is.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request as HttpRequest, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::dead_letters::TenantRequest;
use crate::error::Error;
use crate::params::{Origin, Params, TenantId, path};
use crate::query::Database;
use crate::query::jobs::{self, Job, Kind, Selection};

/// What the body says. All that is given must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    /// Every letter of the tenant.
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
#[derive(Serialize)]
pub struct Answer {
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
    Ok((StatusCode::ACCEPTED, [(header::CACHE_CONTROL, "no-store")], Json(Answer { job })).into_response())
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
pub async fn job(State(database): State<Database>, request: JobRequest) -> Result<Json<Answer>, Error> {
    let job = jobs::find(&database, &request.tenant, request.id).await?.ok_or(Error::NotFound)?;
    Ok(Json(Answer { job }))
}
