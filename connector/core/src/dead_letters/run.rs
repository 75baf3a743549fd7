//! A job carried out: page by page, each with its report, until there are no letters left.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::job::{Job, Kind, State};
use super::serve::COMMAND_LINE;
use super::{Error, Selection, pages};
use crate::batch::{Batch, DeadLetter, Origin};
use crate::config::sections;
use crate::metrics::Metrics;
use crate::sink::Sink;
use crate::sink::letters::Whole;
use crate::sink::replays::{Judge, Judged};
use crate::stream::{Chunk, Position, Record, StreamPartition};
use crate::transform::{self, Transform};

/// The SmartModule that tries letters again.
pub struct Module {
    transform: Transform,
    judge: Judge,
}

impl Module {
    /// Loads it, which takes a while.
    ///
    /// # Errors
    /// [`Error::Transform`]
    pub async fn start(wasm: &Path, config: &sections::Transform) -> Result<Self, Error> {
        let (wasm, with) = (wasm.to_owned(), config.with.clone());
        let started = tokio::task::spawn_blocking(move || {
            let module = std::fs::read(&wasm)
                .map_err(|source| transform::Error::Read { path: wasm.clone(), source })?;
            let digest = Sha256::digest(module);
            let smartmodule: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            let params = serde_json::json!(with).to_string();
            let transform = Transform::start(&wasm, &with)?;
            Ok::<_, transform::Error>(Self { transform, judge: Judge { smartmodule, params } })
        });
        Ok(started.await??)
    }

    /// What it makes of letters of one partition: events for the stream of the replay, or what is wrong.
    /// The engine blocks its thread, so the module goes there and comes back.
    async fn judge(mut self, origin: &Arc<Origin>, letters: &[Whole]) -> Result<(Self, Batch), Error> {
        let (first, last) = (&letters[0], &letters[letters.len() - 1]);
        let (stream, partition) = first.partition();
        let chunk = Chunk {
            partition: Arc::new(StreamPartition { stream: stream.to_owned(), partition }),
            records: letters.iter().map(record).collect(),
            gaps: Vec::new(),
            from_offset: first.origin_offset,
            next_offset: last.origin_offset + 1,
            bookmark: String::new(),
            has_more: false,
        };
        let mut batch = Batch::open(Arc::clone(origin), first.origin_offset, Instant::now());
        let judging = tokio::task::spawn_blocking(move || (self.transform.annotate(chunk), self));
        let (annotated, module) = judging.await?;
        for enveloped in annotated?.envelopes {
            batch.push(enveloped)?;
        }
        for event in &mut batch.events {
            // Whatever row there is of this event already stays: a replay adds, and never replaces.
            event.is_restored = true;
        }
        Ok((module, batch))
    }
}

/// The record as it may have been. Its own time is not kept; when it was read is close to it.
pub(super) fn record(letter: &Whole) -> Record {
    let source = (!letter.source_topic.is_empty()).then(|| Position {
        topic: letter.source_topic.as_str().into(),
        partition: letter.source_partition,
        offset: letter.source_offset,
    });
    Record {
        offset: letter.origin_offset,
        timestamp_ms: letter.processed_at,
        value: Bytes::clone(&letter.original),
        key: None,
        source,
    }
}

/// What carries a job out.
pub struct Runner<'a> {
    /// Where the letters are.
    pub sink: &'a Sink,
    /// Counts what comes of them.
    pub metrics: &'a Metrics,
    /// The module of a replay that has none of its own.
    pub smartmodule: &'a Path,
    /// Its params.
    pub transform: &'a sections::Transform,
}

