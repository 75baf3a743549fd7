//! Records into produce requests, one batch each. Pure.

use crate::cluster::{FARTHEST, Outgoing};
use crate::stream::Record;

/// What is written, or kept elsewhere, as one.
#[derive(Debug)]
pub(super) enum Piece {
    /// One request.
    Batch(Vec<Pending>),
    /// A record that no request takes.
    TooLarge(Pending),
}

/// A record on its way into Fluvio.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    /// Its offset in Kafka.
    pub(super) offset: u64,
    /// The record as Fluvio gets it.
    pub(super) record: Outgoing,
}

impl From<Record> for Pending {
    fn from(record: Record) -> Self {
        let Record { offset, timestamp_ms, value, key, .. } = record;
        Self { offset, record: Outgoing { timestamp_ms, key: key.unwrap_or_default(), value } }
    }
}

/// Cuts a run of records, in their order: a batch has at most `batch_bytes`, but for one record that is
/// larger; and its records lie no farther apart in time than Fluvio can write.
pub(super) fn cut(records: Vec<Pending>, batch_bytes: u64, max_record_bytes: u64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for pending in records {
        let size = pending.record.size() as u64;
        let is_far = batch.first().is_some_and(|first: &Pending| {
            first.record.timestamp_ms.abs_diff(pending.record.timestamp_ms) > FARTHEST
        });
        let is_too_large = size > max_record_bytes;
        if !batch.is_empty() && (is_far || is_too_large || bytes + size > batch_bytes) {
            pieces.push(Piece::Batch(std::mem::take(&mut batch)));
            bytes = 0;
        }
        if is_too_large {
            pieces.push(Piece::TooLarge(pending));
        } else {
            bytes += size;
            batch.push(pending);
        }
    }
    if !batch.is_empty() {
        pieces.push(Piece::Batch(batch));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BATCH: u64 = 1_000;
    const RECORD: u64 = 2_000;

    proptest! {
        #[test]
        fn never_loses_reorders_or_exceeds(sizes in prop::collection::vec((0_usize..3_000, 0_i64..1 << 33), 0..50)) {
            let records: Vec<Pending> = sizes.iter().enumerate().map(|(index, (size, timestamp_ms))| Pending {
                offset: index as u64,
                record: Outgoing { timestamp_ms: *timestamp_ms, key: "k".into(), value: vec![0; *size].into() },
            }).collect();
            let mut seen = Vec::new();
            for piece in cut(records.clone(), BATCH, RECORD) {
                match piece {
                    Piece::TooLarge(pending) => {
                        prop_assert!(pending.record.size() as u64 > RECORD);
                        seen.push(pending.offset);
                    }
                    Piece::Batch(batch) => {
                        let bytes: usize = batch.iter().map(|pending| pending.record.size()).sum();
                        prop_assert!(bytes as u64 <= BATCH || batch.len() == 1);
                        let first = batch[0].record.timestamp_ms;
                        let far = |pending: &Pending| first.abs_diff(pending.record.timestamp_ms) > FARTHEST;
                        prop_assert!(!batch.iter().any(far));
                        prop_assert!(batch.iter().all(|pending| pending.record.size() as u64 <= RECORD));
                        seen.extend(batch.iter().map(|pending| pending.offset));
                    }
                }
            }
            prop_assert_eq!(seen, (0..records.len() as u64).collect::<Vec<_>>());
        }
    }
}
