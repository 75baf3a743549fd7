//! What waits to be written: bounded, and written in groups, so that requests that come together share one wait for
//! the disk or the cluster.

use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::error::Error;

/// How long a request waits to hear that its events are durable. Below what a stop allows requests in flight.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// One request's events, and who waits to hear of them.
#[derive(Debug)]
pub(super) struct Job {
    /// Each on one line, without its end.
    pub(super) lines: Vec<Bytes>,
    done: oneshot::Sender<Result<(), Error>>,
}

impl Job {
    /// Its bytes, a line end for each line included.
    pub(super) fn size(&self) -> usize {
        self.lines.iter().map(|line| line.len() + 1).sum()
    }

    /// Says how it ended. Nobody may be waiting any more, which changes nothing.
    pub(super) fn answer(self, result: Result<(), Error>) {
        let _ = self.done.send(result);
    }
}

/// Where jobs are handed in.
#[derive(Debug)]
pub(super) struct Queue {
    jobs: mpsc::Sender<Job>,
}

impl Queue {
    /// A queue in which so many jobs wait at most; and where they come out.
    pub(super) fn new(capacity: usize) -> (Self, mpsc::Receiver<Job>) {
        let (jobs, receiver) = mpsc::channel(capacity);
        (Self { jobs }, receiver)
    }

    pub(super) fn has_room(&self) -> Result<(), Error> {
        if self.jobs.capacity() == 0 && !self.jobs.is_closed() { Err(Error::QueueFull) } else { Ok(()) }
    }

    pub(super) async fn store(&self, lines: Vec<Bytes>) -> Result<(), Error> {
        let (done, stored) = oneshot::channel();
        self.jobs.try_send(Job { lines, done }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::QueueFull,
            mpsc::error::TrySendError::Closed(_) => Error::Ended,
        })?;
        match tokio::time::timeout(ANSWER_LIMIT, stored).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(Error::Unknown),
        }
    }
}

/// The first job and what else waits, up to about so many bytes.
pub(super) fn gather(first: Job, jobs: &mut mpsc::Receiver<Job>, bytes: usize) -> Vec<Job> {
    let mut size = first.size();
    let mut group = vec![first];
    while size < bytes
        && let Ok(job) = jobs.try_recv()
    {
        size += job.size();
        group.push(job);
    }
    group
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn lines(text: &'static str) -> Vec<Bytes> {
        vec![Bytes::from_static(text.as_bytes())]
    }

    #[tokio::test]
    async fn what_waits_is_written_together_and_more_than_fits_is_refused_at_once() {
        let (queue, mut jobs) = Queue::new(2);
        let queue = Arc::new(queue);
        let waiting = ["a", "bb"].map(|text| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.store(lines(text)).await })
        });
        while queue.has_room().is_ok() {
            tokio::task::yield_now().await;
        }
        assert_eq!(queue.store(lines("c")).await, Err(Error::QueueFull));
        let group = gather(jobs.recv().await.unwrap(), &mut jobs, 1_000);
        assert_eq!(group.iter().map(Job::size).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(queue.has_room(), Ok(()));
        group.into_iter().for_each(|job| job.answer(Ok(())));
        for stored in waiting {
            assert_eq!(stored.await.unwrap(), Ok(()));
        }
    }

    #[tokio::test]
    async fn a_job_that_nobody_answers_has_an_unknown_outcome() {
        let (queue, mut jobs) = Queue::new(2);
        let (stored, ()) = tokio::join!(queue.store(lines("a")), async { drop(jobs.recv().await) });
        assert_eq!(stored, Err(Error::Unknown));
        drop(jobs);
        assert_eq!(queue.store(lines("b")).await, Err(Error::Ended));
    }
}
