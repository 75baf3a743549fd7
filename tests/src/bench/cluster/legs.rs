//! The connector as it ships, one leg at a time and both at once: how long it takes, and what processor
//! time.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::services::Services;
use crate::harness::clickhouse::Database;
use crate::harness::connector::Connector;
use crate::harness::process::Process;

/// How often the connector is looked at while it runs.
const LOOK: Duration = Duration::from_millis(5);

/// How often ClickHouse is asked how much it holds. It works on the same cores.
const ASK: Duration = Duration::from_millis(50);

/// What the log says when a leg begins to work: everything is started, and it is known where to go on.
const SINK_BEGINS: &str = "partition taken";
const MIRROR_BEGINS: &str = "mirror of a partition begins";

/// What one run took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// From the moment when the leg began to work to the end.
    pub(super) elapsed: Duration,
    /// Processor time of the connector's process from its start to its end.
    pub(super) cpu: Duration,
    /// Processor time of the SPU from the moment when the leg began to work.
    pub(super) spu: Duration,
    /// And of ClickHouse.
    pub(super) clickhouse: Duration,
}

/// Stores what a Fluvio topic holds in a database of its own, and drops that.
///
/// # Panics
/// Where not all of it is stored, or anything twice.
#[must_use]
pub(super) fn sink(services: &mut Services, topic: &str, events: usize) -> Run {
    let database = services.clickhouse.database_later("bench_sink");
    let config = services.config(topic, json!({ "kind": "fluvio" }), None, &database);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = once(services, folder.path(), &config, SINK_BEGINS);
    drop_database(&database, events);
    run
}

/// Mirrors what a Kafka topic holds into a Fluvio topic that is there and empty.
#[must_use]
pub(super) fn mirror(services: &mut Services, kafka_topic: &str, topic: &str) -> Run {
    let nowhere = services.clickhouse.database_later("bench_nowhere");
    let mirror = services.mirror(kafka_topic, topic);
    let config = services.config(topic, json!({ "kind": "none" }), Some(mirror), &nowhere);
    let folder = tempfile::tempdir().expect("a temporary folder");
    once(services, folder.path(), &config, MIRROR_BEGINS)
}

/// Moves what a Kafka topic holds into ClickHouse through a Fluvio topic that is there and empty, both
/// legs at once; until everything is stored.
///
/// # Panics
/// Where not all of it is stored, or anything twice.
#[must_use]
pub(super) fn both(services: &mut Services, kafka_topic: &str, topic: &str, events: usize) -> Run {
    let database = services.clickhouse.database_later("bench_both");
    let mirror = services.mirror(kafka_topic, topic);
    let mut config = services.config(topic, json!({ "kind": "fluvio" }), Some(mirror), &database);
    // So that the last few rows are stored at once: their two seconds are no work.
    config["batch"] = json!({ "min_rows": 1 });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut connector = Connector::start(folder.path(), &config, &[]);
    connector.process().said(SINK_BEGINS);
    connector.process().said(MIRROR_BEGINS);
    let (started, servers) = (Instant::now(), services.cpu());
    while database.number("SELECT max(next_offset) FROM voc_checkpoints") < events as u64 {
        assert!(connector.process().is_running(), "the connector ended:\n{}", connector.process().log());
        std::thread::sleep(ASK);
    }
    let elapsed = started.elapsed();
    let [spu, clickhouse] = services.cpu_since(servers);
    connector.process().terminate();
    let cpu = cpu_until_end(connector.process());
    connector.succeeds();
    drop_database(&database, events);
    Run { elapsed, cpu, spu, clickhouse }
}

/// Runs the connector until it has moved all that there is.
fn once(services: &mut Services, folder: &Path, config: &Value, begins: &str) -> Run {
    let mut connector = Connector::start(folder, config, &["--once"]);
    connector.process().said(begins);
    let (started, servers) = (Instant::now(), services.cpu());
    let cpu = cpu_until_end(connector.process());
    let elapsed = started.elapsed();
    let [spu, clickhouse] = services.cpu_since(servers);
    connector.succeeds();
    Run { elapsed, cpu, spu, clickhouse }
}

/// Waits for the end of a process. It is read before it is asked whether it has ended: then what it used in
/// all can still be read.
fn cpu_until_end(process: &mut Process) -> Duration {
    let mut cpu = Duration::ZERO;
    loop {
        cpu = process.cpu_time().unwrap_or(cpu);
        if !process.is_running() {
            return cpu;
        }
        std::thread::sleep(LOOK);
    }
}

fn drop_database(database: &Database, events: usize) {
    let stored = database.number("SELECT sum(rows) FROM voc_origins");
    assert_eq!(stored, events as u64, "everything is stored once");
    database.run(&format!("DROP DATABASE {}", database.name()));
}
