//! Topics of a real Kafka that change between two runs of the connector, or under its hands: made anew,
//! compacted, cut by retention, with transactions that were taken back.

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::json;
use voc_tests::harness::connector::Connector;
use voc_tests::harness::eventually;
use voc_tests::harness::kafka::Kafka;
use voc_tests::harness::kafka::record::Record;
use voc_tests::harness::stage::Stage;

/// A topic of one partition, and a connector for it. Its records are no events: each becomes a dead
/// letter, and that is as good for counting.
struct Topic {
    kafka: &'static Kafka,
    name: &'static str,
    stage: Stage,
}

impl Topic {
    fn new(name: &'static str, settings: &[(&str, &str)]) -> Self {
        let kafka = Kafka::shared();
        kafka.create_topic(name, 1, settings);
        let mut stage = Stage::new(name);
        stage.config["source"] = json!({
            "kind": "kafka",
            "kafka": { "bootstrap": kafka.bootstrap(), "group_id": name, "topics": [name] },
        });
        Self { kafka, name, stage }
    }

    /// Sends so many records that are told apart from those of another `tag`.
    fn produce(&self, tag: &str, count: u64) {
        let producer = self.kafka.producer(&[]);
        (0..count).for_each(|number| producer.send(self.name, 0, &Record::of(format!("{tag} {number}"))));
        producer.flush();
    }

    /// Deletes the topic and makes it again.
    fn recreate(&self) {
        self.kafka.delete_topic(self.name);
        self.kafka.create_topic(self.name, 1, &[]);
    }

