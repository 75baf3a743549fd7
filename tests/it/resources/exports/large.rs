//! An export of many rows takes no memory of the API: what is not read yet waits in ClickHouse.

use std::time::Instant;

use voc_tests::harness::clickhouse::ClickHouse;
use voc_tests::harness::input;
use voc_tests::harness::stage::Stage;

use super::super::loaded::Api;
use super::download::{begin, drain};

/// How much the peak of the API's memory may rise, in MiB.
const ROOM: u64 = 32;
/// Rows where `VOC_EXPORT_ROWS` does not say so.
const ROWS: u64 = 400_000;

/// Makes the tables, as the connector does, and fills them with calls and actions from the 1st of August 2026 on.
pub(super) fn fill(stage: &Stage, rows: u64) {
    input::write(&stage.file, Vec::<Vec<u8>>::new());
    stage.run_once();
    stage.database.run(&format!(
        r#"INSERT INTO voc_events (event_id, tenant_id, ts, event_type, sentiment, payload, processed_at,
            origin_stream, origin_offset, version, writer_epoch)
        SELECT generateUUIDv4(), 'many', toDateTime64('2026-08-01', 6, 'UTC') + toIntervalMillisecond(number * 1000),
            ['call', 'agent_action'][number % 2 + 1], if(number % 2 = 0, sin(number), NULL),
            concat('{{"agent_id":"agent-', toString(number % 300), '","channel":"chat","transcript":"',
                repeat('as said ', number % 20 + 1), toString(cityHash64(number)), '"}}'),
            now64(3), 'many#1', number, 1, 1
        FROM numbers({rows})"#
    ));
    assert_eq!(stage.database.number("SELECT count() FROM voc_events WHERE tenant_id = 'many'"), rows);
}

pub(super) const QUESTION: &str = "events?from=2026-08-01&to=2026-12-31";

#[test]
fn an_export_of_many_rows_keeps_the_memory_flat() {
    let rows = std::env::var("VOC_EXPORT_ROWS").map_or(ROWS, |rows| rows.parse().unwrap());
    let stage = Stage::on(ClickHouse::shared(), "many");
    fill(&stage, rows);
    let api = Api::start(&stage);
    // What a first request of each format takes anyway.
    for format in ["csv", "ndjson", "parquet", "arrow"] {
        let mut begun =
            begin(api.port, "many", &format!("agents?from=2026-08-01&to=2026-08-02&format={format}"));
        drain(&mut begun.body).unwrap();
    }
    let before = api.process.peak_memory().unwrap();
    for format in ["ndjson", "csv", "parquet", "arrow"] {
        let asked = Instant::now();
        let mut begun = begin(api.port, "many", &format!("{QUESTION}&format={format}"));
        assert_eq!(begun.status, 200);
        let (bytes, lines) = drain(&mut begun.body).expect("a complete body");
        let after = api.process.peak_memory().unwrap();
        println!(
            "{format}: {rows} rows, {bytes} bytes in {:.1} s; peak memory of the API {before} MiB before, {after} MiB after",
            asked.elapsed().as_secs_f64()
        );
        match format {
            "ndjson" => assert_eq!(lines, rows),
            "csv" => assert_eq!(lines, rows + 1),
            _ => assert!(bytes > 1_000_000, "{bytes}"),
        }
        assert!(after < before + ROOM, "{format}: {before} MiB before, {after} MiB after {bytes} bytes");
    }
}
