//! When partitions are checked, and what comes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use tracing::{info, warn};

use super::check::{self, Answer, Ask, Round};
use super::error::Error;
use super::partition::Partition;
use crate::metrics::Metrics;

/// How often partitions that are read are checked.
const EVERY: Duration = Duration::from_secs(10);
/// How long after a check that found nothing out the next one begins.
const AGAIN: Duration = Duration::from_millis(500);

/// Asks the thread that checks. Dropping it ends the thread.
pub(super) struct Watch {
    rounds: Sender<Round>,
    answers: Receiver<Answer>,
    /// The round whose answers count. Shared with the thread, which leaves any other.
    current: Arc<AtomicU64>,
    is_asked: bool,
    /// Whether nothing was asked since the last assignment.
    is_first: bool,
    /// Whether a round ended with a partition of which nothing is known.
    is_missing: bool,
    /// When the last round ended.
    since: Instant,
    /// When the last round of all partitions began.
    all_since: Instant,
}

impl Watch {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`Error::Spawn`]
    pub(super) fn start(settings: ClientConfig) -> Result<Self, Error> {
        let (rounds, asked) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        let current = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&current);
        std::thread::Builder::new()
            .name("kafka check".to_owned())
            .spawn(move || check::run(&settings, &asked, &answer, &shared))
            .map_err(Error::Spawn)?;
        let now = Instant::now();
        Ok(Self {
            rounds,
            answers,
            current,
            is_asked: false,
            is_first: true,
            is_missing: false,
            since: now,
            all_since: now,
        })
    }

    /// Takes what was found, and begins a round if one is due. With `once` partitions are read to the
    /// ends that are found first.
    ///
    /// # Errors
    /// What was found to be wrong.
    pub(super) fn serve(
        &mut self,
        partitions: &mut [Partition],
        once: bool,
        metrics: &Metrics,
    ) -> Result<(), Error> {
        let current = self.current.load(Ordering::Acquire);
        while let Ok(answer) = self.answers.try_recv() {
            match answer {
                Answer::Partition { round, partition, found } if round == current => {
                    let Some(known) = partitions.iter_mut().find(|known| *known.id == partition) else {
                        continue;
                    };
                    let bounds = found?;
                    metrics.source_end(&partition.stream, partition.partition, bounds.end);
                    known.checked(bounds, once)?;
                }
                Answer::Finished { round } if round == current => {
                    self.is_asked = false;
                    self.since = Instant::now();
                    self.say(partitions);
                }
                Answer::Partition { .. } | Answer::Finished { .. } => {}
            }
        }
        if !self.is_asked {
            self.ask(partitions, current + 1);
        }
        Ok(())
    }

    /// Says once that a partition is still waited for after a round, and once that none is.
    fn say(&mut self, partitions: &[Partition]) {
        match partitions.iter().find(|partition| partition.waits()) {
            Some(waiting) if !self.is_missing => {
                warn!(partition = %waiting.id, "kafka tells nothing about a partition: asked again and again");
                self.is_missing = true;
            }
            None if self.is_missing => {
                info!("kafka tells about all partitions again");
                self.is_missing = false;
            }
            _ => {}
        }
    }

    /// Forgets what was asked: the partitions are others now.
    pub(super) fn forget(&mut self) {
        self.current.fetch_add(1, Ordering::AcqRel);
        self.is_asked = false;
        self.is_first = true;
    }

    fn ask(&mut self, partitions: &mut [Partition], number: u64) {
        if self.since.elapsed() < AGAIN && !self.is_first {
            return;
        }
        let all = self.all_since.elapsed() >= EVERY;
        let asked = partitions.iter_mut().filter(|partition| all || partition.waits());
        let mut asks: Vec<Ask> = asked.filter_map(Partition::ask).collect();
        if asks.is_empty() {
            return;
        }
        if all {
            self.all_since = Instant::now();
        }
        // One that takes all the time of a round is not the first in the next.
        let first = usize::try_from(number).unwrap_or_default() % asks.len();
        asks.rotate_left(first);
        self.is_first = false;
        self.is_asked = true;
        self.current.store(number, Ordering::Release);
        // The thread ends only after this.
        let _ = self.rounds.send(Round { number, asks });
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.forget();
    }
}
