//! What the analytic statements read: the rollups of whole hours, and the events of the rest, as one relation.
//!
//! First it is asked which hours have changed since their rollups were computed, then one statement reads both. An hour
//! counts as a whole where nothing cuts it: no end of the range, no edge of a bucket. Where all are whole, the rollups may
//! be asked alone first ([`Question::rollups`]): they say themselves whether one has changed. What a row means stands in
//! `deploy/clickhouse/0007_rollups.sql`: one event adds up to the same columns as a rollup.

use super::client::Query;
use super::scope::{Period, bind, bind_hours, facts, within_hours};
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::choice::Dimension;
use crate::params::scope::Scope;

const HOUR: u32 = 3_600;
const SECOND: i64 = 1_000_000;

/// Changed hours that are named one by one in a statement. Beyond, ClickHouse looks them up itself.
const NAMED: usize = 2_000;

/// A question about a scope, before it is known where its answer is read.
pub(super) struct Question<'a> {
    /// Which events.
    pub(super) scope: &'a Scope,
    /// What they are grouped by; with [`Dimension::Type`] or nothing, `key` is of no meaning.
    pub(super) by: Option<Dimension>,
    /// A period that is asked about, too, and lies before that of the scope.
    pub(super) before: Option<Period>,
    /// Where buckets begin, in seconds since 1970.
    pub(super) edges: &'a [u32],
}

/// A question, and where its answer is read.
pub(super) struct Plan<'a> {
    question: Question<'a>,
    rest: Rest,
}

/// What is not read from rollups.
#[derive(Debug, PartialEq)]
enum Rest {
    /// Nothing is: no set of rollups has these dimensions.
    Everything,
    /// Hours that are cut or have changed, by their beginning in seconds since 1970.
    Hours(Vec<u32>),
    /// Hours that are cut, and those that have changed, which are too many to be named.
    Many(Vec<u32>),
}

impl<'a> Question<'a> {
    /// Finds out which hours are read from the events.
    ///
    /// # Errors
    /// ClickHouse does not answer, or not in time, or lacks the table.
    pub(super) async fn plan(self, database: &Database) -> Result<Plan<'a>, Error> {
        if self.set().is_none() {
            return Ok(Plan { question: self, rest: Rest::Everything });
        }
        let sql = format!("SELECT toUnixTimestamp(hour) {} LIMIT {}", self.changed(), NAMED + 1);
        let query = self.bind(database.client.query(&sql));
        let changed: Vec<u32> = Database::within(ANSWER_LIMIT, query.fetch_all()).await?;
        Ok(self.with(changed))
    }

    /// The plan where it is known which hours have changed.
    pub(super) fn with(self, changed: Vec<u32>) -> Plan<'a> {
        let mut hours = self.cut();
        let rest = if changed.len() > NAMED {
            Rest::Many(hours)
        } else {
            hours.extend(changed);
            hours.sort_unstable();
            hours.dedup();
            Rest::Hours(hours)
        };
        Plan { question: self, rest }
    }

    /// The rollups alone, with the marks of hours that have changed: a table named `part`, and conditions. None where
    /// some hours are not whole, or no rollups have these dimensions.
    pub(super) fn rollups(&self) -> Option<String> {
        let set = self.set().filter(|_| self.cut().is_empty())?;
        let filters = self.filters();
        let these = match filters.strip_prefix(" AND ") {
            Some(filters) => format!(" AND (event_type = '' OR {filters})"),
            None => String::new(),
        };
        let range = within_hours("hour", self.scope, self.before);
        Some(format!(
            "voc_rollups AS part FINAL WHERE tenant_id = {{tenant:String}} AND dimension = '{}' AND {range}{these}",
            set.as_str()
        ))
    }

    /// Binds what [`Question::rollups`] names. A second thread would cost more than it saves, and so does all that the newer
    /// analyzer can do for a statement as plain as that: a sixth of the answer's time.
    pub(super) fn bind(&self, query: Query) -> Query {
        let query = bind(query, self.scope, self.before);
        bind_hours(query, self.scope, self.before)
            .with_setting("max_threads", "1")
            .with_setting("enable_analyzer", "0")
    }

    /// The filters as conditions on rollups.
    fn filters(&self) -> String {
        let mut filters = String::new();
        for (one, _) in self.scope.filters.iter() {
            let column = if one == Dimension::Type { "event_type" } else { "key" };
            filters.push_str(&format!(" AND {column} = {{filter_{}:String}}", one.as_str()));
        }
        filters
    }

    /// The set of rollups that knows every dimension of the question; none where it has two beside the type.
    fn set(&self) -> Option<Dimension> {
        let of_filters = self.scope.filters.iter().map(|(one, _)| one);
        let mut others = of_filters.chain(self.by).filter(|one| *one != Dimension::Type);
        match others.next() {
            None => Some(Dimension::Type),
            Some(first) => others.all(|one| one == first).then_some(first),
        }
    }

    /// The hours that an end or an edge lies within.
    fn cut(&self) -> Vec<u32> {
        let ends = [Some((self.scope.range.from, self.scope.range.to)), self.before];
        let ends = ends.into_iter().flatten().flat_map(|(from, to)| [from, to]);
        let edges = self.edges.iter().map(|edge| i64::from(*edge) * SECOND);
        let of = |moment: i64| {
            let hour = i64::from(HOUR) * SECOND;
            (moment.rem_euclid(hour) != 0).then(|| u32::try_from(moment.div_euclid(hour)).ok()).flatten()
        };
        let mut hours: Vec<u32> = ends.chain(edges).filter_map(of).map(|hour| hour * HOUR).collect();
        hours.sort_unstable();
        hours.dedup();
        hours
    }

    /// The hours that have changed since their rollups were computed. Those that are frozen have no events any more.
    fn changed(&self) -> String {
        let range = within_hours("hour", self.scope, self.before);
        format!(
            "FROM voc_rollup_hours FINAL WHERE tenant_id = {{tenant:String}} AND {range}
            AND touched_at >= computed_at AND frozen_at = toDateTime64(0, 6, 'UTC')"
        )
    }
}

