//! Events posted to the API ─▶ a Fluvio topic ─▶ sink ─▶ ClickHouse.

use std::time::{Duration, Instant};

use serde_json::json;
use voc_tests::harness::eventually;
use voc_tests::harness::fluvio::Fluvio;
use voc_tests::harness::input::{self, call};
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::stage::Stage;
use voc_tests::harness::stored::assert_partitions_stored;

use super::rig::{load, shared, sink};
use crate::ingest::rig::{Api, JSON, NDJSON, Posted};

/// A stage whose API produces to the topic that its connector reads.
fn stage(name: &str, fluvio: &Fluvio, topic: &str) -> Stage {
    let mut stage = sink(name, fluvio, topic);
    stage.config["api"] = json!({ "port": 0, "ingest": { "mode": "fluvio", "topic": topic } });
    stage
}

fn calls(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| call("acme", number)).collect()
}

/// The topic's first generation holds these, in their order, and each is stored once.
fn assert_stored(stage: &Stage, topic: &str, lines: &[String]) {
    stage.until_stored(lines.len() as u64);
    assert_partitions_stored(&stage.database, &[(&format!("{topic}#1"), 0, &Oracle::of(lines))]);
}

#[test]
fn events_posted_to_the_api_arrive_through_the_sink() {
    let topic = "ingest-arrives";
    let stage = stage("cluster_ingest", shared(), topic);
    let connector = stage.connector(&[]);
    // The topic is not there: the API makes it.
    let api = Api::start(&stage);
    let mut sent = calls(0..1);
    eventually("the topic is made", || (api.post("acme", JSON, &sent[0]).status == 202).then_some(()));
    let pretty = call("acme", 1).replace(",\"", ",\n  \"");
    assert_eq!(api.post("acme", JSON, &pretty).status, 202);
    sent.push(pretty.replace('\n', ""));
    // More than one batch, and among it what is not stored.
    let many: Vec<String> =
        calls(2..3_000).iter().map(|line| line.replace("Good", &"Good ".repeat(60))).collect();
    let mut body = many.clone();
    body.insert(500, call("other", 9_999));
    body.insert(600, "{".to_owned());
    let posted = api.post("acme", NDJSON, body.join("\n"));
    assert_eq!((posted.status, &posted.body["accepted"]), (207, &json!(many.len())));
    sent.extend(many);
    assert_stored(&stage, topic, &sent);
    // No key, which to the sink would say where in Kafka a record came from.
    assert_eq!(stage.database.number("SELECT count() FROM voc_events WHERE source_topic != ''"), 0);
    connector.drain();
}

#[test]
fn a_topic_with_more_partitions_is_written_in_all_of_them() {
    let (fluvio, topic) = (shared(), "ingest-partitions");
    fluvio.create_topic(topic, 3, &[]);
    let stage = stage("cluster_ingest_partitions", fluvio, topic);
    let api = Api::start(&stage);
    for number in 0..30 {
        eventually("an event is taken", || {
            (api.post("acme", JSON, call("acme", number)).status == 202).then_some(())
        });
    }
    let connector = stage.connector(&[]);
    stage.until_stored(30);
    connector.drain();
    let sql = "SELECT uniqExact(origin_partition), uniqExact(event_id) FROM voc_events FINAL";
    assert_eq!(stage.database.run(sql), "3\t30");
}

#[test]
fn what_was_acknowledged_arrives_though_the_spu_is_killed_and_while_it_is_away_a_post_is_a_503() {
    let mut fluvio = Fluvio::start();
    load(&fluvio);
    let topic = "ingest-away";
    let mut stage = stage("cluster_ingest_away", &fluvio, topic);
    stage.config["api"]["ingest"]["queue"] = 1.into();
    let api = Api::start(&stage);
    let connector = stage.connector(&[]);
    let mut acknowledged = 0;
    for _ in 0..3 {
        // Acknowledged right before the kill, and nothing comes behind it.
        for number in acknowledged..acknowledged + 20 {
            eventually("an event is taken", || {
                (api.post("acme", JSON, call("acme", number)).status == 202).then_some(())
            });
        }
        acknowledged += 20;
        fluvio.kill_spu();
        let refused = soon(|| api.post("acme", JSON, call("acme", 9_000)));
        assert_eq!((refused.status, refused.retry_after.as_deref()), (503, Some("1")), "{refused:?}");
        assert!(["unavailable", "outcome_unknown"].contains(&refused.body["code"].as_str().unwrap()));
        let refused = soon(|| api.post("acme", JSON, call("acme", 9_000)));
        assert_eq!((refused.status, &refused.body["code"]), (503, &json!("unavailable")), "{refused:?}");
        fluvio.start_spu_again();
        let sql = "SELECT uniqExact(event_id) FROM voc_events WHERE event_id < '00000000-0000-4000-8000-000000009000'";
        eventually("all that was acknowledged is stored", || {
            (stage.database.number(sql) == u64::from(acknowledged)).then_some(())
        });
    }
    connector.drain();
}

#[test]
fn a_cluster_that_stands_still_is_a_503_in_time_and_a_429_for_those_behind() {
    let mut fluvio = Fluvio::start();
    let topic = "ingest-still";
    let mut stage = stage("cluster_ingest_still", &fluvio, topic);
    stage.config["api"]["ingest"]["queue"] = 1.into();
    let api = Api::start(&stage);
    eventually("an event is taken", || (api.post("acme", JSON, call("acme", 0)).status == 202).then_some(()));
    fluvio.spu().freeze();
    let statuses = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 1..8 {
            let (api, statuses) = (&api, &statuses);
            scope.spawn(move || {
                let posted = soon(|| api.post("acme", JSON, call("acme", number)));
                assert!(posted.retry_after.is_some(), "{posted:?}");
                statuses.lock().unwrap().push(posted.status);
            });
        }
    });
    let statuses = statuses.into_inner().unwrap();
    assert!(statuses.contains(&503) && statuses.contains(&429), "{statuses:?}");
    assert!(statuses.iter().all(|status| [503, 429].contains(status)), "{statuses:?}");
    fluvio.spu().thaw();
    eventually("events are taken again", || {
        (api.post("acme", JSON, call("acme", 9)).status == 202).then_some(())
    });
    assert!(!input::read(&stage.folder().join("api.log")).is_empty());
}

/// Answered before a client gives up.
#[track_caller]
fn soon(post: impl FnOnce() -> Posted) -> Posted {
    let started = Instant::now();
    let posted = post();
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}: {posted:?}", started.elapsed());
    posted
}
