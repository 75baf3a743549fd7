//! Fluvio.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use voc_tests::harness::fluvio::Fluvio;
use voc_tests::harness::{eventually, variable};

/// Sends lines, each a record.
fn produce(fluvio: &Fluvio, topic: &str, lines: &[&str]) {
    let mut command: Command = fluvio.command(&["produce", topic]);
    let mut producer = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let input = format!("{}\n", lines.join("\n"));
    producer.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(producer.wait().unwrap().success());
}

/// All that a partition holds.
fn consume(fluvio: &Fluvio, topic: &str, partition: &str) -> Vec<String> {
    let output =
        fluvio.cli(&["consume", topic, "--partition", partition, "--beginning", "--disable-continuous"]);
    output.lines().map(str::to_owned).collect()
}

#[test]
fn a_record_is_consumed_as_it_was_produced_also_after_the_spu_was_killed() {
    let mut fluvio = Fluvio::start();
    fluvio.create_topic("records", 1, &["--retention-time", "1h", "--segment-size", "1MB"]);
    produce(&fluvio, "records", &["one", "two"]);
    assert_eq!(consume(&fluvio, "records", "0"), ["one", "two"]);
    fluvio.kill_spu();
    fluvio.start_spu_again();
    // Until the SPU knows that it leads the partition, a consumer ends without a record.
    eventually("all is consumed again", || {
        (consume(&fluvio, "records", "0") == ["one", "two"]).then_some(())
    });
    produce(&fluvio, "records", &["three"]);
    assert_eq!(consume(&fluvio, "records", "0"), ["one", "two", "three"]);
}

#[test]
fn topics_grow_and_a_new_one_under_an_old_name_is_empty() {
    let fluvio = Fluvio::shared();
    fluvio.create_topic("again", 2, &[]);
    fluvio.add_partition("again");
    produce(fluvio, "again", &["old"; 3]);
    let all = || ["0", "1", "2"].map(|partition| consume(fluvio, "again", partition)).concat();
    assert_eq!(all(), ["old"; 3]);
    fluvio.delete_topic("again");
    fluvio.create_topic("again", 3, &[]);
    assert_eq!(all(), [""; 0]);
}

#[test]
fn a_smartmodule_is_there_once_it_was_loaded() {
    let fluvio = Fluvio::shared();
    fluvio.create_topic("events", 1, &[]);
    produce(fluvio, "events", &["not an event"]);
    fluvio.create_smartmodule("voc-there", Path::new(&variable("VOC_SMARTMODULE")));
    let with = ["consume", "events", "--beginning", "--disable-continuous", "--smartmodule", "voc-there"];
    // A consumer that does not wait for more may end before the module has made its first record.
    eventually("the module's record is consumed", || fluvio.cli(&with).contains("not_json").then_some(()));
}

#[test]
fn two_clusters_know_nothing_of_each_other() {
    let (one, other) = (Fluvio::start(), Fluvio::shared());
    one.create_topic("of-one", 1, &[]);
    assert!(one.cli(&["topic", "list"]).contains("of-one"));
    assert!(!other.cli(&["topic", "list"]).contains("of-one"));
}
