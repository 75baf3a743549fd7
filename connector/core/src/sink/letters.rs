//! Dead letters as they are read: in the order of their origins, page by page, each as it stands now.

use bytes::Bytes;
use clickhouse::query::Query;
use clickhouse::{Client, Row};
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use super::probe::failed;
use super::{Error, Sink, probe};
use crate::dead_letters::{Place, Selection, State};

/// Which letters a question is about.
#[derive(Debug, Clone, Copy)]
pub struct Filter<'a> {
    /// Those that the operator means.
    pub selection: &'a Selection,
    /// Of these, the ones of which this has become; `None` for all.
    pub state: Option<State>,
    /// Of these, the ones that can be tried again.
    pub is_waiting: bool,
    /// Of these, the ones that were stored by then, in milliseconds since 1970.
    pub until: Option<i64>,
    /// Of these, the ones behind this origin.
    pub after: Option<&'a Place>,
    /// Of these, the ones up to this origin.
    pub through: Option<&'a Place>,
}

impl<'a> Filter<'a> {
    /// All that are selected.
    #[must_use]
    pub const fn of(selection: &'a Selection) -> Self {
        Self { selection, state: None, is_waiting: false, until: None, after: None, through: None }
    }

    /// The statement with our conditions; their values are bound, never written into it.
    fn query(&self, client: &Client, select: &str, rest: &str) -> Query {
        let Self { selection, state, is_waiting, until, after, through } = *self;
        let Selection { tenant_id, code, origin } = selection;
        let mut sql = format!("{select} FROM voc_dead_letters FINAL WHERE true");
        let mut only = |given: bool, condition: &str| {
            if given {
                sql.push_str(" AND ");
                sql.push_str(condition);
            }
        };
        only(tenant_id.is_some(), "tenant_id = {tenant:String}");
        only(code.is_some(), "code = {code:String}");
        only(state.is_some(), "toString(replay_state) = {state:String}");
        only(is_waiting, "replay_state IN ('open', 'failed_again')");
        only(until.is_some(), "processed_at <= fromUnixTimestamp64Milli({until:Int64})");
        const KEY: &str = "(origin_stream, origin_partition, origin_offset)";
        const BOUND: &str = "({stream:String}, {partition:UInt32}, {offset:UInt64})";
        only(origin.is_some(), &format!("{KEY} = {}", BOUND.replace('{', "{at_")));
        only(after.is_some(), &format!("{KEY} > {}", BOUND.replace('{', "{after_")));
        only(through.is_some(), &format!("{KEY} <= {}", BOUND.replace('{', "{through_")));
        let mut query = client.query(&format!("{sql} {rest}"));
        for (name, text) in
            [("tenant", tenant_id.as_deref()), ("code", code.as_deref()), ("state", state.map(State::as_str))]
        {
            query = text.into_iter().fold(query, |query, text| query.param(name, text));
        }
        query = until.into_iter().fold(query, |query, until| query.param("until", until));
        for (name, place) in [("at", origin.as_ref()), ("after", after), ("through", through)] {
            query = place.into_iter().fold(query, |query, Place { stream, partition, offset }| {
                query
                    .param(&format!("{name}_stream"), stream)
                    .param(&format!("{name}_partition"), partition)
                    .param(&format!("{name}_offset"), offset)
            });
        }
        query
    }
}

/// A letter without its original bytes. Times are RFC 3339.
#[derive(Debug, Clone, Row, Serialize, Deserialize)]
pub struct Letter {
    /// Stream and generation.
    pub origin_stream: String,
    /// Number of the partition.
    pub origin_partition: u32,
    /// The record's offset there.
    pub origin_offset: u64,
    /// Whose it is, empty where that is not known.
    pub tenant_id: String,
    /// What is wrong with it.
    pub code: String,
    /// The field at fault, empty where it is the record as a whole.
    pub field: String,
    /// For people.
    pub message: String,
    /// What has become of it, as [`State`].
    pub state: String,
    /// When the connector read it.
    pub processed_at: String,
    /// When it passed.
    pub replayed_at: Option<String>,
    /// Kafka topic, empty where it did not come from there.
    pub source_topic: String,
    /// Kafka partition.
    pub source_partition: u32,
    /// Kafka offset.
    pub source_offset: u64,
    /// Size of the original, in bytes.
    pub bytes: u64,
}

