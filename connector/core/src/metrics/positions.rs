//! Where a stream's partitions end, where they resume, and what lies between.

use prometheus::IntGaugeVec;

/// Three gauges of every partition.
#[derive(Debug, Clone)]
pub(super) struct Positions {
    pub(super) end: IntGaugeVec,
    pub(super) next: IntGaugeVec,
    pub(super) lag: IntGaugeVec,
}

impl Positions {
    pub(super) fn set_end(&self, stream: &str, partition: u32, offset: u64) {
        self.set(&self.end, stream, partition, offset);
    }

    pub(super) fn set_next(&self, stream: &str, partition: u32, offset: u64) {
        self.set(&self.next, stream, partition, offset);
    }

    fn set(&self, gauges: &IntGaugeVec, stream: &str, partition: u32, offset: u64) {
        let labels = [stream, &partition.to_string()];
        gauges.with_label_values(&labels).set(i64::try_from(offset).unwrap_or(i64::MAX));
        let [end, next] = [&self.end, &self.next].map(|gauges| gauges.with_label_values(&labels).get());
        self.lag.with_label_values(&labels).set((end - next).max(0));
    }

    pub(super) fn forget(&self, stream: &str, partition: u32) {
        let labels = [stream, &partition.to_string()];
        for gauges in [&self.end, &self.next, &self.lag] {
            // An error says that the gauge was never set, which is just as well.
            let _ = gauges.remove_label_values(&labels);
        }
    }
}
