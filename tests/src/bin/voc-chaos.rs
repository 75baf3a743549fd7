//! `voc-chaos`: the fault harness. `cargo xtask chaos` prepares what it needs and runs it.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use voc_tests::chaos::campaign::{self, Options, Outcome};
use voc_tests::chaos::{self, disk, log};

/// Runs the real binaries under load, one fault after the other, and looks whether an event is lost, doubled or
/// altered
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// How many faults
    #[arg(long, default_value_t = 25)]
    cycles: u64,
    /// Decides which faults come, and when; by default another one each time, or the next one of the log
    #[arg(long)]
    seed: Option<u64>,
    /// Between which services the connector runs
    #[arg(long, value_enum)]
    topology: Option<Topology>,
    /// Only this cycle of this seed, on a fresh stage
    #[arg(long, value_name = "SEED:CYCLE", value_parser = parse_replay, conflicts_with_all = ["cycles", "seed"])]
    replay: Option<(u64, u64)>,
    /// Leave a layer of the delivery out: the campaign has to fail
    #[arg(long, value_enum)]
    without: Option<Layer>,
    /// Append what was done to this file; with one that is there already, go on with the next seed
    #[arg(long)]
    log: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Topology {
    OneMachine,
    Cluster,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Layer {
    Fence,
    Ledger,
    Token,
    Contiguity,
    Generation,
    Final,
}

fn parse_replay(text: &str) -> Result<(u64, u64), String> {
    let (seed, cycle) = text.split_once(':').ok_or("SEED:CYCLE is two numbers")?;
    let number = |text: &str| text.parse().map_err(|error| format!("{text}: {error}"));
    Ok((number(seed)?, number(cycle)?))
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    disk::own_mounts();
    let options = options(cli)?;
    println!("seed {}, {}", options.seed, options.topology.as_str());
    let outcome = campaign::run(&options)?;
    print(&options, &outcome);
    Ok(if outcome.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn options(cli: Cli) -> anyhow::Result<Options> {
    let without = cli.without.map(|layer| match layer {
        Layer::Fence => chaos::Layer::Fence,
        Layer::Ledger => chaos::Layer::Ledger,
        Layer::Token => chaos::Layer::Token,
        Layer::Contiguity => chaos::Layer::Contiguity,
        Layer::Generation => chaos::Layer::Generation,
        Layer::Final => chaos::Layer::Final,
    });
    // A file has no holes to be noticed.
    let usual =
        if without == Some(chaos::Layer::Contiguity) { Topology::Cluster } else { Topology::OneMachine };
    let topology = match cli.topology.unwrap_or(usual) {
        Topology::OneMachine => chaos::Topology::OneMachine,
        Topology::Cluster => chaos::Topology::Cluster,
    };
    let logged = cli.log.as_deref().map(log::next_seed).transpose()?.flatten();
    // Small, so that it is easily told.
    let seed = || logged.unwrap_or_else(|| RandomState::new().hash_one(()) % 1_000_000);
    let (seed, first_cycle, cycles) = match cli.replay {
        Some((seed, cycle)) => (seed, cycle, 1),
        None => (cli.seed.unwrap_or_else(seed), 0, cli.cycles),
    };
    Ok(Options { first_cycle, cycles, seed, topology, without, log: cli.log })
}

fn print(options: &Options, outcome: &Outcome) {
    let verdict = &outcome.verdict;
    let (physical, logical) = (&verdict.physical, &verdict.logical);
    for example in physical.examples.iter().chain(&logical.examples) {
        println!("  {example}");
    }
    if let Some((cycle, failure)) = &outcome.failure {
        println!("cycle {cycle} failed: {failure}");
        let topology = options.topology.as_str();
        let without =
            options.without.map(|layer| format!(" --without {}", layer.as_str())).unwrap_or_default();
        println!(
            "to repeat it: cargo xtask chaos --topology {topology}{without} --replay {}:{cycle}",
            options.seed
        );
    }
    println!("{:.2} s a cycle in the mean, everything included", outcome.mean_seconds);
    println!(
        "{} cycles, seed {}: {} lost, {} doubled, {} altered (physical: {} origins, {} lost, {} doubled, {} altered; \
         logical: {} events, {} lost, {} doubled, {} altered)",
        outcome.cycles,
        options.seed,
        physical.lost + logical.lost,
        physical.doubled + logical.doubled,
        physical.altered + logical.altered,
        verdict.origins,
        physical.lost,
        physical.doubled,
        physical.altered,
        verdict.events,
        logical.lost,
        logical.doubled,
        logical.altered,
    );
}
