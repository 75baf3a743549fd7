//! The HTTP interface: which request goes where, and what a response looks like.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use rand::Rng;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::answer::{Answer, Head, Pieces, Terms, failure};
use crate::body;
use crate::engine::Engine;
use crate::exception::{Exception, code, internal};
use crate::registry::Running;
use crate::request::Call;
use crate::run::{self, Job};
use crate::shared::Shared;

/// The name that the server gives itself.
const DISPLAY_NAME: &str = "voc-clickhouse-local";

/// The routes: everything that is not a check is a query.
pub(crate) fn router(server: Arc<Shared>) -> Router {
    // Inserts may be of any size: they are streamed.
    Router::new().fallback(handle).layer(DefaultBodyLimit::disable()).with_state(server)
}

async fn handle(State(server): State<Arc<Shared>>, request: Request) -> Response {
    let headers = request.headers();
    let has_body =
        headers.contains_key(header::TRANSFER_ENCODING) || headers.contains_key(header::CONTENT_LENGTH);
    let asks = request.uri().query().is_some() || has_body || request.method() == Method::POST;
    match request.uri().path() {
        "/ping" | "/replicas_status" => "Ok.\n".into_response(),
        "/" if !asks => "Ok.\n".into_response(),
        "/" => query(&server, request).await,
        path => {
            let help = format!(
                "There is no handle {path}\n\nUse / or /ping for health checks, and / for queries.\n"
            );
            (StatusCode::NOT_FOUND, help).into_response()
        }
    }
}

async fn query(server: &Arc<Shared>, request: Request) -> Response {
    let started = Instant::now();
    let tag = tag();
    let mut query_id = String::new();
    let (head, presence) = match begin(server, request, started, &tag, &mut query_id).await {
        Ok((head, presence)) => (head, Some(presence)),
        Err(exception) => {
            (failure(&exception, exception.body(&server.engine.version), "{}".to_owned()), None)
        }
    };
    respond(server, head, presence, &query_id, &tag)
}

/// Starts the request and waits until its response can begin.
async fn begin(
    server: &Arc<Shared>,
    request: Request,
    started: Instant,
    tag: &str,
    query_id: &mut String,
) -> Result<(Head, Presence), Exception> {
    let (call, body) = Call::read(request).await?;
    query_id.clone_from(&call.query_id);
    authenticate(server, &call)?;
    let database = call.database.as_deref().unwrap_or("default");
    let ticket = server.registry.enter(&call.query_id, &server.user, database)?;
    let running = Arc::clone(&ticket.running);
    let (sender, reader) = body::channel(running.cancelled.clone());
    let (head_sender, head) = oneshot::channel();
    let terms = Terms {
        coding: call.answer_coding,
        wait_for_end: call.wait_end_of_query,
        exception_tag: tag.to_owned(),
        version: server.engine.version.clone(),
        started,
        cancelled: running.cancelled.clone(),
    };
    let answer = Answer::new(terms, head_sender, Handle::current());
    let job = Job { server: Arc::clone(server), call, body: reader, ticket, runtime: Handle::current() };
    // From here on, this future may be dropped at any point: that is how hyper tells that the
    // client is gone.
    let presence = Presence { running, engine: Arc::clone(&server.engine), present: false };
    let _detached = tokio::task::spawn_blocking(move || run::run(job, answer));
    let (head, ()) = tokio::join!(head, sender.send(body));
    let head = head.map_err(|_| internal("the request ended without an answer"));
    head.map(|head| (head, presence))
}

/// Notices, by being dropped, that the client left before it had its response.
struct Presence {
    running: Arc<Running>,
    engine: Arc<Engine>,
    present: bool,
}

impl Presence {
    /// The client was there until all was said.
    fn until_the_end(mut self) {
        self.present = true;
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if !self.present {
            self.running.abandon(&self.engine);
        }
    }
}

