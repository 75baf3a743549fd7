//! ClickHouse is away: the connector says so, waits, and goes on.

use voc_tests::harness::clickhouse::ClickHouse;
use voc_tests::harness::eventually;
use voc_tests::harness::input::{self, call};
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::stage::Stage;

#[test]
fn the_connector_is_not_ready_while_clickhouse_is_down_and_goes_on_afterwards() {
    let mut clickhouse = ClickHouse::start();
    let stage = Stage::on(&clickhouse, "outage");
    clickhouse.kill();
    let mut lines: Vec<String> = (0..50).map(|number| call("acme", number)).collect();
    input::write(&stage.file, &lines);

    // Started before ClickHouse, it waits.
    let mut connector = stage.connector(&[]);
    connector.until_clickhouse_is_missed("clickhouse: clickhouse did not");
    clickhouse.start_again();
    stage.until_stored(50);
    connector.until_ready_is(200);

    // While it runs, it waits too.
    clickhouse.kill();
    lines.extend((50..80).map(|number| call("acme", number)));
    input::append(&stage.file, &lines[50..]);
    connector.until_clickhouse_is_missed("clickhouse: clickhouse did not");
    assert_eq!(connector.metric("voc_pipeline_ready"), Some(0.0));
    clickhouse.start_again();
    stage.until_stored(80);
    connector.until_ready_is(200);
    assert!(connector.metric(r#"voc_insert_retries_total{class="unknown"}"#) >= Some(1.0));
    connector.drain();
    stage.assert_stored(&Oracle::of(&lines));

    // A stop does not wait for it for ever; what was not stored is read again.
    lines.push(call("acme", 80));
    let mut connector = stage.connector(&[]);
    connector.until_ready_is(200);
    clickhouse.kill();
    input::append(&stage.file, &lines[80..]);
    connector.until_clickhouse_is_missed("clickhouse: clickhouse did not");
    connector.process().terminate();
    let log = connector.fails();
    assert!(log.contains("not stored"), "{log}");
    clickhouse.start_again();
    stage.run_once();
    stage.assert_stored(&Oracle::of(&lines));
}

#[test]
fn a_stop_before_clickhouse_is_there_ends_well() {
    let mut clickhouse = ClickHouse::start();
    let stage = Stage::on(&clickhouse, "early_stop");
    clickhouse.kill();
    input::write(&stage.file, [call("acme", 1)]);
    let mut connector = stage.connector(&[]);
    connector.until_clickhouse_is_missed("clickhouse: clickhouse did not");
    connector.drain();
}

#[test]
fn an_idle_connector_notices_that_clickhouse_is_away() {
    let mut clickhouse = ClickHouse::start();
    let stage = Stage::on(&clickhouse, "idle");
    input::write(&stage.file, [call("acme", 1)]);
    let mut connector = stage.connector(&[]);
    // Counted when the checkpoint is answered: nothing is left to write.
    eventually("the event is counted", || {
        (connector.metric("voc_events_processed_total") == Some(1.0)).then_some(())
    });
    connector.until_ready_is(200);
    clickhouse.kill();
    connector.until_clickhouse_is_missed("clickhouse ping");
    clickhouse.start_again();
    connector.until_ready_is(200);
    connector.drain();
}
