//! The configuration as a tree whose every value knows where it stands.
//!
//! The typed sections are decoded from this tree and not from the YAML text, because three things
//! happen in between: secrets are rendered into scalars (never into YAML syntax, so a password may
//! hold any character), the environment replaces values, and every later error still names the line
//! or the variable.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::error::Place;

/// One value of the configuration.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
    /// True if a secret was rendered into it: its text appears in no error.
    pub(super) secret: bool,
}

/// What a [`Node`] holds. Scalars stay text until a section says what they should be.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// The key of an entry, and where it stands: an unknown key is reported there.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) place: Place,
}

impl Node {
    /// Reads one YAML document. An error is `(line, message)`.
    pub(super) fn parse(text: &str) -> Result<Self, (u64, String)> {
        let options = serde_saphyr::options! { with_snippet: false };
        match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options) {
            Ok(document) => Ok(document.value.located(document.defined, text)),
            Err(error) => {
                let line = error.location().map_or(1, |location| location.line());
                Err((line.max(1), error.to_string()))
            }
        }
    }

    /// A value that the environment set.
    pub(super) fn from_variable(name: &'static str, value: Value) -> Self {
        Self { place: Place::Variable(name), value, secret: false }
    }

    /// The entry of a map.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// Puts a value at a path of map keys, making the maps on the way. Where the file holds something
    /// else than a map, it is left as it is: decoding reports it.
    pub(super) fn set(&mut self, path: &[&str], value: Node) {
        let Some((first, rest)) = path.split_first() else {
            *self = value;
            return;
        };
        if matches!(self.value, Value::Null) {
            self.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut self.value else { return };
        let place = value.place;
        let index = entries.iter().position(|(key, _)| key.name == *first).unwrap_or_else(|| {
            let key = Key { name: (*first).to_owned(), place };
            entries.push((key, Node { place, value: Value::Null, secret: false }));
            entries.len() - 1
        });
        entries[index].1.set(rest, value);
    }

    /// Where the value at a dotted path stands; where it is absent, its nearest ancestor.
    pub(super) fn place_of(&self, path: &str) -> Place {
        // A librdkafka property has dots in its name.
        if let Some(node) = self.get(path) {
            return node.place;
        }
        let (head, rest) = path.split_once('.').unwrap_or((path, ""));
        let (name, index) = match head.split_once('[') {
            Some((name, index)) => (name, index.trim_end_matches(']').parse::<usize>().ok()),
            None => (head, None),
        };
        let child = self.get(name).and_then(|node| match (index, &node.value) {
            (Some(index), Value::List(items)) => items.get(index),
            (Some(_), _) => None,
            (None, _) => Some(node),
        });
        match child {
            Some(child) if rest.is_empty() => child.place,
            Some(child) => child.place_of(rest),
            None => self.get(name).map_or(self.place, |node| node.place),
        }
    }
}

/// What serde-saphyr hands over, before lines and texts are looked up.
enum Raw {
    Null,
    Text(String),
    /// A plain scalar that YAML takes for a number or a boolean. Its value is dropped and its text
    /// read again from the file: the password `007` is not the number 7.
    Plain(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl Raw {
    fn located(self, location: Location, text: &str) -> Node {
        let value = match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::Scalar(text),
            Self::Plain(parsed) => Value::Scalar(source_text(location, text).unwrap_or(parsed)),
            Self::List(items) => {
                Value::List(items.into_iter().map(|item| item.value.located(item.defined, text)).collect())
            }
            Self::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, node)| {
                        let place = Place::Line(key.referenced.line().max(1));
                        (Key { name: key.value, place }, node.value.located(node.defined, text))
                    })
                    .collect(),
            ),
        };
        Node { place: Place::Line(location.line().max(1)), value, secret: false }
    }
}

fn source_text(location: Location, text: &str) -> Option<String> {
    let start = usize::try_from(location.span().byte_offset()?).ok()?;
    let length = usize::try_from(location.span().byte_len()?).ok()?;
    let slice = text.get(start..start.checked_add(length)?)?.trim();
    (!slice.is_empty()).then(|| slice.to_owned())
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}
