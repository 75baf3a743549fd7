//! What ends the source, and how librdkafka's errors are told apart.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::stream::StreamPartition;

/// Why the Kafka source cannot go on. Each needs a person: trying again would not help, or would skip
/// records.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// librdkafka does not know a property, or not its value. The value may be a secret: not shown.
    #[error("{section}.properties.{property}: {reason}")]
    Property {
        /// Where in the configuration it is.
        section: &'static str,
        /// Name of the property.
        property: String,
        /// librdkafka's words.
        reason: String,
    },
    /// The client could not be made or told what to read.
    #[error("kafka client: {0}")]
    Client(#[source] KafkaError),
    /// The thread could not be started.
    #[error("kafka thread: {0}")]
    Spawn(#[source] std::io::Error),
    /// The thread ended without a word.
    #[error("the kafka thread died")]
    Died,
    /// The cluster refuses us, by name or password or right.
    #[error("kafka refuses the connector: {0}")]
    Refused(#[source] KafkaError),
    /// A topic is not there, and with `--once` there is nothing to wait for.
    #[error("kafka has no topic of {topics}: {source}")]
    NoTopic {
        /// The topics of the configuration.
        topics: String,
        /// librdkafka's words.
        source: KafkaError,
    },
    /// The offset to go on at is not in the partition: retention removed it before it was read.
    #[error(
        "{partition}: offset {offset} is not there any more, the partition begins at {start}: \
         it was removed before it was read; --new-generation reads what there is"
    )]
    NoOffset {
        /// The partition.
        partition: StreamPartition,
        /// The offset that was to be read next.
        offset: u64,
        /// The partition's first offset.
        start: u64,
    },
    /// The topic is not the one that was read: it was deleted, and made again under its name.
    #[error(
        "{partition}: the topic was deleted and made anew: {difference}; \
         --new-generation reads it from its start"
    )]
    Recreated {
        /// The partition.
        partition: StreamPartition,
        /// What shows it.
        difference: Difference,
    },
    /// Kafka gave an offset at or below one that was read.
    #[error("{partition}: read offset {offset} where at least {expected} was due")]
    NotIncreasing {
        /// The partition.
        partition: StreamPartition,
        /// The offset that came.
        offset: i64,
        /// The least that was due.
        expected: u64,
    },
    /// Records that cannot be decoded: librdkafka would go on behind them.
    #[error("{partition}: cannot read from offset {offset}: {source}")]
    Unreadable {
        /// The partition.
        partition: StreamPartition,
        /// The offset that was to be read next.
        offset: u64,
        /// librdkafka's words.
        source: KafkaError,
    },
    /// A record of a partition that is not assigned.
    #[error("{topic}/{partition}: offset {offset} came without an assignment")]
    Stray {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// The pipeline's answer to an assignment leaves a partition out.
    #[error("{partition}: assigned, but nobody said where it goes on")]
    NoResume {
        /// The partition.
        partition: StreamPartition,
    },
    /// librdkafka says that it cannot go on.
    #[error("kafka client failed for good: {0}")]
    Fatal(#[source] KafkaError),
}

/// What shows that a topic is another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// It ends before what was read.
    #[error("it ends at offset {end}, but was read up to {expected}")]
    Shorter {
        /// Where it ends.
        end: u64,
        /// Where it was to be read on.
        expected: u64,
    },
    /// It has another record at an offset that was read.
    #[error("the record at offset {offset} has the digest {found}, but {expected} was read")]
    Other {
        /// The record's offset.
        offset: u64,
        /// Half of the SHA-256 of its value.
        found: String,
        /// The same of the record that was read.
        expected: String,
    },
}

/// What an error means for the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Not an error: a partition's end.
    End,
    /// Every broker is away; librdkafka keeps trying.
    Down,
    /// librdkafka keeps trying, and no record is lost.
    Retry,
    /// A topic of the subscription is not there (yet).
    NoTopic,
    /// Credentials or rights.
    Refused,
    /// The next offset is not in the partition.
    NoOffset,
    /// Records that cannot be decoded, and would be skipped.
    Unreadable,
    /// The client is broken.
    Fatal,
}

/// The one place that decides.
pub(super) fn class(error: &KafkaError) -> Class {
    match error {
        KafkaError::PartitionEOF(_) => Class::End,
        KafkaError::MessageConsumptionFatal(_) => Class::Fatal,
        error => match error.rdkafka_error_code() {
            Some(Code::PartitionEOF) => Class::End,
            Some(Code::AllBrokersDown) => Class::Down,
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                Class::NoTopic
            }
            Some(
                Code::Authentication
                | Code::SaslAuthenticationFailed
                | Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::UnsupportedSASLMechanism,
            ) => Class::Refused,
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => Class::NoOffset,
            Some(
                Code::BadMessage
                | Code::BadCompression
                | Code::NotImplemented
                | Code::InvalidMessage
                | Code::UnsupportedCompressionType,
            ) => Class::Unreadable,
            Some(Code::Fatal) => Class::Fatal,
            _ => Class::Retry,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_lose_records_is_never_tried_again() {
        for (code, expected) in [
            (Code::BadMessage, Class::Unreadable),
            (Code::BadCompression, Class::Unreadable),
            (Code::NotImplemented, Class::Unreadable),
            (Code::AutoOffsetReset, Class::NoOffset),
            (Code::OffsetOutOfRange, Class::NoOffset),
            (Code::Fatal, Class::Fatal),
            (Code::TopicAuthorizationFailed, Class::Refused),
            (Code::UnknownTopicOrPartition, Class::NoTopic),
            (Code::AllBrokersDown, Class::Down),
            (Code::BrokerTransportFailure, Class::Retry),
            (Code::NotLeaderForPartition, Class::Retry),
            (Code::PollExceeded, Class::Retry),
        ] {
            assert_eq!(class(&KafkaError::MessageConsumption(code)), expected, "{code:?}");
        }
        assert_eq!(class(&KafkaError::MessageConsumptionFatal(Code::BrokerTransportFailure)), Class::Fatal);
        assert_eq!(class(&KafkaError::PartitionEOF(0)), Class::End);
    }
}
