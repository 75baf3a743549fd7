//! Events reach ClickHouse as one block, and as they are, whatever they hold.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use uuid::Uuid;
use voc_connector_core::batch::{Annotation, Batch, Origin, StoredEvent};
use voc_connector_core::config::sections::{ClickHouse as Config, Compression};
use voc_connector_core::metrics::Metrics;
use voc_connector_core::monitoring::Readiness;
use voc_connector_core::sink::Sink;
use voc_connector_core::stream::Position;
use voc_smartmodule::contract::EventType;
use voc_tests::harness::clickhouse::{ClickHouse, Database};
use voc_tests::harness::connector::operate;
use voc_tests::harness::stage::Stage;

/// A fifth of the events has none: more than an index of one byte can tell apart.
const TOPICS: u16 = 400;

/// What comes back, of one event a line.
const STORED: &str = "
    SELECT origin_offset, event_id, hex(tenant_id), toUnixTimestamp64Micro(ts), event_type, schema_version, isNull(sentiment),
        reinterpretAsUInt64(assumeNotNull(sentiment)), sentiment_label, sentiment_unclear, sentiment_language,
        sentiment_explanation, annotation_version, hex(payload), origin_stream, origin_partition, source_topic,
        source_partition, source_offset, version, writer_epoch
    FROM voc_events ORDER BY origin_offset";

/// Lengths at which the form of a string changes, or a piece of the insert ends.
const LENGTHS: [usize; 8] = [0, 1, 127, 128, 16_383, 16_384, 262_144, 700_000];

fn event(number: u16) -> StoredEvent {
    let (offset, place) = (u64::from(number), usize::from(number));
    // Not all are long: the answer has each byte twice.
    let most = if number < 64 { usize::MAX } else { 300 };
    let length = LENGTHS[place * 7 % LENGTHS.len()].min(most);
    // Any bytes, not only text.
    let payload: Vec<u8> = (0..length).map(|byte| (byte * 31 + place).to_le_bytes()[0]).collect();
    let text = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    StoredEvent {
        offset,
        source: (!offset.is_multiple_of(5)).then(|| Position {
            topic: Arc::from(format!("topic-{}", number % TOPICS)),
            partition: u32::MAX - u32::from(number),
            offset: u64::MAX - offset,
        }),
        event_id: Uuid::from_u128(u128::MAX / (u128::from(offset) + 1)),
        tenant_id: format!("tenant \u{1f600} {}", offset % 3),
        timestamp: i64::from(number) * 86_400_000_000 - 1,
        event_type: EventType::Call,
        schema_version: u16::MAX - number,
        sentiment: [None, Some(-1.0), Some(-0.0), Some(0.1), Some(f64::MIN_POSITIVE)][place % 5],
        annotation: (!offset.is_multiple_of(3)).then(|| Annotation {
            label: text(["unclear", "negative", "positive"][place % 3]),
            language: text(["", "pt"][place % 2]),
            explanation: text(&format!("{{\"score\":{offset}}}")),
        }),
        annotation_version: u32::MAX,
        payload: payload.into(),
        is_restored: offset.is_multiple_of(11),
    }
}

/// The line of [`STORED`] that an event has to have.
fn line(event: &StoredEvent, origin: &Origin) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let text = |part: fn(&Annotation) -> &Bytes| {
        event.annotation.as_ref().map_or("", |annotation| std::str::from_utf8(part(annotation)).unwrap())
    };
    let (topic, partition, offset) =
        event.source.as_ref().map_or(("", 0, 0), |at| (&*at.topic, at.partition, at.offset));
    let version = u64::from(event.annotation_version) << 32 | u64::from(origin.epoch);
    let mut line = String::new();
    let fields: [&dyn std::fmt::Display; 21] = [
        &event.offset,
        &event.event_id,
        &hex(event.tenant_id.as_bytes()),
        &event.timestamp,
        &event.event_type.as_str(),
        &event.schema_version,
        &u8::from(event.sentiment.is_none()),
        &event.sentiment.map_or(0, f64::to_bits),
        &text(|annotation| &annotation.label),
        &(text(|annotation| &annotation.label) == "unclear"),
        &text(|annotation| &annotation.language),
        &text(|annotation| &annotation.explanation),
        &event.annotation_version,
        &hex(&event.payload),
        &origin.stream,
        &origin.partition,
        &topic,
        &partition,
        &offset,
        &if event.is_restored { 0 } else { version },
        &origin.epoch,
    ];
    for (place, field) in fields.iter().enumerate() {
        write!(line, "{}{field}", if place == 0 { "" } else { "\t" }).unwrap();
    }
    line
}

