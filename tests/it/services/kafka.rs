//! Kafka.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use voc_tests::harness::kafka::Kafka;
use voc_tests::harness::kafka::record::Record;
use voc_tests::harness::{DEADLINE, eventually};

/// Records that differ in everything that can differ.
fn variety() -> Vec<Record> {
    let header = |name: &str, value: Option<&[u8]>| (name.to_owned(), value.map(<[u8]>::to_vec));
    let headers = vec![header("a", Some(b"1")), header("a", None), header("", Some(&[0xff, 0]))];
    let full = Record { headers, timestamp_ms: Some(1_700_000_000_000), ..Record::with_key("k", "v") };
    vec![
        full.clone(),
        Record { value: None, ..full.clone() },
        Record { key: None, ..full.clone() },
        Record { key: Some(Vec::new()), value: Some(vec![0xff; 900_000]), ..full },
    ]
}

#[test]
fn a_record_is_read_back_as_it_was_sent_also_after_a_kill() {
    let mut kafka = Kafka::start();
    kafka.create_topic("records", 2, &[]);
    let producer = kafka.producer(&[]);
    let records = variety();
    records.iter().for_each(|record| producer.send("records", 1, record));
    producer.flush();
    kafka.kill();
    // Kept by the producer until there is somebody again.
    producer.send("records", 0, &records[0]);
    kafka.start_again();
    producer.flush();
    let expected = |records: &[Record]| (0..).zip(records.to_vec()).collect::<Vec<_>>();
    assert_eq!(kafka.read("records", 1), expected(&records));
    assert_eq!(kafka.read("records", 0), expected(&records[..1]));
    assert_eq!(kafka.ends("records"), [1, 4]);
}

#[test]
fn topics_grow_and_a_new_one_under_an_old_name_begins_at_0() {
    let kafka = Kafka::shared();
    kafka.create_topic("again", 1, &[("retention.ms", "123456789")]);
    assert_eq!(kafka.setting("again", "retention.ms").as_deref(), Some("123456789"));
    kafka.add_partitions("again", 3);
    let producer = kafka.producer(&[]);
    (0..3).for_each(|partition| producer.send("again", partition, &Record::of("old")));
    producer.flush();
    assert_eq!(kafka.ends("again"), [1, 1, 1]);

    kafka.delete_topic("again");
    kafka.create_topic("again", 1, &[]);
    assert_eq!(kafka.ends("again"), [0]);
}

#[test]
fn a_compacted_topic_keeps_the_last_of_each_key() {
    let kafka = Kafka::shared();
    // Only a segment that is closed is compacted, and it is closed by the next record.
    let settings =
        [("cleanup.policy", "compact"), ("segment.ms", "1"), ("min.cleanable.dirty.ratio", "0.001")];
    kafka.create_topic("compacted", 1, &settings);
    let producer = kafka.producer(&[]);
    let send = |key: &str, value: &str| {
        producer.send("compacted", 0, &Record::with_key(key, value));
        producer.flush();
    };
    for round in ["1", "2", "3"] {
        send("a", round);
        send("b", round);
    }
    let kept = || -> Vec<_> { kafka.read("compacted", 0).into_iter().map(|(offset, _)| offset).collect() };
    eventually("offsets 0 to 3 are compacted away", || {
        send("other", "");
        (kept()[..2] == [4, 5]).then_some(())
    });
}

#[test]
fn what_a_transaction_took_back_leaves_only_its_offsets() {
    let kafka = Kafka::shared();
    kafka.create_topic("transactions", 1, &[]);
    let producer = kafka.producer(&[("transactional.id", "transactions")]);
    producer.use_transactions();
    producer.begin();
    producer.send("transactions", 0, &Record::of("taken back"));
    producer.abort();
    producer.begin();
    producer.send("transactions", 0, &Record::of("kept"));
    producer.commit();
    let read = kafka.read("transactions", 0);
    let values: Vec<_> = read.iter().map(|(offset, record)| (*offset, record.value.as_deref())).collect();
    // Each end of a transaction takes an offset too.
    assert_eq!(values, [(2, Some(&b"kept"[..]))]);
    assert_eq!(kafka.ends("transactions"), [4]);
}

/// What librdkafka says about the connection.
#[derive(Clone, Default)]
struct Complaints(Arc<Mutex<String>>);

impl ClientContext for Complaints {
    fn error(&self, _: KafkaError, reason: &str) {
        self.0.lock().unwrap().push_str(reason);
    }
}

impl ConsumerContext for Complaints {}

#[test]
fn the_secured_listener_takes_the_password_and_no_other() {
    let kafka = Kafka::start_secured();
    let connect = |properties: BTreeMap<&str, String>, complaints: Complaints| {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", kafka.secured().bootstrap()).set("group.id", "secrets");
        config.extend(properties.into_iter().map(|(name, value)| (name.to_owned(), value)));
        config.create_with_context::<_, BaseConsumer<Complaints>>(complaints).unwrap()
    };
    let refused = |properties: BTreeMap<&str, String>, why: &str| {
        let complaints = Complaints::default();
        let client = connect(properties, complaints.clone());
        eventually(why, || {
            client.poll(Duration::from_millis(100));
            complaints.0.lock().unwrap().contains(why).then_some(())
        });
    };
    let good = kafka.secured().properties();
    let client = connect(good.clone(), Complaints::default());
    assert_eq!(client.fetch_metadata(None, DEADLINE).unwrap().brokers().len(), 1);

    let mut wrong = good.clone();
    wrong.insert("sasl.password", "another".to_owned());
    refused(wrong, "Authentication failed");
    // A certificate that nobody vouches for.
    let mut strange = good;
    strange.remove("ssl.ca.location");
    refused(strange, "certificate verify failed");
}