    /// Removes the records below an offset, as retention does.
    fn cut(&self, offset: i64) {
        let admin: AdminClient<DefaultClientContext> = self.kafka.client().create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(self.name, 0, Offset::Offset(offset)).unwrap();
        let deleted = admin.delete_records(&list, &AdminOptions::new());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(deleted).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Connector {
        self.stage.connector(&[&["--once"], arguments].concat())
    }

    /// Waits until so many records of a generation are stored.
    fn until_stored(&self, generation: u32, records: u64) {
        eventually(&format!("{records} records of generation {generation} are stored"), || {
            (self.offsets(generation).len() as u64 >= records).then_some(())
        });
    }

    /// The offsets of a generation that are stored.
    fn offsets(&self, generation: u32) -> Vec<u64> {
        let query = format!(
            "SELECT arrayJoin(bitmapToArray(offsets)) AS origin_offset FROM voc_origins \
             WHERE origin_stream = '{}#{generation}' AND origin_partition = 0 ORDER BY origin_offset",
            self.name
        );
        let stored = self.stage.database.ask(&query).unwrap_or_default();
        stored.lines().map(|line| line.parse().unwrap()).collect()
    }

    /// The connector ended because the topic is another, and a new generation holds all of it.
    fn assert_noticed(&self, log: &str, difference: &str, records: u64) {
        let complaint = format!("{}/0: the topic was deleted and made anew: {difference}", self.name);
        assert!(log.contains(&complaint), "{log}");
        assert!(log.contains("--new-generation"), "{log}");
        self.run(&["--new-generation"]).succeeds();
        assert_eq!(self.offsets(2), (0..records).collect::<Vec<_>>());
        // And that one is known again.
        self.produce("later", 3);
        self.run(&[]).succeeds();
        assert_eq!(self.offsets(2), (0..records + 3).collect::<Vec<_>>());
    }
}

#[test]
fn a_topic_made_anew_with_fewer_records_is_noticed_at_the_start() {
    let topic = Topic::new("anew_fewer", &[]);
    topic.produce("old", 100);
    topic.run(&[]).succeeds();
    topic.recreate();
    topic.produce("new", 40);
    let log = topic.run(&[]).fails();
    topic.assert_noticed(&log, "it ends at offset 40, but was read up to 100", 40);
}

#[test]
fn a_topic_made_anew_with_more_records_is_noticed_at_the_start() {
    let topic = Topic::new("anew_more", &[]);
    topic.produce("old", 100);
    topic.run(&[]).succeeds();
    topic.recreate();
    topic.produce("new", 300);
    // Not only with --once.
    for arguments in [&[][..], &["--once"]] {
        let log = topic.stage.connector(arguments).fails();
        assert!(log.contains("the record at offset 99 has the digest"), "{log}");
        assert_eq!(topic.offsets(1).len(), 100);
    }
    let log = topic.run(&[]).fails();
    topic.assert_noticed(&log, "the record at offset 99", 300);
}

#[test]
fn a_topic_made_anew_with_fewer_records_is_noticed_while_it_is_read() {
    let topic = Topic::new("live_fewer", &[]);
    topic.produce("old", 100);
    let connector = topic.stage.connector(&[]);
    topic.until_stored(1, 100);
    topic.recreate();
    topic.produce("new", 40);
    // It may have looked before there were new records.
    topic.assert_noticed(&connector.fails(), "it ends at offset ", 40);
}

#[test]
fn a_topic_made_anew_with_more_records_is_noticed_while_it_is_read() {
    let topic = Topic::new("live_more", &[]);
    topic.produce("old", 100);
    let mut connector = topic.stage.connector(&[]);
    topic.until_stored(1, 100);
    // It sees neither the old topic go nor the new one grow.
    connector.process().freeze();
    topic.recreate();
    topic.produce("new", 300);
    connector.process().thaw();
    let log = connector.fails();
    // librdkafka goes on at offset 100 of the new topic. Nothing of that is taken for the old one.
    assert_eq!(topic.offsets(1).len(), 100, "{log}");
    topic.assert_noticed(&log, "the record at offset 99", 300);
}

#[test]
fn a_compacted_topic_goes_through_without_an_alarm() {
    // Only a segment that is closed is compacted, and it is closed by the next record.
    let settings =
        [("cleanup.policy", "compact"), ("segment.ms", "1"), ("min.cleanable.dirty.ratio", "0.001")];
    let topic = Topic::new("compacted_between", &settings);
    let producer = topic.kafka.producer(&[]);
    let send = |key: &str| {
        producer.send(topic.name, 0, &Record::with_key(key, "value"));
        producer.flush();
    };
    ["a", "b", "a", "b"].iter().for_each(|key| send(key));
    topic.run(&[]).succeeds();
    assert_eq!(topic.offsets(1).last(), Some(&3));
    // The record that was read last goes, by a later one with its key.
    send("b");
    let kept =
        || -> Vec<u64> { topic.kafka.read(topic.name, 0).into_iter().map(|(offset, _)| offset).collect() };
    eventually("offset 3 is compacted away", || {
        send("other");
        (!kept().contains(&3)).then_some(())
    });
    topic.run(&[]).succeeds();
    let stored = topic.offsets(1);
    assert!(kept().iter().all(|offset| stored.contains(offset)), "{stored:?}");
    topic.run(&[]).succeeds();
}

#[test]
fn transactions_that_were_taken_back_go_through_without_an_alarm() {
    let topic = Topic::new("taken_back", &[]);
    let producer = topic.kafka.producer(&[("transactional.id", topic.name)]);
    producer.use_transactions();
    let send = |tag: &str| {
        producer.begin();
        (0..10).for_each(|number| producer.send(topic.name, 0, &Record::of(format!("{tag} {number}"))));
    };
    send("kept");
    producer.commit();
    // Behind the last record there is only the end of its transaction.
    topic.run(&[]).succeeds();
    topic.run(&[]).succeeds();
    send("taken back");
    producer.abort();
    topic.run(&[]).succeeds();
    assert_eq!(topic.offsets(1), (0..10).collect::<Vec<_>>());
    send("kept too");
    producer.commit();
    topic.run(&[]).succeeds();
    assert_eq!(topic.offsets(1), (0..10).chain(22..32).collect::<Vec<_>>());
}

#[test]
fn retention_is_an_alarm_only_where_it_took_what_was_not_read() {
    let topic = Topic::new("retention", &[]);
    topic.produce("old", 100);
    topic.run(&[]).succeeds();
    // All that was read: there is nothing left to compare with.
    topic.cut(100);
    topic.run(&[]).succeeds();
    topic.produce("new", 10);
    topic.run(&[]).succeeds();
    assert_eq!(topic.offsets(1), (0..110).collect::<Vec<_>>());
    topic.produce("newer", 10);
    topic.cut(115);
    let log = topic.run(&[]).fails();
    assert!(
        log.contains("retention/0: offset 110 is not there any more, the partition begins at 115"),
        "{log}"
    );
    topic.run(&["--new-generation"]).succeeds();
    assert_eq!(topic.offsets(2), (115..120).collect::<Vec<_>>());

    // The same while it reads.
    let mut connector = topic.stage.connector(&[]);
    topic.produce("read", 1);
    topic.until_stored(2, 6);
    connector.process().freeze();
    topic.produce("newest", 20);
    topic.cut(140);
    connector.process().thaw();
    let log = connector.fails();
    assert!(log.contains("is not there any more, the partition begins at 140"), "{log}");
}
