//! Streams customer events through the SmartModule into ClickHouse, exactly once.
//!
//! Started as Fluvio starts a connector: `voc-connector --config PATH [--secrets PATH]`, level of the
//! log in `RUST_LOG`, SIGTERM to end. The logic is in `voc-connector-core`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use voc_connector_core::check::{self, Finding};
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
    /// Check the configuration, and reach every service that it names, without moving data
    Check {
        /// The configuration, Connector.yaml
        #[arg(long)]
        config: PathBuf,
        /// File of secrets, NAME=value a line
        #[arg(long)]
        secrets: Option<PathBuf>,
    },
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
    let wanted = std::env::var("RUST_LOG").ok();
    let log = tracing_subscriber::fmt().with_env_filter(log_filter(wanted.clone())).with_ansi(false);
    match (arguments.command, arguments.run) {
        (Some(Command::Check { config, secrets }), _) => {
            // Standard output is for the findings, and they say what went wrong.
            let quiet = EnvFilter::new(wanted.unwrap_or_else(|| "off".to_owned()));
            log.with_env_filter(quiet).with_writer(std::io::stderr).init();
            run_check(&config, secrets.as_deref()).await
        }
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

/// Prints one line for each thing that was checked.
async fn run_check(path: &Path, secrets: Option<&Path>) -> anyhow::Result<()> {
    let environment = std::env::vars().collect();
    let findings = match config::load(path, secrets, &environment) {
        Ok(config) => {
            let valid = Finding::ok("configuration", format!("{} is valid", path.display()));
            [vec![valid], check::run(&config).await].concat()
        }
        Err(error) => vec![Finding::failed("configuration", error.to_string())],
    };
    for finding in &findings {
        println!("{finding}");
    }
    match findings.iter().filter(|finding| !finding.is_ok).count() {
        0 => Ok(()),
        failed => anyhow::bail!("{failed} of {} checks failed", findings.len()),
    }
}

/// What `RUST_LOG` says, default info. Fluvio's own client is at warn, unless `RUST_LOG` names it: it
/// tells of every connection, which we do ourselves with partition and offset.
fn log_filter(wanted: Option<String>) -> EnvFilter {
    let wanted = wanted.filter(|wanted| !wanted.is_empty()).unwrap_or_else(|| "info".to_owned());
    let is_named = wanted.contains("fluvio");
    EnvFilter::new(if is_named { wanted } else { format!("{wanted},fluvio=warn,fluvio_socket=warn") })
}
