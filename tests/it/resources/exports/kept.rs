//! Exports beside the answers that are kept, and what is counted of them.

use voc_tests::harness::{eventually, http};

use super::super::loaded::{Api, Loaded, encoded, time};
use super::breaking::{begun, stage_and_api};
use super::download::download;
use super::rows;

/// How many exports have ended so; 0 where none has.
fn ended(api: &Api, outcome: &str) -> u64 {
    let metrics = http::get(api.port, "/metrics").expect("the API answers").body;
    let name = format!(r#"voc_api_queries_total{{outcome="{outcome}",resource="export"}} "#);
    metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |value| value.parse().unwrap())
}

#[test]
fn an_export_is_neither_kept_nor_answered_with_what_is_kept() {
    let loaded = Loaded::get();
    let (tenant, question) = (&loaded.tenants[0], format!("agents?limit=3&{}", loaded.range()));
    let ask = |accept| download(loaded.api.port, tenant, &question, accept);
    for accept in ["text/csv", "application/json;q=0, */*", "application/json;q=0.1, text/csv"] {
        let json = ask("application/json");
        let csv = ask(accept);
        assert!(csv.content_type.starts_with("text/csv"), "{accept}: {}", csv.content_type);
        assert!(!rows(&csv, "csv", &question).is_empty(), "{accept}");
        let again = ask("application/json");
        assert_eq!(
            (again.content_type.as_str(), &again.bytes),
            ("application/json", &json.bytes),
            "{accept}"
        );
    }
}

#[test]
fn an_export_is_counted_when_it_ends_however_it_does() {
    let (_stage, api) = stage_and_api("counted", serde_json::json!({}));
    assert_eq!(ended(&api, "ok"), 0);
    let found = download(api.port, "many", "agents?format=csv&from=2026-08-01&to=2026-08-02", "");
    assert_eq!(found.status, 200);
    eventually("a whole one is counted", || (ended(&api, "ok") == 1).then_some(()));
    drop(begun(&api, "csv"));
    eventually("one that nobody reads is counted", || (ended(&api, "abandoned") == 1).then_some(()));
    assert_eq!((ended(&api, "ok"), ended(&api, "failed")), (1, 0));
}

#[test]
fn a_filter_means_what_was_sent_not_what_csv_makes_of_it() {
    let loaded = Loaded::get();
    loaded.stage.database.run(
        r#"INSERT INTO voc_events (event_id, tenant_id, ts, event_type, payload, origin_stream, origin_offset)
        VALUES (generateUUIDv4(), 'filtered', '2026-06-01 00:00:00', 'call', '{"agent_id":"=1+1"}', 'filtered#1', 1)"#,
    );
    let range = format!("from={}&to={}", time(1_780_272_000_000_000), time(1_780_358_400_000_000));
    for resource in ["events", "agents"] {
        for (agent, number) in [("=1+1", 1), ("'=1+1", 0)] {
            let question = format!("{resource}?format=csv&agent={}&{range}", encoded(agent));
            let found = download(loaded.api.port, "filtered", &question, "");
            assert_eq!(rows(&found, "csv", &question).len(), number, "{question}");
        }
    }
}
