//! Exports that do not come to their end: nobody who reads one takes it for complete, and nothing of it stays.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;
use voc_tests::harness::clickhouse::ClickHouse;
use voc_tests::harness::eventually;
use voc_tests::harness::stage::Stage;

use super::super::loaded::{Api, Loaded};
use super::download::{Begun, begin, drain};
use super::large::{QUESTION, fill};

/// Many rows in a database of this name, and the API over it.
pub(super) fn stage_and_api(name: &str, limits: serde_json::Value) -> (Stage, Api) {
    let mut stage = Stage::on(ClickHouse::shared(), name);
    fill(&stage, 400_000);
    stage.config["api"]["limits"] = limits;
    let api = Api::start(&stage);
    (stage, api)
}

/// Begins an export of the events, and reads a little of it.
pub(super) fn begun(api: &Api, format: &str) -> Begun {
    let mut begun = begin(api.port, "many", &format!("{QUESTION}&format={format}"));
    assert_eq!(begun.status, 200);
    begun.body.read_exact(&mut [0; 64 << 10]).unwrap();
    begun
}

/// How many exports of events of the stage's database run in ClickHouse.
fn running(stage: &Stage, name: &str) -> u64 {
    stage.database.number(&format!(
        "SELECT count() FROM system.processes
        WHERE current_database = '{name}' AND query LIKE 'SELECT toString(event_id)%'"
    ))
}

#[track_caller]
fn assert_broken(mut begun: Begun) {
    let read = drain(&mut begun.body);
    assert!(read.is_err(), "a body that broke off looked complete: {read:?}");
}

#[test]
fn a_query_that_is_killed_on_the_way_is_no_complete_body() {
    let (stage, api) = stage_and_api("killed", json!({}));
    for format in ["csv", "ndjson", "parquet", "arrow"] {
        let begun = begun(&api, format);
        assert_eq!(running(&stage, "killed"), 1, "{format}: over already");
        stage
            .database
            .run("KILL QUERY WHERE current_database = 'killed' AND query LIKE 'SELECT toString%' SYNC");
        assert_broken(begun);
    }
}

#[test]
fn a_client_that_goes_away_ends_its_query_and_leaves_its_place() {
    let (stage, api) = stage_and_api("abandoned", json!({ "exports": 1 }));
    let first = begun(&api, "csv");
    assert_eq!(running(&stage, "abandoned"), 1);
    let second = begin(api.port, "many", "agents?format=csv");
    assert_eq!((second.status, second.retry_after.as_str()), (503, "1"));
    drop(first);
    eventually("the query ends", || (running(&stage, "abandoned") == 0).then_some(()));
    eventually("there is a place again", || {
        (begin(api.port, "many", "agents?format=csv").status == 200).then_some(())
    });
}

#[test]
fn a_client_that_does_not_read_is_cut_off_in_time() {
    let (_stage, api) = stage_and_api("stalled", json!({ "exports": 1, "export_seconds": 2 }));
    let stalled = begun(&api, "ndjson");
    // Its place is free again while it still holds its connection and has not read on.
    eventually("the place is free", || {
        (begin(api.port, "many", "agents?format=csv").status == 200).then_some(())
    });
    assert_broken(stalled);
}

#[test]
fn a_clickhouse_that_dies_on_the_way_leaves_no_complete_body() {
    let mut clickhouse = ClickHouse::start();
    let stage = Stage::on(&clickhouse, "dying");
    fill(&stage, 200_000);
    let api = Api::start(&stage);
    let begun = begun(&api, "csv");
    clickhouse.kill();
    assert_broken(begun);
    let refused = begin(api.port, "many", "agents?format=csv");
    assert_eq!((refused.status, refused.retry_after.as_str()), (503, "1"));
}

#[test]
fn before_http_1_1_there_is_no_export() {
    let api = &Loaded::get().api;
    let ask = |path: &str| {
        let mut connection = TcpStream::connect(("127.0.0.1", api.port)).unwrap();
        connection.write_all(format!("GET {path} HTTP/1.0\r\nhost: voc\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = ask("/v1/tenants/many/agents?format=csv");
    assert!(answer.starts_with("HTTP/1.0 505") && answer.contains("\"code\":\"http_version\""), "{answer}");
    assert!(ask("/v1/tenants/many/agents").starts_with("HTTP/1.0 200"));
}
