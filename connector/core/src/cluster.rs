//! A Fluvio cluster: what topics it has, and connections to the leaders of their partitions.
//!
//! Metadata goes through Fluvio's own client. Records go through the protocol beneath it, because the
//! client's streams lose records without a word: they acknowledge a batch that arrived cut in half, and
//! reconnect several partitions at one offset. Here nothing is acknowledged but what was read, and every
//! error reaches us.

mod connection;
mod error;
mod records;
mod stream;
mod tail;

use std::sync::Arc;

use fluvio::config::ConfigFile;
use fluvio::metadata::partition::PartitionSpec;
use fluvio::metadata::smartmodule::SmartModuleSpec;
use fluvio::metadata::spu::SpuSpec;
use fluvio::metadata::topic::{AddPartition, TopicSpec, UpdateTopicAction};
use fluvio::{FluvioAdmin, FluvioClusterConfig};
use fluvio_socket::ClientConfig;
use tokio::sync::Mutex;

pub use connection::{Connection, Offsets};
pub use error::Error;
pub use records::{FARTHEST, Incoming, Outgoing, Produced};
pub use stream::{Answer, SmartModule, Stream};
pub use tail::Tail;

use crate::config::sections::Cluster as Config;
use crate::stream::StreamPartition;

/// How long the cluster may take for an answer about itself, and a leader to take a connection.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// A cluster. Connects when it is first asked something, and again after that broke off.
pub struct Cluster {
    config: FluvioClusterConfig,
    admin: Mutex<Option<Arc<FluvioAdmin>>>,
}

impl Cluster {
    /// Finds out which cluster is meant; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Profile`], where Fluvio's configuration has no such profile.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let config = match (&config.endpoint, &config.profile) {
            (Some(endpoint), _) => FluvioClusterConfig::new(endpoint),
            (None, Some(profile)) => FluvioClusterConfig::load_with_profile(profile)
                .map_err(|error| Error::Profile(error.to_string()))?
                .ok_or_else(|| Error::Profile(format!("there is no profile `{profile}`")))?,
            (None, None) => {
                let file = ConfigFile::load(None).map_err(|error| Error::Profile(error.to_string()))?;
                file.config().current_cluster().map_err(|error| Error::Profile(error.to_string()))?.clone()
            }
        };
        Ok(Self { config, admin: Mutex::new(None) })
    }

    /// Address of the cluster's controller, `HOST:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.config.endpoint
    }

    /// How many partitions a topic has; `None` where there is no such topic.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub async fn partitions(&self, topic: &str) -> Result<Option<u32>, Error> {
        let topics =
            self.ask("list its topics", |admin| async move { admin.all::<TopicSpec>().await }).await?;
        Ok(topics.iter().find(|found| found.name == topic).map(|found| found.spec.partitions()))
    }

    /// Makes a topic with one replica of each partition.
    ///
    /// # Errors
    /// The cluster does not answer, or refuses.
    pub async fn create_topic(&self, topic: &str, partitions: u32) -> Result<(), Error> {
        let spec = TopicSpec::new_computed(partitions, 1, None);
        let action = format!("create the topic {topic}");
        let topic = topic.to_owned();
        self.ask(&action, |admin| async move { admin.create(topic, false, spec).await }).await
    }

    /// Adds partitions to a topic.
    ///
    /// # Errors
    /// The cluster does not answer, or refuses.
    pub async fn add_partitions(&self, topic: &str, count: u32) -> Result<(), Error> {
        let action = format!("add {count} partitions to the topic {topic}");
        let update = UpdateTopicAction::AddPartition(AddPartition { count });
        let topic = topic.to_owned();
        self.ask(&action, |admin| async move { admin.update::<TopicSpec>(topic, update).await }).await
    }

    /// Whether a SmartModule of this name is loaded: `NAME`, or `GROUP/NAME@VERSION`.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub async fn has_smartmodule(&self, name: &str) -> Result<bool, Error> {
        let filter = vec![name.to_owned()];
        let list =
            |admin: Arc<FluvioAdmin>| async move { admin.list::<SmartModuleSpec, String>(filter).await };
        Ok(!self.ask("list its SmartModules", list).await?.is_empty())
    }

    /// Connects to the leader of a partition. The connection serves this partition alone.
    ///
    /// # Errors
    /// The cluster or the leader does not answer, or there is no such partition.
    pub async fn connect(&self, partition: &StreamPartition) -> Result<Connection, Error> {
        let name = format!("{}-{}", partition.stream, partition.partition);
        let partitions =
            self.ask("list its partitions", |admin| async move { admin.all::<PartitionSpec>().await });
        let leader = partitions.await?.into_iter().find(|found| found.name == name);
        let leader = leader.ok_or_else(|| Error::NoPartition(partition.clone()))?.spec.leader;
        let spus = self.ask("list its SPUs", |admin| async move { admin.all::<SpuSpec>().await }).await?;
        let spu = spus.into_iter().find(|spu| spu.spec.id == leader);
        let spu = spu.ok_or_else(|| Error::NoLeader { partition: partition.clone(), leader })?;

        let address = match &spu.spec.public_endpoint_local {
            Some(local) if self.config.use_spu_local_address => format!("{}:{}", local.host, local.port),
            _ => spu.spec.public_endpoint.addr(),
        };
        let config =
            ClientConfig::try_from(self.config.clone()).map_err(|error| Error::Profile(error.to_string()))?;
        let mut config = config.with_prefix_sni_domain(&spu.name);
        config.set_client_id("voc-connector");
        config.set_addr(address.clone());
        Connection::open(config, address, partition.clone()).await
    }

    /// Asks the controller, over the connection that is there or a new one.
    async fn ask<T, E, F>(
        &self,
        action: &str,
        request: impl FnOnce(Arc<FluvioAdmin>) -> F,
    ) -> Result<T, Error>
    where
        E: std::fmt::Display,
        F: Future<Output = Result<T, E>>,
    {
        let failed = |reason: String| Error::Controller {
            endpoint: self.config.endpoint.clone(),
            action: action.to_owned(),
            reason,
        };
        let mut held = self.admin.lock().await;
        let answer = tokio::time::timeout(PATIENCE, async {
            // Taken out, so that a connection on which something failed is not used again.
            let admin = match held.take() {
                Some(admin) => admin,
                None => {
                    let connected = FluvioAdmin::connect_with_config(&self.config).await;
                    Arc::new(connected.map_err(|error| format!("{error:#}"))?)
                }
            };
            let answer = request(Arc::clone(&admin)).await.map_err(|error| format!("{error:#}"))?;
            *held = Some(admin);
            Ok(answer)
        });
        match answer.await {
            Ok(answer) => answer.map_err(failed),
            Err(_) => Err(failed(format!("no answer within {PATIENCE:?}"))),
        }
    }
}
