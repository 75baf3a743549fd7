//! `/v1/tenants/{tenant}/distribution`: how sentiment is spread.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use schemars::JsonSchema;
use serde::Serialize;

use super::finite;
use crate::error::Error;
use crate::openapi::operation::{Answer, JSON, Operation, schema};
use crate::params::filters::LABELS;
use crate::params::parameter::{Parameter, Whole};
use crate::params::scope::Scope;
use crate::query::Database;
use crate::query::distribution::{self, QUANTILES};

const BINS: Whole =
    Whole { name: "bins", meaning: "How many bins the histogram has.", most: 200, default: 20 };
const KNOWN: [Parameter; 1] = [BINS.parameter()];

/// What the document says of it.
pub const OPERATION: Operation = Operation {
    id: "distribution",
    summary: "How sentiment is spread",
    description: "A histogram and quantiles of the scores, and the calls by label.",
    parameters: &KNOWN,
    answers: &[Answer::ok(&[(JSON, schema::<Distribution>)])],
    ..Operation::analytic("/v1/tenants/{tenant}/distribution")
};

/// What is spread.
pub struct Request {
    pub(super) scope: Scope,
    pub(super) bins: u32,
}

impl<S: Send + Sync> FromRequestParts<S> for Request {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let (scope, params) = Scope::of_request(parts, state, &KNOWN).await?;
        Ok(Self { scope, bins: BINS.read(&params)? })
    }
}

/// Scores, and calls by label.
#[derive(Serialize, JsonSchema)]
pub struct Distribution {
    /// The first moment that counts.
    #[schemars(extend("format" = "date-time"))]
    from: String,
    /// The first moment that does not count any more.
    #[schemars(extend("format" = "date-time"))]
    to: String,
    /// How many events have a score.
    scored: u64,
    /// The mean of those; null where there are none.
    mean: Option<f64>,
    /// Of the scores, between neighbours in proportion.
    quantiles: Vec<Quantile>,
    /// Bins of equal width from -1 to 1; a score on the edge of two counts in the upper one.
    histogram: Vec<Bin>,
    /// Scores below -1: the keyword rules have no bounds.
    below: u64,
    /// Scores above 1.
    above: u64,
    /// Calls by the label of their sentiment; those that none has are not there.
    #[schemars(extend("propertyNames" = {"enum": LABELS}))]
    labels: BTreeMap<String, u64>,
}

/// The score below which this share of the scores lies.
#[derive(Serialize, JsonSchema)]
struct Quantile {
    /// The share, 0 to 1.
    level: f64,
    /// The score; null where there are none.
    value: Option<f64>,
}

/// One bin.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Bin {
    /// Its lower edge.
    from: f64,
    /// Its upper edge.
    to: f64,
    /// How many scores lie in it.
    events: u64,
}

/// Every bin, the empty ones, too; then what lies below and above.
fn histogram(found: &[(i32, u64)], bins: u32) -> (Vec<Bin>, u64, u64) {
    let events =
        |bin: i64| found.iter().find(|(one, _)| i64::from(*one) == bin).map_or(0, |(_, events)| *events);
    let edge = |bin: u32| f64::from(bin) * 2.0 / f64::from(bins) - 1.0;
    let bin = |bin| Bin { from: edge(bin), to: edge(bin + 1), events: events(i64::from(bin)) };
    ((0..bins).map(bin).collect(), events(-1), events(i64::from(bins)))
}

/// Sorts.
///
/// # Errors
/// A 400 for a bad parameter, a 503 while ClickHouse does not answer.
pub async fn get(State(database): State<Database>, request: Request) -> Result<Json<Distribution>, Error> {
    let Request { scope, bins } = request;
    let spread = distribution::fetch(&database, &scope, bins).await?;
    let (histogram, below, above) = histogram(&spread.bins, bins);
    let quantile = |(level, value): (f64, f64)| Quantile { level, value: finite(Some(value)) };
    Ok(Json(Distribution {
        from: scope.range.show(scope.range.from),
        to: scope.range.show(scope.range.to),
        scored: spread.scored,
        mean: finite(spread.mean),
        quantiles: QUANTILES.into_iter().zip(spread.quantiles).map(quantile).collect(),
        histogram,
        below,
        above,
        labels: spread.labels.into_iter().collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::{Bin, histogram};

    #[test]
    fn empty_bins_and_what_lies_outside_are_there() {
        let (bins, below, above) = histogram(&[(-1, 3), (1, 5), (4, 7)], 4);
        let bin = |from, events| Bin { from, to: from + 0.5, events };
        assert_eq!(bins, [bin(-1.0, 0), bin(-0.5, 5), bin(0.0, 0), bin(0.5, 0)]);
        assert_eq!((below, above), (3, 7));
    }
}
