//! One insert: its token, its settings, and what came of it.

use std::future::Future;
use std::time::Duration;

use clickhouse::Client;
use clickhouse::error::Error as ClickHouseError;
use uuid::Uuid;

use super::rows::{Common, DeadLetterRow};
use super::{Error, Sink, event_block, query_id_prefix};
use crate::batch::{DeadLetter, Origin, StoredEvent};
use crate::layers::Layer;
use crate::retry::{Class, classify};

/// How long a piece of an insert may take to be sent, and the server to carry the whole out. Then the
/// outcome is unknown.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
const END_TIMEOUT: Duration = Duration::from_secs(180);

/// What every insert is sent with, whatever the server's own defaults are: answered when written,
/// remembered by its token in the table and in the ledger behind it, and never cut, since an insert that
/// is cut elsewhere when it is repeated would store rows twice. An event that comes twice in one insert stays there
/// twice until a merge, as it would from two inserts; to look for that in each takes a tenth of its time.
const INSERT_SETTINGS: [(&str, &str); 9] = [
    ("async_insert", "0"),
    ("insert_deduplicate", "1"),
    ("deduplicate_blocks_in_dependent_materialized_views", "1"),
    ("max_partitions_per_insert_block", "0"),
    ("max_insert_block_size", "1048449"),
    ("min_insert_block_size_rows", "1048449"),
    ("min_insert_block_size_bytes", "268402944"),
    ("input_format_parallel_parsing", "0"),
    ("optimize_on_insert", "0"),
];

/// A run of one partition's rows that one insert writes.
#[derive(Clone, Copy)]
pub(super) struct Piece<'a> {
    pub origin: &'a Origin,
    pub first_offset: u64,
    pub last_offset: u64,
    /// Why it is written: `batch`, `half` of a piece that was refused, or `missing` after a retry.
    pub cause: &'static str,
    /// Set where a predecessor wrote too, and of a half.
    pub repair: Option<Uuid>,
}

impl Piece<'_> {
    /// The token of the insert. **Do not change**: a retry by another version must have the same.
    fn token(&self) -> String {
        let Self { origin, first_offset, last_offset, cause, repair } = self;
        let repair = repair.map(|id| format!("/{id}")).unwrap_or_default();
        format!("{origin}/{first_offset}-{last_offset}/{cause}{repair}")
    }
}

/// What came of an insert.
pub(super) enum Outcome {
    /// The server answered every attempt, and took the last.
    Stored,
    /// The last attempt was taken, but one before had an unknown outcome. A table notes a token before the
    /// part behind it can be seen; a server that died in between takes the retry for done without the rows.
    StoredPerhaps,
    /// A row is at fault.
    Refused(ClickHouseError),
}

impl Sink {
    /// Inserts events as one piece, however often it takes.
    pub(super) async fn insert_events(
        &self,
        client: &Client,
        piece: &Piece<'_>,
        common: &Common<'_>,
        events: &[StoredEvent],
    ) -> Result<Outcome, Error> {
        if events.is_empty() {
            return Ok(Outcome::Stored);
        }
        self.insist("write events", client, piece, || self.try_events(client, piece, common, events)).await
    }

    /// Inserts dead letters as one piece, however often it takes.
    pub(super) async fn insert_dead_letters(
        &self,
        client: &Client,
        piece: &Piece<'_>,
        common: &Common<'_>,
        letters: &[DeadLetter],
    ) -> Result<Outcome, Error> {
        if letters.is_empty() {
            return Ok(Outcome::Stored);
        }
        let attempt = || self.try_dead_letters(client, piece, common, letters);
        self.insist("write dead letters", client, piece, attempt).await
    }

    async fn insist<F>(
        &self,
        action: &str,
        client: &Client,
        piece: &Piece<'_>,
        mut attempt: impl FnMut() -> F,
    ) -> Result<Outcome, Error>
    where
        F: Future<Output = Result<(), ClickHouseError>>,
    {
        let mut outcome = Outcome::Stored;
        for tries in 0.. {
            let Err(error) = attempt().await else {
                if tries > 0 {
                    self.recovered();
                }
                break;
            };
            match classify(&error) {
                Class::Fenced => {
                    let origin = piece.origin.clone();
                    return Err(Error::Fenced { epoch: origin.epoch, origin });
                }
                Class::Reject => {
                    // It answers, whatever came before.
                    self.recovered();
                    return Ok(Outcome::Refused(error));
                }
                Class::Unknown => {
                    outcome = Outcome::StoredPerhaps;
                    self.wait(action, tries, error).await?;
                    self.end_predecessor(client, piece.origin).await?;
                }
                Class::Retry | Class::Fatal => self.wait(action, tries, error).await?,
            }
        }
        Ok(outcome)
    }

    async fn try_events(
        &self,
        client: &Client,
        piece: &Piece<'_>,
        common: &Common<'_>,
        events: &[StoredEvent],
    ) -> Result<(), ClickHouseError> {
        let insert = client.insert_formatted_with(event_block::statement());
        let insert = insert.with_timeouts(Some(SEND_TIMEOUT), Some(END_TIMEOUT));
        let insert =
            self.settings(piece).fold(insert, |insert, (name, value)| insert.with_setting(name, value));
        event_block::write(insert, events, common).await
    }

    async fn try_dead_letters(
        &self,
        client: &Client,
        piece: &Piece<'_>,
        common: &Common<'_>,
        letters: &[DeadLetter],
    ) -> Result<(), ClickHouseError> {
        let insert = client.insert::<DeadLetterRow<'_>>("voc_dead_letters").await?;
        let insert = insert.with_timeouts(Some(SEND_TIMEOUT), Some(END_TIMEOUT));
        let mut insert =
            self.settings(piece).fold(insert, |insert, (name, value)| insert.with_setting(name, value));
        for letter in letters {
            insert.write(&DeadLetterRow::new(letter, *common)).await?;
        }
        insert.end().await
    }

    /// What an insert of this piece is sent with: its token, and a query id by which a successor can end it.
    fn settings(&self, piece: &Piece<'_>) -> impl Iterator<Item = (&'static str, String)> {
        let query_id = format!("{}{}", query_id_prefix(piece.origin), Uuid::new_v4());
        let token = if self.without.has(Layer::Token) {
            vec![("insert_deduplication_token", piece.token())]
        } else {
            // The newer name overrides the older one, and is on by default.
            vec![("insert_deduplicate", "0".to_owned()), ("deduplicate_insert", "disable".to_owned())]
        };
        let always = INSERT_SETTINGS.map(|(name, value)| (name, value.to_owned()));
        always.into_iter().chain([("query_id", query_id)]).chain(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_do_not_change() {
        let origin = Origin { stream: "voc.events#2".to_owned(), partition: 3, epoch: 1 };
        let mut piece =
            Piece { origin: &origin, first_offset: 10, last_offset: 19, cause: "batch", repair: None };
        assert_eq!(piece.token(), "voc.events#2/3/10-19/batch");
        piece.repair = Some(Uuid::nil());
        assert_eq!(piece.token(), "voc.events#2/3/10-19/batch/00000000-0000-0000-0000-000000000000");
    }
}