const LETTER: &str = "SELECT origin_stream, origin_partition, origin_offset, tenant_id, code, field, message,
    toString(replay_state) AS state, concat(replaceOne(toString(processed_at), ' ', 'T'), 'Z') AS processed_at,
    concat(replaceOne(toString(replayed_at), ' ', 'T'), 'Z') AS replayed_at,
    source_topic, source_partition, source_offset, length(original) AS bytes";

const IN_ORDER: &str = "ORDER BY origin_stream, origin_partition, origin_offset LIMIT {limit:UInt64}
    SETTINGS prefer_column_name_to_alias = 1";

/// How many letters there are of one code in one state.
#[derive(Debug, Clone, Row, Serialize, Deserialize)]
pub struct Count {
    /// What is wrong with them.
    pub code: String,
    /// What has become of them, as [`State`].
    pub state: String,
    /// How many.
    pub letters: u64,
}

/// What came of one attempt, as it is shown.
#[derive(Debug, Clone, Row, Serialize, Deserialize)]
pub struct Attempt {
    /// When, RFC 3339.
    pub attempted_at: String,
    /// `passed` or `failed_again`.
    pub outcome: String,
    /// What was wrong before.
    pub previous_code: String,
    /// The field at fault before.
    pub previous_field: String,
    /// For people.
    pub previous_message: String,
    /// What was wrong now, empty where it passed.
    pub code: String,
    /// The field at fault now.
    pub field: String,
    /// For people.
    pub message: String,
    /// Which SmartModule judged: the first 16 digits of the SHA-256 of its file.
    pub smartmodule: String,
    /// Its params, JSON.
    pub params: String,
}

/// A letter as it stands in the table, to be tried again.
#[derive(Debug, Clone, Row, Deserialize)]
pub struct Whole {
    /// Stream and generation.
    pub origin_stream: String,
    /// Number of the partition.
    pub origin_partition: u32,
    /// The record's offset there.
    pub origin_offset: u64,
    /// Whose it is, empty where that is not known.
    pub tenant_id: String,
    /// What is wrong with it.
    pub code: String,
    /// The field at fault.
    pub field: String,
    /// For people.
    pub message: String,
    /// The record as it was sent.
    #[serde(deserialize_with = "blob")]
    pub original: Bytes,
    /// When the connector read it, in milliseconds since 1970.
    pub processed_at: i64,
    /// Kafka topic, empty where it did not come from there.
    pub source_topic: String,
    /// Kafka partition.
    pub source_partition: u32,
    /// Kafka offset.
    pub source_offset: u64,
    /// What has become of it, by number.
    pub replay_state: i8,
    /// Of its row.
    pub version: u64,
}

impl Whole {
    /// Where it is.
    #[must_use]
    pub fn place(&self) -> Place {
        let (stream, partition) = self.partition();
        Place { stream: stream.to_owned(), partition, offset: self.origin_offset }
    }

    /// Stream and partition.
    #[must_use]
    pub fn partition(&self) -> (&str, u32) {
        (&self.origin_stream, self.origin_partition)
    }
}

const WHOLE: &str =
    "SELECT origin_stream, origin_partition, origin_offset, tenant_id, code, field, message, original,
    processed_at, source_topic, source_partition, source_offset, replay_state, version";

/// Where a letter is, and how large.
#[derive(Debug, Clone, Row, Deserialize)]
pub struct Size {
    origin_stream: String,
    origin_partition: u32,
    origin_offset: u64,
    /// Of its original, in bytes.
    pub bytes: u64,
}

