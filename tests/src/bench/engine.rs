//! The SmartModule in Fluvio's engine: one that only echoes, which is the engine's floor, ours, and the
//! same transform compiled natively.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use voc_connector_core::stream::{Chunk, Record, StreamPartition};
use voc_connector_core::transform::{Error, Transform};
use voc_smartmodule::params::Params;
use voc_smartmodule::transform::annotate;

use super::report::Round;
use crate::generate::plain::Plain;

/// Records in a chunk, as the file source makes them.
const CHUNK: usize = 1_000;

/// Chunks in a round.
const CHUNKS: usize = 40;

/// The rounds of each contestant, in turn.
#[derive(Debug, Default)]
pub struct Rounds {
    /// The engine's floor.
    pub echo: Vec<Round>,
    /// Our SmartModule, with all it annotates.
    pub ours: Vec<Round>,
    /// Our SmartModule with the original service's rules.
    pub keywords: Vec<Round>,
    /// The transform without the engine.
    pub native: Vec<Round>,
}

impl Rounds {
    /// Adds the rounds of a later run.
    pub fn extend(&mut self, later: Self) {
        self.echo.extend(later.echo);
        self.ours.extend(later.ours);
        self.keywords.extend(later.keywords);
        self.native.extend(later.native);
    }
}

/// Runs `rounds` rounds over 463-byte call events of ten tenants.
///
/// # Errors
/// A module that does not run.
pub fn run(echo: &Path, ours: &Path, rounds: usize) -> Result<Rounds, Error> {
    let mut echo = Transform::start(echo, &BTreeMap::new())?;
    let with = BTreeMap::from([("sentiment".to_owned(), "keywords".to_owned())]);
    let mut keywords = Transform::start(ours, &with)?;
    let mut ours = Transform::start(ours, &BTreeMap::new())?;
    let chunk = chunk();
    let params = Params::default();
    let mut result = Rounds::default();
    // The first round warms up, and is not counted.
    for round in 0..=rounds {
        let echo = time(|| echo.annotate(chunk.clone()).map(drop))?;
        let ours = time(|| ours.annotate(chunk.clone()).map(drop))?;
        let keywords = time(|| keywords.annotate(chunk.clone()).map(drop))?;
        let native = time(|| {
            let mut envelope = Vec::new();
            for record in &chunk.records {
                envelope.clear();
                annotate(&record.value, record.timestamp_ms, &params, &mut envelope);
                std::hint::black_box(&envelope);
            }
            Ok(())
        })?;
        if round > 0 {
            result.echo.push(echo);
            result.ours.push(ours);
            result.keywords.push(keywords);
            result.native.push(native);
        }
    }
    Ok(result)
}

fn time(mut annotate: impl FnMut() -> Result<(), Error>) -> Result<Round, Error> {
    let started = Instant::now();
    for _ in 0..CHUNKS {
        annotate()?;
    }
    Ok(Round { events: CHUNK * CHUNKS, elapsed: started.elapsed() })
}

fn chunk() -> Chunk {
    let now = chrono::Utc::now().timestamp_millis();
    let mut plain = Plain::new(1, 10, now);
    let mut offset = 0;
    let records = std::iter::repeat_with(|| {
        let mut line = Vec::new();
        plain.write_next(&mut line);
        offset += 1;
        Record { offset, timestamp_ms: now, value: line.into(), key: None, source: None }
    });
    Chunk {
        partition: Arc::new(StreamPartition { stream: "bench".to_owned(), partition: 0 }),
        records: records.take(CHUNK).collect(),
        gaps: Vec::new(),
        from_offset: 0,
        next_offset: CHUNK as u64,
        bookmark: String::new(),
        has_more: false,
    }
}
