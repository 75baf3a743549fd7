//! What can go wrong, from the errors themselves: status, title, code and an example of each.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::operation::Operation;
use crate::access::Role;
use crate::error::{Error, PROBLEM, Problem};
use crate::ingest::{self, outcome};
use crate::routes::{self, health, metrics};

/// One of every kind, so that its status and words are those of the code.
fn examples() -> Vec<Error> {
    let parameter = "days";
    let mut all = vec![
        Error::BadParameter {
            parameter: Some(parameter.to_owned()),
            message: "days must be a whole number from 1 to 3650".to_owned(),
        },
        Error::Unauthenticated { was_given: true },
        Error::OtherTenant,
        Error::RoleMissing { needed: Role::Manage },
        Error::NotFound,
        Error::MethodNotAllowed,
        Error::BodyTooLarge,
        Error::BadCombination {
            parameter: "from",
            message: "from must lie before to; without to, before now".to_owned(),
        },
        Error::TooManyRows,
        Error::TooManyRequests { seconds: 1 },
        Error::Internal,
        Error::Unavailable { message: "ClickHouse does not answer".into() },
    ];
    all.push(Error::HttpVersion);
    all.extend(INGEST.map(Error::Ingest));
    all
}

/// Those of events that are sent. Of what is said elsewhere, too, the more general is shown.
const INGEST: [ingest::Error; 13] = [
    ingest::Error::Off,
    ingest::Error::MediaType("content-type must be application/json or application/x-ndjson"),
    ingest::Error::Empty,
    ingest::Error::NotJson(String::new()),
    ingest::Error::TooSlow { seconds: 30 },
    ingest::Error::BrokenOff,
    ingest::Error::TooMany { most: 10_000 },
    ingest::Error::QueueFull,
    ingest::Error::SpoolFull,
    ingest::Error::NotWritten,
    ingest::Error::SpoolFailed,
    ingest::Error::Ended,
    ingest::Error::Unknown,
];

fn meaning(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "A parameter or the body is wrong; `parameter` names it.",
        StatusCode::UNAUTHORIZED => "A credential is needed, or the one that was shown is not valid.",
        StatusCode::FORBIDDEN => {
            "The credential is of another tenant, whether that exists or not, or lacks the role."
        }
        StatusCode::NOT_FOUND => "There is nothing at this path.",
        StatusCode::METHOD_NOT_ALLOWED => {
            "The path does not answer this method; `allow` names those that it does."
        }
        StatusCode::PAYLOAD_TOO_LARGE => "The body is larger than it may be, or has more events.",
        StatusCode::HTTP_VERSION_NOT_SUPPORTED => {
            "A file over HTTP/1.0, which cannot tell one that broke off from a complete one."
        }
        StatusCode::REQUEST_TIMEOUT => "The body did not arrive in time.",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "The body is of another type.",
        StatusCode::UNPROCESSABLE_ENTITY => {
            "Of events that were sent none is accepted, and `results` says why. Else: the parameters cannot hold together, or this would read more rows than one question may."
        }
        StatusCode::TOO_MANY_REQUESTS => {
            "Too many requests of this tenant or this address; `retry-after` says when to come again."
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            "ClickHouse does not answer or is overloaded, or too many requests are asked at once; waiting helps."
        }
        _ => "A fault of the API's; its log has the cause.",
    }
}

/// Where in the components the answer of a status lies.
fn name(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("Problem").replace(' ', "")
}

/// Problem details.
pub(super) fn schema() -> Value {
    let mut codes: BTreeSet<&str> = examples().iter().map(Error::code).collect();
    codes.insert(outcome::ALL_REJECTED);
    let mut schema = schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.meta_schema = None)
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Problem<'_>>();
    schema.remove("title");
    let mut schema = schema.to_value();
    schema["properties"]["code"]["enum"] = json!(codes);
    schema
}

/// All answers of errors, for the components.
pub(super) fn responses() -> Value {
    let mut responses = Map::new();
    for error in examples() {
        let status = error.status();
        let response = responses.entry(name(status)).or_insert_with(|| {
            let schema = json!({"$ref": "#/components/schemas/Problem"});
            json!({
                "description": meaning(status),
                "headers": {"x-request-id": {"$ref": "#/components/headers/x-request-id"}},
                "content": {PROBLEM: {"schema": schema, "examples": {}}},
            })
        });
        let advice = error.advice().map(|(name, _)| name).into_iter();
        let allow = (status == StatusCode::METHOD_NOT_ALLOWED).then_some(axum::http::header::ALLOW);
        for header in advice.chain(allow) {
            response["headers"][header.as_str()] = json!({"$ref": format!("#/components/headers/{header}")});
        }
        let key = match &error {
            Error::RoleMissing { .. } => "role_missing",
            other => other.code(),
        };
        response["content"][PROBLEM]["examples"][key] =
            json!({"value": Problem::of(&error, &error.to_string())});
    }
    let rejected = json!({"value": outcome::all_rejected()});
    responses[&name(StatusCode::UNPROCESSABLE_ENTITY)]["content"][PROBLEM]["examples"]
        [outcome::ALL_REJECTED] = rejected;
    Value::Object(responses)
}

/// What an operation can answer where something is wrong, each a reference to the components.
pub(super) fn of(operation: &Operation, needed: Option<Role>, is_open: bool) -> Vec<(StatusCode, Value)> {
    let asks = operation.path.contains('{') || !operation.parameters.is_empty() || operation.body.is_some();
    let reads = needed.is_some() && operation.path != metrics::OPERATION.path;
    let is_guarded = needed.is_some() && !is_open;
    let is_intake = operation.id == routes::ingest::OPERATION.id;
    let can_fail = |status: &StatusCode| match *status {
        StatusCode::BAD_REQUEST => asks,
        StatusCode::UNAUTHORIZED => is_guarded,
        // An API may also take no events, whoever sends them.
        StatusCode::FORBIDDEN => is_guarded || is_intake,
        StatusCode::NOT_FOUND => operation.path.contains('{'),
        // For the path's other methods.
        StatusCode::METHOD_NOT_ALLOWED => true,
        StatusCode::PAYLOAD_TOO_LARGE => operation.body.is_some(),
        StatusCode::REQUEST_TIMEOUT | StatusCode::UNSUPPORTED_MEDIA_TYPE => is_intake,
        StatusCode::HTTP_VERSION_NOT_SUPPORTED => operation.has_files(),
        StatusCode::UNPROCESSABLE_ENTITY => reads,
        StatusCode::TOO_MANY_REQUESTS => needed.is_some(),
        StatusCode::SERVICE_UNAVAILABLE => needed.is_some() || operation.path == health::READY.path,
        StatusCode::INTERNAL_SERVER_ERROR => needed.is_some(),
        _ => false,
    };
    let mut statuses: Vec<StatusCode> = examples().iter().map(Error::status).filter(can_fail).collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses.into_iter().map(|status| (status, reference(status))).collect()
}

fn reference(status: StatusCode) -> Value {
    json!({"$ref": format!("#/components/responses/{}", name(status))})
}
