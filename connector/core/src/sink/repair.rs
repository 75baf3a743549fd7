//! Rows that were lost, written again; and a ledger that counts too much or too little, put right.

use std::collections::BTreeSet;

use clickhouse::Client;
use uuid::Uuid;

use super::insert::{Outcome, Piece};
use super::rows::Common;
use super::schema::identifier;
use super::{Error, Sink, bound};
use crate::batch::{Batch, Origin};

/// Offsets of one statement: they stand in its text.
const AT_ONCE: usize = 10_000;

/// Takes offsets out of the ledger.
const TAKE_OUT: &str = "
    ALTER TABLE voc_origins UPDATE
        offsets = bitmapAndnot(offsets, bitmapBuild({offsets})),
        rows = bitmapCardinality(bitmapAndnot(offsets, bitmapBuild({offsets})))
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}
        AND first_offset <= {last} AND last_offset >= {first} AND bitmapHasAny(offsets, bitmapBuild({offsets}))";

/// What is left of the ledger where all of an entry was taken out.
const CLEAR: &str = "
    ALTER TABLE voc_origins DELETE
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32} AND rows = 0";

/// Enters offsets once each.
const ENTER: &str = "
    INSERT INTO voc_origins
    SELECT {stream:String}, {partition:UInt32}, min(origin_offset), max(origin_offset), count(),
        groupBitmapState(origin_offset)
    FROM (SELECT arrayJoin({offsets}) AS origin_offset)";

/// Which of these offsets have rows.
const IN_ROWS: &str = "
    SELECT origin_offset FROM voc_events
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32} AND origin_offset IN {offsets}
    UNION DISTINCT
    SELECT origin_offset FROM voc_dead_letters
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32} AND origin_offset IN {offsets}";

/// The parts of the table that hold rows of these offsets.
const PARTS: &str = "
    SELECT DISTINCT _partition_id FROM voc_events
    WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32} AND origin_offset IN {offsets}";

impl Sink {
    /// Writes rows again that a partition has lost, below its checkpoint: where a connector that is running does
    /// not write. An event of which a later row exists gets none in its place.
    ///
    /// # Errors
    /// [`Error`]; a row that ClickHouse refuses is one.
    pub(crate) async fn store_again(&self, mut batch: Batch) -> Result<u64, Error> {
        let client = self.client();
        let origin = Origin { epoch: self.epoch(&client, &batch.origin).await?, ..(*batch.origin).clone() };
        let rows = batch.rows() as u64;
        for event in &mut batch.events {
            event.is_restored = true;
        }
        let common = Common { origin: &origin, processed_at: chrono::Utc::now().timestamp_millis() };
        loop {
            // Only what is still to be written: what an earlier attempt stored is in the ledger, and stays.
            let offsets: Vec<u64> = batch.offsets().collect();
            // The ledger has them from the time when they were stored, and would count them twice.
            self.take_out(&client, &origin, &offsets).await?;
            let piece = Piece {
                origin: &origin,
                first_offset: batch.first_offset,
                last_offset: batch.next_offset.saturating_sub(1),
                cause: "repair",
                repair: Some(Uuid::new_v4()),
            };
            let events = self.insert_events(&client, &piece, &common, &batch.events).await?;
            let letters = self.insert_dead_letters(&client, &piece, &common, &batch.dead_letters).await?;
            match (events, letters) {
                (Outcome::Stored, Outcome::Stored) => return Ok(rows),
                (Outcome::Refused(source), _) | (_, Outcome::Refused(source)) => {
                    return Err(Error::Refused { action: format!("store rows of {origin} again"), source });
                }
                // The server may remember the token and not have the rows: what is there goes by its origin.
                _ => {
                    let stored = self.enter_again(&client, &origin, &offsets).await?;
                    batch.events.retain(|event| !stored.contains(&event.offset));
                    batch.dead_letters.retain(|letter| !stored.contains(&letter.offset));
                }
            }
        }
    }

    /// Makes the ledger count these offsets, which were stored, once each; and lets ClickHouse merge what holds
    /// them twice.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub(crate) async fn correct(&self, origin: &Origin, offsets: &[u64]) -> Result<(), Error> {
        let client = self.client();
        self.take_out(&client, origin, offsets).await?;
        for some in offsets.chunks(AT_ONCE) {
            self.execute("enter rows into the ledger", &client, ENTER, origin, some).await?;
            let query = with_offsets(PARTS, some);
            let parts: Vec<String> = self
                .persist("look for parts", || bound(&client, &query, origin).fetch_all::<String>())
                .await?;
            for part in parts {
                let table = format!("{}.voc_events", identifier(&self.database));
                let part = part.replace('\'', "");
                let statement = format!("OPTIMIZE TABLE {table} PARTITION ID '{part}' FINAL");
                self.persist("merge what is stored twice", || client.query_raw(&statement).execute()).await?;
            }
        }
        Ok(())
    }

    /// Makes the ledger have those of these offsets that have rows, and gives them. Beyond them a connector may be
    /// writing.
    async fn enter_again(
        &self,
        client: &Client,
        origin: &Origin,
        offsets: &[u64],
    ) -> Result<BTreeSet<u64>, Error> {
        self.take_out(client, origin, offsets).await?;
        let mut stored = BTreeSet::new();
        for some in offsets.chunks(AT_ONCE) {
            let query = with_offsets(IN_ROWS, some);
            let found: Vec<u64> = self
                .persist("look up what is stored", || bound(client, &query, origin).fetch_all::<u64>())
                .await?;
            if !found.is_empty() {
                self.execute("enter rows into the ledger", client, ENTER, origin, &found).await?;
            }
            stored.extend(found);
        }
        Ok(stored)
    }

    async fn take_out(&self, client: &Client, origin: &Origin, offsets: &[u64]) -> Result<(), Error> {
        for some in offsets.chunks(AT_ONCE) {
            self.execute("take offsets out of the ledger", client, TAKE_OUT, origin, some).await?;
        }
        self.execute("take offsets out of the ledger", client, CLEAR, origin, &[]).await
    }

    async fn execute(
        &self,
        action: &str,
        client: &Client,
        statement: &str,
        origin: &Origin,
        offsets: &[u64],
    ) -> Result<(), Error> {
        let statement = with_offsets(statement, offsets);
        self.persist(action, || {
            let query = bound(client, &statement, origin).with_setting("insert_deduplicate", "0");
            query.with_setting("mutations_sync", "2").execute()
        })
        .await
    }

    /// The epoch of the partition's present writer, whose rows these might be.
    async fn epoch(&self, client: &Client, origin: &Origin) -> Result<u32, Error> {
        let query = "SELECT max(epoch) FROM voc_fence_claims
            WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}";
        self.persist("look up the fence", || bound(client, query, origin).fetch_one::<u32>()).await
    }
}

/// Puts offsets into a statement: too many for parameters, which stand in the URL.
pub(super) fn with_offsets(statement: &str, offsets: &[u64]) -> String {
    let list: Vec<String> = offsets.iter().map(u64::to_string).collect();
    let number = |offset: Option<&u64>| offset.copied().unwrap_or_default().to_string();
    statement
        .replace("{offsets}", &format!("CAST([{}], 'Array(UInt64)')", list.join(",")))
        .replace("{first}", &number(offsets.iter().min()))
        .replace("{last}", &number(offsets.iter().max()))
}
