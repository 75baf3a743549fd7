//! From Kafka into ClickHouse, with the real connector and librdkafka's mock cluster.

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::json;
use voc_tests::harness::DEADLINE;
use voc_tests::harness::input::{self, now_ms, seed};
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::stage::Stage;
use voc_tests::harness::stored::assert_partitions_stored;

const GROUP: &str = "voc-processor";

/// Topic and partition with its records so far; an empty one is sent as null.
type Partitions = Vec<(&'static str, u32, Vec<Vec<u8>>)>;

struct Cluster {
    mock: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
    partitions: Partitions,
}

impl Cluster {
    /// Two topics, of three partitions and of two.
    fn start() -> Self {
        let mock = MockCluster::new(1).unwrap();
        mock.create_topic("calls", 3, 1).unwrap();
        mock.create_topic("other", 2, 1).unwrap();
        let producer =
            ClientConfig::new().set("bootstrap.servers", mock.bootstrap_servers()).create().unwrap();
        let partitions = [("calls", 0), ("calls", 1), ("calls", 2), ("other", 0), ("other", 1)];
        let partitions = partitions.map(|(topic, partition)| (topic, partition, Vec::new())).to_vec();
        Self { mock, producer, partitions }
    }

    /// Deals the records out to the partitions in turn.
    fn produce(&mut self, records: Vec<Vec<u8>>) {
        let count = self.partitions.len();
        for (index, value) in records.into_iter().enumerate() {
            let (topic, partition, sent) = &mut self.partitions[index % count];
            let mut record = BaseRecord::<str, [u8]>::to(topic)
                .partition(i32::try_from(*partition).unwrap())
                .key("key")
                .timestamp(now_ms());
            if !value.is_empty() {
                record = record.payload(&value);
            }
            self.producer.send(record).unwrap();
            sent.push(value);
        }
        self.producer.flush(DEADLINE).unwrap();
    }

    fn records(&self) -> u64 {
        self.partitions.iter().map(|(_, _, sent)| sent.len() as u64).sum()
    }

    fn stage(&self, name: &str) -> Stage {
        let mut stage = Stage::new(name);
        stage.config["source"] = json!({
            "kind": "kafka",
            "kafka": {
                "bootstrap": self.mock.bootstrap_servers(),
                "group_id": GROUP,
                "topics": ["calls", "other"],
                // The mock cluster holds every rebalance up for this long.
                "properties": { "session.timeout.ms": "4000", "heartbeat.interval.ms": "200" },
            },
        });
        stage
    }

    fn assert_stored(&self, stage: &Stage) {
        let streams = self
            .partitions
            .iter()
            .map(|(topic, partition, sent)| (format!("{topic}#1"), *partition, Oracle::of(sent)));
        let streams: Vec<(String, u32, Oracle)> = streams.collect();
        let expected: Vec<_> =
            streams.iter().map(|(stream, partition, oracle)| (stream.as_str(), *partition, oracle)).collect();
        assert_partitions_stored(&stage.database, &expected);
        for table in ["voc_events", "voc_dead_letters"] {
            let differing = format!(
                "SELECT count() FROM {table} WHERE origin_stream != concat(source_topic, '#1') \
                 OR origin_partition != source_partition OR origin_offset != source_offset"
            );
            assert_eq!(stage.database.number(&differing), 0, "{table}: source and origin");
        }
    }

    /// Commits offsets for a group that is not there yet, at the start, in the middle and at the end: they
    /// are for display, and nobody may go by them.
    fn commit_elsewhere(&self, group: &str) {
        let mut committed = TopicPartitionList::new();
        for (index, (topic, partition, sent)) in self.partitions.iter().enumerate() {
            let end = i64::try_from(sent.len()).unwrap();
            let offset = Offset::Offset([end, 100, 0][index % 3]);
            committed.add_partition_offset(topic, i32::try_from(*partition).unwrap(), offset).unwrap();
        }
        self.consumer(group).commit(&committed, CommitMode::Sync).unwrap();
    }

    fn consumer(&self, group: &str) -> BaseConsumer {
        ClientConfig::new()
            .set("bootstrap.servers", self.mock.bootstrap_servers())
            .set("group.id", group)
            .create()
            .unwrap()
    }
}

/// Small ones only: a broker takes no record of more than 1 MB.
fn records(count: u64, seed: u64) -> Vec<Vec<u8>> {
    let mut options = input::options(count, seed);
    options.too_large = 0;
    input::lines(options)
}

#[test]
fn all_partitions_of_all_topics_are_stored_once_and_go_on_by_clickhouse() {
    let seed = seed();
    let mut cluster = Cluster::start();
    cluster.produce(records(4_000, seed));
    // A record without a value.
    cluster.produce(vec![Vec::new(); 2]);
    let mut stage = cluster.stage("kafka");
    cluster.commit_elsewhere(GROUP);
    stage.run_once();
    cluster.assert_stored(&stage);
    let null = "SELECT DISTINCT code, length(original) FROM voc_dead_letters WHERE origin_stream = 'calls#1' \
                AND origin_partition = 0 AND origin_offset = 800";
    assert_eq!(stage.database.run(null), "not_json\t0");

    // Another group has other offsets; where to go on is in ClickHouse.
    stage.config["source"]["kafka"]["group_id"] = "another".into();
    cluster.commit_elsewhere("another");
    cluster.produce(records(1_000, seed.wrapping_add(1)));
    stage.run_once();
    cluster.assert_stored(&stage);
}

#[test]
fn a_connector_that_is_killed_goes_on_where_clickhouse_is() {
    let seed = seed();
    let mut cluster = Cluster::start();
    cluster.produce(records(20_000, seed));
    let mut stage = cluster.stage("kafka_killed");
    stage.config["batch"]["min_rows"] = 1.into();
    stage.config["batch"]["max_rows"] = 300.into();
    let mut connector = stage.connector(&[]);
    stage.until_stored(5_000);
    connector.process().kill();
    assert!(stage.records() < cluster.records(), "killed too late");

    let mut connector = stage.connector(&[]);
    stage.until_stored(cluster.records());
    connector.until_ready_is(200);
    cluster.produce(records(500, seed.wrapping_add(1)));
    stage.until_stored(cluster.records());
    connector.drain();
    cluster.assert_stored(&stage);
    // Shown to whoever looks at the group.
    let mut list = TopicPartitionList::new();
    list.add_partition("calls", 2);
    let committed = cluster.consumer(GROUP).committed_offsets(list, DEADLINE).unwrap();
    let end = i64::try_from(cluster.partitions[2].2.len()).unwrap();
    assert_eq!(committed.elements()[0].offset(), Offset::Offset(end));
}

/// None of the batches is at a limit of its own, and the ten minutes of their age are not waited for.
#[test]
fn batches_of_many_partitions_are_written_before_they_take_too_much_memory_together() {
    let mut cluster = Cluster::start();
    cluster.produce(vec![vec![b'x'; 1_000]; 2_500]);
    let mut stage = cluster.stage("kafka_together");
    stage.config["batch"] =
        json!({ "max_age": "10m", "min_rows": 1_000, "max_rows": 1_000, "max_bytes": "1MB" });
    let connector = stage.connector(&[]);
    stage.until_stored(500);
    connector.drain();
    cluster.assert_stored(&stage);
}
