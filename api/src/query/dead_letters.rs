//! A tenant's dead letters: what was rejected, why, and what has become of it.
//!
//! Every statement is bound to the tenant. A letter whose tenant is not known is none of theirs.

use clickhouse::Row;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::client::Query;
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::{Limit, Origin, TenantId};

/// What may become of a letter.
pub const STATES: [&str; 4] = ["open", "replayed", "purged", "failed_again"];

/// Which letters are meant: all that is given must hold.
#[derive(Debug, Default)]
pub struct Filter {
    /// What is wrong with them.
    pub code: Option<String>,
    /// What has become of them.
    pub state: Option<&'static str>,
    /// Only this one.
    pub origin: Option<Origin>,
    /// Only those behind this one.
    pub after: Option<Origin>,
}

impl Filter {
    /// The statement with our conditions; their values are bound, never written into it.
    fn query(&self, database: &Database, tenant: &TenantId, select: &str, rest: &str) -> Query {
        let sql = format!("{select} {} {rest}", self.conditions());
        self.bound(database.client.query(&sql), tenant)
    }

    /// The table with our conditions.
    pub(super) fn conditions(&self) -> String {
        let mut sql = "FROM voc_dead_letters FINAL WHERE tenant_id = {tenant:String}".to_owned();
        let mut only = |given: bool, condition: &str| {
            if given {
                sql.push_str(condition);
            }
        };
        only(self.code.is_some(), " AND code = {code:String}");
        only(self.state.is_some(), " AND toString(replay_state) = {state:String}");
        only(
            self.origin.is_some(),
            " AND (origin_stream, origin_partition, origin_offset)
                = ({at_stream:String}, {at_partition:UInt32}, {at_offset:UInt64})",
        );
        only(
            self.after.is_some(),
            " AND (origin_stream, origin_partition, origin_offset)
                > ({after_stream:String}, {after_partition:UInt32}, {after_offset:UInt64})",
        );
        sql
    }

    /// Binds what the statement names.
    pub(super) fn bound(&self, query: Query, tenant: &TenantId) -> Query {
        let mut query = query.param("tenant", tenant.as_str());
        for (name, text) in [("code", self.code.as_deref()), ("state", self.state)] {
            query = text.into_iter().fold(query, |query, text| query.param(name, text));
        }
        for (name, origin) in [("at", &self.origin), ("after", &self.after)] {
            query = origin.iter().fold(query, |query, Origin { stream, partition, offset }| {
                query
                    .param(&format!("{name}_stream"), stream)
                    .param(&format!("{name}_partition"), partition)
                    .param(&format!("{name}_offset"), offset)
            });
        }
        query
    }

    fn of(origin: &Origin) -> Self {
        Self { origin: Some(origin.clone()), ..Self::default() }
    }
}

