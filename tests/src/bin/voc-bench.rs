//! `voc-bench`: the benchmarks of the README. `cargo xtask bench` prepares what it needs and runs it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use voc_tests::bench::report::Round;
use voc_tests::bench::{api, cluster, delivery, engine, outage, pipeline, report};
use voc_tests::harness::clickhouse::ClickHouse;

/// Measures events a second: the SmartModule in Fluvio's engine, and the pipeline from file to ClickHouse
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    local: Option<Local>,
}

#[derive(Subcommand)]
enum Command {
    /// The connector between Kafka, a Fluvio cluster and ClickHouse, beside Fluvio's own client
    Cluster(Cluster),
    /// What the layers of the delivery cost: file to ClickHouse with all of them and with none, in pairs
    Delivery(Delivery),
    /// The API over many events: from rollups, from its result cache, and beside that asked of the rows
    Api(Api),
    /// The connector's memory while ClickHouse is away and events go on arriving
    Outage(Outage),
}

#[derive(Args)]
struct Delivery {
    /// Pairs of runs
    #[arg(long, default_value_t = 12)]
    pairs: usize,
    /// Events in each run
    #[arg(long, default_value_t = 500_000)]
    events: usize,
}

#[derive(Args)]
struct Api {
    /// How many events; a tenth of them are measured first
    #[arg(long, default_value_t = 50_000_000)]
    events: u64,
    /// In how many tenants
    #[arg(long, default_value_t = 50)]
    tenants: u64,
}

#[derive(Args)]
struct Outage {
    /// How long ClickHouse is away
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Events a second, before it and during it
    #[arg(long, default_value_t = 15_000)]
    rate: u64,
}

#[derive(Args)]
struct Local {
    /// The compiled SmartModule
    #[arg(long, env = "VOC_SMARTMODULE")]
    smartmodule: PathBuf,
    /// The module that only echoes
    #[arg(long, env = "VOC_ECHO")]
    echo: PathBuf,
    /// Rounds of the engine, and runs of the pipeline in between
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Events in each run of the pipeline
    #[arg(long, default_value_t = 500_000)]
    events: usize,
    /// Only the engine
    #[arg(long)]
    engine_only: bool,
}

#[derive(Args)]
struct Cluster {
    /// The compiled SmartModule
    #[arg(long, env = "VOC_SMARTMODULE")]
    smartmodule: PathBuf,
    /// Rounds, each with every leg in turn
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Events in each run of a leg
    #[arg(long, default_value_t = 400_000)]
    events: usize,
    /// Only the sink leg, and the bare consumer beside it
    #[arg(long)]
    sink_only: bool,
}

fn main() -> anyhow::Result<()> {
    let Cli { command, local } = Cli::parse();
    println!("{}", report::machine());
    match (command, local) {
        (Some(Command::Cluster(Cluster { smartmodule, rounds, events, sink_only })), _) => {
            cluster::run(&smartmodule, events, rounds, sink_only).print();
        }
        (Some(Command::Delivery(Delivery { pairs, events })), _) => {
            delivery::run(&ClickHouse::start(), events, pairs).print();
        }
        (Some(Command::Api(Api { events, tenants })), _) => api::run(events, tenants).print(),
        (Some(Command::Outage(Outage { minutes, rate })), _) => {
            outage::run(rate, Duration::from_secs(60 * minutes)).print();
        }
        (None, Some(arguments)) => local_benchmarks(&arguments)?,
        (None, None) => {
            anyhow::bail!("VOC_SMARTMODULE and VOC_ECHO are not set: cargo xtask bench sets them")
        }
    }
    Ok(())
}

fn local_benchmarks(arguments: &Local) -> anyhow::Result<()> {
    if arguments.engine_only {
        let rounds = engine::run(&arguments.echo, &arguments.smartmodule, arguments.rounds)?;
        print_engine(&rounds);
        return Ok(());
    }
    let clickhouse = ClickHouse::start();
    let mut all = engine::Rounds::default();
    let (mut ours, mut with_10, mut with_400) = (Vec::new(), Vec::new(), Vec::new());
    // In turn, so that whatever else the machine does meets all of them.
    for round in 0..arguments.rounds {
        let rounds = engine::run(&arguments.echo, &arguments.smartmodule, 5)?;
        ours.push(report::middle(&rounds.ours));
        all.extend(rounds);
        with_10.push(pipeline::run(&clickhouse, &format!("bench_10_{round}"), arguments.events, 10).round);
        with_400.push(pipeline::run(&clickhouse, &format!("bench_400_{round}"), arguments.events, 400).round);
    }
    print_engine(&all);
    let against = Some(("our SmartModule", ours.as_slice()));
    report::print("file to ClickHouse, 10 tenants", &with_10, against);
    report::print("file to ClickHouse, 400 tenants", &with_400, against);

    let small = pipeline::run(&clickhouse, "bench_memory", arguments.events, 10);
    let large = pipeline::run(&clickhouse, "bench_memory_10", 10 * arguments.events, 10);
    for run in [small, large] {
        let Round { events, .. } = run.round;
        println!(
            "{:<40} {:>12} MiB",
            format!("peak memory of the connector, {events} events"),
            run.peak_memory
        );
    }
    Ok(())
}

fn print_engine(rounds: &engine::Rounds) {
    let against = Some(("echo", rounds.echo.as_slice()));
    report::print("SmartModule that only echoes", &rounds.echo, None);
    report::print("our SmartModule", &rounds.ours, against);
    report::print("our SmartModule, keywords only", &rounds.keywords, against);
    report::print("the transform, compiled natively", &rounds.native, against);
}
