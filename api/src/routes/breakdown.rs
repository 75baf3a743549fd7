//! `/v1/tenants/{tenant}/breakdown`: the values of a dimension with the highest and the lowest metric, as far as their
//! number of events lets one be sure.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;

use super::finite;
use crate::error::Error;
use crate::interval::{CONFIDENCE, student, wilson};
use crate::openapi::operation::{Answer, JSON, Operation, schema};
use crate::params::choice::{Dimension, Kind, Metric};
use crate::params::parameter::{OneOf, Parameter, Whole};
use crate::params::required;
use crate::params::scope::Scope;
use crate::query::Database;
use crate::query::breakdown::{self, Group};

const BY: OneOf =
    OneOf { name: "by", meaning: "The dimension whose values are compared.", values: &Dimension::NAMES };
const LIMIT: Whole =
    Whole { name: "limit", meaning: "How many values are shown at each end.", most: 100, default: 10 };
const MIN_EVENTS: Whole = Whole {
    name: "min_events",
    meaning: "Values with fewer events that say something about the metric do not count.",
    most: 1_000_000,
    default: 1,
};
const KNOWN: [Parameter; 4] = [
    Parameter { is_required: true, ..BY.parameter() },
    Metric::PARAMETER,
    LIMIT.parameter(),
    MIN_EVENTS.parameter(),
];

/// What the document says of it.
pub const OPERATION: Operation = Operation {
    id: "breakdown",
    summary: "The values of a dimension with the highest and the lowest metric",
    description: "As far as their number of events lets one be sure: ranked by the near end of the interval that holds \
        the true value with 95 %, so one lucky event does not lead. Of more than 10,000 values those with the most \
        events are compared.",
    parameters: &KNOWN,
    answers: &[Answer::ok(&[(JSON, schema::<Breakdown>)])],
    ..Operation::analytic("/v1/tenants/{tenant}/breakdown")
};

/// More groups than this are not compared, the smallest left out.
pub(super) const COMPARED: u32 = 10_000;

/// What to break down.
pub struct Request {
    pub(super) scope: Scope,
    pub(super) metric: Metric,
    pub(super) by: Dimension,
    pub(super) limit: Option<u32>,
    /// Groups with fewer events that have a value do not count.
    pub(super) min_events: u32,
}

impl<S: Send + Sync> FromRequestParts<S> for Request {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let (scope, params) = Scope::of_request(parts, state, &KNOWN).await?;
        let metric = Metric::optional(&params)?;
        let by = required(Dimension::optional(&params, &BY)?, BY.name)?;
        metric.unmixed(scope.filters.has(Dimension::QosMetric) || by == Dimension::QosMetric)?;
        let (limit, min_events) = (LIMIT.given(&params)?, MIN_EVENTS.read(&params)?);
        Ok(Self { scope, metric, by, limit, min_events })
    }
}

/// The two ends of a dimension.
#[derive(Serialize, JsonSchema)]
pub struct Breakdown {
    /// What is measured.
    #[schemars(extend("enum" = Metric::NAMES))]
    metric: &'static str,
    /// The dimension.
    #[schemars(extend("enum" = Dimension::NAMES))]
    by: &'static str,
    /// The first moment that counts.
    #[schemars(extend("format" = "date-time"))]
    from: String,
    /// The first moment that does not count any more.
    #[schemars(extend("format" = "date-time"))]
    to: String,
    /// How often an interval holds the true value, 0 to 1.
    confidence: f64,
    /// How many values of the dimension there are with enough events.
    groups: u64,
    /// How many of them were compared.
    compared: usize,
    /// Those that are high for sure: by their lower ends, the highest first.
    top: Vec<Ranked>,
    /// Those that are low for sure: by their upper ends, the lowest first.
    bottom: Vec<Ranked>,
}

/// One value of the dimension.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct Ranked {
    /// The value.
    group: String,
    /// How many events have it.
    events: u64,
    /// How many of them say something about the metric.
    of: u64,
    /// The metric of those, in its own unit.
    value: Option<f64>,
    /// The interval's lower end; null where a single event says nothing about how sure its value is.
    lower: Option<f64>,
    /// Its upper end; null likewise.
    upper: Option<f64>,
}