/// A letter without its original bytes. Times are RFC 3339.
#[derive(Debug, Row, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DeadLetter")]
pub struct Letter {
    /// Stream and generation.
    pub origin_stream: String,
    /// Number of the partition.
    pub origin_partition: u32,
    /// The record's offset there.
    pub origin_offset: u64,
    /// What is wrong with it.
    pub code: String,
    /// The field at fault, empty where it is the record as a whole.
    pub field: String,
    /// For people.
    pub message: String,
    /// What has become of it.
    #[schemars(extend("enum" = STATES))]
    pub state: String,
    /// When the connector read it.
    #[schemars(extend("format" = "date-time"))]
    pub processed_at: String,
    /// When it passed; null where it did not.
    #[schemars(extend("format" = "date-time"))]
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

const LETTER: &str = "SELECT origin_stream, origin_partition, origin_offset, code, field, message,
    toString(replay_state) AS state, concat(replaceOne(toString(processed_at), ' ', 'T'), 'Z') AS processed_at,
    concat(replaceOne(toString(replayed_at), ' ', 'T'), 'Z') AS replayed_at,
    source_topic, source_partition, source_offset, length(original) AS bytes";

/// How many letters a tenant has of one code in one state.
#[derive(Debug, Row, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DeadLetterCount")]
pub struct Count {
    /// What is wrong with them.
    pub code: String,
    /// What has become of them.
    #[schemars(extend("enum" = STATES))]
    pub state: String,
    /// How many.
    pub letters: u64,
}

/// What came of one attempt.
#[derive(Debug, Row, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// When, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub attempted_at: String,
    /// `passed` or `failed_again`.
    #[schemars(extend("enum" = ["passed", "failed_again"]))]
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

/// The original bytes, as JSON can hold them.
#[derive(Debug, Row, Deserialize)]
pub struct Original {
    /// Whether they are text.
    pub is_text: bool,
    /// The text, else Base64.
    pub shown: String,
}

/// Letters in the order of their origins.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the tables.
pub async fn list(
    database: &Database,
    tenant: &TenantId,
    filter: &Filter,
    limit: &Limit,
) -> Result<Vec<Letter>, Error> {
    const REST: &str = "ORDER BY origin_stream, origin_partition, origin_offset LIMIT {limit:UInt32}
        SETTINGS prefer_column_name_to_alias = 1";
    let query = filter.query(database, tenant, LETTER, REST).param("limit", limit.get());
    Database::within(ANSWER_LIMIT, query.fetch_all()).await
}

/// How many there are, by code and state, the most first.
///
/// # Errors
/// As [`list`].
pub async fn counts(database: &Database, tenant: &TenantId) -> Result<Vec<Count>, Error> {
    const SELECT: &str = "SELECT code, toString(replay_state) AS state, count() AS letters";
    const REST: &str = "GROUP BY code, state ORDER BY letters DESC, code, state";
    let query = Filter::default().query(database, tenant, SELECT, REST);
    Database::within(ANSWER_LIMIT, query.fetch_all()).await
}

/// One letter; none where the tenant has none from there.
///
/// # Errors
/// As [`list`].
pub async fn find(database: &Database, tenant: &TenantId, origin: &Origin) -> Result<Option<Letter>, Error> {
    const REST: &str = "LIMIT 1 SETTINGS prefer_column_name_to_alias = 1";
    let query = Filter::of(origin).query(database, tenant, LETTER, REST);
    Database::within(ANSWER_LIMIT, query.fetch_optional()).await
}

/// Its original, as JSON can hold it.
///
/// # Errors
/// As [`list`].
pub async fn original(
    database: &Database,
    tenant: &TenantId,
    origin: &Origin,
) -> Result<Option<Original>, Error> {
    const SELECT: &str =
        "SELECT isValidUTF8(original) = 1 AS is_text, if(is_text, original, base64Encode(original)) AS shown";
    let query = Filter::of(origin).query(database, tenant, SELECT, "LIMIT 1");
    Database::within(ANSWER_LIMIT, query.fetch_optional()).await
}

/// Its original, byte for byte.
///
/// # Errors
/// As [`list`].
pub async fn raw(database: &Database, tenant: &TenantId, origin: &Origin) -> Result<Vec<u8>, Error> {
    let query = Filter::of(origin).query(database, tenant, "SELECT original", "LIMIT 1");
    Database::within(ANSWER_LIMIT, query.fetch_whole("RawBLOB")).await
}

/// What came of every attempt with a letter, in their order.
///
/// # Errors
/// As [`list`].
pub async fn attempts(database: &Database, origin: &Origin) -> Result<Vec<Attempt>, Error> {
    const SQL: &str = "SELECT concat(replaceOne(toString(attempted_at), ' ', 'T'), 'Z') AS attempted_at,
            toString(outcome) AS outcome, previous_code, previous_field, previous_message, code, field, message,
            smartmodule, params
        FROM voc_replays FINAL
        WHERE origin_stream = {stream:String} AND origin_partition = {partition:UInt32}
            AND origin_offset = {offset:UInt64}
        ORDER BY attempted_at SETTINGS prefer_column_name_to_alias = 1";
    let query = database.client.query(SQL).param("stream", &origin.stream);
    let query = query.param("partition", origin.partition).param("offset", origin.offset);
    Database::within(ANSWER_LIMIT, query.fetch_all()).await
}
