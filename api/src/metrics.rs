//! Every metric of the API, with its name and help text.

use std::time::Duration;

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

const REQUESTS_TOTAL: (&str, &str) =
    ("voc_api_requests_total", "Requests answered, by route and HTTP status");
const REQUEST_SECONDS: (&str, &str) =
    ("voc_api_request_seconds", "Time from the request's head to the response's head, in seconds, by route");
const CACHE_ANSWERS_TOTAL: (&str, &str) = (
    "voc_api_cache_answers_total",
    "Answers of the routes whose answers are kept, by where they came from: kept, shared with another request, asked",
);

const INGESTED_EVENTS_TOTAL: (&str, &str) = (
    "voc_ingested_events_total",
    "Events that were posted, by outcome: accepted (durable), rejected, not_stored (good ones of requests that failed)",
);
const SPOOL_BYTES: (&str, &str) =
    ("voc_spool_bytes", "Length of the spool that posted events go to, in bytes");

/// The API's metrics. Labels are bounded: a route is one of the router's patterns or `unmatched`.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    cache_answers: IntCounterVec,
    ingested: IntCounterVec,
    spool_bytes: IntGauge,
}

impl Metrics {
    /// Registers the metrics in a registry of their own.
    ///
    /// # Errors
    /// A name is malformed or registered twice.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let requests =
            IntCounterVec::new(Opts::new(REQUESTS_TOTAL.0, REQUESTS_TOTAL.1), &["route", "status"])?;
        let seconds =
            HistogramVec::new(HistogramOpts::new(REQUEST_SECONDS.0, REQUEST_SECONDS.1), &["route"])?;
        let cache_answers =
            IntCounterVec::new(Opts::new(CACHE_ANSWERS_TOTAL.0, CACHE_ANSWERS_TOTAL.1), &["origin"])?;
        registry.register(Box::new(cache_answers.clone()))?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        let ingested =
            IntCounterVec::new(Opts::new(INGESTED_EVENTS_TOTAL.0, INGESTED_EVENTS_TOTAL.1), &["outcome"])?;
        let spool_bytes = IntGauge::new(SPOOL_BYTES.0, SPOOL_BYTES.1)?;
        registry.register(Box::new(ingested.clone()))?;
        registry.register(Box::new(spool_bytes.clone()))?;
        Ok(Self { registry, requests, seconds, cache_answers, ingested, spool_bytes })
    }

    /// Counts one answered request.
    pub fn observe(&self, route: &str, status: u16, took: Duration) {
        self.requests.with_label_values(&[route, &status.to_string()]).inc();
        self.seconds.with_label_values(&[route]).observe(took.as_secs_f64());
    }

    /// Counts one answer of a route whose answers are kept.
    pub fn answered(&self, origin: &str) {
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
