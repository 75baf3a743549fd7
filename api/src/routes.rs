//! One file per resource: parameters, response, handler.

pub mod agents;
pub mod audit;
pub mod breakdown;
pub mod dead_letter_jobs;
pub mod dead_letters;
pub mod distribution;
pub mod document;
pub mod event;
pub mod events;
pub mod export;
pub mod health;
pub mod ingest;
pub mod live;
pub mod metrics;
pub mod qos;
pub mod summary;
pub mod tenant_summary;
pub mod timeseries;
pub mod tools;

/// The number, unless it is none: ClickHouse's mean of nothing, which JSON cannot hold.
fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// A sum over a number of events; none where there are none.
#[allow(clippy::cast_precision_loss, reason = "numbers of events lie far below 2^52")]
fn mean(total: f64, events: u64) -> Option<f64> {
    finite((events > 0).then(|| total / events as f64))
}
