//! Reads an envelope in the very form in which the SmartModule writes it. Its payload was validated then, and is
//! not parsed once more.

use std::borrow::Cow;

use uuid::Uuid;

use super::{Accepted, Annotation, Header};

/// Reads what was written by `write_accepted`; `None` for every other form, such as one with further
/// annotations.
pub(super) fn read(bytes: &[u8]) -> Option<Accepted<'_>> {
    let rest = bytes.strip_prefix(br#"{"status":"accepted","event":{"event_id":""#)?;
    let (event_id, rest) = text(rest)?;
    let (tenant_id, rest) = text(rest.strip_prefix(br#","tenant_id":""#)?)?;
    let (timestamp, rest) = text(rest.strip_prefix(br#","timestamp":""#)?)?;
    let (event_type, rest) = text(rest.strip_prefix(br#","event_type":""#)?)?;
    let (schema_version, rest) = bare(rest.strip_prefix(br#","schema_version":"#)?)?;
    let rest = rest.strip_prefix(br#"},"annotations":{"sentiment":"#)?;
    let (sentiment, annotation, rest) = written_sentiment(rest)?;
    let payload = rest.strip_prefix(br#"},"payload":"#)?.strip_suffix(b"}")?;
    let is_object = payload.trim_ascii().starts_with(b"{") && payload.trim_ascii().ends_with(b"}");
    let event = Header {
        event_id: Uuid::try_parse(event_id).ok()?,
        tenant_id: Cow::Borrowed(tenant_id),
        timestamp,
        event_type,
        schema_version: schema_version.parse().ok()?,
    };
    is_object.then_some(Accepted { event, sentiment, annotation, payload })
}

/// The sentiment as [`write_accepted`] writes it, and what follows it.
fn written_sentiment(bytes: &[u8]) -> Option<(Option<f64>, Option<Annotation<'_>>, &[u8])> {
    let number = |text: &str| if text == "null" { Some(None) } else { text.parse().ok().map(Some) };
    let end = bytes.iter().position(|&byte| byte == b',' || byte == b'}')?;
    let (score, rest) = bytes.split_at(end);
    let score = number(std::str::from_utf8(score.strip_prefix(br#"{"score":"#)?).ok()?)?;
    if let Some(rest) = rest.strip_prefix(b"}") {
        return Some((score, None, rest));
    }
    let (label, rest) = text(rest.strip_prefix(br#","label":""#)?)?;
    let rest = rest.strip_prefix(br#","probabilities":"#)?;
    let rest = match rest.strip_prefix(b"null") {
        Some(rest) => rest,
        None => &rest[rest.iter().position(|&byte| byte == b']')? + 1..],
    };
    let rest = rest.strip_prefix(br#","language":"#)?;
    let (language, rest) = match rest.strip_prefix(b"null") {
        Some(rest) => (None, rest),
        None => text(rest.strip_prefix(b"\"")?).map(|(language, rest)| (Some(language), rest))?,
    };
    let (model, rest) = text(rest.strip_prefix(br#","model":""#)?)?;
    let rest = end_of_object(rest)?;
    let json = std::str::from_utf8(&bytes[..bytes.len() - rest.len()]).ok()?;
    Some((score, Some(Annotation { label, language, model, json }), rest))
}

/// What follows the end of the object that these bytes are in.
fn end_of_object(mut bytes: &[u8]) -> Option<&[u8]> {
    let mut depth = 1;
    loop {
        let at = bytes.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}'))?;
        let (byte, rest) = bytes[at..].split_first()?;
        bytes = rest;
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some(bytes),
            b'}' => depth -= 1,
            _ => bytes = behind_string(bytes)?,
        }
    }
}

/// What follows a JSON string, from behind its opening quote.
fn behind_string(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let at = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        match bytes[at] {
            b'"' => return Some(&bytes[at + 1..]),
            _ => bytes = bytes.get(at + 2..)?,
        }
    }
}

/// A JSON string without escapes, from behind its opening quote; and what follows it.
fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let length = bytes.iter().position(|&byte| byte == b'"' || byte == b'\\')?;
    let (text, rest) = bytes.split_at(length);
    Some((std::str::from_utf8(text).ok()?, rest.strip_prefix(b"\"")?))
}

/// A number or `null`, up to the brace behind it.
fn bare(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let length = bytes.iter().position(|&byte| byte == b'}')?;
    let (text, rest) = bytes.split_at(length);
    Some((std::str::from_utf8(text).ok()?, rest))
}
