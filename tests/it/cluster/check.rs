//! `voc-connector check` on a real cluster and a real Kafka.

use serde_json::json;
use voc_tests::harness::fluvio::Fluvio;
use voc_tests::harness::kafka::Kafka;
use voc_tests::harness::kafka::record::Record;

use super::rig::{load, mirror, shared, sink};
use crate::check::Checked;

#[test]
fn what_both_legs_need_is_reached_and_nothing_is_made() {
    let (kafka, fluvio) = (Kafka::shared(), shared());
    kafka.create_topic("check.calls", 2, &[]);
    let producer = kafka.producer(&[]);
    producer.send("check.calls", 1, &Record::of("{}"));
    producer.flush();
    let mut stage = sink("check_both", fluvio, "check-calls");
    mirror(&mut stage, kafka, "check.calls", "check-calls");
    stage.config["source"]["fluvio"]["shard"] = json!({ "index": 1, "count": 2 });
    let before = Checked::run(stage.folder(), &stage.config);
    before.succeeds(&[
        "1 broker in the cluster",
        "topic check.calls: 2 partitions, offsets 0 to 0, 0 to 1",
        "topic check-calls is missing, and the mirror makes it",
        "smartmodule voc-smartmodule is loaded",
        "database check_both is made at start",
    ]);
    assert!(!fluvio.cli(&["topic", "list"]).contains("check-calls"), "nothing is made");

    fluvio.create_topic("check-calls", 2, &[]);
    Checked::run(stage.folder(), &stage.config).succeeds(&[
        "topic check-calls has 2 partitions, shard 1 (count 2) reads 1",
        "check-calls/0 has a leader, offsets 0 to 0",
        "check-calls/1 has a leader, offsets 0 to 0",
    ]);
    // Without the mirror, the other shard's partition is not this connector's business.
    stage.config.as_object_mut().unwrap().remove("mirror");
    let alone = Checked::run(stage.folder(), &stage.config);
    alone.succeeds(&["check-calls/1 has a leader, offsets 0 to 0"]);
    assert!(!alone.mentions("check-calls/0") && !alone.mentions("kafka"));
}

#[test]
fn what_is_missing_is_named_with_the_command_that_makes_it() {
    let (kafka, fluvio) = (Kafka::shared(), Fluvio::start());
    let mut stage = sink("check_missing", &fluvio, "check-missing");
    stage.config["source"]["fluvio"]["topics"] = json!(["check-missing"]);
    mirror(&mut stage, kafka, "check.missing", "check-other");
    let missing = Checked::run(stage.folder(), &stage.config);
    missing.fails(&[
        "topic check.missing: is missing",
        "topic check-missing is missing (fluvio topic create check-missing --partitions N)",
        "smartmodule voc-smartmodule is missing (fluvio smartmodule create voc-smartmodule --wasm-file",
    ]);
    missing.says(&["topic check-other is missing, and the mirror makes it"]);
}

#[test]
fn a_leader_that_is_down_and_credentials_that_are_wrong_are_named() {
    let (kafka, mut fluvio) = (Kafka::start_secured(), Fluvio::start());
    load(&fluvio);
    fluvio.create_topic("check-down", 1, &[]);
    kafka.create_topic("check.down", 1, &[]);
    let mut stage = sink("check_down", &fluvio, "check-down");
    mirror(&mut stage, &kafka, "check.down", "check-down");
    stage.config["mirror"]["kafka"]["bootstrap"] = kafka.secured().bootstrap().into();
    stage.config["mirror"]["kafka"]["properties"] = json!(kafka.secured().properties());
    Checked::run(stage.folder(), &stage.config).succeeds(&["topic check.down: 1 partition, offsets 0 to 0"]);

    fluvio.kill_spu();
    stage.config["mirror"]["kafka"]["properties"]["sasl.password"] = "wrong".into();
    let down = Checked::run(stage.folder(), &stage.config);
    down.fails(&["mirror kafka ", "fluvio "]);
    down.says(&["Authentication failed", "check-down/0: SPU "]);
}
