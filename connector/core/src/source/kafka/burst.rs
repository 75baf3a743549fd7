//! Records on their way into a chunk.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::BytesMut;
use rdkafka::message::Headers;
use tracing::warn;

use super::mark::Mark;
use crate::mirror::key::{Encoder, Parts};
use crate::stream::{Chunk, Position, Record, StreamPartition};

/// Most records of a chunk.
const CHUNK_RECORDS: usize = 1_000;
/// A chunk that has this many bytes takes no further record.
const CHUNK_BYTES: usize = 1 << 20;

/// Records, with one allocation for all of their values and keys.
#[derive(Default)]
pub(super) struct Burst {
    bytes: BytesMut,
    records: Vec<Slot>,
}

/// A record whose bytes lie in the burst's.
struct Slot {
    offset: u64,
    timestamp_ms: i64,
    value: Range<usize>,
    key: Option<Range<usize>>,
}

/// A record as Kafka gave it.
pub(super) struct Given<'a, H> {
    pub(super) offset: u64,
    pub(super) timestamp_ms: Option<i64>,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: Option<&'a H>,
}

impl Burst {
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.records.len() < CHUNK_RECORDS && self.bytes.len() < CHUNK_BYTES
    }

    /// Adds a record, with a key for the mirror if there is who writes it.
    pub(super) fn push<H: Headers>(&mut self, given: &Given<'_, H>, encoder: Option<&Encoder>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(given.value.unwrap_or_default());
        let value = start..self.bytes.len();
        // Kafka before 0.10 had no timestamps: then the time of reading serves, as it does for a file.
        let timestamp_ms = given.timestamp_ms.unwrap_or_else(|| chrono::Utc::now().timestamp_millis());
        let key = encoder.map(|encoder| {
            self.encode(encoder, given, timestamp_ms);
            value.end..self.bytes.len()
        });
        self.records.push(Slot { offset: given.offset, timestamp_ms, value, key });
    }

    fn encode<H: Headers>(&mut self, encoder: &Encoder, given: &Given<'_, H>, timestamp_ms: i64) {
        let parts =
            Parts { offset: given.offset, timestamp_ms, key: given.key, is_null: given.value.is_none() };
        let Some(headers) = given.headers else {
            return encoder.encode(&mut self.bytes, parts, []);
        };
        let start = self.bytes.len();
        // rdkafka panics at a header whose name is not UTF-8, which the protocol forbids, and gives no
        // other way to it.
        let encoded = catch_unwind(AssertUnwindSafe(|| {
            let headers = headers.iter().map(|header| (header.key, header.value));
            encoder.encode(&mut self.bytes, parts, headers);
        }));
        if encoded.is_err() {
            warn!(offset = given.offset, "a header's name is not UTF-8: mirrored without headers");
            self.bytes.truncate(start);
            encoder.encode(&mut self.bytes, parts, []);
        }
    }

    /// The records as a chunk, with the mark of the last; `None` where there are none. Without
    /// `from_offset`, it is the partition's first chunk.
    pub(super) fn into_chunk(
        self,
        partition: &Arc<StreamPartition>,
        from_offset: Option<u64>,
        next_offset: u64,
    ) -> Option<(Chunk, Mark)> {
        let bytes = self.bytes.freeze();
        let topic: Arc<str> = partition.stream.as_str().into();
        let records = self.records.into_iter().map(|slot| Record {
            offset: slot.offset,
            timestamp_ms: slot.timestamp_ms,
            value: bytes.slice(slot.value),
            key: slot.key.map(|key| bytes.slice(key)),
            source: Some(Position {
                topic: Arc::clone(&topic),
                partition: partition.partition,
                offset: slot.offset,
            }),
        });
        let records: Vec<Record> = records.collect();
        let (first, last) = (records.first()?, records.last()?);
        let from_offset = from_offset.unwrap_or(first.offset);
        let mark = Mark::of(last.offset, &last.value);
        let chunk = Chunk {
            partition: Arc::clone(partition),
            records,
            gaps: Vec::new(),
            from_offset,
            next_offset,
            bookmark: mark.to_string(),
            has_more: false,
        };
        Some((chunk, mark))
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::message::{Header, OwnedHeaders};

    use super::*;
    use crate::mirror::key::Key;

    fn given(offset: u64, value: Option<&[u8]>) -> Given<'_, OwnedHeaders> {
        Given { offset, timestamp_ms: Some(9), key: None, value, headers: None }
    }

    #[test]
    fn a_chunk_holds_what_was_pushed_and_ends_at_its_bounds() {
        let id = Arc::new(StreamPartition { stream: "a".to_owned(), partition: 3 });
        assert!(Burst::default().into_chunk(&id, None, 0).is_none());
        let mut burst = Burst::default();
        burst.push(&given(4, Some(b"x")), None);
        burst.push(&given(6, None), None);
        assert!(burst.has_room());
        let (chunk, mark) = burst.into_chunk(&id, Some(3), 7).unwrap();
        let seen: Vec<_> =
            chunk.records.iter().map(|r| (r.offset, r.timestamp_ms, &r.value[..], &r.key)).collect();
        assert_eq!(seen, [(4, 9, &b"x"[..], &None), (6, 9, b"", &None)]);
        assert_eq!((chunk.from_offset, chunk.next_offset), (3, 7));
        assert_eq!(mark, Mark::of(6, b""));
        assert_eq!(chunk.bookmark, mark.to_string());

        let mut many = Burst::default();
        (0..CHUNK_RECORDS as u64).for_each(|offset| many.push(&given(offset, None), None));
        assert!(!many.has_room());
        let mut large = Burst::default();
        large.push(&given(0, Some(&vec![b'x'; CHUNK_BYTES])), None);
        assert!(!large.has_room());
    }

    #[test]
    fn for_the_mirror_every_record_has_a_key_of_its_own() {
        let id = Arc::new(StreamPartition { stream: "a".to_owned(), partition: 3 });
        let encoder = Encoder::new(2, "a", 3);
        let headers = OwnedHeaders::new()
            .insert(Header { key: "name", value: Some(&b"\xff"[..]) })
            .insert(Header { key: "name", value: None::<&[u8]> });
        let mut burst = Burst::default();
        burst.push(
            &Given { key: Some(b"k"), headers: Some(&headers), ..given(4, Some(b"x")) },
            Some(&encoder),
        );
        burst.push(&given(6, None), Some(&encoder));
        let (chunk, _) = burst.into_chunk(&id, None, 7).unwrap();
        assert_eq!(chunk.from_offset, 4);
        let values: Vec<_> = chunk.records.iter().map(|record| &record.value[..]).collect();
        assert_eq!(values, [&b"x"[..], b""]);
        let keys: Vec<Key> =
            chunk.records.iter().map(|r| Key::read(r.key.as_ref().unwrap()).unwrap()).collect();
        let plain = Key {
            generation: 2,
            topic: "a".to_owned(),
            partition: 3,
            offset: 6,
            timestamp_ms: 9,
            key: None,
            headers: Vec::new(),
            is_null: true,
        };
        let headers = vec![("name".to_owned(), Some(vec![0xff])), ("name".to_owned(), None)];
        let full = Key { offset: 4, key: Some(b"k".to_vec()), headers, is_null: false, ..plain.clone() };
        assert_eq!(keys, [full, plain]);
    }
}
