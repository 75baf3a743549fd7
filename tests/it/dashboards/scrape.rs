//! What `/metrics` has, and what an expression of PromQL asks of it.

use std::collections::{BTreeMap, BTreeSet};

/// Names of series with their labels.
pub(super) struct Scrape(BTreeMap<String, BTreeSet<String>>);

/// Prometheus adds them to every series.
const OF_PROMETHEUS: [&str; 2] = ["instance", "job"];

impl Scrape {
    pub(super) fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let mut series: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let lines = texts.flat_map(str::lines).filter(|line| !line.starts_with('#') && !line.is_empty());
        for line in lines {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let labels = selector(&line[name.len()..]);
            series.entry(name.to_owned()).or_default().extend(labels);
        }
        assert!(series.len() > 40, "{series:?}");
        Self(series)
    }

    /// Every metric of an expression is there.
    #[track_caller]
    pub(super) fn assert_has(&self, expression: &str, place: &str) {
        let metrics = metrics(expression);
        assert!(!metrics.is_empty(), "{place} names no metric: {expression}");
        for metric in metrics {
            assert!(self.0.contains_key(&metric.name), "{place}: no scrape has {}", metric.name);
        }
    }

    /// Every label that an expression selects, groups by or shows is one that its metrics have.
    #[track_caller]
    pub(super) fn assert_labels(&self, expression: &str, legend: &str, place: &str) {
        let mut all: BTreeSet<String> = OF_PROMETHEUS.map(str::to_owned).into();
        for metric in metrics(expression) {
            let has = &self.0[&metric.name];
            for label in &metric.labels {
                let is_there = has.contains(label) || OF_PROMETHEUS.contains(&label.as_str());
                assert!(is_there, "{place}: {} has {has:?}, and no label {label}", metric.name);
            }
            all.extend(has.iter().cloned());
        }
        let grouped: BTreeSet<String> = between(expression, "by (", ")")
            .flat_map(|list| list.split(',').map(|label| label.trim().to_owned()).collect::<Vec<_>>())
            .collect();
        let shown: BTreeSet<String> = between(legend, "{{", "}}").map(str::to_owned).collect();
        for label in grouped.iter().chain(&shown) {
            assert!(
                all.contains(label),
                "{place}: no metric of `{expression}` has the label {label}: {all:?}"
            );
        }
        // What was added up has the labels left that it was grouped by.
        if expression.contains("sum") {
            assert!(shown.is_subset(&grouped), "{place}: shows {shown:?} of {grouped:?}");
        }
    }
}

fn between<'t>(text: &'t str, start: &'t str, end: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(start).skip(1).filter_map(move |rest| Some(rest.split_once(end)?.0))
}

/// A metric in an expression, and the labels by which it is selected.
pub(super) struct Metric {
    pub(super) name: String,
    labels: Vec<String>,
}

/// Those of ours and those of any process.
pub(super) fn metrics(expression: &str) -> Vec<Metric> {
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(|character: char| character.is_ascii_alphanumeric() || character == '_')
    {
        rest = &rest[start..];
        let end = rest.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        if word.starts_with("voc_") || word.starts_with("process_") {
            found.push(Metric { name: word.to_owned(), labels: selector(after) });
        }
        rest = after;
    }
    found
}

/// The names in `{name="value",…}`, with any comparison; none where there are no braces.
fn selector(text: &str) -> Vec<String> {
    let Some(inside) = text.strip_prefix('{') else { return Vec::new() };
    let mut labels = Vec::new();
    let mut rest = inside;
    while !rest.starts_with('}') {
        let Some((name, value)) = rest.split_once(['=', '!']) else { break };
        labels.push(name.trim_matches([',', ' ']).to_owned());
        // Behind the value, whose quotes are escaped.
        let Some((_, value)) = value.split_once('"') else { break };
        let mut is_escaped = false;
        let end = value.find(|character| {
            let ends = character == '"' && !is_escaped;
            is_escaped = character == '\\' && !is_escaped;
            ends
        });
        rest = &value[end.map_or(value.len(), |end| end + 1)..];
    }
    labels
}
