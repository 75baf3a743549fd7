//! Whether partitions still are what we take them for.
//!
//! A topic that was deleted and made again under its name has other records at the same offsets. Where
//! it is shorter, reading on fails; where it is longer, librdkafka goes on in the new topic and says
//! nothing. So a record that was read before is read again and compared: before the first record of an
//! assignment, and every few seconds after that.
//!
//! A thread of its own does so, with a client of its own for every round: a client that lives long keeps
//! what it knew of the old topic. What a round does not find out, for brokers that are away, is asked
//! again in another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tracing::debug;

use super::error::{Class, Difference, Error, class};
use super::mark::Mark;
use crate::stream::StreamPartition;

/// How long a round may take, about.
const ROUND: Duration = Duration::from_secs(10);
/// How long Kafka may take to tell the bounds of one partition.
const BOUNDS: Duration = Duration::from_secs(3);
/// How long the client is served before the partitions are looked at again.
const PAUSE: Duration = Duration::from_millis(5);

/// A partition to look at.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) partition: StreamPartition,
    /// Everything below was read.
    pub(super) next_offset: Option<u64>,
    /// A record that was read.
    pub(super) mark: Option<Mark>,
}

/// Where a partition begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) start: u64,
    /// Behind the last record that is committed.
    pub(super) end: u64,
}

/// The partitions of a round.
pub(super) struct Round {
    pub(super) number: u64,
    pub(super) asks: Vec<Ask>,
}

/// What comes of a round.
pub(super) enum Answer {
    /// A partition is what we took it for, or not.
    Partition { round: u64, partition: StreamPartition, found: Result<Bounds, Error> },
    /// No more answers come.
    Finished { round: u64 },
}

/// Runs rounds until nobody asks any more. A round that is not the `current` one any more is left.
pub(super) fn run(
    settings: &ClientConfig,
    rounds: &Receiver<Round>,
    answers: &Sender<Answer>,
    current: &AtomicU64,
) {
    while let Ok(Round { number, asks }) = rounds.recv() {
        let is_over = || current.load(Ordering::Acquire) != number;
        let tell = |partition, found| {
            // Who does not listen any more has ended.
            let _ = answers.send(Answer::Partition { round: number, partition, found });
        };
        if let Err(error) = look(settings, asks, &is_over, &tell) {
            debug!(%error, "partitions were not checked");
        }
        let _ = answers.send(Answer::Finished { round: number });
    }
}

/// A partition whose record is being read.
struct Reading {
    ask: Ask,
    mark: Mark,
    bounds: Bounds,
    queue: PartitionQueue<Quiet>,
}

fn look(
    settings: &ClientConfig,
    asks: Vec<Ask>,
    is_over: &impl Fn() -> bool,
    tell: &impl Fn(StreamPartition, Result<Bounds, Error>),
) -> Result<(), KafkaError> {
    let deadline = Instant::now() + ROUND;
    let has_time = || !is_over() && Instant::now() < deadline;
    let consumer: Arc<BaseConsumer<Quiet>> = Arc::new(settings.create_with_context(Quiet)?);
    let mut list = TopicPartitionList::new();
    let mut reading = Vec::new();
    for ask in asks {
        if !has_time() {
            break;
        }
        let StreamPartition { stream, partition } = &ask.partition;
        let Ok(number) = i32::try_from(*partition) else { continue };
        let bounds = match bounds(&consumer, stream, number) {
            Ok(Some(bounds)) => bounds,
            Ok(None) => continue,
            Err(error) => {
                debug!(partition = %ask.partition, %error, "kafka does not tell where the partition ends");
                continue;
            }
        };
        match within(&ask, bounds) {
            Ok(None) => tell(ask.partition, Ok(bounds)),
            Err(error) => tell(ask.partition, Err(error)),
            Ok(Some(mark)) => {
                let Some(queue) = consumer.split_partition_queue(stream, number) else { continue };
                let Ok(offset) = i64::try_from(mark.offset) else { continue };
                list.add_partition_offset(stream, number, Offset::Offset(offset))?;
                reading.push(Reading { ask, mark, bounds, queue });
            }
        }
    }
    consumer.assign(&list)?;
    while !reading.is_empty() && has_time() {
        // Records have queues of their own; what is wrong with the brokers shows in the source's client.
        if let Some(Err(error)) = consumer.poll(PAUSE) {
            debug!(%error, "while partitions are checked");
        }
        reading.retain(|Reading { ask, mark, bounds, queue }| {
            let found = match queue.poll(Duration::ZERO) {
                None => return true,
                Some(Ok(message)) => {
                    compare(ask, mark, message.offset(), message.payload().unwrap_or_default())
                }
                Some(Err(error)) => match class(&error) {
                    // Neither the record nor any behind it is there: compaction or an abort took them.
                    Class::End => Ok(()),
                    Class::NoOffset => return false,
                    _ => {
                        debug!(partition = %ask.partition, %error, "while partitions are checked");
                        return true;
                    }
                },
            };
            tell(ask.partition.clone(), found.map(|()| *bounds));
            false
        });
    }
    // Before the consumer: queues must be gone when it is destroyed.
    drop(reading);
    Ok(())
}

