//! The librdkafka client: its settings, and its callbacks as plain values.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use tracing::{debug, trace, warn};

use super::Purpose;
use super::error::{Class, Error, class};
use crate::config::kafka::Kafka as Config;
use crate::metrics::Metrics;
use crate::monitoring::Part;
use crate::stream::StreamPartition;

/// Makes the consumer and subscribes it.
pub(super) fn connect(
    config: &Config,
    purpose: Purpose,
    once: bool,
    context: Context,
) -> Result<BaseConsumer<Context>, Error> {
    let section = match purpose {
        Purpose::Store => "source.kafka",
        Purpose::Mirror => "mirror.kafka",
    };
    let consumer: BaseConsumer<Context> =
        settings(config, once).create_with_context(context).map_err(|error| match error {
            KafkaError::ClientConfig(_, reason, property, _) => Error::Property { section, property, reason },
            error => Error::Client(error),
        })?;
    let topics: Vec<&str> = config.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics).map_err(Error::Client)?;
    Ok(consumer)
}

/// Our preferences, the user's properties over them, and over those what delivery depends on.
fn settings(config: &Config, once: bool) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("client.id", "voc-connector");
    client.set("allow.auto.create.topics", "false");
    // New partitions are found by it; librdkafka's own five minutes are long.
    client.set("topic.metadata.refresh.interval.ms", "10000");
    // How long a connector that was killed keeps its partitions from the next; librdkafka's own is 45 s.
    client.set("session.timeout.ms", "10000");
    // A connection through which nothing came for minutes may be gone without a word.
    client.set("socket.keepalive.enable", "true");
    // Per partition: what is read ahead while ClickHouse is slow.
    client.set("queued.max.messages.kbytes", "16384");
    // How long nothing is fetched once so much waits. By default a second, in which all of it is long read.
    client.set("fetch.queue.backoff.ms", "10");
    for (property, value) in &config.properties {
        client.set(property, value.expose());
    }
    client.set("bootstrap.servers", &config.bootstrap);
    client.set("group.id", &config.group_id);
    client.set("enable.auto.commit", "false");
    client.set("enable.auto.offset.store", "false");
    client.set("auto.offset.reset", "error");
    client.set("isolation.level", "read_committed");
    client.set("check.crcs", "true");
    client.set("group.protocol", "classic");
    client.set("partition.assignment.strategy", "range,roundrobin");
    client.set("enable.partition.eof", if once { "true" } else { "false" });
    client.set("statistics.interval.ms", "5000");
    // Says when a topic has another id: see `Context::log`.
    let theirs = config.properties.get("debug").map(|contexts| format!("{},", contexts.expose()));
    client.set("debug", format!("{}topic", theirs.unwrap_or_default()));
    client.set_log_level(RDKafkaLogLevel::Debug);
    client
}

/// Settings for the client that looks whether partitions still are what they were: the same, but it
/// reads one record of each, and waits for none.
pub(super) fn for_check(config: &Config) -> ClientConfig {
    let mut client = settings(config, true);
    client.set("statistics.interval.ms", "0");
    client.remove("debug");
    client.set("queued.min.messages", "1");
    client.set("max.partition.fetch.bytes", "65536");
    client.set("fetch.wait.max.ms", "10");
    client
}

/// A change of the assignment that the group asks for. It is done when the reader has called
/// `assign` or `unassign`.
#[derive(Debug)]
pub(super) enum Rebalance {
    Assign(Vec<StreamPartition>),
    /// All of them: the eager protocol.
    Revoke,
}

/// What librdkafka's callbacks leave for the reader.
#[derive(Debug)]
pub(super) struct Context {
    rebalances: Mutex<VecDeque<Rebalance>>,
    /// Topics that have another id now.
    renewed: Mutex<Vec<String>>,
    /// How often librdkafka called back.
    calls: AtomicU64,
    closing: AtomicBool,
    down: AtomicBool,
    metrics: Metrics,
    readiness: Part,
}

impl Context {
    pub(super) fn new(metrics: Metrics, readiness: Part) -> Self {
        Self {
            rebalances: Mutex::default(),
            renewed: Mutex::default(),
            calls: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            down: AtomicBool::new(true),
            metrics,
            readiness,
        }
    }

