//! The compiled SmartModule in Fluvio's engine: it does what the native transform does.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use voc_connector_core::stream::{Chunk, Record, StreamPartition};
use voc_connector_core::transform::{Enveloped, Transform};
use voc_smartmodule::envelope::Envelope;
use voc_smartmodule::params::Params;
use voc_smartmodule::rejection::Code;
use voc_smartmodule::transform::annotate;
use voc_tests::harness::input::{self, seed};
use voc_tests::harness::variable;

/// The record's own time where a case names none.
const RECORD_TIME: i64 = 1_793_491_200_000;

/// Records that are handed to the engine together.
const CHUNK: usize = 500;

struct Case {
    name: String,
    record: Vec<u8>,
    timestamp_ms: i64,
    expect: Value,
}

fn data() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(data().join("cases")).unwrap() {
        let path = entry.unwrap().path();
        let file: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for case in file {
            let mut record = match (&case["input"], &case["input_base64"]) {
                (Value::String(text), _) => text.clone().into_bytes(),
                (_, Value::String(text)) => STANDARD.decode(text).unwrap(),
                _ => panic!("{}: a case without input", path.display()),
            };
            if let Some(length) = case["pad_to"].as_u64() {
                record.resize(usize::try_from(length).unwrap(), b' ');
            }
            let timestamp_ms = case["record_timestamp_ms"].as_i64().unwrap_or(RECORD_TIME);
            let name = format!("{}: {}", path.file_stem().unwrap().display(), case["name"]);
            cases.push(Case { name, record, timestamp_ms, expect: case["expect"].clone() });
        }
    }
    cases
}

fn native(record: &[u8], timestamp_ms: i64) -> Vec<u8> {
    native_with(record, timestamp_ms, &BTreeMap::new())
}

fn native_with(record: &[u8], timestamp_ms: i64, with: &BTreeMap<String, String>) -> Vec<u8> {
    let params =
        Params::from_pairs(with.iter().map(|(name, value)| (name.as_str(), value.as_str()))).unwrap();
    let mut envelope = Vec::new();
    annotate(record, timestamp_ms, &params, &mut envelope);
    envelope
}

/// The original service's rules, by which the cases of `data/cases` are scored.
fn keywords() -> BTreeMap<String, String> {
    BTreeMap::from([("sentiment".to_owned(), "keywords".to_owned())])
}

fn start(with: &BTreeMap<String, String>) -> Result<Transform, String> {
    Transform::start(Path::new(&variable("VOC_SMARTMODULE")), with).map_err(|error| error.to_string())
}

fn chunk(records: impl IntoIterator<Item = (Vec<u8>, i64)>) -> Chunk {
    let record = |(offset, (value, timestamp_ms))| Record {
        offset,
        timestamp_ms,
        value: Bytes::from(value),
        key: None,
        source: None,
    };
    let records: Vec<Record> = (0..).zip(records).map(record).collect();
    Chunk {
        partition: Arc::new(StreamPartition { stream: "test".to_owned(), partition: 0 }),
        from_offset: 0,
        next_offset: records.len() as u64,
        records,
        gaps: Vec::new(),
        bookmark: String::new(),
        has_more: false,
    }
}

/// Every record through the engine, in chunks, gives the native envelope byte for byte.
fn assert_equal(records: impl Iterator<Item = (Vec<u8>, i64)>) {
    let records: Vec<_> = records.collect();
    for with in [BTreeMap::new(), keywords()] {
        assert_equal_with(&records, &with);
    }
}

fn assert_equal_with(records: &[(Vec<u8>, i64)], with: &BTreeMap<String, String>) {
    let mut transform = start(with).unwrap();
    for part in records.chunks(CHUNK) {
        let envelopes = transform.annotate(chunk(part.to_vec())).unwrap().envelopes;
        assert_eq!(envelopes.len(), part.len());
        for ((record, timestamp_ms), Enveloped { envelope, .. }) in part.iter().zip(envelopes) {
            let expected = native_with(record, *timestamp_ms, with);
            assert!(
                envelope == expected,
                "{}\n  engine {}\n  native {}",
                String::from_utf8_lossy(&record[..record.len().min(500)]),
                String::from_utf8_lossy(&envelope[..envelope.len().min(500)]),
                String::from_utf8_lossy(&expected[..expected.len().min(500)]),
            );
        }
    }
}

