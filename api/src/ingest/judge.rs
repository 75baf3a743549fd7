//! Holds one document against the contract and the tenant: by the code that the SmartModule runs, with its params.

use uuid::Uuid;
use voc_smartmodule::document::Document;
use voc_smartmodule::params::Params;
use voc_smartmodule::rejection::{Code, Rejection};
use voc_smartmodule::validate::validate;

/// Why an event is not stored.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One of the contract's codes, or [`FORBIDDEN`].
    pub code: &'static str,
    /// The field at fault; none where it is the document as a whole.
    pub field: Option<String>,
    /// For people.
    pub message: String,
}

/// The code of an event that is another tenant's.
pub const FORBIDDEN: &str = "forbidden";

impl From<Rejection> for Refusal {
    fn from(Rejection { code, field, message }: Rejection) -> Self {
        Self { code: code.as_str(), field, message }
    }
}

/// Gives the event's id, if it is an event of this tenant. `now_ms` stands for the time of its record, in
/// milliseconds since 1970: it will be read a moment later.
///
/// # Errors
/// What the SmartModule would reject it with; or it is of another tenant.
pub fn judge(record: &[u8], tenant: &str, now_ms: i64, params: &Params) -> Result<Uuid, Refusal> {
    if record.len() > params.max_bytes {
        // As `transform::annotate` says it.
        let message = format!("the record has {} bytes, more than {}", record.len(), params.max_bytes);
        return Err(Rejection::of_record(Code::TooLarge, message).into());
    }
    let mut document = Document::empty();
    document.read(record, params.max_depth)?;
    let event = validate(&document, now_ms, params)?;
    if event.tenant_id.decode() != tenant {
        return Err(Refusal {
            code: FORBIDDEN,
            field: Some("tenant_id".to_owned()),
            message: "the event is of another tenant than the path".to_owned(),
        });
    }
    Ok(event.event_id)
}

#[cfg(test)]
mod tests {
    use voc_smartmodule::envelope::Envelope;
    use voc_smartmodule::transform::annotate;

    use super::*;

    const NOW: i64 = 1_793_491_200_000;
    const GOOD: &str = r#"{"event_id":"27ac435a-7a97-4643-a564-12a9b8a1abcd","tenant_id":"caf\u00e9","timestamp":"2026-10-31T09:05:00Z","event_type":"call","transcript":"bad"}"#;

    fn refused(record: &str, params: &Params) -> Refusal {
        judge(record.as_bytes(), "café", NOW, params).expect_err(record)
    }

    #[test]
    fn a_good_event_of_the_tenant_passes_however_the_tenant_is_written() {
        let id = judge(GOOD.as_bytes(), "café", NOW, &Params::default()).unwrap();
        assert_eq!(id.to_string(), "27ac435a-7a97-4643-a564-12a9b8a1abcd");
    }

    #[test]
    fn an_event_of_another_tenant_is_forbidden() {
        for tenant in ["acme", "Café", "caf\\u00e9", "café "] {
            let refusal = judge(GOOD.as_bytes(), tenant, NOW, &Params::default()).unwrap_err();
            assert_eq!((refusal.code, refusal.field.as_deref()), (FORBIDDEN, Some("tenant_id")), "{tenant}");
        }
    }

    #[test]
    fn a_bad_event_gets_what_the_smartmodule_would_say() {
        let few = Params { max_bytes: 300, max_depth: 3, ..Params::default() };
        for record in [
            "{",
            "[]",
            "7",
            "{}",
            &GOOD.replace("27ac", "27a"),
            &GOOD.replace("caf\\u00e9", ""),
            &GOOD.replace("caf\\u00e9", "\\ud800"),
            &GOOD.replace(r#""tenant_id":"caf\u00e9","#, ""),
            &GOOD.replace(r#""caf\u00e9""#, "null"),
            &GOOD.replace("2026-10-31T", "2026-10-31 "),
            &GOOD.replace("2026", "2020"),
            &GOOD.replace("2026", "2027"),
            &GOOD.replace("call", "cal"),
            &GOOD.replace(r#""bad""#, "5"),
            &GOOD.replace(r#""bad""#, r#"[{"speaker":"a"}]"#),
            &GOOD.replace("{", r#"{"schema_version":2,"#),
            &GOOD.replace("{", r#"{"duration_ms":-1,"#),
            &GOOD.replace("{", r#"{"event_type":"call","#),
            &GOOD.replace("{", r#"{"metadata":{"a":{"b":{"c":1}}},"#),
            &GOOD.replace("bad", &"bad ".repeat(100)),
        ] {
            let mut envelope = Vec::new();
            annotate(record.as_bytes(), NOW, &few, &mut envelope);
            let Envelope::Rejected(expected) = Envelope::read(&envelope).unwrap() else { panic!("{record}") };
            let found = refused(record, &few);
            assert_eq!(
                (found.code, found.field.as_deref(), found.message.as_str()),
                (expected.code, expected.field.as_deref(), &*expected.message),
                "{record}"
            );
        }
    }
}
