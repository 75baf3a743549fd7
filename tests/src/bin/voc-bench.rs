//! `voc-bench`: the benchmarks of the README. `cargo xtask bench` prepares what it needs and runs it.

use std::path::PathBuf;

use clap::Parser;
use voc_tests::bench::{engine, report};

/// Measures events a second: the SmartModule in Fluvio's engine, and the pipeline from file to ClickHouse
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The compiled SmartModule
    #[arg(long, env = "VOC_SMARTMODULE")]
    smartmodule: PathBuf,
    /// The module that only echoes
    #[arg(long, env = "VOC_ECHO")]
    echo: PathBuf,
    /// Rounds of each contestant
    #[arg(long, default_value_t = 15)]
    rounds: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let rounds = engine::run(&arguments.echo, &arguments.smartmodule, arguments.rounds)?;
    report::print("SmartModule that only echoes", &rounds.echo, None);
    report::print("our SmartModule", &rounds.ours, Some(("echo", &rounds.echo)));
    report::print("the transform, native", &rounds.native, Some(("echo", &rounds.echo)));
    Ok(())
}
