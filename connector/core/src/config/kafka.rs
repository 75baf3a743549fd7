//! `source.kafka` and `mirror.kafka`, and which of librdkafka's own properties they may hold.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::sections::Secret;

/// `source.kafka` or `mirror.kafka`: all partitions of the topics, shared with the consumers of the same
/// group.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// Brokers, `HOST:PORT` separated by commas; default localhost:9092.
    pub bootstrap: String,
    /// Consumer group; default voc-processor, of the mirror voc-mirror. It shares out the partitions;
    /// where to resume is kept where the records go: in ClickHouse, or in the Fluvio topic itself.
    pub group_id: String,
    /// Topics; default `[voc.events]`, at least one.
    pub topics: Vec<String>,
    /// Further properties of librdkafka by their own names, e.g. `sasl.password`; default none. Those
    /// that delivery depends on are refused, see [`reserved`].
    pub properties: BTreeMap<String, Secret>,
}

impl Default for Kafka {
    fn default() -> Self {
        Self {
            bootstrap: "localhost:9092".to_owned(),
            group_id: "voc-processor".to_owned(),
            topics: vec!["voc.events".to_owned()],
            properties: BTreeMap::new(),
        }
    }
}

/// [`Kafka`] as it is written: the default of the group depends on whose it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Section {
    bootstrap: Option<String>,
    group_id: Option<String>,
    topics: Option<Vec<String>>,
    properties: BTreeMap<String, Secret>,
}

impl Section {
    /// Fills in what is absent.
    pub(super) fn complete(self, group_id: &str) -> Kafka {
        let default = Kafka::default();
        Kafka {
            bootstrap: self.bootstrap.unwrap_or(default.bootstrap),
            group_id: self.group_id.unwrap_or_else(|| group_id.to_owned()),
            topics: self.topics.unwrap_or(default.topics),
            properties: self.properties,
        }
    }
}

/// Why a property of librdkafka cannot be set under `properties`; `None` if it can.
#[must_use]
pub fn reserved(property: &str) -> Option<&'static str> {
    Some(match property {
        "bootstrap.servers" | "metadata.broker.list" => "set the section's bootstrap instead",
        "group.id" => "set the section's group_id instead",
        "enable.auto.commit"
        | "auto.commit.enable"
        | "enable.auto.offset.store"
        | "auto.commit.interval.ms"
        | "offset.store.method"
        | "offset.store.path"
        | "offset.store.sync.interval.ms" => {
            "where to go on is kept with what was written, Kafka's offsets are for display"
        }
        "auto.offset.reset" => "an offset that is gone must stop the connector, not be jumped over",
        "isolation.level" => "only committed records are read",
        "enable.partition.eof" => "the end of a partition is how --once knows that it is done",
        "partition.assignment.strategy" | "group.protocol" | "group.remote.assignor" => {
            "a partition is drained before another consumer takes it, which needs the eager protocol"
        }
        "check.crcs" => "records that were damaged on the way must not be stored",
        "statistics.interval.ms" => "readiness and the end offsets are taken from the statistics",
        "acks"
        | "request.required.acks"
        | "enable.idempotence"
        | "enable.gapless.guarantee"
        | "transactional.id"
        | "transaction.timeout.ms"
        | "linger.ms"
        | "queue.buffering.max.ms"
        | "queue.buffering.max.messages"
        | "queue.buffering.max.kbytes"
        | "queue.buffering.backpressure.threshold"
        | "batch.size"
        | "batch.num.messages"
        | "compression.codec"
        | "compression.type"
        | "compression.level"
        | "message.timeout.ms"
        | "delivery.timeout.ms"
        | "request.timeout.ms"
        | "message.send.max.retries"
        | "retries"
        | "partitioner"
        | "sticky.partitioning.linger.ms" => "it is a producer's, and Kafka is only read",
        _ => return None,
    })
}

/// Why a name cannot be a Kafka topic; `None` if it can: 1 to 249 of `a-z A-Z 0-9 . _ -`.
#[must_use]
pub fn bad_topic(name: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match name {
        "" => Some("a topic's name cannot be empty"),
        "." | ".." => Some("a topic cannot be called . or .."),
        _ if name.len() > 249 => Some("a topic's name has at most 249 characters"),
        _ if !name.chars().all(allowed) => Some("a topic's name has only letters, digits, '.', '_' and '-'"),
        _ => None,
    }
}
