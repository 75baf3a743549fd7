//! One writer per partition: who was replaced is refused, however late it wakes up.

use voc_tests::harness::connector::Connector;
use voc_tests::harness::eventually;
use voc_tests::harness::input::{self, seed};
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::stage::Stage;

fn lines(count: u64) -> Vec<Vec<u8>> {
    let mut options = input::options(count, seed());
    options.too_large = 0;
    input::lines(options)
}

/// How often a partition was taken.
fn claims(stage: &Stage) -> (u64, u64) {
    let count = |what: &str| stage.database.number(&format!("SELECT {what} FROM voc_fence_claims"));
    (count("count()"), count("uniqExact(epoch)"))
}

#[test]
fn a_writer_that_wakes_up_after_it_was_replaced_ends_and_changes_nothing() {
    let stage = Stage::new("fence_late");
    let lines = lines(3_000);
    input::write(&stage.file, &lines[..1_000]);
    let mut stale = stage.connector(&[]);
    stage.until_stored(1_000);
    stale.process().freeze();
    let mut successor = stage.connector(&[]);
    successor.process().said("partition taken");
    input::append(&stage.file, &lines[1_000..2_000]);
    stage.until_stored(2_000);
    stale.process().thaw();
    // It reads what is new to it, and must not store it.
    input::append(&stage.file, &lines[2_000..]);
    let log = stale.fails();
    assert!(log.contains("fenced off: another connector has taken events.ndjson#1/0 over"), "{log}");
    stage.until_stored(3_000);
    successor.drain();
    stage.assert_stored(&Oracle::of(&lines));
    let refused = "SELECT count() FROM voc_dead_letters WHERE code = 'refused'";
    assert_eq!(stage.database.number(refused), 0, "rows of a fenced writer were set aside");
}

#[test]
fn of_writers_that_start_at_once_one_goes_on() {
    const WRITERS: usize = 4;
    let stage = Stage::new("fence_at_once");
    let lines = lines(4_000);
    input::write(&stage.file, &lines[..2_000]);
    // The tables are made by one: here it is not the question who makes them.
    stage.run_once();
    let mut running: Vec<Connector> = (0..WRITERS).map(|_| stage.connector(&[])).collect();
    eventually("all have claimed the partition", || (claims(&stage).0 > WRITERS as u64).then_some(()));
    input::append(&stage.file, &lines[2_000..]);
    eventually("one is left", || {
        running.retain_mut(|connector| connector.process().is_running());
        (running.len() == 1).then_some(())
    });
    stage.until_stored(4_000);
    running.pop().unwrap().drain();
    let (all, distinct) = claims(&stage);
    assert!(all > WRITERS as u64 && distinct > WRITERS as u64, "{all} claims, {distinct} epochs");
    stage.assert_stored(&Oracle::of(&lines));
}
