//! A file that is followed: it grows, it is cut, it is another one.

use std::fs::File;
use std::io::Write;

use voc_tests::harness::eventually;
use voc_tests::harness::input::{self, call};
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::stage::{STREAM, Stage};
use voc_tests::harness::stored::assert_partitions_stored;

fn calls(tenant: &str, numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| call(tenant, number)).collect()
}

#[test]
fn appended_lines_arrive_and_an_unfinished_one_waits() {
    let stage = Stage::new("appended");
    let mut lines = calls("acme", 0..10);
    input::write(&stage.file, &lines);
    let mut connector = stage.connector(&[]);
    stage.until_stored(10);

    let unfinished = call("acme", 10);
    let (start, end) = unfinished.split_at(60);
    let mut file = File::options().append(true).open(&stage.file).unwrap();
    file.write_all(format!("{}\n{start}", call("acme", 9_000)).as_bytes()).unwrap();
    stage.until_stored(11);
    assert_eq!(connector.metric("voc_events_consumed_total"), Some(11.0), "the unfinished line was read");
    file.write_all(format!("{end}\n").as_bytes()).unwrap();
    stage.until_stored(12);
    // One more is unfinished when the connector ends: it is left for the next time.
    file.write_all(call("acme", 11).as_bytes()).unwrap();
    connector.drain();
    lines.extend([call("acme", 9_000), unfinished]);
    assert_eq!(stage.records(), 12);

    // Where reading ends at the end of the file, it is read as it stands.
    stage.run_once();
    let lines = input::read(&stage.file);
    assert_eq!(lines.len(), 13);
    stage.assert_stored(&Oracle::of(&lines));

    // And its line feed may come later, but nothing else.
    file.write_all(b"\n").unwrap();
    input::append(&stage.file, [call("acme", 12)]);
    stage.run_once();
    stage.assert_stored(&Oracle::of(input::read(&stage.file)));
}

#[test]
fn a_stop_stores_what_was_read() {
    let mut stage = Stage::new("drained");
    // Nothing would be written for ten minutes.
    stage.config["batch"]["max_age"] = "10m".into();
    stage.config["batch"]["min_rows"] = 1_000.into();
    let lines = calls("acme", 0..100);
    input::write(&stage.file, &lines);
    let mut connector = stage.connector(&[]);
    eventually("the lines are read", || {
        (connector.metric("voc_events_consumed_total") == Some(100.0)).then_some(())
    });
    assert_eq!(stage.records(), 0);
    connector.drain();
    stage.assert_stored(&Oracle::of(&lines));
}

#[test]
fn a_file_that_is_cut_while_it_is_followed_begins_a_new_generation() {
    let stage = Stage::new("cut");
    let first = calls("first", 0..50);
    input::write(&stage.file, &first);
    let connector = stage.connector(&[]);
    stage.until_stored(50);
    let second = calls("second", 0..20);
    input::write(&stage.file, &second);
    stage.until_stored(70);
    connector.drain();
    let oracles = [Oracle::of(&first), Oracle::of(&second)];
    let (one, two) = (format!("{STREAM}#1"), format!("{STREAM}#2"));
    assert_partitions_stored(&stage.database, &[(&one, 0, &oracles[0]), (&two, 0, &oracles[1])]);
}

#[test]
fn a_file_that_was_cut_meanwhile_begins_a_new_generation() {
    let stage = Stage::new("cut_meanwhile");
    let first = calls("first", 0..50);
    input::write(&stage.file, &first);
    stage.run_once();
    let second = calls("second", 0..20);
    input::write(&stage.file, &second);
    stage.run_once();
    stage.run_once();
    let oracles = [Oracle::of(&first), Oracle::of(&second)];
    let (one, two) = (format!("{STREAM}#1"), format!("{STREAM}#2"));
    assert_partitions_stored(&stage.database, &[(&one, 0, &oracles[0]), (&two, 0, &oracles[1])]);
}

#[test]
fn another_file_is_refused_until_a_new_generation_is_asked_for() {
    let stage = Stage::new("another");
    let first = calls("first", 0..30);
    input::write(&stage.file, &first);
    stage.run_once();
    let second = calls("second", 0..60);
    input::write(&stage.file, &second);
    let log = stage.connector(&["--once"]).fails();
    assert!(log.contains(&stage.file.display().to_string()), "{log}");
    assert!(log.contains(&format!("`{STREAM}`")) && log.contains("--new-generation"), "{log}");
    // Both are named by what they hold: the digests of what was stored and of what is there.
    let stored = stage.database.run("SELECT JSONExtractString(bookmark, 'sha256') FROM voc_checkpoints");
    assert!(log.contains(&stored) && log.contains("and have"), "{log}");
    assert_eq!(stage.records(), 30);

    stage.connector(&["--once", "--new-generation"]).succeeds();
    stage.run_once();
    let oracles = [Oracle::of(&first), Oracle::of(&second)];
    let (one, two) = (format!("{STREAM}#1"), format!("{STREAM}#2"));
    assert_partitions_stored(&stage.database, &[(&one, 0, &oracles[0]), (&two, 0, &oracles[1])]);
}

#[test]
fn a_file_that_is_replaced_while_it_is_followed_ends_the_connector() {
    let stage = Stage::new("replaced");
    input::write(&stage.file, calls("first", 0..10));
    let connector = stage.connector(&[]);
    stage.until_stored(10);
    let other = stage.folder().join("other");
    input::write(&other, calls("second", 0..20));
    std::fs::rename(&other, &stage.file).unwrap();
    let log = connector.fails();
    assert!(log.contains("has been replaced by another file"), "{log}");
    assert_eq!(stage.records(), 10);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let stage = Stage::new("missing");
    let log = stage.connector(&[]).fails();
    assert!(log.contains(&stage.file.display().to_string()), "{log}");
}
