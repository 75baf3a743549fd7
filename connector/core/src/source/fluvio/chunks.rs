//! Records into chunks, each with the note of where it ends.

use std::sync::Arc;

use super::sequence::Sequence;
use crate::stream::{Chunk, Record, StreamPartition};

/// Most records of a chunk.
const RECORDS: usize = 1_000;
/// A chunk that has this many bytes takes no further record.
const BYTES: usize = 1 << 20;

/// Chunks that are being made.
pub(super) struct Chunks {
    partition: Arc<StreamPartition>,
    finished: Vec<Chunk>,
    records: Vec<Record>,
    bytes: usize,
    /// Where the partition is known to end.
    end: u64,
}

impl Chunks {
    pub(super) fn new(partition: Arc<StreamPartition>, end: u64) -> Self {
        Self { partition, finished: Vec::new(), records: Vec::new(), bytes: 0, end }
    }

    /// Adds the record that the sequence has just taken.
    pub(super) fn push(&mut self, record: Record, sequence: &mut Sequence) {
        self.bytes += record.value.len();
        self.records.push(record);
        if self.records.len() >= RECORDS || self.bytes >= BYTES {
            self.close(sequence);
        }
    }

    /// Ends a chunk where the sequence stands, with the gaps that it has found.
    pub(super) fn close(&mut self, sequence: &mut Sequence) {
        let gaps = sequence.gaps();
        let record = self.records.first().map(|record| record.offset);
        let gap = gaps.first().map(|gap| gap.first_offset);
        // Every offset is a record's or a gap's.
        let Some(from_offset) = record.into_iter().chain(gap).min() else { return };
        self.bytes = 0;
        self.finished.push(Chunk {
            partition: Arc::clone(&self.partition),
            records: std::mem::take(&mut self.records),
            gaps,
            from_offset,
            next_offset: sequence.next(),
            bookmark: sequence.bookmark(),
            has_more: sequence.next() < self.end,
        });
    }

    /// The chunks, the last of them closed.
    pub(super) fn finish(mut self, sequence: &mut Sequence) -> Vec<Chunk> {
        self.close(sequence);
        self.finished
    }
}
