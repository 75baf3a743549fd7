//! How fast the API answers one tenant's questions over many events: from rollups, from its result cache, and beside
//! that the same question asked of the rows.
//!
//! The events are made in ClickHouse itself, in tenants of equal size over 90 days: how they get there is measured
//! elsewhere. The views of the ledger, which no question reads, are left out of the table that they fill.

mod asking;
mod loading;

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::clickhouse::ClickHouse;
use crate::harness::connector::{command, operate};
use crate::harness::process::Process;
use crate::harness::stage::Stage;
use asking::{Asked, ask};

/// Clients of the questions that no cache answers, and of those that it does.
const CLIENTS: usize = 4;
const CACHED_CLIENTS: usize = 32;

/// What is to be reached.
const MIDDLE: Duration = Duration::from_millis(10);
const SLOW: Duration = Duration::from_millis(30);
const GROWTH: f64 = 1.5;
const CACHED_RATE: f64 = 5_000.0;

/// How long each question is asked.
const ASKING: Duration = Duration::from_secs(15);

/// What one number of events gave.
struct Level {
    events: u64,
    loaded: Duration,
    computed: Duration,
    summary: Asked,
    series: Asked,
    rows: Asked,
}

/// What was measured.
pub struct Measured {
    levels: Vec<Level>,
    cached: Asked,
}

/// Loads a tenth of the events, measures, loads the rest, and measures again.
///
/// # Panics
/// Where a part does not run, or an answer is none.
#[must_use]
pub fn run(events: u64, tenants: u64) -> Measured {
    let clickhouse = ClickHouse::start();
    let mut stage = Stage::on(&clickhouse, "bench_api");
    stage.config["api"] = json!({
        "port": 0,
        "cache": { "seconds": 0 },
        "limits": { "tenant_per_second": 0, "address_per_second": 0 },
    });
    // The first of the events are about to be too old.
    stage.config["retention"] = json!({ "events": "0s" });
    std::fs::write(&stage.file, b"").expect("a file can be written");
    stage.run_once();
    loading::without_ledger(&stage.database);
    let api = Api::start(&stage);
    let mut levels = Vec::new();
    let mut loaded = 0;
    for upto in [events / 10, events] {
        let begin = Instant::now();
        loading::load(&stage.database, loaded, upto, tenants);
        let loading = begin.elapsed();
        loaded = upto;
        let begin = Instant::now();
        let (code, said) = operate(&stage, &["rollups", "--settle", "0s", "--nightly"]);
        assert_eq!(code, Some(0), "{said}");
        let computed = begin.elapsed();
        loading::until_merged(&stage.database);
        eprintln!("{upto} events loaded in {loading:?}, rollups computed in {computed:?}");
        let [summary, series] = [asking::summary, asking::series].map(|question| {
            ask(api.port, CLIENTS, ASKING, &|number| {
                asking::get(&question(&loading::tenant(number % tenants)))
            })
        });
        let rows = ask(clickhouse.port(), CLIENTS, ASKING, &|number| {
            asking::rows(stage.database.name(), &loading::tenant(number % tenants))
        });
        levels.push(Level { events: upto, loaded: loading, computed, summary, series, rows });
    }
    drop(api);
    stage.config["api"]["cache"] = json!({ "seconds": 60 });
    let api = Api::start(&stage);
    let cached = ask(api.port, CACHED_CLIENTS, ASKING, &|number| {
        asking::get(&asking::summary(&loading::tenant(number % tenants)))
    });
    Measured { levels, cached }
}

struct Api {
    _process: Process,
    port: u16,
}

impl Api {
    fn start(stage: &Stage) -> Self {
        let mut command: Command = command("voc-api", stage.folder(), &stage.config);
        // Nobody reads a line for each request here.
        command.env("RUST_LOG", "info,voc_api::access::audit_log=off");
        let mut process = Process::start("api", &mut command, stage.folder());
        let address = process.said("listening address=");
        let port = address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        Self { _process: process, port }
    }
}

impl Measured {
    /// Prints the figures, and what they have to be.
    pub fn print(&self) {
        for Level { events, loaded, computed, summary, series, rows } in &self.levels {
            println!("{events} events, loaded in {loaded:.0?}, rollups computed in {computed:.0?}");
            println!("  summary of 30 days, {CLIENTS} clients             {summary}");
            println!("  7 days by hour, {CLIENTS} clients                 {series}");
            println!("  7 days by hour, asked of the rows          {rows}");
        }
        println!("summary from the result cache, {CACHED_CLIENTS} clients    {}", self.cached);
        println!();
        let told = |name: &str, found: String, is_reached: bool| {
            println!("{name:<52} {found:>12}   {}", if is_reached { "reached" } else { "NOT REACHED" });
        };
        if let [small, large] = &self.levels[..] {
            for (name, of) in [
                ("summary", (|level| &level.summary) as fn(&Level) -> &Asked),
                ("7 days by hour", |level| &level.series),
            ] {
                let (few, many) = (of(small), of(large));
                told(
                    &format!("{name}: p50, wanted ≤ {MIDDLE:?}"),
                    format!("{:.1?}", many.quantile(0.5)),
                    many.quantile(0.5) <= MIDDLE,
                );
                told(
                    &format!("{name}: p99, wanted ≤ {SLOW:?}"),
                    format!("{:.1?}", many.quantile(0.99)),
                    many.quantile(0.99) <= SLOW,
                );
                let growth = many.quantile(0.5).as_secs_f64() / few.quantile(0.5).as_secs_f64();
                told(
                    &format!("{name}: ten times the events, wanted ≤ {GROWTH} x"),
                    format!("{growth:.2} x"),
                    growth <= GROWTH,
                );
            }
        }
        let rate = self.cached.rate();
        told(
            &format!("from the cache, wanted ≥ {CACHED_RATE}/s"),
            format!("{rate:.0}/s"),
            rate >= CACHED_RATE,
        );
    }
}
