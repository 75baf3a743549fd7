//! What the last audit found, partition by partition.

use clickhouse::Row;
use serde::Deserialize;

use super::{ANSWER_LIMIT, Database, Error};

/// One partition. Counts are of offsets below `to_offset`.
#[derive(Debug, Row, Deserialize)]
pub struct Audited {
    /// Of the audit, the same for all partitions.
    pub audit_id: String,
    /// When it began, RFC 3339.
    pub audited_at: String,
    /// The stream with its generation.
    pub origin_stream: String,
    /// The partition.
    pub origin_partition: u32,
    /// Where the checkpoint stood.
    pub to_offset: u64,
    /// Must be accounted for.
    pub expected: u64,
    /// Have a row.
    pub stored: u64,
    /// Were skipped for good.
    pub gaps: u64,
    /// Have no row because an equal event came later.
    pub replaced: u64,
    /// Were erased on purpose.
    pub erased: u64,
    /// Nothing accounts for them.
    pub missing: u64,
    /// Held more than once.
    pub doubled: u64,
    /// Stored, and not in the ledger.
    pub unledgered: u64,
    /// Runs of offsets with what is wrong with them, as JSON.
    pub findings: String,
}

const SQL: &str = "
    SELECT toString(audit_id) AS audit_id, concat(replaceOne(toString(audited_at), ' ', 'T'), 'Z') AS audited_at,
        origin_stream, origin_partition, to_offset, expected, stored, gaps, replaced, erased, missing, doubled,
        unledgered, findings
    FROM voc_audits
    WHERE voc_audits.audit_id = (SELECT latest.audit_id FROM voc_audits AS latest ORDER BY latest.audited_at DESC LIMIT 1)
    ORDER BY origin_stream, origin_partition
    SETTINGS prefer_column_name_to_alias = 1";

/// The partitions of the last audit; none before the first.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn latest(database: &Database) -> Result<Vec<Audited>, Error> {
    Database::within(ANSWER_LIMIT, database.client.query(SQL).fetch_all()).await
}
