//! Lines of a file.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::lines::{Bookmark, Lines, hex};
use crate::source::lookup::{Error, Wanted};
use crate::stream::Record;

/// Reads the file from its start. Blocks its thread.
pub(in crate::source) fn look_up(
    path: &Path,
    wanted: &Wanted,
    found: &mpsc::Sender<Record>,
) -> Result<(), Error> {
    let unreadable = |error: std::io::Error| wanted.unreadable(format!("{}: {error}", path.display()));
    let bookmark = Bookmark::parse(&wanted.bookmark);
    let bookmark = bookmark.ok_or_else(|| wanted.unreadable("its checkpoint has no bookmark of a file"))?;
    let mut file = File::open(path).map_err(unreadable)?;
    let mut digest = Sha256::new();
    std::io::copy(&mut Read::by_ref(&mut file).take(bookmark.bytes), &mut digest).map_err(unreadable)?;
    if hex(&digest) != bookmark.sha256 {
        return Err(Error::Recreated(wanted.partition.clone()));
    }
    file.rewind().map_err(unreadable)?;
    // No further than the checkpoint: the last line before it may have no newline.
    let mut file = file.take(bookmark.bytes);
    let mut lines = Lines::new(Arc::new(wanted.partition.clone()));
    let now = chrono::Utc::now().timestamp_millis();
    let mut is_more = true;
    while is_more {
        is_more = lines.read_block(&mut file).map_err(unreadable)? > 0;
        let mut chunks: Vec<_> = lines.chunks(now).collect();
        if !is_more {
            chunks.extend(lines.finish());
        }
        let records = chunks.into_iter().flat_map(|chunk| chunk.records);
        for record in records.filter(|record| wanted.offsets.contains(&record.offset)) {
            if found.blocking_send(record).is_err() {
                return Ok(());
            }
        }
        if wanted.offsets.last().is_none_or(|last| *last < lines.next_line()) {
            return Ok(());
        }
    }
    Ok(())
}
