//! `GET /metrics/summary?tenant_id=T&days=N`: how many events of each type a tenant had in the last N
//! days, and their mean sentiment.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Error;
use crate::openapi::operation::{Answer, JSON, Operation, schema};
use crate::params::parameter::Parameter;
use crate::params::{Days, Params, TenantId};
use crate::query::{Database, summary};

const KNOWN: [Parameter; 2] = [TenantId::PARAMETER, Days::PARAMETER];

/// What the document says of it.
pub const OPERATION: Operation = Operation {
    id: "summary",
    summary: "How many events of each type, and their mean sentiment",
    description: "Of one tenant in the last days, in the shape of the original service. A tenant that is not known has \
        no rows.",
    parameters: &KNOWN,
    answers: &[Answer::ok(&[(JSON, schema::<Summary>)])],
    ..Operation::get("/metrics/summary")
};

/// What to sum up.
pub struct Request {
    tenant_id: TenantId,
    days: Days,
}

impl<S: Sync> FromRequestParts<S> for Request {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let params = Params::parse(parts.uri.query(), &KNOWN)?;
        Ok(Self { tenant_id: TenantId::required(&params)?, days: Days::optional(&params)? })
    }
}

/// One row for each event type that occurs, in the order of the contract.
#[derive(Serialize, JsonSchema)]
pub struct Summary {
    /// Each the type, the number of events, and their mean sentiment from -1 to 1, null where none has one.
    // Not as a tuple: what reads documents knows `prefixItems` badly.
    #[schemars(extend("items" = {"type": "array", "minItems": 3, "maxItems": 3, "items": {"type": ["string", "number", "null"]}}))]
    #[schemars(example = [("call", 132, Some(-0.31)), ("qos_metric", 109, None)])]
    rows: Vec<(String, u64, Option<f64>)>,
}

/// Sums up; a tenant that is not known has no rows.
///
/// # Errors
/// A 400 for a bad parameter, a 503 while ClickHouse does not answer.
pub async fn get(State(database): State<Database>, request: Request) -> Result<Json<Summary>, Error> {
    let rows = summary::fetch(&database, &request.tenant_id, &request.days).await?;
    Ok(Json(Summary {
        rows: rows.into_iter().map(|row| (row.event_type, row.events, row.sentiment)).collect(),
    }))
}
