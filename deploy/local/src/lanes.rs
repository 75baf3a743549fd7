//! How many statements the engine works on at a time. The others wait in line; some of the places
//! are kept for inserts, so that no number of slow queries delays them.

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::exception::{self, Exception};

/// The places.
pub(crate) struct Lanes {
    all: Semaphore,
    /// Those that anything but an insert may take.
    shared: Semaphore,
}

/// A place that is taken, until it is dropped.
pub(crate) struct Lane<'l> {
    _any: SemaphorePermit<'l>,
    _shared: Option<SemaphorePermit<'l>>,
}

impl Lanes {
    /// `connections` places, a quarter of them for inserts alone; at least one of each.
    pub(crate) fn new(connections: usize) -> Self {
        let reserved = (connections / 4).max(1);
        let shared = connections.saturating_sub(reserved).max(1);
        Self { all: Semaphore::new(shared + reserved), shared: Semaphore::new(shared) }
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// The request was cancelled while it waited.
    pub(crate) async fn enter(
        &self,
        is_insert: bool,
        cancelled: &CancellationToken,
    ) -> Result<Lane<'_>, Exception> {
        let places = async {
            let shared = if is_insert { None } else { Some(self.shared.acquire().await?) };
            Ok::<_, AcquireError>(Lane { _shared: shared, _any: self.all.acquire().await? })
        };
        tokio::select! {
            biased;
            () = cancelled.cancelled() => Err(exception::cancelled()),
            lane = places => lane.map_err(exception::internal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_insert_finds_a_place_behind_any_number_of_queries() {
        let (lanes, live) = (Lanes::new(4), CancellationToken::new());
        let mut queries = Vec::new();
        for _ in 0..3 {
            queries.push(lanes.enter(false, &live).await.unwrap());
        }
        let gone = CancellationToken::new();
        gone.cancel();
        assert!(lanes.enter(false, &gone).await.is_err(), "the fourth query waits");
        let insert = lanes.enter(true, &live).await;
        assert!(insert.is_ok());
    }
}
