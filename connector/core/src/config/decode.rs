//! From a located tree to a typed section. Every error names the key and where it stands.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::error::Fault;
use super::tree::{Key, Node, Value};

/// Decodes a tree into a section's struct.
///
/// # Errors
/// An unknown key, a missing one, or a value of the wrong type.
pub(super) fn decode<T: serde::de::DeserializeOwned>(tree: &Node) -> Result<T, Fault> {
    T::deserialize(Decoder { node: tree, path: String::new() })
}

/// Reads one node. `path` is the dotted path to it.
struct Decoder<'t> {
    node: &'t Node,
    path: String,
}

impl Decoder<'_> {
    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::at(self.node.place, &self.path, message)
    }

    fn expected(&self, what: &str) -> Fault {
        let found = match &self.node.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar(_) if self.node.secret => "a secret that is none".to_owned(),
            Value::Scalar(text) => format!("`{text}`"),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
        };
        self.fault(format!("expected {what}, found {found}"))
    }

    fn text(&self, what: &str) -> Result<&str, Fault> {
        match &self.node.value {
            Value::Scalar(text) => Ok(text),
            _ => Err(self.expected(what)),
        }
    }
}

/// One method per integer type, so that the error can say the type's range.
macro_rules! integers {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let what = format!("a whole number from {} to {}", <$type>::MIN, <$type>::MAX);
            match self.text(&what)?.parse::<$type>() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(self.expected(&what)),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Decoder<'_> {
    type Error = Fault;

    integers!(deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_i64 visit_i64 i64);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Scalar(_) => self.deserialize_str(visitor),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.text("true or false")? {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(self.expected("true or false")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = self.text("text")?;
        visitor.visit_str(text).map_err(|fault: Fault| {
            // The parser's own words may quote the value.
            if self.node.secret {
                self.expected("another value")
            } else {
                fault.or_at(self.node.place, &self.path)
            }
        })
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let name: StrDeserializer<'_, Fault> =
            self.text(&format!("one of {}", variants.join(", ")))?.into_deserializer();
        visitor.visit_enum(name).map_err(|fault| fault.or_at(self.node.place, &self.path))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::List(items) => visitor
                .visit_seq(Items { items, path: &self.path, next: 0 })
                .map_err(|fault| fault.or_at(self.node.place, &self.path)),
            _ => Err(self.expected("a list")),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let entries = match &self.node.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Null => &[],
            _ => return Err(self.expected("a map")),
        };
        visitor
            .visit_map(Entries { entries, path: &self.path, value: None, skip_empty: false })
            .map_err(|fault| fault.or_at(self.node.place, &self.path))
    }

    /// A section. A key without a value counts as absent, so it takes its default.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let entries = match &self.node.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Null => &[],
            _ => return Err(self.expected("a map")),
        };
        if let Some((key, _)) = entries.iter().find(|(key, _)| !fields.contains(&key.name.as_str())) {
            let mut known = fields.to_vec();
            known.sort_unstable();
            let message = format!("unknown key, expected one of {}", known.join(", "));
            return Err(Fault::at(key.place, child(&self.path, &key.name), message));
        }
        visitor
            .visit_map(Entries { entries, path: &self.path, value: None, skip_empty: true })
            .map_err(|fault| fault.or_at(self.node.place, &self.path))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

fn child(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

struct Items<'t> {
    items: &'t [Node],
    path: &'t str,
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.items.get(self.next) else { return Ok(None) };
        let path = format!("{}[{}]", self.path, self.next);
        self.next += 1;
        let place = node.place;
        seed.deserialize(Decoder { node, path: path.clone() }).map(Some).map_err(|f| f.or_at(place, &path))
    }
}

struct Entries<'t> {
    entries: &'t [(Key, Node)],
    path: &'t str,
    value: Option<&'t (Key, Node)>,
    skip_empty: bool,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        while let Some((entry, rest)) = self.entries.split_first() {
            self.entries = rest;
            if self.skip_empty && matches!(entry.1.value, Value::Null) {
                continue;
            }
            self.value = Some(entry);
            let name: StrDeserializer<'_, Fault> = entry.0.name.as_str().into_deserializer();
            return seed.deserialize(name).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let Some((key, node)) = self.value.take() else {
            return Err(serde::de::Error::custom("a value was asked for before its key"));
        };
        let path = child(self.path, &key.name);
        seed.deserialize(Decoder { node, path: path.clone() }).map_err(|f| f.or_at(node.place, &path))
    }
}
