//! An event's document, read once: every field of the contract in its slot, the rest passed over.

use crate::contract::{EventType, Name};
use crate::json::{Error, Scanner, Text, Value};
use crate::rejection::{Code, Rejection};

/// The contract's fields of one object, as they stand there.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    values: [Option<Value<'a>>; Name::COUNT],
    repeated: u32,
}

// One bit for each name.
const _: () = assert!(Name::COUNT <= u32::BITS as usize);

impl<'a> Fields<'a> {
    const EMPTY: Self = Self { values: [None; Name::COUNT], repeated: 0 };

    /// The field's value; the first, where it stands there twice.
    #[must_use]
    pub fn get(&self, name: Name) -> Option<Value<'a>> {
        self.values[name as usize]
    }

    /// Whether the field stands there more than once.
    #[must_use]
    pub fn is_repeated(&self, name: Name) -> bool {
        self.repeated & (1 << name as u8) != 0
    }

    fn put(&mut self, name: Name, value: Value<'a>) {
        let slot = &mut self.values[name as usize];
        if slot.is_some() {
            self.repeated |= 1 << name as u8;
        } else {
            *slot = Some(value);
        }
    }
}

/// One element of a `transcript` array.
#[derive(Debug, Clone, Copy)]
pub enum Turn<'a> {
    /// An object, with the contract's fields of it.
    Object {
        /// `speaker`, as it stands there.
        speaker: Option<Value<'a>>,
        /// `text`, as it stands there.
        text: Option<Value<'a>>,
        /// `offset_ms`, as it stands there.
        offset_ms: Option<Value<'a>>,
        /// The first of the three in the contract's order that stands there twice.
        repeated: Option<Name>,
    },
    /// Anything else.
    NotObject,
}

/// A document that is JSON, not too deep, and an object.
#[derive(Debug)]
pub struct Document<'a> {
    /// The contract's fields.
    pub fields: Fields<'a>,
    /// The elements of the first `transcript`, where that is an array.
    pub turns: Vec<Turn<'a>>,
}

impl<'a> Document<'a> {
    /// Nothing yet.
    #[must_use]
    pub const fn empty() -> Self {
        Self { fields: Fields::EMPTY, turns: Vec::new() }
    }

    /// Reads a record into it: into, because the fields are many, and a result is copied on its way.
    ///
    /// # Errors
    /// A rejection with one of the codes that concern the record as a whole, from `not_utf8` to
    /// `not_object`.
    pub fn read(&mut self, record: &'a [u8], max_depth: u32) -> Result<(), Rejection> {
        let text = std::str::from_utf8(record).map_err(|error| {
            let message = format!("the record is not UTF-8 at byte {}", error.valid_up_to());
            Rejection::of_record(Code::NotUtf8, message)
        })?;
        let mut scanner = Scanner::new(text, max_depth);
        let is_object = scanner.peek() == Some(b'{');
        let scanned = if is_object {
            scanner.members(|key, scanner| self.member(key, scanner))
        } else {
            scanner.value().map(drop)
        };
        match scanned.and_then(|()| scanner.end()) {
            Ok(()) if is_object => Ok(()),
            Ok(()) => {
                Err(Rejection::of_record(Code::NotObject, "the record is JSON, but not an object".to_owned()))
            }
            Err(Error::TooDeep(at)) => {
                let message = format!("the value at byte {at} is nested deeper than {max_depth}");
                Err(Rejection::of_record(Code::TooDeep, message))
            }
            Err(Error::Syntax(at)) if at == text.len() => {
                let message = format!("the record ends at byte {at} before its JSON does");
                Err(Rejection::of_record(Code::NotJson, message))
            }
            Err(Error::Syntax(at)) => {
                Err(Rejection::of_record(Code::NotJson, format!("the record is not JSON at byte {at}")))
            }
        }
    }

    /// The texts of the transcript of an event of this type: one if it is a string, else one for each turn.
    pub fn texts(&self, event_type: EventType) -> impl Iterator<Item = Text<'a>> + Clone {
        let text = |value| match value {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        };
        let whole = text(self.fields.get(Name::Transcript));
        let turns = self.turns.iter().filter_map(move |turn| text(turn.get(Name::Text)));
        whole.into_iter().chain(turns).filter(move |_| event_type.has_transcript())
    }

    fn member(&mut self, key: Text<'a>, scanner: &mut Scanner<'a>) -> Result<(), Error> {
        let name = Name::from_key(&key.decode());
        let is_transcript = name == Some(Name::Transcript);
        let is_first = self.fields.get(Name::Transcript).is_none();
        let value = if is_transcript && is_first && scanner.peek() == Some(b'[') {
            scanner.elements(|scanner| {
                self.turns.push(Turn::read(scanner)?);
                Ok(())
            })?;
            Value::Array
        } else {
            scanner.value()?
        };
        if let Some(name) = name {
            self.fields.put(name, value);
        }
        Ok(())
    }
}

impl<'a> Turn<'a> {
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, Error> {
        if scanner.peek() != Some(b'{') {
            return scanner.value().map(|_| Self::NotObject);
        }
        let (mut speaker, mut text, mut offset_ms) = (None, None, None);
        let mut repeated: Option<Name> = None;
        scanner.members(|key, scanner| {
            let value = scanner.value()?;
            let (name, slot) = match &*key.decode() {
                "speaker" => (Name::Speaker, &mut speaker),
                "text" => (Name::Text, &mut text),
                "offset_ms" => (Name::OffsetMs, &mut offset_ms),
                _ => return Ok(()),
            };
            if slot.is_none() {
                *slot = Some(value);
            } else if repeated.is_none_or(|earlier| (name as u8) < earlier as u8) {
                repeated = Some(name);
            }
            Ok(())
        })?;
        Ok(Self::Object { speaker, text, offset_ms, repeated })
    }

    /// The value of one of a turn's fields.
    #[must_use]
    pub fn get(&self, name: Name) -> Option<Value<'a>> {
        match (self, name) {
            (Self::Object { speaker, .. }, Name::Speaker) => *speaker,
            (Self::Object { text, .. }, Name::Text) => *text,
            (Self::Object { offset_ms, .. }, Name::OffsetMs) => *offset_ms,
            _ => None,
        }
    }
}
