//! A look at the brokers that moves nothing: are they there, do they let us in, what do the topics hold.
//! With the settings of the source, but as a member of no group.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::metadata::MetadataPartition;

use super::client;
use crate::config::kafka::Kafka as Config;

/// How long is waited for the reason of a failure.
const SETTLE: Duration = Duration::from_millis(50);

/// What the look found.
#[derive(Debug)]
pub struct Found {
    /// How many brokers the cluster has.
    pub brokers: usize,
    /// Each topic of the configuration.
    pub topics: Vec<Topic>,
}

/// A topic.
#[derive(Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its partitions, or why they cannot be read.
    pub partitions: Result<Vec<Partition>, String>,
}

/// A partition of a topic.
#[derive(Debug)]
pub struct Partition {
    /// Its first offset.
    pub start: u64,
    /// The offset after its last record.
    pub end: u64,
}

/// Looks, for no longer than `most`; blocks its thread.
///
/// # Errors
/// Why no broker can be asked, for people.
pub fn look(config: &Config, most: Duration) -> Result<Found, String> {
    let ends = Instant::now() + most;
    let left = || ends.saturating_duration_since(Instant::now());
    let consumer: BaseConsumer<Heard> =
        client::for_check(config).create_with_context(Heard::default()).map_err(|error| match error {
            KafkaError::ClientConfig(_, reason, property, _) => format!("properties.{property}: {reason}"),
            error => error.to_string(),
        })?;
    // One topic, and not all, so that the answer is small whatever the cluster holds.
    let first = config.topics.first().map(String::as_str);
    let metadata = consumer.fetch_metadata(first, left()).map_err(|error| {
        // What the connection died of is told to the context alone.
        while consumer.poll(SETTLE).is_some() {}
        consumer.context().last().unwrap_or_else(|| reason_of(&error))
    })?;
    let topics = config.topics.iter();
    let topics =
        topics.map(|name| Topic { name: name.clone(), partitions: partitions(&consumer, name, left) });
    Ok(Found { brokers: metadata.brokers().len(), topics: topics.collect() })
}

fn partitions(
    consumer: &BaseConsumer<Heard>,
    topic: &str,
    left: impl Fn() -> Duration,
) -> Result<Vec<Partition>, String> {
    let metadata = consumer.fetch_metadata(Some(topic), left()).map_err(|error| reason_of(&error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic).ok_or("is missing")?;
    match found.error().map(Code::from) {
        None => {}
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => return Err("is missing".to_owned()),
        Some(code) => return Err(code.to_string()),
    }
    let mut numbers: Vec<i32> = found.partitions().iter().map(MetadataPartition::id).collect();
    numbers.sort_unstable();
    let partitions = numbers.into_iter().map(|number| {
        let (start, end) = consumer
            .fetch_watermarks(topic, number, left())
            .map_err(|error| format!("partition {number}: {}", reason_of(&error)))?;
        let (start, end) = (u64::try_from(start).unwrap_or_default(), u64::try_from(end).unwrap_or_default());
        Ok(Partition { start, end })
    });
    partitions.collect()
}

fn reason_of(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}

/// Keeps what librdkafka says went wrong.
#[derive(Debug, Default)]
struct Heard {
    reasons: Mutex<Vec<String>>,
}

impl Heard {
    /// The last reason that names a cause: that all brokers are down does not.
    fn last(&self) -> Option<String> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner).last().cloned()
    }
}

impl ClientContext for Heard {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {
        // Whatever matters comes as an error too.
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(Code::AllBrokersDown) {
            self.reasons.lock().unwrap_or_else(PoisonError::into_inner).push(reason.to_owned());
        }
    }
}

impl ConsumerContext for Heard {}
