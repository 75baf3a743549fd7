//! `/v1/tenants/{tenant}/qos`: what was measured of the quality of service.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::agents::{KNOWN, Request};
use super::finite;
use crate::error::Error;
use crate::interval::student;
use crate::openapi::operation::{Answer, JSON, Operation, schema};
use crate::query::Database;
use crate::query::qos;

/// What the document says of it.
pub const OPERATION: Operation = Operation {
    id: "qos",
    summary: "What was measured of the quality of service",
    description: "By metric and unit; those with the most measurements come first.",
    parameters: &KNOWN,
    answers: &[Answer::ok(&[(JSON, schema::<Qos>)])],
    ..Operation::analytic("/v1/tenants/{tenant}/qos")
};

/// The metrics with the most measurements.
#[derive(Serialize, JsonSchema)]
pub struct Qos {
    /// The first moment that counts.
    #[schemars(extend("format" = "date-time"))]
    from: String,
    /// The first moment that does not count any more.
    #[schemars(extend("format" = "date-time"))]
    to: String,
    /// How many there are; the same metric in another unit is another one.
    total: u64,
    /// The most measured first, at most `limit`.
    metrics: Vec<Metric>,
}

/// One metric in one unit; all values are in that unit.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "QosMetric")]
struct Metric {
    /// Its name.
    metric: Option<String>,
    /// Its unit; null where none is named.
    unit: Option<String>,
    /// How many measurements.
    measurements: u64,
    /// Their mean.
    mean: Option<f64>,
    /// The lower end of its 95 % interval; null where there is only one measurement.
    mean_lower: Option<f64>,
    /// The upper end; null likewise.
    mean_upper: Option<f64>,
    /// The smallest.
    min: Option<f64>,
    /// What 5 % stay below.
    p5: Option<f64>,
    /// The median.
    p50: Option<f64>,
    /// What 95 % stay below.
    p95: Option<f64>,
    /// The largest.
    max: Option<f64>,
}

fn metric(row: qos::Measured) -> Metric {
    let (mean, variance) = (finite(row.mean), row.variance.unwrap_or(f64::NAN));
    let interval = mean.and_then(|mean| student(mean, variance, row.measurements));
    let (mean_lower, mean_upper) = interval.unzip();
    let quantile = |at: usize| finite(row.quantiles.get(at).copied());
    Metric {
        p5: quantile(0),
        p50: quantile(1),
        p95: quantile(2),
        metric: row.metric,
        unit: Some(row.unit).filter(|unit| !unit.is_empty()),
        measurements: row.measurements,
        mean,
        mean_lower,
        mean_upper,
        min: finite(row.least),
        max: finite(row.most),
    }
}

/// Lists.
///
/// # Errors
/// A 400 for a bad parameter, a 503 while ClickHouse does not answer.
pub async fn get(
    State(database): State<Database>,
    Request { scope, limit }: Request,
) -> Result<Json<Qos>, Error> {
    let found = qos::fetch(&database, &scope, &limit).await?;
    Ok(Json(Qos {
        from: scope.range.show(scope.range.from),
        to: scope.range.show(scope.range.to),
        total: found.first().map_or(0, |row| row.groups),
        metrics: found.into_iter().map(metric).collect(),
    }))
}
