//! What is started once and lasts for a campaign: ClickHouse, and for a cluster Kafka and Fluvio.

use std::path::Path;

use serde_json::{Value, json};

use super::Topology;
use super::disk::Disk;
use super::proxy::Proxy;
use crate::harness::clickhouse::ClickHouse;
use crate::harness::fluvio::Fluvio;
use crate::harness::kafka::Kafka;
use crate::harness::variable;

/// The name under which the cluster knows the SmartModule.
const SMARTMODULE: &str = "voc-smartmodule";

/// Partitions of a topic.
pub const PARTITIONS: usize = 2;

/// The services.
#[derive(Debug)]
pub struct Services {
    /// Where the events go.
    pub clickhouse: ClickHouse,
    /// What it writes on, where there may be one of its own.
    pub disk: Option<Disk>,
    cluster: Option<Cluster>,
}

/// Where the events come from, and what they pass.
#[derive(Debug)]
pub struct Cluster {
    /// Has a topic for each stage.
    pub kafka: Kafka,
    /// Has one too, and the SmartModule.
    pub fluvio: Fluvio,
    /// The network before its SPU.
    pub proxy: Proxy,
}

impl Services {
    /// Starts what the topology has, and says how a disk is made full.
    ///
    /// # Panics
    /// Where one does not come to answer.
    #[must_use]
    pub fn start(topology: Topology) -> Self {
        let cluster = (topology == Topology::Cluster).then(|| {
            let (fluvio, proxy) = Fluvio::start_behind(Proxy::start, |proxy| Some(proxy.port()));
            let cluster = Cluster { kafka: Kafka::start(), fluvio, proxy };
            cluster.fluvio.create_smartmodule(SMARTMODULE, Path::new(&variable("VOC_SMARTMODULE")));
            cluster
        });
        let disk = Disk::mount();
        let folder = disk.as_ref().map_or_else(tempfile::tempdir, |disk| tempfile::tempdir_in(disk.path()));
        let folder = folder.expect("a temporary folder");
        println!("full disk: {}", if disk.is_some() { "a tmpfs that is filled" } else { "error 243, faked" });
        Self { clickhouse: ClickHouse::start_in(folder), disk, cluster }
    }

    /// The cluster.
    ///
    /// # Panics
    /// On one machine.
    pub fn cluster(&mut self) -> &mut Cluster {
        self.cluster.as_mut().expect("faults of a cluster are planned for a cluster")
    }
}

impl Cluster {
    /// Takes away what a connector that is not running has committed: Kafka's offsets go back to the start, Fluvio's
    /// are removed. Both are for display.
    ///
    /// # Panics
    /// Where Kafka refuses.
    pub fn forget_committed(&self, topic: &str) {
        self.kafka.rewind(&group_of(topic), topic, PARTITIONS);
        // There may be none yet.
        let _ = self.fluvio.command(&["consumer", "delete", topic]).output();
    }

    /// Makes a Kafka topic, and configures both legs of a connector for it.
    ///
    /// # Panics
    /// Where Kafka refuses.
    pub fn configure(&self, config: &mut Value, topic: &str) {
        self.kafka.create_topic(topic, PARTITIONS, &[]);
        config["meta"]["topic"] = topic.into();
        config["fluvio"] = json!({ "endpoint": self.fluvio.endpoint() });
        config["transforms"][0]["uses"] = SMARTMODULE.into();
        config["source"] = json!({ "kind": "fluvio", "fluvio": { "consumer": topic } });
        config["mirror"] = json!({
            "kafka": {
                "bootstrap": self.kafka.bootstrap(),
                "group_id": group_of(topic),
                "topics": [topic],
                // How long Kafka waits for a member that was killed: the least that it takes here.
                "properties": { "session.timeout.ms": "1500", "heartbeat.interval.ms": "300" },
            },
            "topics": { topic: topic },
        });
    }
}

/// The mirror's group.
fn group_of(topic: &str) -> String {
    format!("mirror-{topic}")
}