/// Where a partition begins and ends; `None` where the answers contradict each other.
///
/// librdkafka asks for the two apart. Where one is refused, it may give the other for both, and the
/// partition looks empty. So that is believed only if it is said twice.
fn bounds(consumer: &BaseConsumer<Quiet>, topic: &str, partition: i32) -> Result<Option<Bounds>, KafkaError> {
    let ask = || -> Result<Option<Bounds>, KafkaError> {
        let (low, high) = consumer.fetch_watermarks(topic, partition, BOUNDS)?;
        let (start, end) = (u64::try_from(low).ok(), u64::try_from(high).ok());
        Ok(start.zip(end).map(|(start, end)| Bounds { start, end }))
    };
    let first = ask()?;
    if first.is_some_and(|bounds| bounds.start < bounds.end) {
        return Ok(first);
    }
    let second = ask()?;
    Ok(second.filter(|bounds| bounds.start < bounds.end || second == first))
}

/// Compares with the partition's bounds; gives the record that is to be compared, if it can be there.
fn within(ask: &Ask, bounds: Bounds) -> Result<Option<Mark>, Error> {
    let partition = || ask.partition.clone();
    if let Some(expected) = ask.next_offset.filter(|next| *next > bounds.end) {
        let difference = Difference::Shorter { end: bounds.end, expected };
        return Err(Error::Recreated { partition: partition(), difference });
    }
    if let Some(offset) = ask.next_offset.filter(|next| *next < bounds.start) {
        return Err(Error::NoOffset { partition: partition(), offset, start: bounds.start });
    }
    Ok(ask.mark.filter(|mark| mark.offset >= bounds.start && mark.offset < bounds.end))
}

/// Compares the first record from the mark on. One that lies behind it says nothing: compaction took
/// the other.
fn compare(ask: &Ask, mark: &Mark, offset: i64, value: &[u8]) -> Result<(), Error> {
    if u64::try_from(offset) != Ok(mark.offset) {
        return Ok(());
    }
    let found = Mark::of(mark.offset, value);
    if found == *mark {
        return Ok(());
    }
    let difference = Difference::Other { offset: mark.offset, found: found.hex(), expected: mark.hex() };
    Err(Error::Recreated { partition: ask.partition.clone(), difference })
}

/// The source's client says what there is to say.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        debug!(facility, message, "librdkafka, while partitions are checked");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "while partitions are checked");
    }
}

impl ConsumerContext for Quiet {}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(next_offset: Option<u64>, mark: Option<Mark>) -> Ask {
        Ask { partition: StreamPartition { stream: "a".to_owned(), partition: 3 }, next_offset, mark }
    }

    #[test]
    fn bounds_tell_a_shorter_topic_and_lost_records() {
        let (bounds, mark) = (Bounds { start: 10, end: 20 }, |offset| Some(Mark::of(offset, b"x")));
        for (next_offset, marked, expected) in [
            (None, None, Ok(None)),
            (Some(10), None, Ok(None)),
            (Some(20), None, Ok(None)),
            (Some(20), mark(19), Ok(mark(19))),
            (Some(15), mark(10), Ok(mark(10))),
            (Some(10), mark(9), Ok(None)),
            // A mark alone, from before the partition had a next offset.
            (None, mark(20), Ok(None)),
            (Some(9), mark(8), Err("a/3: offset 9 is not there any more, the partition begins at 10")),
            (
                Some(21),
                mark(20),
                Err("a/3: the topic was deleted and made anew: it ends at offset 20, but was read up to 21"),
            ),
        ] {
            let found = within(&ask(next_offset, marked), bounds).map_err(|error| error.to_string());
            match expected {
                Ok(expected) => assert_eq!(found, Ok(expected)),
                Err(start) => {
                    assert!(found.as_ref().is_err_and(|error| error.starts_with(start)), "{found:?}");
                }
            }
        }
    }

    #[test]
    fn only_another_record_at_the_same_offset_is_an_alarm() {
        let mark = Mark::of(7, b"x");
        let ask = ask(Some(8), Some(mark));
        assert!(compare(&ask, &mark, 7, b"x").is_ok());
        assert!(compare(&ask, &mark, 8, b"y").is_ok());
        let error = compare(&ask, &mark, 7, b"y").unwrap_err().to_string();
        for part in ["a/3", "offset 7", &mark.hex(), &Mark::of(7, b"y").hex(), "--new-generation"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