impl Runner<'_> {
    /// Makes a job and carries it out, for the command line; others see how far it is.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn carry_out(
        &self,
        kind: Kind,
        selection: &Selection,
        progress: impl FnMut(&Job),
    ) -> Result<Job, Error> {
        let name = Uuid::new_v4().to_string();
        let mut job = self.sink.begin_job(kind, selection, COMMAND_LINE, &name).await?;
        self.run(&mut job, progress).await?;
        Ok(job)
    }

    /// Carries a job out that is ours; `progress` sees it after every page. The job's last report says
    /// how it ended, whatever that is.
    ///
    /// # Errors
    /// Why it failed; letters that failed again are no error.
    pub async fn run(&self, job: &mut Job, mut progress: impl FnMut(&Job)) -> Result<(), Error> {
        let result = match job.kind {
            Kind::Replay => self.replay(job, &mut progress).await,
            Kind::Purge => self.purge(job, &mut progress).await,
        };
        match &result {
            Err(Error::TakenOver(_)) => return result,
            Err(error) => {
                job.state = State::Failed;
                job.message = error.to_string();
            }
            Ok(()) => job.state = State::Done,
        }
        self.sink.report(job).await?;
        result
    }

    async fn replay(&self, job: &mut Job, progress: &mut impl FnMut(&Job)) -> Result<(), Error> {
        let mut module = Module::start(self.smartmodule, self.transform).await?;
        self.begin(job, progress).await?;
        let mut origins = HashMap::new();
        loop {
            let letters = pages::next(self.sink, job).await?;
            let Some(last) = letters.last().map(Whole::place) else { break };
            let mut failed_again = 0;
            for letters in letters.chunk_by(|one, next| one.partition() == next.partition()) {
                let origin = self.origin_of(&mut origins, letters[0].partition()).await?;
                let failed;
                (module, failed) = self.try_again(job, module, &origin, letters).await?;
                failed_again += failed;
            }
            job.failed_again += failed_again;
            job.passed += letters.len() as u64 - failed_again;
            self.metrics.replayed(letters.len() as u64 - failed_again, failed_again);
            self.advance(job, letters.len(), last, progress).await?;
        }
        // Exact also where a page was begun by somebody else, who had no time to report on it.
        (job.passed, job.failed_again) = self.sink.outcomes_of(job.id).await?;
        job.done = job.passed + job.failed_again;
        Ok(())
    }

    /// Tries letters of one partition again; gives how many failed.
    async fn try_again(
        &self,
        job: &Job,
        module: Module,
        origin: &Arc<Origin>,
        letters: &[Whole],
    ) -> Result<(Module, u64), Error> {
        let (module, batch) = module.judge(origin, letters).await?;
        let refused = self.sink.store_replayed(origin, batch.events).await?;
        let faults: HashMap<u64, DeadLetter> =
            batch.dead_letters.into_iter().chain(refused).map(|fault| (fault.offset, fault)).collect();
        let judged: Vec<Judged<'_>> =
            letters.iter().map(|letter| (letter, faults.get(&letter.origin_offset))).collect();
        self.sink.note_attempts(job.id, &module.judge, &judged).await?;
        self.sink.mark(&judged).await?;
        Ok((module, faults.len() as u64))
    }

    async fn purge(&self, job: &mut Job, progress: &mut impl FnMut(&Job)) -> Result<(), Error> {
        self.begin(job, progress).await?;
        let mut origins = HashMap::new();
        loop {
            let sizes = pages::next_sizes(self.sink, job).await?;
            let Some(last) = sizes.last() else { break };
            for letters in sizes.chunk_by(|one, next| one.partition() == next.partition()) {
                let (stream, partition) = letters[0].partition();
                self.origin_of(&mut origins, (stream, partition)).await?;
                let offsets: Vec<u64> = letters.iter().map(|letter| letter.place().offset).collect();
                self.sink.purge(stream, partition, &offsets).await?;
            }
            job.passed += sizes.len() as u64;
            self.advance(job, sizes.len(), last.place(), progress).await?;
        }
        Ok(self.sink.empty_purged().await?)
    }

    /// Counts what there is to do, where nobody has.
    async fn begin(&self, job: &mut Job, progress: &mut impl FnMut(&Job)) -> Result<(), Error> {
        if job.total == 0 {
            let counts = self.sink.count_letters(pages::meant(job)).await?;
            job.total = counts.iter().map(|count| count.letters).sum();
            self.sink.report(job).await?;
        }
        progress(job);
        Ok(())
    }

    /// A page is done.
    async fn advance(
        &self,
        job: &mut Job,
        letters: usize,
        last: super::Place,
        progress: &mut impl FnMut(&Job),
    ) -> Result<(), Error> {
        if self.sink.runner_of(job.id).await? != job.runner {
            return Err(Error::TakenOver(job.id));
        }
        job.done += letters as u64;
        job.last = Some(last);
        self.sink.report(job).await?;
        progress(job);
        Ok(())
    }

    /// The partition's origin for replays, which is taken over once in a job.
    async fn origin_of(
        &self,
        origins: &mut HashMap<(String, u32), Arc<Origin>>,
        (stream, partition): (&str, u32),
    ) -> Result<Arc<Origin>, Error> {
        let key = (stream.to_owned(), partition);
        if let Some(origin) = origins.get(&key) {
            return Ok(Arc::clone(origin));
        }
        let origin = self.sink.take_replays_over(stream, partition).await?;
        origins.insert(key, Arc::clone(&origin));
        Ok(origin)
    }
}
