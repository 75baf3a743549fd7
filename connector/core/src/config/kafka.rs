//! `source.kafka`, and which of librdkafka's own properties it may hold.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::sections::Secret;

/// `source.kafka`: all partitions of the topics, shared with the consumers of the same group.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Kafka {
    /// Brokers, `HOST:PORT` separated by commas; default localhost:9092.
    pub bootstrap: String,
    /// Consumer group; default voc-processor. It shares out the partitions; where to resume is kept
    /// in ClickHouse.
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

/// Why a property of librdkafka cannot be set under `source.kafka.properties`; `None` if it can.
#[must_use]
pub fn reserved(property: &str) -> Option<&'static str> {
    Some(match property {
        "bootstrap.servers" | "metadata.broker.list" => "set source.kafka.bootstrap instead",
        "group.id" => "set source.kafka.group_id instead",
        "enable.auto.commit"
        | "auto.commit.enable"
        | "enable.auto.offset.store"
        | "auto.commit.interval.ms"
        | "offset.store.method"
        | "offset.store.path"
        | "offset.store.sync.interval.ms" => {
            "offsets are kept in ClickHouse with the rows, Kafka's are for display"
        }
        "auto.offset.reset" => "an offset that is gone must stop the connector, not be jumped over",
        "isolation.level" => "only committed records are read",
        "enable.partition.eof" => "the end of a partition is how --once knows that it is done",
        "partition.assignment.strategy" | "group.protocol" | "group.remote.assignor" => {
            "a partition is drained before another consumer takes it, which needs the eager protocol"
        }
        "check.crcs" => "records that were damaged on the way must not be stored",
        "statistics.interval.ms" => "readiness and the end offsets are taken from the statistics",
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
