//! The audit: every offset that must be accounted for is stored, a gap, replaced or erased; or it is named.
//!
//! ```text
//! compare (sets, in ClickHouse) ─▶ classify (what a lost row was, by the stream) ─▶ report
//! ```
//!
//! An event that was sent twice has one row after a merge. Whether a row that is gone was taken by such a merge
//! or lost, its own event says: the audit reads it from the stream again, and looks for a row of the same event.
//! What it finds out is noted in ClickHouse and not asked again. Where the stream has the record no more, the
//! offset counts as missing.

mod classify;
pub mod repair;
pub mod report;
pub mod watch;

use uuid::Uuid;

pub use report::{Finding, Kind, Partition, Report};

use crate::config::Config;
use crate::sink::audit::{AuditRow, Standing};
use crate::sink::{self, Sink};
use crate::{batch, transform};

/// Why there is no audit.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// ClickHouse cannot be asked.
    #[error(transparent)]
    Sink(#[from] sink::Error),
    /// Records that are read again cannot be annotated.
    #[error(transparent)]
    Transform(#[from] transform::Error),
    /// The SmartModule is not ours.
    #[error(transparent)]
    Envelope(#[from] batch::Error),
}

/// Audits every partition that ClickHouse knows, and keeps the result in `voc_audits`. May run while a connector
/// writes: only what lies below the checkpoints is looked at.
///
/// # Errors
/// [`Error`]; that a stream cannot be read is none, but a note in the report.
pub async fn run(config: &Config, sink: &Sink) -> Result<Report, Error> {
    let mut report = Report {
        id: Uuid::new_v4(),
        audited_at: chrono::Utc::now().timestamp_millis(),
        partitions: Vec::new(),
    };
    for standing in sink.standings().await? {
        report.partitions.push(partition(config, sink, &standing).await?);
    }
    let rows: Vec<AuditRow> = report.partitions.iter().map(|partition| row(&report, partition)).collect();
    sink.keep_audit(&rows).await?;
    Ok(report)
}

async fn partition(config: &Config, sink: &Sink, standing: &Standing) -> Result<Partition, Error> {
    let found = sink.compare(standing).await?;
    let doubled = sink.doubled(standing, &found).await?;
    let classified = classify::classify(config, sink, standing, &found.unaccounted).await?;
    Ok(Partition {
        standing: standing.clone(),
        expected: found.expected,
        stored: found.stored,
        gaps: found.gaps,
        replaced: found.replaced + classified.replaced,
        erased: found.erased + classified.erased,
        missing: classified.missing.into_iter().collect(),
        doubled,
        unledgered: found.unledgered,
        note: classified.note,
    })
}

fn row(report: &Report, partition: &Partition) -> AuditRow {
    AuditRow {
        audit_id: report.id,
        audited_at: report.audited_at,
        origin_stream: partition.standing.origin.stream.clone(),
        origin_partition: partition.standing.origin.partition,
        to_offset: partition.standing.to_offset,
        expected: partition.expected,
        stored: partition.stored,
        gaps: partition.gaps,
        replaced: partition.replaced,
        erased: partition.erased,
        missing: partition.missing.len() as u64,
        doubled: partition.doubled.len() as u64,
        unledgered: partition.unledgered.len() as u64,
        findings: partition.findings_json(),
    }
}
