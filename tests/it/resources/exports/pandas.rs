//! What pandas makes of an export, which nobody here wrote.

use std::process::Command;

use serde_json::Value;
use voc_tests::harness::variable;

use super::super::loaded::Loaded;
use super::download::download;
use super::{COLUMNS, QUESTIONS, Row, assert_rows};

/// The rows of a file as `exports.py` reads them; it also holds them to types.
fn read(bytes: &[u8], format: &str, what: &str) -> Vec<Row> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/it/resources/exports/exports.py");
    let output = Command::new(variable("VOC_PYTHON")).args([script, format]).arg(file.path()).output();
    let output = output.expect("VOC_PYTHON names a Python interpreter");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what} as {format}: {out}{err}");
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn pandas_reads_the_numbers_of_the_json_in_every_format() {
    let loaded = Loaded::get();
    for (number, (question, flat)) in QUESTIONS.iter().enumerate() {
        let tenant = &loaded.tenants[number % loaded.tenants.len()];
        let question = format!("{question}{}", loaded.range());
        let expected = flat(&loaded.api.get(tenant, &question));
        for format in ["csv", "ndjson", "parquet", "arrow"] {
            let found = download(loaded.api.port, tenant, &format!("{question}&format={format}"), "");
            assert_rows(&read(&found.bytes, format, &question), &expected, &question);
        }
    }
}

#[test]
fn pandas_reads_the_same_events_in_every_format() {
    let loaded = Loaded::get();
    let tenant = &loaded.tenants[0];
    let question = format!("events?{}", loaded.range());
    let mut expected: Option<Vec<Row>> = None;
    for format in ["ndjson", "csv", "parquet", "arrow"] {
        let found = download(loaded.api.port, tenant, &format!("{question}&format={format}"), "");
        let found = read(&found.bytes, format, &question);
        assert_eq!(found.len(), loaded.of(tenant, loaded.from, loaded.to).len());
        match &expected {
            Some(expected) => assert_rows(&found, expected, &question),
            None => expected = Some(found),
        }
    }
}

#[test]
fn pandas_opens_what_has_no_rows() {
    let loaded = Loaded::get();
    for (resource, columns) in COLUMNS {
        let by = if resource == "breakdown" { "by=agent&" } else { "" };
        for format in ["csv", "parquet", "arrow"] {
            let question = format!("{resource}?{by}format={format}");
            let found = download(loaded.api.port, "nobody", &question, "");
            let rows = read(&found.bytes, format, &question);
            // A summary, a series and a distribution of nothing have rows of nothing.
            let is_list = !["summary", "timeseries", "distribution"].contains(&resource);
            assert_eq!(rows.is_empty(), is_list, "{question}");
            for row in rows {
                assert!(row.keys().all(|name| columns.split(',').any(|known| known == name)), "{question}");
                assert_eq!(
                    row.get("events").and_then(Value::as_f64).unwrap_or(0.0),
                    0.0,
                    "{question}: {row:?}"
                );
            }
        }
    }
}
