//! What a metric is in the relation of [`super::rollups`]: columns that hold its number of values, their sum, and each.

use crate::params::choice::Metric;

/// The columns of a metric.
pub(super) struct Measure {
    /// How many events have a value.
    pub(super) count: &'static str,
    /// The sum of those values.
    pub(super) sum: &'static str,
    /// Each of them; an empty list where they are not needed: of counts and shares.
    pub(super) values: &'static str,
}

impl Measure {
    /// The column that lists the values, after a comma; nothing where there is none.
    pub(super) fn listed(&self) -> String {
        if self.values == NONE { String::new() } else { format!(", {}", self.values) }
    }
}

/// Calls by the label of their sentiment, of those labels that there are: a list of names and numbers.
pub(super) const BY_LABEL: &str = "arrayFilter(label -> label.2 > 0, [('negative', sum(label_negative)),
    ('neutral', sum(label_neutral)), ('positive', sum(label_positive)), ('unclear', sum(label_unclear)),
    ('no_signal', sum(label_no_signal))])";

/// The columns that [`BY_LABEL`] reads.
pub(super) const LABEL_COLUMNS: &str =
    "label_negative, label_neutral, label_positive, label_unclear, label_no_signal";

/// An empty list.
const NONE: &str = "CAST([], 'Array(Float64)')";

/// The columns that the metric is made of.
pub(super) fn measure(metric: Metric) -> Measure {
    let (count, sum, values) = match metric {
        Metric::Count => ("events", "events", NONE),
        Metric::Sentiment => ("sentiment_count", "sentiment_sum", "sentiment_values"),
        Metric::NegativeShare => ("sentiment_count", "negative_sum", NONE),
        Metric::Duration => ("duration_count", "duration_sum", "duration_values"),
        Metric::ToolSuccess => ("success_count", "success_sum", NONE),
        Metric::Latency => ("latency_count", "latency_sum", "latency_values"),
        Metric::QosValue => ("qos_count", "qos_sum", "qos_values"),
    };
    Measure { count, sum, values }
}
