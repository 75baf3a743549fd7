//! What dimensions and metrics are in ClickHouse, each as an expression over one row of `voc_events`.
//!
//! Fields of the payload count only in the types of events whose contract has them: in another type a field of the
//! same name is nobody's. The short evaluation of `if` reads the JSON of those rows alone.

use crate::params::choice::{Dimension, Metric};

/// FINAL merges each partition on its own: two rows of one event are always in the same one (tenant and time are
/// part of its identity). The faster of ClickHouse's two JSON readers gives nothing at all for a payload that has, at
/// any place, a whole number of more than 64 bits.
pub(super) const SETTINGS: &str =
    "SETTINGS do_not_merge_across_partitions_select_final = 1, allow_simdjson = 0";

/// What a customer and an agent said: the transcript, or the texts of its turns, one a line.
pub(super) const TEXT: &str = "if(event_type = 'call',
    if(JSONType(payload, 'transcript') = 'String', JSONExtractString(payload, 'transcript'),
        arrayStringConcat(arrayMap(turn -> turn.1, JSONExtract(payload, 'transcript', 'Array(Tuple(text String))')),
            '\\n')), '')";

/// 1 for an event that is negative, 0 for another one that has a score. The keyword rules give no label.
pub(super) const NEGATIVE: &str = "if(isNull(sentiment), NULL,
    toFloat64(if(sentiment_label = '', assumeNotNull(sentiment) < 0, sentiment_label = 'negative')))";

/// Duration of a call, in milliseconds.
pub(super) const CALL_DURATION: &str =
    "if(event_type = 'call', JSONExtract(payload, 'duration_ms', 'Nullable(Float64)'), NULL)";

/// Unit of a measurement; empty where it names none.
pub(super) const UNIT: &str = "JSONExtractString(payload, 'unit')";

/// The dimension as `Nullable(String)`: NULL where an event has none.
pub(super) fn dimension(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Type => "toNullable(toString(event_type))",
        Dimension::Channel => {
            "if(event_type = 'call', JSONExtract(payload, 'channel', 'Nullable(String)'), NULL)"
        }
        Dimension::Direction => {
            "if(event_type = 'call', JSONExtract(payload, 'direction', 'Nullable(String)'), NULL)"
        }
        Dimension::Agent => {
            "if(event_type IN ('call', 'agent_action', 'tool_invocation'),
                JSONExtract(payload, 'agent_id', 'Nullable(String)'), NULL)"
        }
        Dimension::Language => "nullIf(toString(sentiment_language), '')",
        Dimension::Label => "if(event_type = 'call', nullIf(toString(sentiment_label), ''), NULL)",
        Dimension::Action => {
            "if(event_type = 'agent_action', JSONExtract(payload, 'action', 'Nullable(String)'), NULL)"
        }
        Dimension::Tool => {
            "if(event_type = 'tool_invocation', JSONExtract(payload, 'tool', 'Nullable(String)'), NULL)"
        }
        Dimension::QosMetric => {
            "if(event_type = 'qos_metric', JSONExtract(payload, 'metric', 'Nullable(String)'), NULL)"
        }
    }
}

/// What one event adds to the metric, as `Nullable(Float64)`: NULL where it says nothing about it. The metric is the
/// mean of it; of the count, the number.
pub(super) fn value(metric: Metric) -> &'static str {
    match metric {
        Metric::Count => "toNullable(toFloat64(1))",
        Metric::Sentiment => "sentiment",
        Metric::NegativeShare => NEGATIVE,
        Metric::Duration => {
            "if(event_type IN ('call', 'agent_action'), JSONExtract(payload, 'duration_ms', 'Nullable(Float64)'),
                NULL)"
        }
        Metric::ToolSuccess => {
            "if(event_type = 'tool_invocation', toFloat64(JSONExtract(payload, 'success', 'Nullable(Bool)')), NULL)"
        }
        Metric::Latency => {
            "if(event_type = 'tool_invocation', JSONExtract(payload, 'latency_ms', 'Nullable(Float64)'), NULL)"
        }
        Metric::QosValue => {
            "if(event_type = 'qos_metric', JSONExtract(payload, 'value', 'Nullable(Float64)'), NULL)"
        }
    }
}
