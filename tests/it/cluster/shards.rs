//! Several connectors on one topic.

use serde_json::json;
use voc_tests::harness::input::seed;
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::stage::Stage;
use voc_tests::harness::stored::assert_partitions_stored;
use voc_tests::harness::{eventually, fluvio::Fluvio};

use super::rig::{produce, shared, sink, text_lines};

const PARTITIONS: u32 = 4;

/// Sends lines, and gives what each partition got, as Fluvio tells.
fn sent(fluvio: &Fluvio, topic: &str) -> Vec<Vec<Vec<u8>>> {
    (0..PARTITIONS)
        .map(|partition| {
            let number = partition.to_string();
            let text = fluvio.cli(&[
                "consume",
                topic,
                "--partition",
                &number,
                "--beginning",
                "--disable-continuous",
            ]);
            text.lines().map(|line| line.as_bytes().to_vec()).collect()
        })
        .collect()
}

fn assert_stored(stage: &Stage, topic: &str, partitions: &[Vec<Vec<u8>>]) {
    let oracles: Vec<Oracle> = partitions.iter().map(Oracle::of).collect();
    let stream = format!("{topic}#1");
    let expected: Vec<_> =
        (0..).zip(&oracles).map(|(partition, oracle)| (stream.as_str(), partition, oracle)).collect();
    assert_partitions_stored(&stage.database, &expected);
}

#[test]
fn shards_store_every_event_once_and_their_number_can_change() {
    let fluvio = shared();
    fluvio.create_topic("sharded", PARTITIONS as usize, &[]);
    let seed = seed();
    let stage = sink("cluster_sharded", fluvio, "sharded");
    let mut total = 0;
    // Two shards, then three: nothing else changes.
    for (round, count) in [2_u32, 3].into_iter().enumerate() {
        let lines = text_lines(3_000, seed.wrapping_add(round as u64));
        produce(fluvio, &stage, "sharded", &lines, 16_000);
        total += lines.len() as u64;
        let shards: Vec<_> = (0..count)
            .map(|index| {
                let mut shard = sink("cluster_sharded", fluvio, "sharded");
                shard.config["source"]["fluvio"] = json!({ "shard": { "index": index, "count": count } });
                let connector = shard.connector(&[]);
                (shard, connector)
            })
            .collect();
        stage.until_stored(total);
        for (_stage, connector) in shards {
            connector.drain();
        }
        assert_stored(&stage, "sharded", &sent(fluvio, "sharded"));
    }
    let shown = fluvio.cli(&["consumer", "list", "--output", "json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let of_topic = |entry: &&serde_json::Value| entry["topic"] == "sharded" && entry["consumer_id"] == "voc";
    let offsets =
        shown.as_array().unwrap().iter().filter(of_topic).map(|entry| entry["offset"].as_u64().unwrap() + 1);
    assert_eq!(offsets.sum::<u64>(), total, "offsets for display");
}

#[test]
fn a_partition_that_is_added_is_read() {
    let fluvio = shared();
    fluvio.create_topic("growing", 1, &[]);
    let stage = sink("cluster_growing", fluvio, "growing");
    let lines = text_lines(1_000, seed());
    produce(fluvio, &stage, "growing", &lines[..500], 16_000);
    let connector = stage.connector(&[]);
    stage.until_stored(500);
    fluvio.add_partition("growing");
    produce(fluvio, &stage, "growing", &lines[500..], 1_000);
    stage.until_stored(lines.len() as u64);
    let partitions = eventually("both partitions have rows", || {
        let found = stage.database.number("SELECT uniqExact(origin_partition) FROM voc_origins");
        (found == 2).then_some(found)
    });
    assert_eq!(partitions, 2);
    connector.drain();
}
