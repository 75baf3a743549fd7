//! Every way to be bad, one for each rejection code, and how a good event becomes so.

use super::draft::{Draft, quote};
use super::phrases::Phrases;
use super::random::Random;

mod spoil;

/// A way to be bad. The codes are written here once more, by hand, so that a change of the contract's
/// own list is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the codes say it")]
pub enum Fault {
    TooLarge,
    NotUtf8,
    NotJson,
    /// An empty line or one of white space, which is a record like any other.
    Blank,
    TooDeep,
    NotObject,
    DuplicateKey,
    MissingField,
    WrongType,
    BadUuid,
    BadTimestamp,
    FutureTimestamp,
    PastTimestamp,
    BadTenant,
    UnknownEventType,
    UnsupportedSchemaVersion,
    OutOfRange,
}

impl Fault {
    /// Every fault of a line of ordinary size.
    pub const SMALL: [Self; 16] = [
        Self::MissingField,
        Self::NotUtf8,
        Self::BadTimestamp,
        Self::NotJson,
        Self::WrongType,
        Self::Blank,
        Self::BadTenant,
        Self::TooDeep,
        Self::FutureTimestamp,
        Self::NotObject,
        Self::DuplicateKey,
        Self::BadUuid,
        Self::UnknownEventType,
        Self::PastTimestamp,
        Self::UnsupportedSchemaVersion,
        Self::OutOfRange,
    ];

    /// The rejection code that a line with this fault must get.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson | Self::Blank => "not_json",
            Self::TooDeep => "too_deep",
            Self::NotObject => "not_object",
            Self::DuplicateKey => "duplicate_key",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::BadUuid => "bad_uuid",
            Self::BadTimestamp => "bad_timestamp",
            Self::FutureTimestamp => "future_timestamp",
            Self::PastTimestamp => "past_timestamp",
            Self::BadTenant => "bad_tenant",
            Self::UnknownEventType => "unknown_event_type",
            Self::UnsupportedSchemaVersion => "unsupported_schema_version",
            Self::OutOfRange => "out_of_range",
        }
    }

    /// Appends the good event's line with this fault in it, and no other that comes before it.
    pub(super) fn write(self, mut draft: Draft, phrases: &Phrases, random: &mut Random, line: &mut Vec<u8>) {
        match self {
            Self::Blank => line.extend_from_slice(random.pick(&["", "", " ", "\t  "]).as_bytes()),
            Self::NotUtf8 => {
                draft.write(random, line);
                break_utf8(random, line);
            }
            Self::NotJson => {
                draft.write(random, line);
                break_json(random, line);
            }
            Self::NotObject => {
                draft.write(random, line);
                make_another_value(random, line);
            }
            Self::TooLarge => {
                draft.set("event_type", "\"call\"");
                draft.set("transcript", long_transcript(phrases, random));
                draft.write(random, line);
            }
            _ => {
                spoil::field(self, &mut draft, random);
                draft.write(random, line);
            }
        }
    }
}

/// Puts bytes where none of them can stand: Latin-1's `ç`, a lead byte alone, a surrogate, a byte that UTF-8
/// never has.
fn break_utf8(random: &mut Random, line: &mut Vec<u8>) {
    let bytes: [&[u8]; 4] = [b"\xe7", b"\xc3", b"\xed\xa0\x80", b"\xff\xfe"];
    let bytes = *random.pick(&bytes);
    let place = random.index(line.len() + 1);
    line.splice(place..place, bytes.iter().copied());
}

fn break_json(random: &mut Random, line: &mut Vec<u8>) {
    match random.below(8) {
        0 | 1 => {
            // Cut off, as by a producer that died, between two characters.
            let mut end = 1 + random.index(line.len() - 1);
            while line.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
                end -= 1;
            }
            line.truncate(end);
        }
        2 => {
            line.pop();
            line.extend_from_slice(b",}");
        }
        3 => {
            line.pop();
            line.extend_from_slice(b",\"confidence\":NaN}");
        }
        4 => line.splice(0..0, *b"\xef\xbb\xbf").for_each(drop), // a byte order mark
        5 => line.extend_from_within(..),                        // two documents
        6 => {
            line.clear();
            line.extend_from_slice(b"INFO agent connected, waiting for events");
        }
        _ => line.iter_mut().filter(|byte| **byte == b'"').for_each(|byte| *byte = b'\''),
    }
}

fn make_another_value(random: &mut Random, line: &mut Vec<u8>) {
    match random.below(4) {
        0 => {
            line.insert(0, b'[');
            line.push(b']');
        }
        1 => {
            // The event as a string, as by a producer that encodes twice.
            let mut json = String::with_capacity(line.len() * 2);
            quote(&String::from_utf8_lossy(line), false, &mut json);
            *line = json.into_bytes();
        }
        2 => {
            line.clear();
            line.extend_from_slice(random.below(1_000_000).to_string().as_bytes());
        }
        _ => {
            line.clear();
            line.extend_from_slice(random.pick(&["null", "true", "[]", "\"ping\""]).as_bytes());
        }
    }
}

/// A transcript of a little more than 1 MiB.
fn long_transcript(phrases: &Phrases, random: &mut Random) -> String {
    let mut json = String::with_capacity(1_150_000);
    json.push('"');
    let lines = &phrases.tool_errors;
    while json.len() < 1_100_000 {
        json.push_str(random.pick(lines).as_str());
        json.push_str("; ");
    }
    json.push('"');
    json
}
