//! `voc-connector audit`, `repair` and `erase`: what a hand did to the tables is found, told apart, and undone
//! where it was no erasure.

use std::time::Duration;

use serde_json::{Value, json};
use voc_tests::chaos::proxy::{Proxy, Table, Trap};
use voc_tests::harness::clickhouse::ClickHouse;
use voc_tests::harness::connector::{command, operate};
use voc_tests::harness::input::{self, seed};
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::process::Process;
use voc_tests::harness::stage::Stage;
use voc_tests::harness::{eventually, http};

/// Everything is accounted for; gives what was said.
#[track_caller]
pub(crate) fn assert_clean(stage: &Stage) -> String {
    let (code, said) = operate(stage, &["audit"]);
    assert_eq!(code, Some(0), "{said}");
    said
}

/// Something is wrong: these words are said.
#[track_caller]
pub(crate) fn assert_found(stage: &Stage, words: &[&str]) {
    let (code, said) = operate(stage, &["audit"]);
    assert_eq!(code, Some(3), "{said}");
    for words in words {
        assert!(said.contains(words), "not said: {words}\n{said}");
    }
}

/// Everything that was missing or doubled is put right, with so many rows at least: where a row was the last of an
/// event that was sent twice, the other has gone before it, and comes back too.
#[track_caller]
pub(crate) fn assert_repaired(stage: &Stage, rows: u64) {
    let (code, said) = operate(stage, &["repair"]);
    assert_eq!(code, Some(0), "{said}");
    let stored = said.lines().find_map(|line| line.strip_prefix("stored again: ")?.parse::<u64>().ok());
    assert!(stored.is_some_and(|stored| stored >= rows && (stored == 0 || rows > 0)), "{said}");
    assert_clean(stage);
}

/// A stage on which 3,000 generated lines are stored, some of them sent twice.
fn stored(name: &str) -> (Stage, Oracle) {
    let mut stage = Stage::new(name);
    stage.config["batch"]["max_rows"] = 700.into();
    let mut options = input::options(3_000, seed());
    options.resent_share = 0.05;
    let lines = input::lines(options);
    input::write(&stage.file, &lines);
    stage.run_once();
    (stage, Oracle::of(&lines))
}

/// The offsets of some events that were sent once, and have a row.
fn some_events(stage: &Stage, count: usize) -> Vec<u64> {
    let query = format!(
        "SELECT any(origin_offset) AS origin FROM voc_events GROUP BY tenant_id, ts, event_id
         HAVING count() = 1 ORDER BY cityHash64(origin) LIMIT {count}"
    );
    stage.database.lines(&query).iter().map(|line| line.parse().unwrap()).collect()
}

