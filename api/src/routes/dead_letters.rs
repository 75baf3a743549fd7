//! `/v1/tenants/{tenant}/dead-letters`: what of a tenant's was rejected, and what has become of it.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::Error;
use crate::openapi::operation::{Answer, JSON, Link, Operation, Tag, bytes, schema};
use crate::params::format::Format;
use crate::params::parameter::{OneOf, Parameter, Schema, Text};
use crate::params::{Limit, Origin, Params, TenantId, path};
use crate::query::Database;
use crate::query::dead_letters::{self, Attempt, Count, Filter, Letter, STATES};

/// Raw bytes, for those who ask for them.
const RAW: &str = "application/octet-stream";

const CODE: Text =
    Text { name: "code", meaning: "Only letters with this code.", longest: 128, example: "missing_field" };
const STATE: OneOf = OneOf { name: "state", meaning: "Only letters in this state.", values: &STATES };
const AFTER: Parameter = Parameter {
    name: "after",
    meaning: "Only letters behind this origin, `STREAM/PARTITION/OFFSET`: `next` of the page before.",
    is_required: false,
    schema: Schema::Own(origin_schema),
    example: "events.ndjson#1/0/4711",
};
const KNOWN: [Parameter; 5] =
    [CODE.parameter(), STATE.parameter(), Limit::PARAMETER, AFTER, Format::PARAMETER];

fn origin_schema() -> Value {
    json!({"type": "string", "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]+/[0-9]{1,9}/[0-9]{1,18}$"})
}

/// What the document says of [`list`].
pub const LIST: Operation = Operation {
    id: "list_dead_letters",
    tag: Tag::DeadLetters,
    summary: "Letters, in the order of their origins, page by page",
    description: "Where a page is full, `next` is the `after` of the next one.",
    parameters: &KNOWN,
    answers: &[Answer::ok(&[(JSON, schema::<List>)])],
    links: &[Link {
        name: "dead_letter",
        operation: "show_dead_letter",
        parameters: &[
            ("tenant", "$request.path.tenant"),
            ("stream", "$response.body#/dead_letters/0/origin_stream"),
            ("partition", "$response.body#/dead_letters/0/origin_partition"),
            ("offset", "$response.body#/dead_letters/0/origin_offset"),
        ],
    }],
    ..Operation::get("/v1/tenants/{tenant}/dead-letters")
};

/// What the document says of [`counts`].
pub const COUNTS: Operation = Operation {
    id: "count_dead_letters",
    tag: Tag::DeadLetters,
    summary: "How many letters, by code and state",
    description: "The most first.",
    answers: &[Answer::ok(&[(JSON, schema::<Counts>)])],
    ..Operation::get("/v1/tenants/{tenant}/dead-letters/counts")
};

/// What the document says of [`show`].
pub const SHOW: Operation = Operation {
    id: "show_dead_letter",
    tag: Tag::DeadLetters,
    summary: "One letter with its original and every attempt",
    description: "With `accept: application/octet-stream`, the original bytes alone.",
    answers: &[Answer::ok(&[(JSON, schema::<Shown>), (RAW, bytes)])],
    missing: Some("The tenant has no such letter."),
    ..Operation::get("/v1/tenants/{tenant}/dead-letters/{stream}/{partition}/{offset}")
};

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
        let params = Params::parse(parts.uri.query(), &KNOWN)?;
        let filter = Filter {
            code: CODE.read(&params)?.map(str::to_owned),
            state: STATE.read(&params)?,
            origin: None,
            after: params.get(AFTER.name).map(|text| Origin::parse(AFTER.name, text)).transpose()?,
        };
        Ok(Self { tenant, filter, limit: Limit::optional(&params)? })
    }
}

/// A page of letters, and where the next one begins.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeadLetterPage")]
pub struct List {
    /// At most `limit`.
    dead_letters: Vec<Letter>,
    /// What to give as `after`; null where nothing follows.
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
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeadLetterCounts")]
pub struct Counts {
    /// The most first.
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
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ShownDeadLetter")]
pub struct Shown {
    #[serde(flatten)]
    letter: Letter,
    /// The bytes as they were sent.
    original: Original,
    /// Every attempt to replay it, the first first.
    attempts: Vec<Attempt>,
}

/// The bytes as they were sent; empty where they were purged.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Original {
    /// Where they are UTF-8.
    Text(String),
    /// Where they are not.
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
