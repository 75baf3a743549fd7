//! What passes is stored once, whatever was in between.

use voc_tests::harness::input::{self, call};
use voc_tests::harness::proxy::Proxy;
use voc_tests::harness::stage::{STREAM, Stage};

use super::rig::{
    assert_audited, assert_ledger, assert_outcome, carried_out, dead_letters, deep, events, rejected, states,
};

#[test]
fn a_replayed_letter_is_stored_once_and_then_marked() {
    let stage = rejected("letters_replayed");
    let origin = format!("{STREAM}#1/0/9");
    assert_outcome(&carried_out(&stage, &["replay", "--origin", &origin], 0), 1, 1, 0);
    assert_eq!(events(&stage.database), ["acme\t9"]);
    assert_outcome(&carried_out(&stage, &["replay", "--tenant", "other"], 0), 4, 4, 0);
    assert_eq!(events(&stage.database), ["acme\t9", "other\t4"]);
    assert_outcome(&carried_out(&stage, &["replay", "--code", "too_deep"], 0), 5, 5, 0);
    assert_ledger(&stage, 10);
    // What cannot pass fails again, and what has passed is not tried again.
    let all = dead_letters(&stage, &["replay", "--all"]);
    assert_eq!(all.code, Some(1), "{}", all.stderr);
    assert!(all.stderr.ends_with("2/2 passed 0 failed again 2\n"), "{}", all.stderr);
    assert_ledger(&stage, 10);
    assert_eq!(events(&stage.database), ["acme\t14", "other\t4"]);
    assert_eq!(
        states(&stage),
        ["not_json\tfailed_again\t1", "not_utf8\tfailed_again\t1", "too_deep\treplayed\t10"]
    );
    // Every event is what was sent.
    let differing = "SELECT count() FROM voc_events AS event FINAL
        JOIN (SELECT * FROM voc_dead_letters FINAL) AS letter ON letter.origin_offset = event.origin_offset
        WHERE event.origin_stream LIKE 'replay:%' AND event.payload != letter.original";
    assert_eq!(stage.database.number(differing), 0);
    // The next start goes on as if nothing had been, and the audit agrees.
    stage.run_once();
    assert_ledger(&stage, 10);
    assert_audited(&stage);
}

/// What a crash can leave: each is done by hand, and the letters are tried once more.
#[test]
fn a_crash_between_storing_and_marking_stores_nothing_twice() {
    for (number, loss) in [
        "SELECT 1",
        "DELETE FROM voc_origins WHERE origin_stream LIKE 'replay:%'",
        "DELETE FROM voc_events WHERE origin_stream LIKE 'replay:%' AND origin_offset % 2 = 0",
    ]
    .into_iter()
    .enumerate()
    {
        let stage = rejected(&format!("letters_crashed_{number}"));
        carried_out(&stage, &["replay", "--code", "too_deep"], 0);
        let unmark = "ALTER TABLE voc_dead_letters UPDATE replay_state = 'open', replayed_at = NULL
            WHERE replay_state = 'replayed'";
        stage.database.run(unmark);
        stage.database.run(loss);
        assert_outcome(&carried_out(&stage, &["replay", "--code", "too_deep"], 0), 10, 10, 0);
        assert_ledger(&stage, 10);
        assert_eq!(events(&stage.database), ["acme\t14", "other\t4"], "{loss}");
        assert_eq!(states(&stage)[2], "too_deep\treplayed\t10");
        assert_audited(&stage);
    }
}

#[test]
fn a_lost_answer_stores_nothing_twice() {
    const INSERT_EVENTS: &str = "INSERT+INTO+%60voc_events%60";
    for (name, statement) in [
        ("letters_answer_lost", "SELECT 1"),
        (
            "letters_rows_lost",
            "DELETE FROM voc_events WHERE origin_stream LIKE 'replay:%' AND origin_offset % 2 = 0",
        ),
    ] {
        let mut stage = rejected(name);
        let database = stage.database.clone();
        let proxy = Proxy::swallow_first_answer(&stage.database, INSERT_EVENTS, move || {
            database.run(statement);
        });
        stage.config["clickhouse"]["port"] = proxy.port().into();
        assert_outcome(&carried_out(&stage, &["replay", "--code", "too_deep"], 0), 10, 10, 0);
        assert_eq!(proxy.swallowed(), 1, "the answer to the insert was to be lost");
        assert_ledger(&stage, 10);
        assert_eq!(events(&stage.database), ["acme\t14", "other\t4"], "{name}");
        assert_audited(&stage);
    }
}

