//! `/v1/tenants/{tenant}/timeseries`: a metric by hour, day, week or month, for each group, beside the period before.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;

use super::finite;
use crate::error::Error;
use crate::openapi::operation::{Answer, JSON, Operation, schema};
use crate::params::buckets::{Buckets, Granularity};
use crate::params::choice::{Dimension, Kind, Metric};
use crate::params::parameter::{OneOf, Parameter, Whole};
use crate::params::range::Range;
use crate::params::scope::Scope;
use crate::query::Database;
use crate::query::timeseries::{self, Bucket};

const GROUP_BY: OneOf = OneOf {
    name: "group_by",
    meaning: "One series for each value of this dimension. Without it, one series of all events.",
    values: &Dimension::NAMES,
};
const COMPARE: OneOf = OneOf {
    name: "compare",
    meaning: "`previous`: also as many buckets of the period before.",
    values: &["previous"],
};
const LIMIT: Whole = Whole {
    name: "limit",
    meaning: "How many groups are shown at most, those with the most events.",
    most: 100,
    default: 10,
};
const KNOWN: [Parameter; 5] =
    [Metric::PARAMETER, Granularity::PARAMETER, GROUP_BY.parameter(), COMPARE.parameter(), LIMIT.parameter()];

/// What the document says of it.
pub const OPERATION: Operation = Operation {
    id: "timeseries",
    summary: "A metric by hour, day, week or month, for each group, beside the period before",
    description: "Every bucket of the range is there, those without events too.",
    parameters: &KNOWN,
    answers: &[Answer::ok(&[(JSON, schema::<Timeseries>)])],
    ..Operation::analytic("/v1/tenants/{tenant}/timeseries")
};

/// Which series.
pub struct Request {
    pub(super) scope: Scope,
    pub(super) metric: Metric,
    granularity: Granularity,
    pub(super) group_by: Option<Dimension>,
    pub(super) buckets: Buckets,
    pub(super) limit: Option<u32>,
}

impl<S: Send + Sync> FromRequestParts<S> for Request {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let (scope, params) = Scope::of_request(parts, state, &KNOWN).await?;
        let (metric, granularity) = (Metric::optional(&params)?, Granularity::optional(&params)?);
        let group_by = Dimension::optional(&params, &GROUP_BY)?;
        metric.unmixed(scope.filters.has(Dimension::QosMetric) || group_by == Some(Dimension::QosMetric))?;
        let is_compared = COMPARE.read(&params)?.is_some();
        let buckets = Buckets::cut(&scope.range, granularity, is_compared)?;
        let limit = LIMIT.given(&params)?;
        Ok(Self { scope, metric, granularity, group_by, buckets, limit })
    }
}

/// A series for each group.
#[derive(Serialize, JsonSchema)]
pub struct Timeseries {
    /// What is measured.
    #[schemars(extend("enum" = Metric::NAMES))]
    metric: &'static str,
    /// How long a bucket is.
    #[schemars(extend("enum" = Granularity::NAMES))]
    granularity: &'static str,
    /// What it is grouped by; null where nothing is.
    group_by: Option<&'static str>,
    /// The first moment that counts.
    #[schemars(extend("format" = "date-time"))]
    from: String,
    /// The first moment that does not count any more.
    #[schemars(extend("format" = "date-time"))]
    to: String,
    /// With a comparison: what it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Span>,
    /// How many groups there are; those with the most events are shown.
    groups: u64,
    /// The most events first.
    series: Vec<Series>,
}

/// From a time up to, and not with, another.
#[derive(Serialize, JsonSchema)]
struct Span {
    /// The first moment of it.
    #[schemars(extend("format" = "date-time"))]
    from: String,
    /// The first moment after it.
    #[schemars(extend("format" = "date-time"))]
    to: String,
}

/// One group.
#[derive(Serialize, JsonSchema)]
struct Series {
    /// The value of the dimension; null where nothing is grouped.
    group: Option<String>,
    /// Every bucket, in the order of time.
    points: Vec<Point>,
    /// With a comparison: as many points of the period before.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Vec<Point>>,
}

/// One bucket; what of it lies outside of the range does not count.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Point {
    /// Where the bucket begins, which may lie before the range.
    #[schemars(extend("format" = "date-time"))]
    start: String,
    /// How many events it has.
    events: u64,
    /// How many of them say something about the metric.
    of: u64,
    /// The metric of those, in its own unit; null where there are none.
    value: Option<f64>,
}

/// Every bucket in its order, those without events, too.
fn points(starts: &[u32], found: &[Bucket], metric: Metric, range: &Range) -> Vec<Point> {
    let found: HashMap<u32, &Bucket> = found.iter().map(|bucket| (bucket.0, bucket)).collect();
    let point = |start: &u32| {
        let (_, events, of, value) = found.get(start).copied().copied().unwrap_or_default();
        #[allow(clippy::cast_precision_loss, reason = "numbers of events lie far below 2^52")]
        let value = match metric.kind() {
            Kind::Count => Some(events as f64),
            Kind::Share | Kind::Mean => finite(value),
        };
        Point { start: range.show(i64::from(*start) * 1_000_000), events, of, value }
    };
    starts.iter().map(point).collect()
}

/// Measures.
///
/// # Errors
/// A 400 for a bad parameter, a 503 while ClickHouse does not answer.
pub async fn get(State(database): State<Database>, request: Request) -> Result<Json<Timeseries>, Error> {
    let Request { scope, metric, granularity, group_by, buckets, limit } = request;
    let found =
        timeseries::fetch(&database, &scope, metric, group_by, &buckets, limit.unwrap_or(LIMIT.default))
            .await?;
    let range = &scope.range;
    let one = |group: Option<String>, found: &[Bucket]| Series {
        group,
        points: points(buckets.current(), found, metric, range),
        previous: buckets.before.is_some().then(|| points(buckets.earlier(), found, metric, range)),
    };
    let groups = found.first().map_or(0, |group| group.groups);
    let series = match group_by {
        // Without any event there is no row, but still a series.
        None => vec![one(None, found.first().map_or(&[], |group| &group.buckets))],
        Some(_) => found.into_iter().map(|group| one(group.name, &group.buckets)).collect(),
    };
    Ok(Json(Timeseries {
        metric: metric.as_str(),
        granularity: granularity.as_str(),
        group_by: group_by.map(Dimension::as_str),
        from: range.show(range.from),
        to: range.show(range.to),
        previous: buckets
            .before
            .as_ref()
            .map(|before| Span { from: before.show(before.from), to: before.show(before.to) }),
        groups: if group_by.is_some() { groups } else { 1 },
        series,
    }))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::{Metric, Range, points};

    #[test]
    fn a_bucket_without_events_is_zero_or_nothing() {
        let range = Range { from: 0, to: 7_200_000_000, zone: TimeZone::UTC };
        let found = [(3_600, 4, 2, Some(0.5))];
        let values = |metric| {
            let points = points(&[0, 3_600], &found, metric, &range);
            points.into_iter().map(|point| (point.events, point.of, point.value)).collect::<Vec<_>>()
        };
        assert_eq!(values(Metric::Count), [(0, 0, Some(0.0)), (4, 2, Some(4.0))]);
        assert_eq!(values(Metric::Sentiment), [(0, 0, None), (4, 2, Some(0.5))]);
    }
}
