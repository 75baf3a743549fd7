//! One assigned partition: its queue, and what is known about it.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;

use super::burst::{Burst, Given};
use super::check::{Ask, Bounds};
use super::client::Context;
use super::error::{Class, Error, class};
use super::mark::Mark;
use crate::mirror::key::Encoder;
use crate::stream::{Chunk, StreamPartition};

/// An assigned partition.
pub(super) struct Partition {
    pub(super) id: Arc<StreamPartition>,
    /// With `--once`: everything up to the end has been read.
    done: bool,
    queue: PartitionQueue<Context>,
    /// No record below this offset is due; `None` before the first record of a partition that begins
    /// at its start.
    next_offset: Option<u64>,
    /// With `--once`: read no record from here on.
    end: Option<u64>,
    /// An error that came behind records: those are sent first.
    trouble: Option<KafkaError>,
    /// Records that came when it was not known any more what they are of.
    held: Option<Chunk>,
    standing: Standing,
    /// What the next check looks for.
    mark: Option<Mark>,
    /// What the check after that looks for: the last record that was read before the next began.
    following: Option<Mark>,
    /// The last record that was read.
    latest: Option<Mark>,
    /// Writes the keys of the records, if they are for the mirror.
    encoder: Option<Encoder>,
}

/// Whether the partition is what we take it for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Not known yet: nothing is read.
    Unknown,
    /// It was, at the last check.
    Known,
    /// Kafka says that the next offset is not there. The check says why.
    Lost,
}

/// What one look into the queue gave.
pub(super) enum Read {
    Nothing,
    Chunk(Chunk),
    /// An error that is not the partition's own; the reader decides.
    Trouble(KafkaError),
}

impl Partition {
    /// A partition of which nothing is known. Without `is_checked` it is read at once.
    pub(super) fn new(
        id: StreamPartition,
        queue: PartitionQueue<Context>,
        next_offset: Option<u64>,
        mark: Option<Mark>,
        encoder: Option<Encoder>,
        is_checked: bool,
    ) -> Self {
        let standing = if is_checked { Standing::Unknown } else { Standing::Known };
        Self {
            id: Arc::new(id),
            done: false,
            queue,
            next_offset,
            end: None,
            trouble: None,
            held: None,
            standing,
            mark,
            following: None,
            latest: mark,
            encoder,
        }
    }

    /// With `--once`: whether everything up to the end has been given out.
    pub(super) fn is_done(&self) -> bool {
        self.done && self.held.is_none()
    }

    /// Whether nothing is read before the next check.
    pub(super) fn waits(&self) -> bool {
        self.standing != Standing::Known
    }

    /// The topic may be another: nothing is read before the next check.
    pub(super) fn suspect(&mut self) {
        if self.standing == Standing::Known && self.mark.is_some() {
            self.standing = Standing::Unknown;
        }
    }

    /// Keeps a chunk until the next check.
    pub(super) fn hold(&mut self, chunk: Chunk) {
        self.held = Some(chunk);
    }

    /// What to check; `None` where there is nothing to compare.
    pub(super) fn ask(&mut self) -> Option<Ask> {
        if !self.waits() && self.mark.is_none() {
            return None;
        }
        self.following = self.latest;
        Some(Ask { partition: self.name(), next_offset: self.next_offset, mark: self.mark })
    }

    /// The check found what was expected, and these bounds. With `once` the partition is read to its
    /// present end.
    pub(super) fn checked(&mut self, bounds: Bounds, once: bool) -> Result<(), Error> {
        match self.standing {
            // A record that was read while the check ran may be of another incarnation than the one that
            // was checked: it is looked for next time, not taken for known.
            Standing::Known => self.mark = self.following,
            Standing::Unknown => {
                self.standing = Standing::Known;
                if once && self.end.is_none() {
                    self.end = Some(bounds.end);
                    self.done = self.next_offset.unwrap_or(bounds.start) >= bounds.end;
                }
            }
            Standing::Lost => {
                let offset = self.next_offset.unwrap_or_default();
                return Err(Error::NoOffset { partition: self.name(), offset, start: bounds.start });
            }
        }
        Ok(())
    }

    /// Takes what the queue holds now, up to a chunk. Never waits: a chunk is as large as the burst
    /// that Kafka sent.
    pub(super) fn read(&mut self) -> Result<Read, Error> {
        if let Some(error) = self.trouble.take() {
            return Ok(Read::Trouble(error));
        }
        if self.waits() {
            return Ok(Read::Nothing);
        }
        if let Some(chunk) = self.held.take() {
            return Ok(Read::Chunk(chunk));
        }
        if self.done {
            return Ok(Read::Nothing);
        }
        let from_offset = self.next_offset;
        let mut burst = Burst::default();
        while burst.has_room() {
            let message = match self.queue.poll(Duration::ZERO) {
                None => break,
                Some(Ok(message)) => message,
                Some(Err(error)) => match class(&error) {
                    Class::End => {
                        self.done = true;
                        break;
                    }
                    Class::NoOffset => {
                        self.standing = Standing::Lost;
                        break;
                    }
                    Class::Unreadable => {
                        return Err(Error::Unreadable {
                            partition: self.name(),
                            offset: self.next_offset.unwrap_or_default(),
                            source: error,
                        });
                    }
                    _ if burst.is_empty() => return Ok(Read::Trouble(error)),
                    _ => {
                        self.trouble = Some(error);
                        break;
                    }
                },
            };
            let offset = due(&self.id, message.offset(), self.next_offset.unwrap_or_default())?;
            if self.end.is_some_and(|end| offset >= end) {
                self.done = true;
                break;
            }
            let given = Given {
                offset,
                timestamp_ms: message.timestamp().to_millis(),
                key: message.key(),
                value: message.payload(),
                headers: message.headers(),
            };
            burst.push(&given, self.encoder.as_ref());
            self.next_offset = Some(offset + 1);
        }
        let Some(next_offset) = self.next_offset else { return Ok(Read::Nothing) };
        if self.end.is_some_and(|end| next_offset >= end) {
            self.done = true;
        }
        let Some((chunk, mark)) = burst.into_chunk(&self.id, from_offset, next_offset) else {
            return Ok(Read::Nothing);
        };
        self.latest = Some(mark);
        // The first records of all: nothing was known of the partition before.
        self.mark.get_or_insert(mark);
        Ok(Read::Chunk(chunk))
    }

    fn name(&self) -> StreamPartition {
        (*self.id).clone()
    }
}

/// Checks that an offset lies behind everything that was read. Holes are Kafka's by design:
/// compaction, aborted transactions and their markers leave them.
fn due(partition: &StreamPartition, offset: i64, expected: u64) -> Result<u64, Error> {
    match u64::try_from(offset) {
        Ok(offset) if offset >= expected => Ok(offset),
        _ => Err(Error::NotIncreasing { partition: partition.clone(), offset, expected }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_rise_and_may_leave_holes() {
        let id = StreamPartition { stream: "a".to_owned(), partition: 3 };
        assert_eq!(due(&id, 4, 4).ok(), Some(4));
        assert_eq!(due(&id, 9, 4).ok(), Some(9));
        for offset in [3, -1] {
            let error = due(&id, offset, 4).unwrap_err().to_string();
            assert_eq!(error, format!("a/3: read offset {offset} where at least 4 was due"));
        }
    }
}
