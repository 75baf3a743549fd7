//! `/v1/tenants/{tenant}/summary`: how many events, and how the customers felt, beside the period before.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;

use super::mean;
use crate::error::Error;
use crate::openapi::operation::{Answer, JSON, Operation, schema};
use crate::params::scope::Scope;
use crate::query::Database;
use crate::query::tenant_summary::{self, Part};

/// What the document says of it.
pub const OPERATION: Operation = Operation {
    id: "tenant_summary",
    summary: "How many events, and how the customers felt, beside the period before",
    description: "The period before has the same length and ends where the range begins. A tenant that is not known \
        has no events.",
    answers: &[Answer::ok(&[(JSON, schema::<Summary>)])],
    ..Operation::analytic("/v1/tenants/{tenant}/summary")
};

/// What to sum up.
pub struct Request(pub(super) Scope);

impl<S: Send + Sync> FromRequestParts<S> for Request {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let (scope, _) = Scope::of_request(parts, state, &[]).await?;
        Ok(Self(scope))
    }
}

/// Two periods of the same length.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "TenantSummary")]
pub struct Summary {
    /// The range that was asked about.
    current: Period,
    /// The period that ends where the current one begins.
    previous: Period,
}

/// From a time up to, and not with, another.
#[derive(Serialize, JsonSchema)]
struct Period {
    /// The first moment of it.
    #[schemars(extend("format" = "date-time"))]
    from: String,
    /// The first moment after it.
    #[schemars(extend("format" = "date-time"))]
    to: String,
    #[serde(flatten)]
    all: Sum,
    /// The same for each type of event that occurs, by its name.
    by_type: BTreeMap<String, Sum>,
    /// Calls by the label of their sentiment.
    labels: BTreeMap<String, u64>,
}

/// Events together.
#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
struct Sum {
    /// How many there are.
    events: u64,
    /// How many of them have a score.
    scored: u64,
    /// The mean of those scores, from -1 to 1; null where there are none. (Scores of the keyword rules have no bounds.)
    sentiment: Option<f64>,
    /// The share of negative ones among those, 0 to 1; null where there are none.
    negative_share: Option<f64>,
}

impl Sum {
    fn of<'a>(parts: impl Iterator<Item = &'a Part>) -> Self {
        let (mut sum, mut total, mut negative) = (Self::default(), 0.0, 0.0);
        for part in parts {
            sum.events += part.events;
            sum.scored += part.scored;
            total += part.total;
            negative += part.negative;
        }
        sum.sentiment = mean(total, sum.scored);
        sum.negative_share = mean(negative, sum.scored);
        sum
    }
}

fn period(parts: &[Part], is_current: bool, from: String, to: String) -> Period {
    let parts = || parts.iter().filter(|part| part.is_current == is_current);
    let kinds = parts().map(|part| part.event_kind.as_str());
    let by_type = kinds
        .map(|kind| (kind.to_owned(), Sum::of(parts().filter(|part| part.event_kind == kind))))
        .collect();
    let mut labels = BTreeMap::new();
    for (label, events) in parts().flat_map(|part| &part.labels) {
        *labels.entry(label.clone()).or_default() += events;
    }
    Period { from, to, all: Sum::of(parts()), by_type, labels }
}

/// Sums up; a tenant that is not known has no events.
///
/// # Errors
/// A 400 for a bad parameter, a 503 while ClickHouse does not answer.
pub async fn get(State(database): State<Database>, Request(scope): Request) -> Result<Json<Summary>, Error> {
    let parts = tenant_summary::fetch(&database, &scope).await?;
    let range = &scope.range;
    let [before, from, to] = [range.before().from, range.from, range.to].map(|micros| range.show(micros));
    Ok(Json(Summary {
        current: period(&parts, true, from.clone(), to),
        previous: period(&parts, false, before, from),
    }))
}

#[cfg(test)]
mod tests {
    use super::{Part, Sum, period};

    fn part(event_kind: &str, label: Option<&str>, is_current: bool, scored: u64, total: f64) -> Part {
        Part {
            event_kind: event_kind.to_owned(),
            is_current,
            events: scored + 1,
            scored,
            total,
            negative: f64::from(u32::try_from(scored).unwrap()),
            labels: label.map(|label| (label.to_owned(), scored + 1)).into_iter().collect(),
        }
    }

    #[test]
    fn a_mean_is_over_scored_events_of_its_period() {
        let parts = [
            part("call", Some("negative"), true, 3, -3.0),
            part("call", Some("positive"), true, 1, 1.0),
            part("call", Some("positive"), false, 7, 7.0),
            part("qos_metric", None, true, 0, 0.0),
        ];
        let found = period(&parts, true, String::new(), String::new());
        let share = Some(1.0);
        let all = Sum { events: 7, scored: 4, sentiment: Some(-0.5), negative_share: share };
        assert_eq!(found.all, all);
        assert_eq!(found.by_type["call"], Sum { events: 6, ..all });
        assert_eq!(found.by_type["qos_metric"], Sum { events: 1, ..Sum::default() });
        assert_eq!(
            found.labels.into_iter().collect::<Vec<_>>(),
            [("negative".into(), 4), ("positive".into(), 2)]
        );
    }
}
