//! The audit as a running connector makes it, every so often: into the metrics, and into the log where something
//! is wrong.

use std::convert::Infallible;

use super::report::{Partition, Report};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::sink::Sink;

/// Audits at every interval of the configuration. Never ends; an audit that fails is logged, and stops nothing.
pub async fn watch(config: Config, sink: Sink, metrics: Metrics) -> Infallible {
    if config.audit.interval.is_zero() {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(config.audit.interval).await;
        match super::run(&config, &sink).await {
            Ok(report) => tell(&report, &metrics),
            Err(error) => tracing::warn!(%error, "the audit failed"),
        }
    }
}

fn tell(report: &Report, metrics: &Metrics) {
    for found in &report.partitions {
        let Partition { standing, expected, stored, gaps, replaced, erased, .. } = found;
        let (missing, doubled) = (found.missing.len() as u64, found.doubled.len() as u64);
        let unledgered = found.unledgered.len() as u64;
        for (state, offsets) in [
            ("expected", *expected),
            ("stored", *stored),
            ("gap", *gaps),
            ("replaced", *replaced),
            ("erased", *erased),
            ("missing", missing),
            ("doubled", doubled),
            ("unledgered", unledgered),
        ] {
            metrics.audited(&standing.origin.stream, standing.origin.partition, state, offsets);
        }
        if !found.is_clean() {
            let first = found.findings().next();
            let (kind, first) = first.map(|finding| (finding.kind.to_string(), finding.first)).unzip();
            tracing::error!(
                origin = %standing.origin, missing, doubled, unledgered, kind, first,
                "the audit found offsets that are not accounted for: voc-connector audit names them"
            );
        }
    }
    metrics.audited_at(report.audited_at);
    tracing::info!(partitions = report.partitions.len(), is_clean = report.is_clean(), "audited");
}
