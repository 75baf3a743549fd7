//! `fluvio` and `source.fluvio`: the cluster, and what is read of it; and what Fluvio's own
//! `meta.consumer` has to say to that.

use std::fmt;

use bytesize::ByteSize;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, Visitor};

/// `fluvio`: which cluster, for the source and the mirror alike. Where neither key is set, it is the
/// one of Fluvio's current profile, as for Fluvio's own commands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Cluster {
    /// The SC's public address, `HOST:PORT`, without TLS; default none.
    #[serde(deserialize_with = "unless_empty")]
    pub endpoint: Option<String>,
    /// A profile of Fluvio's configuration (`fluvio profile list`); default the current one.
    #[serde(deserialize_with = "unless_empty")]
    pub profile: Option<String>,
}

fn unless_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok((!text.trim().is_empty()).then_some(text))
}

/// `source.fluvio`: topics of the cluster, all partitions that are this shard's.
#[derive(Debug, Clone)]
pub struct FluvioSource {
    /// Topics; default the one of `meta.topic`. At least one.
    pub topics: Vec<String>,
    /// Under which name `fluvio consumer list` shows the offsets; default `meta.consumer.id`, else
    /// `meta.name`. They are for display: where to resume is kept in ClickHouse.
    pub consumer: String,
    /// Where the SmartModule runs; default broker.
    pub smartmodule: RunsIn,
    /// Most bytes of one answer of the SPU; default `meta.consumer.max_bytes`, else 8 MiB. From 64 KiB
    /// to 1 GiB. It must be well above what the SmartModule makes of any one batch of the producers.
    pub max_bytes: ByteSize,
    /// Which partitions are this connector's; default all.
    pub shard: Shard,
}

/// `source.fluvio.smartmodule`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunsIn {
    /// The SPU runs it, under the name of `transforms[0].uses`.
    #[default]
    Broker,
    /// The connector runs the file `smartmodule.wasm`, as for Kafka and files.
    Connector,
}

/// `source.fluvio.shard`: the partitions whose number modulo `count` is `index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which of the shards this is; default 0, below `count`. `ordinal` in the file: the number behind the
    /// last `-` of the variable `HOSTNAME`, as the pods of a StatefulSet have it.
    pub index: u32,
    /// How many connectors share the partitions; default 1.
    pub count: u32,
}

impl Shard {
    /// Whether a partition is this shard's.
    #[must_use]
    pub const fn owns(self, partition: u32) -> bool {
        partition % self.count == self.index
    }
}

/// `source.fluvio` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Section {
    pub(super) topics: Option<Vec<String>>,
    pub(super) consumer: Option<String>,
    pub(super) smartmodule: RunsIn,
    pub(super) max_bytes: Option<ByteSize>,
    pub(super) shard: ShardSection,
}

impl Section {
    /// Most bytes of one answer, where nothing else is said: well above the mirror's batches.
    pub(super) const MAX_BYTES: ByteSize = ByteSize::mib(8);
}

/// [`Shard`] as it is written.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct ShardSection {
    pub(super) index: Index,
    pub(super) count: u32,
}

impl Default for ShardSection {
    fn default() -> Self {
        Self { index: Index::Number(0), count: 1 }
    }
}

/// `source.fluvio.shard.index` as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Index {
    Number(u32),
    Ordinal,
}

impl<'de> Deserialize<'de> for Index {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Index;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number or `ordinal`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Index, E> {
                match (text, text.parse()) {
                    ("ordinal", _) => Ok(Index::Ordinal),
                    (_, Ok(number)) => Ok(Index::Number(number)),
                    _ => Err(E::custom(format!("expected a whole number or `ordinal`, found `{text}`"))),
                }
            }
        }
        deserializer.deserialize_str(Word)
    }
}

/// `meta.consumer`, which any Fluvio connector has.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Consumer {
    /// Default of `source.fluvio.consumer`.
    pub id: Option<String>,
    /// Default of `source.fluvio.max_bytes`.
    #[serde(alias = "max-bytes")]
    pub max_bytes: Option<ByteSize>,
    /// What Fluvio's own connectors do with offsets.
    pub(super) offset: Option<Offset>,
    #[serde(rename = "partition")]
    _partition: IgnoredAny,
}

/// `meta.consumer.offset`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Offset {
    pub(super) strategy: Strategy,
    pub(super) start: Option<IgnoredAny>,
    #[serde(default, rename = "flush_period", alias = "flush-period")]
    _flush_period: IgnoredAny,
}

/// `meta.consumer.offset.strategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Strategy {
    None,
    Manual,
    Auto,
}

/// Why a name cannot be a Fluvio topic; `None` if it can: 1 to 63 of `a-z 0-9 -`, no `-` at the ends.
#[must_use]
pub fn bad_topic(name: &str) -> Option<&'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match name {
        "" => Some("a topic's name cannot be empty"),
        _ if !name.chars().all(allowed) => {
            Some("a Fluvio topic's name has only lower-case letters, digits and '-'")
        }
        _ if name.starts_with('-') || name.ends_with('-') => {
            Some("a Fluvio topic's name has no '-' at its ends")
        }
        _ if name.len() > 63 => Some("a Fluvio topic's name has at most 63 characters"),
        _ => None,
    }
}
