//! Events of a tenant, the newest first, page by page.

use clickhouse::Row;
use serde::Deserialize;

use super::client::Query;
use super::scope::{bind, facts};
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::cursor::Cursor;
use crate::params::scope::Scope;

/// An event without its payload.
#[derive(Debug, Row, Deserialize)]
pub struct Found {
    /// Its id, as UUIDs are written.
    pub id: String,
    /// Its time, in microseconds since 1970.
    pub micros: i64,
    /// The type's name in the contract.
    pub event_kind: String,
    /// Its score.
    pub score: Option<f64>,
    /// The label of its sentiment, if it is a call that has one.
    pub label: Option<String>,
    /// The language in which its text was read.
    pub language: Option<String>,
    /// Its agent.
    pub agent: Option<String>,
    /// The channel of a call.
    pub channel: Option<String>,
    /// Of its transcript the beginning, or what lies around the place that was searched for.
    pub excerpt: String,
}

/// What a customer and an agent said: the transcript, or the texts of its turns, one a line.
pub(super) const TEXT: &str = "if(event_type = 'call',
    if(JSONType(payload, 'transcript') = 'String', JSONExtractString(payload, 'transcript'),
        arrayStringConcat(arrayMap(turn -> turn.1, JSONExtract(payload, 'transcript', 'Array(Tuple(text String))')),
            '\\n')), '')";

/// Where in its text an event has what is searched for, from 1; 0 where it has not.
fn place() -> String {
    format!("positionCaseInsensitiveUTF8({TEXT}, {{search:String}})")
}

/// The events with every condition of the request.
pub(super) fn conditions(scope: &Scope, is_searched: bool, is_after: bool) -> String {
    let mut conditions = facts(scope, None);
    if is_searched {
        conditions.push_str(&format!(" AND {} > 0", place()));
    }
    if is_after {
        conditions.push_str(
            " AND ts <= fromUnixTimestamp64Micro({after_time:Int64})
            AND (ts, event_id) < (fromUnixTimestamp64Micro({after_time:Int64}), {after_id:UUID})",
        );
    }
    conditions
}

fn sql(scope: &Scope, is_searched: bool, is_after: bool) -> String {
    let conditions = conditions(scope, is_searched, is_after);
    let from = match is_searched {
        true => format!("greatest(1, toInt64({}) - 80)", place()),
        false => "1".to_owned(),
    };
    format!(
        "SELECT toString(event_id) AS id, toUnixTimestamp64Micro(ts) AS micros, toString(event_type) AS event_kind,
            sentiment AS score, label, language, agent, channel,
            substringUTF8({TEXT}, {from}, 240) AS excerpt
        {conditions} ORDER BY ts DESC, event_id DESC LIMIT {{limit:UInt32}}"
    )
}

/// At most `limit` events behind the cursor.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(
    database: &Database,
    scope: &Scope,
    search: Option<&str>,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Vec<Found>, Error> {
    let sql = sql(scope, search.is_some(), after.is_some());
    let query = bound(database.client.query(&sql), scope, search, after, limit);
    Database::within(ANSWER_LIMIT, query.fetch_all()).await
}

/// Binds what the statement names.
pub(super) fn bound(
    query: Query,
    scope: &Scope,
    search: Option<&str>,
    after: Option<Cursor>,
    limit: u32,
) -> Query {
    let mut query = bind(query, scope, None).param("limit", limit);
    if let Some(search) = search {
        query = query.param("search", search);
    }
    if let Some(after) = after {
        query = query.param("after_time", after.time).param("after_id", after.event_id.to_string());
    }
    query
}

#[cfg(test)]
mod tests {
    use super::sql;
    use crate::query::scope::tests::{assert_bound, scope};

    #[test]
    fn every_value_is_bound() {
        let parameters = [
            "search:String",
            "tenant:String",
            "from:Int64",
            "to:Int64",
            "filter_agent:String",
            "after_time:Int64",
            "after_id:UUID",
            "limit:UInt32",
        ];
        assert_bound(&sql(&scope("agent=evil"), true, true), &parameters);
        let plain = ["tenant:String", "from:Int64", "to:Int64", "limit:UInt32"];
        assert_bound(&sql(&scope(""), false, false), &plain);
    }
}
