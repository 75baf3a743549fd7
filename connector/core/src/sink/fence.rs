//! One writer per partition: who takes it claims an epoch, and the tables refuse rows of earlier ones.
//!
//! A claim is inserted first and looked at afterwards. Of two that claim the same epoch at once, at least
//! one sees the other and claims a higher one, so no epoch has two owners. The table that inserts look
//! into is filled from the claims, never with one's own number: a writer that was held up in between
//! cannot take it back.

use std::time::Duration;

use clickhouse::{Client, Row};
use rand::Rng as _;
use serde::Serialize;
use uuid::Uuid;

use super::{Error, Sink, bound};
use crate::batch::Origin;
use crate::layers::Layer;

/// The longest wait before claiming again where two claimed at once; as long as chance says.
const APART: Duration = Duration::from_millis(100);

/// The epoch of a writer without a fence: none is above.
const UNFENCED: u32 = u32::MAX;

const LATEST: &str = "SELECT max(epoch) FROM voc_fence_claims
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}";

const OTHERS: &str = "SELECT count() FROM voc_fence_claims
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}
        AND (epoch > {epoch:UInt32} OR (epoch = {epoch:UInt32} AND owner != {owner:UUID}))";

const RAISE: &str =
    "INSERT INTO voc_fence SELECT origin_stream, origin_partition, max(epoch) FROM voc_fence_claims
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}
    GROUP BY origin_stream, origin_partition";

#[derive(Row, Serialize)]
struct ClaimRow<'a> {
    origin_stream: &'a str,
    origin_partition: u32,
    epoch: u32,
    #[serde(with = "clickhouse::serde::uuid")]
    owner: Uuid,
}

impl Sink {
    /// Makes us the partition's only writer; the epoch that our rows carry.
    pub(super) async fn claim(&self, client: &Client, origin: &Origin) -> Result<u32, Error> {
        if !self.without.has(Layer::Fence) {
            return Ok(UNFENCED);
        }
        let owner = Uuid::new_v4();
        loop {
            let latest =
                self.persist("look up the fence", || bound(client, LATEST, origin).fetch_one::<u32>());
            let epoch = latest.await? + 1;
            self.persist("claim the fence", || try_claim(client, origin, epoch, owner)).await?;
            if self.is_latest(client, origin, epoch, owner).await? {
                self.persist("raise the fence", || bound(client, RAISE, origin).execute()).await?;
                if self.is_latest(client, origin, epoch, owner).await? {
                    return Ok(epoch);
                }
            }
            let wait = APART.mul_f64(rand::rng().random_range(0.0..1.0));
            tracing::info!(%origin, epoch, ?wait, "another writer claims the partition too, claiming again");
            tokio::time::sleep(wait).await;
        }
    }

    async fn is_latest(
        &self,
        client: &Client,
        origin: &Origin,
        epoch: u32,
        owner: Uuid,
    ) -> Result<bool, Error> {
        let others = self.persist("look at the claims", || {
            let query = bound(client, OTHERS, origin);
            query.param("epoch", epoch).param("owner", owner.to_string()).fetch_one::<u64>()
        });
        Ok(others.await? == 0)
    }
}

async fn try_claim(
    client: &Client,
    origin: &Origin,
    epoch: u32,
    owner: Uuid,
) -> Result<(), clickhouse::error::Error> {
    let insert = client.insert::<ClaimRow<'_>>("voc_fence_claims").await?;
    let mut insert = insert.with_setting("async_insert", "0");
    let row = ClaimRow { origin_stream: &origin.stream, origin_partition: origin.partition, epoch, owner };
    insert.write(&row).await?;
    insert.end().await
}
