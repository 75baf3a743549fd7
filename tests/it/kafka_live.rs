//! A real Kafka that changes, or is strict, while the connector reads.

use std::collections::BTreeMap;

use serde_json::json;
use voc_tests::harness::kafka::Kafka;
use voc_tests::harness::kafka::record::Record;
use voc_tests::harness::stage::Stage;

fn stage(name: &str, bootstrap: &str, properties: &BTreeMap<&str, String>) -> Stage {
    let mut stage = Stage::new(name);
    stage.config["source"] = json!({
        "kind": "kafka",
        "kafka": { "bootstrap": bootstrap, "group_id": name, "topics": [name], "properties": properties },
    });
    stage
}

/// Sends so many records to a partition.
fn produce(kafka: &Kafka, topic: &str, partition: usize, count: u64) {
    let producer = kafka.producer(&[]);
    (0..count).for_each(|number| producer.send(topic, partition, &Record::of(format!("{number}"))));
    producer.flush();
}

#[test]
fn a_partition_that_is_added_is_read_too() {
    let kafka = Kafka::shared();
    kafka.create_topic("grows", 1, &[]);
    produce(kafka, "grows", 0, 10);
    let stage = stage("grows", &kafka.bootstrap(), &BTreeMap::new());
    let connector = stage.connector(&[]);
    stage.until_stored(10);
    kafka.add_partitions("grows", 3);
    (0..3).for_each(|partition| produce(kafka, "grows", partition, 10));
    stage.until_stored(40);
    connector.drain();
    let partitions = "SELECT origin_partition, sum(rows), max(last_offset) FROM voc_origins \
                      GROUP BY origin_partition ORDER BY origin_partition";
    assert_eq!(stage.database.lines(partitions), ["0\t20\t19", "1\t10\t9", "2\t10\t9"]);
}

#[test]
fn kafka_is_read_with_tls_and_a_password_and_says_so_where_the_password_is_wrong() {
    let kafka = Kafka::start_secured();
    kafka.create_topic("secured", 1, &[]);
    produce(&kafka, "secured", 0, 10);
    let good = kafka.secured().properties();
    let stage = stage("secured", &kafka.secured().bootstrap(), &good);
    stage.run_once();
    assert_eq!(stage.records(), 10);

    let mut wrong = stage;
    wrong.config["source"]["kafka"]["properties"]["sasl.password"] = "another".into();
    for arguments in [&[][..], &["--once"]] {
        let log = wrong.connector(arguments).fails();
        assert!(log.contains("kafka refuses the connector"), "{log}");
        assert!(!log.contains("another"), "{log}");
    }
}