    /// The next change to carry out.
    pub(super) fn next_rebalance(&self) -> Option<Rebalance> {
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Whether a change waits.
    pub(super) fn has_rebalance(&self) -> bool {
        !self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The topics that were found to have another id since this was asked last.
    pub(super) fn renewed(&self) -> Vec<String> {
        std::mem::take(&mut *self.renewed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How often librdkafka called back so far.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// From now on every change is answered at once with no assignment, or the client would wait for
    /// one for ever.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Records can flow.
    pub(super) fn up(&self) {
        if self.down.swap(false, Ordering::AcqRel) {
            self.readiness.ready();
        }
    }

    /// They cannot, and why. `librdkafka` goes on trying.
    pub(super) fn down(&self, reason: &KafkaError) {
        self.down.store(true, Ordering::Release);
        self.readiness.unready(reason.to_string());
    }
}

impl ClientContext for Context {
    /// Whatever matters comes as an error too, with one exception: a topic that was made anew is
    /// nothing to librdkafka, which goes on in it at the old offset. It says so in a line of its log, and
    /// that comes before the first record.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.called();
        if let Some(topic) = renewed_topic(message) {
            warn!(topic, message, "the topic has another id");
            self.renewed.lock().unwrap_or_else(PoisonError::into_inner).push(topic.to_owned());
        } else if matches!(level, RDKafkaLogLevel::Debug) {
            trace!(facility, message, "librdkafka");
        } else {
            debug!(facility, message, "librdkafka");
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.called();
        if class(&error) != Class::End {
            warn!(%error, reason, "kafka error");
        }
    }

    fn stats(&self, statistics: Statistics) {
        self.called();
        let assigned = |state: &str| matches!(state, "active" | "offset-wait" | "offset-query");
        for (name, topic) in &statistics.topics {
            for partition in topic.partitions.values().filter(|partition| assigned(&partition.fetch_state)) {
                let end = u64::try_from(partition.ls_offset).or(u64::try_from(partition.hi_offset));
                if let (Ok(number), Ok(end)) = (u32::try_from(partition.partition), end) {
                    self.metrics.source_end(name, number, end);
                }
            }
        }
        let joined = statistics.cgrp.is_some_and(|group| group.join_state == "steady");
        if joined && statistics.brokers.values().any(|broker| broker.nodeid >= 0 && broker.state == "UP") {
            self.up();
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        self.called();
        if self.closing.load(Ordering::Acquire) {
            if let Err(error) = consumer.unassign() {
                debug!(%error, "unassigning while closing");
            }
            return;
        }
        let rebalance = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assign(named(partitions)),
            _ => Rebalance::Revoke,
        };
        self.rebalances.lock().unwrap_or_else(PoisonError::into_inner).push_back(rebalance);
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        self.called();
        if let Err(error) = result {
            debug!(%error, "offsets for display were not committed");
        }
    }
}

/// The topic of the line that says that it has another id; none where that is its first.
fn renewed_topic(message: &str) -> Option<&str> {
    const NONE: &str = "AAAAAAAAAAAAAAAAAAAAAA ";
    let (before, after) = message.split_once(" changed id from ")?;
    let topic = before.rsplit(' ').next()?;
    (!after.starts_with(NONE)).then_some(topic)
}

/// In the order of topic and partition.
fn named(partitions: &TopicPartitionList) -> Vec<StreamPartition> {
    let mut list: Vec<StreamPartition> = partitions
        .elements()
        .iter()
        .filter_map(|element| {
            let partition = u32::try_from(element.partition()).ok()?;
            Some(StreamPartition { stream: element.topic().to_owned(), partition })
        })
        .collect();
    list.sort();
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kafka::reserved;

    #[test]
    fn a_topic_with_another_id_is_found_in_the_log() {
        let line =
            |from: &str| format!("[thrd:main]: Topic a.b-c changed id from {from} to 3Yq0jGVZQ7mBQ0Q8Yq0jGV");
        assert_eq!(renewed_topic(&line("4Yq0jGVZQ7mBQ0Q8Yq0jGV")), Some("a.b-c"));
        assert_eq!(renewed_topic(&line("AAAAAAAAAAAAAAAAAAAAAA")), None);
        assert_eq!(renewed_topic("[thrd:main]: Topic a [0] Leader 1 Epoch 0"), None);
    }

    #[test]
    fn nothing_overrides_what_delivery_depends_on() {
        let mut config = Config::default();
        let ours = settings(&config, true);
        let kept: Vec<String> = ours
            .config_map()
            .keys()
            .filter(|key| reserved(key).is_some())
            .map(|key| (*key).to_owned())
            .collect();
        assert!(kept.len() >= 10, "{kept:?}");
        for property in kept.iter().map(String::as_str).chain(["client.id"]) {
            let value = serde_json::from_value("theirs".into()).unwrap();
            config.properties.insert(property.to_owned(), value);
        }
        let theirs = settings(&config, true);
        for property in &kept {
            assert_eq!(theirs.get(property), ours.get(property), "{property}");
        }
        assert_eq!(theirs.get("client.id"), Some("theirs"));
    }
}
