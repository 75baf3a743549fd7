//! One assigned partition: its queue, and the chunks that come out of it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::client::Context;
use super::error::{Class, Error, class};
use crate::source::{Chunk, Record, StreamPartition};

/// Most records of a chunk.
const CHUNK_RECORDS: usize = 1_000;
/// A chunk that has this many bytes takes no further record.
const CHUNK_BYTES: usize = 1 << 20;

/// An assigned partition.
pub(super) struct Partition {
    pub(super) id: Arc<StreamPartition>,
    /// With `--once`: everything up to the end has been read.
    pub(super) done: bool,
    queue: PartitionQueue<Context>,
    /// No record below this offset is due.
    next_offset: u64,
    /// With `--once`: read no record from here on.
    end: Option<u64>,
    /// An error that came behind records: those are sent first.
    trouble: Option<KafkaError>,
}

/// What one look into the queue gave.
pub(super) enum Read {
    Nothing,
    Chunk(Chunk),
    /// An error that is not the partition's own; the reader decides.
    Trouble(KafkaError),
}

impl Partition {
    pub(super) fn new(
        id: StreamPartition,
        queue: PartitionQueue<Context>,
        next_offset: u64,
        end: Option<u64>,
        done: bool,
    ) -> Self {
        Self { id: Arc::new(id), done, queue, next_offset, end, trouble: None }
    }

    /// Takes what the queue holds now, up to a chunk. Never waits: a chunk is as large as the burst
    /// that Kafka sent.
    pub(super) fn read(&mut self) -> Result<Read, Error> {
        if let Some(error) = self.trouble.take() {
            return Ok(Read::Trouble(error));
        }
        if self.done {
            return Ok(Read::Nothing);
        }
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
                        return Err(Error::NoOffset { partition: self.name(), offset: self.next_offset });
                    }
                    Class::Unreadable => {
                        return Err(Error::Unreadable {
                            partition: self.name(),
                            offset: self.next_offset,
                            source: error,
                        });
                    }
                    _ if burst.records.is_empty() => return Ok(Read::Trouble(error)),
                    _ => {
                        self.trouble = Some(error);
                        break;
                    }
                },
            };
            let offset = due(&self.id, message.offset(), self.next_offset)?;
            if self.end.is_some_and(|end| offset >= end) {
                self.done = true;
                break;
            }
            burst.push(offset, message.timestamp().to_millis(), message.payload().unwrap_or_default());
            self.next_offset = offset + 1;
        }
        if self.end.is_some_and(|end| self.next_offset >= end) {
            self.done = true;
        }
        Ok(burst.into_chunk(&self.id, self.next_offset).map_or(Read::Nothing, Read::Chunk))
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

/// Records on their way into a chunk: one allocation for all of their values.
#[derive(Default)]
struct Burst {
    values: BytesMut,
    records: Vec<(u64, i64, Range<usize>)>,
}

impl Burst {
    fn has_room(&self) -> bool {
        self.records.len() < CHUNK_RECORDS && self.values.len() < CHUNK_BYTES
    }

    fn push(&mut self, offset: u64, timestamp_ms: Option<i64>, value: &[u8]) {
        let start = self.values.len();
        self.values.extend_from_slice(value);
        // Kafka before 0.10 had no timestamps: then the time of reading serves, as it does for a file.
        let timestamp_ms = timestamp_ms.unwrap_or_else(|| chrono::Utc::now().timestamp_millis());
        self.records.push((offset, timestamp_ms, start..self.values.len()));
    }

    fn into_chunk(self, partition: &Arc<StreamPartition>, next_offset: u64) -> Option<Chunk> {
        let values = self.values.freeze();
        let records: Vec<Record> = self
            .records
            .into_iter()
            .map(|(offset, timestamp_ms, range)| Record { offset, timestamp_ms, value: values.slice(range) })
            .collect();
        let last = records.last()?;
        let bookmark = bookmark(last.offset, &last.value);
        Some(Chunk { partition: Arc::clone(partition), records, next_offset, bookmark })
    }
}

/// What makes the stream known again: the last record's offset and the first half of its SHA-256.
/// Stored with the checkpoint and compared by later versions: do not change.
fn bookmark(offset: u64, value: &Bytes) -> String {
    let digest = Sha256::digest(value);
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    json!({"offset": offset, "digest": hex}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bookmark_is_stable() {
        // `printf '{"a":1}' | sha256sum | cut -c1-32`
        assert_eq!(
            bookmark(7, &Bytes::from_static(b"{\"a\":1}")),
            r#"{"digest":"015abd7f5cc57a2dd94b7590f04ad808","offset":7}"#
        );
    }

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

    #[test]
    fn a_chunk_holds_what_was_pushed_and_ends_at_its_bounds() {
        let id = Arc::new(StreamPartition { stream: "a".to_owned(), partition: 3 });
        assert!(Burst::default().into_chunk(&id, 0).is_none());
        let mut burst = Burst::default();
        burst.push(4, Some(9), b"x");
        burst.push(6, Some(10), b"");
        assert!(burst.has_room());
        let chunk = burst.into_chunk(&id, 7).unwrap();
        let seen: Vec<_> = chunk.records.iter().map(|r| (r.offset, r.timestamp_ms, &r.value[..])).collect();
        assert_eq!(seen, [(4, 9, &b"x"[..]), (6, 10, b"")]);
        assert_eq!(chunk.next_offset, 7);

        let mut many = Burst::default();
        (0..CHUNK_RECORDS as u64).for_each(|offset| many.push(offset, Some(0), b""));
        assert!(!many.has_room());
        let mut large = Burst::default();
        large.push(0, Some(0), &vec![b'x'; CHUNK_BYTES]);
        assert!(!large.has_room());
    }
}
