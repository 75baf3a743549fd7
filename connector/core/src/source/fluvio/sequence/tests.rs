use proptest::prelude::*;

use super::*;
use crate::stream::StreamPartition;

fn resume(next_offset: Option<u64>, bookmark: &str) -> Resume {
    let partition = StreamPartition { stream: "voc-events".to_owned(), partition: 0 };
    Resume { partition, next_offset, bookmark: bookmark.to_owned(), generation: 0 }
}

fn fresh() -> Sequence {
    Sequence::resume(&resume(None, ""), Bytes::clone, Without::default())
}

fn record(offset: u64, value: &str) -> Incoming {
    Incoming { offset, timestamp_ms: 5, key: None, value: value.to_owned().into() }
}

fn mirrored(offset: u64, generation: u32, kafka: u64) -> Incoming {
    let key = format!(
        r#"{{"mirror":1,"generation":{generation},"topic":"voc.events","partition":2,"offset":{kafka},"timestamp":5}}"#
    );
    Incoming { key: Some(key.into()), ..record(offset, "x") }
}

fn offsets(steps: impl IntoIterator<Item = Step>) -> Vec<Option<u64>> {
    let offset = |step| match step {
        Step::Take(Record { offset, .. }) => Some(offset),
        _ => None,
    };
    steps.into_iter().map(offset).collect()
}

#[test]
fn records_are_taken_in_their_order_and_once() {
    let mut sequence = fresh();
    let steps = [0, 1, 1, 0, 2].map(|offset| sequence.take(record(offset, "x")));
    assert_eq!(offsets(steps), [Some(0), Some(1), None, None, Some(2)]);
    assert_eq!(sequence.take(record(5, "x")), Step::Hole);
    assert_eq!(sequence.next(), 3);
    assert_eq!(sequence.gaps(), []);
}

#[test]
fn what_is_skipped_is_a_gap_once_anything_was_read() {
    let mut sequence = fresh();
    sequence.skip_to(100, GapReason::Evicted);
    assert_eq!(sequence.gaps(), [], "nothing was due below the first record");
    sequence.take(record(100, "x"));
    sequence.skip_to(200, GapReason::Evicted);
    let gap = Gap { first_offset: 101, last_offset: 199, reason: GapReason::Evicted };
    assert_eq!((sequence.next(), sequence.gaps()), (200, vec![gap]));
    assert_eq!(sequence.gaps(), []);
}

#[test]
fn the_record_before_is_compared_with_what_it_was() {
    let mut before = fresh();
    before.take(record(0, "one"));
    before.take(record(1, "two"));
    let bookmark = before.bookmark();
    let again = || Sequence::resume(&resume(Some(2), &bookmark), Bytes::clone, Without::default());
    assert_eq!(again().open_at(0, 9), 1);
    assert_eq!(again().open_at(2, 9), 2, "evicted meanwhile");
    assert_eq!(again().take(record(1, "two")), Step::Pass);
    assert_eq!(again().take(record(1, "other")), Step::Changed);
    // Within one run too, where a stream is opened again.
    assert_eq!(before.take(record(1, "two")), Step::Pass);
    assert_eq!(before.take(record(1, "other")), Step::Changed);
    // A checkpoint without a note says nothing.
    let mut unknown = Sequence::resume(&resume(Some(2), ""), Bytes::clone, Without::default());
    assert_eq!((unknown.open_at(0, 9), unknown.take(record(1, "other"))), (2, Step::Pass));
}

#[test]
fn what_the_mirror_wrote_twice_is_a_gap_also_after_a_restart() {
    let mut sequence = fresh();
    let steps = [(0, 10), (1, 11), (2, 10), (3, 11), (4, 12)];
    let steps = steps.map(|(offset, kafka)| sequence.take(mirrored(offset, 1, kafka)));
    assert_eq!(offsets(steps), [Some(0), Some(1), None, None, Some(4)]);
    let gap = Gap { first_offset: 2, last_offset: 3, reason: GapReason::Duplicate };
    assert_eq!(sequence.gaps(), [gap]);

    let mut after =
        Sequence::resume(&resume(Some(5), &sequence.bookmark()), Bytes::clone, Without::default());
    let steps =
        [after.take(mirrored(5, 1, 12)), after.take(mirrored(6, 2, 0)), after.take(mirrored(7, 1, 99))];
    assert_eq!(offsets(steps), [None, Some(6), None], "a new generation begins at 0");
    assert_eq!(after.gaps().len(), 2);
}

#[test]
fn a_record_knows_its_place_in_kafka() {
    let Step::Take(taken) = fresh().take(mirrored(0, 1, 10)) else { panic!("not taken") };
    let source = Position { topic: "voc.events".into(), partition: 2, offset: 10 };
    assert_eq!((taken.source, taken.timestamp_ms), (Some(source), 5));
    let Step::Take(taken) = fresh().take(record(0, "x")) else { panic!("not taken") };
    assert_eq!(taken.source, None);
}

proptest! {
    /// Answers may overlap and leave holes: every offset is taken once, in order, or reported.
    #[test]
    fn never_loses_doubles_or_reorders(answers in prop::collection::vec((0_u64..60, 1_u64..20), 1..30)) {
        let mut sequence = fresh();
        let (mut taken, mut gaps) = (Vec::new(), Vec::new());
        for (start, length) in answers {
            for offset in start..start + length {
                if offset > sequence.next() {
                    sequence.skip_to(offset, GapReason::Missing);
                    gaps.extend(sequence.gaps());
                }
                match sequence.take(record(offset, "x")) {
                    Step::Take(record) => taken.push(record.offset),
                    Step::Pass => {}
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
        let mut all = taken.clone();
        all.extend(gaps.iter().flat_map(|gap| gap.first_offset..=gap.last_offset));
        all.sort_unstable();
        prop_assert_eq!(all, (0..sequence.next()).collect::<Vec<_>>());
        prop_assert!(taken.is_sorted());
    }
}
