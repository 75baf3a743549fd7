//! Batches: a contiguous run of one partition's envelopes, written by one insert.
//!
//! A batch grows while there is more to read, up to its limits, because large inserts are what
//! ClickHouse is fast at; and it is written soon when the source goes quiet, because a dashboard is
//! waiting. All of it is pure: time comes in as an argument.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use uuid::Uuid;
use voc_smartmodule::contract::EventType;
use voc_smartmodule::envelope::{self, Envelope};
use voc_smartmodule::params::Params;
use voc_smartmodule::timestamp::{Micros, parse_rfc3339};
use voc_smartmodule::transform::tenant_of;

use crate::config::sections::Batch as Limits;
use crate::stream::{Gap, Position};
use crate::transform::Enveloped;

/// A source that has sent nothing for this long has no backlog, unless it says that it has, and a batch
/// above `min_rows` need not wait for more.
const QUIET: Duration = Duration::from_millis(20);

/// What a row costs in memory besides its payload, roughly.
const ROW_OVERHEAD: usize = 200;

/// The open batches of all partitions together take at most so many times what one of them may: memory does not grow
/// with the partitions.
const TOGETHER: u64 = 2;

/// A partition as ClickHouse knows it: the stream with its generation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// `name#generation`.
    pub stream: String,
    /// Number of the partition.
    pub partition: u32,
    /// What its writer claimed when it took the partition over; 0 before.
    pub epoch: u32,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.stream, self.partition)
    }
}

/// An accepted event on its way into `voc_events`.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Offset of its record.
    pub offset: u64,
    /// Where in Kafka it came from.
    pub source: Option<Position>,
    /// Unique for a tenant and time.
    pub event_id: Uuid,
    /// Whose event it is.
    pub tenant_id: String,
    /// Its own time.
    pub timestamp: Micros,
    /// What happened.
    pub event_type: EventType,
    /// Version of the contract.
    pub schema_version: u16,
    /// The score, `None` where the event has no text.
    pub sentiment: Option<f64>,
    /// What else is known of it, `None` where the keyword rules made the score.
    pub annotation: Option<Annotation>,
    /// Version of the annotation.
    pub annotation_version: u32,
    /// The event as it was sent.
    pub payload: Bytes,
    /// Whether it was stored before, and its row has gone: whatever row there is of this event came
    /// later, and stays.
    pub is_restored: bool,
}

/// The annotation beside its score.
#[derive(Debug, Clone)]
pub struct Annotation {
    /// `negative`, `neutral`, `positive`, `unclear` or `no_signal`.
    pub label: Bytes,
    /// In which the text was read, empty where there is none.
    pub language: Bytes,
    /// All of it, as the SmartModule wrote it.
    pub explanation: Bytes,
}

/// The label of a score whose sign is not to be trusted.
const UNCLEAR: &[u8] = b"unclear";

impl Annotation {
    /// Whether the score lies in the band where its sign is not to be trusted.
    #[must_use]
    pub fn is_unclear(&self) -> bool {
        &*self.label == UNCLEAR
    }
}

/// Who an event is: tenant, its own time, id. Two events of one identity are one.
pub type Identity = (String, Micros, Uuid);

impl StoredEvent {
    /// Who the event is: tenant, time in microseconds since 1970, id.
    #[must_use]
    pub fn identity(&self) -> Identity {
        (self.tenant_id.clone(), self.timestamp, self.event_id)
    }
}

/// A rejected record on its way into `voc_dead_letters`.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Offset of the record.
    pub offset: u64,
    /// Where in Kafka it came from.
    pub source: Option<Position>,
    /// Whose record it is, empty where that is not known.
    pub tenant_id: String,
    /// The stable code.
    pub code: String,
    /// The field at fault, empty where it is the record as a whole.
    pub field: String,
    /// For people.
    pub message: String,
    /// The record as it was sent.
    pub original: Bytes,
}

/// A record whose envelope cannot be read: the SmartModule is not ours.
#[derive(Debug, thiserror::Error)]
#[error("offset {offset} of {origin}: {source}")]
pub struct Error {
    /// Where the record came from.
    pub origin: Origin,
    /// Its offset.
    pub offset: u64,
    /// What is wrong with the envelope.
    pub source: envelope::Error,
}

/// When to write a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// It is at a limit: nothing may be added.
    Full,
    /// At this time, if nothing comes before.
    At(Instant),
}

/// Whether the open batches of all partitions are together at their limit: nothing may be added to any.
pub fn are_full<'b>(open: impl Iterator<Item = &'b Batch>, limits: &Limits) -> bool {
    let bytes: usize = open.map(|batch| batch.bytes).sum();
    bytes as u64 >= TOGETHER * limits.max_bytes.as_u64()
}

