//! The SmartModule in process: the same `.wasm` that a Fluvio broker runs, in the same engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use fluvio_smartengine::{SmartEngine, SmartModuleChainBuilder, SmartModuleChainInstance, SmartModuleConfig};
use fluvio_smartmodule::dataplane::record::{Record as FluvioRecord, RecordData};
use fluvio_smartmodule::dataplane::smartmodule::SmartModuleInput;
use tokio::sync::mpsc;
use voc_smartmodule::envelope::Envelope;
use voc_smartmodule::params::Params;
use voc_smartmodule::transform::annotate;

use crate::stream::{Chunk, Event, Gap, Position, Record, StreamPartition};

/// Version of Fluvio's wire format between engine and module, the engine's own default.
const WIRE_VERSION: i16 = fluvio_smartmodule::SMARTMODULE_TIMESTAMPS_VERSION;

/// A record above this many bytes is not handed to the engine, which holds it several times over and
/// has 1 GB in all. The same code makes its envelope natively; it is `too_large` in nearly all cases.
const ENGINE_LIMIT: usize = 64 << 20;

/// How far records that are handed over together may lie apart in time, in milliseconds (24 days). Fluvio
/// (0.50) writes a record's time as the distance from the first one's, and writes greater ones wrongly.
const FARTHEST: u64 = i32::MAX as u64;

/// What went wrong with the SmartModule. None of these is a record's fault: a record that is no event
/// gets an envelope that says so.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the SmartModule {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The params are wrong.
    #[error("transforms[0].with: {0}")]
    Params(#[from] voc_smartmodule::params::Error),
    /// The module does not load, or its `init` refuses.
    #[error("the SmartModule does not start: {0}")]
    Start(Box<dyn std::error::Error + Send + Sync>),
    /// The module failed while it ran.
    #[error("the SmartModule failed on {count} records from offset {first_offset} of {partition}: {reason}")]
    Run {
        /// Where the records came from.
        partition: StreamPartition,
        /// Offset of the first.
        first_offset: u64,
        /// How many there were.
        count: usize,
        /// What the engine said.
        reason: String,
    },
}

/// A chunk whose records have become envelopes.
#[derive(Debug)]
pub struct Annotated {
    /// Whose records these are.
    pub partition: Arc<StreamPartition>,
    /// The envelope of each record.
    pub envelopes: Vec<Enveloped>,
    /// Offsets of this run that have none.
    pub gaps: Vec<Gap>,
    /// Size of the records' values, in bytes.
    pub bytes: usize,
    /// Where the chunk before this one ended.
    pub from_offset: u64,
    /// Where to go on behind this chunk.
    pub next_offset: u64,
    /// The source's own note of that place.
    pub bookmark: String,
    /// Whether the stream is known to have more behind this chunk.
    pub has_more: bool,
}

/// What the SmartModule made of a record.
#[derive(Debug, Clone)]
pub struct Enveloped {
    /// Offset of the record.
    pub offset: u64,
    /// Its envelope.
    pub envelope: Bytes,
    /// Where in Kafka the record came from.
    pub source: Option<Position>,
}

/// The SmartModule: running here, or in the broker, whose records are envelopes when they arrive.
pub struct Transform {
    place: Place,
    params: Params,
}

/// Where the module runs.
enum Place {
    /// Here, in Fluvio's engine.
    Engine(Box<SmartModuleChainInstance>),
    /// Here, as part of the connector.
    Natively,
    /// In the broker: the records are envelopes.
    Broker,
}