fn ranked(group: Group, kind: Kind) -> Ranked {
    let Group { events, valued: of, .. } = group;
    #[allow(clippy::cast_precision_loss, reason = "numbers of events lie far below 2^52")]
    let value = match kind {
        Kind::Count => Some(events as f64),
        Kind::Share | Kind::Mean => finite(group.mean),
    };
    let interval = value.and_then(|value| match kind {
        Kind::Count => Some((value, value)),
        Kind::Share => wilson(value, of),
        Kind::Mean => student(value, group.variance.unwrap_or(f64::NAN), of),
    });
    let (lower, upper) = interval.unzip();
    Ranked { group: group.name.unwrap_or_default(), events, of, value, lower, upper }
}

/// The first of them by an end of the interval; those without one come last, by value, and equal ones by name.
fn ends(mut all: Vec<Ranked>, limit: u32, is_top: bool) -> Vec<Ranked> {
    let key = |one: &Ranked| {
        let sign = if is_top { -1.0 } else { 1.0 };
        let bound = if is_top { one.lower } else { one.upper };
        (
            bound.map_or(f64::INFINITY, |bound| sign * bound),
            one.value.map_or(f64::INFINITY, |value| sign * value),
        )
    };
    all.sort_by(|a, b| {
        let ((a_bound, a_value), (b_bound, b_value)) = (key(a), key(b));
        a_bound.total_cmp(&b_bound).then(a_value.total_cmp(&b_value)).then_with(|| a.group.cmp(&b.group))
    });
    all.truncate(limit as usize);
    all
}

/// Breaks down.
///
/// # Errors
/// A 400 for a bad parameter, a 503 while ClickHouse does not answer.
pub async fn get(State(database): State<Database>, request: Request) -> Result<Json<Breakdown>, Error> {
    let Request { scope, metric, by, limit, min_events } = request;
    let limit = limit.unwrap_or(LIMIT.default);
    let found = breakdown::fetch(&database, &scope, metric, by, min_events, COMPARED).await?;
    let groups = found.first().map_or(0, |group| group.groups);
    let all: Vec<Ranked> = found.into_iter().map(|group| ranked(group, metric.kind())).collect();
    Ok(Json(Breakdown {
        metric: metric.as_str(),
        by: by.as_str(),
        from: scope.range.show(scope.range.from),
        to: scope.range.show(scope.range.to),
        confidence: CONFIDENCE,
        groups,
        compared: all.len(),
        top: ends(all.clone(), limit, true),
        bottom: ends(all, limit, false),
    }))
}

#[cfg(test)]
mod tests {
    use super::{Group, Kind, Ranked, ends, ranked};

    fn group(name: &str, valued: u64, mean: f64, variance: f64) -> Group {
        Group {
            name: Some(name.to_owned()),
            events: valued + 5,
            valued,
            mean: Some(mean),
            variance: Some(variance),
            groups: 3,
        }
    }

    fn names(found: &[Ranked]) -> Vec<&str> {
        found.iter().map(|one| one.group.as_str()).collect()
    }

    #[test]
    fn one_lucky_event_does_not_lead() {
        let shares =
            [group("lucky", 1, 1.0, 0.0), group("proven", 200, 0.9, 0.0), group("poor", 200, 0.1, 0.0)];
        let all: Vec<Ranked> = shares.into_iter().map(|group| ranked(group, Kind::Share)).collect();
        assert_eq!(names(&ends(all.clone(), 3, true)), ["proven", "lucky", "poor"]);
        assert_eq!(names(&ends(all, 2, false)), ["poor", "proven"]);
        let means = [group("one", 1, 9.0, f64::NAN), group("few", 3, 5.0, 4.0), group("many", 400, 4.0, 4.0)];
        let all: Vec<Ranked> = means.into_iter().map(|group| ranked(group, Kind::Mean)).collect();
        assert_eq!(names(&ends(all.clone(), 3, true)), ["many", "few", "one"]);
        assert_eq!(names(&ends(all, 3, false)), ["many", "few", "one"]);
    }

    #[test]
    fn a_count_is_exact() {
        let one = ranked(group("a", 2, 1.0, 0.0), Kind::Count);
        assert_eq!((one.value, one.lower, one.upper), (Some(7.0), Some(7.0), Some(7.0)));
    }
}
