//! What analysts ask of a tenant: every number of the API is the one that follows from the input lines, which came
//! late and more than once, through the real connector and engine.

mod access;
mod cache;
mod exports;
mod hostile;
mod listed;
mod live;
mod loaded;
mod oracle;
mod rollups;
mod series;
mod serving;

use std::collections::{BTreeMap, BTreeSet};

use loaded::{Loaded, near, near_by};
use oracle::{Event, Sample};
use serde_json::Value;

#[track_caller]
fn assert_sum(found: &Value, events: &[&Event]) {
    assert_eq!(found["events"], events.len());
    let scores = Sample::of(events.iter().copied(), "sentiment");
    assert_eq!(found["scored"], scores.0.len());
    near(&found["sentiment"], scores.mean(), "sentiment");
    near(
        &found["negative_share"],
        Sample::of(events.iter().copied(), "negative_share").mean(),
        "negative_share",
    );
}

fn counts(keys: impl Iterator<Item = String>) -> BTreeMap<String, u64> {
    keys.fold(BTreeMap::new(), |mut counts, key| {
        *counts.entry(key).or_default() += 1;
        counts
    })
}

/// An object of numbers.
fn numbers(found: &Value) -> BTreeMap<String, u64> {
    found.as_object().unwrap().iter().map(|(key, value)| (key.clone(), value.as_u64().unwrap())).collect()
}

#[test]
fn the_summary_and_the_period_before_are_what_the_lines_say() {
    let loaded = Loaded::get();
    let length = loaded.to - loaded.from;
    for tenant in &loaded.tenants {
        let found = loaded.api.get(tenant, &format!("summary?{}", loaded.range()));
        for (period, from) in [("current", loaded.from), ("previous", loaded.from - length)] {
            let (found, events) = (&found[period], loaded.of(tenant, from, from + length));
            assert_eq!((loaded::micros(&found["from"]), loaded::micros(&found["to"])), (from, from + length));
            assert_sum(found, &events);
            let kinds: BTreeSet<&str> = events.iter().map(|event| event.kind.as_str()).collect();
            let by_type = found["by_type"].as_object().unwrap();
            assert!(by_type.keys().eq(kinds.iter()), "{by_type:?}");
            for kind in kinds {
                let of_kind: Vec<&Event> =
                    events.iter().copied().filter(|event| event.kind == kind).collect();
                assert_sum(&by_type[kind], &of_kind);
            }
            let labels = counts(events.iter().filter_map(|event| event.dimension("label")));
            assert_eq!(numbers(&found["labels"]), labels);
        }
    }
    let nobody = loaded.api.get("nobody", "summary");
    assert_eq!(
        (nobody["current"]["events"].as_u64(), &nobody["current"]["sentiment"]),
        (Some(0), &Value::Null)
    );
}

#[test]
fn the_distribution_is_what_the_lines_say() {
    let loaded = Loaded::get();
    for (tenant, bins) in loaded.tenants.iter().zip([20_u32, 1, 7, 200].into_iter().cycle()) {
        let found = loaded.api.get(tenant, &format!("distribution?{}&bins={bins}", loaded.range()));
        let events = loaded.of(tenant, loaded.from, loaded.to);
        let scores = Sample::of(events.iter().copied(), "sentiment");
        assert_eq!(found["scored"], scores.0.len());
        near(&found["mean"], scores.mean(), "mean");
        for quantile in found["quantiles"].as_array().unwrap() {
            let level = quantile["level"].as_f64().unwrap();
            near(&quantile["value"], scores.quantile(level), &format!("quantile {level}"));
        }
        let histogram = found["histogram"].as_array().unwrap();
        assert_eq!(histogram.len(), bins as usize);
        for (number, bin) in (0_u32..).zip(histogram) {
            let is_last = number + 1 == bins;
            let edge = |number: u32| f64::from(number) * 2.0 / f64::from(bins) - 1.0;
            let is_inside = |score: &&f64| **score >= edge(number) && (**score < edge(number + 1) || is_last);
            assert_eq!(bin["events"], scores.0.iter().filter(is_inside).count(), "{tenant}: {bin}");
        }
        assert_eq!((found["below"].as_u64(), found["above"].as_u64()), (Some(0), Some(0)));
        assert_eq!(
            numbers(&found["labels"]),
            counts(events.iter().filter_map(|event| event.dimension("label")))
        );
    }
    assert!(loaded.api.get("nobody", "distribution")["quantiles"][0]["value"].is_null());
}

