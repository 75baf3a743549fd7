//! What Fluvio leaves out, and what is not there any more.

use serde_json::json;
use voc_tests::harness::fluvio::Fluvio;
use voc_tests::harness::input::seed;
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::stored::assert_stored;
use voc_tests::harness::{eventually, input};

use super::rig::{load, produce, shared, sink, text_lines};

#[test]
fn batches_that_fluvio_cuts_in_half_are_fetched_again_and_counted() {
    let fluvio = shared();
    fluvio.create_topic("cut", 1, &[]);
    let lines = text_lines(20_000, seed());
    // Answers of 1 MiB, as Fluvio's own client asks for, and batches of 256 KB: most answers cut one.
    let mut stage = sink("cluster_cut", fluvio, "cut");
    stage.config["source"]["fluvio"] = json!({ "smartmodule": "connector", "max_bytes": "1MiB" });
    stage.config["transforms"][0]["uses"] = "voc/voc-smartmodule@0.1.0".into();
    produce(fluvio, &stage, "cut", &lines, 256_000);
    let mut connector = stage.connector(&[]);
    stage.until_stored(lines.len() as u64);
    let counted = r#"voc_stream_reopened_total{cause="cut",partition="0",stream="cut"}"#;
    assert!(connector.metric(counted).is_some_and(|count| count >= 1.0));
    connector.drain();
    assert_stored(&stage.database, "cut#1", &Oracle::of(&lines));
    assert_eq!(stage.database.number("SELECT count() FROM voc_gaps"), 0);
}

#[test]
fn batches_larger_than_an_answer_are_not_jumped_over() {
    let fluvio = shared();
    fluvio.create_topic("large", 1, &[]);
    let lines = text_lines(8_000, seed());
    let stage = sink("cluster_large", fluvio, "large");
    produce(fluvio, &stage, "large", &lines, 900_000);
    // The default has room; the smallest one makes the SPU jump to the end without a word.
    stage.run_once();
    assert_stored(&stage.database, "large#1", &Oracle::of(&lines));
    let mut small = sink("cluster_jump", fluvio, "large");
    small.config["source"]["fluvio"] = json!({ "max_bytes": "512KiB" });
    let mut connector = small.connector(&[]);
    small.until_stored(lines.len() as u64);
    let counted = r#"voc_stream_reopened_total{cause="stalled",partition="0",stream="large"}"#;
    assert!(connector.metric(counted).is_some_and(|count| count >= 1.0));
    connector.drain();
    assert_stored(&small.database, "large#1", &Oracle::of(&lines));
}

#[test]
fn a_producer_that_goes_on_does_not_make_the_jump_a_gap() {
    let fluvio = shared();
    fluvio.create_topic("jumped", 1, &[]);
    let lines = text_lines(9_000, seed());
    let mut stage = sink("cluster_jumped", fluvio, "jumped");
    stage.config["source"]["fluvio"] = json!({ "max_bytes": "256KiB" });
    produce(fluvio, &stage, "jumped", &lines[..6_000], 900_000);
    let connector = stage.connector(&[]);
    // Each of these reaches a stream that the SPU has moved to its end.
    for part in lines[6_000..].chunks(300) {
        produce(fluvio, &stage, "jumped", part, 16_000);
    }
    stage.until_stored(lines.len() as u64);
    connector.drain();
    assert_stored(&stage.database, "jumped#1", &Oracle::of(&lines));
    assert_eq!(stage.database.number("SELECT count() FROM voc_gaps"), 0);
}

#[test]
fn what_a_killed_spu_holds_back_is_no_alarm() {
    let mut fluvio = Fluvio::start();
    load(&fluvio);
    fluvio.create_topic("held", 1, &[]);
    let lines = text_lines(3_000, seed());
    let stage = sink("cluster_held", &fluvio, "held");
    let mut connector = stage.connector(&[]);
    let mut sent = 0;
    for part in lines.chunks(500) {
        produce(&fluvio, &stage, "held", part, 1_000);
        sent += part.len() as u64;
        stage.until_stored(sent);
        fluvio.kill_spu();
        fluvio.start_spu_again();
        eventually("the SPU leads the partition again", || leads(&fluvio, "held").then_some(()));
    }
    connector.until_ready_is(200);
    connector.drain();
    assert_stored(&stage.database, "held#1", &Oracle::of(&lines));
}

