use std::io;

use axum::body::Bytes;
use tokio::sync::mpsc;

use super::Writer;
use crate::ingest::error::Error;
use crate::ingest::queue::{Queue, gather};
use crate::ingest::spool::disk::Disk;

/// A disk that can go wrong.
#[derive(Default)]
struct Fake {
    bytes: Vec<u8>,
    /// What of it is durable.
    synced: usize,
    syncs: usize,
    /// How many bytes it still takes, if it does not take all.
    room: Option<usize>,
    breaks: bool,
    is_replaced: bool,
}

impl Disk for Fake {
    fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // As a system may: less than asked for.
        let count = bytes.len().min(5).min(self.room.unwrap_or(usize::MAX));
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room = self.room.map(|room| room - count);
        self.bytes.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.syncs += 1;
        if std::mem::take(&mut self.breaks) {
            return Err(io::Error::other("the disk is gone"));
        }
        self.synced = self.bytes.len();
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        if self.is_replaced { Err(io::Error::other("another file")) } else { Ok(self.bytes.len() as u64) }
    }
}

/// A writer and its queue; jobs that were handed in together are written together.
struct Rig {
    writer: Writer<Fake>,
    queue: Queue,
    jobs: mpsc::Receiver<super::Job>,
}

impl Rig {
    fn new(bytes: &str, is_torn: bool, most: u64) -> Self {
        let disk = Fake { bytes: bytes.into(), synced: bytes.len(), ..Fake::default() };
        let (queue, jobs) = Queue::new(10);
        Self { writer: Writer::new(disk, is_torn, most), queue, jobs }
    }

    async fn store<const N: usize>(
        &mut self,
        requests: [&'static [&'static str]; N],
    ) -> Vec<Result<(), Error>> {
        let Self { writer, queue, jobs } = self;
        let mut waiting: Vec<_> = requests
            .map(|lines| lines.iter().map(|line| Bytes::from_static(line.as_bytes())).collect())
            .into_iter()
            .map(|lines| Box::pin(queue.store(lines)))
            .collect();
        let write = async {
            let first = jobs.recv().await.unwrap();
            let group = gather(first, jobs, 1_000);
            assert_eq!(group.len(), N);
            writer.write(group);
            std::future::pending::<()>().await;
        };
        let mut write = std::pin::pin!(write);
        let mut results = vec![None; N];
        std::future::poll_fn(|context| {
            for (result, waiting) in results.iter_mut().zip(&mut waiting) {
                if result.is_none()
                    && let std::task::Poll::Ready(stored) = waiting.as_mut().poll(context)
                {
                    *result = Some(stored);
                }
            }
            let _ = write.as_mut().poll(context);
            if results.iter().all(Option::is_some) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
        results.into_iter().flatten().collect()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.writer.disk.bytes).unwrap()
    }
}

#[tokio::test]
async fn requests_that_wait_together_share_one_sync_and_are_durable_when_answered() {
    let mut rig = Rig::new("old\n", false, 1_000);
    assert_eq!(rig.store([&["a", "bb"], &["longer than a block"], &["c"]]).await, [Ok(()), Ok(()), Ok(())]);
    assert_eq!(rig.text(), "old\na\nbb\nlonger than a block\nc\n");
    assert_eq!((rig.writer.disk.syncs, rig.writer.disk.synced), (1, rig.text().len()));
}

#[tokio::test]
async fn a_torn_line_is_ended_and_nothing_before_it_changes() {
    let mut rig = Rig::new("good\n{\"half", true, 1_000);
    rig.writer.heal();
    assert_eq!((rig.text(), rig.writer.disk.syncs), ("good\n{\"half\n", 1));
    assert_eq!(rig.store([&["next"]]).await, [Ok(())]);
    assert_eq!(rig.text(), "good\n{\"half\nnext\n");
    // Where it could not be ended at once, the next write does it.
    let mut rig = Rig::new("good\n{\"half", true, 1_000);
    rig.writer.disk.room = Some(0);
    rig.writer.heal();
    rig.writer.disk.room = None;
    assert_eq!(rig.store([&["next"]]).await, [Ok(())]);
    assert_eq!(rig.text(), "good\n{\"half\nnext\n");
}

#[tokio::test]
async fn a_full_disk_is_said_and_the_next_line_does_not_go_on_in_the_half_one() {
    let mut rig = Rig::new("", false, 1_000);
    rig.writer.disk.room = Some(8);
    assert_eq!(rig.store([&["aa", "bb", "cc\"cc"]]).await, [Err(Error::NotWritten)]);
    rig.writer.disk.room = None;
    assert_eq!(rig.store([&["dd"]]).await, [Ok(())]);
    assert_eq!(rig.text(), "aa\nbb\ncc\ndd\n");
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_taken_though_the_next_one_would_succeed() {
    let mut rig = Rig::new("", false, 1_000);
    rig.writer.disk.breaks = true;
    assert_eq!(rig.store([&["a"], &["b"]]).await, [Err(Error::SpoolFailed), Err(Error::SpoolFailed)]);
    let before = rig.text().to_owned();
    assert_eq!(rig.store([&["c"]]).await, [Err(Error::SpoolFailed)]);
    assert_eq!((rig.text(), rig.writer.disk.syncs), (before.as_str(), 1));
    // Nor where that was the end of a line at start.
    let mut rig = Rig::new("half", true, 1_000);
    rig.writer.disk.breaks = true;
    rig.writer.heal();
    assert_eq!(rig.store([&["c"]]).await, [Err(Error::SpoolFailed)]);
}

#[tokio::test]
async fn the_spool_does_not_grow_above_its_largest_size_and_smaller_requests_still_fit() {
    let mut rig = Rig::new("12345\n", false, 12);
    assert_eq!(
        rig.store([&["abc"], &["too much"], &["d"], &["e"]]).await,
        [Ok(()), Err(Error::SpoolFull), Ok(()), Err(Error::SpoolFull)]
    );
    assert_eq!(rig.text(), "12345\nabc\nd\n");
}

#[tokio::test]
async fn a_spool_that_is_another_file_by_now_takes_nothing() {
    let mut rig = Rig::new("", false, 1_000);
    rig.writer.disk.is_replaced = true;
    assert_eq!(rig.store([&["a"]]).await, [Err(Error::SpoolFailed)]);
    rig.writer.disk.is_replaced = false;
    assert_eq!(rig.store([&["a"]]).await, [Err(Error::SpoolFailed)]);
    assert_eq!(rig.text(), "");
}
