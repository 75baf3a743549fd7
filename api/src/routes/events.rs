//! `/v1/tenants/{tenant}/events`: events, the newest first, searched and filtered, page by page.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use serde::Serialize;
use uuid::Uuid;

use super::finite;
use crate::error::Error;
use crate::params::Limit;
use crate::params::cursor::Cursor;
use crate::params::filters::text;
use crate::params::range::Range;
use crate::params::scope::Scope;
use crate::query::Database;
use crate::query::events::{self, Found};

/// Characters of what is searched for.
const LONGEST_SEARCH: usize = 200;

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
        let (scope, params) = Scope::of_request(parts, state, &["search", Cursor::NAME, Limit::NAME]).await?;
        Ok(Self {
            scope,
            search: text(&params, "search", LONGEST_SEARCH)?.map(str::to_owned),
            cursor: Cursor::optional(&params)?,
            limit: Limit::optional(&params)?,
        })
    }
}

/// A page of events, and where the next one begins.
#[derive(Serialize)]
pub struct Page {
    events: Vec<Event>,
    /// What to give as `cursor`, with the same other parameters; none where nothing follows.
    next: Option<String>,
}

/// An event without its payload.
#[derive(Serialize)]
struct Event {
    event_id: String,
    timestamp: String,
    event_type: String,
    sentiment: Option<f64>,
    label: Option<String>,
    language: Option<String>,
    agent: Option<String>,
    channel: Option<String>,
    /// Of the transcript the first 240 characters, or those around what was searched for; none where there is no text.
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
