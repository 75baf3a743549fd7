//! The mirror alone: what Fluvio holds is what Kafka held.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use voc_connector_core::mirror::key::Key;
use voc_tests::harness::connector::Connector;
use voc_tests::harness::eventually;
use voc_tests::harness::fluvio::Fluvio;
use voc_tests::harness::input::{self, now_ms};
use voc_tests::harness::kafka::Kafka;
use voc_tests::harness::kafka::record::Record;
use voc_tests::harness::stage::Stage;

use super::rig::{mirror, shared, sink};

fn alone(name: &str, kafka: &Kafka, fluvio: &Fluvio, from: &str, to: &str) -> Stage {
    let mut stage = sink(name, fluvio, to);
    stage.config["source"] = json!({ "kind": "none" });
    mirror(&mut stage, kafka, from, to);
    stage.config["mirror"]["set_aside"] = stage.folder().join("aside.ndjson").display().to_string().into();
    stage
}

fn run_once(stage: &Stage) {
    Connector::run_once(stage.folder(), &stage.config);
}

/// Keys and values of a Fluvio partition.
fn held(fluvio: &Fluvio, topic: &str) -> Vec<(Key, String)> {
    let arguments =
        ["consume", topic, "--beginning", "--disable-continuous", "--format", "{{key}}\u{1}{{value}}"];
    // A topic that is not there yet holds nothing.
    let text = fluvio
        .command(&arguments)
        .output()
        .map_or_else(|_| String::new(), |output| String::from_utf8(output.stdout).unwrap());
    let record = |line: &str| {
        let (key, value) = line.split_once('\u{1}').unwrap();
        (Key::read(key.as_bytes()).unwrap_or_else(|| panic!("no key of ours: {key}")), value.to_owned())
    };
    text.lines().map(record).collect()
}

#[test]
fn everything_kafka_knows_of_a_record_is_in_fluvio() {
    let (kafka, fluvio) = (Kafka::shared(), shared());
    kafka.create_topic("All.Of_It", 1, &[]);
    let time = now_ms() - 100_000_000_000;
    let records = [
        Record {
            key: Some(vec![0, 0xff]),
            value: Some(b"one".to_vec()),
            headers: vec![
                ("a".to_owned(), Some(vec![0xfe])),
                ("a".to_owned(), None),
                ("b".to_owned(), Some(vec![])),
            ],
            timestamp_ms: Some(time),
        },
        Record { key: Some(b"text".to_vec()), timestamp_ms: Some(now_ms()), ..Record::default() },
        Record { value: Some(Vec::new()), timestamp_ms: Some(time), ..Record::default() },
    ];
    let producer = kafka.producer(&[]);
    for record in &records {
        producer.send("All.Of_It", 0, record);
    }
    producer.flush();
    run_once(&alone("mirror_all", kafka, fluvio, "All.Of_It", "all-of-it"));
    let held = held(fluvio, "all-of-it");
    assert_eq!(held.len(), records.len());
    for (offset, ((key, value), record)) in (0..).zip(held.into_iter().zip(&records)) {
        assert_eq!((key.topic.as_str(), key.partition, key.offset), ("All.Of_It", 0, offset));
        assert_eq!(key.key, record.key);
        assert_eq!(key.headers, record.headers);
        assert_eq!(Some(key.timestamp_ms), record.timestamp_ms);
        assert_eq!(key.is_null, record.value.is_none(), "null is not empty");
        assert_eq!(value.as_bytes(), record.value.as_deref().unwrap_or_default());
    }
}

#[test]
fn a_record_too_large_for_fluvio_is_set_aside_once_and_the_mirror_goes_on() {
    let (kafka, fluvio) = (Kafka::shared(), shared());
    kafka.create_topic("huge", 1, &[("max.message.bytes", "6000000")]);
    let producer = kafka.producer(&[("message.max.bytes", "6000000")]);
    let large = format!("{{\"tenant_id\":\"acme\",\"x\":\"{}\"}}", "x".repeat(5_000_000));
    for value in [input::call("acme", 1), large.clone(), input::call("acme", 2), large.clone()] {
        producer.send("huge", 0, &Record::of(value));
    }
    producer.flush();

    let stage = alone("mirror_huge", kafka, fluvio, "huge", "huge-alone");
    run_once(&stage);
    run_once(&stage);
    assert_eq!(held(fluvio, "huge-alone").into_iter().map(|(key, _)| key.offset).collect::<Vec<_>>(), [0, 2]);
    let lines = input::read(&stage.folder().join("aside.ndjson"));
    let aside: Vec<Value> = lines.iter().map(|line| serde_json::from_slice(line).unwrap()).collect();
    assert_eq!(aside.iter().map(|line| line["offset"].as_u64()).collect::<Vec<_>>(), [Some(1), Some(3)]);

    // With a sink, they are dead letters, with every byte.
    let mut stage = sink("mirror_huge_both", fluvio, "huge-both");
    mirror(&mut stage, kafka, "huge", "huge-both");
    stage.run_once();
    stage.run_once();
    let letters = stage.database.lines(
        "SELECT code, tenant_id, origin_stream, origin_offset, source_topic, source_offset, length(original)
         FROM voc_dead_letters ORDER BY origin_offset",
    );
    let bytes = large.len();
    let letter = |offset: u64| format!("too_large\t\tkafka:huge#1\t{offset}\thuge\t{offset}\t{bytes}");
    assert_eq!(letters, [letter(1), letter(3)]);
    assert_eq!(stage.database.number("SELECT sum(rows) FROM voc_origins"), 4);
}

