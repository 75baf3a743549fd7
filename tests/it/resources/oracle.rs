//! What a tenant's events are and what follows from them, from the input lines alone.

use std::collections::HashMap;

use serde_json::Value;
use uuid::Uuid;
use voc_smartmodule::envelope::Envelope;
use voc_smartmodule::params::Params;
use voc_smartmodule::timestamp::parse_rfc3339;
use voc_smartmodule::transform::annotate;

/// One event, once, as it came last.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) tenant: String,
    pub(super) id: Uuid,
    pub(super) micros: i64,
    pub(super) kind: String,
    pub(super) score: Option<f64>,
    pub(super) label: String,
    language: Option<String>,
    pub(super) document: Value,
}

/// The events of lines that were read at this time.
pub(super) fn events(lines: &[Vec<u8>], read_at_ms: i64) -> Vec<Event> {
    let mut events = HashMap::new();
    let mut envelope = Vec::new();
    for line in lines {
        envelope.clear();
        annotate(line, read_at_ms, &Params::default(), &mut envelope);
        let Envelope::Accepted(accepted) = Envelope::read(&envelope).unwrap() else { continue };
        let annotation = accepted.annotation.unwrap();
        let event = Event {
            tenant: accepted.event.tenant_id.into_owned(),
            id: accepted.event.event_id,
            micros: parse_rfc3339(accepted.event.timestamp).unwrap(),
            kind: accepted.event.event_type.to_owned(),
            score: accepted.sentiment,
            label: annotation.label.to_owned(),
            language: annotation.language.map(str::to_owned),
            document: serde_json::from_slice(accepted.payload).unwrap(),
        };
        events.insert((event.tenant.clone(), event.id, event.micros), event);
    }
    events.into_values().collect()
}

impl Event {
    fn field(&self, kinds: &[&str], name: &str) -> Option<&Value> {
        let is_theirs = kinds.contains(&self.kind.as_str());
        self.document.get(name).filter(|value| is_theirs && !value.is_null())
    }

    pub(super) fn dimension(&self, name: &str) -> Option<String> {
        let text = |kinds: &[&str], name| self.field(kinds, name)?.as_str().map(str::to_owned);
        match name {
            "type" => Some(self.kind.clone()),
            "channel" | "direction" => text(&["call"], name),
            "agent" => text(&["call", "agent_action", "tool_invocation"], "agent_id"),
            "language" => self.language.clone(),
            "label" => (self.kind == "call").then(|| self.label.clone()),
            "action" => text(&["agent_action"], name),
            "tool" => text(&["tool_invocation"], name),
            "qos_metric" => text(&["qos_metric"], "metric"),
            other => panic!("{other}"),
        }
    }

    pub(super) fn value(&self, metric: &str) -> Option<f64> {
        let number = |kinds: &[&str], name| self.field(kinds, name)?.as_f64();
        match metric {
            "count" => Some(1.0),
            "sentiment" => self.score,
            "negative_share" => self.score.map(|_| f64::from(self.label == "negative")),
            "duration" => number(&["call", "agent_action"], "duration_ms"),
            "tool_success" => {
                Some(f64::from(self.field(&["tool_invocation"], "success")? == &Value::Bool(true)))
            }
            "latency" => number(&["tool_invocation"], "latency_ms"),
            "qos_value" => number(&["qos_metric"], "value"),
            other => panic!("{other}"),
        }
    }

    /// What was said, one turn a line.
    pub(super) fn text(&self) -> String {
        match self.field(&["call"], "transcript") {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(turns)) => {
                turns.iter().map(|turn| turn["text"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
            }
            _ => String::new(),
        }
    }
}

/// A sample of numbers.
#[derive(Debug, Default, Clone)]
pub(super) struct Sample(pub(super) Vec<f64>);

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
impl Sample {
    pub(super) fn of<'a>(events: impl IntoIterator<Item = &'a Event>, metric: &str) -> Self {
        let mut values: Vec<f64> = events.into_iter().filter_map(|event| event.value(metric)).collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    pub(super) fn mean(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.iter().sum::<f64>() / self.0.len() as f64)
    }

    /// Between neighbours in proportion.
    pub(super) fn quantile(&self, level: f64) -> Option<f64> {
        let place = level * (self.0.len().checked_sub(1)?) as f64;
        let below = self.0[place.floor() as usize];
        Some(below + (self.0[place.ceil() as usize] - below) * place.fract())
    }

    /// Student's interval with 95 %.
    pub(super) fn student(&self) -> Option<(f64, f64)> {
        let (mean, n) = (self.mean()?, self.0.len());
        if n < 2 {
            return None;
        }
        let variance = self.0.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
        let half = t_quantile(n - 1) * (variance / n as f64).sqrt();
        Some((mean - half, mean + half))
    }

    /// The share's interval by the equation that it solves: |share - p| = z sqrt(p (1 - p) / n).
    pub(super) fn wilson(&self) -> Option<(f64, f64)> {
        let (share, n) = (self.mean()?, self.0.len() as f64);
        let is_inside = |p: f64| (share - p).abs() <= 1.959_963_984_540_054 * (p * (1.0 - p) / n).sqrt();
        Some((edge(0.0, share, is_inside), edge(1.0, share, is_inside)))
    }
}

/// Where between a place outside and one inside the edge lies.
fn edge(mut outside: f64, mut inside: f64, is_inside: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..80 {
        let middle = f64::midpoint(outside, inside);
        if is_inside(middle) { inside = middle } else { outside = middle }
    }
    inside
}

/// The 97.5 % quantile of Student's t: with t = sqrt(n) tan(a), its density in `a` goes as cos(a) to the power n - 1.
#[allow(clippy::cast_precision_loss)]
fn t_quantile(freedom: usize) -> f64 {
    const STEPS: usize = 20_000;
    let width = std::f64::consts::FRAC_PI_2 / STEPS as f64;
    let density = |step: f64| (step * width).cos().powf(freedom as f64 - 1.0);
    // Simpson's rule, added up from 0.
    let areas: Vec<f64> = (0..STEPS)
        .scan(0.0, |area, step| {
            let at = step as f64;
            *area += density(at) + 4.0 * density(at + 0.5) + density(at + 1.0);
            Some(*area)
        })
        .collect();
    let wanted = 0.95 * areas[STEPS - 1];
    let step = areas.partition_point(|area| *area < wanted);
    let before = if step == 0 { 0.0 } else { areas[step - 1] };
    let angle = (step as f64 + (wanted - before) / (areas[step] - before)) * width;
    (freedom as f64).sqrt() * angle.tan()
}

#[test]
fn the_oracle_knows_student() {
    for (freedom, expected) in [(1, 12.7062), (4, 2.7764), (30, 2.0423), (1_000, 1.9623)] {
        assert!((t_quantile(freedom) - expected).abs() < 1e-4, "{freedom}: {}", t_quantile(freedom));
    }
}
