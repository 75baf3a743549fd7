//! A mock cluster, and a pipeline that only writes down what it is told.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use tokio::sync::{mpsc, oneshot};

use super::super::{Config, Error, Kafka, Purpose};
use crate::metrics::Metrics;
use crate::monitoring::{Readiness, Status};
use crate::stream::{Chunk, Event, Resume, StreamPartition};

/// Long enough for a machine that does something else; never waited for when all is well.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

pub(super) struct Cluster {
    pub(super) mock: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
}

impl Cluster {
    /// One broker, with topics of so many partitions.
    pub(super) fn start(topics: &[(&str, i32)]) -> Self {
        let mock = MockCluster::new(1).unwrap();
        for (topic, partitions) in topics {
            mock.create_topic(topic, *partitions, 1).unwrap();
        }
        let producer =
            ClientConfig::new().set("bootstrap.servers", mock.bootstrap_servers()).create().unwrap();
        Self { mock, producer }
    }

    /// Sends the values `FROM`, `FROM + 1`, ... so that a value says its offset.
    pub(super) fn produce(&self, topic: &str, partition: i32, values: std::ops::Range<u64>) {
        for value in values {
            let text = value.to_string();
            let record =
                BaseRecord::<(), str>::to(topic).partition(partition).payload(&text).timestamp(1_000);
            self.producer.send(record).unwrap();
        }
        self.producer.flush(DEADLINE).unwrap();
    }

    /// A record without a value.
    pub(super) fn produce_null(&self, topic: &str, partition: i32) {
        let record = BaseRecord::<str, str>::to(topic).partition(partition).key("k");
        self.producer.send(record).unwrap();
        self.producer.flush(DEADLINE).unwrap();
    }

    pub(super) fn config(&self, topics: &[&str]) -> Config {
        let mut config = Config {
            bootstrap: self.mock.bootstrap_servers(),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            ..Config::default()
        };
        // Notice a rebalance, and a broker that is back, soon.
        for (property, value) in [
            ("heartbeat.interval.ms", "200"),
            // The mock cluster holds every rebalance up for this long.
            ("session.timeout.ms", "4000"),
            ("reconnect.backoff.ms", "50"),
            ("reconnect.backoff.max.ms", "100"),
            ("fetch.error.backoff.ms", "50"),
            ("retry.backoff.ms", "50"),
            ("topic.metadata.refresh.interval.ms", "500"),
        ] {
            let value = serde_json::from_value(serde_json::Value::String(value.to_owned())).unwrap();
            config.properties.insert(property.to_owned(), value);
        }
        config
    }
}

/// A source with its channel.
pub(super) struct Running {
    pub(super) kafka: Kafka,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) readiness: Readiness,
    pub(super) metrics: Metrics,
}

impl Running {
    pub(super) fn start(config: &Config, once: bool, room: usize) -> Result<Self, Error> {
        Self::start_for(Purpose::Store, config, once, room)
    }

    pub(super) fn start_for(
        purpose: Purpose,
        config: &Config,
        once: bool,
        room: usize,
    ) -> Result<Self, Error> {
        let (sender, events) = mpsc::channel(room);
        let (readiness, metrics) = (Readiness::new(), Metrics::new().unwrap());
        let kafka = Kafka::start(config, purpose, once, sender, metrics.clone(), readiness.part("source"))?;
        Ok(Self { kafka, events, readiness, metrics })
    }

    /// One that has read the ten records of a topic `a`, of one partition, and its cluster.
    pub(super) async fn at_the_end_of_ten() -> (Cluster, Self) {
        let cluster = Cluster::start(&[("a", 1)]);
        cluster.produce("a", 0, 0..10);
        let mut source = Self::start(&cluster.config(&["a"]), false, 4).unwrap();
        let (partitions, reply) = source.assigned().await;
        reply.send(resume(&partitions, &[])).unwrap();
        source.collect(&mut Seen::default(), |seen| seen.count() >= 10).await;
        (cluster, source)
    }

