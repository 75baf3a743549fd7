//! The sections of `Connector.yaml`, one struct each. Defaults and units stand in the fields' comments.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

pub use super::cluster::{Cluster, Consumer, FluvioSource, RunsIn, Shard};
pub use super::kafka::Kafka;
pub use super::mirror::Mirror;

/// `meta`: Fluvio's own keys. The connector needs none of them to run, but a file without them would
/// not load into a cluster, so the first four are required.
#[derive(Debug, Clone, Deserialize)]
pub struct Meta {
    /// Version of the connector, e.g. `0.1.0`.
    pub version: String,
    /// Name of this instance.
    pub name: String,
    /// Type of the connector. A type that ends in `-source` would make it a source: refused.
    #[serde(rename = "type")]
    pub kind: String,
    /// The Fluvio topic: its name, or Fluvio's map with `meta.name`.
    pub topic: Topic,
    /// Fluvio's own words about consuming: defaults for `source.fluvio`.
    #[serde(default)]
    pub consumer: Consumer,
    #[serde(default, rename = "producer")]
    _producer: IgnoredAny,
    #[serde(default, rename = "secrets")]
    _secrets: IgnoredAny,
}

/// Name of a Fluvio topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic(pub String);

impl<'de> Deserialize<'de> for Topic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl<'de> Visitor<'de> for Name {
            type Value = Topic;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a topic's name, or a map with meta.name")
            }

            fn visit_str<E>(self, name: &str) -> Result<Topic, E> {
                Ok(Topic(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Topic, A::Error> {
                let mut name = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key == "meta" {
                        name = map.next_value::<BTreeMap<String, String>>()?.remove("name");
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                name.map(Topic).ok_or_else(|| serde::de::Error::missing_field("meta.name"))
            }
        }
        deserializer.deserialize_any(Name)
    }
}

/// One entry of `transforms`. Exactly one is allowed: the project's SmartModule.
#[derive(Debug, Clone, Deserialize)]
pub struct Transform {
    /// `[GROUP/]NAME[@VERSION]`; default `voc/voc-smartmodule@0.1.0`.
    pub uses: String,
    /// The SmartModule's params, as text: `max_bytes` (bytes), `max_depth`, `max_future_hours` (hours),
    /// `max_past_days` (days), `sentiment` (`lexicon_and_model` or `keywords`), `tenant_languages` (JSON).
    /// What is absent takes the SmartModule's default.
    #[serde(default)]
    pub with: BTreeMap<String, String>,
}

impl Default for Transform {
    fn default() -> Self {
        Self { uses: "voc/voc-smartmodule@0.1.0".to_owned(), with: BTreeMap::new() }
    }
}

/// `source`: where records come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// Topics of a Kafka cluster.
    Kafka(Kafka),
    /// An NDJSON file.
    File(File),
    /// Topics of a Fluvio cluster.
    Fluvio(FluvioSource),
    /// Nowhere: the mirror runs alone.
    None,
}

/// `source.file`: one NDJSON file, a record per line.
#[derive(Debug, Clone, Deserialize)]
pub struct File {
    /// The file. Required.
    pub path: PathBuf,
    /// Name of the stream in the origin of every row; default the file's name without its folder.
    #[serde(default)]
    pub stream: String,
    /// Whether to wait for more lines at the end; default true. `--once` ends there anyway.
    #[serde(default = "yes")]
    pub follow: bool,
}

fn yes() -> bool {
    true
}

/// `smartmodule`: the compiled module that runs in process.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct SmartModule {
    /// The `.wasm` file; default where `smdk build` puts it,
    /// `target/wasm32-unknown-unknown/release-lto/voc_smartmodule.wasm`.
    pub wasm: PathBuf,
}

impl Default for SmartModule {
    fn default() -> Self {
        Self { wasm: "target/wasm32-unknown-unknown/release-lto/voc_smartmodule.wasm".into() }
    }
}

/// `batch`: when what has been read is written. Every batch is one insert, and one insert must stay
/// below one ClickHouse block, or a retry could be cut differently and store rows twice.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Batch {
    /// A batch is written at this age at the latest; default 2 s, above 0 and at most 10 minutes.
    #[serde(with = "humantime_serde")]
    pub max_age: Duration,
    /// Below this many rows a batch waits for `max_age`; default 500, at least 1.
    pub min_rows: usize,
    /// A batch is written at this many rows; default 100,000, at most 1,000,000.
    pub max_rows: usize,
    /// A batch is written at this size; default 96 MiB, at most 256 MB. The open ones of all partitions together have
    /// twice as much.
    pub max_bytes: ByteSize,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            max_age: Duration::from_secs(2),
            min_rows: 500,
            max_rows: 100_000,
            max_bytes: ByteSize::mib(96),
        }
    }
}

/// `clickhouse`: ClickHouse's HTTP interface.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct ClickHouse {
    /// Host name or address, without scheme; default localhost.
    pub host: String,
    /// HTTP port; default 8123.
    pub port: u16,
    /// User; default `default`.
    pub user: String,
    /// Password; default empty.
    pub password: Secret,
    /// Database; default `default`.
    pub database: String,
    /// Compression of request and answer bodies; default lz4.
    pub compression: Compression,
    /// How new tables are partitioned; default bucket. Tables that exist keep what they have.
    pub partition_by: PartitionBy,
}

impl Default for ClickHouse {
    fn default() -> Self {
        Self {
            host: "localhost".to_owned(),
            port: 8123,
            user: "default".to_owned(),
            password: Secret::default(),
            database: "default".to_owned(),
            compression: Compression::Lz4,
            partition_by: PartitionBy::Bucket,
        }
    }
}

impl ClickHouse {
    /// `http://HOST:PORT`; an IPv6 address gets its brackets.
    #[must_use]
    pub fn url(&self) -> String {
        if self.host.contains(':') {
            format!("http://[{}]:{}", self.host, self.port)
        } else {
            format!("http://{}:{}", self.host, self.port)
        }
    }
}

/// `clickhouse.compression`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// ClickHouse's own LZ4 framing.
    Lz4,
    /// Plain bodies.
    None,
}

/// `clickhouse.partition_by`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartitionBy {
    /// Sixteen buckets of tenants, by month: any number of tenants.
    Bucket,
    /// By tenant and month, as the original service did: for few tenants.
    Tenant,
}

/// `monitoring`: the connector's own `/healthz`, `/readyz` and `/metrics`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Monitoring {
    /// Address or host name to bind; default 127.0.0.1.
    pub host: String,
    /// Port; default 8001, 0 takes any free one.
    pub port: u16,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), port: 8001 }
    }
}

/// `audit`: how often the connector audits what is stored (`voc-connector audit` does it at any time).
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Audit {
    /// Time between two audits, and before the first; default 1 h, 0 s for none.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
}

impl Default for Audit {
    fn default() -> Self {
        Self { interval: Duration::from_secs(3600) }
    }
}

/// `api`: where the API serves.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Api {
    /// Address or host name to bind; default 127.0.0.1.
    pub host: String,
    /// Port; default 8000, 0 takes any free one.
    pub port: u16,
    /// The API reads and checks it itself.
    pub access: IgnoredAny,
    /// This too.
    pub limits: IgnoredAny,
    /// And this.
    pub cache: IgnoredAny,
    /// And this.
    pub ingest: IgnoredAny,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8000,
            access: IgnoredAny,
            limits: IgnoredAny,
            cache: IgnoredAny,
            ingest: IgnoredAny,
        }
    }
}

/// A text that no log shows.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the client that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "(empty)" } else { "(redacted)" })
    }
}
