//! The envelope: what the SmartModule makes of a record, as JSON, and how the connector reads it.
//!
//! `schema/envelope.v1.json` publishes the form. **Do not change what is there**: envelopes outlive the
//! version that wrote them, and the golden test below holds the bytes. Adding annotations is fine.

mod written;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::append::append;
use crate::contract::SCHEMA_VERSION;
use crate::rejection::Rejection;
use crate::sentiment::ANNOTATION_VERSION;
use crate::sentiment::keywords::KEYWORDS_VERSION;
use crate::timestamp::write_rfc3339;
use crate::validate::Event;

/// Appends the envelope of an accepted event, its payload verbatim; `sentiment` appends that annotation.
pub fn write_accepted(
    event: &Event<'_>,
    payload: &[u8],
    out: &mut Vec<u8>,
    sentiment: impl FnOnce(&mut Vec<u8>),
) {
    out.reserve(payload.len() + 1024);
    out.extend_from_slice(br#"{"status":"accepted","event":{"event_id":""#);
    let mut hyphenated = [0; uuid::fmt::Hyphenated::LENGTH];
    out.extend_from_slice(event.event_id.hyphenated().encode_lower(&mut hyphenated).as_bytes());
    out.extend_from_slice(br#"","tenant_id":""#);
    append(event.tenant_id.raw().as_bytes(), out);
    out.extend_from_slice(br#"","timestamp":""#);
    write_rfc3339(event.timestamp, out);
    out.extend_from_slice(br#"","event_type":""#);
    append(event.event_type.as_str().as_bytes(), out);
    out.extend_from_slice(br#"","schema_version":"#);
    write_json(&SCHEMA_VERSION, out);
    out.extend_from_slice(br#"},"annotations":{"sentiment":"#);
    sentiment(out);
    out.extend_from_slice(br#"},"payload":"#);
    out.extend_from_slice(payload);
    out.push(b'}');
}

/// Appends the annotation that is a score and nothing else: a whole number, as JSON writes a fraction.
pub fn write_score(score: Option<i32>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"score":"#);
    write_json(&score, out);
    out.extend_from_slice(if score.is_some() { b".0}" } else { b"}" });
}

/// Appends the envelope of a rejected record with its original bytes.
pub fn write_rejected(rejection: &Rejection, original: &[u8], out: &mut Vec<u8>) {
    out.reserve(original.len() + original.len() / 2 + 320);
    out.extend_from_slice(br#"{"status":"rejected","rejection":{"code":""#);
    out.extend_from_slice(rejection.code.as_str().as_bytes());
    out.extend_from_slice(br#"","field":"#);
    write_json(&rejection.field, out);
    out.extend_from_slice(br#","message":"#);
    write_json(&rejection.message, out);
    if let Ok(text) = std::str::from_utf8(original) {
        out.extend_from_slice(br#"},"original":"#);
        write_json(text, out);
    } else {
        out.extend_from_slice(br#"},"original_base64":"#);
        write_json(&BASE64.encode(original), out);
    }
    out.push(b'}');
}

fn write_json<T: serde::Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("numbers and strings serialize, and a Vec takes every byte");
}

/// An envelope, read. Borrows from its bytes.
#[derive(Debug, PartialEq)]
pub enum Envelope<'a> {
    /// The record is an event.
    Accepted(Accepted<'a>),
    /// The record is none.
    Rejected(Rejected<'a>),
}

/// An accepted event with its annotations.
#[derive(Debug, PartialEq)]
pub struct Accepted<'a> {
    /// What every event has.
    pub event: Header<'a>,
    /// The sentiment score, `None` where the event has no text.
    pub sentiment: Option<f64>,
    /// The rest of the sentiment, `None` where it is the original rules'.
    pub annotation: Option<Annotation<'a>>,
    /// The record, byte for byte.
    pub payload: &'a [u8],
}

impl Accepted<'_> {
    /// The version of the annotation: [`ANNOTATION_VERSION`] or [`KEYWORDS_VERSION`].
    #[must_use]
    pub fn annotation_version(&self) -> u32 {
        if self.annotation.is_some() { ANNOTATION_VERSION } else { KEYWORDS_VERSION }
    }
}

/// What lexicon and model say besides the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Annotation<'a> {
    /// One of [`crate::sentiment::calibration::Label`]'s names.
    pub label: &'a str,
    /// `en`, `pt` or another primary subtag; `None` where there are no words.
    pub language: Option<&'a str>,
    /// Which model said so.
    pub model: &'a str,
    /// All of `annotations.sentiment`, as it stands in the envelope.
    pub json: &'a str,
}

/// What every event has.
#[derive(Debug, PartialEq, Deserialize)]
pub struct Header<'a> {
    /// Unique for a tenant and time.
    pub event_id: Uuid,
    /// Whose event it is.
    #[serde(borrow)]
    pub tenant_id: Cow<'a, str>,
    /// RFC 3339 in UTC with six digits of fraction; [`crate::timestamp::parse_rfc3339`] reads it.
    pub timestamp: &'a str,
    /// One of [`crate::contract::EventType`]'s names.
    pub event_type: &'a str,
    /// Version of the contract.
    pub schema_version: u16,
}

/// A rejected record with its reason.
#[derive(Debug, PartialEq)]
pub struct Rejected<'a> {
    /// One of [`crate::rejection::Code`]'s names.
    pub code: &'a str,
    /// The field at fault, if it is one.
    pub field: Option<Cow<'a, str>>,
    /// For people.
    pub message: Cow<'a, str>,
    /// The record, byte for byte.
    pub original: Cow<'a, [u8]>,
}

/// Bytes that are no envelope: another SmartModule, or a version that this one does not know.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    /// An envelope that can be read, but says what cannot be; `reason` completes the message.
    #[must_use]
    pub fn new(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "not an envelope of this SmartModule: {}", self.0)
    }
}

impl std::error::Error for Error {}

#[derive(Deserialize)]
struct Wire<'a> {
    status: &'a str,
    #[serde(borrow)]
    event: Option<Header<'a>>,
    #[serde(borrow)]
    annotations: Option<WireAnnotations<'a>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    rejection: Option<WireRejection<'a>>,
    #[serde(borrow)]
    original: Option<Cow<'a, str>>,
    #[serde(borrow)]
    original_base64: Option<&'a str>,
}

#[derive(Deserialize)]
struct WireAnnotations<'a> {
    #[serde(borrow)]
    sentiment: &'a RawValue,
}

#[derive(Deserialize)]
struct WireSentiment<'a> {
    score: Option<f64>,
    label: Option<&'a str>,
    language: Option<&'a str>,
    model: Option<&'a str>,
}

/// The score, and the rest where there is more.
fn read_sentiment(json: &str) -> Result<(Option<f64>, Option<Annotation<'_>>), Error> {
    let wire: WireSentiment<'_> = serde_json::from_str(json).map_err(|error| Error(error.to_string()))?;
    let annotation = wire.label.zip(wire.model).map(|(label, model)| Annotation {
        label,
        language: wire.language,
        model,
        json,
    });
    Ok((wire.score, annotation))
}

#[derive(Deserialize)]
struct WireRejection<'a> {
    code: &'a str,
    #[serde(borrow)]
    field: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Cow<'a, str>,
}

impl<'a> Envelope<'a> {
    /// Reads an envelope.
    ///
    /// # Errors
    /// [`Error`] where the bytes are none.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        match written::read(bytes) {
            Some(accepted) => Ok(Self::Accepted(accepted)),
            None => Self::parse(bytes),
        }
    }

    /// Reads an envelope of any form.
    fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let wire: Wire<'a> = serde_json::from_slice(bytes).map_err(|error| Error(error.to_string()))?;
        let absent = |part: &str| Error(format!("`{part}` is absent"));
        match wire.status {
            "accepted" => {
                let payload = wire.payload.ok_or_else(|| absent("payload"))?;
                let annotations = wire.annotations.ok_or_else(|| absent("annotations"))?;
                let (sentiment, annotation) = read_sentiment(annotations.sentiment.get())?;
                Ok(Self::Accepted(Accepted {
                    event: wire.event.ok_or_else(|| absent("event"))?,
                    sentiment,
                    annotation,
                    payload: verbatim(bytes, payload),
                }))
            }
            "rejected" => {
                let rejection = wire.rejection.ok_or_else(|| absent("rejection"))?;
                let original = match (wire.original, wire.original_base64) {
                    (Some(Cow::Borrowed(text)), _) => Cow::Borrowed(text.as_bytes()),
                    (Some(Cow::Owned(text)), _) => Cow::Owned(text.into_bytes()),
                    (None, Some(base64)) => {
                        Cow::Owned(BASE64.decode(base64).map_err(|error| Error(error.to_string()))?)
                    }
                    (None, None) => return Err(absent("original")),
                };
                let WireRejection { code, field, message } = rejection;
                Ok(Self::Rejected(Rejected { code, field, message, original }))
            }
            other => Err(Error(format!("status `{other}` is not known"))),
        }
    }
}

