//! What was acknowledged is there, whatever ends the API, and however many post at once.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use voc_tests::harness::eventually;
use voc_tests::harness::input::{self, call};
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::stage::{STREAM, Stage};

use super::rig::{Api, JSON, NDJSON, fix_port, post, stage};

const CLIENTS: u32 = 4;
/// How often the API is ended while they post; at last with a signal that lets it drain.
const ENDS: u32 = 6;

/// Clients that post until they are told to stop. Each sends again what it has no 202 for, as it should.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    next: AtomicU32,
    acknowledged: Mutex<BTreeSet<u32>>,
}

impl Load {
    fn post(&self, port: u16) {
        while !self.stop.load(Ordering::SeqCst) {
            let first = self.next.fetch_add(40, Ordering::SeqCst);
            let numbers = first..first + 1 + first / 40 % 40;
            let events: Vec<String> = numbers.clone().map(|number| call("acme", number)).collect();
            let (kind, body) = match events.len() {
                1 => (JSON, events[0].replace(",\"", ",\r\n  \"")),
                length if length % 2 == 0 => (JSON, format!("[{}]", events.join(",\n"))),
                _ => (NDJSON, events.join("\n")),
            };
            while !self.stop.load(Ordering::SeqCst) {
                // A killed API answers nothing, or half of it.
                let Some(posted) = post(port, "acme", kind, "", &body) else { continue };
                assert!([202, 429].contains(&posted.status), "{posted:?}");
                if posted.status == 202 {
                    self.acknowledged.lock().unwrap().extend(numbers);
                    break;
                }
            }
        }
    }

    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }
}

/// Every event that was acknowledged is there once; and every line of the spool is stored once, byte for byte.
fn assert_there(stage: &Stage, acknowledged: &BTreeSet<u32>) {
    let lines = input::read(&stage.file);
    stage.until_stored(lines.len() as u64);
    stage.assert_stored(&Oracle::of(&lines));
    let sql = "SELECT toUInt32(splitByChar('-', toString(event_id))[5]) FROM voc_events FINAL";
    let stored: Vec<u32> = stage.database.lines(sql).iter().map(|number| number.parse().unwrap()).collect();
    let distinct: BTreeSet<u32> = stored.iter().copied().collect();
    assert_eq!(stored.len(), distinct.len(), "an event is there twice");
    let lost: Vec<&u32> = acknowledged.difference(&distinct).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged are lost: {lost:?}", lost.len(), acknowledged.len());
}

#[test]
fn what_was_acknowledged_is_there_after_the_api_is_killed() {
    let mut stage = stage("ingest_killed");
    let port = fix_port(&mut stage);
    let mut api = Api::start(&stage);
    let connector = stage.connector(&[]);
    let load = Load::default();
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| load.post(port));
        }
        for end in 1..=ENDS {
            let before = load.acknowledged();
            // Right behind an acknowledgement, whichever comes first.
            eventually("something is acknowledged", || (load.acknowledged() > before + 200).then_some(()));
            if end == ENDS {
                api.process.terminate();
                assert_eq!(api.process.wait().code(), Some(0), "{}", api.process.log());
            } else {
                api.process.kill();
            }
            api = Api::start(&stage);
        }
        load.stop.store(true, Ordering::SeqCst);
    });
    let acknowledged = load.acknowledged.lock().unwrap().clone();
    assert!(acknowledged.len() > 1_000, "{}", acknowledged.len());
    assert_there(&stage, &acknowledged);
    connector.drain();
}

#[test]
fn one_event_is_there_after_a_kill_right_behind_its_answer_and_once_though_it_was_sent_twice() {
    let stage = stage("ingest_one");
    for number in 0..3 {
        let event = call("acme", number);
        let mut api = Api::start(&stage);
        let posted = api.post("acme", JSON, &event);
        api.process.kill();
        assert_eq!(posted.status, 202, "{posted:?}");
        // The client has not heard that, and sends the same again.
        Api::start(&stage).accepts("acme", &[event]);
    }
    stage.run_once();
    assert_eq!(stage.records(), 6);
    assert_there(&stage, &(0..3).collect());
}

#[test]
fn a_full_queue_is_a_429_and_everything_that_was_acknowledged_is_there() {
    let mut stage = stage("ingest_full_queue");
    stage.config["api"]["ingest"]["queue"] = 1.into();
    let api = Api::start(&stage);
    let (refused, next) = (AtomicU32::new(0), AtomicU32::new(0));
    let acknowledged = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                // A test that fails elsewhere ends this one, too.
                while refused.load(Ordering::SeqCst) < 3 && next.load(Ordering::SeqCst) < 100_000 {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let posted = api.post("acme", JSON, call("acme", number));
                    match posted.status {
                        202 => assert!(acknowledged.lock().unwrap().insert(number)),
                        429 => {
                            assert_eq!(posted.body["code"], "queue_full");
                            assert_eq!(posted.retry_after.as_deref(), Some("1"));
                            refused.fetch_add(1, Ordering::SeqCst);
                        }
                        _ => panic!("{posted:?}"),
                    }
                }
            });
        }
    });
    assert!(refused.into_inner() >= 3, "the queue was never full");
    stage.run_once();
    let acknowledged = acknowledged.into_inner().unwrap();
    assert_there(&stage, &acknowledged);
    // And nothing of what was refused.
    assert_eq!(stage.records(), acknowledged.len() as u64);
    assert!(stage.database.lines("SELECT DISTINCT origin_stream FROM voc_events") == [format!("{STREAM}#1")]);
}
