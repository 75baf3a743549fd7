//! One event with everything that is known of it.

use clickhouse::Row;
use serde::Deserialize;
use uuid::Uuid;

use super::{ANSWER_LIMIT, Database, Error};
use crate::params::TenantId;

/// An event with its payload.
#[derive(Debug, Row, Deserialize)]
pub struct Stored {
    /// Its time, in microseconds since 1970.
    pub micros: i64,
    /// The type's name in the contract.
    pub event_kind: String,
    /// When the connector read it, in milliseconds since 1970.
    pub processed_millis: i64,
    /// Its score.
    pub score: Option<f64>,
    /// The label of its sentiment; empty where the keyword rules made the score.
    pub label: String,
    /// The language in which its text was read; empty where there is none.
    pub language: String,
    /// The whole annotation, JSON; empty where the keyword rules made it.
    pub explanation: String,
    /// Which version of the annotation it is.
    pub annotation_version: u32,
    /// The event as it was sent.
    pub document: String,
}

/// A later annotation.
#[derive(Debug, Row, Deserialize)]
pub struct Annotation {
    /// The time of its event, in microseconds since 1970.
    pub micros: i64,
    /// Who made it.
    pub annotator: String,
    /// In which version.
    pub version: u32,
    /// Its score.
    pub score: Option<f64>,
    /// The rest, JSON.
    pub document: String,
    /// When, in milliseconds since 1970.
    pub created_millis: i64,
}

/// The times come from the narrow columns first, so that FINAL reads the payloads of those alone.
const EVENTS: &str = "
    SELECT toUnixTimestamp64Micro(ts) AS micros, toString(event_type) AS event_kind,
        toUnixTimestamp64Milli(processed_at) AS processed_millis, sentiment AS score,
        toString(sentiment_label) AS label, toString(sentiment_language) AS language,
        sentiment_explanation AS explanation, annotation_version, payload AS document
    FROM voc_events FINAL
    WHERE tenant_id = {tenant:String} AND event_id = {id:UUID}
        AND ts IN (SELECT ts FROM voc_events WHERE tenant_id = {tenant:String} AND event_id = {id:UUID})
    ORDER BY ts DESC LIMIT {limit:UInt32}
    SETTINGS do_not_merge_across_partitions_select_final = 1";

const ANNOTATIONS: &str = "
    SELECT toUnixTimestamp64Micro(ts) AS micros, toString(annotator) AS annotator, version, sentiment AS score,
        annotation AS document, toUnixTimestamp64Milli(created_at) AS created_millis
    FROM voc_annotations FINAL
    WHERE tenant_id = {tenant:String} AND event_id = {id:UUID}
    ORDER BY ts DESC, annotator, version LIMIT {limit:UInt32}
    SETTINGS prefer_column_name_to_alias = 1";

/// The events of a tenant with this id, the newest first: the same id with another time is another event.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(
    database: &Database,
    tenant: &TenantId,
    id: Uuid,
    limit: u32,
) -> Result<Vec<Stored>, Error> {
    let query = database.client.query(EVENTS).param("tenant", tenant.as_str());
    let query = query.param("id", id.to_string()).param("limit", limit);
    Database::within(ANSWER_LIMIT, query.fetch_all()).await
}

/// Their later annotations.
///
/// # Errors
/// As [`fetch`].
pub async fn annotations(
    database: &Database,
    tenant: &TenantId,
    id: Uuid,
    limit: u32,
) -> Result<Vec<Annotation>, Error> {
    let query = database.client.query(ANNOTATIONS).param("tenant", tenant.as_str());
    let query = query.param("id", id.to_string()).param("limit", limit);
    Database::within(ANSWER_LIMIT, query.fetch_all()).await
}