impl Size {
    /// A letter of this size.
    #[cfg(test)]
    pub(crate) fn new(stream: &str, partition: u32, offset: u64, bytes: u64) -> Self {
        Self { origin_stream: stream.to_owned(), origin_partition: partition, origin_offset: offset, bytes }
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> Place {
        let (stream, partition) = self.partition();
        Place { stream: stream.to_owned(), partition, offset: self.origin_offset }
    }

    /// Stream and partition.
    #[must_use]
    pub fn partition(&self) -> (&str, u32) {
        (&self.origin_stream, self.origin_partition)
    }
}

#[derive(Row, Deserialize)]
struct Original {
    #[serde(deserialize_with = "blob")]
    original: Bytes,
}

/// Bytes that need not be text, taken over without copying.
fn blob<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    struct Blob;
    impl Visitor<'_> for Blob {
        type Value = Bytes;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("bytes")
        }

        fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
            Ok(bytes.into())
        }
    }
    deserializer.deserialize_byte_buf(Blob)
}

impl Sink {
    /// Looks once whether ClickHouse answers and has what letters need: a connector of this version, or a
    /// replay, makes it at start.
    ///
    /// # Errors
    /// [`probe::Error::Failed`]
    pub async fn has_letters(&self) -> Result<bool, probe::Error> {
        let tables =
            "SELECT count() FROM system.tables WHERE database = {name:String} AND name = 'voc_replay_jobs'";
        let tables = self.client.query(tables).param("name", &self.database).fetch_one::<u64>().await;
        Ok(tables.map_err(|source| failed("list its tables", &source))? > 0)
    }

    /// Letters in the order of their origins, at most `limit`.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn letters(&self, filter: Filter<'_>, limit: u64) -> Result<Vec<Letter>, Error> {
        let client = self.client();
        let fetch = || filter.query(&client, LETTER, IN_ORDER).param("limit", limit).fetch_all();
        self.persist("list dead letters", fetch).await
    }

    /// How many letters there are, by code and state.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn count_letters(&self, filter: Filter<'_>) -> Result<Vec<Count>, Error> {
        const SELECT: &str = "SELECT code, toString(replay_state) AS state, count() AS letters";
        const REST: &str = "GROUP BY code, state ORDER BY letters DESC, code, state";
        let client = self.client();
        self.persist("count dead letters", || filter.query(&client, SELECT, REST).fetch_all()).await
    }

    /// A letter's original bytes; `None` where there is no such letter.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn original_of(&self, filter: Filter<'_>) -> Result<Option<Bytes>, Error> {
        let client = self.client();
        let fetch = || filter.query(&client, "SELECT original", "LIMIT 1").fetch_optional::<Original>();
        Ok(self.persist("read a dead letter", fetch).await?.map(|row| row.original))
    }

    /// What came of every attempt with a letter, in their order.
    ///
    /// # Errors
    /// [`Error::Refused`]
    pub async fn attempts(&self, place: &Place) -> Result<Vec<Attempt>, Error> {
        const ATTEMPTS: &str = "SELECT concat(replaceOne(toString(attempted_at), ' ', 'T'), 'Z') AS attempted_at,
                toString(outcome) AS outcome, previous_code, previous_field, previous_message, code, field, message,
                smartmodule, params
            FROM voc_replays FINAL
            WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}
                AND origin_offset = {offset:UInt64}
            ORDER BY attempted_at SETTINGS prefer_column_name_to_alias = 1";
        let client = self.client();
        self.persist("read the history of a dead letter", || {
            let query = client.query(ATTEMPTS).param("stream", &place.stream);
            query.param("partition", place.partition).param("offset", place.offset).fetch_all()
        })
        .await
    }

    /// Where the next letters are, and how large, at most `limit`.
    pub(crate) async fn sizes(&self, filter: Filter<'_>, limit: u64) -> Result<Vec<Size>, Error> {
        const SELECT: &str =
            "SELECT origin_stream, origin_partition, origin_offset, length(original) AS bytes";
        let client = self.client();
        let fetch = || filter.query(&client, SELECT, IN_ORDER).param("limit", limit).fetch_all();
        self.persist("look for dead letters", fetch).await
    }

    /// Letters with everything, in the order of their origins.
    pub(crate) async fn whole_letters(&self, filter: Filter<'_>) -> Result<Vec<Whole>, Error> {
        let client = self.client();
        let fetch = || filter.query(&client, WHOLE, IN_ORDER).param("limit", u64::MAX).fetch_all();
        self.persist("read dead letters", fetch).await
    }
}
