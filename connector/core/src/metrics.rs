//! Every metric of the connector: its name, its help, and the one function that moves it.
//!
//! Call sites say what happened (`metrics.consumed(n, bytes)`) and never type a name. Labels are
//! bounded: rejection codes and retry classes are closed sets, streams and partitions are those that
//! this process was given.

use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

const EVENTS_CONSUMED: &str = "voc_events_consumed_total";
const EVENTS_PROCESSED: &str = "voc_events_processed_total";
const EVENTS_REJECTED: &str = "voc_events_rejected_total";
const SOURCE_BYTES: &str = "voc_source_bytes_total";
const SOURCE_END_OFFSET: &str = "voc_source_end_offset";
const BATCH_PROCESS_SECONDS: &str = "voc_batch_process_seconds";
const BATCH_ROWS: &str = "voc_batch_rows";
const BATCHES_WRITTEN: &str = "voc_batches_written_total";
const INSERT_RETRIES: &str = "voc_insert_retries_total";
const ORIGINS_SKIPPED: &str = "voc_origins_skipped_total";
const CHECKPOINT_NEXT_OFFSET: &str = "voc_checkpoint_next_offset";
const PIPELINE_READY: &str = "voc_pipeline_ready";

/// The connector's metrics in a registry of their own. A clone is the same set of metrics.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    events_consumed: IntCounter,
    events_processed: IntCounter,
    events_rejected: IntCounterVec,
    source_bytes: IntCounter,
    source_end_offset: IntGaugeVec,
    batch_process_seconds: Histogram,
    batch_rows: Histogram,
    batches_written: IntCounter,
    insert_retries: IntCounterVec,
    origins_skipped: IntCounter,
    checkpoint_next_offset: IntGaugeVec,
    pipeline_ready: IntGauge,
}

impl Metrics {
    /// All metrics at zero.
    ///
    /// # Errors
    /// Two metrics of one name, or a name that Prometheus does not allow: a fault of this file, which
    /// its test finds.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let make = Maker { registry: &registry };
        let partition = ["stream", "partition"];
        Ok(Self {
            events_consumed: make.counter(EVENTS_CONSUMED, "records read from the source")?,
            events_processed: make.counter(EVENTS_PROCESSED, "accepted events stored in ClickHouse")?,
            events_rejected: make.counters(
                EVENTS_REJECTED,
                "records stored as dead letters, by rejection code",
                &["code"],
            )?,
            source_bytes: make.counter(SOURCE_BYTES, "bytes of the records read from the source")?,
            source_end_offset: make.gauges(
                SOURCE_END_OFFSET,
                "offset after the last record that the source is known to hold",
                &partition,
            )?,
            batch_process_seconds: make.histogram(
                BATCH_PROCESS_SECONDS,
                "seconds from closing a batch to its checkpoint",
                vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0],
            )?,
            batch_rows: make.histogram(
                BATCH_ROWS,
                "rows of a batch, events and dead letters together",
                vec![1.0, 10.0, 100.0, 500.0, 1e3, 5e3, 1e4, 5e4, 1e5, 5e5, 1e6],
            )?,
            batches_written: make.counter(BATCHES_WRITTEN, "batches stored with their checkpoint")?,
            insert_retries: make.counters(
                INSERT_RETRIES,
                "inserts tried again, by the class of what went wrong",
                &["class"],
            )?,
            origins_skipped: make.counter(
                ORIGINS_SKIPPED,
                "records not stored again because reconciliation found them stored",
            )?,
            checkpoint_next_offset: make.gauges(
                CHECKPOINT_NEXT_OFFSET,
                "offset from which the partition resumes",
                &partition,
            )?,
            pipeline_ready: make.gauge(PIPELINE_READY, "1 if /readyz answers 200, else 0")?,
            registry: registry.clone(),
        })
    }

    /// Records came from the source, with the size of their values in bytes.
    pub fn consumed(&self, records: usize, bytes: usize) {
        self.events_consumed.inc_by(records as u64);
        self.source_bytes.inc_by(bytes as u64);
    }

    /// Accepted events were stored.
    pub fn processed(&self, events: usize) {
        self.events_processed.inc_by(events as u64);
    }

    /// Dead letters with one rejection code were stored.
    pub fn rejected(&self, code: &str, records: usize) {
        self.events_rejected.with_label_values(&[code]).inc_by(records as u64);
    }

    /// A batch and its checkpoint were stored.
    pub fn batch_written(&self, rows: usize, seconds: f64) {
        self.batches_written.inc();
        #[allow(clippy::cast_precision_loss, reason = "a batch has at most a million rows")]
        self.batch_rows.observe(rows as f64);
        self.batch_process_seconds.observe(seconds);
    }

    /// An insert is tried again; `class` names what went wrong.
    pub fn insert_retried(&self, class: &str) {
        self.insert_retries.with_label_values(&[class]).inc();
    }

    /// Reconciliation found records that are stored already.
    pub fn origins_skipped(&self, records: usize) {
        self.origins_skipped.inc_by(records as u64);
    }

    /// A partition's checkpoint.
    pub fn checkpoint(&self, stream: &str, partition: u32, next_offset: u64) {
        set(&self.checkpoint_next_offset, stream, partition, next_offset);
    }

    /// The end of a partition, as far as the source knows it.
    pub fn source_end(&self, stream: &str, partition: u32, end_offset: u64) {
        set(&self.source_end_offset, stream, partition, end_offset);
    }

    /// A partition belongs to another process now: its gauges would stand still here.
    pub fn forget(&self, stream: &str, partition: u32) {
        let partition = partition.to_string();
        // An error says that the gauge was never set, which is just as well.
        let _ = self.checkpoint_next_offset.remove_label_values(&[stream, &partition]);
        let _ = self.source_end_offset.remove_label_values(&[stream, &partition]);
    }

    /// What `/readyz` answers.
    pub fn ready(&self, ready: bool) {
        self.pipeline_ready.set(i64::from(ready));
    }

    /// The Prometheus text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = Vec::new();
        match TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            Ok(()) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) => format!("# {error}\n"),
        }
    }
}

