//! `voc-connector check`: one line for each thing that the configuration names, and an exit code.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use voc_connector_core::config::environment::VARIABLES;
use voc_tests::harness::binary;
use voc_tests::harness::clickhouse::ClickHouse;
use voc_tests::harness::input::{self, call};
use voc_tests::harness::stage::Stage;

/// What a check printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Checked {
    code: Option<i32>,
    lines: Vec<String>,
}

impl Checked {
    /// The check of a configuration, from the folder's own secrets if there are any.
    pub(crate) fn run(folder: &Path, config: &Value) -> Self {
        let path = folder.join("Checked.yaml");
        std::fs::write(&path, format!("{config:#}")).unwrap();
        let mut command = Command::new(binary("voc-connector"));
        command.args(["check", "--config"]).arg(path);
        for (variable, _) in VARIABLES {
            command.env_remove(variable);
        }
        let output = command.env_remove("RUST_LOG").output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
        Self { code: output.status.code(), lines }
    }

    /// Everything is as it should be, and these words are among the lines.
    #[track_caller]
    pub(crate) fn succeeds(&self, words: &[&str]) {
        assert_eq!(self.code, Some(0), "{self:#?}");
        assert!(self.lines.iter().all(|line| line.starts_with("ok      ")), "{self:#?}");
        self.says(words);
    }

    /// These lines, and no others, tell of failures; each with its words.
    #[track_caller]
    pub(crate) fn fails(&self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{self:#?}");
        let failed = self.lines.iter().filter(|line| line.starts_with("FAILED  "));
        assert_eq!(failed.count(), words.len(), "{self:#?}");
        self.says(words);
    }

    /// These words are among the lines.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) {
        for words in words {
            assert!(self.mentions(words), "not said: {words}\n{self:#?}");
        }
    }

    /// Whether a line has these words.
    pub(crate) fn mentions(&self, words: &str) -> bool {
        self.lines.iter().any(|line| line.contains(words))
    }
}

#[test]
fn all_is_well_before_the_first_start_and_after_it_and_nothing_is_made() {
    let stage = Stage::new("checked");
    input::write(&stage.file, &[call("acme", 1)]);
    let before = Checked::run(stage.folder(), &stage.config);
    before.succeeds(&[
        "configuration: ",
        "events.ndjson: can be read, ",
        "starts in process with its params",
        "database checked is made at start",
        "monitoring 127.0.0.1:0: can be listened on",
    ]);
    let databases = ClickHouse::shared().database_later("default");
    let count = "SELECT count() FROM system.databases WHERE name = 'checked'";
    assert_eq!(databases.number(count), 0, "nothing is made");
    stage.run_once();
    let tables =
        stage.database.number("SELECT count() FROM system.tables WHERE database = currentDatabase()");
    let found = format!("database checked: {tables} tables");
    Checked::run(stage.folder(), &stage.config).succeeds(&[&found]);
    assert_eq!(stage.records(), 1);
}

#[test]
fn everything_that_fails_is_named_and_the_rest_is_looked_at() {
    let mut stage = Stage::new("check_failed");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    // Nothing speaks HTTP, Kafka or Fluvio on port 1.
    stage.config["clickhouse"]["port"] = 1.into();
    stage.config["smartmodule"]["wasm"] = "no-such.wasm".into();
    stage.config["monitoring"]["port"] = port.into();
    Checked::run(stage.folder(), &stage.config).fails(&[
        "events.ndjson: No such file",
        "cannot read the SmartModule no-such.wasm",
        "clickhouse http://127.0.0.1:1: it did not tell its version: ",
        &format!("monitoring 127.0.0.1:{port}: Address already in use"),
    ]);

    stage.config["source"] = json!({ "kind": "none" });
    stage.config["fluvio"] = json!({ "endpoint": "127.0.0.1:1" });
    stage.config["mirror"] = json!({
        "kafka": { "bootstrap": "127.0.0.1:1" },
        "set_aside": stage.folder().join("no/folder/aside.ndjson"),
    });
    stage.config["monitoring"]["port"] = 0.into();
    let mirror = Checked::run(stage.folder(), &stage.config);
    mirror.fails(&[
        "mirror kafka 127.0.0.1:1: ",
        "fluvio 127.0.0.1:1: it did not list its topics: ",
        "aside.ndjson: No such file or directory",
    ]);
    mirror.says(&["Connection refused"]);
    // A mirror alone stores nothing: ClickHouse and the SmartModule's file are not asked for.
    assert!(!mirror.mentions("clickhouse") && !mirror.mentions("wasm"));
}

#[test]
fn what_clickhouse_refuses_is_named() {
    let mut stage = Stage::new("check_refused");
    input::write(&stage.file, &[call("acme", 1)]);
    stage.run_once();
    stage.database.run("ALTER TABLE voc_events MODIFY SETTING non_replicated_deduplication_window = 0");
    Checked::run(stage.folder(), &stage.config).fails(&["table voc_events has no deduplication window"]);
    stage.config["clickhouse"]["user"] = "nobody".into();
    Checked::run(stage.folder(), &stage.config).fails(&["it did not tell its version: "]);
}

#[test]
fn a_configuration_that_does_not_load_is_the_only_finding() {
    let mut stage = Stage::new("check_unloaded");
    stage.config["batch"]["max_row"] = 5.into();
    let checked = Checked::run(stage.folder(), &stage.config);
    checked.fails(&["configuration: "]);
    checked.says(&["batch.max_row: unknown key"]);
    assert_eq!(checked.lines.len(), 1);
}
