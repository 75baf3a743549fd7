//! `GET /healthz`: the process answers. `GET /readyz`: it can serve.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::error::Error;
use crate::query::{Database, health};

/// A state in one word.
#[derive(Debug, Serialize)]
pub struct Status {
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
