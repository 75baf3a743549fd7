//! Events page by page, one event with its annotations, and the lists of agents, tools and QoS metrics.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use super::loaded::{Loaded, encoded, micros, near, near_by};
use super::oracle::{Event, Sample};

/// All pages of a question.
fn pages(loaded: &Loaded, tenant: &str, question: &str) -> Vec<Value> {
    let mut events = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = loaded.api.get(tenant, &format!("events?{question}&{}{cursor}", loaded.range()));
        let found = page["events"].as_array().unwrap();
        events.extend(found.iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return events,
        }
        assert!(!found.is_empty(), "a page that is followed by another one has events");
    }
}

fn identity(found: &Value) -> (i64, Uuid) {
    (micros(&found["timestamp"]), found["event_id"].as_str().unwrap().parse().unwrap())
}

#[test]
fn pages_hold_every_event_once_the_newest_first() {
    let loaded = Loaded::get();
    let texts = |search: &str| {
        let search = search.to_lowercase();
        move |event: &Event| event.text().to_lowercase().contains(&search)
    };
    type Condition = Box<dyn Fn(&Event) -> bool>;
    let questions: [(String, Condition); 8] = [
        ("limit=97".into(), Box::new(|_| true)),
        ("limit=1000&type=qos_metric".into(), Box::new(|event| event.kind == "qos_metric")),
        (
            "limit=13&label=negative".into(),
            Box::new(|event| event.dimension("label").as_deref() == Some("negative")),
        ),
        (format!("limit=10&search={}", encoded("OBRIGAD")), Box::new(texts("obrigad"))),
        (format!("limit=10&search={}", encoded("não")), Box::new(texts("não"))),
        ("limit=1&search=third+time".into(), Box::new(texts("third time"))),
        ("search=%25".into(), Box::new(texts("%"))),
        (
            "channel=fax&language=pt".into(),
            Box::new(|event| {
                event.dimension("channel").as_deref() == Some("fax")
                    && event.dimension("language").as_deref() == Some("pt")
            }),
        ),
    ];
    let mut all_found = BTreeMap::new();
    for (question, is_meant) in &questions {
        for tenant in &loaded.tenants {
            let found = pages(loaded, tenant, question);
            let identities: Vec<(i64, Uuid)> = found.iter().map(identity).collect();
            assert!(identities.windows(2).all(|pair| pair[0].0 >= pair[1].0), "{question}: not by time");
            let events = loaded.of(tenant, loaded.from, loaded.to);
            let expected: BTreeSet<(i64, Uuid)> =
                events.iter().filter(|event| is_meant(event)).map(|event| (event.micros, event.id)).collect();
            assert_eq!(identities.len(), expected.len(), "{question}");
            assert_eq!(identities.into_iter().collect::<BTreeSet<_>>(), expected, "{question}");
            *all_found.entry(question.as_str()).or_insert(0) += found.len();
            for row in &found {
                let event = events.iter().find(|event| (event.micros, event.id) == identity(row)).unwrap();
                assert_eq!(row["event_type"], event.kind.as_str());
                near(&row["sentiment"], event.score, question);
                for name in ["label", "language", "agent", "channel"] {
                    assert_eq!(row[name].as_str(), event.dimension(name).as_deref(), "{name}");
                }
                let excerpt = row["excerpt"].as_str().unwrap_or_default();
                assert!(event.text().contains(excerpt) && excerpt.chars().count() <= 240);
                if let Some(search) = question.split("&search=").nth(1).filter(|_| question.contains("OBR")) {
                    assert!(excerpt.to_lowercase().contains("obrigad"), "{search}: {excerpt}");
                }
            }
        }
    }
    let nothing = all_found.iter().filter(|(question, found)| **found == 0 && !question.contains("%25"));
    assert_eq!(nothing.count(), 0, "{all_found:?}");
}

#[test]
fn one_event_has_its_payload_as_it_came_last_and_every_annotation() {
    let loaded = Loaded::get();
    let is_call = |event: &&Event| event.kind == "call" && event.score.is_some();
    let event = loaded.events.iter().filter(is_call).min_by_key(|event| event.id).unwrap();
    let other = loaded.tenants.iter().find(|tenant| {
        let has = |known: &Event| known.tenant == **tenant && known.id == event.id;
        !loaded.events.iter().any(has)
    });
    for (tenant, version, score) in
        [(&event.tenant, 1, "0.25"), (&event.tenant, 2, "NULL"), (other.unwrap(), 3, "1")]
    {
        loaded.stage.database.run(&format!(
            r#"INSERT INTO voc_annotations (tenant_id, ts, event_id, annotator, version, sentiment, annotation)
            VALUES ('{tenant}', fromUnixTimestamp64Micro({}), '{}', 'topics', {version}, {score},
                '{{"topic":"t{version}"}}')"#,
            event.micros, event.id
        ));
    }
    let found = loaded.api.get(&event.tenant, &format!("events/{}", event.id));
    let same = loaded.events.iter().filter(|known| known.tenant == event.tenant && known.id == event.id);
    let mut times: Vec<i64> = same.map(|event| event.micros).collect();
    times.sort_by_key(|time| std::cmp::Reverse(*time));
    let shown = found["events"].as_array().unwrap();
    assert_eq!(shown.iter().map(|one| micros(&one["timestamp"])).collect::<Vec<_>>(), times);
    let one = shown.iter().find(|one| micros(&one["timestamp"]) == event.micros).unwrap();
    assert_eq!(one["payload"], event.document);
    assert_eq!(one["event_type"], "call");
    near(&one["annotation"]["sentiment"], event.score, "sentiment");
    assert_eq!(one["annotation"]["label"], event.label.as_str());
    near(&one["annotation"]["explanation"]["score"], event.score, "the explanation's score");
    let later = one["later_annotations"].as_array().unwrap();
    let later: Vec<Value> = later
        .iter()
        .map(|one| json!([one["annotator"], one["version"], one["sentiment"], one["annotation"]]))
        .collect();
    let expected = [json!(["topics", 1, 0.25, {"topic": "t1"}]), json!(["topics", 2, null, {"topic": "t2"}])];
    assert_eq!(later, expected);
    let (status, body) = loaded.api.ask(other.unwrap(), &format!("events/{}", event.id));
    assert_eq!((status, &body["code"]), (404, &json!("not_found")));
}

