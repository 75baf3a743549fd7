//! The Fluvio topic of a Kafka topic, with enough partitions; and where a partition's mirror stands.

use super::error::Error;
use super::key::Key;
use super::partition::Shared;
use crate::cluster::{self, Incoming, Tail};
use crate::retry::backoff;
use crate::source::kafka::Mark;
use crate::stream::StreamPartition;

/// Where the mirror of a partition stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The incarnation of the Kafka topic.
    pub(super) generation: u32,
    /// The Kafka offset to go on at; `None` where the partition begins at its start.
    pub(super) next_offset: Option<u64>,
    /// What makes the Kafka partition known again.
    pub(super) bookmark: String,
}

impl Shared {
    /// Makes the topic where it is missing, and adds partitions where it has too few.
    async fn provide(&self, topic: &str, partitions: u32) -> Result<(), cluster::Error> {
        match self.cluster.partitions(topic).await? {
            None => self.cluster.create_topic(topic, partitions).await?,
            Some(count) if count < partitions => {
                self.cluster.add_partitions(topic, partitions - count).await?;
            }
            Some(_) => return Ok(()),
        }
        tracing::info!(topic, partitions, "fluvio topic provided");
        Ok(())
    }

    /// Reads where a partition's mirror stands from the end of the Fluvio partition, which is made where it
    /// is missing. Other mirrors may be making partitions too, so that is looked at in every attempt.
    pub(super) async fn standing(
        &self,
        partition: &StreamPartition,
        target: &StreamPartition,
    ) -> Result<(Standing, Tail), Error> {
        let read = || async {
            self.provide(&target.stream, target.partition + 1).await?;
            self.cluster.connect(target).await?.tail().await
        };
        let tail = self.insist(&target.to_string(), read).await?;
        Ok((stand(partition, target, tail.record.as_ref())?, tail))
    }

    /// Does something with the cluster until that is done, or never will be.
    pub(super) async fn insist<T, F>(&self, name: &str, mut action: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, cluster::Error>>,
    {
        for attempt in 0.. {
            match action().await {
                Ok(done) => {
                    if self.health.up(name) {
                        tracing::info!(name, "fluvio answers again");
                    }
                    return Ok(done);
                }
                Err(error) if error.is_fatal() => return Err(error.into()),
                Err(error) => {
                    if self.health.down(name, error.to_string()) {
                        tracing::warn!(name, %error, "fluvio failed, trying again");
                    }
                }
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
        unreachable!("the loop has no end but its return")
    }
}

fn stand(
    partition: &StreamPartition,
    target: &StreamPartition,
    tail: Option<&Incoming>,
) -> Result<Standing, Error> {
    let Some(tail) = tail else {
        return Ok(Standing { generation: 1, next_offset: None, bookmark: String::new() });
    };
    let foreign = |reason: String| Error::Foreign {
        partition: partition.clone(),
        target: target.clone(),
        offset: tail.offset,
        reason,
    };
    let key = tail.key.as_deref().and_then(Key::read);
    let key = key.ok_or_else(|| foreign("its key names no place in Kafka".to_owned()))?;
    if key.topic != partition.stream || key.partition != partition.partition {
        return Err(foreign(format!("its key names {}/{}", key.topic, key.partition)));
    }
    Ok(Standing {
        generation: key.generation,
        next_offset: Some(key.offset + 1),
        bookmark: Mark::of(key.offset, &tail.value).to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(stream: &str, partition: u32) -> StreamPartition {
        StreamPartition { stream: stream.to_owned(), partition }
    }

    fn tail(key: Option<&str>) -> Option<Incoming> {
        let key = key.map(|key| key.to_owned().into());
        Some(Incoming { offset: 7, timestamp_ms: 0, key, value: "x".into() })
    }

    #[test]
    fn the_end_of_the_fluvio_partition_says_where_to_go_on() {
        let (kafka, fluvio) = (at("voc.events", 2), at("voc-events", 2));
        assert_eq!(stand(&kafka, &fluvio, None).unwrap().next_offset, None);
        let key =
            r#"{"mirror":1,"generation":3,"topic":"voc.events","partition":2,"offset":41,"timestamp":0}"#;
        let standing = stand(&kafka, &fluvio, tail(Some(key)).as_ref()).unwrap();
        assert_eq!((standing.generation, standing.next_offset), (3, Some(42)));
        assert!(standing.bookmark.contains("41"), "{}", standing.bookmark);
    }

    #[test]
    fn a_topic_with_another_writer_is_refused() {
        let (kafka, fluvio) = (at("voc.events", 2), at("voc-events", 2));
        let other = r#"{"mirror":1,"generation":1,"topic":"calls","partition":2,"offset":41,"timestamp":0}"#;
        for (key, reason) in
            [(None, "names no place"), (Some("mine"), "names no place"), (Some(other), "calls/2")]
        {
            let error = stand(&kafka, &fluvio, tail(key).as_ref()).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("voc-events/2"), "{error}");
        }
    }
}
