//! `/v1/tenants/{tenant}/dead-letters`: what of a tenant's was rejected, and what has become of it.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::Error;
use crate::params::format::Format;
use crate::params::{Limit, Origin, Params, TenantId, path};
use crate::query::Database;
use crate::query::dead_letters::{self, Attempt, Count, Filter, Letter};

/// Raw bytes, for those who ask for them.
const RAW: &str = "application/octet-stream";

/// Which letters to list.
pub struct ListRequest {
    pub(super) tenant: TenantId,
    pub(super) filter: Filter,
    pub(super) limit: Limit,
}

impl<S: Send + Sync> FromRequestParts<S> for ListRequest {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let tenant = TenantId::of_path(path(parts, state).await?)?;
        let params =
            Params::parse(parts.uri.query(), &["code", "state", Limit::NAME, "after", Format::NAME])?;
        let filter = Filter {
            code: params.get("code").map(str::to_owned),
            state: params.one_of("state", &["open", "replayed", "purged", "failed_again"])?,
            origin: None,
            after: params.get("after").map(|text| Origin::parse("after", text)).transpose()?,
        };
        Ok(Self { tenant, filter, limit: Limit::optional(&params)? })
    }
}

/// A page of letters, and where the next one begins.
#[derive(Serialize)]
pub struct List {
    dead_letters: Vec<Letter>,
    /// What to give as `after`; none where nothing follows.
    next: Option<String>,
}

/// Lists, in the order of the origins.
///
/// # Errors
/// A 400 for a bad parameter, a 503 while ClickHouse does not answer.
pub async fn list(State(database): State<Database>, request: ListRequest) -> Result<Json<List>, Error> {
    let ListRequest { tenant, filter, limit } = request;
    let dead_letters = dead_letters::list(&database, &tenant, &filter, &limit).await?;
    let is_full = dead_letters.len() == limit.get() as usize;
    let last = dead_letters.last().filter(|_| is_full).map(|letter| {
        format!("{}/{}/{}", letter.origin_stream, letter.origin_partition, letter.origin_offset)
    });
    Ok(Json(List { dead_letters, next: last }))
}

/// Whose letters.
pub struct TenantRequest {
    /// The tenant.
    pub tenant: TenantId,
}

impl<S: Send + Sync> FromRequestParts<S> for TenantRequest {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let tenant = TenantId::of_path(path(parts, state).await?)?;
        Params::parse(parts.uri.query(), &[])?;
        Ok(Self { tenant })
    }
}

/// Numbers by code and state.
#[derive(Serialize)]
pub struct Counts {
    counts: Vec<Count>,
}

/// Counts.
///
/// # Errors
/// As [`list`].
pub async fn counts(
    State(database): State<Database>,
    TenantRequest { tenant }: TenantRequest,
) -> Result<Json<Counts>, Error> {
    Ok(Json(Counts { counts: dead_letters::counts(&database, &tenant).await? }))
}

/// Which letter.
pub struct ShowRequest {
    tenant: TenantId,
    origin: Origin,
    is_raw: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for ShowRequest {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let (tenant, stream, partition, offset): (String, String, String, String) =
            path(parts, state).await?;
        Params::parse(parts.uri.query(), &[])?;
        let origin = Origin::of_path(stream, &partition, &offset)?;
        Ok(Self { tenant: TenantId::of_path(tenant)?, origin, is_raw: wants_raw(&parts.headers) })
    }
}

fn wants_raw(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(RAW)))
}

/// A letter with everything.
#[derive(Serialize)]
pub struct Shown {
    #[serde(flatten)]
    letter: Letter,
    original: Original,
    attempts: Vec<Attempt>,
}

/// The bytes as they were sent.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Original {
    Text(String),
    Base64(String),
}

/// Shows one: as JSON with its history, or its original bytes as they are.
///
/// # Errors
/// A 404 where the tenant has no such letter; else as [`list`].
pub async fn show(State(database): State<Database>, request: ShowRequest) -> Result<Response, Error> {
    let ShowRequest { tenant, origin, is_raw } = request;
    let letter = dead_letters::find(&database, &tenant, &origin).await?.ok_or(Error::NotFound)?;
    if is_raw {
        let original = dead_letters::raw(&database, &tenant, &origin).await?;
        return Ok(([(header::CONTENT_TYPE, RAW)], original).into_response());
    }
    let original = dead_letters::original(&database, &tenant, &origin).await?.ok_or(Error::NotFound)?;
    let original = match original.is_text {
        true => Original::Text(original.shown),
        false => Original::Base64(original.shown),
    };
    let attempts = dead_letters::attempts(&database, &origin).await?;
    Ok(Json(Shown { letter, original, attempts }).into_response())
}
