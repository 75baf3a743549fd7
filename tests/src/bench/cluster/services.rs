//! What the legs run between: a Kafka, a Fluvio cluster and a ClickHouse, each a process of its own.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::Client;
use crate::generate::plain::{LENGTH, Plain};
use crate::harness::clickhouse::{ClickHouse, Database};
use crate::harness::fluvio::Fluvio;
use crate::harness::kafka::Kafka;
use crate::harness::kafka::record::Record;

/// The name under which the cluster has our SmartModule.
pub(super) const SMARTMODULE: &str = "voc-smartmodule";

/// The Kafka topic with the events, and one with none.
pub(super) const EVENTS: &str = "bench.events";
/// The one with none.
pub(super) const NOTHING: &str = "bench.nothing";

/// Tenants of the events.
const TENANTS: usize = 10;

/// The services, running.
pub(super) struct Services {
    /// Holds the events in [`EVENTS`].
    pub(super) kafka: Kafka,
    /// Has the SmartModule.
    pub(super) fluvio: Fluvio,
    /// Empty.
    pub(super) clickhouse: ClickHouse,
    /// Fluvio's own client.
    pub(super) client: Client,
    /// The events, one after the other.
    events: Vec<u8>,
    /// Consumer groups used so far.
    groups: usize,
}

impl Services {
    /// Starts everything, and fills the Kafka topic.
    ///
    /// # Panics
    /// Where a service does not start.
    #[must_use]
    pub(super) fn start(smartmodule: &Path, events: usize) -> Self {
        let (kafka, fluvio, clickhouse) = (Kafka::start(), Fluvio::start(), ClickHouse::start());
        fluvio.create_smartmodule(SMARTMODULE, smartmodule);
        let client = Client::connect(&fluvio.endpoint());
        let mut plain = Plain::new(1, TENANTS, chrono::Utc::now().timestamp_millis());
        let mut bytes = Vec::with_capacity(events * LENGTH);
        (0..events).for_each(|_| plain.write_next(&mut bytes));
        let services = Self { kafka, fluvio, clickhouse, client, events: bytes, groups: 0 };
        for topic in [EVENTS, NOTHING] {
            services.kafka.create_topic(topic, 1, &[]);
        }
        let producer = services.kafka.producer(&[]);
        for (index, event) in services.events().enumerate() {
            producer.send(EVENTS, 0, &Record::of(event));
            // Before librdkafka has more of them than it takes.
            if (index + 1) % 50_000 == 0 {
                producer.flush();
            }
        }
        producer.flush();
        services
    }

    /// The events.
    pub(super) fn events(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.events.chunks_exact(LENGTH)
    }

    /// Processor time so far: of the SPU, and of ClickHouse.
    ///
    /// # Panics
    /// Where one does not run any more.
    pub(super) fn cpu(&mut self) -> [Duration; 2] {
        [self.fluvio.spu(), self.clickhouse.process()].map(|server| server.cpu_time().expect("it runs"))
    }

    /// What both have used since.
    ///
    /// # Panics
    /// Where one does not run any more.
    pub(super) fn cpu_since(&mut self, before: [Duration; 2]) -> [Duration; 2] {
        let [spu, clickhouse] = self.cpu();
        [spu - before[0], clickhouse - before[1]]
    }

    /// A connector's configuration.
    pub(super) fn config(
        &self,
        topic: &str,
        source: Value,
        mirror: Option<Value>,
        database: &Database,
    ) -> Value {
        let mut config = json!({
            "apiVersion": "0.2.0",
            "meta": { "version": "0.1.0", "name": "voc", "type": "voc-sink", "topic": topic },
            "transforms": [{ "uses": SMARTMODULE }],
            "fluvio": { "endpoint": self.fluvio.endpoint() },
            "clickhouse": {
                "host": "127.0.0.1",
                "port": database.port(),
                "database": database.name(),
                "compression": "none",
            },
            "monitoring": { "port": 0 },
        });
        config["source"] = source;
        if let Some(mirror) = mirror {
            config["mirror"] = mirror;
        }
        config
    }

    /// The section of a mirror that begins with nothing behind it: in a consumer group of its own, which
    /// waits for nobody.
    pub(super) fn mirror(&mut self, kafka_topic: &str, topic: &str) -> Value {
        self.groups += 1;
        json!({
            "kafka": {
                "bootstrap": self.kafka.bootstrap(),
                "group_id": format!("bench-{}", self.groups),
                "topics": [kafka_topic],
            },
            "topics": { kafka_topic: topic },
        })
    }
}
