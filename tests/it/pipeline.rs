//! From a file into ClickHouse: everything, once, byte for byte.

use std::path::Path;

use voc_smartmodule::params::Params;
use voc_tests::harness::clickhouse::ClickHouse;
use voc_tests::harness::input::{self, call, seed};
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::stage::Stage;

#[test]
fn the_sample_is_stored_completely_and_a_second_run_stores_nothing() {
    let mut stage = Stage::new("sample");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample.ndjson");
    std::fs::copy(&sample, &stage.file).unwrap();
    // The sample has its own date; this test has none.
    stage.config["transforms"][0]["with"]["max_past_days"] = 20_000.into();
    let params = Params { max_past_days: 20_000, ..Params::default() };
    let oracle = Oracle::with(input::read(&sample), &params);
    assert!(oracle.events.len() > 2_000 && oracle.rejections.len() > 10, "{:?}", oracle.rejections);

    stage.run_once();
    stage.assert_stored(&oracle);
    let parts = || stage.database.run("SELECT count(), max(processed_at) FROM voc_events");
    let before = parts();
    stage.run_once();
    stage.assert_stored(&oracle);
    assert_eq!(parts(), before, "the second run wrote rows");
}

#[test]
fn generated_events_of_four_hundred_tenants_are_stored_completely() {
    for partition_by in ["bucket", "tenant"] {
        let mut stage = Stage::new(&format!("tenants_by_{partition_by}"));
        stage.config["clickhouse"]["partition_by"] = partition_by.into();
        let mut options = input::options(10_000, seed());
        options.tenants = 400;
        let mut lines = input::lines(options);
        // The generator's last tenants are rare.
        lines.extend((0..400).map(|number| call(&format!("tenant-{number}"), number).into_bytes()));
        input::write(&stage.file, &lines);
        stage.run_once();
        stage.assert_stored(&Oracle::of(&lines));
        assert!(stage.database.number("SELECT uniqExact(tenant_id) FROM voc_events") >= 400);
    }
}

#[test]
fn rows_go_uncompressed_too() {
    let mut stage = Stage::new("uncompressed");
    stage.config["clickhouse"]["compression"] = "none".into();
    let lines = input::lines(input::options(3_000, seed()));
    input::write(&stage.file, &lines);
    stage.run_once();
    stage.assert_stored(&Oracle::of(&lines));
}

#[test]
fn an_event_of_several_megabytes_becomes_too_large_and_its_neighbours_are_stored() {
    let stage = Stage::new("large");
    let mut lines: Vec<String> = (0..300).map(|number| call("acme", number)).collect();
    // Larger than a block of the file, than the SmartModule's limit, and than the engine's memory.
    for (number, megabytes) in [(50, 1), (120, 5), (180, 70)] {
        lines[number] = call("acme", 1_000).replace("Good", &"G".repeat(megabytes << 20));
    }
    input::write(&stage.file, &lines);
    stage.run_once();
    let oracle = Oracle::of(&lines);
    assert_eq!(oracle.rejections["too_large"], 3);
    stage.assert_stored(&oracle);
    let lengths =
        stage.database.lines("SELECT length(original) FROM voc_dead_letters ORDER BY origin_offset");
    assert_eq!(lengths, [50, 120, 180].map(|number: usize| lines[number].len().to_string()));
}

#[test]
fn a_row_that_clickhouse_refuses_becomes_a_dead_letter_and_its_neighbours_are_stored() {
    let stage = Stage::new("refused");
    let tenant = |number| if [7, 8, 30].contains(&number) { "refused" } else { "acme" };
    let lines: Vec<String> = (0..40).map(|number| call(tenant(number), number)).collect();
    input::write(&stage.file, &lines[..1]);
    stage.run_once();
    stage.database.run("ALTER TABLE voc_events ADD CONSTRAINT c CHECK tenant_id != 'refused'");
    input::append(&stage.file, &lines[1..]);
    let log = stage.run_once();
    assert!(log.contains("row refused"), "{log}");
    let mut oracle = Oracle::of(&lines);
    for offset in [7, 8, 30] {
        oracle.refuse(offset as u64, lines[offset].as_bytes());
    }
    stage.assert_stored(&oracle);
    let messages =
        "SELECT countIf(message LIKE '%Code: 469%') FROM voc_dead_letters WHERE tenant_id = 'refused'";
    assert_eq!(stage.database.number(messages), 3);
}

