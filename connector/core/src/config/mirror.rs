//! `mirror`: Kafka topics into Fluvio topics, partition to partition.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use super::kafka::{self, Kafka};

/// `mirror`: fills Fluvio topics from Kafka. Off where the section is absent.
#[derive(Debug, Clone)]
pub struct Mirror {
    /// What is read; default group voc-mirror.
    pub kafka: Kafka,
    /// The Fluvio topic of each Kafka topic, complete. Default the same name in lower case, with `-` for
    /// every character that Fluvio does not have. No two go to one.
    pub topics: BTreeMap<String, String>,
    /// Most bytes of one produce request, except for one record that is larger by itself; default
    /// 512 KiB, from 16 KiB to 16 MiB.
    pub batch_bytes: ByteSize,
    /// A record that is larger as Fluvio holds it, key and value, is set aside as `too_large`; default
    /// 1536 KiB, from 64 KiB to 32 MiB.
    pub max_record_bytes: ByteSize,
    /// How long one produce request may take before its outcome counts as unknown and the end of the
    /// partition is looked at; default 10 s, from 1 s to 10 minutes.
    pub produce_timeout: Duration,
    /// Where a mirror that runs alone (`source.kind: none`) writes down the records that it set aside, one
    /// a line; default mirror-set-aside.ndjson. With a sink they are dead letters.
    pub set_aside: PathBuf,
}

/// [`Mirror`] as it is written.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Section {
    pub(super) kafka: kafka::Section,
    pub(super) topics: BTreeMap<String, String>,
    pub(super) batch_bytes: ByteSize,
    pub(super) max_record_bytes: ByteSize,
    #[serde(with = "humantime_serde")]
    pub(super) produce_timeout: Duration,
    pub(super) set_aside: PathBuf,
}

impl Section {
    /// The consumer group where none is named.
    pub(super) const GROUP: &str = "voc-mirror";
}

impl Default for Section {
    fn default() -> Self {
        Self {
            kafka: kafka::Section::default(),
            topics: BTreeMap::new(),
            batch_bytes: ByteSize::kib(512),
            max_record_bytes: ByteSize::kib(1536),
            produce_timeout: Duration::from_secs(10),
            set_aside: "mirror-set-aside.ndjson".into(),
        }
    }
}

/// The Fluvio topic of a Kafka topic for which none is named. It may still be no valid name.
pub(super) fn default_topic(kafka: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    kafka.chars().map(allowed).collect()
}
