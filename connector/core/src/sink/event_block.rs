//! Events as `voc_events` takes them: one block for an insert.

use std::iter::repeat_n;

use clickhouse::error::Error;
use clickhouse::insert_formatted::InsertFormatted;
use uuid::Uuid;

use super::native::{BlockWriter, Column};
use super::rows::{Common, place, version};
use crate::batch::{Annotation, StoredEvent};

/// The version of a row that was stored before: below every writer's, so that a row of the same event that
/// came later stays, whoever annotated it.
const RESTORED: u64 = 0;

/// What is written, in this order, in the types of `deploy/clickhouse/`.
pub(super) const COLUMNS: [Column; 21] = [
    ("event_id", "UUID"),
    ("tenant_id", "String"),
    ("ts", "DateTime64(6, 'UTC')"),
    ("event_type", "LowCardinality(String)"),
    ("schema_version", "UInt16"),
    ("sentiment", "Nullable(Float64)"),
    ("sentiment_label", "LowCardinality(String)"),
    ("sentiment_unclear", "Bool"),
    ("sentiment_language", "LowCardinality(String)"),
    ("sentiment_explanation", "String"),
    ("annotation_version", "UInt32"),
    ("payload", "String"),
    ("processed_at", "DateTime64(3, 'UTC')"),
    ("origin_stream", "LowCardinality(String)"),
    ("origin_partition", "UInt32"),
    ("origin_offset", "UInt64"),
    ("source_topic", "LowCardinality(String)"),
    ("source_partition", "UInt32"),
    ("source_offset", "UInt64"),
    ("version", "UInt64"),
    ("writer_epoch", "UInt32"),
];

/// The statement that a block of events follows, its table quoted as the client quotes those of other inserts.
pub(super) fn statement() -> String {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    format!("INSERT INTO `voc_events` ({}) FORMAT Native", names.join(", "))
}

/// Writes events, at least one, and waits until the insert is carried out.
pub(super) async fn write(
    insert: InsertFormatted,
    events: &[StoredEvent],
    common: &Common<'_>,
) -> Result<(), Error> {
    let (rows, origin) = (events.len(), common.origin);
    let annotations = || events.iter().map(|event| event.annotation.as_ref());
    let places = || events.iter().map(|event| place(event.source.as_ref()));
    let mut block = BlockWriter::begin(insert, &COLUMNS, rows);
    block.fixed("event_id", events.iter().map(|event| uuid(event.event_id))).await?;
    block.strings("tenant_id", events.iter().map(|event| event.tenant_id.as_bytes())).await?;
    block.fixed("ts", events.iter().map(|event| event.timestamp.to_le_bytes())).await?;
    block.dictionary("event_type", events.iter().map(|event| event.event_type.as_str().as_bytes())).await?;
    block.fixed("schema_version", events.iter().map(|event| event.schema_version.to_le_bytes())).await?;
    block.nullable("sentiment", events.iter().map(|event| event.sentiment.map(f64::to_le_bytes))).await?;
    block.dictionary("sentiment_label", annotations().map(|of| of.map_or(NONE, |of| &of.label))).await?;
    let unclear = annotations().map(|of| [u8::from(of.is_some_and(Annotation::is_unclear))]);
    block.fixed("sentiment_unclear", unclear).await?;
    block
        .dictionary("sentiment_language", annotations().map(|of| of.map_or(NONE, |of| &of.language)))
        .await?;
    block
        .strings("sentiment_explanation", annotations().map(|of| of.map_or(NONE, |of| &of.explanation)))
        .await?;
    let versions = events.iter().map(|event| event.annotation_version.to_le_bytes());
    block.fixed("annotation_version", versions).await?;
    block.strings("payload", events.iter().map(|event| &*event.payload)).await?;
    block.fixed("processed_at", repeat_n(common.processed_at.to_le_bytes(), rows)).await?;
    block.dictionary("origin_stream", repeat_n(origin.stream.as_bytes(), rows)).await?;
    block.fixed("origin_partition", repeat_n(origin.partition.to_le_bytes(), rows)).await?;
    block.fixed("origin_offset", events.iter().map(|event| event.offset.to_le_bytes())).await?;
    block.dictionary("source_topic", places().map(|(topic, ..)| topic.as_bytes())).await?;
    block.fixed("source_partition", places().map(|(_, partition, _)| partition.to_le_bytes())).await?;
    block.fixed("source_offset", places().map(|(.., offset)| offset.to_le_bytes())).await?;
    let versions = events.iter().map(|event| version_of(event, origin.epoch).to_le_bytes());
    block.fixed("version", versions).await?;
    block.fixed("writer_epoch", repeat_n(origin.epoch.to_le_bytes(), rows)).await?;
    block.end().await
}

/// What the columns of text have where there is nothing to say.
const NONE: &[u8] = b"";

fn version_of(event: &StoredEvent, epoch: u32) -> u64 {
    if event.is_restored { RESTORED } else { version(event.annotation_version, epoch) }
}

/// As ClickHouse keeps it: two numbers, the upper half first.
fn uuid(id: Uuid) -> [u8; 16] {
    let (high, low) = id.as_u64_pair();
    (u128::from(low) << 64 | u128::from(high)).to_le_bytes()
}
