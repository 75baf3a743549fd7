//! Started and ended as Fluvio's own tools do it with a connector: `cdk deploy start` runs
//! `--config PATH --secrets PATH` with `RUST_LOG` set, nothing on standard input and all output in one
//! file; `cdk deploy shutdown` sends SIGTERM.

use std::path::PathBuf;

use serde_json::json;
use voc_tests::harness::input::{self, call};
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::stage::Stage;

/// A stage whose configuration has Fluvio's own forms, and leaves the database to a secret.
fn deployed(database: &str) -> (Stage, PathBuf) {
    let mut stage = Stage::new(database);
    stage.config["meta"]["topic"] = json!({ "meta": { "name": "voc-events" } });
    stage.config["meta"]["secrets"] = json!([{ "name": "DATABASE" }]);
    stage.config["meta"]["consumer"] = json!({ "id": "voc", "offset": { "strategy": "manual" } });
    stage.config["clickhouse"]["database"] = "${{ secrets.DATABASE }}".into();
    let secrets = stage.folder().join("secrets.txt");
    std::fs::write(&secrets, format!("# for the sink\nDATABASE={database}\n")).unwrap();
    (stage, secrets)
}

#[test]
fn a_connector_starts_and_ends_as_cdk_deploys_it() {
    let (stage, secrets) = deployed("deployed");
    let lines: Vec<_> = (0..100).map(|number| call("acme", number)).collect();
    input::write(&stage.file, &lines);
    let mut connector = stage.connector(&["--secrets", secrets.to_str().unwrap()]);
    connector.until_ready_is(200);
    stage.until_stored(100);
    // With exit code 0, or this fails.
    connector.drain();
    stage.assert_stored(&Oracle::of(&lines));

    // What it has to say is in the file, from the first line to the last, for people and without colours.
    let log = std::fs::read_to_string(stage.folder().join("connector.log")).unwrap();
    let said = |words: &str| log.find(words).unwrap_or_else(|| panic!("not in the log: {words}\n{log}"));
    assert!(said("monitoring listens") < said("stopping: what was read is stored first"), "{log}");
    assert!(said("stopping: what was read is stored first") < said("everything that was read is stored"));
    assert!(!log.contains('\u{1b}'), "{log}");
}

#[test]
fn a_secret_that_is_not_handed_over_is_named_in_the_log() {
    let (stage, _) = deployed("not_handed_over");
    let log = stage.connector(&[]).fails();
    assert!(log.contains("clickhouse.database: secret DATABASE is neither in the secrets file"), "{log}");
    assert!(log.contains("Connector.yaml:"), "{log}");
}
