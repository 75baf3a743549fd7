//! Lines into batches as Fluvio has them. Pure.

use axum::body::Bytes;
use fluvio::dataplane::record::{Batch, MemoryRecords, RawRecords, Record, RecordData, RecordSet};

/// What a record takes in a batch besides its value, in bytes: lengths, deltas, attributes. The most that they can take.
const OVERHEAD: usize = 48;

/// Cuts lines, in their order, into batches of at most `most` bytes, but for one line that is larger.
pub(super) fn cut<'a, 'b>(mut lines: &'a [&'b Bytes], most: usize) -> Vec<&'a [&'b Bytes]> {
    let mut batches = Vec::new();
    while !lines.is_empty() {
        let mut bytes = 0;
        let fitting = lines.iter().take_while(|line| {
            bytes += line.len() + OVERHEAD;
            bytes <= most
        });
        let (batch, rest) = lines.split_at(fitting.count().max(1));
        batches.push(batch);
        lines = rest;
    }
    batches
}

/// One batch of records without keys, all of this time, in milliseconds since 1970.
pub(super) fn batch_of(
    lines: &[&Bytes],
    timestamp_ms: i64,
) -> Result<Batch<RawRecords>, impl std::error::Error + Send + Sync + 'static> {
    let mut batch = Batch::<MemoryRecords>::default();
    let mut records = lines.iter().map(|line| Record::new(RecordData::from(line.to_vec()))).collect();
    batch.add_records(&mut records);
    let header = batch.get_mut_header();
    header.first_timestamp = timestamp_ms;
    header.max_time_stamp = timestamp_ms;
    Batch::<RawRecords>::try_from(batch)
}

/// The values of all records of an answer, but for a batch that it has cut in half.
pub(super) fn values_of(set: &RecordSet<RawRecords>) -> Vec<Bytes> {
    let records = set.batches.iter().filter_map(|batch| batch.memory_records().ok()).flatten();
    records.map(|record| Bytes::copy_from_slice(&record.value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_all_lines_in_order_and_none_is_too_large_but_alone() {
        let lines: Vec<Bytes> =
            [10, 900, 100, 5_000, 0, 860, 1].map(|size| Bytes::from(vec![b'x'; size])).into();
        let lines: Vec<&Bytes> = lines.iter().collect();
        let batches = cut(&lines, 1_000);
        let sizes: Vec<Vec<usize>> =
            batches.iter().map(|batch| batch.iter().map(|line| line.len()).collect()).collect();
        assert_eq!(sizes, [vec![10], vec![900], vec![100], vec![5_000], vec![0, 860], vec![1]]);
        assert!(cut(&[], 1_000).is_empty());
    }

    #[test]
    fn what_goes_into_a_batch_comes_out_of_it() {
        let lines = [Bytes::from_static(b"{\"a\":1}"), Bytes::new(), Bytes::from_static("é".as_bytes())];
        let batch = batch_of(&lines.iter().collect::<Vec<_>>(), 1_793_491_200_000).unwrap();
        assert_eq!((batch.get_base_timestamp(), batch.records_len()), (1_793_491_200_000, 3));
        assert!(batch.memory_records().unwrap().iter().all(|record| record.key.is_none()));
        assert_eq!(values_of(&RecordSet { batches: vec![batch] }), lines);
    }
}