/// Whether the SPU serves a topic's records. Until it knows that it leads the partition, a consumer ends without an
/// error and without a record, and a producer fails. What it holds back is not committed.
fn leads(fluvio: &Fluvio, topic: &str) -> bool {
    let all = ["consume", topic, "--beginning", "--disable-continuous", "--isolation", "read_uncommitted"];
    let read = fluvio.command(&all).output().expect("fluvio starts");
    read.status.success() && !read.stdout.is_empty()
}

#[test]
fn what_retention_removed_is_a_gap_and_the_rest_is_stored() {
    let fluvio = shared();
    // Segments of 200 KB, kept for 10 s: all but the last go.
    fluvio.create_topic("evicted", 1, &["--segment-size", "200KB", "--retention-time", "10s"]);
    let lines = text_lines(4_000, seed());
    let stage = sink("cluster_evicted", fluvio, "evicted");
    produce(fluvio, &stage, "evicted", &lines[..100], 16_000);
    stage.run_once();
    produce(fluvio, &stage, "evicted", &lines[100..], 16_000);
    // The controller's list goes on saying 0; the SPU's folder tells.
    let folder = fluvio.folder_of("evicted", 0);
    let start = eventually("retention leaves one segment", || {
        let names =
            std::fs::read_dir(&folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let segments: Vec<String> = names.filter(|name| name.ends_with(".log")).collect();
        let [segment] = &segments[..] else { return None };
        segment.trim_end_matches(".log").parse::<u64>().ok().filter(|start| *start > 100)
    });
    stage.run_once();
    let gaps = stage.database.lines("SELECT first_offset, last_offset, reason FROM voc_gaps");
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    let gap: Vec<&str> = gaps[0].split('\t').collect();
    let last: u64 = gap[1].parse().unwrap();
    assert!(gap[0] == "100" && gap[2] == "evicted" && last + 1 == start, "{gaps:?}, start {start}");
    let stored = stage.database.number("SELECT sum(rows) FROM voc_origins");
    assert_eq!(stored, 100 + lines.len() as u64 - (last + 1));
}

#[test]
fn a_topic_that_was_made_anew_is_noticed() {
    let fluvio = shared();
    let lines = text_lines(600, seed());
    // Fewer records than were stored, and more.
    for (topic, count) in [("anew-fewer", 100), ("anew-more", 500)] {
        fluvio.create_topic(topic, 1, &[]);
        let stage = sink(&format!("cluster_{topic}").replace('-', "_"), fluvio, topic);
        produce(fluvio, &stage, topic, &lines[..300], 16_000);
        stage.run_once();
        fluvio.delete_topic(topic);
        fluvio.create_topic(topic, 1, &[]);
        let other = &lines[lines.len() - count..];
        produce(fluvio, &stage, topic, other, 16_000);
        let log = stage.connector(&["--once"]).fails();
        assert!(log.contains("the topic was made anew") && log.contains(topic), "{log}");
        assert_eq!(stage.database.number("SELECT max(generation) FROM voc_generations"), 1);
        let goes_on = stage.connector(&["--once", "--new-generation"]);
        goes_on.succeeds();
        let oracle = Oracle::of(other);
        let rows = format!("SELECT sum(rows) FROM voc_origins WHERE origin_stream = '{topic}#2'");
        assert_eq!(stage.database.number(&rows), oracle.records());
    }
}

#[test]
fn a_missing_smartmodule_is_named() {
    let fluvio = shared();
    fluvio.create_topic("unnamed", 1, &[]);
    let mut stage = sink("cluster_unnamed", fluvio, "unnamed");
    produce(fluvio, &stage, "unnamed", &[input::call("acme", 1).into_bytes()], 16_000);
    stage.config["transforms"][0]["uses"] = "voc/voc-smartmodule@0.1.0".into();
    stage.config["transforms"][0]["with"] = json!({ "max_bytes": "10" });
    // Loaded under the short name, which Fluvio takes for it too.
    stage.run_once();
    assert_eq!(stage.database.run("SELECT code FROM voc_dead_letters"), "too_large", "params reach the SPU");
}
