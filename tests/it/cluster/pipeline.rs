//! Kafka ─▶ mirror ─▶ Fluvio, whose SPU runs the SmartModule ─▶ sink ─▶ ClickHouse.

use voc_tests::harness::clickhouse::Database;
use voc_tests::harness::fluvio::Fluvio;
use voc_tests::harness::input::{self, seed};
use voc_tests::harness::kafka::Kafka;
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::stage::Stage;
use voc_tests::harness::stored::assert_mirrored;

use super::rig::{deal, load, mirror, shared, sink};

const PARTITIONS: usize = 4;

/// How many events the long test sends: `VOC_CLUSTER_EVENTS`, default 100,000.
fn events() -> u64 {
    std::env::var("VOC_CLUSTER_EVENTS").map_or(100_000, |text| text.parse().unwrap())
}

#[test]
fn a_topic_of_kafka_is_stored_once_and_in_order() {
    let (kafka, fluvio) = (Kafka::shared(), shared());
    kafka.create_topic("calls.small", PARTITIONS, &[("max.message.bytes", "3000000")]);
    let lines = input::lines(input::options(8_000, seed()));
    let producer = kafka.producer(&[("message.max.bytes", "3000000")]);
    let dealt = deal(&producer, "calls.small", PARTITIONS, &lines);
    producer.flush();
    let mut stage = sink("cluster_small", fluvio, "calls-small");
    mirror(&mut stage, kafka, "calls.small", "calls-small");
    stage.run_once();
    assert_stored(&stage, "calls.small", &dealt);
    // What is there already is not stored again, and what comes then is.
    let more = deal(&producer, "calls.small", PARTITIONS, &lines[..100]);
    producer.flush();
    stage.run_once();
    let both: Vec<Vec<Vec<u8>>> =
        dealt.into_iter().zip(more).map(|(first, then)| [first, then].concat()).collect();
    assert_stored(&stage, "calls.small", &both);
}

#[test]
fn restarts_of_connector_spu_and_kafka_in_the_middle_change_nothing() {
    let seed = seed();
    let (mut kafka, mut fluvio) = (Kafka::start(), Fluvio::start());
    load(&fluvio);
    kafka.create_topic("calls", PARTITIONS, &[]);
    let total = events();
    let mut options = input::options(total, seed);
    options.too_large = 0;
    let lines = input::lines(options);
    let mut stage = sink("cluster_restarts", &fluvio, "voc-calls");
    mirror(&mut stage, &kafka, "calls", "voc-calls");
    let mut connector = stage.connector(&[]);

    let producer = kafka.producer(&[]);
    let mut dealt = vec![Vec::new(); PARTITIONS];
    let mut sent = 0;
    for (step, part) in lines.chunks(lines.len().div_ceil(8)).enumerate() {
        for (all, new) in dealt.iter_mut().zip(deal(&producer, "calls", PARTITIONS, part)) {
            all.extend(new);
        }
        match step {
            1 | 5 => {
                connector.process().kill();
                connector = stage.connector(&[]);
            }
            2 | 6 => {
                fluvio.kill_spu();
                fluvio.start_spu_again();
            }
            3 => {
                kafka.kill();
                kafka.start_again();
            }
            _ => {}
        }
        producer.flush();
        // Two parts behind at most, so that every fault meets records on their way.
        stage.until_stored(sent);
        sent += part.len() as u64 / 2;
    }
    stage.until_stored(total);
    connector.until_ready_is(200);
    connector.drain();
    assert_stored(&stage, "calls", &dealt);
}

/// Everything that Kafka got is stored once, as the contract says, and in its order; and every offset of
/// Fluvio is a row's or a gap's.
fn assert_stored(stage: &Stage, topic: &str, dealt: &[Vec<Vec<u8>>]) {
    let oracles: Vec<Oracle> = dealt.iter().map(Oracle::of).collect();
    let partitions: Vec<(u32, &Oracle)> = (0..).zip(&oracles).collect();
    assert_mirrored(&stage.database, topic, &partitions);
    assert_contiguous(&stage.database);
}

fn assert_contiguous(database: &Database) {
    let holes = database.lines(
        "SELECT origin_stream, origin_partition, sum(count), max(last) + 1 FROM (
            SELECT origin_stream, origin_partition, sum(rows) AS count, max(last_offset) AS last FROM voc_origins
            WHERE origin_stream NOT LIKE 'kafka:%' GROUP BY ALL
            UNION ALL
            SELECT origin_stream, origin_partition, toUInt64(sum(last_offset - first_offset + 1)), max(last_offset)
            FROM voc_gaps FINAL GROUP BY ALL
        ) GROUP BY ALL HAVING sum(count) != max(last) + 1",
    );
    assert!(holes.is_empty(), "offsets without a row or a gap: {holes:#?}");
}
