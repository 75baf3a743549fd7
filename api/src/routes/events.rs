//! `/v1/tenants/{tenant}/events`: events, the newest first, searched and filtered, page by page.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::finite;
use crate::error::Error;
use crate::openapi::operation::{Answer, JSON, Link, Operation, schema};
use crate::params::Limit;
use crate::params::cursor::Cursor;
use crate::params::filters::{LABELS, TYPES};
use crate::params::parameter::{Parameter, Text};
use crate::params::range::Range;
use crate::params::scope::Scope;
use crate::query::Database;
use crate::query::events::{self, Found};

const SEARCH: Text = Text {
    name: "search",
    meaning: "Only calls in whose transcript this occurs, whether the letters are large or small.",
    longest: 200,
    example: "refund",
};
const KNOWN: [Parameter; 3] = [SEARCH.parameter(), Cursor::PARAMETER, Limit::PARAMETER];

/// What the document says of it.
pub const OPERATION: Operation = Operation {
    id: "list_events",
    summary: "Events, the newest first, searched and filtered, page by page",
    description: "Where more follow, `next` is the `cursor` of the next page. Pages do not shift when events come in.",
    parameters: &KNOWN,
    answers: &[Answer::ok(&[(JSON, schema::<Page>)])],
    links: &[
        Link {
            name: "event",
            operation: "show_event",
            parameters: &[("tenant", "$request.path.tenant"), ("id", "$response.body#/events/0/event_id")],
        },
        Link {
            name: "next_page",
            operation: "list_events",
            parameters: &[("tenant", "$request.path.tenant"), ("cursor", "$response.body#/next")],
        },
    ],
    ..Operation::analytic("/v1/tenants/{tenant}/events")
};

/// Which events.
pub struct Request {
    pub(super) scope: Scope,
    pub(super) search: Option<String>,
    pub(super) cursor: Option<Cursor>,
    pub(super) limit: Limit,
}

impl<S: Send + Sync> FromRequestParts<S> for Request {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let (scope, params) = Scope::of_request(parts, state, &KNOWN).await?;
        Ok(Self {
            scope,
            search: SEARCH.read(&params)?.map(str::to_owned),
            cursor: Cursor::optional(&params)?,
            limit: Limit::optional(&params)?,
        })
    }
}

/// A page of events, and where the next one begins.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "EventPage")]
pub struct Page {
    /// At most `limit`, the newest first.
    events: Vec<Event>,
    /// What to give as `cursor`, with the same other parameters; null where nothing follows.
    next: Option<String>,
}

/// An event without its payload.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ListedEvent")]
struct Event {
    /// Its id, unique within the tenant unless it was sent with several times.
    #[schemars(extend("format" = "uuid"))]
    event_id: String,
    /// When it happened, to the microsecond, with the offset of the time zone.
    #[schemars(extend("format" = "date-time"))]
    timestamp: String,
    /// What it is.
    #[schemars(extend("enum" = TYPES))]
    event_type: String,
    /// Its score, from -1 to 1; null where it has none. (Scores of the keyword rules have no bounds.)
    sentiment: Option<f64>,
    /// The label of a call's sentiment; null where it has none.
    #[schemars(extend("enum" = LABELS.into_iter().map(Some).chain([None]).collect::<Vec<_>>()))]
    label: Option<String>,
    /// The language in which its text was read, such as `pt`; null where there is none.
    language: Option<String>,
    /// Its agent, where it is a call, an action or a tool invocation that names one.
    agent: Option<String>,
    /// The channel of a call that names one.
    channel: Option<String>,
    /// Of the transcript the first 240 characters, or those around what was searched for; null where there is no text.
    excerpt: Option<String>,
}

fn event(found: Found, range: &Range) -> Event {
    let Found { id, micros, event_kind, score, label, language, agent, channel, excerpt } = found;
    Event {
        event_id: id,
        timestamp: range.show(micros),
        event_type: event_kind,
        sentiment: finite(score),
        label,
        language,
        agent,
        channel,
        excerpt: Some(excerpt).filter(|excerpt| !excerpt.is_empty()),
    }
}

/// Where the next page begins, if there is more than the one that has so many.
fn cut(found: &mut Vec<Found>, limit: usize) -> Option<String> {
    if found.len() <= limit {
        return None;
    }
    found.truncate(limit);
    let last = found.last()?;
    let event_id = Uuid::parse_str(&last.id).ok()?;
    Some(Cursor { time: last.micros, event_id }.to_text())
}

/// Lists.
///
/// # Errors
/// A 400 for a bad parameter, a 503 while ClickHouse does not answer.
pub async fn list(State(database): State<Database>, request: Request) -> Result<Json<Page>, Error> {
    let Request { scope, search, cursor, limit } = request;
    // One more than asked for says whether anything follows.
    let mut found = events::fetch(&database, &scope, search.as_deref(), cursor, limit.get() + 1).await?;
    let next = cut(&mut found, limit.get() as usize);
    Ok(Json(Page { events: found.into_iter().map(|found| event(found, &scope.range)).collect(), next }))
}
