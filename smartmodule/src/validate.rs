//! Holds a document against the contract: an event, or the one fault that is reported.
//!
//! A document may have many faults. The one with the smallest code is reported, and of several with
//! that code the one whose field comes first in the contract, so that the answer depends on nothing but
//! the document.

use uuid::Uuid;

use crate::contract::{COMMON, EventType, Field, Kind, Name, SCHEMA_VERSION, TURN, is_tenant_id};
use crate::document::{Document, Turn};
use crate::json::{Number, Text, Value};
use crate::params::Params;
use crate::rejection::{Code, Rejection};
use crate::timestamp::{Micros, STORABLE, parse_rfc3339};

/// An event that fulfils the contract, borrowed from its document.
#[derive(Debug)]
pub struct Event<'a> {
    /// `event_id`.
    pub event_id: Uuid,
    /// `tenant_id`, as written.
    pub tenant_id: Text<'a>,
    /// `timestamp`.
    pub timestamp: Micros,
    /// `event_type`.
    pub event_type: EventType,
}

/// Validates a document that was read from a record with this time (milliseconds since 1970; negative
/// where the record has none, and then no event is too far from it).
///
/// # Errors
/// The rejection, with a code from `duplicate_key` to `out_of_range`.
pub fn validate<'a>(
    document: &Document<'a>,
    record_timestamp_ms: i64,
    params: &Params,
) -> Result<Event<'a>, Rejection> {
    let mut reader = Reader { document, window: Window::around(record_timestamp_ms, params), worst: None };
    let event_type = match document.fields.get(Name::EventType) {
        Some(Value::Text(name)) => EventType::from_name(&name.decode()),
        _ => None,
    };
    let own_fields = event_type.map_or(&[] as &[Field], EventType::fields);
    let mut found = Found::default();
    for (order, field) in (0..).zip(COMMON.iter().chain(own_fields)) {
        let place = Place { order, name: field.name, turn: None };
        reader.check(field, place, document.fields.get(field.name), &mut found);
    }
    match (reader.worst, event_type, found) {
        (
            None,
            Some(event_type),
            Found { event_id: Some(event_id), tenant_id: Some(tenant_id), timestamp: Some(timestamp) },
        ) => Ok(Event { event_id, tenant_id, timestamp, event_type }),
        (Some(fault), ..) => Err(fault.into_rejection()),
        // A required field without a value is a fault, so this cannot be reached; but a map never errs.
        (None, ..) => {
            Err(Rejection::of_record(Code::MissingField, "a required field has no value".to_owned()))
        }
    }
}

/// The tenant that a document names once, if the name is one.
#[must_use]
pub fn tenant_of(document: &Document<'_>) -> Option<String> {
    match document.fields.get(Name::TenantId) {
        Some(Value::Text(text)) if !document.fields.is_repeated(Name::TenantId) => {
            text.decode_strict().filter(|tenant_id| is_tenant_id(tenant_id)).map(Into::into)
        }
        _ => None,
    }
}

/// What the event keeps of the values that were checked.
#[derive(Default)]
struct Found<'a> {
    event_id: Option<Uuid>,
    tenant_id: Option<Text<'a>>,
    timestamp: Option<Micros>,
}

/// Where a fault is. Places compare in the contract's order.
#[derive(Clone, Copy)]
struct Place {
    order: u8,
    name: Name,
    turn: Option<(usize, Option<Name>)>,
}

impl Place {
    fn rank(self) -> (u8, usize, u8) {
        let (turn, name) = self.turn.map_or((0, 0), |(turn, name)| (turn, name.map_or(0, |name| name as u8)));
        (self.order, turn, name)
    }

    fn path(self) -> String {
        let name = self.name.as_str();
        match self.turn {
            None => name.to_owned(),
            Some((index, None)) => format!("{name}[{index}]"),
            Some((index, Some(inner))) => format!("{name}[{index}].{}", inner.as_str()),
        }
    }
}

struct Fault {
    code: Code,
    place: Place,
    message: String,
}

impl Fault {
    fn into_rejection(self) -> Rejection {
        Rejection { code: self.code, field: Some(self.place.path()), message: self.message }
    }
}

/// The times that an event of a record may have, ends included.
struct Window {
    earliest: Micros,
    latest: Micros,
}

impl Window {
    fn around(record_timestamp_ms: i64, params: &Params) -> Self {
        let (mut earliest, mut latest) = (STORABLE.start, STORABLE.end - 1);
        if record_timestamp_ms >= 0 {
            let record = record_timestamp_ms.saturating_mul(1000);
            earliest = earliest.max(record.saturating_sub(i64::from(params.max_past_days) * 86_400_000_000));
            latest = latest.min(record.saturating_add(i64::from(params.max_future_hours) * 3_600_000_000));
        }
        Self { earliest, latest }
    }
}

struct Reader<'d, 'a> {
    document: &'d Document<'a>,
    window: Window,
    worst: Option<Fault>,
}

