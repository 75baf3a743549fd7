//! Random and mutated records in quantity over the whole transform: it never panics, keeps every byte,
//! and agrees with `serde_json` about what is JSON.
//!
//! `VOC_FUZZ_SECONDS` sets how long (3 by default), `VOC_FUZZ_SEED` repeats a run; both are printed.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};
use serde::de::IgnoredAny;
use voc_smartmodule::envelope::Envelope;
use voc_smartmodule::params::Params;
use voc_smartmodule::transform::{annotate, tenant_of};

const RECORD_TIME: i64 = 1_793_491_200_000;

/// Good events, from which the mutations start.
const EVENTS: [&str; 5] = [
    r#"{"event_id":"27ac435a-7a97-4643-a564-12a9b8a1abcd","tenant_id":"caf\u00e9","timestamp":"2026-11-01T09:05:00.5-03:00","event_type":"call","transcript":[{"speaker":"customer","text":"n\u00e3o feliz \ud83d\ude00","offset_ms":0},{"speaker":"agent","text":"obrigado","offset_ms":1.5e2}],"duration_ms":10,"metadata":{"a":[1,{"b":null}]}}"#,
    r#"{"event_id":"27ac435a-7a97-4643-a564-12a9b8a1abcd","tenant_id":"é","timestamp":1793523900000,"event_type":"call","transcript":"ÓTIMO, not happy","more":[[[[]]]],"schema_version":1}"#,
    r#"{"event_id":"27ac435a-7a97-4643-a564-12a9b8a1abcd","tenant_id":"a","timestamp":1793523900000,"event_type":"agent_action","agent_id":"","action":"x","success":true,"target":null}"#,
    r#"{"event_id":"27ac435a-7a97-4643-a564-12a9b8a1abcd","tenant_id":"a","timestamp":1793523900000,"event_type":"tool_invocation","tool":"t","arguments":{"q":"\"\\\/\b\f\n\r\t"},"latency_ms":0.0}"#,
    r#"{"event_id":"27ac435a-7a97-4643-a564-12a9b8a1abcd","tenant_id":"a","timestamp":1793523900000,"event_type":"qos_metric","metric":"mos","value":-1.25E-3,"unit":null}"#,
];

/// What mutations put in: the bytes at which parsers part ways.
const PIECES: [&[u8]; 30] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b" ",
    b"\n",
    b"\t",
    b"\0",
    b"\x1f",
    b"\x7f",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\\udc00",
    b"\\u0000",
    b"\\u00",
    b"-",
    b"0",
    b"1e999",
    b".",
    b"null",
    b"true",
    b"\"tenant_id\":\"b\",",
    b"\"transcript\":[],",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

#[test]
fn every_record_becomes_an_envelope_that_keeps_its_bytes() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    let seed = setting("VOC_FUZZ_SEED").unwrap_or(u64::from(now.subsec_nanos()) ^ now.as_secs());
    let time = Duration::from_secs(setting("VOC_FUZZ_SECONDS").unwrap_or(3));
    println!("VOC_FUZZ_SEED={seed} VOC_FUZZ_SECONDS={}", time.as_secs());
    let mut random = StdRng::seed_from_u64(seed);
    let params = Params { max_bytes: 1_200, ..Params::default() };
    let started = Instant::now();
    let (mut records, mut accepted) = (0_u64, 0_u64);
    while started.elapsed() < time {
        for _ in 0..1_000 {
            let record = record(&mut random);
            records += 1;
            accepted += u64::from(check(&record, &params));
        }
    }
    println!("{records} records, {accepted} accepted");
    assert!(accepted * 50 > records, "too few good records to mean anything");
}

fn record(random: &mut impl Rng) -> Vec<u8> {
    let mut record = EVENTS.choose(random).expect("there are events").as_bytes().to_vec();
    for _ in 0..random.random_range(0..4) {
        let at = random.random_range(0..=record.len());
        let end = (at + random.random_range(0..12)).min(record.len());
        match random.random_range(0..5) {
            0 => drop(record.drain(at..end)),
            1 => {
                let copy = record[at..end].to_vec();
                record.splice(at..at, copy);
            }
            2 => drop(record.splice(at..end, random.random::<[u8; 3]>())),
            3 => record.truncate(at.max(1)),
            _ => {
                let piece = PIECES.choose(random).expect("there are pieces");
                record.splice(at..at, piece.iter().copied());
            }
        }
    }
    record
}

/// Checks one record; whether it is accepted.
fn check(record: &[u8], params: &Params) -> bool {
    let shown = String::from_utf8_lossy(record);
    let mut bytes = Vec::new();
    annotate(record, RECORD_TIME, params, &mut bytes);
    let envelope = Envelope::read(&bytes).unwrap_or_else(|error| panic!("{error}: {shown}"));
    let is_json = serde_json::from_slice::<IgnoredAny>(record).is_ok();
    match envelope {
        Envelope::Accepted(accepted) => {
            assert_eq!(accepted.payload, record, "{shown}");
            assert!(is_json, "accepted, but not JSON: {shown}");
            assert_eq!(tenant_of(record, params).as_deref(), Some(&*accepted.event.tenant_id), "{shown}");
            true
        }
        Envelope::Rejected(rejected) => {
            assert_eq!(&*rejected.original, record, "{shown}");
            match rejected.code {
                "too_large" => assert!(record.len() > params.max_bytes, "{shown}"),
                "not_utf8" => assert!(std::str::from_utf8(record).is_err(), "{shown}"),
                "not_json" => assert!(!is_json, "JSON after all: {shown}"),
                "too_deep" => {}
                code => assert!(is_json, "{code}, but not JSON: {shown}"),
            }
            false
        }
    }
}
