//! Records of a Kafka partition, read as a member of no group.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::client;
use super::mark::Mark;
use crate::config::kafka::Kafka as Config;
use crate::source::lookup::{Error, Wanted};
use crate::stream::{Position, Record};

/// How long the broker may take for a record that it should have.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads from the first wanted offset to the last. Blocks its thread.
pub(in crate::source) fn look_up(
    config: &Config,
    wanted: &Wanted,
    found: &mpsc::Sender<Record>,
) -> Result<(), Error> {
    let consumer: BaseConsumer =
        client::for_check(config).create().map_err(|error| wanted.unreadable(error))?;
    let (topic, number) = (&wanted.partition.stream, number(wanted)?);
    let (start, end) =
        consumer.fetch_watermarks(topic, number, PATIENCE).map_err(|error| wanted.unreadable(error))?;
    let reader = Reader { consumer, wanted };
    if let Some(mark) =
        Mark::read(&wanted.bookmark).filter(|mark| i64::try_from(mark.offset).is_ok_and(|at| at >= start))
    {
        let record = reader.from(mark.offset, end)?.next().transpose()?;
        if record.is_none_or(|record| Mark::of(record.offset, &record.value) != mark) {
            return Err(Error::Recreated(wanted.partition.clone()));
        }
    }
    let Some((first, last)) = wanted.offsets.first().zip(wanted.offsets.last()) else { return Ok(()) };
    let first = (*first).max(u64::try_from(start).unwrap_or_default());
    let end = end.min(i64::try_from(*last).unwrap_or(i64::MAX).saturating_add(1));
    for record in reader.from(first, end)? {
        let record = record?;
        if wanted.offsets.contains(&record.offset) && found.blocking_send(record).is_err() {
            break;
        }
    }
    Ok(())
}

fn number(wanted: &Wanted) -> Result<i32, Error> {
    i32::try_from(wanted.partition.partition).map_err(|error| wanted.unreadable(error))
}

struct Reader<'a> {
    consumer: BaseConsumer,
    wanted: &'a Wanted,
}

impl Reader<'_> {
    /// The records from one offset to before another. Compaction and transactions leave holes, and the end may
    /// be one.
    fn from(&self, first: u64, end: i64) -> Result<impl Iterator<Item = Result<Record, Error>> + '_, Error> {
        let first = i64::try_from(first).unwrap_or(i64::MAX);
        let mut list = TopicPartitionList::new();
        let topic = &self.wanted.partition.stream;
        let added = list.add_partition_offset(topic, number(self.wanted)?, Offset::Offset(first));
        added.and_then(|()| self.consumer.assign(&list)).map_err(|error| self.wanted.unreadable(error))?;
        let mut next = first;
        Ok(std::iter::from_fn(move || {
            let started = Instant::now();
            while next < end {
                match self.consumer.poll(Duration::from_millis(100)) {
                    None if self.position().is_some_and(|position| position >= end) => return None,
                    None if started.elapsed() < PATIENCE => {}
                    None => {
                        return Some(Err(self.wanted.unreadable(format!("no record from offset {next} on"))));
                    }
                    Some(Err(error)) if started.elapsed() >= PATIENCE => {
                        return Some(Err(self.wanted.unreadable(error)));
                    }
                    Some(Err(_)) => {}
                    Some(Ok(message)) if message.offset() >= end => return None,
                    Some(Ok(message)) => {
                        next = message.offset() + 1;
                        return Some(Ok(self.taken(&message)));
                    }
                }
            }
            None
        }))
    }

    fn position(&self) -> Option<i64> {
        let list = self.consumer.position().ok()?;
        list.elements().first().and_then(|element| element.offset().to_raw())
    }

    fn taken(&self, message: &impl Message) -> Record {
        let offset = u64::try_from(message.offset()).unwrap_or_default();
        let now = || chrono::Utc::now().timestamp_millis();
        let partition = &self.wanted.partition;
        Record {
            offset,
            timestamp_ms: message.timestamp().to_millis().unwrap_or_else(now),
            value: Bytes::copy_from_slice(message.payload().unwrap_or_default()),
            key: None,
            source: Some(Position {
                topic: partition.stream.as_str().into(),
                partition: partition.partition,
                offset,
            }),
        }
    }
}