/// Stores these events as one batch.
async fn store(database: &Database, compression: Compression, events: &[StoredEvent], origin: &Origin) {
    let config = Config {
        host: "127.0.0.1".to_owned(),
        port: database.port(),
        database: database.name().to_owned(),
        compression,
        ..Config::default()
    };
    let sink = Sink::new(&config, Metrics::new().unwrap(), Readiness::new().part("clickhouse"));
    sink.prepare().await.unwrap();
    let mut batch = Batch::open(Arc::new(origin.clone()), 0, Instant::now());
    batch.events = events.to_vec();
    batch.next_offset = events.len() as u64;
    sink.write(batch).await.unwrap();
}

#[tokio::test]
async fn what_is_written_is_stored_as_it_is() {
    let origin = Origin { stream: "a \u{e9}#1".to_owned(), partition: 7, epoch: 0 };
    let events: Vec<StoredEvent> = (0..2 * TOPICS).map(event).collect();
    let expected: Vec<String> = events.iter().map(|event| line(event, &origin)).collect();
    for (name, compression) in
        [("event_block_plain", Compression::None), ("event_block_lz4", Compression::Lz4)]
    {
        let database = ClickHouse::shared().database(name);
        store(&database, compression, &events, &origin).await;
        let stored = database.lines(STORED);
        assert_eq!(stored.len(), expected.len());
        for (stored, expected) in stored.iter().zip(&expected) {
            let shown = |line: &str| line.chars().take(400).collect::<String>();
            assert!(stored == expected, "{name}\n{}\n{}", shown(stored), shown(expected));
        }
    }
}

#[tokio::test]
async fn of_an_event_that_comes_twice_in_one_insert_the_later_stays() {
    let origin = Origin { stream: "twice#1".to_owned(), partition: 0, epoch: 0 };
    let mut events: Vec<StoredEvent> = (1..=4).map(event).collect();
    events[3] = StoredEvent { offset: 9, payload: Bytes::from_static(b"later"), ..events[0].clone() };
    let database = ClickHouse::shared().database("event_block_twice");
    store(&database, Compression::None, &events, &origin).await;
    let kept =
        "SELECT groupArray(origin_offset) FROM (SELECT * FROM voc_events FINAL ORDER BY origin_offset)";
    assert_eq!(database.run(kept), "[2,3,9]");
    assert_eq!(database.number("SELECT sum(rows) FROM voc_origins"), 4, "the ledger has both origins");
    database.run("OPTIMIZE TABLE voc_events FINAL");
    assert_eq!(database.run(kept), "[2,3,9]");
}

#[test]
fn a_column_of_another_type_stops_the_connector_before_it_writes() {
    let stage = Stage::new("event_block_type");
    std::fs::write(&stage.file, "").unwrap();
    stage.run_once();
    stage.database.run("ALTER TABLE voc_events MODIFY COLUMN schema_version UInt8");
    let log = stage.connector(&[]).fails();
    let (code, answer) = operate(&stage, &["check"]);
    let reason = "column schema_version of voc_events is of type UInt8, and what is written of type UInt16";
    assert!(log.contains(reason), "{log}");
    assert!(code == Some(1) && answer.contains(reason), "{answer}");
    // With a dictionary or without, and in which time zone it is shown, is the operator's choice.
    stage.database.run("ALTER TABLE voc_events MODIFY COLUMN schema_version UInt16");
    stage.database.run("ALTER TABLE voc_events MODIFY COLUMN source_topic String");
    stage
        .database
        .run("ALTER TABLE voc_events MODIFY COLUMN processed_at DateTime64(3, 'America/Sao_Paulo')");
    stage.run_once();
}
