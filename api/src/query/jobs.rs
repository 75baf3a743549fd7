//! Jobs that replay or purge a tenant's dead letters. The API requests one and reads how far it is; a
//! running connector carries it out.

use clickhouse::Row;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ANSWER_LIMIT, Database, Error};
use crate::params::{Origin, TenantId};

/// What is to be done, by its number in `voc_replay_jobs`.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Try the letters again.
    Replay = 0,
    /// Forget what they said.
    Purge = 1,
}

/// Which letters of the tenant are meant: all that is given must hold.
#[derive(Debug, Default)]
pub struct Selection {
    /// What is wrong with them.
    pub code: Option<String>,
    /// Only this one.
    pub origin: Option<Origin>,
}

/// What the table's defaults do not know.
#[derive(Row, Serialize)]
struct RequestRow<'a> {
    #[serde(with = "clickhouse::serde::uuid")]
    id: Uuid,
    kind: i8,
    tenant_id: Option<&'a str>,
    code: Option<&'a str>,
    origin_stream: Option<&'a str>,
    origin_partition: Option<u32>,
    origin_offset: Option<u64>,
    requested_by: &'a str,
}

/// A job as it was last reported. Times are RFC 3339.
#[derive(Debug, Row, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// Its name.
    #[schemars(extend("format" = "uuid"))]
    pub id: String,
    /// `replay` or `purge`.
    #[schemars(extend("enum" = ["replay", "purge"]))]
    pub kind: String,
    /// `requested`, `running`, `done` or `failed`.
    #[schemars(extend("enum" = ["requested", "running", "done", "failed"]))]
    pub state: String,
    /// The letters with this code, where one was given.
    pub code: Option<String>,
    /// The letter from there, where one was given.
    pub origin_stream: Option<String>,
    /// Its partition.
    pub origin_partition: Option<u32>,
    /// Its offset.
    pub origin_offset: Option<u64>,
    /// Letters that came later are not meant.
    #[schemars(extend("format" = "date-time"))]
    pub requested_at: String,
    /// When somebody last reported on it.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: String,
    /// How many letters were selected at the start.
    pub total: u64,
    /// How many of them are done.
    pub done: u64,
    /// How many of those are stored now, or emptied.
    pub passed: u64,
    /// How many failed again.
    pub failed_again: u64,
    /// Why it failed, empty where it did not.
    pub message: String,
}

/// Requests a job; gives its id.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the tables.
pub async fn request(
    database: &Database,
    tenant: &TenantId,
    kind: Kind,
    selection: &Selection,
) -> Result<Uuid, Error> {
    let id = Uuid::new_v4();
    let origin = selection.origin.as_ref();
    let row = RequestRow {
        id,
        kind: kind as i8,
        tenant_id: Some(tenant.as_str()),
        code: selection.code.as_deref(),
        origin_stream: origin.map(|origin| &*origin.stream),
        origin_partition: origin.map(|origin| origin.partition),
        origin_offset: origin.map(|origin| origin.offset),
        requested_by: "api",
    };
    let written = async {
        let insert = database.client.insert::<RequestRow<'_>>("voc_replay_jobs").await?;
        let mut insert = insert.with_setting("async_insert", "0");
        insert.write(&row).await?;
        insert.end().await
    };
    Database::within(ANSWER_LIMIT, written).await?;
    Ok(id)
}

/// How far a job is; none where the tenant has none of this id.
///
/// # Errors
/// As [`request`].
pub async fn find(database: &Database, tenant: &TenantId, id: Uuid) -> Result<Option<Job>, Error> {
    const SQL: &str = "SELECT toString(id) AS id, toString(kind) AS kind, toString(state) AS state, code,
            origin_stream, origin_partition, origin_offset,
            concat(replaceOne(toString(requested_at), ' ', 'T'), 'Z') AS requested_at,
            concat(replaceOne(toString(updated_at), ' ', 'T'), 'Z') AS updated_at,
            total, done, passed, failed_again, message
        FROM voc_replay_jobs FINAL WHERE id = {id:UUID} AND tenant_id = {tenant:String}
        SETTINGS prefer_column_name_to_alias = 1";
    let query = database.client.query(SQL).param("id", id.to_string()).param("tenant", tenant.as_str());
    Database::within(ANSWER_LIMIT, query.fetch_optional()).await
}
