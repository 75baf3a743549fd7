//! `/v1/tenants/{tenant}/events/{id}`: one event with its payload and every annotation.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::finite;
use crate::error::Error;
use crate::openapi::operation::{Answer, JSON, Operation, schema};
use crate::params::filters::TYPES;
use crate::params::range::show;
use crate::params::{Params, TenantId, event_id, path};
use crate::query::Database;
use crate::query::event::{self, Annotation, Stored};

/// Times of one id, and annotations of those, at most.
const MOST: u32 = 100;

/// What the document says of it.
pub const OPERATION: Operation = Operation {
    id: "show_event",
    summary: "One event with its payload and every annotation",
    description: "The same id with another time is another event; then all of them are there, at most 100.",
    answers: &[Answer::ok(&[(JSON, schema::<Shown>)])],
    missing: Some("The tenant has no such event."),
    ..Operation::get("/v1/tenants/{tenant}/events/{id}")
};

/// Which event.
pub struct Request {
    tenant: TenantId,
    id: Uuid,
}

impl<S: Send + Sync> FromRequestParts<S> for Request {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let (tenant, id): (String, String) = path(parts, state).await?;
        Params::parse(parts.uri.query(), &[])?;
        Ok(Self { tenant: TenantId::of_path(tenant)?, id: event_id(&id)? })
    }
}

/// What has this id: one event, unless it was sent with several times.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ShownEvent")]
pub struct Shown {
    /// Their id.
    event_id: Uuid,
    /// The newest first.
    events: Vec<Event>,
}

/// One event.
#[derive(Serialize, JsonSchema)]
struct Event {
    /// When it happened, to the microsecond, in UTC.
    #[schemars(extend("format" = "date-time"))]
    timestamp: String,
    /// What it is.
    #[schemars(extend("enum" = TYPES))]
    event_type: String,
    /// When the connector read it, to the millisecond, in UTC.
    #[schemars(extend("format" = "date-time"))]
    processed_at: String,
    /// What the SmartModule made of it.
    annotation: First,
    /// What later annotators said, by annotator and version.
    later_annotations: Vec<Later>,
    /// The event as it was sent.
    payload: Document,
}

/// The annotation that the SmartModule made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Annotation")]
struct First {
    /// The score, from -1 to 1; null where there is none. (Scores of the keyword rules have no bounds.)
    sentiment: Option<f64>,
    /// Its label; null where the keyword rules made the score.
    label: Option<String>,
    /// The language in which the text was read; null where there is none.
    language: Option<String>,
    /// Which version of the annotation it is.
    version: u32,
    /// Probabilities, tokens, the course of the conversation; null where the keyword rules made the score.
    explanation: Option<Document>,
}

/// What a later annotator said.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LaterAnnotation")]
struct Later {
    /// Who said it.
    annotator: String,
    /// In which version.
    version: u32,
    /// When, to the millisecond, in UTC.
    #[schemars(extend("format" = "date-time"))]
    created_at: String,
    /// The score; null where it gave none.
    sentiment: Option<f64>,
    /// All that it said.
    annotation: Document,
}

/// JSON as it was written. What is none stands here as a text.
#[derive(Serialize, JsonSchema)]
#[schemars(with = "serde_json::Value")]
#[serde(untagged)]
enum Document {
    Json(Box<RawValue>),
    /// What is none is shown all the same.
    Text(String),
}

fn document(text: String) -> Document {
    match serde_json::from_str::<Box<RawValue>>(&text) {
        Ok(json) => Document::Json(json),
        Err(_) => Document::Text(text),
    }
}

fn later(annotation: &Annotation) -> Later {
    Later {
        annotator: annotation.annotator.clone(),
        version: annotation.version,
        created_at: show(annotation.created_millis * 1_000, &TimeZone::UTC),
        sentiment: finite(annotation.score),
        annotation: document(annotation.document.clone()),
    }
}

fn whole(stored: Stored, annotations: &[Annotation]) -> Event {
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    Event {
        timestamp: show(stored.micros, &TimeZone::UTC),
        event_type: stored.event_kind,
        processed_at: show(stored.processed_millis * 1_000, &TimeZone::UTC),
        annotation: First {
            sentiment: finite(stored.score),
            label: text(stored.label),
            language: text(stored.language),
            version: stored.annotation_version,
            explanation: text(stored.explanation).map(document),
        },
        later_annotations: annotations.iter().filter(|one| one.micros == stored.micros).map(later).collect(),
        payload: document(stored.document),
    }
}

/// Shows.
///
/// # Errors
/// A 404 where the tenant has no such event, a 400 for a bad parameter, a 503 while ClickHouse does not answer.
pub async fn get(State(database): State<Database>, request: Request) -> Result<Json<Shown>, Error> {
    let Request { tenant, id } = request;
    let stored = event::fetch(&database, &tenant, id, MOST).await?;
    if stored.is_empty() {
        return Err(Error::NotFound);
    }
    let annotations = event::annotations(&database, &tenant, id, MOST).await?;
    let events = stored.into_iter().map(|stored| whole(stored, &annotations)).collect();
    Ok(Json(Shown { event_id: id, events }))
}

#[cfg(test)]
mod tests {
    use super::document;

    #[test]
    fn json_stays_as_it_was_written_and_nothing_else_breaks_an_answer() {
        let show = |text: &str| serde_json::to_string(&document(text.to_owned())).unwrap();
        assert_eq!(show(r#" {"b":1.0,"a":1e400,"a":"\ud800"} "#), r#"{"b":1.0,"a":1e400,"a":"\ud800"}"#);
        assert_eq!(show("{no json"), r#""{no json""#);
    }
}
