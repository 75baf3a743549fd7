//! A stage with dead letters, and the command that deals with them.

use std::process::Command;

use serde_json::Value;
use voc_tests::harness::clickhouse::Database;
use voc_tests::harness::connector::command;
use voc_tests::harness::input::{self, call};
use voc_tests::harness::stage::{STREAM, Stage};

/// What a command did.
pub(crate) struct Done {
    pub(super) code: Option<i32>,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
}

impl Done {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The documents on standard output, one a line.
    pub(crate) fn documents(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// `voc-connector dead-letters`, on a stage's configuration.
pub(crate) fn dead_letters(stage: &Stage, arguments: &[&str]) -> Done {
    run(stage, &[&["dead-letters"], arguments].concat())
}

/// The audit finds everything in its place.
#[track_caller]
pub(crate) fn assert_audited(stage: &Stage) {
    let audit = run(stage, &["audit"]);
    assert_eq!(audit.code, Some(0), "{}{}", audit.text(), audit.stderr);
}

/// `voc-connector` with these words, on a stage's configuration.
fn run(stage: &Stage, words: &[&str]) -> Done {
    let template = command("voc-connector", stage.folder(), &stage.config);
    let mut command = Command::new(template.get_program());
    command.args(words).args(template.get_args()).env_remove("RUST_LOG");
    for (name, _) in template.get_envs().filter(|(_, value)| value.is_none()) {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Done { code: output.status.code(), stdout: output.stdout, stderr }
}

/// The report of a replay or purge that ends with this exit code.
#[track_caller]
pub(crate) fn carried_out(stage: &Stage, arguments: &[&str], code: i32) -> Value {
    let done = dead_letters(stage, &[arguments, &["--json"]].concat());
    assert_eq!(done.code, Some(code), "{arguments:?}: {}{}", done.text(), done.stderr);
    done.documents().pop().unwrap()
}

#[track_caller]
pub(crate) fn assert_outcome(job: &Value, total: u64, passed: u64, failed_again: u64) {
    let found = [&job["total"], &job["done"], &job["passed"], &job["failed_again"]].map(Value::as_u64);
    assert_eq!(found, [total, total, passed, failed_again].map(Some), "{job}");
    assert_eq!(job["state"], "done", "{job}");
}

/// A call with three levels of nesting more than usual, which a smaller `max_depth` rejects.
pub(crate) fn deep(tenant: &str, number: u32) -> String {
    call(tenant, number).replace(r#""event_type""#, r#""metadata":{"a":{"b":[1]}},"event_type""#)
}

/// Eight good calls; of two tenants six and four that are too deep; two that no module takes.
pub(crate) fn lines() -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for number in 0..20_u32 {
        lines.push(match number {
            0 | 3 | 6 | 9 | 12 | 15 => deep("acme", number).into_bytes(),
            1 | 4 | 7 | 10 => deep("other", number).into_bytes(),
            2 => b"{\"tenant_id\":\"acme\",".to_vec(),
            5 => b"\xff\x00 no text\t".to_vec(),
            _ => call("acme", number).into_bytes(),
        });
    }
    lines
}

/// A stage whose connector has rejected what is deep, and which would take it now.
pub(crate) fn rejected(name: &str) -> Stage {
    let mut stage = Stage::new(name);
    input::write(&stage.file, lines());
    stage.config["transforms"][0]["with"]["max_depth"] = "3".into();
    stage.run_once();
    assert_eq!(stage.database.number("SELECT count() FROM voc_dead_letters"), 12);
    stage.config["transforms"][0]["with"]["max_depth"] = "64".into();
    stage
}

/// How many events there are, by tenant, with FINAL.
pub(crate) fn events(database: &Database) -> Vec<String> {
    database.lines("SELECT tenant_id, count() FROM voc_events FINAL GROUP BY tenant_id ORDER BY tenant_id")
}

/// Every origin is in the ledger once: so many of the stream, so many of its replay.
#[track_caller]
pub(crate) fn assert_ledger(stage: &Stage, replayed: u64) {
    for (stream, origins) in [(format!("{STREAM}#1"), 20), (format!("replay:{STREAM}#1"), replayed)] {
        let ledger = stage.database.run(&format!(
            "SELECT sum(rows), groupBitmapMerge(offsets) FROM voc_origins WHERE origin_stream = '{stream}'"
        ));
        assert_eq!(ledger, format!("{origins}\t{origins}"), "the ledger of {stream}");
    }
    let twice = "SELECT count() FROM (SELECT origin_stream, origin_offset, count() AS rows FROM voc_events
        GROUP BY ALL HAVING rows > 1)";
    assert_eq!(stage.database.number(twice), 0, "an origin has two rows");
}

pub(crate) fn states(stage: &Stage) -> Vec<String> {
    stage.database.lines(
        "SELECT code, replay_state, count() FROM voc_dead_letters FINAL GROUP BY ALL ORDER BY code, replay_state",
    )
}

/// The whole of a letter, as a document.
pub(crate) fn show(stage: &Stage, origin: &str) -> Value {
    dead_letters(stage, &["show", "--json", "--origin", origin]).documents().pop().unwrap()
}
