//! What an end means: done, restart, or for good.

use std::os::unix::process::ExitStatusExt;

use super::*;

const FAILED: i32 = 1 << 8;
const KILLED: i32 = 9;

fn process(ends: bool, log: PathBuf) -> Process {
    let plan = Plan { name: "connector", program: "none".into(), args: Vec::new(), log, ends };
    Process { plan, state: State::Done, failures: 0, backoff: FIRST_BACKOFF }
}

fn is_waiting(process: &Process) -> bool {
    matches!(process.state, State::Waiting { .. })
}

#[test]
fn success_is_the_end_only_of_what_ends() {
    let end = |ends| {
        let mut process = process(ends, PathBuf::new());
        process.ended(ExitStatus::from_raw(0), Duration::ZERO).unwrap();
        process
    };
    assert!(end(true).is_done());
    assert!(is_waiting(&end(false)));
}

#[test]
fn failing_again_and_again_is_for_good_and_shows_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("connector.log");
    std::fs::write(&log, "begins\nerror: another file\n").unwrap();
    let mut process = process(true, log);
    for _ in 1..FAILURES {
        process.ended(ExitStatus::from_raw(FAILED), Duration::ZERO).unwrap();
        assert!(is_waiting(&process));
    }
    let error = process.ended(ExitStatus::from_raw(FAILED), Duration::ZERO).unwrap_err();
    assert!(format!("{error:#}").contains("error: another file"), "{error:#}");
}

#[test]
fn being_killed_is_never_for_good_and_settling_forgives() {
    let mut process = process(true, PathBuf::new());
    for _ in 0..3 * FAILURES {
        process.ended(ExitStatus::from_raw(KILLED), Duration::ZERO).unwrap();
    }
    for _ in 0..3 * FAILURES {
        process.ended(ExitStatus::from_raw(FAILED), SETTLED).unwrap();
        assert!(is_waiting(&process));
    }
    assert_eq!(process.backoff, FIRST_BACKOFF * 2);
}
