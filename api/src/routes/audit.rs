//! `GET /v1/audit`: whether everything that must be stored is, as the last audit found it. For operators: it
//! tells of streams, and of no tenant.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::openapi::operation::{Answer, JSON, Operation, Tag, schema};
use crate::query::Database;
use crate::query::audit::{self, Audited};

/// What the document says of it.
pub const OPERATION: Operation = Operation {
    id: "audit",
    tag: Tag::Operation,
    summary: "Whether everything that must be stored is",
    description: "As the last audit of a running connector found it, partition by partition.",
    answers: &[Answer::ok(&[(JSON, schema::<Audit>)])],
    ..Operation::get("/v1/audit")
};

/// The last audit.
#[derive(Serialize, JsonSchema)]
pub struct Audit {
    /// Null before the first.
    audit_id: Option<String>,
    /// When it began; null before the first.
    #[schemars(extend("format" = "date-time"))]
    audited_at: Option<String>,
    /// Whether every offset is accounted for, once.
    clean: bool,
    /// Every partition that was looked at.
    partitions: Vec<Partition>,
}

/// One partition of a stream. The counts are of offsets below `to_offset`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditedPartition")]
struct Partition {
    /// The stream with its generation, `NAME#GENERATION`.
    stream: String,
    /// Number of the partition.
    partition: u32,
    /// Where the checkpoint stood.
    to_offset: u64,
    /// Offsets that must be accounted for.
    expected: u64,
    /// Those that have a row.
    stored: u64,
    /// Those that were skipped for good, with a reason.
    gaps: u64,
    /// Those that have no row because an equal event came later.
    replaced: u64,
    /// Those that were erased on purpose.
    erased: u64,
    /// Those that nothing accounts for.
    missing: u64,
    /// Those that are held more than once.
    doubled: u64,
    /// Those that are stored, and not in the ledger.
    unledgered: u64,
    /// Runs of offsets with something wrong, at most 1,000.
    #[schemars(with = "Vec<Finding>")]
    findings: Box<RawValue>,
}

/// A run of offsets with something wrong, as the connector writes it.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "it is read by whoever reads the document")]
struct Finding {
    /// What is wrong.
    #[schemars(extend("enum" = ["missing", "doubled", "unledgered"]))]
    kind: String,
    /// The first offset.
    first: u64,
    /// The last, itself part of the run.
    last: u64,
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