fn list(offsets: &[u64]) -> String {
    offsets.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

#[test]
fn an_event_that_was_replaced_is_told_from_one_that_is_gone() {
    let (stage, oracle) = stored("audit_replaced");
    stage.database.run("OPTIMIZE TABLE voc_events FINAL");
    let replaced = 3_000
        - stage.database.number("SELECT count() FROM voc_events")
        - stage.database.number("SELECT count() FROM voc_dead_letters");
    assert!(replaced > 0, "nothing was sent twice");
    // It is known which events they were: the stream may be gone, or another one by now.
    std::fs::rename(&stage.file, stage.folder().join("gone")).unwrap();
    let said = assert_clean(&stage);
    assert!(said.contains(&format!(" {replaced} replaced, 0 erased, 0 missing")), "{said}");
    let again = assert_clean(&stage);
    assert!(again.contains(&format!(" {replaced} replaced")), "{again}");
    stage.assert_stored(&oracle);
}

#[test]
fn of_offsets_whose_events_were_not_noted_the_stream_is_asked_once() {
    let (stage, _) = stored("audit_older");
    // As it is where rows were written before the events of offsets were noted.
    stage.database.run("TRUNCATE TABLE voc_identities");
    stage.database.run("OPTIMIZE TABLE voc_events FINAL");
    assert_clean(&stage);
    std::fs::rename(&stage.file, stage.folder().join("gone")).unwrap();
    assert_clean(&stage);
}

#[test]
fn rows_that_a_hand_removed_are_named_and_stored_again() {
    let (stage, oracle) = stored("audit_removed");
    assert_clean(&stage);
    let removed = some_events(&stage, 5);
    let letter = stage.database.number("SELECT min(origin_offset) FROM voc_dead_letters");
    stage.database.run(&format!("ALTER TABLE voc_events DELETE WHERE origin_offset IN ({})", list(&removed)));
    stage.database.run(&format!("ALTER TABLE voc_dead_letters DELETE WHERE origin_offset = {letter}"));
    assert_found(
        &stage,
        &["6 missing, 0 doubled", &format!("missing: {}", removed[0]), &format!("missing: {letter}")],
    );
    assert_repaired(&stage, 6);
    stage.assert_stored(&oracle);
    // Once more, with the ledger's memory of them gone too.
    stage.database.run(&format!("ALTER TABLE voc_events DELETE WHERE origin_offset IN ({})", list(&removed)));
    stage.database.run("ALTER TABLE voc_origins DELETE WHERE rows < 10");
    assert_found(&stage, &[&format!("missing: {}", removed[0])]);
    assert_repaired(&stage, 5);
    stage.assert_stored(&oracle);
}

#[test]
fn a_repair_whose_answer_is_lost_stores_and_counts_once() {
    let (mut stage, oracle) = stored("audit_lost_answer");
    let removed = some_events(&stage, 5);
    stage.database.run(&format!("ALTER TABLE voc_events DELETE WHERE origin_offset IN ({})", list(&removed)));
    let proxy = Proxy::start(ClickHouse::shared().port());
    stage.config["clickhouse"]["port"] = proxy.port().into();
    proxy.lay(Table::Events, Trap::LoseAnswer);
    assert_repaired(&stage, 5);
    assert!(proxy.caught(Duration::ZERO), "no insert of the repair met the trap");
    stage.assert_stored(&oracle);
}

#[test]
fn rows_that_a_hand_copied_are_named_and_put_right() {
    let (stage, oracle) = stored("audit_copied");
    let copied = some_events(&stage, 3);
    let copy =
        format!("INSERT INTO voc_events SELECT * FROM voc_events WHERE origin_offset IN ({})", list(&copied));
    stage.database.run(&copy);
    assert_found(&stage, &["0 missing, 3 doubled", &format!("doubled: {}", copied[0])]);
    // A merge takes the copy, and the ledger remembers it.
    stage.database.run("OPTIMIZE TABLE voc_events FINAL");
    assert_found(&stage, &["0 missing, 3 doubled"]);
    assert_repaired(&stage, 0);
    stage.assert_stored(&oracle);
}

#[test]
fn the_api_and_the_metrics_say_what_the_last_audit_found() {
    let (mut stage, _) = stored("audit_api");
    let mut command = command("voc-api", stage.folder(), &stage.config);
    let mut process = Process::start("api", &mut command, stage.folder());
    let port: u16 = process.said("listening address=").rsplit(':').next().unwrap().parse().unwrap();
    let audit = || -> Value { serde_json::from_str(&http::get(port, "/v1/audit").unwrap().body).unwrap() };
    assert_eq!(audit(), json!({ "audit_id": null, "audited_at": null, "clean": true, "partitions": [] }));
    let removed = some_events(&stage, 1)[0];
    stage.database.run(&format!("ALTER TABLE voc_events DELETE WHERE origin_offset = {removed}"));
    stage.config["audit"] = json!({ "interval": "100ms" });
    let mut connector = stage.connector(&[]);
    let found = eventually("the connector has audited", || {
        Some(audit()).filter(|found| found["audit_id"].is_string())
    });
    assert_eq!(
        (&found["clean"], &found["partitions"][0]["stream"]),
        (&json!(false), &json!("events.ndjson#1"))
    );
    assert_eq!(found["partitions"][0]["findings"][0]["kind"], "missing");
    let missing = "voc_audit_offsets{partition=\"0\",state=\"missing\",stream=\"events.ndjson#1\"}";
    eventually("the metric says so", || connector.metric(missing).filter(|missing| *missing >= 1.0));
    assert_repaired(&stage, 1);
    eventually("the metric says that it is repaired", || {
        connector.metric(missing).filter(|missing| *missing == 0.0)
    });
    connector.drain();
}

#[test]
fn a_ledger_that_a_hand_cut_is_named_and_put_right() {
    let (stage, oracle) = stored("audit_ledger");
    stage.database.run("ALTER TABLE voc_origins DELETE WHERE first_offset < 1000");
    assert_found(&stage, &["3000 expected", "0 missing, 0 doubled", "not in the ledger: "]);
    assert_repaired(&stage, 0);
    stage.assert_stored(&oracle);
}

#[test]
fn what_was_erased_is_no_loss_and_does_not_come_back() {
    let (stage, _) = stored("audit_erased");
    let tenant = stage
        .database
        .run("SELECT tenant_id FROM voc_events GROUP BY tenant_id ORDER BY count() DESC LIMIT 1");
    let of_tenant = |table: &str| {
        stage.database.number(&format!("SELECT count() FROM {table} WHERE tenant_id = '{tenant}'"))
    };
    let rows = of_tenant("voc_events") + of_tenant("voc_dead_letters");
    let (code, said) =
        operate(&stage, &["erase", "--tenant", &tenant, "--reason", "asked for by the customer"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("erased: ") && rows > 0, "{said}");
    let is_gone =
        || assert_eq!(of_tenant("voc_events") + of_tenant("voc_dead_letters"), 0, "erased rows are back");
    is_gone();
    let said = assert_clean(&stage);
    assert!(!said.contains(" 0 erased"), "{said}");
    assert_repaired(&stage, 0);
    is_gone();
    // Neither by a connector whose checkpoint was lost.
    stage.database.run("TRUNCATE TABLE voc_checkpoints");
    stage.run_once();
    is_gone();
    assert_clean(&stage);
}

#[test]
fn an_erased_event_that_had_replaced_another_does_not_come_back_as_that() {
    let stage = Stage::new("audit_erased_twice");
    let event = input::call("acme", 1);
    input::write(&stage.file, &[event.clone(), input::call("acme", 2), event, input::call("acme", 3)]);
    stage.run_once();
    stage.database.run("OPTIMIZE TABLE voc_events FINAL");
    let id = stage.database.run("SELECT event_id FROM voc_events WHERE origin_offset = 2");
    let (code, said) =
        operate(&stage, &["erase", "--tenant", "acme", "--event", &id, "--reason", "a request"]);
    assert_eq!((code, said.starts_with("erased: 1 rows")), (Some(0), true), "{said}");
    let said = assert_clean(&stage);
    assert!(said.contains("2 stored, 0 gaps, 0 replaced, 2 erased"), "{said}");
    assert_repaired(&stage, 0);
    assert_eq!(stage.database.number("SELECT count() FROM voc_events"), 2);
    // Nothing tells any more whose they were, and no stream has to.
    assert_eq!(stage.database.number("SELECT count() FROM voc_identities FINAL"), 2);
    std::fs::remove_file(&stage.file).unwrap();
    assert_clean(&stage);
}

#[test]
fn a_repair_beside_a_connector_that_writes_disturbs_nobody() {
    let (stage, _) = stored("audit_beside");
    let mut lines = input::read(&stage.file);
    let removed = some_events(&stage, 20);
    stage.database.run(&format!("ALTER TABLE voc_events DELETE WHERE origin_offset IN ({})", list(&removed)));
    let connector = stage.connector(&[]);
    let mut options = input::options(40_000, seed());
    options.too_large = 0;
    let more = input::lines(options);
    input::append(&stage.file, &more);
    lines.extend(more);
    assert_repaired(&stage, 20);
    stage.until_stored(lines.len() as u64);
    connector.drain();
    stage.assert_stored(&Oracle::of(&lines));
    assert_clean(&stage);
}
