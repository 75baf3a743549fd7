use std::collections::{HashMap, HashSet};

use serde_json::Value;
use voc_smartmodule::params::{Params, Sentiment};
use voc_smartmodule::transform::annotate;

use super::plain::{LENGTH, Plain};
use super::{Expected, Fault, Generator, Options};

/// 2026-11-01T00:00:00Z.
const UNTIL_MS: i64 = 1_793_491_200_000;

/// What `tests/data/sample.ndjson` was made with.
fn sample_options() -> Options {
    Options {
        events: 2400,
        tenants: 8,
        seed: 1,
        until_ms: UNTIL_MS,
        days: 30,
        bad_share: 0.08,
        resent_share: 0.02,
        too_large: 0,
    }
}

fn generate(options: Options) -> Vec<(Vec<u8>, Expected)> {
    let mut generator = Generator::new(options).unwrap();
    std::iter::from_fn(|| {
        let mut line = Vec::new();
        generator.write_next(&mut line).map(|expected| (line, expected))
    })
    .collect()
}

/// What the contract says about a line: its event, or its code.
fn judge(line: &[u8]) -> Result<Value, String> {
    let mut envelope = Vec::new();
    // By the original rules, whose scores the sample is to have all of.
    let params = Params { sentiment: Sentiment::Keywords, ..Params::default() };
    annotate(line, UNTIL_MS, &params, &mut envelope);
    let envelope: Value = serde_json::from_slice(&envelope).unwrap();
    match envelope["status"].as_str() {
        Some("accepted") => Ok(envelope),
        _ => Err(envelope["rejection"]["code"].as_str().unwrap().to_owned()),
    }
}

#[test]
fn the_committed_sample_is_what_the_generator_writes() {
    let mut generated = Vec::new();
    for (line, _) in generate(sample_options()) {
        generated.extend_from_slice(&line);
        generated.push(b'\n');
    }
    let committed = include_bytes!("../../data/sample.ndjson");
    assert!(
        generated == committed,
        "make it anew: voc-generate --until 2026-11-01T00:00:00Z --max-too-large 0 > tests/data/sample.ndjson"
    );
    assert!(committed.len() < 900_000);
}

#[test]
fn the_sample_has_everything() {
    let lines = generate(sample_options());
    let mut faults: HashMap<&str, usize> = HashMap::new();
    let (mut tenants, mut types, mut languages) = (HashSet::new(), HashSet::new(), HashSet::new());
    let (mut bytes, mut ids, mut events) = (HashSet::new(), HashSet::new(), HashSet::new());
    let mut scores = HashSet::new();
    let mut accepted = 0;
    for (line, expected) in &lines {
        if let Expected::Rejected(fault) = expected {
            *faults.entry(fault.code()).or_default() += 1;
            continue;
        }
        accepted += 1;
        bytes.insert(line);
        let event: Value = serde_json::from_slice(line).unwrap();
        let id = event["event_id"].as_str().unwrap().to_lowercase();
        let tenant = event["tenant_id"].as_str().unwrap().to_owned();
        types.insert(event["event_type"].as_str().unwrap().to_owned());
        languages.extend(event["language"].as_str().map(str::to_owned));
        scores.insert(judge(line).unwrap()["annotations"]["sentiment"]["score"].to_string());
        ids.insert(id.clone());
        events.insert((tenant.clone(), id));
        tenants.insert(tenant);
    }
    assert!((lines.len() - accepted) * 100 >= lines.len() * 5, "at least 5 % are bad");
    for fault in Fault::SMALL {
        assert!(faults.contains_key(fault.code()), "{} is missing", fault.code());
    }
    assert!(tenants.len() >= 6);
    assert_eq!((types.len(), languages.len()), (4, 2));
    for score in ["null", "1.0", "-1.0", "0.0"] {
        assert!(scores.contains(score), "no event has the score {score}: {scores:?}");
    }
    assert!(bytes.len() < accepted, "some lines are sent twice");
    assert!(ids.len() < events.len(), "some ids are sent under another tenant");
    assert!(events.len() < bytes.len(), "some ids are sent with another time");
}

#[test]
fn every_line_gets_the_code_that_it_was_made_for() {
    for seed in 2..6 {
        let options =
            Options { seed, events: 20_000, tenants: 50, bad_share: 0.5, too_large: 2, ..sample_options() };
        let mut too_large = 0;
        for (line, expected) in generate(options) {
            let judged = judge(&line).err().unwrap_or_else(|| "accepted".to_owned());
            assert_eq!(judged, expected.as_str(), "seed {seed}: {}", String::from_utf8_lossy(&line));
            too_large += usize::from(judged == "too_large");
        }
        assert_eq!(too_large, 2);
    }
}

#[test]
fn shares_are_kept_at_their_ends() {
    let bad = |bad_share| {
        let lines = generate(Options { events: 1000, bad_share, ..sample_options() });
        lines.iter().filter(|(_, expected)| *expected != Expected::Accepted).count()
    };
    assert_eq!((bad(0.0), bad(0.05), bad(1.0)), (0, 50, 1000));
    assert!(generate(Options { events: 0, ..sample_options() }).is_empty());
}

#[test]
fn another_seed_gives_other_events() {
    assert_ne!(generate(sample_options())[0], generate(Options { seed: 2, ..sample_options() })[0]);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for options in [
        Options { tenants: 0, ..sample_options() },
        Options { days: 0, ..sample_options() },
        Options { bad_share: 1.1, ..sample_options() },
        Options { resent_share: f64::NAN, ..sample_options() },
    ] {
        assert!(Generator::new(options).is_err());
    }
}

#[test]
fn plain_events_all_have_the_same_length() {
    let mut plain = Plain::new(1, 400, UNTIL_MS);
    let (mut ids, mut tenants) = (HashSet::new(), HashSet::new());
    for _ in 0..20_000 {
        let mut line = Vec::new();
        plain.write_next(&mut line);
        assert_eq!(line.len(), LENGTH);
        let envelope = judge(&line).unwrap();
        ids.insert(envelope["payload"]["event_id"].to_string());
        tenants.insert(envelope["payload"]["tenant_id"].to_string());
    }
    assert_eq!((ids.len(), tenants.len()), (20_000, 400));
}
