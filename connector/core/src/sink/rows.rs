//! Rows as the tables of `deploy/clickhouse/` take them. The client checks them against the tables'
//! own types before the first row of an insert.

use clickhouse::Row;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::batch::{DeadLetter, Origin, StoredEvent};
use crate::source::Position;

/// Version of a row of `voc_events`: of the annotation, then the writer's epoch. Of the rows of one
/// event, ClickHouse keeps the one with the highest.
const fn version(writer_epoch: u32) -> u64 {
    (voc_smartmodule::transform::ANNOTATION_VERSION as u64) << 32 | writer_epoch as u64
}

/// In the version of a row that was stored before: below every writer's, so that a row of the same event
/// that came later stays.
const RESTORED: u32 = 0;

fn as_bytes<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// What the rows of one batch have in common.
#[derive(Clone, Copy)]
pub(super) struct Common<'a> {
    pub origin: &'a Origin,
    /// Milliseconds since 1970.
    pub processed_at: i64,
}

/// Topic, partition and offset in Kafka; empty and zero where the record did not come from there.
fn place(source: Option<&Position>) -> (&str, u32, u64) {
    source.map_or(("", 0, 0), |source| (&*source.topic, source.partition, source.offset))
}

#[derive(Row, Serialize)]
pub(super) struct EventRow<'a> {
    #[serde(with = "clickhouse::serde::uuid")]
    event_id: Uuid,
    tenant_id: &'a str,
    ts: i64,
    event_type: &'a str,
    schema_version: u16,
    sentiment: Option<f64>,
    #[serde(serialize_with = "as_bytes")]
    payload: &'a [u8],
    processed_at: i64,
    origin_stream: &'a str,
    origin_partition: u32,
    origin_offset: u64,
    source_topic: &'a str,
    source_partition: u32,
    source_offset: u64,
    version: u64,
    writer_epoch: u32,
}

impl<'a> EventRow<'a> {
    pub(super) fn new(event: &'a StoredEvent, common: Common<'a>) -> Self {
        let (source_topic, source_partition, source_offset) = place(event.source.as_ref());
        Self {
            event_id: event.event_id,
            tenant_id: &event.tenant_id,
            ts: event.timestamp,
            event_type: event.event_type.as_str(),
            schema_version: event.schema_version,
            sentiment: event.sentiment,
            payload: &event.payload,
            processed_at: common.processed_at,
            origin_stream: &common.origin.stream,
            origin_partition: common.origin.partition,
            origin_offset: event.offset,
            source_topic,
            source_partition,
            source_offset,
            version: version(if event.is_restored { RESTORED } else { common.origin.epoch }),
            writer_epoch: common.origin.epoch,
        }
    }
}

#[derive(Row, Serialize)]
pub(super) struct DeadLetterRow<'a> {
    origin_stream: &'a str,
    origin_partition: u32,
    origin_offset: u64,
    tenant_id: &'a str,
    code: &'a str,
    field: &'a str,
    message: &'a str,
    #[serde(serialize_with = "as_bytes")]
    original: &'a [u8],
    processed_at: i64,
    source_topic: &'a str,
    source_partition: u32,
    source_offset: u64,
    replay_state: i8,
    replayed_at: Option<i64>,
    version: u64,
    writer_epoch: u32,
}

impl<'a> DeadLetterRow<'a> {
    pub(super) fn new(letter: &'a DeadLetter, common: Common<'a>) -> Self {
        let (source_topic, source_partition, source_offset) = place(letter.source.as_ref());
        Self {
            origin_stream: &common.origin.stream,
            origin_partition: common.origin.partition,
            origin_offset: letter.offset,
            tenant_id: &letter.tenant_id,
            code: &letter.code,
            field: &letter.field,
            message: &letter.message,
            original: &letter.original,
            processed_at: common.processed_at,
            source_topic,
            source_partition,
            source_offset,
            replay_state: 0,
            replayed_at: None,
            version: version(common.origin.epoch),
            writer_epoch: common.origin.epoch,
        }
    }
}

#[derive(Row, Serialize)]
pub(super) struct CheckpointRow<'a> {
    pub origin_stream: &'a str,
    pub origin_partition: u32,
    pub next_offset: u64,
    pub bookmark: &'a str,
}

#[derive(Row, Serialize)]
pub(super) struct GapRow<'a> {
    pub origin_stream: &'a str,
    pub origin_partition: u32,
    pub first_offset: u64,
    pub last_offset: u64,
    pub reason: &'a str,
}

#[derive(Row, Serialize)]
pub(super) struct GenerationRow<'a> {
    pub stream: &'a str,
    pub generation: u32,
    pub reason: &'a str,
}
