//! Whether the topic still is the one that was read, and which of its incarnations a key names.

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::super::{Difference, Error, Mark, Purpose};
use super::rig::{Cluster, Running, Seen, filled, partition, resume};
use crate::mirror::key::{Key, Place};
use crate::stream::{Event, Resume};

/// Goes on at an offset, with a mark of the record before it.
fn marked(next_offset: u64, value: &str) -> Vec<Resume> {
    let bookmark = Mark::of(next_offset - 1, value.as_bytes()).to_string();
    let resumes = resume(&[partition("a", 0)], &[("a", 0, next_offset)]);
    resumes.into_iter().map(|resume| Resume { bookmark: bookmark.clone(), ..resume }).collect()
}

#[tokio::test]
async fn the_record_that_is_compared_is_not_delivered_again() {
    for once in [true, false] {
        let cluster = Cluster::start(&[("a", 1)]);
        cluster.produce("a", 0, 0..20);
        let mut source = Running::start(&cluster.config(&["a"]), once, 4).unwrap();
        let (_, reply) = source.assigned().await;
        reply.send(marked(10, "9")).unwrap();
        let mut seen = Seen::default();
        source.collect(&mut seen, |seen| seen.count() >= 10).await;
        assert_eq!(seen.0[&partition("a", 0)], filled(10..20));
        source.end().await.unwrap();
    }
}

#[tokio::test]
async fn another_record_at_the_place_of_the_last_one_ends_the_source() {
    for once in [true, false] {
        let cluster = Cluster::start(&[("a", 1)]);
        cluster.produce("a", 0, 0..20);
        let mut source = Running::start(&cluster.config(&["a"]), once, 4).unwrap();
        let (_, reply) = source.assigned().await;
        reply.send(marked(10, "another")).unwrap();
        assert!(source.next().await.is_none(), "a record came");
        match source.kafka.finished().await {
            Err(Error::Recreated { partition: at, difference }) => {
                assert_eq!(at, partition("a", 0));
                let (found, expected) = (Mark::of(9, b"9").hex(), Mark::of(9, b"another").hex());
                assert_eq!(difference, Difference::Other { offset: 9, found, expected });
            }
            other => panic!("expected another topic, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_partition_with_nothing_new_is_done_after_the_comparison() {
    let cluster = Cluster::start(&[("a", 1)]);
    cluster.produce("a", 0, 0..10);
    let mut source = Running::start(&cluster.config(&["a"]), true, 4).unwrap();
    let (_, reply) = source.assigned().await;
    reply.send(marked(10, "9")).unwrap();
    assert!(matches!(source.next().await, Some(Event::CaughtUp)));
    source.end().await.unwrap();
}

#[tokio::test]
async fn what_kafka_does_not_tell_at_first_is_asked_again() {
    let cluster = Cluster::start(&[("a", 1)]);
    cluster.produce("a", 0, 0..20);
    cluster.mock.request_errors(RDKafkaApiKey::ListOffsets, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN; 3]);
    let mut source = Running::start(&cluster.config(&["a"]), true, 4).unwrap();
    let (_, reply) = source.assigned().await;
    reply.send(marked(10, "9")).unwrap();
    let mut seen = Seen::default();
    source.collect(&mut seen, |_| false).await;
    assert_eq!(seen.0[&partition("a", 0)], filled(10..20));
    source.end().await.unwrap();
}

#[tokio::test]
async fn for_the_mirror_each_record_has_a_key_with_its_generation() {
    let cluster = Cluster::start(&[("a", 1)]);
    cluster.produce("a", 0, 0..3);
    cluster.produce_null("a", 0);
    let mut source = Running::start_for(Purpose::Mirror, &cluster.config(&["a"]), true, 4).unwrap();
    let (_, reply) = source.assigned().await;
    let resumes = marked(1, "0").into_iter().map(|resume| Resume { generation: 7, ..resume });
    reply.send(resumes.collect()).unwrap();
    let mut keys = Vec::new();
    while let Some(Event::Chunk(chunk)) = source.next().await {
        for record in &chunk.records {
            let key = record.key.as_ref().expect("a key");
            let place = Place { generation: 7, topic: "a", partition: 0, offset: record.offset };
            assert_eq!(Place::read(key), Some(place));
            keys.push(Key::read(key).expect("a key of ours"));
        }
    }
    let facts: Vec<_> = keys.iter().map(|key| (key.offset, key.key.as_deref(), key.is_null)).collect();
    assert_eq!(facts, [(1, None, false), (2, None, false), (3, Some(&b"k"[..]), true)]);
    assert_eq!(keys[0].timestamp_ms, 1_000);
    source.end().await.unwrap();
}
