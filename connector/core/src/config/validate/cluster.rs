//! The Fluvio cluster, what is read of it, and Fluvio's own words about consuming.

use bytesize::ByteSize;

use super::super::cluster::{
    Cluster, Consumer, FluvioSource, Index, Section, Shard, ShardSection, Strategy, bad_topic,
};
use super::super::error::{Fault, Place};
use super::super::sections::Meta;
use super::super::tree::Value;
use super::Check;

/// Less would not hold the batches of an ordinary producer.
const LEAST_BYTES: ByteSize = ByteSize::kib(64);
/// More is no answer that one would wait for; and Fluvio's own number ends soon behind it.
const MOST_BYTES: ByteSize = ByteSize::gib(1);
/// Of which an `ordinal` is the end: `voc-connector-2`.
const HOSTNAME: &str = "HOSTNAME";

impl Check<'_> {
    pub(super) fn cluster(&self, cluster: &Cluster) -> Result<(), Fault> {
        if let Some(endpoint) = &cluster.endpoint {
            self.require(
                cluster.profile.is_none(),
                "fluvio.profile",
                "cannot be set beside fluvio.endpoint: each names a cluster",
            )?;
            let port = endpoint.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            let is_port = port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0));
            self.require(
                is_port && !endpoint.contains('/') && !endpoint.contains(char::is_whitespace),
                "fluvio.endpoint",
                format!("`{endpoint}`: expected HOST:PORT, without scheme, path or space"),
            )?;
        }
        Ok(())
    }

    /// `meta.consumer`: what of it cannot be had is refused, because it would be believed.
    pub(super) fn consumer(&self, consumer: &Consumer) -> Result<(), Fault> {
        let partition = self.tree.get("meta").and_then(|meta| meta.get("consumer")?.get("partition"));
        let is_all = partition.is_none_or(|partition| match &partition.value {
            Value::Null => true,
            Value::Scalar(text) => text == "all",
            Value::List(_) | Value::Map(_) => false,
        });
        self.require(
            is_all,
            "meta.consumer.partition",
            "only `all` is supported: source.fluvio.shard shares partitions among connectors",
        )?;
        if let Some(offset) = &consumer.offset {
            self.require(
                offset.start.is_none(),
                "meta.consumer.offset.start",
                "cannot be set: the checkpoint in ClickHouse says where to go on, and a new stream is read from its \
                 start",
            )?;
            self.require(
                offset.strategy != Strategy::Auto,
                "meta.consumer.offset.strategy",
                "`auto` commits records before they are stored, expected manual or none",
            )?;
        }
        if let Some(id) = &consumer.id {
            self.present("meta.consumer.id", id)?;
        }
        Ok(())
    }

    pub(super) fn fluvio(&self, section: Section, meta: &Meta) -> Result<FluvioSource, Fault> {
        let topics = match section.topics {
            Some(topics) => {
                self.require(!topics.is_empty(), "source.fluvio.topics", "empty, and source.kind is fluvio")?;
                for (index, topic) in topics.iter().enumerate() {
                    let key = format!("source.fluvio.topics[{index}]");
                    if let Some(reason) = bad_topic(topic) {
                        return Err(self.fault(&key, format!("`{topic}`: {reason}")));
                    }
                    let is_first = !topics[..index].contains(topic);
                    self.require(is_first, &key, format!("`{topic}` is there twice"))?;
                }
                topics
            }
            None => match (&meta.topic.0, bad_topic(&meta.topic.0)) {
                (topic, None) => vec![topic.clone()],
                (topic, Some(reason)) => {
                    let message = format!("`{topic}`: {reason}, and source.fluvio.topics names no other");
                    return Err(self.fault("meta.topic", message));
                }
            },
        };
        let consumer = section.consumer.or_else(|| meta.consumer.id.clone());
        let consumer = consumer.unwrap_or_else(|| meta.name.clone());
        self.present("source.fluvio.consumer", &consumer)?;
        let (key, max_bytes) = match (section.max_bytes, meta.consumer.max_bytes) {
            (Some(bytes), _) => ("source.fluvio.max_bytes", bytes),
            (None, Some(bytes)) => ("meta.consumer.max_bytes", bytes),
            (None, None) => ("source.fluvio.max_bytes", Section::MAX_BYTES),
        };
        let fits = (LEAST_BYTES..=MOST_BYTES).contains(&max_bytes);
        self.require(fits, key, "must be from 64 KiB to 1 GiB")?;
        let shard = self.shard(&section.shard)?;
        Ok(FluvioSource { topics, consumer, smartmodule: section.smartmodule, max_bytes, shard })
    }

    fn shard(&self, section: &ShardSection) -> Result<Shard, Fault> {
        const INDEX: &str = "source.fluvio.shard.index";
        let count = section.count;
        self.require(count > 0, "source.fluvio.shard.count", "must be at least 1")?;
        let not_below = |index| format!("{index} is not below source.fluvio.shard.count, {count}");
        let index = match section.index {
            Index::Number(index) => {
                self.require(index < count, INDEX, not_below(index))?;
                index
            }
            Index::Ordinal => {
                let fault = |message| Fault::at(Place::Variable(HOSTNAME), INDEX, message);
                let name = self.environment.get(HOSTNAME).map(String::as_str).unwrap_or_default();
                let end = name.rsplit_once('-').map_or("", |(_, end)| end);
                // Digits alone: a number may have a sign.
                let is_number = end.chars().all(|c| c.is_ascii_digit());
                let index = end.parse().ok().filter(|_| is_number).ok_or_else(|| {
                    let expected = "`ordinal` is the number at the end of a StatefulSet's pod, NAME-N";
                    fault(format!("{expected}, and the variable is `{name}`"))
                })?;
                if index >= count {
                    return Err(fault(format!("{}, and the variable is `{name}`", not_below(index))));
                }
                index
            }
        };
        Ok(Shard { index, count })
    }
}
