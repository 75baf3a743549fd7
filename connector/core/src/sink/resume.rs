//! Where a partition goes on: its generation, its checkpoint, and what is stored beyond it.
//!
//! A crash can leave rows behind the last checkpoint, of a batch that was written in part or whole.
//! They are found by their origins and not written again. The rows themselves decide, not the ledger:
//! a crash can come between the two, and then the ledger is brought in line with the rows.
//!
//! An event that was sent twice has one row after a merge, and the ledger both origins. Behind the
//! checkpoint that cannot be told from a row that was lost, so the origin leaves the ledger and is
//! written again: under a token that was never used, and with a version below that of the row which
//! took its place ([`Repair`]).

use std::collections::BTreeSet;
use std::sync::Arc;

use clickhouse::{Client, Row};
use serde::Deserialize;
use uuid::Uuid;

use super::erase::PastErasure;
use super::rows::GenerationRow;
use super::schema::fence;
use super::{Error, Sink, bound, query_id_prefix};
use crate::batch::Origin;
use crate::layers::Layer;
use crate::stream::StreamPartition;

/// How a partition goes on.
#[derive(Debug)]
pub struct Resumed {
    /// The partition with its stream's generation.
    pub origin: Arc<Origin>,
    /// Every origin below is stored; `None` where nothing is.
    pub next_offset: Option<u64>,
    /// The source's note of that place.
    pub bookmark: String,
    /// Offsets from there on that are stored nevertheless.
    pub stored: BTreeSet<u64>,
    /// What to write again there.
    pub repair: Option<Repair>,
}

/// A stretch behind the checkpoint that a predecessor wrote in part or whole. The server remembers the
/// predecessor's tokens, and would drop what is missing if it came under one of them.
#[derive(Debug)]
pub struct Repair {
    /// The stretch ends before this offset.
    pub end: u64,
    /// Part of the tokens of every insert that begins in it.
    pub id: Uuid,
    /// Offsets in it that the ledger had and that have no row.
    pub gone: BTreeSet<u64>,
    /// What was erased: not to be written again.
    pub erasures: Vec<PastErasure>,
}

#[derive(Row, Deserialize)]
struct Checkpoint {
    next_offset: u64,
    bookmark: String,
}

/// Offsets of one partition in the rows, from an offset on; and those that were erased: they are not written
/// again either.
const OFFSETS_IN_ROWS: &str = "
    SELECT origin_offset FROM voc_events
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32} AND origin_offset >= {from:UInt64}
    UNION DISTINCT
    SELECT origin_offset FROM voc_dead_letters
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32} AND origin_offset >= {from:UInt64}
    UNION DISTINCT
    SELECT arrayJoin(bitmapToArray(offsets)) AS origin_offset FROM voc_accounted
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32} AND last_offset >= {from:UInt64}
        AND reason = 'erased' AND origin_offset >= {from:UInt64}";

/// The same in the ledger.
const OFFSETS_IN_LEDGER: &str = "
    SELECT DISTINCT arrayJoin(bitmapToArray(offsets)) AS origin_offset FROM voc_origins
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32} AND last_offset >= {from:UInt64}
        AND origin_offset >= {from:UInt64}";

/// Takes everything from an offset on out of the ledger: first out of entries that begin before it.
const TRIM_LEDGER: &str = "
    ALTER TABLE voc_origins UPDATE
        offsets = bitmapSubsetInRange(offsets, 0, {from:UInt64}),
        rows = bitmapCardinality(bitmapSubsetInRange(offsets, 0, {from:UInt64})),
        last_offset = bitmapMax(bitmapSubsetInRange(offsets, 0, {from:UInt64}))
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}
        AND first_offset < {from:UInt64} AND last_offset >= {from:UInt64} AND {unfenced}";

const CUT_LEDGER: &str = "
    DELETE FROM voc_origins
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32} AND first_offset >= {from:UInt64} AND {unfenced}";

