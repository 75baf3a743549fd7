//! A mirrored record's key with all of its members.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use serde::Deserialize;

use super::{Encoder, Parts, Place};

/// Name and value of a record's header. A name may come more than once.
pub type Header = (String, Option<Vec<u8>>);

/// Everything that a key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Which incarnation of the topic.
    pub generation: u32,
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: u32,
    /// The offset there.
    pub offset: u64,
    /// Kafka's timestamp, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The record's key in Kafka.
    pub key: Option<Vec<u8>>,
    /// Its headers in their order.
    pub headers: Vec<Header>,
    /// Whether the record has no value in Kafka.
    pub is_null: bool,
}

/// As it is written; see the module for the format.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    mirror: u32,
    generation: u32,
    topic: String,
    partition: u32,
    offset: u64,
    timestamp: i64,
    key: Option<String>,
    key_base64: Option<String>,
    #[serde(default)]
    headers: Vec<(String, Option<Value>)>,
    #[serde(default)]
    null: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Bytes { base64: String },
}

impl Value {
    fn bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.into_bytes()),
            Self::Bytes { base64 } => STANDARD.decode(base64).ok(),
        }
    }
}

impl Key {
    /// Reads a key as an [`Encoder`] wrote it; `None` for any other.
    #[must_use]
    pub fn read(key: &[u8]) -> Option<Self> {
        Place::read(key)?;
        let written: Written = serde_json::from_slice(key).ok().filter(|key: &Written| key.mirror == 1)?;
        let key = match (written.key, written.key_base64) {
            (None, None) => None,
            (Some(text), None) => Some(text.into_bytes()),
            (None, Some(base64)) => Some(STANDARD.decode(base64).ok()?),
            (Some(_), Some(_)) => return None,
        };
        let headers = written.headers.into_iter().map(|(name, value)| match value {
            None => Some((name, None)),
            Some(value) => Some((name, Some(value.bytes()?))),
        });
        Some(Self {
            generation: written.generation,
            topic: written.topic,
            partition: written.partition,
            offset: written.offset,
            timestamp_ms: written.timestamp,
            key,
            headers: headers.collect::<Option<_>>()?,
            is_null: written.null,
        })
    }

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut written = BytesMut::new();
        let parts = Parts {
            offset: self.offset,
            timestamp_ms: self.timestamp_ms,
            key: self.key.as_deref(),
            is_null: self.is_null,
        };
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        Encoder::new(self.generation, &self.topic, self.partition).encode(&mut written, parts, headers);
        written.to_vec()
    }
}
