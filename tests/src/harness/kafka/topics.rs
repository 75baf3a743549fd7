//! Topics: made, changed, removed, and looked at.

use std::future::Future;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication, TopicResult,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use super::super::{DEADLINE, eventually};
use super::Kafka;

impl Kafka {
    /// Makes a topic with these settings, and waits until it can be used.
    ///
    /// # Panics
    /// Where Kafka refuses.
    pub fn create_topic(&self, topic: &str, partitions: usize, settings: &[(&str, &str)]) {
        let count = i32::try_from(partitions).expect("partitions fit");
        let new = settings
            .iter()
            .fold(NewTopic::new(topic, count, TopicReplication::Fixed(1)), |new, (name, value)| {
                new.set(name, value)
            });
        done(self.admin().create_topics([&new], &AdminOptions::new()));
        self.until_partitions_are(topic, partitions);
    }

    /// Removes a topic, and waits until it is gone.
    ///
    /// # Panics
    /// Where Kafka refuses.
    pub fn delete_topic(&self, topic: &str) {
        done(self.admin().delete_topics(&[topic], &AdminOptions::new()));
        self.until_partitions_are(topic, 0);
    }

    /// Commits the start of every partition for a group that nobody is in any more.
    ///
    /// # Panics
    /// Where Kafka does not take it.
    pub fn rewind(&self, group: &str, topic: &str, partitions: usize) {
        let consumer: BaseConsumer = self.client().set("group.id", group).create().expect("a consumer");
        let mut list = TopicPartitionList::new();
        for partition in 0..i32::try_from(partitions).expect("partitions fit") {
            list.add_partition_offset(topic, partition, Offset::Offset(0))
                .expect("an offset that makes sense");
        }
        // A member that was killed counts as one until its session is over.
        eventually("kafka takes the offsets", || consumer.commit(&list, CommitMode::Sync).ok());
    }

    /// Adds partitions until there are so many, and waits until they can be used.
    ///
    /// # Panics
    /// Where Kafka refuses.
    pub fn add_partitions(&self, topic: &str, partitions: usize) {
        let new = NewPartitions::new(topic, partitions);
        done(self.admin().create_partitions([&new], &AdminOptions::new()));
        self.until_partitions_are(topic, partitions);
    }

    /// A setting of a topic.
    ///
    /// # Panics
    /// Where Kafka does not tell, or there is no such setting.
    pub fn setting(&self, topic: &str, name: &str) -> Option<String> {
        let topic = ResourceSpecifier::Topic(topic);
        let answer = block_on(self.admin().describe_configs([&topic], &AdminOptions::new()));
        let answer =
            answer.expect("Kafka answers").pop().expect("one answer").expect("there is such a topic");
        answer.get(name).unwrap_or_else(|| panic!("there is no setting {name}")).value.clone()
    }

    /// The offset that each partition's next record will have.
    ///
    /// # Panics
    /// Where Kafka does not tell.
    pub fn ends(&self, topic: &str) -> Vec<u64> {
        let client = self.consumer();
        (0..self.partitions(topic))
            .map(|partition| {
                let partition = i32::try_from(partition).expect("partitions fit");
                let (_, end) = client.fetch_watermarks(topic, partition, DEADLINE).expect("Kafka answers");
                u64::try_from(end).expect("an end")
            })
            .collect()
    }

    /// How many partitions of a topic can be used; 0 where there is no such topic.
    fn partitions(&self, topic: &str) -> usize {
        let metadata = self.consumer().fetch_metadata(None, Duration::from_secs(5));
        let metadata = metadata.unwrap_or_else(|error| panic!("Kafka does not answer: {error}"));
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        found.map_or(0, |topic| topic.partitions().iter().filter(|partition| partition.leader() >= 0).count())
    }

    fn until_partitions_are(&self, topic: &str, count: usize) {
        eventually(&format!("{topic} has {count} partitions"), || {
            (self.partitions(topic) == count).then_some(())
        });
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("a client")
    }

    fn consumer(&self) -> BaseConsumer {
        self.client().create().expect("a client")
    }
}

fn done(answer: impl Future<Output = KafkaResult<Vec<TopicResult>>>) {
    for topic in block_on(answer).expect("Kafka answers") {
        topic.unwrap_or_else(|(topic, error)| panic!("{topic}: {error}"));
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}