/// A batch that is being filled.
#[derive(Debug)]
pub struct Batch {
    /// Where its records came from.
    pub origin: Arc<Origin>,
    /// Accepted events in the order of their offsets.
    pub events: Vec<StoredEvent>,
    /// Rejected records in the order of their offsets.
    pub dead_letters: Vec<DeadLetter>,
    /// Offsets that are skipped for good, in their order.
    pub gaps: Vec<Gap>,
    /// Offset of the first record, stored before or not.
    pub first_offset: u64,
    /// Where to go on when the batch is stored.
    pub next_offset: u64,
    /// The source's own note of that place.
    pub bookmark: String,
    /// Part of its tokens where a predecessor wrote some of its rows.
    pub repair: Option<Uuid>,
    bytes: usize,
    opened_at: Instant,
    last_arrival: Instant,
    /// Whether the source has said that there is more.
    has_more: bool,
}

impl Batch {
    /// An empty batch that begins at this offset.
    #[must_use]
    pub fn open(origin: Arc<Origin>, first_offset: u64, now: Instant) -> Self {
        Self {
            origin,
            events: Vec::new(),
            dead_letters: Vec::new(),
            gaps: Vec::new(),
            first_offset,
            next_offset: first_offset,
            bookmark: String::new(),
            repair: None,
            bytes: 0,
            opened_at: now,
            last_arrival: now,
            has_more: false,
        }
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.events.len() + self.dead_letters.len()
    }

    /// The offsets of all its rows.
    pub fn offsets(&self) -> impl Iterator<Item = u64> {
        let events = self.events.iter().map(|event| event.offset);
        events.chain(self.dead_letters.iter().map(|letter| letter.offset))
    }

    /// Takes a record's envelope.
    ///
    /// # Errors
    /// [`Error`] where the bytes are no envelope.
    pub fn push(&mut self, enveloped: Enveloped) -> Result<(), Error> {
        let Enveloped { offset, envelope, source } = enveloped;
        let refused = |source| Error { origin: (*self.origin).clone(), offset, source };
        self.bytes += envelope.len() + ROW_OVERHEAD;
        match Envelope::read(&envelope).map_err(refused)? {
            Envelope::Accepted(accepted) => {
                let annotation_version = accepted.annotation_version();
                let part = |text: &str| envelope.slice_ref(text.as_bytes());
                let annotation = accepted.annotation.map(|annotation| Annotation {
                    label: part(annotation.label),
                    language: annotation.language.map(part).unwrap_or_default(),
                    explanation: part(annotation.json),
                });
                let event = accepted.event;
                let unknown = |what: &str| refused(envelope::Error::new(what));
                let timestamp =
                    parse_rfc3339(event.timestamp).ok_or_else(|| unknown("its time is no time"))?;
                let event_type =
                    EventType::from_name(event.event_type).ok_or_else(|| unknown("its type is not known"))?;
                self.events.push(StoredEvent {
                    offset,
                    source,
                    event_id: event.event_id,
                    tenant_id: event.tenant_id.into_owned(),
                    timestamp,
                    event_type,
                    schema_version: event.schema_version,
                    sentiment: accepted.sentiment,
                    annotation,
                    annotation_version,
                    payload: envelope.slice_ref(accepted.payload),
                    is_restored: false,
                });
            }
            Envelope::Rejected(rejected) => self.dead_letters.push(DeadLetter {
                offset,
                source,
                tenant_id: tenant_of(&rejected.original, &Params::default()).unwrap_or_default(),
                code: rejected.code.to_owned(),
                field: rejected.field.unwrap_or_default().into_owned(),
                message: rejected.message.into_owned(),
                original: rejected.original.into_owned().into(),
            }),
        }
        Ok(())
    }

    /// Notes that the record that was just taken was stored before, and its row has gone. One that was
    /// erased is not brought back.
    pub fn restore(&mut self, offset: u64, was_erased: impl FnOnce(&StoredEvent) -> bool) {
        let Some(event) = self.events.last_mut().filter(|event| event.offset == offset) else { return };
        event.is_restored = true;
        if was_erased(event) {
            self.events.pop();
        }
    }

    /// Notes that everything below `next_offset` is in the batch now.
    pub fn advance(&mut self, next_offset: u64, bookmark: String, has_more: bool, now: Instant) {
        self.next_offset = next_offset;
        self.bookmark = bookmark;
        self.has_more = has_more;
        self.last_arrival = now;
    }

    /// When to write it.
    #[must_use]
    pub fn due(&self, limits: &Limits) -> Due {
        if self.rows() >= limits.max_rows || self.bytes as u64 >= limits.max_bytes.as_u64() {
            return Due::Full;
        }
        let oldest = self.opened_at + limits.max_age;
        if self.rows() >= limits.min_rows && !self.has_more {
            Due::At(oldest.min(self.last_arrival + QUIET))
        } else {
            Due::At(oldest)
        }
    }
}

#[cfg(test)]
mod tests;
