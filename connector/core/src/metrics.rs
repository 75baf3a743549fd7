//! Every metric of the connector: its name, its help, and the one function that moves it.
//!
//! Call sites say what happened (`metrics.consumed(n, bytes)`) and never type a name. Labels are
//! bounded: rejection codes and retry classes are closed sets, streams and partitions are those that
//! this process was given.

mod make;
mod positions;

use prometheus::{
    Encoder, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};

use make::Maker;
use positions::Positions;

use crate::stream::{Gap, StreamPartition};

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
const SOURCE_LAG_RECORDS: &str = "voc_source_lag_records";
const GAP_OFFSETS: &str = "voc_gap_offsets_total";
const STREAM_REOPENED: &str = "voc_stream_reopened_total";
const MIRROR_END_OFFSET: &str = "voc_mirror_end_offset";
const MIRROR_NEXT_OFFSET: &str = "voc_mirror_next_offset";
const MIRROR_LAG_RECORDS: &str = "voc_mirror_lag_records";
const MIRROR_RECORDS: &str = "voc_mirror_records_total";
const MIRROR_BYTES: &str = "voc_mirror_bytes_total";
const MIRROR_RETRIES: &str = "voc_mirror_retries_total";
const MIRROR_SET_ASIDE: &str = "voc_mirror_set_aside_total";
const AUDIT_OFFSETS: &str = "voc_audit_offsets";
const AUDIT_TIMESTAMP: &str = "voc_audit_timestamp_seconds";
const DEAD_LETTERS_REPLAYED: &str = "voc_dead_letters_replayed_total";
const ROLLUP_HOURS: &str = "voc_rollup_hours_computed_total";
const ROLLUP_HOURS_DIFFERED: &str = "voc_rollup_hours_differed_total";
const ROWS_EXPIRED: &str = "voc_rows_expired_total";
const PIPELINE_READY: &str = "voc_pipeline_ready";

