//! Records as Fluvio's batches hold them, in and out.

use bytes::Bytes;
use fluvio::dataplane::record::{Batch, MemoryRecords, RawRecords, Record, RecordData, RecordKey, RecordSet};

/// How far records of one batch may lie apart in time, in milliseconds (24 days). Fluvio (0.50) writes a
/// record's time as the distance from the first one's, and writes greater ones wrongly.
pub const FARTHEST: u64 = i32::MAX as u64;

/// What a record takes in a batch besides its key and value, in bytes: lengths, deltas, attributes. The
/// most that they can take.
pub(super) const RECORD_OVERHEAD: usize = 48;

/// A record to be written.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Its time, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Bytes,
    /// Its value.
    pub value: Bytes,
}

impl Outgoing {
    /// How many bytes it takes in a batch, at most.
    #[must_use]
    pub fn size(&self) -> usize {
        self.key.len() + self.value.len() + RECORD_OVERHEAD
    }
}

/// Records that were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Produced {
    /// Offset of the first.
    pub base_offset: u64,
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Its offset.
    pub offset: u64,
    /// Its time, in milliseconds since 1970. What a SmartModule gave out in the broker has none.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Bytes,
}

/// What one batch of an answer gave.
enum Unpacked {
    /// All of its records.
    Whole(Vec<Incoming>),
    /// The answer ended within it.
    Cut,
}

/// One batch of records, times as distances from the first one's.
pub(super) fn batch_of(records: &[Outgoing]) -> Result<Batch<RawRecords>, impl std::error::Error> {
    let first_timestamp = records.first().map_or(0, |record| record.timestamp_ms);
    let mut batch = Batch::<MemoryRecords>::default();
    let mut list = Vec::with_capacity(records.len());
    for record in records {
        let mut made = Record::new_key_value(
            RecordKey::from(RecordData::from(Vec::from(record.key.clone()))),
            RecordData::from(Vec::from(record.value.clone())),
        );
        made.get_mut_header().set_timestamp_delta(record.timestamp_ms - first_timestamp);
        list.push(made);
    }
    batch.add_records(&mut list);
    let header = batch.get_mut_header();
    header.first_timestamp = first_timestamp;
    header.max_time_stamp = records.iter().map(|record| record.timestamp_ms).max().unwrap_or(0);
    Batch::<RawRecords>::try_from(batch)
}

/// The records of all batches, up to one that the answer cut in half; and the offset of that.
pub(super) fn unpack_all(set: &RecordSet<RawRecords>) -> Result<(Vec<Incoming>, Option<u64>), String> {
    let mut all = Vec::new();
    for batch in &set.batches {
        match unpack(batch)? {
            // The broker's SmartModule gives one large batch: not copied once more.
            Unpacked::Whole(records) if all.is_empty() => all = records,
            Unpacked::Whole(records) => all.extend(records),
            Unpacked::Cut => return Ok((all, u64::try_from(batch.base_offset).ok())),
        }
    }
    Ok((all, None))
}

/// The records of one batch. A batch that arrived whole has as many as its header says.
fn unpack(batch: &Batch<RawRecords>) -> Result<Unpacked, String> {
    let expected = batch.records_len();
    let base_offset = u64::try_from(batch.base_offset).map_err(|_| "a batch with an offset below 0")?;
    let first_timestamp = batch.get_base_timestamp();
    // A compressed batch that is cut does not decompress.
    let Ok(records) = batch.memory_records() else { return Ok(Unpacked::Cut) };
    if records.len() < expected {
        return Ok(Unpacked::Cut);
    }
    if records.len() > expected {
        return Err(format!("a batch with {} records instead of {expected}", records.len()));
    }
    let incoming = |(offset, record): (u64, Record)| Incoming {
        offset,
        timestamp_ms: first_timestamp + record.timestamp_delta(),
        key: record.key.map(|key| (*key).clone()),
        value: (*record.value).clone(),
    };
    Ok(Unpacked::Whole((base_offset..).zip(records).map(incoming).collect()))
}
