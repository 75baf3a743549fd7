//! What is counted of queries.

use std::time::Duration;

use super::Metrics;

/// How a query ended.
#[derive(Debug, Clone, Copy)]
pub enum Outcome {
    /// With its whole answer.
    Ok,
    /// With an error.
    Failed,
    /// Nobody waited for its end: it took too long, or the caller has left.
    Abandoned,
}

/// What ClickHouse read for a query, as it says itself.
#[derive(Debug, Clone, Copy)]
pub struct QueryCost {
    /// Rows of all tables together.
    pub rows: u64,
    /// Bytes, uncompressed.
    pub bytes: u64,
}

impl Metrics {
    /// A query of a resource ended.
    pub fn queried(&self, resource: &str, outcome: Outcome, took: Duration) {
        let outcome = match outcome {
            Outcome::Ok => "ok",
            Outcome::Failed => "failed",
            Outcome::Abandoned => "abandoned",
        };
        self.queries.with_label_values(&[resource, outcome]).inc();
        self.query_seconds.with_label_values(&[resource]).observe(took.as_secs_f64());
    }

    /// What an answered query cost.
    pub fn read(&self, resource: &str, cost: QueryCost) {
        #[allow(clippy::cast_precision_loss, reason = "no table has 2^52 rows")]
        self.query_read_rows.with_label_values(&[resource]).observe(cost.rows as f64);
        self.query_read_bytes.with_label_values(&[resource]).inc_by(cost.bytes);
    }
}
