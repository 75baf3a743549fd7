//! Lines out of blocks: cuts a growing file into chunks without copying a line that lies in one block.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::stream::{Chunk, Record, StreamPartition};

/// Bytes asked of the file at a time.
const BLOCK: usize = 512 * 1024;

/// Most lines in a chunk.
const CHUNK_LINES: usize = 1_000;

/// Where a file was left. **Do not change the form**: it stands in `voc_checkpoints`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bookmark {
    /// How many bytes were read.
    pub bytes: u64,
    /// Their SHA-256 in hexadecimal.
    pub sha256: String,
    /// Whether the last line was read without a newline.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open_line: bool,
}

impl Bookmark {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// The digest so far, in hexadecimal.
pub(crate) fn hex(digest: &Sha256) -> String {
    digest.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The lines of a file, from a position on.
pub(crate) struct Lines {
    partition: Arc<StreamPartition>,
    next_line: u64,
    /// Bytes of the file that are in chunks already, and their digest.
    sent: u64,
    digest: Sha256,
    /// Whether the last of them is not a newline, though a line was read.
    open_line: bool,
    /// What was read behind them.
    block: Bytes,
    /// Where in the block to look for the next newline: what lies before has none.
    searched: usize,
}

impl Lines {
    pub(crate) fn new(partition: Arc<StreamPartition>) -> Self {
        let start = Bookmark { bytes: 0, sha256: String::new(), open_line: false };
        Self::resumed(partition, 0, &start, Sha256::new())
    }

    /// Goes on where the bookmark was set; `digest` has taken the bytes before it.
    pub(crate) fn resumed(
        partition: Arc<StreamPartition>,
        next_line: u64,
        bookmark: &Bookmark,
        digest: Sha256,
    ) -> Self {
        let Bookmark { bytes: sent, open_line, .. } = *bookmark;
        Self { partition, next_line, sent, digest, open_line, block: Bytes::new(), searched: 0 }
    }

    /// Where the line before was read without a newline, nothing but its newline may come next: passes
    /// over it. False where the line has been continued instead.
    pub(crate) fn close_line(&mut self) -> bool {
        if self.open_line && !self.block.is_empty() {
            if self.block[0] != b'\n' {
                return false;
            }
            self.take(1);
            self.open_line = false;
        }
        true
    }

    /// Number of the line that comes next.
    pub(crate) fn next_line(&self) -> u64 {
        self.next_line
    }

    /// How many bytes were read of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.sent + self.block.len() as u64
    }

    /// Reads on behind what is there; returns how many bytes came, 0 at the end of the file.
    pub(crate) fn read_block(&mut self, file: &mut impl Read) -> std::io::Result<usize> {
        // As much again as there is already, so that a line of any length is copied twice at most.
        let room = BLOCK.max(self.block.len());
        let mut block = vec![0; self.block.len() + room];
        let (old, new) = block.split_at_mut(self.block.len());
        old.copy_from_slice(&self.block);
        let read = file.read(new)?;
        if read > 0 {
            block.truncate(self.block.len() + read);
            self.block = block.into();
        }
        Ok(read)
    }

    /// The complete lines that were read, in chunks.
    pub(crate) fn chunks(&mut self, timestamp_ms: i64) -> impl Iterator<Item = Chunk> {
        std::iter::from_fn(move || {
            let mut records = Vec::new();
            let mut start = 0;
            while records.len() < CHUNK_LINES {
                let Some(length) = memchr::memchr(b'\n', &self.block[self.searched..]) else {
                    self.searched = self.block.len();
                    break;
                };
                let newline = self.searched + length;
                records.push(self.record(start..newline, timestamp_ms));
                start = newline + 1;
                self.searched = start;
            }
            self.chunk(records, start, false)
        })
    }

    /// At the end of the file: the last line, if it has no newline.
    pub(crate) fn finish(&mut self) -> Option<Chunk> {
        if self.block.is_empty() {
            return None;
        }
        let record = self.record(0..self.block.len(), chrono::Utc::now().timestamp_millis());
        self.chunk(vec![record], self.block.len(), true)
    }

    fn record(&mut self, line: std::ops::Range<usize>, timestamp_ms: i64) -> Record {
        let offset = self.next_line;
        self.next_line += 1;
        Record { offset, timestamp_ms, value: self.block.slice(line), key: None, source: None }
    }

    fn chunk(&mut self, records: Vec<Record>, end: usize, open_line: bool) -> Option<Chunk> {
        if records.is_empty() {
            return None;
        }
        self.take(end);
        self.open_line = open_line;
        let from_offset = self.next_line - records.len() as u64;
        let bookmark = Bookmark { bytes: self.sent, sha256: hex(&self.digest), open_line };
        Some(Chunk {
            partition: Arc::clone(&self.partition),
            records,
            gaps: Vec::new(),
            from_offset,
            next_offset: self.next_line,
            bookmark: serde_json::to_string(&bookmark).expect("a bookmark is plain JSON"),
            has_more: false,
        })
    }

    /// Puts the beginning of the block behind us.
    fn take(&mut self, length: usize) {
        let taken = self.block.split_to(length);
        self.digest.update(&taken);
        self.sent += length as u64;
        self.searched = self.searched.saturating_sub(length);
    }
}