    pub(super) async fn next(&mut self) -> Option<Event> {
        tokio::time::timeout(DEADLINE, self.events.recv()).await.expect("an event in time")
    }

    /// The next event, which must be an assignment; the partitions and where to answer.
    pub(super) async fn assigned(&mut self) -> (Vec<StreamPartition>, oneshot::Sender<Vec<Resume>>) {
        match self.next().await {
            Some(Event::Assigned { partitions, reply }) => (partitions, reply),
            other => panic!("expected an assignment, got {other:?}"),
        }
    }

    /// Collects chunks until `enough` says so, the source is caught up, or it ends.
    pub(super) async fn collect(&mut self, seen: &mut Seen, enough: impl Fn(&Seen) -> bool) {
        while !enough(seen) {
            match self.next().await {
                Some(Event::Chunk(chunk)) => seen.add(&chunk),
                Some(Event::CaughtUp) | None => return,
                other => panic!("expected records, got {other:?}"),
            }
        }
    }

    pub(super) async fn until(&self, wanted: fn(&Status) -> bool) {
        let waiting = self.readiness.wait_for(wanted);
        tokio::time::timeout(DEADLINE, waiting).await.expect("the status in time");
    }

    /// Stops the source and answers its revocation.
    pub(super) async fn end(mut self) -> Result<(), Error> {
        self.kafka.stop();
        while let Some(event) = self.next().await {
            if let Event::Revoked { drained, .. } = event {
                drained.send(()).unwrap();
            }
        }
        tokio::time::timeout(DEADLINE, self.kafka.finished()).await.expect("an end in time")
    }
}

/// Offsets and values by partition, in the order of arrival.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen(pub(super) BTreeMap<StreamPartition, Vec<(u64, String)>>);

impl Seen {
    pub(super) fn add(&mut self, chunk: &Chunk) {
        let last = chunk.records.last().expect("a chunk has records");
        assert_eq!(chunk.next_offset, last.offset + 1);
        assert!(chunk.bookmark.contains(&format!("\"offset\":{}", last.offset)), "{}", chunk.bookmark);
        let list = self.0.entry((*chunk.partition).clone()).or_default();
        for record in &chunk.records {
            list.push((record.offset, String::from_utf8(record.value.to_vec()).unwrap()));
        }
    }

    /// Answers as a pipeline does that stores at once what comes.
    pub(super) fn serve(&mut self, event: Option<Event>) {
        match event {
            Some(Event::Chunk(chunk)) => self.add(&chunk),
            Some(Event::Assigned { partitions, reply }) => {
                let at: Vec<(&str, u32, u64)> =
                    self.0.iter().map(|(id, list)| (&*id.stream, id.partition, list.len() as u64)).collect();
                reply.send(resume(&partitions, &at)).unwrap();
            }
            Some(Event::Revoked { drained, .. }) => drained.send(()).unwrap(),
            other => panic!("expected to go on, got {other:?}"),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

pub(super) fn partition(stream: &str, partition: u32) -> StreamPartition {
    StreamPartition { stream: stream.to_owned(), partition }
}

/// What a partition that was filled by [`Cluster::produce`] must give.
pub(super) fn filled(range: std::ops::Range<u64>) -> Vec<(u64, String)> {
    range.map(|offset| (offset, offset.to_string())).collect()
}

/// Answers an assignment: these offsets, and the start for all others.
pub(super) fn resume(partitions: &[StreamPartition], at: &[(&str, u32, u64)]) -> Vec<Resume> {
    partitions
        .iter()
        .map(|id| {
            let known = at.iter().find(|(stream, number, _)| *stream == id.stream && *number == id.partition);
            Resume {
                partition: id.clone(),
                next_offset: known.map(|(_, _, offset)| *offset),
                bookmark: String::new(),
                generation: 0,
            }
        })
        .collect()
}
