//! Every metric of the API, with its name and help text, and the one function that moves it.
//!
//! Labels are bounded, and none names a tenant: routes are the router's patterns, resources the files in `query/`,
//! the rest closed sets.

mod query;
mod request;

use prometheus::core::Collector;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

pub use query::{Outcome, QueryCost};
pub use request::{InFlight, Refusal, Request};

type Metric = (&'static str, &'static str);

const REQUESTS_TOTAL: Metric =
    ("voc_api_requests_total", "Requests answered, by route, method and HTTP status");
const REQUEST_SECONDS: Metric = (
    "voc_api_request_seconds",
    "Time from the request's head to the response's head, in seconds, by route, method and class of the status",
);
const IN_FLIGHT_REQUESTS: Metric =
    ("voc_api_in_flight_requests", "Requests that have come and whose response has not begun");
const REFUSED_REQUESTS: Metric = (
    "voc_api_refused_requests_total",
    "Requests refused without a look at ClickHouse: busy (too many at once), tenant or address (too many a second)",
);
const QUERIES_TOTAL: Metric = (
    "voc_api_queries_total",
    "Queries sent to ClickHouse, by resource and outcome: ok, failed, or abandoned (no answer in time, or the caller left)",
);
const QUERY_SECONDS: Metric =
    ("voc_api_query_seconds", "Time from sending a query to the end of its answer, in seconds, by resource");
const QUERY_READ_ROWS: Metric =
    ("voc_api_query_read_rows", "Rows that ClickHouse read for one answered query, by resource");
const QUERY_READ_BYTES: Metric =
    ("voc_api_query_read_bytes_total", "Bytes that ClickHouse read for answered queries, by resource");

const CACHE_ANSWERS_TOTAL: Metric = (
    "voc_api_cache_answers_total",
    "Answers of the routes whose answers are kept, by where they came from: kept, shared with another request, asked",
);
const INGESTED_EVENTS_TOTAL: Metric = (
    "voc_ingested_events_total",
    "Events that were posted, by outcome: accepted (durable), rejected, not_stored (good ones of requests that failed)",
);
const SPOOL_BYTES: Metric = ("voc_spool_bytes", "Length of the spool that posted events go to, in bytes");

/// Fine around what most answers take (a median of 10 ms, one in a hundred above 30 ms), then up to the longest query.
const SECONDS: [f64; 18] = [
    0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    15.0,
];
/// From a lookup to the most that a query may read unless it is configured otherwise.
const ROWS: [f64; 8] = [1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 5e7, 2e8];

/// The API's metrics in a registry of their own. A clone is the same set of metrics.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    in_flight: IntGauge,
    refused: IntCounterVec,
    queries: IntCounterVec,
    query_seconds: HistogramVec,
    query_read_rows: HistogramVec,
    query_read_bytes: IntCounterVec,
    cache_answers: IntCounterVec,
    ingested: IntCounterVec,
    spool_bytes: IntGauge,
}

impl Metrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// A name is malformed or registered twice.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        #[cfg(target_os = "linux")] // memory, processor time and open files, from /proc
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let make = Maker(&registry);
        Ok(Self {
            requests: make.counters(REQUESTS_TOTAL, &["route", "method", "status"])?,
            request_seconds: make.histograms(REQUEST_SECONDS, &SECONDS, &["route", "method", "class"])?,
            in_flight: make.register(IntGauge::new(IN_FLIGHT_REQUESTS.0, IN_FLIGHT_REQUESTS.1)?)?,
            refused: request::at_zero(make.counters(REFUSED_REQUESTS, &["reason"])?),
            queries: make.counters(QUERIES_TOTAL, &["resource", "outcome"])?,
            query_seconds: make.histograms(QUERY_SECONDS, &SECONDS, &["resource"])?,
            query_read_rows: make.histograms(QUERY_READ_ROWS, &ROWS, &["resource"])?,
            query_read_bytes: make.counters(QUERY_READ_BYTES, &["resource"])?,
            cache_answers: make.counters(CACHE_ANSWERS_TOTAL, &["origin"])?,
            ingested: make.counters(INGESTED_EVENTS_TOTAL, &["outcome"])?,
            spool_bytes: make.register(IntGauge::new(SPOOL_BYTES.0, SPOOL_BYTES.1)?)?,
            registry: registry.clone(),
        })
    }

    /// Counts one answer of a route whose answers are kept.
    pub fn cache_answered(&self, origin: &str) {
        self.cache_answers.with_label_values(&[origin]).inc();
    }

    /// Counts events that were posted, all with this outcome.
    pub fn ingested(&self, outcome: &str, events: usize) {
        self.ingested.with_label_values(&[outcome]).inc_by(events as u64);
    }

    /// Notes how long the spool is.
    pub fn spool_bytes(&self, bytes: u64) {
        self.spool_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// The content type of [`Metrics::render`].
    pub const CONTENT_TYPE: &'static str = prometheus::TEXT_FORMAT;

    /// All metrics in Prometheus' text format.
    ///
    /// # Errors
    /// A metric cannot be encoded.
    pub fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// Makes metrics in one registry.
struct Maker<'r>(&'r Registry);

impl Maker<'_> {
    fn counters(&self, (name, help): Metric, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.register(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn histograms(
        &self,
        (name, help): Metric,
        buckets: &[f64],
        labels: &[&str],
    ) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(HistogramVec::new(options, labels)?)
    }

    fn register<M: Collector + Clone + 'static>(&self, metric: M) -> Result<M, prometheus::Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

#[cfg(test)]
mod tests;