#[test]
fn an_event_that_was_sent_twice_is_there_once_and_never_replaced() {
    let mut stage = Stage::new("letters_twins");
    // Two letters of one event; and one whose event came later, in a form that was taken.
    input::write(&stage.file, [deep("acme", 1), deep("acme", 1), deep("acme", 2)]);
    stage.config["transforms"][0]["with"]["max_depth"] = "3".into();
    stage.run_once();
    let time = stage
        .database
        .run("SELECT JSONExtractInt(original, 'timestamp') FROM voc_dead_letters WHERE origin_offset = 2");
    let later = call("acme", 2);
    let sent = later.find(r#""timestamp":"#).unwrap() + r#""timestamp":"#.len();
    let later = format!("{}{time}{}", &later[..sent], &later[sent + time.len()..]);
    input::append(&stage.file, [&later]);
    stage.run_once();
    stage.config["transforms"][0]["with"]["max_depth"] = "64".into();
    for _ in 0..2 {
        carried_out(&stage, &["replay", "--all"], 0);
        let ledger = "SELECT sum(rows) FROM voc_origins WHERE origin_stream LIKE 'replay:%'";
        assert_eq!(stage.database.number(ledger), 3);
        assert_eq!(events(&stage.database), ["acme\t2"]);
        let payload =
            "SELECT payload FROM voc_events FINAL WHERE event_id = '00000000-0000-4000-8000-000000000002'
            FORMAT TSVRaw";
        assert_eq!(stage.database.run(payload), later);
        // A row that its twin has replaced is no loss.
        stage.database.run("OPTIMIZE TABLE voc_events FINAL");
        stage.database.run("OPTIMIZE TABLE voc_dead_letters FINAL");
        assert_audited(&stage);
        stage.database.run("ALTER TABLE voc_dead_letters UPDATE replay_state = 'open' WHERE 1");
    }
}

#[test]
fn what_clickhouse_refused_passes_when_it_takes_it_and_its_neighbours_pass_before() {
    let stage = rejected("letters_refused");
    stage.database.run("ALTER TABLE voc_events ADD CONSTRAINT c CHECK tenant_id != 'other'");
    assert_outcome(&carried_out(&stage, &["replay", "--code", "too_deep"], 1), 10, 6, 4);
    assert_eq!(events(&stage.database), ["acme\t14"]);
    assert_eq!(states(&stage)[2..], ["refused\tfailed_again\t4", "too_deep\treplayed\t6"]);
    stage.database.run("ALTER TABLE voc_events DROP CONSTRAINT c");
    assert_outcome(&carried_out(&stage, &["replay", "--code", "refused"], 0), 4, 4, 0);
    assert_eq!(events(&stage.database), ["acme\t14", "other\t4"]);
    assert_ledger(&stage, 10);
}

#[test]
fn many_letters_are_replayed_page_by_page_with_progress() {
    let mut stage = Stage::new("letters_many");
    let mut lines: Vec<String> = (0..2_600).map(|number| deep("acme", number)).collect();
    // Larger than a page may be, all of them.
    for line in lines.iter_mut().take(12) {
        *line = line.replace("Good", &"G".repeat(1_000_000));
    }
    input::write(&stage.file, &lines);
    stage.config["transforms"][0]["with"]["max_depth"] = "3".into();
    stage.run_once();
    stage.config["transforms"][0]["with"]["max_depth"] = "64".into();
    let done = dead_letters(&stage, &["replay", "--all"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let progress: Vec<&str> = done.stderr.lines().collect();
    assert_eq!(progress.first(), Some(&"0/2600 passed 0 failed again 0"));
    assert_eq!(progress.last(), Some(&"2600/2600 passed 2600 failed again 0"));
    assert!(progress.len() >= 5, "{progress:?}");
    let ledger =
        "SELECT sum(rows), groupBitmapMerge(offsets) FROM voc_origins WHERE origin_stream LIKE 'replay:%'";
    assert_eq!(stage.database.run(ledger), "2600\t2600");
    assert_eq!(events(&stage.database), ["acme\t2600"]);
}

#[test]
fn two_that_replay_at_once_store_nothing_twice() {
    let mut stage = Stage::new("letters_two");
    input::write(&stage.file, (0..3_000).map(|number| deep("acme", number)));
    stage.config["transforms"][0]["with"]["max_depth"] = "3".into();
    stage.run_once();
    stage.config["transforms"][0]["with"]["max_depth"] = "64".into();
    let codes = std::thread::scope(|scope| {
        let one = scope.spawn(|| dead_letters(&stage, &["replay", "--all"]).code);
        let other = scope.spawn(|| dead_letters(&stage, &["replay", "--code", "too_deep"]).code);
        [one.join().unwrap(), other.join().unwrap()]
    });
    // Whoever came first may have been fenced off; the other one went on.
    assert!(codes.contains(&Some(0)), "{codes:?}");
    let ledger =
        "SELECT sum(rows), groupBitmapMerge(offsets) FROM voc_origins WHERE origin_stream LIKE 'replay:%'";
    assert_eq!(stage.database.run(ledger), "3000\t3000");
    assert_eq!(stage.database.number("SELECT count() FROM voc_events"), 3_000);
    assert_eq!(states(&stage), ["too_deep\treplayed\t3000"]);
}