/// The payload with the white space around it, which a JSON reader drops: what lies between the colon
/// before it and the brace that ends the envelope.
fn verbatim<'a>(envelope: &'a [u8], payload: &RawValue) -> &'a [u8] {
    let start = payload.get().as_ptr() as usize - envelope.as_ptr() as usize;
    let before = envelope[..start].trim_ascii_end().len();
    let end = envelope.trim_ascii_end().len() - 1;
    let has_nothing_behind = envelope[start + payload.get().len()..end].trim_ascii().is_empty();
    if has_nothing_behind { &envelope[before..end] } else { &envelope[start..start + payload.get().len()] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Params;
    use crate::transform::annotate;

    const RECORD_TIME: i64 = 1_793_491_200_000;

    fn envelope_of(record: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        annotate(record, RECORD_TIME, &Params::default(), &mut out);
        out
    }

    fn by_keywords(record: &[u8]) -> Vec<u8> {
        let params = Params::from_pairs([("sentiment", "keywords")]).unwrap();
        let mut out = Vec::new();
        annotate(record, RECORD_TIME, &params, &mut out);
        out
    }

    #[test]
    fn the_bytes_of_an_accepted_event_do_not_change() {
        let record = r#" {"tenant_id":"caf\u00e9","event_id":"27AC435A-7a97-4643-a564-12a9b8a1abcd","timestamp":"2026-11-01T09:05:00.5-03:00","event_type":"call","transcript":"Bad, and not happy. Thanks"}"#;
        let expected = format!(
            r#"{{"status":"accepted","event":{{"event_id":"27ac435a-7a97-4643-a564-12a9b8a1abcd","tenant_id":"caf\u00e9","timestamp":"2026-11-01T12:05:00.500000Z","event_type":"call","schema_version":1}},"annotations":{{"sentiment":{{"score":-1.0}}}},"payload":{record}}}"#
        );
        let envelope = by_keywords(record.as_bytes());
        assert_eq!(String::from_utf8_lossy(&envelope), expected);
        let Envelope::Accepted(accepted) = Envelope::read(&envelope).unwrap() else { panic!("{expected}") };
        assert_eq!(accepted.event.tenant_id, "café");
        assert_eq!((accepted.sentiment, accepted.annotation_version()), (Some(-1.0), KEYWORDS_VERSION));
        assert_eq!(accepted.payload, record.as_bytes());
    }

    #[test]
    fn the_bytes_of_a_rejection_do_not_change() {
        let envelope = envelope_of(b"{\"a\":\n");
        let expected = r#"{"status":"rejected","rejection":{"code":"not_json","field":null,"message":"the record ends at byte 6 before its JSON does"},"original":"{\"a\":\n"}"#;
        assert_eq!(String::from_utf8_lossy(&envelope), expected);
        let envelope = envelope_of(b"\xff\n");
        let expected = r#"{"status":"rejected","rejection":{"code":"not_utf8","field":null,"message":"the record is not UTF-8 at byte 0"},"original_base64":"/wo="}"#;
        assert_eq!(String::from_utf8_lossy(&envelope), expected);
    }

    #[test]
    fn every_original_comes_back_byte_for_byte() {
        for record in [b"".as_slice(), b"\xff\xfe\x00", b"\"\\u0000\x00\x1f\x7f", "é\u{2028}".as_bytes()] {
            let envelope = envelope_of(record);
            let Envelope::Rejected(rejected) = Envelope::read(&envelope).unwrap() else { panic!("accepted") };
            assert_eq!(&*rejected.original, record);
        }
    }

    #[test]
    fn what_was_written_is_read_without_parsing_as_with_it() {
        for (tenant, around, is_plain) in
            [("acme", "", true), ("caf\u{e9}", " ", true), (r"caf\u00e9", "", false)]
        {
            for transcript in [r#""}},\"payload\":{""#, r#"[{"speaker":"a","text":"bad","offset_ms":1}]"#] {
                let record = format!(
                    r#"{around}{{"tenant_id":"{tenant}","event_id":"27AC435A-7a97-4643-a564-12a9b8a1abcd","timestamp":"2026-11-01T09:05:00.5-03:00","event_type":"call","transcript":{transcript}}}{around}"#
                );
                for envelope in [envelope_of(record.as_bytes()), by_keywords(record.as_bytes())] {
                    let parsed = Envelope::parse(&envelope).unwrap();
                    assert_eq!(Envelope::read(&envelope).unwrap(), parsed);
                    assert_eq!(written::read(&envelope).map(Envelope::Accepted), is_plain.then_some(parsed));
                }
            }
        }
        let rejected = envelope_of(b"{");
        assert_eq!(written::read(&rejected), None);
        let mut longer = envelope_of(br#"{"a":1}"#);
        longer.truncate(20);
        assert_eq!(written::read(&longer), None);
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        for bytes in [b"".as_slice(), b"{}", br#"{"status":"new"}"#, br#"{"status":"accepted","payload":1}"#]
        {
            assert!(Envelope::read(bytes).is_err());
        }
    }
}
