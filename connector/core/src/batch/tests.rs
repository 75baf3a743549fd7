use bytesize::ByteSize;
use proptest::prelude::*;
use voc_smartmodule::transform::annotate;

use super::*;

const RECORD_TIME: i64 = 1_793_491_200_000;

fn origin() -> Arc<Origin> {
    Arc::new(Origin { stream: "events#1".to_owned(), partition: 0, epoch: 1 })
}

fn envelope_of(record: &str) -> Bytes {
    let mut envelope = Vec::new();
    annotate(record.as_bytes(), RECORD_TIME, &Params::default(), &mut envelope);
    envelope.into()
}

fn enveloped(offset: u64, envelope: Bytes) -> Enveloped {
    Enveloped { offset, envelope, source: None }
}

fn limits() -> Limits {
    Limits { max_age: Duration::from_secs(2), min_rows: 2, max_rows: 4, max_bytes: ByteSize::mib(1) }
}

#[test]
fn an_event_keeps_every_byte_and_a_dead_letter_its_tenant() {
    let mut batch = Batch::open(origin(), 7, Instant::now());
    let event = r#" {"event_id":"27ac435a-7a97-4643-a564-12a9b8a1abcd","tenant_id":"caf\u00e9","timestamp":0,"event_type":"call"} "#
        .replace(":0,", &format!(":{RECORD_TIME},"));
    let bad = event.replace("call", "fall");
    batch.push(enveloped(7, envelope_of(&event))).unwrap();
    batch.push(enveloped(8, envelope_of(&bad))).unwrap();
    let (stored, letter) = (&batch.events[0], &batch.dead_letters[0]);
    assert_eq!((stored.offset, stored.tenant_id.as_str(), stored.timestamp), (7, "café", RECORD_TIME * 1000));
    assert_eq!(stored.payload, event.as_bytes());
    assert_eq!(
        (letter.offset, letter.tenant_id.as_str(), letter.code.as_str()),
        (8, "café", "unknown_event_type")
    );
    assert_eq!((letter.field.as_str(), &*letter.original), ("event_type", bad.as_bytes()));
}

#[test]
fn foreign_bytes_are_an_error_with_its_place() {
    let error =
        Batch::open(origin(), 0, Instant::now()).push(enveloped(41, Bytes::from_static(b"{}"))).unwrap_err();
    assert!(error.to_string().starts_with("offset 41 of events#1/0: "), "{error}");
}

#[test]
fn a_small_batch_waits_for_its_age_and_a_larger_one_for_quiet() {
    let start = Instant::now();
    let later = start + Duration::from_millis(100);
    let mut batch = Batch::open(origin(), 0, start);
    batch.push(enveloped(0, envelope_of("x"))).unwrap();
    batch.advance(1, String::new(), false, later);
    assert_eq!(batch.due(&limits()), Due::At(start + Duration::from_secs(2)));
    batch.push(enveloped(1, envelope_of("x"))).unwrap();
    batch.advance(2, String::new(), false, later);
    assert_eq!(batch.due(&limits()), Due::At(later + QUIET));
    batch.advance(2, String::new(), true, later);
    assert_eq!(batch.due(&limits()), Due::At(start + Duration::from_secs(2)), "there is a backlog");
    batch.advance(2, String::new(), false, start + Duration::from_secs(3));
    assert_eq!(batch.due(&limits()), Due::At(start + Duration::from_secs(2)));
}

#[test]
fn the_batches_of_many_partitions_are_full_together_at_twice_what_one_may_have() {
    let limits = Limits { max_rows: 1_000, max_bytes: ByteSize::b(2_000), ..limits() };
    let envelope = envelope_of("x");
    let each = envelope.len() + ROW_OVERHEAD;
    let mut batches = Vec::new();
    while (batches.len() + 1) * each < 4_000 {
        let mut batch = Batch::open(origin(), 0, Instant::now());
        batch.push(enveloped(0, envelope.clone())).unwrap();
        batches.push(batch);
        assert!(!are_full(batches.iter(), &limits), "{} of {each} bytes each", batches.len());
    }
    batches[0].push(enveloped(1, envelope)).unwrap();
    assert!(are_full(batches.iter(), &limits));
    assert!(batches.iter().all(|batch| batch.due(&limits) != Due::Full), "none is by itself");
}

proptest! {
    /// Whatever comes, a batch is full from the record that reaches a limit on, and has every record.
    #[test]
    fn never_loses_and_respects_limits(records in prop::collection::vec("[a-z]{0,400}", 1..12)) {
        let limits = Limits { max_bytes: ByteSize::b(2_000), ..limits() };
        let mut batch = Batch::open(origin(), 0, Instant::now());
        let mut bytes = 0;
        for (offset, record) in (0..).zip(&records) {
            let is_full = batch.rows() >= limits.max_rows || bytes >= 2_000;
            prop_assert_eq!(batch.due(&limits) == Due::Full, is_full);
            let envelope = envelope_of(record);
            bytes += envelope.len() + ROW_OVERHEAD;
            batch.push(enveloped(offset, envelope.clone())).unwrap();
        }
        let originals: Vec<_> = batch.dead_letters.iter().map(|letter| letter.original.clone()).collect();
        prop_assert_eq!(originals, records);
    }
}
