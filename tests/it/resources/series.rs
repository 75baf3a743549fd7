//! Series over time: in hours, days, weeks and months of a time zone, by group, beside the period before.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate};
use serde_json::Value;

use super::loaded::{DAY, Loaded, encoded, micros, near};
use super::oracle::{Event, Sample};

const HOUR: i64 = DAY / 24;

/// Where the bucket of a moment begins, in a zone that has always this offset; all in microseconds.
fn start(moment: i64, granularity: &str, offset: i64) -> i64 {
    let local = moment + offset;
    let day = local.div_euclid(DAY);
    let start = match granularity {
        "hour" => local.div_euclid(HOUR) * HOUR,
        "day" => day * DAY,
        // The first day of 1970 was a Thursday.
        "week" => (day - (day + 3).rem_euclid(7)) * DAY,
        "month" => {
            let date = DateTime::from_timestamp_micros(local).unwrap().date_naive();
            let first = NaiveDate::from_ymd_opt(date.year(), date.month(), 1).unwrap();
            first.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_micros()
        }
        other => panic!("{other}"),
    };
    start - offset
}

/// Every bucket that a range touches.
fn starts(from: i64, to: i64, granularity: &str, offset: i64) -> Vec<i64> {
    let mut starts = vec![start(from, granularity, offset)];
    let step = if granularity == "hour" { HOUR } else { DAY };
    let mut moment = starts[0];
    while moment < to {
        let next = start(moment, granularity, offset);
        if *starts.last().unwrap() != next {
            starts.push(next);
        }
        moment += step;
    }
    starts
}

#[track_caller]
fn assert_points(
    found: &Value,
    starts: &[i64],
    events: &[&Event],
    metric: &str,
    granularity: &str,
    offset: i64,
) {
    let points = found.as_array().unwrap();
    let found: Vec<i64> = points.iter().map(|point| micros(&point["start"])).collect();
    assert_eq!(found, starts, "{metric} by {granularity}");
    let mut buckets: BTreeMap<i64, Vec<&Event>> = BTreeMap::new();
    for event in events {
        buckets.entry(start(event.micros, granularity, offset)).or_default().push(event);
    }
    for (point, start) in points.iter().zip(starts) {
        let events = buckets.remove(start).unwrap_or_default();
        let sample = Sample::of(events.iter().copied(), metric);
        assert_eq!(point["events"], events.len(), "{point}");
        assert_eq!(point["of"], sample.0.len(), "{point}");
        let count = f64::from(u32::try_from(events.len()).unwrap());
        near(&point["value"], if metric == "count" { Some(count) } else { sample.mean() }, metric);
    }
    assert!(buckets.is_empty(), "events outside of the buckets");
}

#[test]
fn a_series_and_the_period_before_are_what_the_lines_say() {
    let loaded = Loaded::get();
    let zones = [("UTC", 0), ("America/Sao_Paulo", -3 * HOUR), ("Asia/Kolkata", 11 * HOUR / 2)];
    let metrics =
        ["count", "sentiment", "negative_share", "duration", "tool_success", "latency", "qos_value"];
    let mut asked = zones.iter().cycle().zip(loaded.tenants.iter().cycle());
    let mut events = 0;
    for metric in metrics {
        for granularity in ["hour", "day", "week", "month"] {
            let ((zone, offset), tenant) = asked.next().unwrap();
            let filter = if metric == "qos_value" { "&qos_metric=mos" } else { "" };
            let compare = if granularity == "month" { "" } else { "&compare=previous" };
            let found = loaded.api.get(
                tenant,
                &format!(
                    "timeseries?metric={metric}&granularity={granularity}&timezone={}{filter}{compare}&{}",
                    encoded(zone),
                    loaded.range()
                ),
            );
            let is_meant =
                |event: &&Event| filter.is_empty() || event.dimension("qos_metric").as_deref() == Some("mos");
            let of = |from, to| loaded.of(tenant, from, to).into_iter().filter(is_meant).collect::<Vec<_>>();
            let starts = starts(loaded.from, loaded.to, granularity, *offset);
            let series = &found["series"][0];
            assert!(series["group"].is_null());
            let current = of(loaded.from, loaded.to);
            events += current.len();
            assert_points(&series["points"], &starts, &current, metric, granularity, *offset);
            if compare.is_empty() {
                assert!(series.get("previous").is_none());
                continue;
            }
            let length = match granularity {
                "hour" => HOUR,
                "day" => DAY,
                _ => 7 * DAY,
            };
            let shift = length * i64::try_from(starts.len()).unwrap();
            let earlier: Vec<i64> = starts.iter().map(|start| start - shift).collect();
            let before = of(loaded.from - shift, loaded.to - shift);
            assert_points(&series["previous"], &earlier, &before, metric, granularity, *offset);
            assert_eq!(micros(&found["previous"]["from"]), loaded.from - shift);
            assert_eq!(micros(&found["previous"]["to"]), loaded.to - shift);
        }
    }
    assert!(events > 1_000, "{events}");
}

#[test]
fn groups_are_those_with_the_most_events() {
    let loaded = Loaded::get();
    for (tenant, (by, metric)) in loaded.tenants.iter().cycle().zip([
        ("type", "count"),
        ("channel", "sentiment"),
        ("agent", "negative_share"),
        ("language", "sentiment"),
        ("label", "duration"),
        ("tool", "latency"),
        ("qos_metric", "qos_value"),
        ("direction", "count"),
        ("action", "duration"),
    ]) {
        let question = format!("timeseries?metric={metric}&group_by={by}&limit=3&{}", loaded.range());
        let found = loaded.api.get(tenant, &question);
        let events = loaded.of(tenant, loaded.from, loaded.to);
        let groups = super::groups(&events, by);
        assert_eq!(found["groups"], groups.len());
        let mut sizes: Vec<(std::cmp::Reverse<usize>, &String)> =
            groups.iter().map(|(name, events)| (std::cmp::Reverse(events.len()), name)).collect();
        sizes.sort();
        let expected: Vec<&str> = sizes.iter().take(3).map(|(_, name)| name.as_str()).collect();
        let series = found["series"].as_array().unwrap();
        let names: Vec<&str> = series.iter().map(|one| one["group"].as_str().unwrap()).collect();
        assert_eq!(names, expected, "{question}");
        let starts = starts(loaded.from, loaded.to, "day", 0);
        for one in series {
            let events = &groups[one["group"].as_str().unwrap()];
            assert_points(&one["points"], &starts, events, metric, "day", 0);
        }
    }
}
