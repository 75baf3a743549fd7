//! What looks at something again and again, for all who want to know: one poller for each key, started by the first
//! listener and gone with the last.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// Something to look at.
pub(super) trait Poll: Send + 'static {
    /// What a look says.
    type Said: Clone + Send + Sync + 'static;

    /// Looks once.
    fn poll(&mut self) -> impl Future<Output = Self::Said> + Send;
}

/// The pollers that run, cheap to clone.
pub(super) struct Pollers<K, S> {
    running: Arc<Mutex<HashMap<K, watch::Sender<Option<S>>>>>,
}

impl<K, S> Clone for Pollers<K, S> {
    fn clone(&self) -> Self {
        Self { running: Arc::clone(&self.running) }
    }
}

impl<K, S> Default for Pollers<K, S> {
    fn default() -> Self {
        Self { running: Arc::default() }
    }
}

impl<K, S> Pollers<K, S>
where
    K: Clone + Eq + Hash + Send + 'static,
    S: Clone + Send + Sync + 'static,
{
    /// Listens to the poller of this key; where none runs, starts one that looks at once and then every so often.
    /// What it said last counts as not heard yet.
    pub(super) fn listen<P: Poll<Said = S>>(
        &self,
        key: &K,
        every: Duration,
        start: impl FnOnce() -> P,
    ) -> watch::Receiver<Option<S>> {
        let mut running = self.lock();
        let mut receiver = match running.get(key) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, receiver) = watch::channel(None);
                running.insert(key.clone(), sender.clone());
                tokio::spawn(self.clone().run(key.clone(), every, start(), sender));
                receiver
            }
        };
        receiver.mark_changed();
        receiver
    }

    async fn run<P: Poll<Said = S>>(
        self,
        key: K,
        every: Duration,
        mut poll: P,
        sender: watch::Sender<Option<S>>,
    ) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = sender.closed() => {
                    // Under the lock: nobody comes between the look and the end.
                    let mut running = self.lock();
                    if sender.receiver_count() == 0 {
                        running.remove(&key);
                        return;
                    }
                }
                _ = ticks.tick() => {
                    let said = poll.poll().await;
                    sender.send_replace(Some(said));
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, watch::Sender<Option<S>>>> {
        // Nothing that holds it can panic halfway.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use tokio::sync::watch::Receiver;
    use tokio::time::{Instant, sleep};

    use super::{Poll, Pollers};

    const EVERY: Duration = Duration::from_secs(2);

    /// Says how often it has looked.
    struct Count(Arc<AtomicU32>);

    impl Poll for Count {
        type Said = u32;

        async fn poll(&mut self) -> u32 {
            self.0.fetch_add(1, Ordering::SeqCst) + 1
        }
    }

    fn listen(pollers: &Pollers<&'static str, u32>, looks: &Arc<AtomicU32>) -> Receiver<Option<u32>> {
        pollers.listen(&"acme", EVERY, || Count(Arc::clone(looks)))
    }

    async fn hears(receiver: &mut Receiver<Option<u32>>, said: u32) {
        let heard = receiver.wait_for(|heard| *heard >= Some(said)).await.unwrap();
        assert_eq!(*heard, Some(said));
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_listen_share_one_that_looks_every_so_often() {
        let (pollers, looks) = (Pollers::default(), Arc::default());
        let started = Instant::now();
        let mut listeners: Vec<_> = (0..100).map(|_| listen(&pollers, &looks)).collect();
        for listener in &mut listeners {
            hears(listener, 2).await;
        }
        assert_eq!((looks.load(Ordering::SeqCst), started.elapsed()), (2, EVERY));
        // Who comes later hears at once what was said last.
        let mut late = listen(&pollers, &looks);
        late.changed().await.unwrap();
        assert_eq!((*late.borrow_and_update(), started.elapsed()), (Some(2), EVERY));
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_with_its_last_listener_and_another_begins_with_the_next() {
        let (pollers, looks) = (Pollers::default(), Arc::default());
        let (mut one, two) = (listen(&pollers, &looks), listen(&pollers, &looks));
        drop(two);
        hears(&mut one, 2).await;
        drop(one);
        sleep(EVERY * 10).await;
        assert_eq!(looks.load(Ordering::SeqCst), 2);
        assert!(pollers.lock().is_empty());
        let mut next = listen(&pollers, &looks);
        hears(&mut next, 3).await;
    }
}
