//! ClickHouse has stored an insert, and its answer is lost: the outcome is unknown.

use voc_tests::harness::input::{self, call};
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::proxy::Proxy;
use voc_tests::harness::stage::Stage;

/// Heads of requests, as the client spells them.
const INSERT_EVENTS: &str = "INSERT+INTO+%60voc_events%60";
const INSERT_DEAD_LETTERS: &str = "INSERT+INTO+%60voc_dead_letters%60";

/// Streams events, some of them sent twice, and dead letters through a connection that loses the answer
/// to `request`; meanwhile `statement` runs in the database. Everything must be stored once all the same.
#[track_caller]
fn check(name: &str, request: &'static str, statement: Option<&'static str>) {
    let mut stage = Stage::new(name);
    let mut lines: Vec<String> =
        (0..300).map(|number| call(&format!("tenant {}", number % 7), number)).collect();
    lines.extend((0..20).map(|number| call(&format!("tenant {}", number % 7), number)));
    lines.extend((0..10).map(|number| format!("no event {number}")));
    input::write(&stage.file, &lines);

    let database = stage.database.clone();
    let proxy = Proxy::swallow_first_answer(&stage.database, request, move || {
        if let Some(statement) = statement {
            database.run(statement);
        }
    });
    stage.config["clickhouse"]["port"] = proxy.port().into();
    stage.run_once();
    assert_eq!(proxy.swallowed(), 1, "the answer to {request} was to be lost");
    stage.assert_stored(&Oracle::of(&lines));
}

#[test]
fn a_lost_answer_stores_nothing_twice() {
    check("lost_events", INSERT_EVENTS, None);
    check("lost_letters", INSERT_DEAD_LETTERS, None);
}

/// A server that dies after it noted a token and before the rows can be seen drops the retry. Rows that
/// are deleted while their token stays look the same.
#[test]
fn rows_that_a_retry_left_out_are_written() {
    check("left_out_events", INSERT_EVENTS, Some("DELETE FROM voc_events WHERE origin_offset % 3 = 0"));
    check("left_out_all", INSERT_EVENTS, Some("DELETE FROM voc_events WHERE 1"));
    check("left_out_letters", INSERT_DEAD_LETTERS, Some("DELETE FROM voc_dead_letters WHERE 1"));
    check("left_out_ledger", INSERT_EVENTS, Some("DELETE FROM voc_origins WHERE 1"));
}