/// The connector's metrics in a registry of their own. A clone is the same set of metrics.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    events_consumed: IntCounter,
    events_processed: IntCounter,
    events_rejected: IntCounterVec,
    source_bytes: IntCounter,
    positions: Positions,
    mirror_positions: Positions,
    gap_offsets: IntCounterVec,
    stream_reopened: IntCounterVec,
    mirror_records: IntCounter,
    mirror_bytes: IntCounter,
    mirror_retries: IntCounterVec,
    mirror_set_aside: IntCounterVec,
    batch_process_seconds: Histogram,
    batch_rows: Histogram,
    batches_written: IntCounter,
    insert_retries: IntCounterVec,
    origins_skipped: IntCounter,
    audit_offsets: IntGaugeVec,
    audit_timestamp: IntGauge,
    dead_letters_replayed: IntCounterVec,
    rollup_hours: IntCounter,
    rollup_hours_differed: IntCounter,
    rows_expired: IntCounter,
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
        #[cfg(target_os = "linux")] // memory, processor time and open files, from /proc
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
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
            positions: Positions {
                end: make.gauges(
                    SOURCE_END_OFFSET,
                    "offset after the last record that the source is known to hold",
                    &partition,
                )?,
                next: make.gauges(
                    CHECKPOINT_NEXT_OFFSET,
                    "offset from which the partition resumes",
                    &partition,
                )?,
                lag: make.gauges(
                    SOURCE_LAG_RECORDS,
                    "records that the source is known to hold and ClickHouse does not",
                    &partition,
                )?,
            },
            mirror_positions: Positions {
                end: make.gauges(
                    MIRROR_END_OFFSET,
                    "offset after the last record that Kafka is known to hold",
                    &partition,
                )?,
                next: make.gauges(
                    MIRROR_NEXT_OFFSET,
                    "Kafka offset from which the mirror resumes",
                    &partition,
                )?,
                lag: make.gauges(
                    MIRROR_LAG_RECORDS,
                    "records that Kafka is known to hold and Fluvio does not",
                    &partition,
                )?,
            },
            gap_offsets: make.counters(
                GAP_OFFSETS,
                "offsets skipped for good and recorded in voc_gaps, by reason",
                &["stream", "partition", "reason"],
            )?,
            stream_reopened: make.counters(
                STREAM_REOPENED,
                "times that a partition's stream was read again from where it broke off, by cause",
                &["stream", "partition", "cause"],
            )?,
            mirror_records: make.counter(MIRROR_RECORDS, "records that Fluvio took from the mirror")?,
            mirror_bytes: make.counter(MIRROR_BYTES, "bytes of their keys and values")?,
            mirror_retries: make.counters(
                MIRROR_RETRIES,
                "produce requests with an outcome that the partition's tail decided",
                &partition,
            )?,
            mirror_set_aside: make.counters(
                MIRROR_SET_ASIDE,
                "records too large for Fluvio, kept as dead letters or in a file",
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
                vec![1.0, 10.0, 100.0, 500.0, 1e3, 5e3, 1e4, 5e4, 1e5, 2e5, 5e5, 1e6],
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
            audit_offsets: make.gauges(
                AUDIT_OFFSETS,
                "offsets that the last audit found in this state: expected, stored, gap, replaced, erased; missing, \
                 doubled and unledgered should be 0",
                &["stream", "partition", "state"],
            )?,
            audit_timestamp: make.gauge(AUDIT_TIMESTAMP, "when the last audit began, in seconds since 1970")?,
            dead_letters_replayed: make.counters(
                DEAD_LETTERS_REPLAYED,
                "dead letters tried again, by outcome: passed or failed_again",
                &["outcome"],
            )?,
            rollup_hours: make.counter(ROLLUP_HOURS, "hours whose rollups were computed")?,
            rollup_hours_differed: make.counter(
                ROLLUP_HOURS_DIFFERED,
                "hours that the nightly comparison found to differ from their events; they are computed again",
            )?,
            rows_expired: make.counter(ROWS_EXPIRED, "rows of events and dead letters removed by age")?,
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

    /// Dead letters were tried again.
    pub fn replayed(&self, passed: u64, failed_again: u64) {
        self.dead_letters_replayed.with_label_values(&["passed"]).inc_by(passed);
        self.dead_letters_replayed.with_label_values(&["failed_again"]).inc_by(failed_again);
    }

    /// A partition's checkpoint.
    pub fn checkpoint(&self, stream: &str, partition: u32, next_offset: u64) {
        self.positions.set_next(stream, partition, next_offset);
    }

    /// The end of a partition, as far as the source knows it.
    pub fn source_end(&self, stream: &str, partition: u32, end_offset: u64) {
        self.positions.set_end(stream, partition, end_offset);
    }

    /// A partition belongs to another process now: its gauges would stand still here.
    pub fn forget(&self, stream: &str, partition: u32) {
        self.positions.forget(stream, partition);
    }

    /// Offsets were skipped for good, and that is recorded.
    pub fn gap(&self, stream: &str, partition: u32, gap: &Gap) {
        let labels = [stream, &partition.to_string(), gap.reason.as_str()];
        self.gap_offsets.with_label_values(&labels).inc_by(gap.last_offset - gap.first_offset + 1);
    }

    /// A partition's stream is read again from where it broke off.
    pub fn reopened(&self, StreamPartition { stream, partition }: &StreamPartition, cause: &str) {
        self.stream_reopened.with_label_values(&[stream, &partition.to_string(), cause]).inc();
    }

    /// The same metrics, with [`checkpoint`](Self::checkpoint), [`source_end`](Self::source_end) and
    /// [`forget`](Self::forget) those of the mirror, whose streams are Kafka's topics.
    #[must_use]
    pub fn of_mirror(&self) -> Self {
        Self { positions: self.mirror_positions.clone(), ..self.clone() }
    }

    /// Fluvio took records, with the size of their keys and values in bytes.
    pub fn mirrored(&self, records: usize, bytes: usize) {
        self.mirror_records.inc_by(records as u64);
        self.mirror_bytes.inc_by(bytes as u64);
    }

    /// It is not known whether Fluvio took a request: the partition's tail is looked at.
    pub fn mirror_retried(&self, StreamPartition { stream, partition }: &StreamPartition) {
        self.mirror_retries.with_label_values(&[stream, &partition.to_string()]).inc();
    }

    /// A record too large for Fluvio was kept elsewhere.
    pub fn mirror_set_aside(&self, StreamPartition { stream, partition }: &StreamPartition) {
        self.mirror_set_aside.with_label_values(&[stream, &partition.to_string()]).inc();
    }

    /// What the last audit found of a partition: so many offsets in this state.
    pub fn audited(&self, stream: &str, partition: u32, state: &str, offsets: u64) {
        let labels = [stream, &partition.to_string(), state];
        self.audit_offsets.with_label_values(&labels).set(i64::try_from(offsets).unwrap_or(i64::MAX));
    }

    /// When the last audit began, in milliseconds since 1970.
    pub fn audited_at(&self, milliseconds: i64) {
        self.audit_timestamp.set(milliseconds / 1_000);
    }

    /// The rollups of hours were computed.
    pub fn rollups_computed(&self, hours: u64) {
        self.rollup_hours.inc_by(hours);
    }

    /// Hours were found whose rollups differ from their events.
    pub fn rollups_differed(&self, hours: u64) {
        self.rollup_hours_differed.inc_by(hours);
    }

    /// Rows were removed by age.
    pub fn expired(&self, rows: u64) {
        self.rows_expired.inc_by(rows);
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

#[cfg(test)]
mod tests;
