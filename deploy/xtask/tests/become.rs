//! A process of the demo does not outlive it, even when the demo gets SIGKILL and can stop nothing.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The letter after the name in `/proc/ID/stat`: `Z` once it ended and nobody has asked yet.
fn is_alive(id: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} within 10 s");
        std::thread::yield_now();
    }
}

#[test]
fn what_it_becomes_ends_with_its_parent() {
    let script = format!("{} become --parent $$ -- sleep 600 & echo $!; wait", env!("CARGO_BIN_EXE_xtask"));
    let mut parent = Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut id = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut id).unwrap();
    let id = id.trim();
    let command = || fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
    eventually("the program begins", || command().starts_with("sleep"));

    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("the program ends", || !is_alive(id));
}

#[test]
fn it_refuses_another_parent() {
    let status = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["become", "--parent", &i32::MAX.to_string(), "--", "true"])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(!status.success());
}