#[test]
fn what_a_killed_spu_holds_back_is_seen_again() {
    let kafka = Kafka::shared();
    kafka.create_topic("held", 1, &[]);
    let mut fluvio = Fluvio::start();
    let stage = alone("mirror_held", kafka, &fluvio, "held", "held");
    let producer = kafka.producer(&[]);
    let connector = stage.connector(&[]);
    let mut sent: u32 = 0;
    for _ in 0..3 {
        // Small requests until the kill, so that the SPU's note of what is committed is behind.
        for number in sent..sent + 200 {
            producer.send("held", 0, &Record::of(input::call("acme", number)));
        }
        producer.flush();
        sent += 200;
        eventually("all is seen by a consumer", || {
            let places: BTreeSet<u64> =
                held(&fluvio, "held").into_iter().map(|(key, _)| key.offset).collect();
            (places.len() == sent as usize).then_some(())
        });
        fluvio.kill_spu();
        fluvio.start_spu_again();
    }
    eventually("all is seen by a consumer again, though Kafka has nothing new", || {
        let places: BTreeSet<u64> = held(&fluvio, "held").into_iter().map(|(key, _)| key.offset).collect();
        (places.len() == sent as usize).then_some(())
    });
    connector.drain();
}

#[test]
fn a_topic_with_another_writer_is_refused() {
    let (kafka, fluvio) = (Kafka::shared(), shared());
    kafka.create_topic("foreign", 1, &[]);
    fluvio.create_topic("foreign", 1, &[]);
    let stage = alone("mirror_foreign", kafka, fluvio, "foreign", "foreign");
    super::rig::produce(fluvio, &stage, "foreign", &[b"mine".to_vec()], 16_000);
    let log = stage.connector(&["--once"]).fails();
    assert!(log.contains("foreign/0") && log.contains("only writer"), "{log}");
}

#[test]
fn a_kafka_topic_that_was_made_anew_is_noticed_by_the_mirror() {
    let (kafka, fluvio) = (Kafka::shared(), shared());
    let producer = kafka.producer(&[]);
    let send = |count: u32, from: u32| {
        for number in from..from + count {
            producer.send("mirror-again", 0, &Record::of(input::call("acme", number)));
        }
        producer.flush();
    };
    kafka.create_topic("mirror-again", 1, &[]);
    send(20, 0);
    let stage = alone("mirror_again", kafka, fluvio, "mirror-again", "mirror-again");
    run_once(&stage);
    kafka.delete_topic("mirror-again");
    kafka.create_topic("mirror-again", 1, &[]);
    send(50, 100);
    let log = stage.connector(&["--once"]).fails();
    assert!(log.contains("mirror-again/0") && log.contains("--new-generation"), "{log}");
    stage.connector(&["--once", "--new-generation"]).succeeds();
    let places: Vec<(u32, u64)> =
        held(fluvio, "mirror-again").into_iter().map(|(key, _)| (key.generation, key.offset)).collect();
    let expected: Vec<(u32, u64)> =
        (0..20).map(|offset| (1, offset)).chain((0..50).map(|offset| (2, offset))).collect();
    assert_eq!(places, expected);
}

#[test]
fn partitions_are_shared_by_mirrors_and_new_ones_are_added() {
    let (kafka, fluvio) = (Kafka::shared(), shared());
    kafka.create_topic("mirror-grows", 2, &[]);
    let stages = ["one", "two"]
        .map(|name| alone(&format!("mirror_{name}"), kafka, fluvio, "mirror-grows", "mirror-grows"));
    let connectors = stages.each_ref().map(|stage| stage.connector(&[]));
    let mut sent = 0;
    let mut send = |partitions: usize| {
        // A new one each time: it knows the partitions that there are when it starts.
        let producer = kafka.producer(&[]);
        for number in 0..1_000 {
            producer.send("mirror-grows", number % partitions, &Record::of(input::call("acme", sent)));
            sent += 1;
        }
        producer.flush();
        sent as usize
    };
    // What the controller knows of a partition's end may be old; a consumer sees what is there.
    let offsets = |partition: usize| -> Vec<u64> {
        let number = partition.to_string();
        let which = ["consume", "mirror-grows", "--partition", &number];
        let how = ["--beginning", "--disable-continuous", "--format", "{{key}}"];
        let output = fluvio.command(&[which.as_slice(), &how].concat()).output().unwrap();
        let keys = String::from_utf8(output.stdout).unwrap();
        keys.lines().filter_map(|key| Key::read(key.as_bytes())).map(|key| key.offset).collect()
    };
    let until_held = |partitions: usize, count: usize| {
        eventually(&format!("{count} records are in fluvio"), || {
            let held: usize = (0..partitions).map(|partition| offsets(partition).len()).sum();
            (held >= count).then_some(())
        });
    };
    let count = send(2);
    until_held(2, count);
    kafka.add_partitions("mirror-grows", 5);
    let count = send(5);
    until_held(5, count);
    for connector in connectors {
        connector.drain();
    }
    let mut held = 0;
    for partition in 0..5 {
        let offsets = offsets(partition);
        assert!(offsets.iter().copied().eq(0..offsets.len() as u64), "partition {partition}: {offsets:?}");
        held += offsets.len();
    }
    assert_eq!(held, count);
}
