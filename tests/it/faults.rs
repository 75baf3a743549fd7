//! SIGKILL at random moments: nothing is lost, nothing is stored twice.

use voc_tests::harness::clickhouse::ClickHouse;
use voc_tests::harness::eventually;
use voc_tests::harness::input::{self, seed};
use voc_tests::harness::oracle::Oracle;
use voc_tests::harness::stage::Stage;

const EVENTS: u64 = 200_000;

/// How often a process is killed while they are stored.
const KILLS: u64 = 12;

/// A number below `bound` by chance (SplitMix64).
fn below(state: &mut u64, bound: u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % bound
}

/// A stage with all the events in its file, and batches small enough to be many.
fn stage(clickhouse: &ClickHouse, name: &str, seed: u64) -> (Stage, Oracle) {
    let mut stage = Stage::on(clickhouse, name);
    stage.config["batch"]["max_rows"] = 5_000.into();
    let mut options = input::options(EVENTS, seed);
    // A merge forgets what was sent twice, which must not look like a loss.
    options.resent_share = 0.05;
    let lines = input::lines(options);
    input::write(&stage.file, &lines);
    (stage, Oracle::of(&lines))
}

/// How many records are stored when the next of so many kills comes.
fn place(kill: u64, kills: u64, random: &mut u64) -> u64 {
    kill * EVENTS / kills + below(random, EVENTS / kills)
}

/// Waits until so many records are stored, then for a random moment of the next batch.
fn until_about(stage: &Stage, records: u64, random: &mut u64) {
    stage.until_stored(records.min(EVENTS));
    let started = std::time::Instant::now();
    let moment = std::time::Duration::from_micros(below(random, 60_000));
    eventually("a moment passes", || (started.elapsed() >= moment).then_some(()));
}

#[test]
fn a_connector_that_is_killed_loses_nothing_and_doubles_nothing() {
    let mut random = seed();
    let clickhouse = ClickHouse::start();
    let (stage, oracle) = stage(&clickhouse, "connector_killed", random);
    let mut killed = 0;
    for kill in 0..KILLS {
        let mut connector = stage.connector(&[]);
        until_about(&stage, place(kill, KILLS, &mut random), &mut random);
        killed += u64::from(connector.process().is_running());
        connector.process().kill();
    }
    assert_eq!(killed, KILLS, "the connector ended by itself");
    stage.run_once();
    stage.assert_stored(&oracle);
}

#[test]
fn a_clickhouse_that_is_killed_loses_nothing_and_doubles_nothing() {
    let mut random = seed();
    let mut clickhouse = ClickHouse::start();
    let (stage, oracle) = stage(&clickhouse, "clickhouse_killed", random);
    let connector = stage.connector(&["--once"]);
    for kill in 0..KILLS / 2 {
        until_about(&stage, place(kill, KILLS / 2, &mut random), &mut random);
        clickhouse.kill();
        clickhouse.start_again();
    }
    connector.succeeds();
    stage.assert_stored(&oracle);
}

#[test]
fn both_killed_together_lose_nothing_and_double_nothing() {
    let mut random = seed();
    let mut clickhouse = ClickHouse::start();
    let (stage, oracle) = stage(&clickhouse, "both_killed", random);
    for kill in 0..KILLS / 2 {
        let mut connector = stage.connector(&[]);
        until_about(&stage, place(kill, KILLS / 2, &mut random), &mut random);
        clickhouse.kill();
        connector.process().kill();
        clickhouse.start_again();
    }
    stage.run_once();
    stage.assert_stored(&oracle);
}
