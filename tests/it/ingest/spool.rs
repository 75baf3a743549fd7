//! The file between the API and the connector: it has one writer, is only appended to, and does not grow for ever.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use voc_tests::harness::connector::command;
use voc_tests::harness::eventually;
use voc_tests::harness::input::{self, call};
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::process::Process;
use voc_tests::harness::stage::STREAM;
use voc_tests::harness::stored::assert_partitions_stored;

use super::rig::{Api, JSON, NDJSON, stage};

fn calls(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| call("acme", number)).collect()
}

/// As a crash in the middle of a write leaves it.
fn tear(spool: &Path, number: u32) {
    let line = call("acme", number);
    File::options().append(true).open(spool).unwrap().write_all(&line.as_bytes()[..70]).unwrap();
}

#[test]
fn a_line_that_a_crash_cut_off_is_ended_and_costs_no_other() {
    let stage = stage("ingest_torn");
    let mut api = Api::start(&stage);
    api.accepts("acme", &calls(0..10));
    api.process.kill();
    tear(&stage.file, 10);
    // Reads the half line as it stands: what the API does to it must not take that back.
    stage.run_once();
    assert_eq!(stage.records(), 11);
    let mut api = Api::start(&stage);
    assert!(api.process.log().contains("was cut off, and is ended"), "{}", api.process.log());
    api.accepts("acme", &calls(10..15));
    // And once more, while the connector follows.
    let connector = stage.connector(&[]);
    stage.until_stored(16);
    api.process.kill();
    tear(&stage.file, 15);
    let api = Api::start(&stage);
    api.accepts("acme", &calls(15..20));
    stage.until_stored(22);
    connector.drain();
    let lines = input::read(&stage.file);
    let oracle = Oracle::of(&lines);
    assert_eq!((lines.len(), oracle.events.len(), oracle.rejections["not_json"]), (22, 20, 2));
    // All in the first generation: to the connector it always was the same file.
    stage.assert_stored(&oracle);
}

#[test]
fn a_spool_has_one_writer_and_what_cannot_be_one_is_named() {
    let mut stage = stage("ingest_locked");
    let api = Api::start(&stage);
    let fails = |config: &serde_json::Value| {
        let folder = tempfile::tempdir().unwrap();
        let mut second = Process::start("api", &mut command("voc-api", folder.path(), config), folder.path());
        assert_eq!(second.wait().code(), Some(1), "{}", second.log());
        second.log()
    };
    let log = fails(&stage.config);
    assert!(
        log.contains("another process writes it") && log.contains(&stage.file.display().to_string()),
        "{log}"
    );
    api.accepts("acme", &calls(0..1));
    for path in [stage.folder().to_owned(), stage.folder().join("nowhere/spool")] {
        stage.config["api"]["ingest"]["spool"] = path.display().to_string().into();
        let log = fails(&stage.config);
        assert!(log.contains("api.ingest.spool") && log.contains(&path.display().to_string()), "{log}");
    }
}

#[test]
fn a_spool_that_was_moved_away_takes_nothing_more() {
    let stage = stage("ingest_moved");
    let mut api = Api::start(&stage);
    api.accepts("acme", &calls(0..1));
    fs::rename(&stage.file, stage.folder().join("moved")).unwrap();
    let refused = api.refuses("acme", JSON, call("acme", 1), 503, "spool_failed");
    assert!(refused.retry_after.is_some(), "{refused:?}");
    api.process.kill();
    let api = Api::start(&stage);
    api.accepts("acme", &calls(1..2));
    assert_eq!(input::read(&stage.file).len(), 1);
}

#[test]
fn a_full_spool_is_a_503_until_there_is_room_again() {
    let mut stage = stage("ingest_full");
    stage.config["api"]["ingest"]["spool_bytes"] = 1_000_000.into();
    let mut api = Api::start(&stage);
    let connector = stage.connector(&[]);
    let large = |number| call("acme", number).replace("Good", &"Good ".repeat(60_000));
    for number in 0..3 {
        api.accepts("acme", &[large(number)]);
    }
    let refused = api.refuses("acme", NDJSON, large(3), 503, "spool_full");
    assert_eq!(refused.retry_after.as_deref(), Some("60"));
    // What is smaller still fits.
    api.accepts("acme", &calls(4..5));
    assert!(fs::metadata(&stage.file).unwrap().len() <= 1_000_000);

    // How the README says that room is made: the API stands still, all is stored, the file is cut.
    api.process.terminate();
    assert_eq!(api.process.wait().code(), Some(0));
    stage.until_stored(4);
    let first = Oracle::of(input::read(&stage.file));
    File::create(&stage.file).unwrap();
    eventually("the connector has seen it", || {
        (stage.database.number("SELECT count() FROM voc_generations") >= 2).then_some(())
    });
    let api = Api::start(&stage);
    api.accepts("acme", &[large(3)]);
    stage.until_stored(5);
    connector.drain();
    let second = Oracle::of(input::read(&stage.file));
    let (one, two) = (format!("{STREAM}#1"), format!("{STREAM}#2"));
    assert_partitions_stored(&stage.database, &[(&one, 0, &first), (&two, 0, &second)]);
}
