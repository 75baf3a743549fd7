//! Where the topic's partitions are: what the cluster's controller says. The topic is made where it is missing.

use std::time::Duration;

use fluvio::metadata::partition::PartitionSpec;
use fluvio::metadata::spu::SpuSpec;
use fluvio::metadata::topic::TopicSpec;
use fluvio::{FluvioAdmin, FluvioClusterConfig};
use fluvio_socket::ClientConfig;

use super::Trouble;
use super::connection::Connection;

/// Between two looks for a topic that was just made.
const MOMENT: Duration = Duration::from_millis(50);

/// A cluster and the topic.
pub(super) struct Directory {
    pub(super) config: FluvioClusterConfig,
    pub(super) topic: String,
}

impl Directory {
    /// How many partitions there are, and a connection to the leader of this one. The caller sets the time limit.
    pub(super) async fn leader(&self, partition: u32) -> Result<(u32, Connection), Trouble> {
        let admin = FluvioAdmin::connect_with_config(&self.config).await?;
        self.provide(&admin).await?;
        let name = format!("{}-{partition}", self.topic);
        let (count, leader) = loop {
            let partitions = admin.all::<PartitionSpec>().await?;
            let count = partitions.iter().filter(|found| self.is_of_topic(&found.name)).count();
            match partitions.iter().find(|found| found.name == name) {
                Some(found) => break (count, found.spec.leader),
                None if count > 0 => return Err(format!("there is no partition {name}").into()),
                None => tokio::time::sleep(MOMENT).await,
            }
        };
        let units = admin.all::<SpuSpec>().await?;
        let unit = units.into_iter().find(|unit| unit.spec.id == leader);
        let unit =
            unit.ok_or_else(|| format!("the leader of {name}, SPU {leader}, is not in the cluster"))?;
        let address = match &unit.spec.public_endpoint_local {
            Some(local) if self.config.use_spu_local_address => format!("{}:{}", local.host, local.port),
            _ => unit.spec.public_endpoint.addr(),
        };
        let mut config = ClientConfig::try_from(self.config.clone())?.with_prefix_sni_domain(&unit.name);
        config.set_client_id("voc-api");
        config.set_addr(address);
        let connection = Connection::open(config, self.topic.clone(), partition).await?;
        Ok((u32::try_from(count)?, connection))
    }

    /// Makes the topic where it is missing: one partition, one replica. Whoever wants more makes it before.
    async fn provide(&self, admin: &FluvioAdmin) -> Result<(), Trouble> {
        let topics = admin.all::<TopicSpec>().await?;
        if topics.iter().any(|found| found.name == self.topic) {
            return Ok(());
        }
        admin.create(self.topic.clone(), false, TopicSpec::new_computed(1, 1, None)).await?;
        tracing::info!(topic = self.topic, "fluvio topic made");
        Ok(())
    }

    fn is_of_topic(&self, partition: &str) -> bool {
        let number = partition.strip_prefix(&self.topic).and_then(|rest| rest.strip_prefix('-'));
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    }
}
