//! `GET /healthz`: the process answers. `GET /readyz`: it can serve.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Error;
use crate::openapi::operation::{Answer, JSON, Operation, Tag, schema};
use crate::query::{Database, health};

/// What the document says of [`live`].
pub const LIVE: Operation = Operation {
    id: "live",
    tag: Tag::Operation,
    summary: "Whether the process answers",
    description: "It does as long as the process runs, whatever ClickHouse does.",
    answers: &[Answer::ok(&[(JSON, schema::<Status>)])],
    ..Operation::get("/healthz")
};

/// What the document says of [`ready`].
pub const READY: Operation = Operation {
    id: "ready",
    tag: Tag::Operation,
    summary: "Whether requests can be served",
    description: "ClickHouse answers and has the tables; else 503 with the reason.",
    answers: &[Answer::ok(&[(JSON, schema::<Status>)])],
    ..Operation::get("/readyz")
};

/// A state in one word.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Status {
    /// `ok`, or `ready`.
    #[schemars(extend("enum" = ["ok", "ready"]))]
    status: &'static str,
}

/// Answers as long as the process runs, whatever ClickHouse does.
pub async fn live() -> Json<Status> {
    Json(Status { status: "ok" })
}

/// Answers 200 when ClickHouse answers and has the tables.
///
/// # Errors
/// A 503 with the reason.
pub async fn ready(State(database): State<Database>) -> Result<Json<Status>, Error> {
    match health::check(&database).await.map_err(Error::from) {
        Ok(()) => Ok(Json(Status { status: "ready" })),
        // Whatever is wrong, a probe asks for one thing: whether to send requests here.
        Err(Error::Internal) => Err(Error::Unavailable { message: "ClickHouse fails the check".into() }),
        Err(error) => Err(error),
    }
}
