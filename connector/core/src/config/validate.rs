//! From decoded sections to a [`Config`]: what no single type can say.

mod cluster;
mod mirror;

use std::collections::BTreeMap;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;
use voc_smartmodule::params::Params;

use super::Config;
use super::cluster::{Cluster, Section as FluvioSection};
use super::decode::decode;
use super::error::Fault;
use super::kafka::{self, Kafka, Section as KafkaSection};
use super::mirror::Section as MirrorSection;
use super::rollups::{Retentions, Rollups};
use super::sections::{
    Api, Audit, Batch, ClickHouse, File, Meta, Monitoring, SmartModule, Source, Transform,
};
use super::tree::Node;

/// More rows could exceed one ClickHouse block (1,048,449 rows).
const MOST_ROWS: usize = 1_000_000;
/// More bytes could exceed one ClickHouse block (256 MB).
const MOST_BYTES: ByteSize = ByteSize::mb(256);
/// A batch that is older has been forgotten, not collected.
const LONGEST_AGE: Duration = Duration::from_secs(600);

/// The file as it is written; [`build`] turns it into what the connector needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    api_version: Option<String>,
    meta: Meta,
    transforms: Option<Vec<Transform>>,
    #[serde(default)]
    fluvio: Cluster,
    #[serde(default)]
    source: SourceSection,
    mirror: Option<MirrorSection>,
    #[serde(default)]
    smartmodule: SmartModule,
    #[serde(default)]
    batch: Batch,
    #[serde(default)]
    clickhouse: ClickHouse,
    #[serde(default)]
    monitoring: Monitoring,
    #[serde(default)]
    audit: Audit,
    #[serde(default)]
    rollups: Rollups,
    #[serde(default)]
    retention: Retentions,
    #[serde(default)]
    api: Api,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SourceSection {
    kind: Kind,
    kafka: KafkaSection,
    file: Option<File>,
    fluvio: FluvioSection,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Kafka,
    File,
    Fluvio,
    None,
}

/// Decodes and checks everything.
pub(super) fn build(tree: &Node, environment: &BTreeMap<String, String>) -> Result<Config, Fault> {
    let document: Document = decode(tree)?;
    let check = Check { tree, environment };
    check.version(document.api_version.as_deref())?;
    check.meta(&document.meta)?;
    let transform = check.transform(document.transforms)?;
    check.cluster(&document.fluvio)?;
    let kind = document.source.kind;
    let source = check.source(document.source, &document.meta)?;
    let mirror = check.mirror(document.mirror, kind)?;
    check.present("smartmodule.wasm", &document.smartmodule.wasm.to_string_lossy())?;
    check.batch(&document.batch)?;
    check.clickhouse(&document.clickhouse)?;
    check.present("monitoring.host", &document.monitoring.host)?;
    check.present("api.host", &document.api.host)?;
    Ok(Config {
        meta: document.meta,
        transform,
        fluvio: document.fluvio,
        source,
        mirror,
        smartmodule: document.smartmodule,
        batch: document.batch,
        clickhouse: document.clickhouse,
        monitoring: document.monitoring,
        audit: document.audit,
        rollups: document.rollups,
        retention: document.retention,
        api: document.api,
    })
}

struct Check<'t> {
    tree: &'t Node,
    environment: &'t BTreeMap<String, String>,
}

