//! The mirror: with which source it runs, and which topic goes where.

use std::collections::BTreeMap;
use std::time::Duration;

use bytesize::ByteSize;

use super::super::cluster::bad_topic;
use super::super::error::Fault;
use super::super::kafka::Kafka;
use super::super::mirror::{Mirror, Section, default_topic};
use super::{Check, Kind};

const BATCH_BYTES: std::ops::RangeInclusive<ByteSize> = ByteSize::kib(16)..=ByteSize::mib(16);
const RECORD_BYTES: std::ops::RangeInclusive<ByteSize> = ByteSize::kib(64)..=ByteSize::mib(32);
const TIMEOUT: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);

impl Check<'_> {
    pub(super) fn mirror(&self, section: Option<Section>, source: Kind) -> Result<Option<Mirror>, Fault> {
        let section = match (section, source) {
            (Some(section), Kind::Fluvio | Kind::None) => section,
            (Some(_), Kind::Kafka | Kind::File) => {
                return Err(self.fault(
                    "mirror",
                    "source.kind must be fluvio, to read what the mirror writes, or none, for the mirror alone",
                ));
            }
            (None, Kind::None) => {
                return Err(self.fault("source.kind", "none, and there is no mirror: nothing would run"));
            }
            (None, _) => return Ok(None),
        };
        let kafka = section.kafka.complete(Section::GROUP);
        self.kafka("mirror.kafka", &kafka, "there is a mirror")?;
        let topics = self.mirrored_topics(&kafka, section.topics)?;
        self.require(
            BATCH_BYTES.contains(&section.batch_bytes),
            "mirror.batch_bytes",
            "must be from 16 KiB to 16 MiB",
        )?;
        self.require(
            RECORD_BYTES.contains(&section.max_record_bytes),
            "mirror.max_record_bytes",
            "must be from 64 KiB to 32 MiB",
        )?;
        self.require(
            TIMEOUT.contains(&section.produce_timeout),
            "mirror.produce_timeout",
            "must be from 1 second to 10 minutes",
        )?;
        self.present("mirror.set_aside", &section.set_aside.to_string_lossy())?;
        Ok(Some(Mirror {
            kafka,
            topics,
            batch_bytes: section.batch_bytes,
            max_record_bytes: section.max_record_bytes,
            produce_timeout: section.produce_timeout,
            set_aside: section.set_aside,
        }))
    }

    /// The Fluvio topic of every Kafka topic. The partition of a Fluvio topic is the mirror's own record
    /// of how far it came in the one Kafka partition, so no two may share it.
    fn mirrored_topics(
        &self,
        kafka: &Kafka,
        named: BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, Fault> {
        for (from, to) in &named {
            let key = format!("mirror.topics.{from}");
            if !kafka.topics.contains(from) {
                let message = format!("is not among mirror.kafka.topics, {}", kafka.topics.join(", "));
                return Err(self.fault(&key, message));
            }
            if let Some(reason) = bad_topic(to) {
                return Err(self.fault(&key, format!("`{to}`: {reason}")));
            }
        }
        let mut topics = named;
        for (index, from) in kafka.topics.iter().enumerate() {
            if topics.contains_key(from) {
                continue;
            }
            let to = default_topic(from);
            if let Some(reason) = bad_topic(&to) {
                let message =
                    format!("`{from}` would go to `{to}`: {reason}; name another under mirror.topics");
                return Err(self.fault(&format!("mirror.kafka.topics[{index}]"), message));
            }
            topics.insert(from.clone(), to);
        }
        let mut sources = BTreeMap::new();
        for (from, to) in &topics {
            if let Some(other) = sources.insert(to, from) {
                let message =
                    format!("`{other}` and `{from}` would both go to `{to}`: each needs a topic of its own");
                return Err(self.fault("mirror.topics", message));
            }
        }
        Ok(topics)
    }
}
