//! The connector's memory while ClickHouse is away: events go on arriving at the same rate, and none is read
//! that does not fit.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::generate::plain::Plain;
use crate::harness::clickhouse::ClickHouse;
use crate::harness::connector::Connector;
use crate::harness::stage::Stage;

/// How long the steady level is looked at.
const STEADY: Duration = Duration::from_secs(60);

/// Between two lots of events, and between two looks at the memory.
const STEP: Duration = Duration::from_millis(100);

/// What an outage did.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    /// Events that came in all.
    pub events: u64,
    /// The most memory before it, in MiB.
    pub steady_memory: u64,
    /// The most memory up to its end, in MiB.
    pub outage_memory: u64,
    /// From ClickHouse's return to the last event stored.
    pub drained: Duration,
}

/// Streams so many 463-byte call events a second, takes ClickHouse away for so long, and waits until all is stored.
///
/// # Panics
/// Where a part does not run, the connector calls itself ready without ClickHouse, or not everything is stored.
#[must_use]
pub fn run(rate: u64, outage: Duration) -> Outage {
    let mut clickhouse = ClickHouse::start();
    let stage = Stage::on(&clickhouse, "outage");
    let load = Load::start(&stage.file, rate);
    let mut connector = stage.connector(&[]);
    connector.until_ready_is(200);

    let steady_memory = watch(&mut connector, STEADY);
    clickhouse.kill();
    let outage_memory = watch(&mut connector, outage);
    connector.until_ready_is(503);
    let events = load.end();

    clickhouse.start_again();
    let returned = Instant::now();
    while stage.records() < events {
        assert!(connector.process().is_running(), "the connector ended");
        std::thread::sleep(STEP);
    }
    let drained = returned.elapsed();
    connector.drain();
    let stored = stage.database.number("SELECT count() FROM voc_events");
    assert_eq!(stored, events, "everything is stored once");
    Outage { events, steady_memory, outage_memory, drained }
}

/// The most memory up to the end of this time, in MiB.
fn watch(connector: &mut Connector, time: Duration) -> u64 {
    let until = Instant::now() + time;
    let mut memory = 0;
    while Instant::now() < until {
        memory = connector.process().peak_memory().expect("the connector runs");
        std::thread::sleep(STEP);
    }
    memory
}

impl Outage {
    /// Prints the memory, and what became of the events.
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub fn print(&self) {
        let ratio = self.outage_memory as f64 / self.steady_memory as f64;
        println!("{:<40} {:>12} MiB", "memory before the outage", self.steady_memory);
        println!(
            "{:<40} {:>12} MiB        {ratio:>5.2} x before",
            "memory up to its end", self.outage_memory
        );
        println!("all {} events stored, {:.1} s after its end", self.events, self.drained.as_secs_f64());
    }
}

/// Appends events to a file at a steady rate, in a thread of its own.
struct Load {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<std::io::Result<u64>>,
}

impl Load {
    fn start(path: &Path, rate: u64) -> Self {
        let (path, is_over) = (path.to_owned(), Arc::new(AtomicBool::new(false)));
        let over = Arc::clone(&is_over);
        Self { is_over, thread: std::thread::spawn(move || append(&path, rate, &over)) }
    }

    /// Ends it: how many events there are.
    fn end(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        let written = self.thread.join().expect("the load runs to its end");
        written.expect("events can be written to a temporary folder")
    }
}

fn append(path: &Path, rate: u64, is_over: &AtomicBool) -> std::io::Result<u64> {
    let mut plain = Plain::new(1, 10, chrono::Utc::now().timestamp_millis());
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let started = Instant::now();
    let (mut line, mut written) = (Vec::new(), 0_u64);
    while !is_over.load(Ordering::Relaxed) {
        // By the clock, so that a lot that came late is made up for.
        let elapsed = started.elapsed();
        let due = rate * elapsed.as_secs() + rate * u64::from(elapsed.subsec_millis()) / 1000;
        while written < due {
            line.clear();
            plain.write_next(&mut line);
            line.push(b'\n');
            file.write_all(&line)?;
            written += 1;
        }
        file.flush()?;
        std::thread::sleep(STEP);
    }
    Ok(written)
}
