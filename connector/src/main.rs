//! Streams customer events through the SmartModule into ClickHouse, exactly once.
//!
//! Started as Fluvio starts a connector: `voc-connector --config PATH [--secrets PATH]`, level of the
//! log in `RUST_LOG`, SIGTERM to end. The logic is in `voc-connector-core`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use voc_connector_core::pipeline::Options;
use voc_connector_core::{annotate, config, pipeline};

#[derive(Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Option<Run>,
}

#[derive(Args)]
struct Run {
    /// The configuration, Connector.yaml
    #[arg(long)]
    config: PathBuf,
    /// File of secrets, NAME=value a line
    #[arg(long)]
    secrets: Option<PathBuf>,
    /// End when everything that the source has now is stored
    #[arg(long)]
    once: bool,
    /// Begin a new generation of every stream, and read each from its start
    #[arg(long)]
    new_generation: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Read NDJSON from standard input, write the envelopes, line for line
    Annotate {
        /// The compiled SmartModule
        #[arg(long)]
        smartmodule: PathBuf,
        /// A param of the SmartModule
        #[arg(long = "param", value_name = "NAME=VALUE")]
        params: Vec<String>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Every message of ours names its cause already.
            eprintln!("voc-connector: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    match (arguments.command, arguments.run) {
        (Some(Command::Annotate { smartmodule, params }), _) => {
            // Standard output is for the envelopes.
            log.with_writer(std::io::stderr).init();
            annotate::run(&smartmodule, &params, std::io::stdin().lock(), std::io::stdout().lock())?;
            Ok(())
        }
        (None, Some(run)) => {
            log.init();
            let environment = std::env::vars().collect();
            let config = config::load(&run.config, run.secrets.as_deref(), &environment)?;
            let options = Options { once: run.once, new_generation: run.new_generation };
            let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
            let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
            let shutdown = async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            };
            pipeline::run(&config, options, shutdown).await?;
            Ok(())
        }
        (None, None) => anyhow::bail!("--config PATH is required; see --help"),
    }
}