impl Transform {
    /// Loads the module and hands it its params.
    ///
    /// # Errors
    /// Every variant of [`Error`] but `Run`.
    pub fn start(wasm: &Path, with: &BTreeMap<String, String>) -> Result<Self, Error> {
        let module = std::fs::read(wasm).map_err(|source| Error::Read { path: wasm.to_owned(), source })?;
        let params = Params::from_pairs(with.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
        let mut config = SmartModuleConfig::builder();
        config.smartmodule_names(vec!["voc-smartmodule".to_owned()]);
        for (name, value) in with {
            config.param(name, value);
        }
        let config = config.build().map_err(|error| Error::Start(error.to_string().into()))?;
        let mut builder = SmartModuleChainBuilder::default();
        builder.add_smart_module(config, module);
        let chain = builder.initialize(&SmartEngine::new()).map_err(|error| Error::Start(error.into()))?;
        Ok(Self { place: Place::Engine(Box::new(chain)), params })
    }

    /// The broker runs the module.
    #[must_use]
    pub fn by_broker() -> Self {
        Self { place: Place::Broker, params: Params::default() }
    }

    /// The module as it is compiled into the connector: for records that no broker has seen, where there is no
    /// file of it.
    ///
    /// # Errors
    /// [`Error::Params`]
    pub fn natively(with: &BTreeMap<String, String>) -> Result<Self, Error> {
        let params = Params::from_pairs(with.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
        Ok(Self { place: Place::Natively, params })
    }

    /// Annotates everything that comes, until there is no more or nobody wants it; blocks its thread.
    ///
    /// # Errors
    /// [`Error::Run`]
    pub fn run(
        mut self,
        mut events: mpsc::Receiver<Event>,
        annotated: &mpsc::Sender<Event<Annotated>>,
    ) -> Result<(), Error> {
        while let Some(event) = events.blocking_recv() {
            let event = match event {
                Event::Chunk(chunk) => Event::Chunk(self.annotate(chunk)?),
                Event::Assigned { partitions, reply } => Event::Assigned { partitions, reply },
                Event::Restarted { partition, reason, reply } => {
                    Event::Restarted { partition, reason, reply }
                }
                Event::Revoked { partitions, drained } => Event::Revoked { partitions, drained },
                Event::CaughtUp => Event::CaughtUp,
            };
            if annotated.blocking_send(event).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Makes the envelope of every record of a chunk.
    ///
    /// # Errors
    /// [`Error::Run`]
    pub fn annotate(&mut self, chunk: Chunk) -> Result<Annotated, Error> {
        let Chunk { partition, mut records, gaps, from_offset, next_offset, bookmark, has_more } = chunk;
        let bytes = records.iter().map(|record| record.value.len()).sum();
        let origins: Vec<(u64, Option<Position>)> =
            records.iter_mut().map(|record| (record.offset, record.source.take())).collect();
        let is_huge = || records.iter().any(|record| record.value.len() > ENGINE_LIMIT);
        let envelopes = match self.place {
            Place::Broker => records.into_iter().map(|record| record.value).collect(),
            Place::Engine(_) if !is_huge() => self.process(records).map_err(|reason| Error::Run {
                partition: (*partition).clone(),
                first_offset: origins.first().map_or(0, |(offset, _)| *offset),
                count: origins.len(),
                reason,
            })?,
            _ => records.iter().map(|record| self.annotate_natively(record)).collect(),
        };
        let envelopes = origins
            .into_iter()
            .zip(envelopes)
            .map(|((offset, source), envelope)| Enveloped { offset, envelope, source })
            .collect();
        Ok(Annotated { partition, envelopes, gaps, bytes, from_offset, next_offset, bookmark, has_more })
    }

    fn process(&mut self, mut records: Vec<Record>) -> Result<Vec<Bytes>, String> {
        let mut envelopes = Vec::with_capacity(records.len());
        while let Some(first) = records.first() {
            let base = first.timestamp_ms;
            let is_far = |record: &Record| record.timestamp_ms.abs_diff(base) > FARTHEST;
            let end = records.iter().position(is_far).unwrap_or(records.len());
            let later = records.split_off(end);
            envelopes.append(&mut self.process_together(records)?);
            records = later;
        }
        Ok(envelopes)
    }

    fn process_together(&mut self, records: Vec<Record>) -> Result<Vec<Bytes>, String> {
        let count = records.len();
        let base_timestamp = records.first().map_or(0, |record| record.timestamp_ms);
        let records = records.into_iter().map(|record| {
            let mut fluvio_record = FluvioRecord::new(RecordData::from(record.value));
            fluvio_record.get_mut_header().set_timestamp_delta(record.timestamp_ms - base_timestamp);
            fluvio_record
        });
        let mut input = SmartModuleInput::try_from_records(records.collect(), WIRE_VERSION)
            .map_err(|error| error.to_string())?;
        input.set_base_timestamp(base_timestamp);
        let Place::Engine(chain) = &mut self.place else { return Err("it runs elsewhere".to_owned()) };
        let output = chain.process(input).map_err(|error| format!("{error:#}"))?;
        if let Some(error) = output.error {
            return Err(error.hint);
        }
        if output.successes.len() != count {
            return Err(format!("it returned {} records", output.successes.len()));
        }
        Ok(output.successes.into_iter().map(|record| Bytes::from(record.value.into_vec())).collect())
    }

    fn annotate_natively(&self, record: &Record) -> Bytes {
        let mut envelope = Vec::new();
        annotate(&record.value, record.timestamp_ms, &self.params, &mut envelope);
        envelope.into()
    }
}

/// What was sent, of an envelope that the broker's SmartModule made of it. What is no envelope is taken
/// as it is: the batch that it comes to says what is wrong with it.
#[must_use]
pub fn original_of(envelope: &Bytes) -> Bytes {
    match Envelope::read(envelope) {
        Ok(Envelope::Accepted(accepted)) => envelope.slice_ref(accepted.payload),
        Ok(Envelope::Rejected(rejected)) => rejected.original.into_owned().into(),
        Err(_) => envelope.clone(),
    }
}

#[cfg(test)]
mod wire;
