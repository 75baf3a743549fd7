//! The order of a partition's records: each offset once, nothing left out without a reason. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::bookmark::{Bookmark, digest};
use crate::cluster::Incoming;
use crate::layers::{Layer, Without};
use crate::mirror::key;
use crate::stream::{Gap, GapReason, Position, Record, Resume};

/// What to do with a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is the next one.
    Take(Record),
    /// It was read before; or it was mirrored before, and its offset is a gap.
    Pass,
    /// Records before it are missing.
    Hole,
    /// The record that was stored last is another one now.
    Changed,
}

/// Where the reading of a partition stands.
#[derive(Debug)]
pub(super) struct Sequence {
    next: u64,
    /// Whether anything was read or stored before: then what is not there any more is a gap.
    is_begun: bool,
    /// The record before `next`, and its digest once that was needed.
    last: Last,
    /// Of each partition of Kafka, generation and offset of the last record.
    mirrored: BTreeMap<(Arc<str>, u32), (u32, u64)>,
    /// Not reported yet.
    gaps: Vec<Gap>,
    original: Original,
    /// Whether nothing may be left out.
    is_strict: bool,
}

/// What is known of the record before the next one.
#[derive(Debug)]
enum Last {
    Unknown,
    Digest(String),
    Value(Bytes),
}

/// What was sent, of a record as it came: its value, or what the broker's SmartModule made of it.
pub(super) type Original = fn(&Bytes) -> Bytes;

impl Sequence {
    /// Goes on where ClickHouse says.
    pub(super) fn resume(resume: &Resume, original: Original, without: Without) -> Self {
        let bookmark = Bookmark::read(&resume.bookmark);
        let mirrored = bookmark.mirrored.into_iter();
        let digest = bookmark.digest.filter(|_| without.has(Layer::Generation));
        Self {
            next: resume.next_offset.unwrap_or(0),
            is_begun: resume.next_offset.is_some(),
            last: digest.map_or(Last::Unknown, Last::Digest),
            mirrored: mirrored
                .map(|(topic, partition, generation, offset)| {
                    ((topic.into(), partition), (generation, offset))
                })
                .collect(),
            gaps: Vec::new(),
            original,
            is_strict: without.has(Layer::Contiguity),
        }
    }

    /// The offset that is due.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Where to begin reading: at the record before, if it can be compared with what it was.
    /// Without contiguity: at the end, as a consumer does that names no offset.
    pub(super) fn open_at(&self, start: u64, end: u64) -> u64 {
        if !self.is_strict {
            return end;
        }
        match (&self.last, self.next.checked_sub(1)) {
            (Last::Digest(_) | Last::Value(_), Some(last)) if last >= start => last,
            _ => self.next,
        }
    }

    /// Goes on at a later offset. What lies between is a gap; but what was
    /// evicted before reading began was never due.
    pub(super) fn skip_to(&mut self, offset: u64, reason: GapReason) {
        let is_due = self.is_begun || reason == GapReason::Missing;
        if is_due && offset > self.next {
            self.gaps.push(Gap { first_offset: self.next, last_offset: offset - 1, reason });
        }
        self.next = offset;
        self.last = Last::Unknown;
    }

    /// Takes a record in its place.
    pub(super) fn take(&mut self, incoming: Incoming) -> Step {
        let Incoming { offset, timestamp_ms, key, value } = incoming;
        if offset > self.next {
            if self.is_strict {
                return Step::Hole;
            }
            self.next = offset;
        }
        if offset < self.next {
            let is_same = match &self.last {
                _ if offset + 1 < self.next => true,
                Last::Unknown => true,
                Last::Digest(expected) => *expected == digest(&(self.original)(&value)),
                Last::Value(expected) => (self.original)(expected) == (self.original)(&value),
            };
            return if is_same { Step::Pass } else { Step::Changed };
        }
        self.next += 1;
        self.is_begun = true;
        self.last = Last::Value(value.clone());
        let source = match key.as_deref().and_then(key::Place::read) {
            None => None,
            Some(place) => match self.follow(&place) {
                Some(position) => Some(position),
                None => {
                    self.pass_over(offset);
                    return Step::Pass;
                }
            },
        };
        Step::Take(Record { offset, timestamp_ms, value, key: None, source })
    }

    /// The place in Kafka, unless it does not lie behind all that came from that partition.
    fn follow(&mut self, place: &key::Place<'_>) -> Option<Position> {
        let at = (place.generation, place.offset);
        let known = self
            .mirrored
            .iter_mut()
            .find(|((topic, partition), _)| **topic == *place.topic && *partition == place.partition);
        let topic = match known {
            Some((_, highest)) if at <= *highest => return None,
            Some(((topic, _), highest)) => {
                *highest = at;
                Arc::clone(topic)
            }
            None => {
                let topic: Arc<str> = (*place.topic).into();
                self.mirrored.insert((Arc::clone(&topic), place.partition), at);
                topic
            }
        };
        Some(Position { topic, partition: place.partition, offset: place.offset })
    }

    fn pass_over(&mut self, offset: u64) {
        match self.gaps.last_mut() {
            Some(gap) if gap.reason == GapReason::Duplicate && gap.last_offset + 1 == offset => {
                gap.last_offset = offset;
            }
            _ => self.gaps.push(Gap {
                first_offset: offset,
                last_offset: offset,
                reason: GapReason::Duplicate,
            }),
        }
    }

    /// The gaps since the last call.
    pub(super) fn gaps(&mut self) -> Vec<Gap> {
        std::mem::take(&mut self.gaps)
    }

    /// What makes the partition known again at the offset that is due.
    pub(super) fn bookmark(&self) -> String {
        let digest = match &self.last {
            Last::Unknown => None,
            Last::Digest(digest) => Some(digest.clone()),
            Last::Value(value) => Some(digest(&(self.original)(value))),
        };
        let mirrored = self.mirrored.iter();
        let mirrored = mirrored.map(|((topic, partition), (generation, offset))| {
            (topic.to_string(), *partition, *generation, *offset)
        });
        Bookmark { digest, mirrored: mirrored.collect() }.write()
    }
}

#[cfg(test)]
mod tests;
