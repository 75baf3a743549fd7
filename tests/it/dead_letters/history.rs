//! What is known of a letter: its bytes, its history, its end; and what a command says where it fails.

use serde_json::json;
use voc_tests::harness::input;
use voc_tests::harness::stage::STREAM;
use voc_tests::harness::variable;

use super::rig::{
    assert_audited, assert_ledger, assert_outcome, carried_out, dead_letters, rejected, show, states,
};

#[test]
fn letters_are_listed_counted_and_shown_with_their_original_bytes() {
    let stage = rejected("letters_shown");
    let count = dead_letters(&stage, &["count", "--json"]);
    assert_eq!(count.code, Some(0), "{}", count.stderr);
    assert_eq!(
        count.documents(),
        [
            json!({"code": "too_deep", "state": "open", "letters": 10}),
            json!({"code": "not_json", "state": "open", "letters": 1}),
            json!({"code": "not_utf8", "state": "open", "letters": 1}),
        ]
    );
    let list = |arguments: &[&str]| -> Vec<u64> {
        let done = dead_letters(&stage, &[&["list", "--json"], arguments].concat());
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        done.documents().iter().map(|letter| letter["origin_offset"].as_u64().unwrap()).collect()
    };
    assert_eq!(list(&[]), [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 12, 15]);
    assert_eq!(list(&["--tenant", "other"]), [1, 4, 7, 10]);
    assert_eq!(list(&["--tenant", "other", "--limit", "2"]), [1, 4]);
    assert_eq!(list(&["--tenant", ""]), [2, 5], "the tenant of what is no document is not known");
    assert_eq!(list(&["--code", "not_utf8"]), [5]);
    assert_eq!(list(&["--origin", &format!("{STREAM}#1/0/9")]), [9]);
    assert_eq!(list(&["--state", "replayed"]), [0; 0]);
    for (offset, line) in
        input::read(&stage.file).iter().enumerate().filter(|(offset, _)| [2, 5, 15].contains(offset))
    {
        let shown = dead_letters(&stage, &["show", "--origin", &format!("{STREAM}#1/0/{offset}")]);
        assert_eq!((shown.code, &shown.stdout), (Some(0), line), "{}", shown.stderr);
    }
    let missing = dead_letters(&stage, &["show", "--origin", &format!("{STREAM}#1/0/8")]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("there is no dead letter from"), "{}", missing.stderr);
}

#[test]
fn one_that_fails_again_keeps_its_history() {
    let mut stage = rejected("letters_failed_again");
    let origin = format!("{STREAM}#1/0/0");
    let select = ["replay", "--origin", &origin];
    // Another limit: the fault becomes another one.
    stage.config["transforms"][0]["with"]["max_bytes"] = "20".into();
    assert_outcome(&carried_out(&stage, &select, 1), 1, 0, 1);
    assert_outcome(&carried_out(&stage, &select, 1), 1, 0, 1);
    let failed = show(&stage, &origin);
    assert_eq!([&failed["letter"]["code"], &failed["letter"]["state"]], ["too_large", "failed_again"]);
    let sent = stage
        .database
        .run("SELECT original FROM voc_dead_letters WHERE origin_offset = 0 LIMIT 1 FORMAT TSVRaw");
    assert_eq!(failed["original"]["text"], sent);

    // A new version of the module: the same with a section that says nothing.
    stage.config["transforms"][0]["with"]["max_bytes"] = "2000".into();
    let mut module = std::fs::read(variable("VOC_SMARTMODULE")).unwrap();
    module.extend([0, 2, 1, b'x']);
    let newer = stage.folder().join("newer.wasm");
    std::fs::write(&newer, module).unwrap();
    let select = [&select[..], &["--smartmodule", newer.to_str().unwrap()]].concat();
    assert_outcome(&carried_out(&stage, &select, 0), 1, 1, 0);

    let passed = show(&stage, &origin);
    assert_eq!(passed["letter"]["state"], "replayed");
    let attempts = passed["attempts"].as_array().unwrap();
    let history: Vec<_> = attempts
        .iter()
        .map(|attempt| ["previous_code", "outcome", "code"].map(|key| attempt[key].as_str().unwrap()))
        .collect();
    assert_eq!(
        history,
        [
            ["too_deep", "failed_again", "too_large"],
            ["too_large", "failed_again", "too_large"],
            ["too_large", "passed", ""],
        ]
    );
    assert!(attempts[0]["previous_message"].as_str().unwrap().contains("nested deeper"), "{passed}");
    assert_eq!(attempts[0]["smartmodule"], attempts[1]["smartmodule"]);
    assert_ne!(attempts[1]["smartmodule"], attempts[2]["smartmodule"]);
    assert_eq!(attempts[2]["params"], r#"{"max_bytes":"2000","max_depth":"64"}"#);
    assert_ledger(&stage, 1);
}

#[test]
fn a_purged_letter_has_no_bytes_and_its_origin_stays() {
    let stage = rejected("letters_purged");
    carried_out(&stage, &["replay", "--code", "not_json"], 1);
    let nothing = dead_letters(&stage, &["purge"]);
    assert_eq!(nothing.code, Some(2), "a purge of nothing in particular: {}", nothing.stderr);
    assert_outcome(&carried_out(&stage, &["purge", "--code", "not_json"], 0), 1, 1, 0);
    assert_outcome(&carried_out(&stage, &["purge", "--tenant", "other"], 0), 4, 4, 0);
    // Not even in rows that a merge has not taken yet.
    let left = "SELECT sum(length(original) + length(message)) FROM voc_dead_letters
        WHERE code = 'not_json' OR tenant_id = 'other'";
    assert_eq!(stage.database.number(left), 0);
    assert_eq!(stage.database.number("SELECT sum(length(previous_message)) FROM voc_replays"), 0);
    assert_outcome(&carried_out(&stage, &["replay", "--tenant", "other"], 0), 0, 0, 0);
    assert_ledger(&stage, 0);
    assert_eq!(
        states(&stage),
        ["not_json\tpurged\t1", "not_utf8\topen\t1", "too_deep\topen\t6", "too_deep\tpurged\t4"]
    );
    assert_audited(&stage);
}

#[test]
fn an_error_has_its_own_exit_code_and_the_job_says_why() {
    let mut stage = rejected("letters_errors");
    stage.config["smartmodule"]["wasm"] = "nowhere.wasm".into();
    let done = dead_letters(&stage, &["replay", "--all"]);
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("cannot read the SmartModule nowhere.wasm"), "{}", done.stderr);
    // A module that is not ours.
    let echo = dead_letters(&stage, &["replay", "--all", "--smartmodule", &variable("VOC_ECHO")]);
    assert_eq!(echo.code, Some(2));
    assert!(echo.stderr.contains("not an envelope of this SmartModule"), "{}", echo.stderr);
    let jobs = stage.database.lines("SELECT state, message != '' FROM voc_replay_jobs FINAL");
    assert_eq!(jobs, ["failed\t1", "failed\t1"]);
    assert_ledger(&stage, 0);
    stage.config["clickhouse"]["port"] = 1.into();
    let unreachable = dead_letters(&stage, &["list"]);
    assert_eq!(unreachable.code, Some(2));
    assert!(unreachable.stderr.contains("clickhouse http://127.0.0.1:1"), "{}", unreachable.stderr);
}
