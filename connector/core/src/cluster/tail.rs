//! The end of a partition: what the mirror wrote last, whatever it was told about it.
//!
//! It is the end of the leader's log, not of what the leader calls committed. Fluvio (0.18) notes the
//! latter lazily, and a leader that was killed comes back with an old note: records that it acknowledged
//! are in its log and not committed, until the next one is written.

use super::connection::Connection;
use super::error::Error;
use super::records::Incoming;

/// The end of a partition.
#[derive(Debug)]
pub struct Tail {
    /// The last record; `None` where there never was one.
    pub record: Option<Incoming>,
    /// The offset after it.
    pub end: u64,
    /// The offset after the last record that consumers get.
    pub committed: u64,
}

pub(super) async fn read(connection: &Connection) -> Result<Tail, Error> {
    let offsets = connection.offsets().await?;
    let mut tail = Tail { record: None, end: offsets.end, committed: offsets.end };
    // From the last committed record on, if it is still there.
    let mut from = offsets.end.saturating_sub(1).max(offsets.start);
    loop {
        let records = connection.fetch(from).await?;
        let Some(last) = records.into_iter().next_back().filter(|last| last.offset >= from) else { break };
        from = last.offset + 1;
        tail.end = from;
        tail.record = Some(last);
    }
    if tail.record.is_none() && tail.end > 0 {
        return Err(connection.peer().protocol(format!(
            "all records below offset {} were removed, and with them what tells where the mirror goes on",
            tail.end
        )));
    }
    Ok(tail)
}
