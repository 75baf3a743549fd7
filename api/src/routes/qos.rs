//! `/v1/tenants/{tenant}/qos`: what was measured of the quality of service.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::agents::Request;
use super::finite;
use crate::error::Error;
use crate::interval::student;
use crate::query::Database;
use crate::query::qos;

/// The metrics with the most measurements.
#[derive(Serialize)]
pub struct Qos {
    from: String,
    to: String,
    /// How many there are; the same metric in another unit is another one.
    total: u64,
    metrics: Vec<Metric>,
}

#[derive(Serialize)]
struct Metric {
    metric: Option<String>,
    unit: Option<String>,
    measurements: u64,
    /// The mean with its 95 % interval.
    mean: Option<f64>,
    mean_lower: Option<f64>,
    mean_upper: Option<f64>,
    min: Option<f64>,
    p5: Option<f64>,
    p50: Option<f64>,
    p95: Option<f64>,
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