/// A group's events and what they say.
fn groups<'a>(events: &[&'a Event], by: &str) -> BTreeMap<String, Vec<&'a Event>> {
    let mut groups: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
    for event in events {
        if let Some(name) = event.dimension(by) {
            groups.entry(name).or_default().push(event);
        }
    }
    groups
}

#[test]
fn a_breakdown_ranks_by_the_bound_of_the_interval() {
    let loaded = Loaded::get();
    for (by, metric, filter) in [
        ("agent", "sentiment", ""),
        ("agent", "count", ""),
        ("agent", "negative_share", "&channel=chat"),
        ("channel", "duration", ""),
        ("tool", "tool_success", "&min_events=3"),
        ("tool", "latency", "&limit=3"),
        ("qos_metric", "qos_value", ""),
        ("label", "duration", "&type=call"),
        ("language", "sentiment", "&limit=100"),
        ("direction", "count", ""),
        ("action", "duration", ""),
        ("type", "count", ""),
    ] {
        let (tenant, question) =
            (&loaded.tenants[by.len() % 8], format!("breakdown?by={by}&metric={metric}{filter}"));
        let found = loaded.api.get(tenant, &format!("{question}&{}", loaded.range()));
        let events: Vec<&Event> = loaded
            .of(tenant, loaded.from, loaded.to)
            .into_iter()
            .filter(|event| {
                filter != "&channel=chat" || event.dimension("channel").as_deref() == Some("chat")
            })
            .filter(|event| filter != "&type=call" || event.kind == "call")
            .collect();
        let least = if filter == "&min_events=3" { 3 } else { 1 };
        let mut groups: BTreeMap<String, (usize, Sample)> = groups(&events, by)
            .into_iter()
            .map(|(name, events)| (name, (events.len(), Sample::of(events, metric))))
            .collect();
        groups.retain(|_, (_, sample)| sample.0.len() >= least);
        assert!(!groups.is_empty(), "{question}");
        assert_eq!(found["groups"], groups.len(), "{question}");
        let interval = |(events, sample): &(usize, Sample)| match metric {
            "count" => {
                Some((f64::from(u32::try_from(*events).unwrap()), f64::from(u32::try_from(*events).unwrap())))
            }
            "negative_share" | "tool_success" => sample.wilson(),
            _ => sample.student(),
        };
        let limit = match filter {
            "&limit=3" => 3,
            "&limit=100" => 100,
            _ => 10,
        };
        for (end, sign) in [("top", -1.0), ("bottom", 1.0)] {
            let rows = found[end].as_array().unwrap();
            assert_eq!(rows.len(), groups.len().min(limit), "{question}");
            // The same bounds in the same order; of equal ones any group may come first here.
            let bound = |group: &(usize, Sample)| {
                interval(group)
                    .map_or(f64::INFINITY, |(lower, upper)| sign * if sign < 0.0 { lower } else { upper })
            };
            let mut bounds: Vec<f64> = groups.values().map(bound).collect();
            bounds.sort_by(f64::total_cmp);
            for (row, expected) in rows.iter().zip(bounds) {
                let group = &groups[row["group"].as_str().unwrap()];
                let expected = Some(expected * sign).filter(|bound| bound.is_finite());
                near_by(&row[if sign < 0.0 { "lower" } else { "upper" }], expected, 1e-6, &question);
                assert_eq!(
                    (row["events"].as_u64(), row["of"].as_u64()),
                    (Some(group.0 as u64), Some(group.1.0.len() as u64))
                );
                let count = f64::from(u32::try_from(group.0).unwrap());
                near(&row["value"], if metric == "count" { Some(count) } else { group.1.mean() }, &question);
                let (lower, upper) = interval(group).unzip();
                near_by(&row["lower"], lower, 1e-6, &question);
                near_by(&row["upper"], upper, 1e-6, &question);
            }
        }
    }
}