#[test]
fn every_case_gives_what_it_expects() {
    let cases = cases();
    let mut wrong = Vec::new();
    for case in &cases {
        let envelope = native_with(&case.record, case.timestamp_ms, &keywords());
        let found = match Envelope::read(&envelope).unwrap() {
            Envelope::Accepted(accepted) => {
                assert_eq!(accepted.payload, case.record, "{}", case.name);
                json!({"status": "accepted", "sentiment": accepted.sentiment})
            }
            Envelope::Rejected(rejected) => {
                assert_eq!(*rejected.original, case.record, "{}", case.name);
                json!({"status": "rejected", "code": rejected.code, "field": rejected.field})
            }
        };
        if found != case.expect {
            wrong.push(format!("{}: expected {}, found {found}", case.name, case.expect));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    for code in Code::ALL {
        let code = code.as_str();
        assert!(cases.iter().any(|case| case.expect["code"] == code), "no case is rejected as {code}");
    }
}

#[test]
fn the_engine_gives_the_native_envelope_of_every_case() {
    assert_equal(cases().into_iter().map(|case| (case.record, case.timestamp_ms)));
}

/// Fluvio writes the time of a record wrongly if it lies far from that of the first one beside it, which
/// is usual in a Kafka topic that is kept for months.
#[test]
fn records_of_different_months_keep_their_own_time() {
    const DAY: i64 = 86_400_000;
    let days = [0, 1, 24, 25, 26, 100, 0, -1, -24, -25, -400, -401, 3_000, 0];
    let times = days.map(|days| RECORD_TIME + days * DAY).into_iter().chain([-1, 0, -1, RECORD_TIME]);
    let record = |time: i64| {
        let call = format!(
            r#"{{"event_id":"7b5c2f0e-8a4d-4c1b-9e6f-3a2d1c0b9a88","tenant_id":"acme","timestamp":{},"event_type":"call"}}"#,
            time.max(0)
        );
        (call.into_bytes(), time)
    };
    assert_equal(times.map(record));
}

#[test]
fn the_engine_gives_the_native_envelope_of_every_sample_line() {
    let lines = input::read(&data().join("sample.ndjson"));
    assert_equal(lines.into_iter().map(|line| (line, RECORD_TIME)));
}

#[test]
fn the_engine_gives_the_native_envelope_of_generated_lines() {
    let options = input::options(20_000, seed());
    let time = options.until_ms;
    // Records of one chunk have times of their own, before and after the first, as Kafka's have.
    let times = (0..).map(|index: i64| time + (index * 7_919) % 60_000 - 30_000);
    assert_equal(input::lines(options).into_iter().zip(times));
}

/// The engine gives a module 1 GB. One that does not free what it hands out ends there.
#[test]
fn a_long_stream_does_not_fill_the_modules_memory() {
    const RECORD: usize = 500_000;
    const TOTAL: usize = 1_250_000_000;
    let mut transform = start(&BTreeMap::new()).unwrap();
    let text = "a".repeat(RECORD);
    let call = format!(
        r#"{{"event_id":"7b5c2f0e-8a4d-4c1b-9e6f-3a2d1c0b9a88","tenant_id":"acme","timestamp":{RECORD_TIME},"event_type":"call","note":"{text}"}}"#
    );
    let rejected = format!("{{\"note\":\"{text}\"}}");
    let records = [call, rejected].map(|record| (record.into_bytes(), RECORD_TIME));
    let chunk = chunk(records.iter().cloned().cycle().take(10));
    let expected = records.map(|(record, time)| native(&record, time));
    for _ in 0..TOTAL / (10 * RECORD) {
        let envelopes = transform.annotate(chunk.clone()).unwrap().envelopes;
        // In length here: every byte of as many as that would be another test's time.
        let is_right = |(index, made): (usize, &Enveloped)| made.envelope.len() == expected[index % 2].len();
        assert!(envelopes.len() == 10 && envelopes.iter().enumerate().all(is_right));
    }
}

#[test]
fn params_reach_the_module_and_wrong_ones_are_refused_by_name() {
    let with = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let mut transform = start(&with("max_bytes", "10")).unwrap();
    let envelopes = transform.annotate(chunk([(b"{\"a\":12345}".to_vec(), RECORD_TIME)])).unwrap().envelopes;
    let Envelope::Rejected(rejected) = Envelope::read(&envelopes[0].envelope).unwrap() else {
        panic!("accepted")
    };
    assert_eq!(rejected.code, "too_large");
    for (name, value) in
        [("max_byte", "1"), ("max_depth", "0"), ("max_past_days", "many"), ("sentiment", "vader")]
    {
        let Err(error) = start(&with(name, value)) else { panic!("{name}={value} was taken") };
        assert!(error.contains(&format!("`{name}`")), "{error}");
    }
}