fn authenticate(server: &Shared, call: &Call) -> Result<(), Exception> {
    let (user, password) = call.credentials.clone().unwrap_or_else(|| ("default".to_owned(), String::new()));
    if user == server.user && password == server.password {
        return Ok(());
    }
    let message =
        format!("{user}: Authentication failed: password is incorrect, or there is no user with such name");
    let mut exception = Exception::new(code::AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED", message);
    exception.asks_for_credentials = call.credentials.is_none();
    Err(exception)
}

fn respond(server: &Shared, head: Head, presence: Option<Presence>, query_id: &str, tag: &str) -> Response {
    let body = match head.body {
        Pieces::Whole(bytes) => {
            presence.into_iter().for_each(Presence::until_the_end);
            Body::from(bytes)
        }
        // hyper drops the stream when the client is gone, also while the query has nothing to send.
        Pieces::Stream(pieces) => {
            let next = |(mut pieces, presence): (mpsc::Receiver<_>, Option<Presence>)| async {
                if let Some(piece) = pieces.recv().await {
                    return Some((piece, (pieces, presence)));
                }
                // What tells that a query was stopped is not sent to a client that reads nothing.
                let presence = presence?;
                if presence.running.cancelled.is_cancelled() {
                    return Some((Err(std::io::Error::other("the query was stopped")), (pieces, None)));
                }
                presence.until_the_end();
                None
            };
            Body::from_stream(stream::unfold((pieces, presence), next))
        }
    };
    let mut response = Response::builder()
        .status(head.status)
        .header("X-ClickHouse-Summary", head.summary)
        .header("X-ClickHouse-Server-Display-Name", DISPLAY_NAME)
        .header("X-ClickHouse-Timezone", &server.engine.timezone)
        .header("X-ClickHouse-Exception-Tag", tag);
    // An id is the client's text, and may be what no header can hold.
    if let Ok(id) = HeaderValue::from_str(query_id) {
        response = response.header("X-ClickHouse-Query-Id", id);
    }
    if let Some(code) = head.exception_code {
        response = response.header("X-ClickHouse-Exception-Code", code);
    }
    if head.asks_for_credentials {
        response = response.header(header::WWW_AUTHENTICATE, "Basic realm=\"ClickHouse server HTTP API\"");
    }
    if let Some(name) = head.coding.http_name() {
        response = response.header(header::CONTENT_ENCODING, name);
    }
    let format = head.format.filter(|format| HeaderValue::from_str(format).is_ok());
    response = response.header(header::CONTENT_TYPE, content_type(format.as_deref()));
    if let Some(format) = format {
        response = response.header("X-ClickHouse-Format", format);
    }
    response
        .body(body)
        .unwrap_or_else(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response())
}

/// The media type that ClickHouse gives a format.
fn content_type(format: Option<&str>) -> &'static str {
    const BINARY: [&str; 8] =
        ["RowBinary", "Native", "Parquet", "Arrow", "ORC", "Avro", "MsgPack", "Protobuf"];
    match format {
        None => "text/plain; charset=UTF-8",
        Some("JSONEachRow" | "NDJSON" | "JSONLines" | "JSONCompactEachRow") => {
            "application/x-ndjson; charset=UTF-8"
        }
        Some(format) if format.starts_with("JSON") => "application/json; charset=UTF-8",
        Some(format) if format.starts_with("TabSeparated") || format.starts_with("TSV") => {
            "text/tab-separated-values; charset=UTF-8"
        }
        Some("CSV") => "text/csv; charset=UTF-8; header=absent",
        Some(format) if format.starts_with("CSV") => "text/csv; charset=UTF-8; header=present",
        Some("XML") => "application/xml; charset=UTF-8",
        Some(format) if BINARY.iter().any(|binary| format.starts_with(binary)) => "application/octet-stream",
        Some(_) => "text/plain; charset=UTF-8",
    }
}

/// Sixteen letters that no output contains by chance.
fn tag() -> String {
    let mut random = rand::rng();
    (0..16).map(|_| char::from(random.random_range(b'a'..=b'z'))).collect()
}