fn set(gauges: &IntGaugeVec, stream: &str, partition: u32, offset: u64) {
    let value = i64::try_from(offset).unwrap_or(i64::MAX);
    gauges.with_label_values(&[stream, &partition.to_string()]).set(value);
}

/// Makes a metric and registers it.
struct Maker<'r> {
    registry: &'r Registry,
}

impl Maker<'_> {
    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.register(IntCounter::new(name, help)?)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        self.register(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.register(IntGauge::new(name, help)?)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    fn histogram(&self, name: &str, help: &str, buckets: Vec<f64>) -> Result<Histogram, prometheus::Error> {
        self.register(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))?)
    }

    fn register<M: prometheus::core::Collector + Clone + 'static>(
        &self,
        metric: M,
    ) -> Result<M, prometheus::Error> {
        self.registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_moves_and_is_rendered_with_its_help() {
        let metrics = Metrics::new().unwrap();
        metrics.consumed(3, 300);
        metrics.processed(2);
        metrics.rejected("not_json", 1);
        metrics.batch_written(3, 0.02);
        metrics.insert_retried("network");
        metrics.origins_skipped(4);
        metrics.checkpoint("orders.ndjson", 0, 12);
        metrics.source_end("orders.ndjson", 0, 15);
        metrics.ready(true);
        let text = metrics.render();
        for line in [
            "voc_events_consumed_total 3",
            "voc_events_processed_total 2",
            "voc_events_rejected_total{code=\"not_json\"} 1",
            "voc_source_bytes_total 300",
            "voc_batch_process_seconds_count 1",
            "voc_batch_rows_sum 3",
            "voc_batches_written_total 1",
            "voc_insert_retries_total{class=\"network\"} 1",
            "voc_origins_skipped_total 4",
            "voc_checkpoint_next_offset{partition=\"0\",stream=\"orders.ndjson\"} 12",
            "voc_source_end_offset{partition=\"0\",stream=\"orders.ndjson\"} 15",
            "voc_pipeline_ready 1",
            "# HELP voc_events_consumed_total records read from the source",
        ] {
            assert!(text.lines().any(|l| l == line), "no `{line}` in\n{text}");
        }
    }

    #[test]
    fn a_partition_that_is_gone_leaves_no_gauge() {
        let metrics = Metrics::new().unwrap();
        metrics.checkpoint("voc.events", 1, 12);
        metrics.source_end("voc.events", 1, 15);
        metrics.forget("voc.events", 1);
        metrics.forget("voc.events", 2);
        assert!(!metrics.render().contains("voc.events"));
    }

    #[test]
    fn a_clone_is_the_same_set() {
        let metrics = Metrics::new().unwrap();
        metrics.clone().processed(5);
        assert!(metrics.render().contains("voc_events_processed_total 5"));
    }
}
