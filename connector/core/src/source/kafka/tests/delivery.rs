//! What arrives, from where, and in which order.

use std::time::Instant;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::rig::{Cluster, DEADLINE, Running, Seen, filled, partition, resume};
use crate::stream::Event;

#[tokio::test]
async fn all_records_of_all_partitions_arrive_once_and_in_order() {
    let cluster = Cluster::start(&[("a", 3), ("b", 2), ("other", 1)]);
    let mut expected = Seen::default();
    for (topic, number, records) in [("a", 0, 2_500), ("a", 1, 1), ("a", 2, 0), ("b", 0, 700), ("b", 1, 40)] {
        cluster.produce(topic, number, 0..records);
        if records > 0 {
            let id = partition(topic, u32::try_from(number).unwrap());
            expected.0.insert(id, filled(0..records));
        }
    }
    cluster.produce_null("b", 1);
    expected.0.get_mut(&partition("b", 1)).unwrap().push((40, String::new()));
    cluster.produce("other", 0, 0..10);

    let mut source = Running::start(&cluster.config(&["a", "b"]), true, 4).unwrap();
    let (partitions, reply) = source.assigned().await;
    assert_eq!(
        partitions,
        [partition("a", 0), partition("a", 1), partition("a", 2), partition("b", 0), partition("b", 1)]
    );
    reply.send(resume(&partitions, &[])).unwrap();
    let mut seen = Seen::default();
    source.collect(&mut seen, |_| false).await;
    assert_eq!(seen, expected);
    let metrics = source.metrics.render();
    assert!(metrics.contains("voc_source_end_offset{partition=\"0\",stream=\"a\"} 2500"), "{metrics}");
    source.end().await.unwrap();
}

#[tokio::test]
async fn reading_goes_on_at_the_offsets_that_the_pipeline_names() {
    let cluster = Cluster::start(&[("a", 3)]);
    (0..3).for_each(|number| cluster.produce("a", number, 0..100));
    // Offsets committed to Kafka are never read back.
    let group = ClientConfig::new()
        .set("bootstrap.servers", cluster.mock.bootstrap_servers())
        .set("group.id", "voc-processor")
        .create::<BaseConsumer>()
        .unwrap();
    let mut committed = TopicPartitionList::new();
    committed.add_partition_offset("a", 2, Offset::Offset(50)).unwrap();
    group.commit(&committed, rdkafka::consumer::CommitMode::Sync).unwrap();

    let mut source = Running::start(&cluster.config(&["a"]), true, 4).unwrap();
    let (partitions, reply) = source.assigned().await;
    reply.send(resume(&partitions, &[("a", 0, 60), ("a", 1, 100)])).unwrap();
    let mut seen = Seen::default();
    source.collect(&mut seen, |_| false).await;
    assert_eq!(seen.0.get(&partition("a", 0)), Some(&filled(60..100)));
    assert_eq!(seen.0.get(&partition("a", 1)), None);
    assert_eq!(seen.0.get(&partition("a", 2)), Some(&filled(0..100)));
    source.end().await.unwrap();
}

#[tokio::test]
async fn once_ends_on_an_empty_topic_and_does_not_wait_for_more() {
    let cluster = Cluster::start(&[("a", 2)]);
    let mut source = Running::start(&cluster.config(&["a"]), true, 4).unwrap();
    let (partitions, reply) = source.assigned().await;
    reply.send(resume(&partitions, &[])).unwrap();
    assert!(matches!(source.next().await, Some(Event::CaughtUp)));
    source.end().await.unwrap();
}

#[tokio::test]
async fn a_pipeline_without_room_holds_the_source_back_and_loses_nothing() {
    let cluster = Cluster::start(&[("a", 1)]);
    cluster.produce("a", 0, 0..5_000);
    let mut source = Running::start(&cluster.config(&["a"]), false, 1).unwrap();
    let (partitions, reply) = source.assigned().await;
    reply.send(resume(&partitions, &[])).unwrap();
    let mut seen = Seen::default();
    source.collect(&mut seen, |seen| seen.count() > 0).await;
    // The channel is full and stays so while more is produced.
    cluster.produce("a", 0, 5_000..8_000);
    assert_eq!(source.events.len(), 1);
    source.collect(&mut seen, |seen| seen.count() >= 8_000).await;
    assert_eq!(seen.0[&partition("a", 0)], filled(0..8_000));
    source.end().await.unwrap();
}

#[tokio::test]
async fn a_partition_is_drained_before_another_consumer_takes_it() {
    let cluster = Cluster::start(&[("a", 2)]);
    (0..2).for_each(|number| cluster.produce("a", number, 0..100));
    let config = cluster.config(&["a"]);
    let mut first = Running::start(&config, false, 4).unwrap();
    let (partitions, reply) = first.assigned().await;
    assert_eq!(partitions.len(), 2);
    reply.send(resume(&partitions, &[])).unwrap();
    let mut seen = Seen::default();
    first.collect(&mut seen, |seen| seen.count() >= 200).await;

    let mut second = Running::start(&config, false, 4).unwrap();
    let Some(Event::Revoked { partitions, drained }) = first.next().await else {
        panic!("expected a revocation")
    };
    assert_eq!(partitions, [partition("a", 0), partition("a", 1)]);
    // Records that come now wait for the next owner.
    (0..2).for_each(|number| cluster.produce("a", number, 100..120));
    assert!(second.events.try_recv().is_err(), "assigned before it was drained");
    drained.send(()).unwrap();

    // The group may take more than one round until both have a partition.
    let mut is_shared = false;
    while seen.count() < 240 || !is_shared {
        tokio::select! {
            event = first.next() => seen.serve(event),
            event = second.next() => {
                is_shared |= matches!(event, Some(Event::Assigned { .. }));
                seen.serve(event);
            }
        }
    }
    for number in 0..2 {
        assert_eq!(seen.0[&partition("a", number)], filled(0..120));
    }
    // One consumer is left, so the two revocations at the end come one after the other.
    second.end().await.unwrap();
    first.end().await.unwrap();
}

#[tokio::test]
async fn what_is_stored_is_committed_for_display() {
    let (cluster, source) = Running::at_the_end_of_ten().await;
    source.kafka.acknowledge().stored(&partition("a", 0), 7);
    source.end().await.unwrap();

    let group = ClientConfig::new()
        .set("bootstrap.servers", cluster.mock.bootstrap_servers())
        .set("group.id", "voc-processor")
        .create::<BaseConsumer>()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition("a", 0);
    let started = Instant::now();
    loop {
        let committed = group.committed_offsets(list.clone(), DEADLINE).unwrap();
        if committed.elements()[0].offset() == Offset::Offset(7) {
            break;
        }
        assert!(started.elapsed() < DEADLINE, "{committed:?}");
    }
}