/// Whether nobody has taken the partition over since: a correction that was held up on its way must not
/// be made to what a successor writes.
const UNFENCED: &str = "{epoch:UInt32} >= joinGet({fence}, 'epoch', {stream:String}, {partition:UInt32})";

impl Sink {
    /// Takes a partition over: ends what a predecessor left running, and finds where to go on. With
    /// `new_generation`, its stream begins anew.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn resume(
        &self,
        partition: &StreamPartition,
        new_generation: Option<&str>,
    ) -> Result<Resumed, Error> {
        let client = self.client();
        let mut generation = self.generation(&client, &partition.stream).await?;
        if generation == 0 || new_generation.is_some() {
            generation += 1;
            let reason = new_generation.unwrap_or("first seen");
            self.begin_generation(&client, &partition.stream, generation, reason).await?;
        }
        let stream = format!("{}#{generation}", partition.stream);
        let mut origin = Origin { stream, partition: partition.partition, epoch: 0 };
        origin.epoch = self.claim(&client, &origin).await?;
        let origin = Arc::new(origin);
        // What a predecessor has under way began before the fence was raised.
        self.end_predecessor(&client, &origin).await?;
        let checkpoint = self.checkpoint(&client, &origin).await?;
        let from = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.next_offset);
        let (stored, repair) = self.reconcile(&client, &origin, from).await?;
        let (next_offset, bookmark) =
            checkpoint.map_or((None, String::new()), |found| (Some(found.next_offset), found.bookmark));
        tracing::info!(%origin, epoch = origin.epoch, next_offset, stored_beyond = stored.len(), "partition taken");
        Ok(Resumed { origin, next_offset, bookmark, stored, repair })
    }

    /// The stream's latest generation, 0 where it has none.
    async fn generation(&self, client: &Client, stream: &str) -> Result<u32, Error> {
        let query = "SELECT max(generation) FROM voc_generations WHERE stream = {stream:String}";
        self.persist("look up the generation", || {
            client.query(query).param("stream", stream).fetch_one::<u32>()
        })
        .await
    }

    async fn begin_generation(
        &self,
        client: &Client,
        stream: &str,
        generation: u32,
        reason: &str,
    ) -> Result<(), Error> {
        self.persist("record a generation", || async {
            let mut insert = client.insert::<GenerationRow<'_>>("voc_generations").await?;
            insert.write(&GenerationRow { stream, generation, reason }).await?;
            insert.end().await
        })
        .await?;
        tracing::info!(stream, generation, reason, "generation begun");
        Ok(())
    }

    /// An insert of a predecessor that was killed may still be running. It ends before we look at what
    /// is stored.
    pub(super) async fn end_predecessor(&self, client: &Client, origin: &Origin) -> Result<(), Error> {
        // The prefix has only letters, digits and dashes; KILL QUERY takes no parameters everywhere.
        let kill = format!("KILL QUERY WHERE startsWith(query_id, '{}') SYNC", query_id_prefix(origin));
        self.persist("end a predecessor's inserts", || client.query_raw(&kill).execute()).await
    }

    async fn checkpoint(&self, client: &Client, origin: &Origin) -> Result<Option<Checkpoint>, Error> {
        let query = "SELECT next_offset, bookmark FROM voc_checkpoints
            WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}
            ORDER BY next_offset DESC LIMIT 1";
        self.persist("read the checkpoint", || {
            client
                .query(query)
                .param("stream", &origin.stream)
                .param("partition", origin.partition)
                .fetch_optional()
        })
        .await
    }

    /// The offsets from `from` on that have rows, and what a predecessor left to be repaired there. Where
    /// the ledger differs from the rows, it is corrected.
    pub(super) async fn reconcile(
        &self,
        client: &Client,
        origin: &Origin,
        from: u64,
    ) -> Result<(BTreeSet<u64>, Option<Repair>), Error> {
        if !self.without.has(Layer::Ledger) {
            return Ok((BTreeSet::new(), None));
        }
        let in_rows = self.offsets(client, OFFSETS_IN_ROWS, origin, from).await?;
        let in_ledger = self.offsets_in_ledger(client, origin, from).await?;
        let last = in_rows.last().max(in_ledger.last()).copied();
        if !in_rows.is_empty() {
            self.touch_behind(client, origin, from).await?;
        }
        let stored = if in_rows == in_ledger {
            // The views write one after the other.
            self.enter_identities(client, origin, from).await?;
            in_rows
        } else {
            tracing::warn!(
                %origin, from, rows = in_rows.len(), ledger = in_ledger.len(),
                "the ledger differs from the rows behind the checkpoint, and is corrected"
            );
            if !in_ledger.is_subset(&in_rows) {
                self.correct_ledger(client, TRIM_LEDGER, origin, from).await?;
                self.correct_ledger(client, CUT_LEDGER, origin, from).await?;
            }
            self.enter(client, origin, from).await?;
            // A merge may have taken rows since they were looked at. What is in the ledger now was in the
            // rows when it was entered, and that is what counts as stored.
            self.offsets_in_ledger(client, origin, from).await?
        };
        let gone: BTreeSet<u64> = in_ledger.difference(&stored).copied().collect();
        let erasures = if gone.is_empty() { Vec::new() } else { self.erasures(origin).await? };
        let repair = last.map(|last| Repair { end: last + 1, id: Uuid::new_v4(), gone, erasures });
        Ok((stored, repair))
    }

    /// The offsets from `from` on that have rows, of an insert of our own that was refused. What the
    /// ledger lacks of them is entered; what it has beyond them are events that were sent twice.
    pub(super) async fn stored(
        &self,
        client: &Client,
        origin: &Origin,
        from: u64,
    ) -> Result<BTreeSet<u64>, Error> {
        // Entered first: what a merge takes afterwards is in the ledger already.
        self.enter(client, origin, from).await?;
        self.touch_behind(client, origin, from).await?;
        self.offsets(client, OFFSETS_IN_ROWS, origin, from).await
    }

    /// Enters the rows that the ledger lacks.
    pub(super) async fn enter(&self, client: &Client, origin: &Origin, from: u64) -> Result<(), Error> {
        let statement = format!(
            "INSERT INTO voc_origins
             SELECT {{stream:String}}, {{partition:UInt32}}, min(origin_offset), max(origin_offset), count(),
                 groupBitmapState(origin_offset)
             FROM ({OFFSETS_IN_ROWS}) WHERE origin_offset NOT IN ({OFFSETS_IN_LEDGER}) AND {{unfenced}}
             HAVING count() > 0"
        );
        self.correct_ledger(client, &statement, origin, from).await?;
        self.enter_identities(client, origin, from).await
    }

    async fn correct_ledger(
        &self,
        client: &Client,
        statement: &str,
        origin: &Origin,
        from: u64,
    ) -> Result<(), Error> {
        let is_fenced = self.without.has(Layer::Fence) && origin.epoch > 0;
        let statement = statement.replace("{unfenced}", if is_fenced { UNFENCED } else { "true" });
        let statement = statement.replace("{fence}", &fence(&self.database));
        self.persist("correct the ledger", || {
            bound(client, &statement, origin)
                .param("from", from)
                .param("epoch", origin.epoch)
                .with_setting("insert_deduplicate", "0")
                .with_setting("mutations_sync", "2")
                .execute()
        })
        .await
    }

    /// The offsets from `from` on that the ledger has.
    pub(super) async fn offsets_in_ledger(
        &self,
        client: &Client,
        origin: &Origin,
        from: u64,
    ) -> Result<BTreeSet<u64>, Error> {
        self.offsets(client, OFFSETS_IN_LEDGER, origin, from).await
    }

    async fn offsets(
        &self,
        client: &Client,
        query: &str,
        origin: &Origin,
        from: u64,
    ) -> Result<BTreeSet<u64>, Error> {
        let offsets = self
            .persist("look up what is stored", || {
                bound(client, query, origin).param("from", from).fetch_all::<u64>()
            })
            .await?;
        Ok(offsets.into_iter().collect())
    }
}