#[track_caller]
fn assert_numbers(row: &Value, names: &[(&str, usize)]) {
    for (name, expected) in names {
        assert_eq!(row[name], *expected, "{name}: {row}");
    }
}

/// Compares every row of a list with its group.
fn each(list: &str, by: &str, name: &str, check: impl Fn(&Value, &[&Event])) {
    let loaded = Loaded::get();
    for tenant in &loaded.tenants {
        let found = loaded.api.get(tenant, &format!("{list}?limit=1000&{}", loaded.range()));
        let groups = super::groups(&loaded.of(tenant, loaded.from, loaded.to), by);
        assert_eq!(found["total"], groups.len());
        let rows = found.as_object().unwrap().values().find_map(Value::as_array).unwrap();
        let names: BTreeSet<&str> = rows.iter().map(|row| row[name].as_str().unwrap()).collect();
        assert_eq!((rows.len(), names), (groups.len(), groups.keys().map(String::as_str).collect()));
        for row in rows {
            check(row, &groups[row[name].as_str().unwrap()]);
        }
        let few = loaded.api.get(tenant, &format!("{list}?limit=2&{}", loaded.range()));
        let first = few.as_object().unwrap().values().find_map(Value::as_array).unwrap();
        assert_eq!((first.as_slice(), &few["total"]), (&rows[..rows.len().min(2)], &found["total"]));
    }
}

#[test]
fn agents_are_what_the_lines_say() {
    each("agents", "agent", "agent", |row, events| {
        let sample = |metric: &str| Sample::of(events.iter().copied(), metric);
        let kind = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
        assert_numbers(
            row,
            &[
                ("events", events.len()),
                ("calls", kind("call")),
                ("actions", kind("agent_action")),
                ("tool_invocations", kind("tool_invocation")),
                ("scored", sample("sentiment").0.len()),
                ("judged_invocations", sample("tool_success").0.len()),
            ],
        );
        let calls = events.iter().copied().filter(|event| event.kind == "call");
        near(&row["sentiment"], sample("sentiment").mean(), "sentiment");
        near(&row["negative_share"], sample("negative_share").mean(), "negative_share");
        near(&row["call_duration_ms"], Sample::of(calls, "duration").mean(), "call_duration_ms");
        near(&row["tool_success"], sample("tool_success").mean(), "tool_success");
    });
}

#[test]
fn tools_are_what_the_lines_say() {
    each("tools", "tool", "tool", |row, events| {
        let sample = |metric: &str| Sample::of(events.iter().copied(), metric);
        let (success, latency) = (sample("tool_success"), sample("latency"));
        let agents: BTreeSet<_> = events.iter().filter_map(|event| event.dimension("agent")).collect();
        assert_numbers(
            row,
            &[
                ("invocations", events.len()),
                ("agents", agents.len()),
                ("judged", success.0.len()),
                ("timed", latency.0.len()),
            ],
        );
        near(&row["success"], success.mean(), "success");
        let (lower, upper) = success.wilson().unzip();
        near_by(&row["success_lower"], lower, 1e-6, "success_lower");
        near_by(&row["success_upper"], upper, 1e-6, "success_upper");
        near(&row["latency_ms"]["mean"], latency.mean(), "mean");
        for (name, level) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            near(&row["latency_ms"][name], latency.quantile(level), name);
        }
    });
}

#[test]
fn the_quality_of_service_is_what_the_lines_say() {
    each("qos", "qos_metric", "metric", |row, events| {
        let sample = Sample::of(events.iter().copied(), "qos_value");
        assert_numbers(row, &[("measurements", sample.0.len())]);
        assert_eq!(row["unit"].as_str(), events[0].document["unit"].as_str());
        near(&row["mean"], sample.mean(), "mean");
        let (lower, upper) = sample.student().unzip();
        near_by(&row["mean_lower"], lower, 1e-6, "mean_lower");
        near_by(&row["mean_upper"], upper, 1e-6, "mean_upper");
        for (name, level) in [("min", 0.0), ("p5", 0.05), ("p50", 0.5), ("p95", 0.95), ("max", 1.0)] {
            near(&row[name], sample.quantile(level), name);
        }
    });
}
