//! Faults of single fields.

use super::Fault;
use crate::generate::draft::Draft;
use crate::generate::random::Random;

/// Gives one field of the event this fault.
pub(super) fn field(fault: Fault, draft: &mut Draft, random: &mut Random) {
    match fault {
        Fault::TooDeep => draft.set("metadata", nested(64 + random.index(40), random.percent(50))),
        Fault::DuplicateKey => repeat(draft, random),
        Fault::MissingField => {
            let name = *random.pick(required(draft));
            draft.remove(name);
        }
        Fault::WrongType => {
            let (name, json) = *random.pick(wrong_types(draft));
            draft.set(name, json);
        }
        Fault::BadUuid => draft.set("event_id", *random.pick(&BAD_UUIDS)),
        Fault::BadTimestamp => draft.set("timestamp", *random.pick(&BAD_TIMESTAMPS)),
        Fault::FutureTimestamp => draft.set("timestamp", *random.pick(&FUTURE_TIMESTAMPS)),
        Fault::PastTimestamp => draft.set("timestamp", *random.pick(&PAST_TIMESTAMPS)),
        Fault::BadTenant => match random.below(6) {
            0 => draft.set("tenant_id", format!("\"{}\"", "x".repeat(129))),
            _ => draft.set("tenant_id", *random.pick(&BAD_TENANTS)),
        },
        Fault::UnknownEventType => {
            draft.set(
                "event_type",
                *random.pick(&["\"survey\"", "\"Call\"", "\"\"", "\"qos-metric\"", "\"call \""]),
            );
        }
        Fault::UnsupportedSchemaVersion => {
            draft.set("schema_version", *random.pick(&["2", "0", "-1", "99999999999999999999"]));
        }
        Fault::OutOfRange => {
            let (name, json) = *random.pick(out_of_range(draft));
            draft.set(name, json);
        }
        // These are faults of the line, not of a field.
        Fault::TooLarge | Fault::NotUtf8 | Fault::NotJson | Fault::Blank | Fault::NotObject => {}
    }
}

const BAD_UUIDS: [&str; 7] = [
    "\"\"",
    "\"42\"",
    "\"7b5c2f0e8a4d4c1b9e6f3a2d1c0b9a88\"",
    "\"{7b5c2f0e-8a4d-4c1b-9e6f-3a2d1c0b9a88}\"",
    "\"urn:uuid:7b5c2f0e-8a4d-4c1b-9e6f-3a2d1c0b9a88\"",
    "\"7b5c2f0e-8a4d-4c1b-9e6f-3a2d1c0b9a8\"",
    "\"7b5c2f0e-8a4d-4c1b-9e6f-3a2d1c0b9a8g\"",
];

const BAD_TIMESTAMPS: [&str; 9] = [
    "\"\"",
    "\"yesterday\"",
    "\"2026-10-14\"",
    "\"2026-10-14T09:30:00\"",
    "\"2026-10-14 09:30:00Z\"",
    "\"2026-02-30T09:30:00Z\"",
    "\"14/10/2026 09:30\"",
    "\"1791970200000\"",
    "1791970200000.5",
];

/// Later than any time of reading that this project will see.
const FUTURE_TIMESTAMPS: [&str; 4] =
    ["\"2099-01-01T00:00:00Z\"", "\"2099-12-31T23:59:59.999-03:00\"", "4070908800000", "1791970200000000"];

/// The last one is in seconds, a common mistake that reads as a day in 1970.
const PAST_TIMESTAMPS: [&str; 5] =
    ["\"1999-12-31T23:59:59Z\"", "\"1970-01-01T00:00:00+00:00\"", "946684799000", "-1", "1791970200"];

const BAD_TENANTS: [&str; 5] = ["\"\"", "\"acme\\u0000\"", "\"acme\\n\"", "\"\\u007f\"", "\"a\\tb\""];

/// An object or array in which values nest this deep.
fn nested(depth: usize, arrays: bool) -> String {
    // `metadata` itself is an object; inside it, anything may nest.
    let (open, close) = if arrays { ("[", "]") } else { ("{\"a\":", "}") };
    format!("{{\"a\":{}1{}}}", open.repeat(depth - 1), close.repeat(depth - 1))
}

/// Writes a field of the contract a second time, with the same value or another.
fn repeat(draft: &mut Draft, random: &mut Random) {
    let repeatable = ["event_id", "tenant_id", "timestamp", "event_type", "call_id"];
    let name = *random.pick(&repeatable);
    let first = draft.fields.iter().find(|(known, _)| *known == name).map(|(_, json)| json.clone());
    match first {
        Some(json) if random.percent(50) => draft.put(name, json),
        Some(_) => draft.put(name, "\"another\""),
        // `call_id` is optional, and a field of the contract in every type.
        None => draft.fields.extend([(name, "\"call-1\"".to_owned()), (name, "null".to_owned())]),
    }
}

fn event_type(draft: &Draft) -> &str {
    draft.fields.iter().find(|(name, _)| *name == "event_type").map_or("", |(_, json)| json)
}

fn required(draft: &Draft) -> &'static [&'static str] {
    match event_type(draft) {
        "\"agent_action\"" => &["event_id", "tenant_id", "timestamp", "event_type", "agent_id", "action"],
        "\"tool_invocation\"" => &["event_id", "tenant_id", "timestamp", "event_type", "tool"],
        "\"qos_metric\"" => &["event_id", "tenant_id", "timestamp", "event_type", "metric", "value"],
        _ => &["event_id", "tenant_id", "timestamp", "event_type"],
    }
}

fn wrong_types(draft: &Draft) -> &'static [(&'static str, &'static str)] {
    match event_type(draft) {
        "\"call\"" => &[
            ("transcript", "42"),
            ("transcript", "[\"hello\"]"),
            ("transcript", "[{\"speaker\":\"customer\",\"text\":null}]"),
            ("duration_ms", "\"3 min\""),
            ("channel", "7"),
            ("event_id", "12345"),
        ],
        "\"agent_action\"" => {
            &[("success", "\"yes\""), ("action", "null"), ("duration_ms", "[]"), ("tenant_id", "null")]
        }
        "\"tool_invocation\"" => {
            &[("latency_ms", "\"fast\""), ("success", "1"), ("tool", "{}"), ("timestamp", "true")]
        }
        _ => &[
            ("value", "\"4.2\""),
            ("value", "null"),
            ("unit", "false"),
            ("metadata", "[]"),
            ("schema_version", "\"1\""),
            ("schema_version", "1.5"),
        ],
    }
}

fn out_of_range(draft: &Draft) -> &'static [(&'static str, &'static str)] {
    match event_type(draft) {
        "\"call\"" => &[
            ("duration_ms", "-1"),
            ("transcript", "[{\"speaker\":\"customer\",\"text\":\"ok\",\"offset_ms\":-20}]"),
        ],
        "\"agent_action\"" => &[("duration_ms", "-0.5"), ("duration_ms", "1e400")],
        "\"tool_invocation\"" => &[("latency_ms", "-3"), ("latency_ms", "1E+999")],
        _ => &[("value", "1e400"), ("value", "-1e999")],
    }
}
