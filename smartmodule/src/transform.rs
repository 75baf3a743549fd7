//! The transform: one record in, one envelope out.

use crate::document::Document;
use crate::params::{Params, Sentiment};
use crate::rejection::{Code, Rejection};
use crate::sentiment::keywords;
use crate::validate::{Event, validate};
use crate::{envelope, sentiment};

/// Appends the envelope of `record` to `out`.
///
/// `record_timestamp_ms` is the record's own time (Kafka's or Fluvio's; for a file, the time of
/// reading) in milliseconds since 1970, negative where it has none: the module has no clock.
pub fn annotate(record: &[u8], record_timestamp_ms: i64, params: &Params, out: &mut Vec<u8>) {
    if record.len() > params.max_bytes {
        let message = format!("the record has {} bytes, more than {}", record.len(), params.max_bytes);
        return envelope::write_rejected(&Rejection::of_record(Code::TooLarge, message), record, out);
    }
    let mut document = Document::empty();
    if let Err(rejection) = document.read(record, params.max_depth) {
        return envelope::write_rejected(&rejection, record, out);
    }
    match validate(&document, record_timestamp_ms, params) {
        Ok(event) => write_accepted(&document, &event, record, params, out),
        Err(rejection) => envelope::write_rejected(&rejection, record, out),
    }
}

fn write_accepted(
    document: &Document<'_>,
    event: &Event<'_>,
    record: &[u8],
    params: &Params,
    out: &mut Vec<u8>,
) {
    envelope::write_accepted(event, record, out, |out| match params.sentiment {
        Sentiment::LexiconAndModel => sentiment::write(document, event, params, out),
        Sentiment::Keywords => envelope::write_score(keywords::score(document.texts(event.event_type)), out),
    });
}

/// The tenant that a rejected record names, if it can be told: the record is a document whose
/// `tenant_id` is a tenant.
#[must_use]
pub fn tenant_of(record: &[u8], params: &Params) -> Option<String> {
    if record.len() > params.max_bytes {
        return None;
    }
    let mut document = Document::empty();
    document.read(record, params.max_depth).ok()?;
    crate::validate::tenant_of(&document)
}
