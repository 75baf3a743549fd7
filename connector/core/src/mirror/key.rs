//! The key of a mirrored record: everything that Kafka knows of the record besides its value, which
//! Fluvio's records have no other place for.
//!
//! ```json
//! {"mirror":1,"generation":1,"topic":"voc.events","partition":0,"offset":123,"timestamp":1700000000000,
//!  "key":"text","headers":[["name","text"],["name",{"base64":"/w=="}],["name",null]],"null":true}
//! ```
//!
//! on one line. `mirror` is the version of the format; `generation` counts how often the Kafka topic was
//! made anew. A key that is no text is `"key_base64":"/w=="`, and a record without a key has neither. No
//! `headers` means none; `null` is there where the record has no value, which is not an empty one.
//!
//! The order of the members is part of the format: [`Place::read`] takes the first five without looking
//! at the rest, for every record that the sink reads. Keys outlive the process, and later versions read
//! what earlier ones wrote: do not change what version 1 looks like.

mod full;

use std::fmt::Write;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;

pub use full::{Header, Key};

/// What every key of ours begins with.
const START: &[u8] = br#"{"mirror":1,"generation":"#;

/// Writes the keys of one partition's records.
#[derive(Debug, Clone)]
pub struct Encoder {
    /// All that is the same in every key, up to the offset.
    start: Vec<u8>,
}

/// What differs from record to record.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The offset in Kafka.
    pub offset: u64,
    /// Kafka's timestamp, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The record's key.
    pub key: Option<&'a [u8]>,
    /// Whether the record has no value.
    pub is_null: bool,
}

impl Encoder {
    /// For a partition of a topic's generation.
    #[must_use]
    pub fn new(generation: u32, topic: &str, partition: u32) -> Self {
        let mut start = BytesMut::from(START);
        push_number(&mut start, u64::from(generation));
        start.extend_from_slice(br#","topic":"#);
        push_text(&mut start, topic);
        start.extend_from_slice(br#","partition":"#);
        push_number(&mut start, u64::from(partition));
        start.extend_from_slice(br#","offset":"#);
        Self { start: start.to_vec() }
    }

    /// Appends a record's key to `into`.
    pub fn encode<'a>(
        &self,
        into: &mut BytesMut,
        parts: Parts<'_>,
        headers: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    ) {
        into.extend_from_slice(&self.start);
        push_number(into, parts.offset);
        into.extend_from_slice(br#","timestamp":"#);
        if parts.timestamp_ms < 0 {
            into.extend_from_slice(b"-");
        }
        push_number(into, parts.timestamp_ms.unsigned_abs());
        match parts.key.map(|key| (key, std::str::from_utf8(key))) {
            None => {}
            Some((_, Ok(text))) => {
                into.extend_from_slice(br#","key":"#);
                push_text(into, text);
            }
            Some((bytes, Err(_))) => {
                into.extend_from_slice(br#","key_base64":"#);
                push_base64(into, bytes);
            }
        }
        let mut is_first = true;
        for (name, value) in headers {
            into.extend_from_slice(if is_first { br#","headers":["# } else { b"," });
            is_first = false;
            push_header(into, name, value);
        }
        if !is_first {
            into.extend_from_slice(b"]");
        }
        into.extend_from_slice(if parts.is_null { br#","null":true}"# } else { b"}" });
    }
}

fn push_header(into: &mut BytesMut, name: &str, value: Option<&[u8]>) {
    into.extend_from_slice(b"[");
    push_text(into, name);
    match value.map(|value| (value, std::str::from_utf8(value))) {
        None => into.extend_from_slice(b",null]"),
        Some((_, Ok(text))) => {
            into.extend_from_slice(b",");
            push_text(into, text);
            into.extend_from_slice(b"]");
        }
        Some((bytes, Err(_))) => {
            into.extend_from_slice(br#",{"base64":"#);
            push_base64(into, bytes);
            into.extend_from_slice(b"}]");
        }
    }
}

/// A JSON string. Escaped is only what has to be.
fn push_text(into: &mut BytesMut, text: &str) {
    into.extend_from_slice(b"\"");
    let bytes = text.as_bytes();
    let mut copied = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        into.extend_from_slice(&bytes[copied..at]);
        copied = at + 1;
        if byte < b' ' {
            // Writing into a buffer does not fail.
            let _ = write!(into, "\\u{byte:04x}");
        } else {
            into.extend_from_slice(&[b'\\', byte]);
        }
    }
    into.extend_from_slice(&bytes[copied..]);
    into.extend_from_slice(b"\"");
}

fn push_base64(into: &mut BytesMut, bytes: &[u8]) {
    // Writing into a buffer does not fail.
    let _ = write!(into, "\"{}\"", Base64Display::new(bytes, &STANDARD));
}

fn push_number(into: &mut BytesMut, mut number: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b"0123456789"[(number % 10) as usize];
        number /= 10;
        if number == 0 {
            break;
        }
    }
    into.extend_from_slice(&digits[first..]);
}

/// Where in Kafka a mirrored record came from: the members of its key that are read for every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Which incarnation of the topic.
    pub generation: u32,
    /// The topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: u32,
    /// The offset there.
    pub offset: u64,
}

impl<'a> Place<'a> {
    /// Reads them from a key as an [`Encoder`] wrote it; `None` for any other.
    #[must_use]
    pub fn read(key: &'a [u8]) -> Option<Self> {
        let rest = key.strip_prefix(START)?;
        let (generation, rest) = take_number(rest)?;
        let rest = rest.strip_prefix(br#","topic":""#)?;
        let (topic, rest) = rest.split_at(memchr::memchr(b'"', rest)?);
        // What Kafka allows in a topic's name is never escaped.
        let topic = std::str::from_utf8(topic).ok().filter(|topic| !topic.contains('\\'))?;
        let (partition, rest) = take_number(rest.strip_prefix(br#"","partition":"#)?)?;
        let (offset, rest) = take_number(rest.strip_prefix(br#","offset":"#)?)?;
        if !rest.starts_with(br#","timestamp":"#) || !rest.ends_with(b"}") {
            return None;
        }
        Some(Self {
            generation: generation.try_into().ok()?,
            topic,
            partition: partition.try_into().ok()?,
            offset,
        })
    }
}

/// A number as [`push_number`] writes it, and what follows.
fn take_number(text: &[u8]) -> Option<(u64, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    if digits.is_empty() || (digits[0] == b'0' && length > 1) {
        return None;
    }
    let number = digits
        .iter()
        .try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    Some((number, rest))
}

#[cfg(test)]
mod tests;
