//! `/v1/tenants/{tenant}/live`: what arrives, as server-sent events.

use std::future::pending;
use std::time::SystemTime;

use axum::Extension;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, header};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use schemars::{Schema, SchemaGenerator};

use crate::access::ValidUntil;
use crate::error::Error;
use crate::live::{Live, View};
use crate::openapi::operation::{Answer, Operation};
use crate::params::parameter::{Parameter, Whole};
use crate::params::{Params, TenantId, path};
use crate::server::Stopping;

const WINDOW: Whole =
    Whole { name: "window", meaning: "Minutes that are looked back, of arrival.", most: 60, default: 5 };
const EVERY: Whole = Whole { name: "every", meaning: "Seconds between two messages.", most: 60, default: 2 };
const KNOWN: [Parameter; 2] = [WINDOW.parameter(), EVERY.parameter()];

/// What the document says of it.
pub const OPERATION: Operation = Operation {
    id: "live_stream",
    summary: "What arrives, as it arrives",
    description: "Server-sent events. `window`: what arrived in the last minutes and is not older than a day by its own \
        time, and what of it is new since the message before. `error`: a problem; the stream goes on, unless the API stops \
        or the credential expires.",
    parameters: &KNOWN,
    answers: &[Answer {
        status: 200,
        meaning: "A stream that does not end.",
        content: &[("text/event-stream", message_schema)],
    }],
    ..Operation::get("/v1/tenants/{tenant}/live")
};

/// One message of the stream, as OpenAPI has them of media types that are a sequence.
fn message_schema(_: &mut SchemaGenerator) -> Schema {
    schemars::json_schema!({
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "event": {"enum": ["window", "error"]},
            "id": {"type": "string"},
            "data": {"type": "string", "contentMediaType": "application/json"},
        },
    })
}

/// What to look at.
pub struct Request(View);

impl<S: Send + Sync> FromRequestParts<S> for Request {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let tenant = TenantId::of_path(path(parts, state).await?)?;
        let params = Params::parse(parts.uri.query(), &KNOWN)?;
        Ok(Self(View {
            tenant: tenant.as_str().to_owned(),
            window: WINDOW.read(&params)?,
            every: EVERY.read(&params)?,
        }))
    }
}

/// Streams until the client leaves, the server stops, or the credential expires.
///
/// # Errors
/// A 400 for a bad parameter, a 503 where there are too many streams. While ClickHouse does not answer the stream goes
/// on, with messages that say so.
pub async fn get(
    State(live): State<Live>,
    Request(view): Request,
    stopping: Option<Extension<Stopping>>,
    valid_until: Option<Extension<ValidUntil>>,
) -> Result<Response, Error> {
    let end = end(stopping.map(|Extension(stopping)| stopping), valid_until.map(|Extension(until)| until));
    let stream = Sse::new(live.stream(view, end)?).keep_alive(KeepAlive::default());
    // A proxy must not hold it back.
    let headers = [(header::CACHE_CONTROL, "no-store"), (HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((headers, stream).into_response())
}

/// Waits until the stream has to end, and says why.
async fn end(stopping: Option<Stopping>, valid_until: Option<ValidUntil>) -> Error {
    let stopped = async {
        match &stopping {
            Some(Stopping(token)) => token.cancelled().await,
            None => pending().await,
        }
    };
    let expired = async {
        match valid_until {
            // One that is over already, within the leeway of a token, ends at once.
            Some(ValidUntil(time)) => {
                tokio::time::sleep(time.duration_since(SystemTime::now()).unwrap_or_default()).await;
            }
            None => pending().await,
        }
    };
    tokio::select! {
        () = stopped => Error::Unavailable { message: "the API is stopping".into() },
        () = expired => Error::Unauthenticated { was_given: true },
    }
}
