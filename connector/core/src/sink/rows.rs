//! Rows as the tables of `deploy/clickhouse/` take them, other than events ([`super::event_block`]). The client checks
//! them against the tables' own types before the first row of an insert.

use clickhouse::Row;
use serde::{Serialize, Serializer};

use super::letters::Whole;
use crate::batch::{DeadLetter, Origin};
use crate::dead_letters::State;
use crate::stream::Position;

/// Version of a row: of the annotation, then the writer's epoch. Of the rows of one event, ClickHouse keeps the one
/// with the highest.
pub(super) const fn version(annotation: u32, writer_epoch: u32) -> u64 {
    (annotation as u64) << 32 | writer_epoch as u64
}

/// In the version of a dead letter's row, which has no annotation.
const OF_LETTERS: u32 = 1;

fn as_bytes<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// What the rows of one batch have in common.
#[derive(Clone, Copy)]
pub(super) struct Common<'a> {
    pub origin: &'a Origin,
    /// Milliseconds since 1970.
    pub processed_at: i64,
}

/// Topic, partition and offset in Kafka; empty and zero where the record did not come from there.
pub(super) fn place(source: Option<&Position>) -> (&str, u32, u64) {
    source.map_or(("", 0, 0), |source| (&*source.topic, source.partition, source.offset))
}

#[derive(Row, Serialize)]
pub(super) struct DeadLetterRow<'a> {
    origin_stream: &'a str,
    origin_partition: u32,
    origin_offset: u64,
    tenant_id: &'a str,
    code: &'a str,
    field: &'a str,
    message: &'a str,
    #[serde(serialize_with = "as_bytes")]
    original: &'a [u8],
    processed_at: i64,
    source_topic: &'a str,
    source_partition: u32,
    source_offset: u64,
    replay_state: i8,
    replayed_at: Option<i64>,
    version: u64,
    writer_epoch: u32,
}

impl<'a> DeadLetterRow<'a> {
    pub(super) fn new(letter: &'a DeadLetter, common: Common<'a>) -> Self {
        let (source_topic, source_partition, source_offset) = place(letter.source.as_ref());
        Self {
            origin_stream: &common.origin.stream,
            origin_partition: common.origin.partition,
            origin_offset: letter.offset,
            tenant_id: &letter.tenant_id,
            code: &letter.code,
            field: &letter.field,
            message: &letter.message,
            original: &letter.original,
            processed_at: common.processed_at,
            source_topic,
            source_partition,
            source_offset,
            replay_state: 0,
            replayed_at: None,
            version: version(OF_LETTERS, common.origin.epoch),
            writer_epoch: common.origin.epoch,
        }
    }
}

/// Where in the version of a letter's row its state counts, above all that a writer puts there: of two that
/// report on it, the one who knows more is right. Purged is above replayed, that above each vain attempt.
pub(super) const PURGED: u64 = 1 << 63;
const REPLAYED: u64 = 1 << 62;
const ATTEMPT: u64 = 1 << 48;

/// The epoch of a row that is no writer's: who may write it is decided by the stream of the replay.
const NO_WRITER: u32 = u32::MAX;

impl<'a> DeadLetterRow<'a> {
    /// The letter after an attempt that passed, or else found this fault; `None` where nothing is new.
    /// Never `open`, which would count in the ledger once more.
    pub(super) fn marked(letter: &'a Whole, fault: Option<&'a DeadLetter>, now: i64) -> Option<Self> {
        let before = (&*letter.code, &*letter.field, &*letter.message);
        let (code, field, message) =
            fault.map_or(before, |fault| (&*fault.code, &*fault.field, &*fault.message));
        let is_known = letter.replay_state == State::FailedAgain as i8 && (code, field, message) == before;
        let (state, version) = match fault {
            None => (State::Replayed, letter.version | REPLAYED),
            Some(_) => (State::FailedAgain, letter.version + ATTEMPT),
        };
        let row = Self {
            origin_stream: &letter.origin_stream,
            origin_partition: letter.origin_partition,
            origin_offset: letter.origin_offset,
            tenant_id: &letter.tenant_id,
            code,
            field,
            message,
            original: &letter.original,
            processed_at: letter.processed_at,
            source_topic: &letter.source_topic,
            source_partition: letter.source_partition,
            source_offset: letter.source_offset,
            replay_state: state as i8,
            replayed_at: fault.is_none().then_some(now),
            version,
            writer_epoch: NO_WRITER,
        };
        (fault.is_none() || !is_known).then_some(row)
    }
}

#[derive(Row, Serialize)]
pub(super) struct CheckpointRow<'a> {
    pub origin_stream: &'a str,
    pub origin_partition: u32,
    pub next_offset: u64,
    pub bookmark: &'a str,
}

#[derive(Row, Serialize)]
pub(super) struct GapRow<'a> {
    pub origin_stream: &'a str,
    pub origin_partition: u32,
    pub first_offset: u64,
    pub last_offset: u64,
    pub reason: &'a str,
}

#[derive(Row, Serialize)]
pub(super) struct GenerationRow<'a> {
    pub stream: &'a str,
    pub generation: u32,
    pub reason: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(state: State, version: u64) -> Whole {
        Whole {
            origin_stream: "events#1".to_owned(),
            origin_partition: 0,
            origin_offset: 7,
            tenant_id: "acme".to_owned(),
            code: "too_deep".to_owned(),
            field: String::new(),
            message: "deep".to_owned(),
            original: "{}".into(),
            processed_at: 1,
            source_topic: String::new(),
            source_partition: 0,
            source_offset: 0,
            replay_state: state as i8,
            version,
        }
    }

    fn fault(code: &str) -> DeadLetter {
        DeadLetter {
            offset: 7,
            source: None,
            tenant_id: "acme".to_owned(),
            code: code.to_owned(),
            field: String::new(),
            message: "deep".to_owned(),
            original: "{}".into(),
        }
    }

    #[test]
    fn who_knows_more_of_a_letter_is_right() {
        let written = version(OF_LETTERS, u32::MAX);
        let open = letter(State::Open, written);
        let deep = fault("too_deep");
        let failed = DeadLetterRow::marked(&open, Some(&deep), 2).unwrap();
        let passed = DeadLetterRow::marked(&open, None, 2).unwrap();
        assert_eq!((failed.replay_state, failed.replayed_at), (State::FailedAgain as i8, None));
        assert_eq!((passed.replay_state, passed.replayed_at), (State::Replayed as i8, Some(2)));
        assert!(written < failed.version && failed.version < passed.version && passed.version < PURGED);
        let many = written + 10_000 * ATTEMPT;
        assert!(many < passed.version, "ten thousand attempts in vain do not hide that one passed");
    }

    #[test]
    fn a_letter_that_fails_as_before_stays_as_it_is() {
        let failed = letter(State::FailedAgain, version(OF_LETTERS, 1) + ATTEMPT);
        assert!(DeadLetterRow::marked(&failed, Some(&fault("too_deep")), 2).is_none());
        let otherwise = fault("too_large");
        let row = DeadLetterRow::marked(&failed, Some(&otherwise), 2).unwrap();
        assert_eq!((row.code, row.version), ("too_large", version(OF_LETTERS, 1) + 2 * ATTEMPT));
    }
}
