//! `GET /v1/audit`: whether everything that must be stored is, as the last audit found it. For operators: it
//! tells of streams, and of no tenant.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::query::Database;
use crate::query::audit::{self, Audited};

/// The last audit.
#[derive(Serialize)]
pub struct Audit {
    /// Null before the first.
    audit_id: Option<String>,
    /// When it began.
    audited_at: Option<String>,
    /// Whether every offset is accounted for, once.
    clean: bool,
    partitions: Vec<Partition>,
}

#[derive(Serialize)]
struct Partition {
    stream: String,
    partition: u32,
    to_offset: u64,
    expected: u64,
    stored: u64,
    gaps: u64,
    replaced: u64,
    erased: u64,
    missing: u64,
    doubled: u64,
    unledgered: u64,
    findings: Box<RawValue>,
}

impl TryFrom<Audited> for Partition {
    type Error = serde_json::Error;

    fn try_from(found: Audited) -> Result<Self, serde_json::Error> {
        Ok(Self {
            stream: found.origin_stream,
            partition: found.origin_partition,
            to_offset: found.to_offset,
            expected: found.expected,
            stored: found.stored,
            gaps: found.gaps,
            replaced: found.replaced,
            erased: found.erased,
            missing: found.missing,
            doubled: found.doubled,
            unledgered: found.unledgered,
            findings: RawValue::from_string(found.findings)?,
        })
    }
}

/// Answers with the last audit.
///
/// # Errors
/// A 503 while ClickHouse does not answer.
pub async fn get(State(database): State<Database>) -> Result<Json<Audit>, Error> {
    let found = audit::latest(&database).await?;
    let of_all = |what: fn(&Audited) -> &String| found.first().map(|partition| what(partition).clone());
    let (audit_id, audited_at) = (of_all(|found| &found.audit_id), of_all(|found| &found.audited_at));
    let clean = found.iter().all(|found| found.missing + found.doubled + found.unledgered == 0);
    let partitions =
        found.into_iter().map(Partition::try_from).collect::<Result<_, _>>().map_err(|error| {
            tracing::error!(%error, "findings of an audit are no JSON");
            Error::Internal
        })?;
    Ok(Json(Audit { audit_id, audited_at, clean, partitions }))
}
