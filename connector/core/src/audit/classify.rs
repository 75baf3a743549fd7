//! Offsets without a row: replaced by an equal event, erased, or missing. It is known what they were; of
//! rows from before that was noted, the stream is asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::Error;
use crate::batch::{Batch, Identity, Origin};
use crate::config::Config;
use crate::config::sections::{RunsIn, Source};
use crate::dead_letters::{self, lookup::REPLAY};
use crate::sink::Sink;
use crate::sink::audit::Standing;
use crate::sink::erase::PastErasure;
use crate::source::lookup::{self, Wanted};
use crate::stream::{Chunk, Record, StreamPartition};
use crate::transform::{self, Transform};

/// How many records are read and annotated at once.
const PAGE: usize = 1_000;

/// What became of offsets without a row.
#[derive(Debug, Default)]
pub(super) struct Classified {
    pub(super) replaced: u64,
    pub(super) erased: u64,
    pub(super) missing: BTreeSet<u64>,
    /// Why the stream could not be asked.
    pub(super) note: Option<String>,
}

impl Classified {
    /// Decides over offsets whose events are known.
    async fn settle(
        &mut self,
        sink: &Sink,
        origin: &Origin,
        erasures: &[PastErasure],
        events: &[(u64, Identity)],
    ) -> Result<(), Error> {
        let identities: Vec<Identity> = events.iter().map(|(_, identity)| identity.clone()).collect();
        let present = sink.present(&identities).await?;
        let mut replaced = Vec::new();
        for (offset, identity) in events {
            if present.contains(identity) {
                replaced.push(*offset);
            } else if erasures.iter().any(|erasure| erasure.covers(*offset, identity)) {
                self.erased += 1;
            } else {
                self.missing.insert(*offset);
            }
        }
        sink.note_replaced(origin, &replaced).await?;
        self.replaced += replaced.len() as u64;
        Ok(())
    }
}

/// Finds out what these were.
pub(super) async fn classify(
    config: &Config,
    sink: &Sink,
    standing: &Standing,
    unaccounted: &[u64],
) -> Result<Classified, Error> {
    let mut classified = Classified::default();
    if unaccounted.is_empty() {
        return Ok(classified);
    }
    let erasures = sink.erasures(&standing.origin).await?;
    let known = sink.identities(&standing.origin, unaccounted).await?;
    let mut unknown: BTreeSet<u64> = unaccounted.iter().copied().collect();
    unknown.retain(|offset| !known.contains_key(offset));
    let known: Vec<(u64, Identity)> = known.into_iter().collect();
    for events in known.chunks(PAGE) {
        classified.settle(sink, &standing.origin, &erasures, events).await?;
    }
    if unknown.is_empty() {
        return Ok(classified);
    }
    let mut pages = Pages::start(config, sink, standing, unknown.clone())?;
    while let Some(batch) = pages.next().await? {
        let events: Vec<(u64, Identity)> =
            batch.events.iter().map(|event| (event.offset, event.identity())).collect();
        for (offset, _) in &events {
            unknown.remove(offset);
        }
        classified.settle(sink, &standing.origin, &erasures, &events).await?;
    }
    classified.note = pages.trouble().await;
    classified.missing.append(&mut unknown);
    Ok(classified)
}

/// Records of a partition, read once more and annotated, page by page.
pub(super) struct Pages {
    transform: Option<Transform>,
    origin: Arc<Origin>,
    partition: Arc<StreamPartition>,
    /// Whether these are letters that passed: one that does not pass now is none of the stream's.
    is_of_letters: bool,
    records: mpsc::Receiver<Record>,
    reading: tokio::task::JoinHandle<Result<(), lookup::Error>>,
}

impl Pages {
    /// Begins to read these offsets.
    pub(super) fn start(
        config: &Config,
        sink: &Sink,
        standing: &Standing,
        offsets: BTreeSet<u64>,
    ) -> Result<Self, Error> {
        let is_by_broker =
            matches!(&config.source, Source::Fluvio(source) if source.smartmodule == RunsIn::Broker);
        let with = &config.transform.with;
        let transform = if is_by_broker || matches!(config.source, Source::None) {
            Transform::natively(with)?
        } else {
            Transform::start(&config.smartmodule.wasm, with)?
        };
        let stream =
            standing.origin.stream.rsplit_once('#').map_or(&*standing.origin.stream, |(name, _)| name);
        let partition = StreamPartition { stream: stream.to_owned(), partition: standing.origin.partition };
        let wanted = Wanted {
            partition: partition.clone(),
            next_offset: standing.to_offset,
            bookmark: standing.bookmark.clone(),
            offsets,
        };
        let (found, records) = mpsc::channel(PAGE);
        let letters = standing.origin.stream.strip_prefix(REPLAY).map(str::to_owned);
        let is_of_letters = letters.is_some();
        let (config, sink) = (config.clone(), sink.clone());
        let reading = tokio::spawn(async move {
            match letters {
                Some(stream) => dead_letters::lookup::look_up(&sink, &stream, wanted, found).await,
                None => lookup::look_up(&config, wanted, found).await,
            }
        });
        let (origin, partition) = (Arc::new(standing.origin.clone()), Arc::new(partition));
        Ok(Self { transform: Some(transform), origin, partition, is_of_letters, records, reading })
    }

    /// The next records as what they become: events and dead letters. `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Batch>, Error> {
        let mut records = Vec::with_capacity(PAGE);
        self.records.recv_many(&mut records, PAGE).await;
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(None) };
        let (from_offset, next_offset) = (first.offset, last.offset + 1);
        let chunk = Chunk {
            partition: Arc::clone(&self.partition),
            records,
            gaps: Vec::new(),
            from_offset,
            next_offset,
            bookmark: String::new(),
            has_more: false,
        };
        let annotated = self.annotate(chunk).await?;
        let now = std::time::Instant::now();
        let mut batch = Batch::open(Arc::clone(&self.origin), from_offset, now);
        for enveloped in annotated.envelopes {
            batch.push(enveloped)?;
        }
        if self.is_of_letters {
            batch.dead_letters.clear();
        }
        batch.advance(next_offset, String::new(), false, now);
        Ok(Some(batch))
    }

    /// The engine blocks its thread.
    async fn annotate(&mut self, chunk: Chunk) -> Result<transform::Annotated, transform::Error> {
        let mut transform = self.transform.take().expect("it is put back below");
        let working = tokio::task::spawn_blocking(move || (transform.annotate(chunk), transform)).await;
        let (annotated, transform) = match working {
            Ok(done) => done,
            Err(died) => std::panic::resume_unwind(died.into_panic()),
        };
        self.transform = Some(transform);
        annotated
    }

    /// Why the reading ended early, if it did.
    pub(super) async fn trouble(self) -> Option<String> {
        match self.reading.await {
            Ok(result) => result.err().map(|error| error.to_string()),
            Err(died) => Some(died.to_string()),
        }
    }
}