#[test]
fn a_tenant_whose_rows_are_all_refused_costs_a_few_inserts_a_batch() {
    let mut stage = Stage::new("refused_tenant");
    stage.config["batch"]["max_rows"] = 1_000.into();
    let tenant = |number| if number % 4 == 1 { "refused" } else { "acme" };
    let lines: Vec<String> = (0..6_000).map(|number| call(tenant(number), number)).collect();
    input::write(&stage.file, &lines[..1]);
    stage.run_once();
    stage.database.run("ALTER TABLE voc_events ADD CONSTRAINT c CHECK tenant_id != 'refused'");
    input::append(&stage.file, &lines[1..]);
    let log = stage.run_once();
    let mut oracle = Oracle::of(&lines);
    for offset in (1..6_000).step_by(4) {
        oracle.refuse(offset as u64, lines[offset].as_bytes());
    }
    stage.assert_stored(&oracle);
    // Of the first batch the rows that it takes to be sure, then one of each.
    let tried = log.matches("row refused").count();
    assert!((16..40).contains(&tried), "{tried} rows were tried one by one:\n{log}");
    // What the tenant sends later is stored again when it is not refused any more.
    stage.database.run("ALTER TABLE voc_events DROP CONSTRAINT c");
    let more: Vec<String> = (6_000..6_100).map(|number| call("refused", number)).collect();
    input::append(&stage.file, &more);
    stage.run_once();
    let stored = "SELECT count() FROM voc_events WHERE tenant_id = 'refused'";
    assert_eq!(stage.database.number(stored), 100);
}

#[test]
fn metrics_keep_the_original_names_and_count_right() {
    let stage = Stage::new("metrics");
    let lines = input::lines(input::options(2_000, seed()));
    input::write(&stage.file, &lines);
    let oracle = Oracle::of(&lines);
    let mut connector = stage.connector(&[]);
    stage.until_stored(oracle.records());
    connector.until_ready_is(200);
    let bytes: usize = lines.iter().map(Vec::len).sum();
    let expected = [
        ("voc_events_consumed_total", 2_000),
        ("voc_events_processed_total", oracle.events.len()),
        ("voc_source_bytes_total", bytes),
        (r#"voc_checkpoint_next_offset{partition="0",stream="events.ndjson"}"#, 2_000),
        (r#"voc_source_end_offset{partition="0",stream="events.ndjson"}"#, 2_000),
        ("voc_batch_rows_sum", 2_000),
        ("voc_pipeline_ready", 1),
    ];
    // The counters follow the checkpoint, which follows the rows.
    voc_tests::harness::eventually("all is counted", || {
        (connector.metric("voc_batch_rows_sum") == Some(2_000.0)).then_some(())
    });
    for (name, value) in expected {
        assert_eq!(connector.metric(name), Some(value as f64), "{name}");
    }
    for (code, count) in &oracle.rejections {
        let name = format!("voc_events_rejected_total{{code=\"{code}\"}}");
        assert_eq!(connector.metric(&name), Some(*count as f64), "{name}");
    }
    assert!(connector.metric("voc_batch_process_seconds_count") >= Some(1.0));
    assert!(connector.metric("voc_batch_process_seconds_sum") > Some(0.0));
    connector.drain();
}

#[test]
fn a_table_without_a_window_is_refused_at_start() {
    let stage = Stage::new("window");
    input::write(&stage.file, [call("acme", 1)]);
    stage.run_once();
    for table in ["voc_events", "voc_dead_letters", "voc_origins"] {
        let set = |window| {
            let set = format!("MODIFY SETTING non_replicated_deduplication_window = {window}");
            stage.database.run(&format!("ALTER TABLE {table} {set}"));
        };
        set(0);
        let log = stage.connector(&["--once"]).fails();
        assert!(log.contains(table) && log.contains("non_replicated_deduplication_window"), "{log}");
        set(10_000);
    }
    stage.run_once();
}

#[test]
fn a_port_that_is_taken_is_named_with_its_setting() {
    let clickhouse = ClickHouse::shared();
    let mut stage = Stage::new("taken");
    input::write(&stage.file, [call("acme", 1)]);
    stage.config["monitoring"]["port"] = clickhouse.port().into();
    let log = stage.connector(&["--once"]).fails();
    assert!(log.contains(&clickhouse.port().to_string()) && log.contains("monitoring.port"), "{log}");
}
