//! What goes wrong, and whether it is survived or said.

use std::time::Duration;

use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::super::{Difference, Error};
use super::rig::{Cluster, Running, Seen, filled, partition, resume};
use crate::monitoring::Status;

#[tokio::test]
async fn broker_errors_are_survived() {
    let cluster = Cluster::start(&[("a", 2)]);
    (0..2).for_each(|number| cluster.produce("a", number, 0..1_000));
    let retriable = [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    ];
    cluster.mock.request_errors(RDKafkaApiKey::Fetch, &retriable);
    cluster.mock.request_errors(RDKafkaApiKey::ListOffsets, &retriable[..2]);
    cluster.mock.request_errors(
        RDKafkaApiKey::JoinGroup,
        &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE],
    );

    let mut source = Running::start(&cluster.config(&["a"]), false, 4).unwrap();
    let (partitions, reply) = source.assigned().await;
    reply.send(resume(&partitions, &[])).unwrap();
    let mut seen = Seen::default();
    source.collect(&mut seen, |seen| seen.count() >= 2_000).await;
    cluster.mock.request_errors(RDKafkaApiKey::Fetch, &retriable);
    (0..2).for_each(|number| cluster.produce("a", number, 1_000..1_500));
    source.collect(&mut seen, |seen| seen.count() >= 3_000).await;
    for number in 0..2 {
        assert_eq!(seen.0[&partition("a", number)], filled(0..1_500));
    }
    source.end().await.unwrap();
}

#[tokio::test]
async fn brokers_that_go_away_show_in_readiness_until_they_are_back() {
    let cluster = Cluster::start(&[("a", 1)]);
    cluster.produce("a", 0, 0..10);
    let mut source = Running::start(&cluster.config(&["a"]), false, 4).unwrap();
    assert_eq!(source.readiness.status(), Status::Starting);
    let (partitions, reply) = source.assigned().await;
    reply.send(resume(&partitions, &[])).unwrap();
    let mut seen = Seen::default();
    source.collect(&mut seen, |seen| seen.count() >= 10).await;
    source.until(|status| *status == Status::Ready).await;

    cluster.mock.broker_down(1).unwrap();
    source.until(|status| matches!(status, Status::Unready(_))).await;
    cluster.mock.broker_up(1).unwrap();
    source.until(|status| *status == Status::Ready).await;
    cluster.produce("a", 0, 10..20);
    source.collect(&mut seen, |seen| seen.count() >= 20).await;
    assert_eq!(seen.0[&partition("a", 0)], filled(0..20));
    source.end().await.unwrap();
}

#[tokio::test]
async fn a_topic_that_ends_before_what_was_read_ends_the_source() {
    for once in [true, false] {
        let cluster = Cluster::start(&[("a", 1)]);
        cluster.produce("a", 0, 0..10);
        let mut source = Running::start(&cluster.config(&["a"]), once, 4).unwrap();
        let (partitions, reply) = source.assigned().await;
        reply.send(resume(&partitions, &[("a", 0, 11)])).unwrap();
        assert!(source.next().await.is_none());
        match source.kafka.finished().await {
            Err(Error::Recreated { partition: at, difference }) => {
                assert_eq!(at, partition("a", 0));
                assert_eq!(difference, Difference::Shorter { end: 10, expected: 11 });
            }
            other => panic!("expected that the topic is too short, got {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_assignment_must_be_answered_whole() {
    let cluster = Cluster::start(&[("a", 2)]);
    let mut source = Running::start(&cluster.config(&["a"]), false, 4).unwrap();
    let (partitions, reply) = source.assigned().await;
    reply.send(resume(&partitions[..1], &[])).unwrap();
    assert!(source.next().await.is_none());
    match source.kafka.finished().await {
        Err(Error::NoResume { partition: at }) => assert_eq!(at, partition("a", 1)),
        other => panic!("expected a missing answer, got {other:?}"),
    }
}

#[tokio::test]
async fn once_does_not_wait_for_a_topic_that_is_not_there() {
    let cluster = Cluster::start(&[]);
    cluster.mock.topic_error("a", RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART).unwrap();
    let mut source = Running::start(&cluster.config(&["a"]), true, 4).unwrap();
    assert!(source.next().await.is_none());
    match source.kafka.finished().await {
        Err(Error::NoTopic { topics, .. }) => assert_eq!(topics, "a"),
        other => panic!("expected that the topic is missing, got {other:?}"),
    }
}

#[tokio::test]
async fn a_pipeline_that_is_gone_ends_the_source() {
    let cluster = Cluster::start(&[("a", 1)]);
    let mut source = Running::start(&cluster.config(&["a"]), false, 4).unwrap();
    drop(source.assigned().await);
    drop(source.events);
    source.kafka.finished().await.unwrap();
}

#[test]
fn a_property_that_librdkafka_does_not_take_is_named_without_its_value() {
    let cluster = Cluster::start(&[]);
    for property in ["no.such.property", "socket.timeout.ms"] {
        let mut config = cluster.config(&["a"]);
        let hidden = serde_json::from_value("hidden".into()).unwrap();
        config.properties.insert(property.to_owned(), hidden);
        let Err(error) = Running::start(&config, false, 4) else { panic!("{property} was taken") };
        let error = error.to_string();
        assert!(error.starts_with(&format!("source.kafka.properties.{property}: ")), "{error}");
        assert!(!error.contains("hidden"), "{error}");
    }
}

#[tokio::test]
async fn a_source_ends_while_the_brokers_are_away() {
    let (cluster, source) = Running::at_the_end_of_ten().await;
    cluster.mock.broker_down(1).unwrap();
    source.kafka.acknowledge().stored(&partition("a", 0), 10);
    source.until(|status| matches!(status, Status::Unready(_))).await;
    source.end().await.unwrap();
}

/// librdkafka would wait a minute for what it asked for: here for the answer to the last commit.
#[tokio::test]
async fn a_source_ends_though_the_brokers_do_not_answer() {
    let (cluster, source) = Running::at_the_end_of_ten().await;
    cluster.mock.broker_round_trip_time(1, Duration::from_secs(600)).unwrap();
    source.kafka.acknowledge().stored(&partition("a", 0), 10);
    tokio::time::timeout(Duration::from_secs(30), source.end()).await.expect("an end in time").unwrap();
}