impl Check<'_> {
    fn fault(&self, key: &str, message: impl Into<String>) -> Fault {
        Fault::at(self.tree.place_of(key), key, message)
    }

    fn require(&self, holds: bool, key: &str, message: impl Into<String>) -> Result<(), Fault> {
        if holds { Ok(()) } else { Err(self.fault(key, message)) }
    }

    fn present(&self, key: &str, text: &str) -> Result<(), Fault> {
        self.require(!text.trim().is_empty(), key, "cannot be empty")
    }

    fn version(&self, version: Option<&str>) -> Result<(), Fault> {
        match version {
            Some("0.1.0" | "0.2.0") => Ok(()),
            Some(other) => {
                Err(self.fault("apiVersion", format!("unknown version `{other}`, expected 0.2.0 or 0.1.0")))
            }
            None => Err(self.fault("apiVersion", "missing, expected 0.2.0")),
        }
    }

    fn meta(&self, meta: &Meta) -> Result<(), Fault> {
        self.present("meta.name", &meta.name)?;
        self.present("meta.version", &meta.version)?;
        self.present("meta.type", &meta.kind)?;
        self.present("meta.topic", &meta.topic.0)?;
        let message = format!("`{}` names a source, and this connector is a sink: voc-sink", meta.kind);
        self.require(!meta.kind.ends_with("-source"), "meta.type", message)?;
        self.consumer(&meta.consumer)
    }

    fn transform(&self, transforms: Option<Vec<Transform>>) -> Result<Transform, Fault> {
        let Some(mut transforms) = transforms else { return Ok(Transform::default()) };
        self.require(
            transforms.len() < 2,
            "transforms[1]",
            "only one transform is supported, the project's SmartModule",
        )?;
        let transform = transforms.pop().ok_or_else(|| {
            self.fault("transforms", "empty, but what is stored is the SmartModule's work: leave the key out")
        })?;
        let (path, version) = match transform.uses.split_once('@') {
            Some((path, version)) => (path, Some(version)),
            None => (transform.uses.as_str(), None),
        };
        self.require(
            matches!(path, "voc/voc-smartmodule" | "voc-smartmodule")
                && version.is_none_or(|version| version == env!("CARGO_PKG_VERSION")),
            "transforms[0].uses",
            format!("unknown transform `{}`, expected {}", transform.uses, Transform::default().uses),
        )?;
        if let Some(unknown) = transform.with.keys().find(|name| !Params::NAMES.contains(&name.as_str())) {
            let message = format!("unknown key, expected one of {}", Params::NAMES.join(", "));
            return Err(self.fault(&format!("transforms[0].with.{unknown}"), message));
        }
        Ok(transform)
    }

    fn source(&self, section: SourceSection, meta: &Meta) -> Result<Source, Fault> {
        match section.kind {
            Kind::Kafka => {
                let kafka = section.kafka.complete(&Kafka::default().group_id);
                self.kafka("source.kafka", &kafka, "source.kind is kafka")?;
                Ok(Source::Kafka(kafka))
            }
            Kind::File => {
                let missing = || self.fault("source.file.path", "missing, and source.kind is file");
                let mut file = section.file.ok_or_else(missing)?;
                self.file(&mut file)?;
                Ok(Source::File(file))
            }
            Kind::Fluvio => Ok(Source::Fluvio(self.fluvio(section.fluvio, meta)?)),
            Kind::None => Ok(Source::None),
        }
    }

    /// `section` is its path; `why` says why it is needed.
    fn kafka(&self, section: &str, kafka: &Kafka, why: &str) -> Result<(), Fault> {
        self.present(&format!("{section}.bootstrap"), &kafka.bootstrap)?;
        self.present(&format!("{section}.group_id"), &kafka.group_id)?;
        let topics = format!("{section}.topics");
        self.require(!kafka.topics.is_empty(), &topics, format!("empty, and {why}"))?;
        for (index, topic) in kafka.topics.iter().enumerate() {
            let key = format!("{topics}[{index}]");
            if let Some(reason) = kafka::bad_topic(topic) {
                return Err(self.fault(&key, format!("`{topic}`: {reason}")));
            }
            self.require(!kafka.topics[..index].contains(topic), &key, format!("`{topic}` is there twice"))?;
        }
        for property in kafka.properties.keys() {
            if let Some(reason) = kafka::reserved(property) {
                let key = format!("{section}.properties.{property}");
                return Err(self.fault(&key, format!("cannot be set: {reason}")));
            }
        }
        Ok(())
    }

    fn file(&self, file: &mut File) -> Result<(), Fault> {
        self.present("source.file.path", &file.path.to_string_lossy())?;
        if file.stream.is_empty() {
            let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned());
            file.stream = name.ok_or_else(|| self.fault("source.file.path", "names a folder, not a file"))?;
        }
        self.require(
            file.stream.chars().count() <= 249 && !file.stream.chars().any(char::is_control),
            "source.file.stream",
            "a stream's name has at most 249 characters, none of them a control character",
        )
    }

    fn batch(&self, batch: &Batch) -> Result<(), Fault> {
        self.require(!batch.max_age.is_zero(), "batch.max_age", "must be above 0")?;
        self.require(batch.max_age <= LONGEST_AGE, "batch.max_age", "must be at most 10 minutes")?;
        self.require(batch.min_rows > 0, "batch.min_rows", "must be at least 1")?;
        self.require(
            batch.max_rows <= MOST_ROWS,
            "batch.max_rows",
            format!("{} rows do not fit one ClickHouse block, at most {MOST_ROWS}", batch.max_rows),
        )?;
        self.require(
            batch.min_rows <= batch.max_rows,
            "batch.min_rows",
            format!("{} is above batch.max_rows, {}", batch.min_rows, batch.max_rows),
        )?;
        self.require(batch.max_bytes.as_u64() > 0, "batch.max_bytes", "must be above 0")?;
        self.require(
            batch.max_bytes <= MOST_BYTES,
            "batch.max_bytes",
            "does not fit one ClickHouse block, at most 256 MB",
        )
    }

    fn clickhouse(&self, clickhouse: &ClickHouse) -> Result<(), Fault> {
        self.present("clickhouse.host", &clickhouse.host)?;
        let plain = !clickhouse.host.contains('/') && !clickhouse.host.contains(char::is_whitespace);
        self.require(plain, "clickhouse.host", "a host name or address, without scheme, path or space")?;
        self.require(clickhouse.port != 0, "clickhouse.port", "must be from 1 to 65535")?;
        self.present("clickhouse.user", &clickhouse.user)?;
        let word = clickhouse.database.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        self.require(
            word && !clickhouse.database.is_empty(),
            "clickhouse.database",
            "a database's name has only letters, digits and _",
        )
    }
}
