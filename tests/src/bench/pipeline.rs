//! The whole pipeline, from a file to ClickHouse: the connector as it ships, into the embedded engine,
//! both as processes of their own.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use super::report::Round;
use crate::generate::plain::Plain;
use crate::harness::clickhouse::ClickHouse;
use crate::harness::stage::Stage;

/// What one run of the connector took.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// From the moment when the stream was taken over, with everything started, to the last checkpoint.
    pub round: Round,
    /// The most memory that the connector used, in MiB.
    pub peak_memory: u64,
}

/// Streams so many 463-byte call events of so many tenants into a database of its own, and drops it.
///
/// # Panics
/// Where a part does not run, or not everything is stored.
#[must_use]
pub fn run(clickhouse: &ClickHouse, database: &str, events: usize, tenants: usize) -> Run {
    run_with(clickhouse, database, events, tenants, &[])
}

/// The same, with further arguments for the connector.
///
/// # Panics
/// Where a part does not run, or not everything is stored.
#[must_use]
pub fn run_with(
    clickhouse: &ClickHouse,
    database: &str,
    events: usize,
    tenants: usize,
    arguments: &[&str],
) -> Run {
    let mut stage = Stage::on(clickhouse, database);
    stage.config["clickhouse"]["compression"] = "none".into();
    if let Some(batch) = stage.config["batch"].as_object_mut() {
        batch.clear();
    }
    write_events(&stage.file, events, tenants).expect("events can be written to a temporary folder");

    let mut connector = stage.connector(&[&["--once"], arguments].concat());
    connector.process().said("partition taken");
    let started = Instant::now();
    let mut peak_memory = 0;
    while connector.process().is_running() {
        peak_memory = peak_memory.max(connector.process().peak_memory().unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let round = Round { events, elapsed: started.elapsed() };
    connector.succeeds();
    let stored = stage.database.number("SELECT count() FROM voc_events");
    assert_eq!(stored, events as u64, "everything is stored once");
    stage.database.run(&format!("DROP DATABASE {}", stage.database.name()));
    Run { round, peak_memory }
}

fn write_events(path: &Path, events: usize, tenants: usize) -> std::io::Result<()> {
    let mut plain = Plain::new(1, tenants, chrono::Utc::now().timestamp_millis());
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut line = Vec::new();
    for _ in 0..events {
        line.clear();
        plain.write_next(&mut line);
        line.push(b'\n');
        file.write_all(&line)?;
    }
    file.flush()
}