impl<'a> Reader<'_, 'a> {
    fn check(&mut self, field: &Field, place: Place, value: Option<Value<'a>>, found: &mut Found<'a>) {
        if place.turn.is_none() && self.document.fields.is_repeated(field.name) {
            self.fault(Code::DuplicateKey, place, || "the field stands there twice".to_owned());
        }
        match value {
            Some(Value::Null) if !field.required => {}
            Some(value) => self.check_value(field, place, value, found),
            None if field.required => {
                self.fault(Code::MissingField, place, || "the field is required".to_owned());
            }
            None => {}
        }
    }

    fn check_value(&mut self, field: &Field, place: Place, value: Value<'a>, found: &mut Found<'a>) {
        match (field.kind, value) {
            (Kind::Any, _)
            | (Kind::Object, Value::Object)
            | (Kind::Text, Value::Text(_))
            | (Kind::Flag, Value::Flag(_)) => {}
            (Kind::Uuid, Value::Text(text)) => found.event_id = self.uuid(place, text),
            (Kind::Tenant, Value::Text(text)) => found.tenant_id = self.tenant(place, text),
            (Kind::Timestamp, Value::Text(text)) => {
                let time = parse_rfc3339(&text.decode());
                found.timestamp = self.timestamp(place, time, "RFC 3339 with an offset");
            }
            (Kind::Timestamp, Value::Number(number)) => {
                let time = number.to_whole().map(|millis| millis.saturating_mul(1000));
                found.timestamp = self.timestamp(place, time, "a whole number of milliseconds");
            }
            (Kind::EventType, Value::Text(text)) => {
                if EventType::from_name(&text.decode()).is_none() {
                    let names = EventType::ALL.map(EventType::as_str).join(", ");
                    self.fault(Code::UnknownEventType, place, || format!("the type is none of {names}"));
                }
            }
            (Kind::SchemaVersion, Value::Number(number)) => match number.to_whole() {
                None => self.wrong_type(field, place, value),
                Some(version) if version == i64::from(SCHEMA_VERSION) => {}
                Some(_) => self.fault(Code::UnsupportedSchemaVersion, place, || {
                    format!("the version is not {SCHEMA_VERSION}")
                }),
            },
            (Kind::Quantity, Value::Number(number)) => self.number(place, number, 0.0),
            (Kind::Number, Value::Number(number)) => self.number(place, number, f64::NEG_INFINITY),
            (Kind::Transcript, Value::Text(_)) => {}
            (Kind::Transcript, Value::Array) => self.turns(place, found),
            _ => self.wrong_type(field, place, value),
        }
    }

    fn uuid(&mut self, place: Place, text: Text<'a>) -> Option<Uuid> {
        // Of the forms that the crate reads, only the hyphenated one has 36 characters.
        let text = text.decode();
        let uuid = (text.len() == 36).then(|| Uuid::try_parse(&text).ok()).flatten();
        if uuid.is_none() {
            self.fault(Code::BadUuid, place, || "the value is not a hyphenated UUID".to_owned());
        }
        uuid
    }

    fn tenant(&mut self, place: Place, text: Text<'a>) -> Option<Text<'a>> {
        let is_tenant = text.decode_strict().is_some_and(|tenant_id| is_tenant_id(&tenant_id));
        if !is_tenant {
            self.fault(Code::BadTenant, place, || {
                "a tenant has 1 to 128 characters, none of them a control character".to_owned()
            });
        }
        is_tenant.then_some(text)
    }

    fn timestamp(&mut self, place: Place, time: Option<Micros>, expected: &str) -> Option<Micros> {
        match time {
            None => self.fault(Code::BadTimestamp, place, || format!("the time is not {expected}")),
            Some(time) if time > self.window.latest => {
                self.fault(Code::FutureTimestamp, place, || {
                    "the time lies too far after the record's own".to_owned()
                });
            }
            Some(time) if time < self.window.earliest => {
                self.fault(Code::PastTimestamp, place, || {
                    "the time lies too far before the record's own".to_owned()
                });
            }
            Some(_) => {}
        }
        time
    }

    fn number(&mut self, place: Place, number: Number<'a>, least: f64) {
        let number = number.to_f64();
        if !number.is_finite() {
            self.fault(Code::OutOfRange, place, || "the number is too large for a double".to_owned());
        } else if number < least {
            self.fault(Code::OutOfRange, place, || "the number is negative".to_owned());
        }
    }

    fn turns(&mut self, place: Place, found: &mut Found<'a>) {
        let document = self.document;
        for (index, turn) in document.turns.iter().enumerate() {
            let place = Place { turn: Some((index, None)), ..place };
            let Turn::Object { repeated, .. } = turn else {
                self.fault(Code::WrongType, place, || "a turn is an object".to_owned());
                continue;
            };
            if let Some(name) = repeated {
                let place = Place { turn: Some((index, Some(*name))), ..place };
                self.fault(Code::DuplicateKey, place, || "the field stands there twice".to_owned());
            }
            for field in &TURN {
                let place = Place { turn: Some((index, Some(field.name))), ..place };
                self.check(field, place, turn.get(field.name), found);
            }
        }
    }

    fn wrong_type(&mut self, field: &Field, place: Place, value: Value<'a>) {
        let expected = match field.kind {
            Kind::Uuid | Kind::Tenant | Kind::EventType | Kind::Text => "a string",
            Kind::Timestamp => "a string or a number",
            Kind::SchemaVersion => "an integer",
            Kind::Object => "an object",
            Kind::Flag => "true or false",
            Kind::Quantity | Kind::Number => "a number",
            Kind::Transcript => "a string or an array of turns",
            Kind::Any => "any value",
        };
        let actual = match value {
            Value::Null => "null",
            Value::Flag(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a string",
            Value::Array => "an array",
            Value::Object => "an object",
        };
        self.fault(Code::WrongType, place, || format!("expected {expected}, found {actual}"));
    }

    fn fault(&mut self, code: Code, place: Place, message: impl FnOnce() -> String) {
        let rank = (code, place.rank());
        if self.worst.as_ref().is_none_or(|worst| rank < (worst.code, worst.place.rank())) {
            self.worst = Some(Fault { code, place, message: message() });
        }
    }
}
