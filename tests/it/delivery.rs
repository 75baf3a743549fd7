//! Exactly once where a crash, or a hand, left checkpoint, ledger and rows apart.

use sha2::{Digest, Sha256};
use voc_tests::harness::input::{self, seed};
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::stage::Stage;

/// A stage with 3,000 generated lines, a share of them sent twice, stored in several batches.
fn stored(name: &str, resent_share: f64) -> (Stage, Vec<Vec<u8>>) {
    let mut stage = Stage::new(name);
    stage.config["batch"]["max_rows"] = 700.into();
    stage.config["batch"]["min_rows"] = 1.into();
    let mut options = input::options(3_000, seed());
    options.resent_share = resent_share;
    let lines = input::lines(options);
    input::write(&stage.file, &lines);
    stage.run_once();
    (stage, lines)
}

/// Runs again with other batches, and with more lines at the end.
fn assert_goes_on(mut stage: Stage, mut lines: Vec<Vec<u8>>) {
    stage.config["batch"]["max_rows"] = 1_100.into();
    let mut options = input::options(500, 7);
    options.too_large = 0;
    let more = input::lines(options);
    input::append(&stage.file, &more);
    lines.extend(more);
    stage.run_once();
    stage.assert_stored(&Oracle::of(&lines));
    stage.run_once();
    stage.assert_stored(&Oracle::of(&lines));
}

/// Puts the checkpoint back to an earlier place, in the middle of what one insert wrote.
fn rewind(stage: &Stage) -> usize {
    let next_offset = 1_234;
    // The bookmark of that place: what lies before it, by length and digest.
    let lines = input::read(&stage.file);
    let text = [lines[..next_offset].join(&b'\n'), b"\n".to_vec()].concat();
    let sha256: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    stage.database.run("TRUNCATE TABLE voc_checkpoints");
    stage.database.run(&format!(
        "INSERT INTO voc_checkpoints (origin_stream, origin_partition, next_offset, bookmark) VALUES \
         ('events.ndjson#1', 0, {next_offset}, '{{\"bytes\":{},\"sha256\":\"{sha256}\"}}')",
        text.len()
    ));
    next_offset
}

#[test]
fn a_lost_checkpoint_is_made_up_by_reconciliation() {
    let (stage, lines) = stored("lost_checkpoint", 0.0);
    stage.database.run("TRUNCATE TABLE voc_checkpoints");
    let log = stage.run_once();
    assert!(log.contains("stored_beyond=3000"), "{log}");
    stage.assert_stored(&Oracle::of(&lines));
    assert_goes_on(stage, lines);
}

#[test]
fn rows_behind_an_old_checkpoint_are_not_stored_again() {
    let (stage, lines) = stored("old_checkpoint", 0.0);
    let next_offset = rewind(&stage);
    let log = stage.run_once();
    assert!(log.contains(&format!("stored_beyond={}", 3_000 - next_offset)), "{log}");
    assert!(!log.contains("the ledger differs"), "{log}");
    stage.assert_stored(&Oracle::of(&lines));
    assert_goes_on(stage, lines);
}

#[test]
fn rows_without_a_ledger_are_entered_into_it() {
    let (stage, lines) = stored("ledger_short", 0.1);
    let next_offset = rewind(&stage);
    stage.database.run(&format!("DELETE FROM voc_origins WHERE first_offset >= {next_offset}"));
    let log = stage.run_once();
    assert!(log.contains("the ledger differs"), "{log}");
    stage.assert_stored(&Oracle::of(&lines));
    assert_goes_on(stage, lines);
}

#[test]
fn a_ledger_without_rows_does_not_count() {
    let (stage, lines) = stored("rows_short", 0.1);
    let next_offset = rewind(&stage);
    // As if the machine had lost what it had not written to disk yet: of the last batch but one, everything;
    // of others, the dead letters.
    for table in ["voc_events", "voc_dead_letters"] {
        stage.database.run(&format!("DELETE FROM {table} WHERE origin_offset BETWEEN 1900 AND 2300"));
    }
    stage.database.run(&format!("DELETE FROM voc_dead_letters WHERE origin_offset >= {next_offset}"));
    let log = stage.run_once();
    assert!(log.contains("the ledger differs"), "{log}");
    stage.assert_stored(&Oracle::of(&lines));
    assert_goes_on(stage, lines);
}

#[test]
fn an_event_that_was_sent_twice_is_stored_twice_and_counts_once() {
    let mut stage = Stage::new("sent_twice");
    stage.config["batch"]["max_rows"] = 3.into();
    stage.config["batch"]["min_rows"] = 1.into();
    let line = |number| input::call("acme", number);
    let (one, two) = (line(1), line(2));
    // Within one insert, and across inserts.
    let lines = [&one, &one, &two, &one, &two].map(String::as_str);
    input::write(&stage.file, lines);
    stage.run_once();
    stage.assert_stored(&Oracle::of(lines));
    stage.database.run("OPTIMIZE TABLE voc_events FINAL");
    stage.assert_stored(&Oracle::of(lines));
    assert_eq!(stage.database.number("SELECT count() FROM voc_events"), 2);
    // What the event table forgot, the ledger knows.
    stage.database.run("TRUNCATE TABLE voc_checkpoints");
    assert_goes_on(stage, lines.map(|line| line.as_bytes().to_vec()).to_vec());
}

#[test]
fn of_an_event_that_was_sent_again_with_other_content_the_last_stays_whatever_happens() {
    let stage = Stage::new("sent_again");
    let first = input::call("acme", 1);
    let last = first.replace("Good", "Bad, bad");
    let other = input::call("acme", 2);
    let lines = [&first, &last, &other].map(String::as_str);
    input::write(&stage.file, lines);
    for _ in 0..3 {
        stage.run_once();
        stage.assert_stored(&Oracle::of(lines));
        stage.database.run("TRUNCATE TABLE voc_checkpoints");
    }
}

#[test]
fn events_that_were_sent_twice_survive_repeated_crashes() {
    let (stage, lines) = stored("crashes", 0.3);
    let oracle = Oracle::of(&lines);
    for optimize in [false, true, true, false] {
        if optimize {
            stage.database.run("OPTIMIZE TABLE voc_events FINAL");
        }
        rewind(&stage);
        stage.run_once();
        stage.assert_stored(&oracle);
    }
    stage.database.run("TRUNCATE TABLE voc_checkpoints");
    assert_goes_on(stage, lines);
}
