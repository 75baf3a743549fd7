//! Records into Kafka.

use std::sync::Mutex;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};

use super::super::{DEADLINE, eventually};
use super::record::Record;

/// Sends in order, each record once, also while Kafka is away for a moment.
pub struct Producer {
    client: BaseProducer<Deliveries>,
}

/// The first record that was not delivered, and why.
#[derive(Default)]
struct Deliveries {
    failure: Mutex<Option<String>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.failure.lock().expect("no panic while locked").get_or_insert_with(|| error.to_string());
        }
    }
}

impl Producer {
    pub(super) fn new(mut config: ClientConfig, properties: &[(&str, &str)]) -> Self {
        config.set("enable.idempotence", "true");
        // What is too large is for the topic to say.
        config.set("message.max.bytes", "100000000");
        for (name, value) in properties {
            config.set(*name, *value);
        }
        let client = config.create_with_context(Deliveries::default()).expect("a producer");
        Self { client }
    }

    /// Sends one record; waits only while too many are on their way.
    ///
    /// # Panics
    /// Where it is refused.
    pub fn send(&self, topic: &str, partition: usize, record: &Record) {
        let mut out =
            BaseRecord::<[u8], [u8]>::to(topic).partition(i32::try_from(partition).expect("partitions fit"));
        if let Some(key) = &record.key {
            out = out.key(key);
        }
        if let Some(value) = &record.value {
            out = out.payload(value);
        }
        if let Some(timestamp_ms) = record.timestamp_ms {
            out = out.timestamp(timestamp_ms);
        }
        if !record.headers.is_empty() {
            out = out.headers(record.owned_headers());
        }
        let mut out = Some(out);
        eventually("there is room for another record", || {
            let Err((error, back)) = self.client.send(out.take()?) else { return Some(()) };
            let is_full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) == error;
            assert!(is_full, "{topic}/{partition}: {error}");
            // It takes all of its time, whatever happens.
            self.client.poll(Duration::from_millis(10));
            out = Some(back);
            None
        });
    }

    /// Waits until all are delivered.
    ///
    /// # Panics
    /// Where one is not.
    pub fn flush(&self) {
        self.client.flush(DEADLINE).expect("Kafka takes the records");
        let failure = self.client.context().failure.lock().expect("no panic while locked").take();
        assert_eq!(failure, None, "a record was not delivered");
    }

    /// Begins to send in transactions. It needs the property `transactional.id`.
    ///
    /// # Panics
    /// Where Kafka refuses.
    pub fn use_transactions(&self) {
        self.client.init_transactions(DEADLINE).expect("Kafka takes transactions");
    }

    /// Begins a transaction.
    ///
    /// # Panics
    /// Where there is one, or none was prepared for.
    pub fn begin(&self) {
        self.client.begin_transaction().expect("a transaction begins");
    }

    /// Ends the transaction: its records count.
    ///
    /// # Panics
    /// Where Kafka refuses.
    pub fn commit(&self) {
        self.flush();
        self.client.commit_transaction(DEADLINE).expect("a transaction is committed");
    }

    /// Ends the transaction: its records lie in the topic, and do not count.
    ///
    /// # Panics
    /// Where Kafka refuses.
    pub fn abort(&self) {
        self.flush();
        self.client.abort_transaction(DEADLINE).expect("a transaction is aborted");
    }
}
