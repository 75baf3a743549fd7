//! Events into an NDJSON file, which the connector's source `file` reads. One thread writes: what came while the disk
//! was busy is one write and one wait for it.
//!
//! **The file is only ever appended to**, by one process, which holds its lock. The connector reads it as it grows, knows
//! it by the digest of all it has read, and takes a file that became shorter for another one, to be read from its
//! start: whatever stands in it has perhaps been read, so nothing is taken back. A line that a crash cut off is ended
//! where it stands, and becomes a dead letter, `not_json`; nobody was told that it is stored. For the same reason the
//! file is not rotated: where it has reached its largest size nothing more is taken, until somebody makes room, as the
//! README says how.

mod disk;
mod writer;

use std::path::Path;

use super::error::StartError;
use super::queue::{Queue, gather};
use crate::metrics::Metrics;
use disk::File;
use writer::Writer;

/// Bytes that are written at once, about.
const GROUP: usize = 8 << 20;

/// Opens the file and starts its writer. The writer ends with the queue.
pub(super) fn start(path: &Path, most: u64, capacity: usize, metrics: Metrics) -> Result<Queue, StartError> {
    let (file, is_torn) = File::open(path)?;
    let mut writer = Writer::new(file, is_torn, most);
    writer.heal();
    metrics.spool_bytes(writer.length());
    let (queue, mut jobs) = Queue::new(capacity);
    let spool = path.display().to_string();
    tracing::info!(spool, bytes = writer.length(), "events are taken into the spool");
    let write = move || {
        while let Some(first) = jobs.blocking_recv() {
            writer.write(gather(first, &mut jobs, GROUP));
            metrics.spool_bytes(writer.length());
        }
    };
    let thread = std::thread::Builder::new().name("spool".to_owned()).spawn(write);
    thread.map_err(|cause| StartError::Spool { path: path.to_owned(), cause })?;
    Ok(queue)
}
