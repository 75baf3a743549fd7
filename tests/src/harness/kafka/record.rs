//! A record, as it is sent and as it is read back.

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::super::DEADLINE;
use super::Kafka;

/// One record. What is not set is null.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order; a name may come twice.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Its time in milliseconds since 1970; not set: that of sending.
    pub timestamp_ms: Option<i64>,
}

impl Record {
    /// A record with a value only.
    pub fn of(value: impl Into<Vec<u8>>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }

    /// A record with a key and a value.
    pub fn with_key(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self { key: Some(key.into()), ..Self::of(value) }
    }

    pub(super) fn owned_headers(&self) -> OwnedHeaders {
        let headers = OwnedHeaders::new_with_capacity(self.headers.len());
        self.headers
            .iter()
            .fold(headers, |headers, (key, value)| headers.insert(Header { key, value: value.as_ref() }))
    }
}

impl<M: Message> From<&M> for Record {
    fn from(message: &M) -> Self {
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        Self {
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers
                .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
                .collect(),
            timestamp_ms: message.timestamp().to_millis(),
        }
    }
}

impl Kafka {
    /// All that a partition holds now for a reader of what was committed, by offset.
    ///
    /// # Panics
    /// Where it cannot be read.
    pub fn read(&self, topic: &str, partition: usize) -> Vec<(u64, Record)> {
        let consumer: BaseConsumer = self
            .client()
            .set("group.id", "harness")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .create()
            .expect("a client");
        let mut assignment = TopicPartitionList::new();
        let partition = i32::try_from(partition).expect("partitions fit");
        assignment.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
        consumer.assign(&assignment).expect("an assignment");
        let mut records = Vec::new();
        loop {
            match consumer.poll(DEADLINE) {
                Some(Ok(message)) => {
                    let offset = u64::try_from(message.offset()).expect("an offset");
                    records.push((offset, Record::from(&message)));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return records,
                Some(Err(error)) => panic!("{topic}/{partition} cannot be read: {error}"),
                None => panic!("{topic}/{partition}: nothing within {DEADLINE:?}"),
            }
        }
    }
}