impl Plan<'_> {
    /// The relation, in parentheses: `event_type`, `key` (the value of the dimension that is grouped by), `unit`, `at`
    /// (the time; of a rollup, where its hour begins), and these columns.
    pub(super) fn relation(&self, columns: &str) -> String {
        let Question { scope, by, before, .. } = &self.question;
        let by = by.filter(|by| *by != Dimension::Type);
        let (key, only) = match by.map(Dimension::as_str) {
            Some(name) => (format!("assumeNotNull({name})"), format!(" AND isNotNull({name})")),
            None => ("''".to_owned(), String::new()),
        };
        let facts = facts(scope, *before);
        let of_facts = format!("SELECT event_type, {key} AS key, unit, ts AS at, {columns} {facts}{only}");
        let (Some(set), Some((in_rollups, in_facts))) = (self.question.set(), self.places()) else {
            return format!("({of_facts})");
        };
        let filters = self.question.filters();
        let of_rollups = format!(
            "SELECT event_type, key, unit, toDateTime64(hour, 6, 'UTC') AS at, {columns} FROM voc_rollups FINAL
            WHERE tenant_id = {{tenant:String}} AND dimension = '{}' AND {}{filters} AND events > 0{in_rollups}",
            set.as_str(),
            within_hours("hour", scope, *before),
        );
        match in_facts {
            None => format!("({of_rollups})"),
            Some(in_facts) => format!("({of_rollups} UNION ALL {of_facts}{in_facts})"),
        }
    }

    /// What says which hours are read from the rollups, and which from the events; nothing of the latter where there
    /// are none. None where everything is read from the events.
    fn places(&self) -> Option<(String, Option<String>)> {
        const NAMED: &str = "{hours:Array(DateTime('UTC'))}";
        match &self.rest {
            Rest::Everything => None,
            Rest::Hours(hours) if hours.is_empty() => Some((String::new(), None)),
            Rest::Hours(_) => Some((
                format!(" AND hour NOT IN {NAMED}"),
                Some(format!(" AND toStartOfHour(ts) IN {NAMED}")),
            )),
            Rest::Many(_) => {
                let changed = format!("(SELECT hour {})", self.question.changed());
                Some((
                    format!(" AND hour NOT IN {NAMED} AND hour NOT IN {changed}"),
                    Some(format!(" AND (toStartOfHour(ts) IN {NAMED} OR toStartOfHour(ts) IN {changed})")),
                ))
            }
        }
    }

    /// Binds what the relation names. Where no events are read, a second thread would cost more than it saves.
    pub(super) fn bind(&self, query: Query) -> Query {
        let Question { scope, before, .. } = self.question;
        let query = bind_hours(bind(query, scope, before), scope, before);
        match &self.rest {
            Rest::Everything => query,
            Rest::Hours(hours) if hours.is_empty() => query.with_setting("max_threads", "1"),
            Rest::Hours(hours) | Rest::Many(hours) => query.param("hours", hours),
        }
    }
}

/// The name of a group: an expression over the relation.
pub(super) fn name(by: Option<Dimension>) -> &'static str {
    match by {
        None => "CAST(NULL, 'Nullable(String)')",
        Some(Dimension::Type) => "toNullable(toString(event_type))",
        Some(_) => "toNullable(key)",
    }
}

#[cfg(test)]
pub(super) mod tests;
