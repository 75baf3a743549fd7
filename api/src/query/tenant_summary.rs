//! How many events a tenant had, and how its customers felt, beside the period before.

use clickhouse::Row;
use serde::Deserialize;

use super::measure::{BY_LABEL, LABEL_COLUMNS};
use super::rollups::{Plan, Question};
use super::{ANSWER_LIMIT, Database, Error};
use crate::params::filters::LABELS;
use crate::params::scope::Scope;

/// Events of one type and period.
#[derive(Debug, Row, Deserialize)]
pub struct Part {
    /// The type's name in the contract.
    pub event_kind: String,
    /// Whether they are of the range itself, not of the one before.
    pub is_current: bool,
    /// How many.
    pub events: u64,
    /// How many have a score.
    pub scored: u64,
    /// Their scores together.
    pub total: f64,
    /// How many of them are negative.
    pub negative: f64,
    /// Calls by the label of their sentiment; without those whose score the keyword rules made.
    pub labels: Vec<(String, u64)>,
}

pub(super) fn sql(plan: &Plan<'_>) -> String {
    let columns = format!("events, sentiment_count, sentiment_sum, negative_sum, {LABEL_COLUMNS}");
    format!(
        "SELECT toString(event_type) AS event_kind, CAST(at >= fromUnixTimestamp64Micro({{from:Int64}}), 'Bool') AS is_current,
            sum(part.events) AS events, sum(sentiment_count) AS scored, sum(sentiment_sum) AS total,
            sum(negative_sum) AS negative, {BY_LABEL} AS labels
        FROM {} AS part
        GROUP BY event_kind, is_current ORDER BY event_kind, is_current",
        plan.relation(&columns)
    )
}

/// Rollups of one type and period. There are as few expressions as can be: at this size of an answer, most of its time
/// goes into planning them.
#[derive(Row, Deserialize)]
struct Whole {
    event_type: String,
    is_current: u8,
    /// Events, those with a score, their scores together, the negative ones, and calls by label, as [`LABELS`] has them.
    totals: Vec<f64>,
    /// Hours that have changed, so that this is no answer yet.
    changed: Vec<u32>,
}

impl Whole {
    /// None where there are no events.
    fn part(self) -> Option<Part> {
        let [events, scored, total, negative, by_label @ ..] = &self.totals[..] else { return None };
        let labels = LABELS.iter().zip(by_label).filter(|(_, events)| **events > 0.0);
        (*events > 0.0).then(|| Part {
            event_kind: self.event_type,
            is_current: self.is_current == 1,
            events: whole(*events),
            scored: whole(*scored),
            total: *total,
            negative: *negative,
            labels: labels.map(|(label, events)| ((*label).to_owned(), whole(*events))).collect(),
        })
    }
}

/// A number of events among sums, which are exact up to 2^53.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of events")]
fn whole(events: f64) -> u64 {
    events as u64
}

fn sql_of_rollups(rollups: &str) -> String {
    format!(
        "SELECT event_type, hour >= {{from_hour:DateTime('UTC')}} AS is_current, sumForEach(part.totals) AS totals,
            groupArrayIf(hour, part.is_changed) AS changed
        FROM {rollups} GROUP BY event_type, is_current"
    )
}

/// Counts and adds up.
///
/// # Errors
/// ClickHouse does not answer, or not in time, or lacks the table.
pub async fn fetch(database: &Database, scope: &Scope) -> Result<Vec<Part>, Error> {
    let before = scope.range.before();
    let before = Some((before.from, before.to));
    let question = Question { scope, by: None, before, edges: &[] };
    let mut changed = None;
    if let Some(rollups) = question.rollups() {
        let query = question.bind(database.client.query(&sql_of_rollups(&rollups)));
        let found: Vec<Whole> = Database::within(ANSWER_LIMIT, query.fetch_all()).await?;
        let hours: Vec<u32> = found.iter().flat_map(|whole| &whole.changed).copied().collect();
        if hours.is_empty() {
            return Ok(found.into_iter().filter_map(Whole::part).collect());
        }
        changed = Some(hours);
    }
    let plan = match changed {
        Some(hours) => question.with(hours),
        None => question.plan(database).await?,
    };
    let query = plan.bind(database.client.query(&sql(&plan)));
    Database::within(ANSWER_LIMIT, query.fetch_all()).await
}

#[cfg(test)]
mod tests {
    use super::sql;
    use crate::query::rollups::tests::plan;
    use crate::query::scope::tests::{assert_bound, scope};

    #[test]
    fn every_value_is_bound() {
        let scope = scope("agent=evil");
        let parameters = [
            "from:Int64",
            "tenant:String",
            "before_from_hour:DateTime('UTC')",
            "from_hour:DateTime('UTC')",
            "to_hour:DateTime('UTC')",
            "before_to_hour:DateTime('UTC')",
            "filter_agent:String",
        ];
        let plan = plan(&scope, None, Some((0, 1)), Vec::new());
        assert_bound(&sql(&plan), &parameters);
    }
}
