//! The Fluvio cluster: the controller, the topics of both legs, the leader of every partition, the
//! SmartModule.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::kafka::count;
use super::{Finding, within};
use crate::cluster::{Cluster, Error, Offsets};
use crate::config::Config;
use crate::config::sections::{RunsIn, Shard, Source};
use crate::stream::StreamPartition;

/// What a topic is for.
#[derive(Debug, Default, Clone, Copy)]
struct Use {
    /// It is read, as far as this shard goes.
    shard: Option<Shard>,
    /// The mirror writes it, and makes it where it is missing.
    is_mirrored: bool,
}

/// Everything that is said to the cluster.
pub(super) async fn check(config: &Config) -> Vec<Finding> {
    let cluster = match Cluster::new(&config.fluvio) {
        Ok(cluster) => cluster,
        Err(error) => return vec![Finding::failed("fluvio", error.to_string())],
    };
    let place = format!("fluvio {}", cluster.endpoint());
    let mut uses: BTreeMap<&str, Use> = BTreeMap::new();
    if let Source::Fluvio(source) = &config.source {
        for topic in &source.topics {
            uses.entry(topic).or_default().shard = Some(source.shard);
        }
    }
    for topic in config.mirror.iter().flat_map(|mirror| mirror.topics.values()) {
        uses.entry(topic).or_default().is_mirrored = true;
    }
    let mut findings = Vec::new();
    for (topic, used) in uses {
        match within(async { cluster.partitions(topic).await.map_err(reason_of) }).await {
            // Nothing else would be answered.
            Err(reason) => {
                findings.push(Finding::failed(&place, reason));
                return findings;
            }
            Ok(partitions) => {
                findings.push(Finding::of(&place, describe(topic, partitions, used)));
                let wanted = (0..partitions.unwrap_or_default()).filter(|partition| used.wants(*partition));
                let leaders = wanted.map(|partition| leader(&cluster, &place, topic, partition));
                findings.extend(join_all(leaders).await);
            }
        }
    }
    if let Source::Fluvio(source) = &config.source
        && source.smartmodule == RunsIn::Broker
    {
        findings.push(smartmodule(&cluster, &place, &config.transform.uses).await);
    }
    findings
}

impl Use {
    /// The mirror may be given any partition.
    fn wants(self, partition: u32) -> bool {
        self.is_mirrored || self.owns(partition)
    }

    fn owns(self, partition: u32) -> bool {
        self.shard.is_some_and(|shard| shard.owns(partition))
    }
}

/// What there is to say about a topic, with its number of partitions.
fn describe(topic: &str, partitions: Option<u32>, used: Use) -> Result<String, String> {
    let Some(number) = partitions else {
        return if used.is_mirrored {
            Ok(format!("topic {topic} is missing, and the mirror makes it"))
        } else {
            Err(format!("topic {topic} is missing (fluvio topic create {topic} --partitions N)"))
        };
    };
    let mut text = format!("topic {topic} has {}", count(number as usize, "partition"));
    if let Some(shard) = used.shard.filter(|shard| shard.count > 1) {
        let owned: Vec<String> =
            (0..number).filter(|partition| used.owns(*partition)).map(|owned| owned.to_string()).collect();
        let owned = if owned.is_empty() { "none".to_owned() } else { owned.join(", ") };
        text += &format!(", shard {} (count {}) reads {owned}", shard.index, shard.count);
    }
    Ok(text)
}

/// What the controller said. Which one it is stands before every finding.
fn reason_of(error: Error) -> String {
    match error {
        Error::Controller { action, reason, .. } => format!("it did not {action}: {reason}"),
        error => error.to_string(),
    }
}

/// Whether the leader of a partition answers.
async fn leader(cluster: &Cluster, place: &str, topic: &str, partition: u32) -> Finding {
    let partition = StreamPartition { stream: topic.to_owned(), partition };
    let offsets = within(async {
        let offsets = async { cluster.connect(&partition).await?.offsets().await };
        offsets.await.map_err(reason_of)
    });
    let offsets = offsets.await;
    let text =
        offsets.map(|Offsets { start, end }| format!("{partition} has a leader, offsets {start} to {end}"));
    Finding::of(place, text)
}

/// Whether the cluster has the SmartModule that its SPUs are to run.
async fn smartmodule(cluster: &Cluster, place: &str, name: &str) -> Finding {
    let found = within(async { cluster.has_smartmodule(name).await.map_err(reason_of) }).await;
    let found = found.and_then(|is_there| {
        if is_there {
            return Ok(format!("smartmodule {name} is loaded"));
        }
        let create = "fluvio smartmodule create voc-smartmodule --wasm-file voc_smartmodule.wasm";
        Err(format!("smartmodule {name} is missing ({create})"))
    });
    Finding::of(place, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_described_with_what_it_is_for() {
        let read = |index, count| Use { shard: Some(Shard { index, count }), is_mirrored: false };
        let mirrored = Use { shard: None, is_mirrored: true };
        let both = Use { is_mirrored: true, ..read(0, 1) };
        for (partitions, used, expected) in [
            (Some(1), read(0, 1), Ok("topic calls has 1 partition")),
            (Some(4), read(1, 3), Ok("topic calls has 4 partitions, shard 1 (count 3) reads 1")),
            (Some(4), read(0, 3), Ok("topic calls has 4 partitions, shard 0 (count 3) reads 0, 3")),
            (Some(1), read(1, 2), Ok("topic calls has 1 partition, shard 1 (count 2) reads none")),
            (None, read(0, 1), Err("topic calls is missing (fluvio topic create calls --partitions N)")),
            (None, mirrored, Ok("topic calls is missing, and the mirror makes it")),
            (None, both, Ok("topic calls is missing, and the mirror makes it")),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(describe("calls", partitions, used), expected);
        }
    }
}
