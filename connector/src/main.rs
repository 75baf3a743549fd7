//! Streams customer events through the SmartModule into ClickHouse, exactly once.
//!
//! Started as Fluvio starts a connector: `voc-connector --config PATH [--secrets PATH]`, level of the
//! log in `RUST_LOG`, SIGTERM to end. The logic is in `voc-connector-core`.

mod dead_letters;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use uuid::Uuid;
use voc_connector_core::audit::{self, Report};
use voc_connector_core::check::{self, Finding};
use voc_connector_core::config::Config;
use voc_connector_core::layers::Layer;
use voc_connector_core::metrics::Metrics;
use voc_connector_core::monitoring::Readiness;
use voc_connector_core::options::{Legs, Options};
use voc_connector_core::sink::Sink;
use voc_connector_core::sink::erase::Erasure;
use voc_connector_core::sink::retention::Expired;
use voc_connector_core::{annotate, config, pipeline, rollups};

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
    /// Begin a new generation of every stream, and read each from its start; of one leg alone with =mirror (Kafka
    /// into Fluvio) or =source (into ClickHouse)
    #[arg(long, value_name = "LEG", num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    new_generation: Option<Legs>,
    /// Leave a layer of the delivery out. For benchmarks and the fault harness: events are lost or doubled
    #[arg(long, value_name = "LAYER", hide = true)]
    without: Vec<Layer>,
}

/// Which installation a command is about.
#[derive(Args)]
struct Target {
    /// The configuration, Connector.yaml
    #[arg(long)]
    config: PathBuf,
    /// File of secrets, NAME=value a line
    #[arg(long)]
    secrets: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Compare what is stored with what must be: every offset below the checkpoints is a row, a gap, replaced by an
    /// equal event, or erased. Exit code 0: all accounted for; 3: something is missing or doubled, and named;
    /// 1: could not be found out
    Audit {
        #[command(flatten)]
        target: Target,
    },
    /// Audit, read what is missing from the stream again and store it, put the ledger right, and audit again. May run
    /// beside a connector. Exit codes as of `audit`, for what is left
    Repair {
        #[command(flatten)]
        target: Target,
    },
    /// Remove events on purpose, so that neither an audit nor a repair takes that for a loss
    Erase {
        #[command(flatten)]
        target: Target,
        /// Whose events, and whose rejected records
        #[arg(long, required_unless_present = "before")]
        tenant: Option<String>,
        /// Which event alone
        #[arg(long, requires = "tenant")]
        event: Option<Uuid>,
        /// Only events from before this time, RFC 3339; rejected records that were read before it
        #[arg(long)]
        before: Option<DateTime<Utc>>,
        /// Who asked for it, and why
        #[arg(long)]
        reason: String,
    },
    /// Compute the rollups of every hour that has changed, without waiting for a connector to do it
    Rollups {
        #[command(flatten)]
        target: Target,
        /// How long ago the last change of an hour must be; default `rollups.settle`. Less than an insert takes, and
        /// only where nothing is inserted
        #[arg(long)]
        settle: Option<humantime::Duration>,
        /// Do what is done every night, too: compare every hour with its events before; remove what is too old, and merge
        /// the rollups of each month into one part, after
        #[arg(long)]
        nightly: bool,
    },
    /// Check the configuration, and reach every service that it names, without moving data
    Check {
        /// The configuration, Connector.yaml
        #[arg(long)]
        config: PathBuf,
        /// File of secrets, NAME=value a line
        #[arg(long)]
        secrets: Option<PathBuf>,
    },
    /// What was rejected: list, count, show, replay, purge
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
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

/// What an audit ends with that found something.
const FOUND: u8 = 3;

/// How long ClickHouse may take before a command gives up. A connector waits for ever.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            // Every message of ours names its cause already.
            eprintln!("voc-connector: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let wanted = std::env::var("RUST_LOG").ok();
    let log = tracing_subscriber::fmt().with_env_filter(log_filter(wanted.clone())).with_ansi(false);
    // Standard output is for results.
    let quiet = || EnvFilter::new(wanted.clone().unwrap_or_else(|| "warn".to_owned()));
    match (arguments.command, arguments.run) {
        (Some(Command::Audit { target }), _) => {
            log.with_env_filter(quiet()).with_writer(std::io::stderr).init();
            let (config, sink) = reach(&target).await?;
            let report = audit::run(&config, &sink).await?;
            Ok(tell(&report))
        }
        (Some(Command::Repair { target }), _) => {
            log.with_env_filter(quiet()).with_writer(std::io::stderr).init();
            let (config, sink) = reach(&target).await?;
            let repaired = audit::repair::repair(&config, &sink).await?;
            for reason in &repaired.unreadable {
                eprintln!("voc-connector: {reason}");
            }
            println!("stored again: {}", repaired.stored);
            Ok(tell(&repaired.after))
        }
        (Some(Command::Erase { target, tenant, event, before, reason }), _) => {
            log.with_env_filter(quiet()).with_writer(std::io::stderr).init();
            let (_, sink) = reach(&target).await?;
            let before = before.map(|time| time.timestamp_micros());
            let erasure =
                Erasure { tenant_id: tenant, event_id: event, before, reason, keeps_rollups: false };
            let erased = sink.erase(&erasure).await?;
            println!("erased: {} rows, noted as {}", erased.rows, erased.id);
            Ok(ExitCode::SUCCESS)
        }
        (Some(Command::Rollups { target, settle, nightly }), _) => {
            log.with_env_filter(quiet()).with_writer(std::io::stderr).init();
            let (config, sink) = reach(&target).await?;
            if nightly {
                println!("hours that differed: {}", rollups::verify(&sink).await?);
            }
            let settle = settle.map_or(config.rollups.settle, Into::into);
            println!("hours computed: {}", rollups::compute(&sink, settle).await?);
            if nightly {
                let Expired { rows, hours } = rollups::expire(&config, &sink).await?;
                println!("removed by age: {rows} rows, rollups of {hours} hours");
                println!("months merged: {}", sink.merge_rollups().await?);
            }
            Ok(ExitCode::SUCCESS)
        }
        (Some(Command::Check { config, secrets }), _) => {
            // Standard output is for the findings, and they say what went wrong.
            let quiet = EnvFilter::new(wanted.unwrap_or_else(|| "off".to_owned()));
            log.with_env_filter(quiet).with_writer(std::io::stderr).init();
            run_check(&config, secrets.as_deref()).await.map(|()| ExitCode::SUCCESS)
        }
        (Some(Command::Annotate { smartmodule, params }), _) => {
            // Standard output is for the envelopes.
            log.with_writer(std::io::stderr).init();
            annotate::run(&smartmodule, &params, std::io::stdin().lock(), std::io::stdout().lock())?;
            Ok(ExitCode::SUCCESS)
        }
        (Some(Command::DeadLetters(command)), _) => {
            log.with_env_filter(quiet()).with_writer(std::io::stderr).init();
            Ok(dead_letters::run(command).await)
        }
        (None, Some(run)) => {
            log.init();
            let environment = std::env::vars().collect();
            let config = config::load(&run.config, run.secrets.as_deref(), &environment)?;
            for layer in &run.without {
                tracing::warn!(%layer, "a layer of the delivery is left out: events can be lost or doubled");
            }
            let without = run.without.into_iter().collect();
            let options = Options { once: run.once, new_generation: run.new_generation, without };
            let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
            let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
            let shutdown = async {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            };
            pipeline::run(&config, options, shutdown).await?;
            Ok(ExitCode::SUCCESS)
        }
        (None, None) => anyhow::bail!("--config PATH is required; see --help"),
    }
}

/// Loads the configuration, and reaches ClickHouse.
async fn reach(target: &Target) -> anyhow::Result<(Config, Sink)> {
    let environment = std::env::vars().collect();
    let config = config::load(&target.config, target.secrets.as_deref(), &environment)?;
    let sink = Sink::new(&config.clickhouse, Metrics::new()?, Readiness::new().part("clickhouse"));
    let prepared = tokio::time::timeout(PATIENCE, sink.prepare()).await;
    prepared.with_context(|| format!("{} did not answer within {PATIENCE:?}", config.clickhouse.url()))??;
    Ok((config, sink))
}

/// Prints what an audit found.
fn tell(report: &Report) -> ExitCode {
    for partition in &report.partitions {
        println!("{partition}");
    }
    if report.partitions.is_empty() {
        println!("nothing is stored yet");
    }
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) }
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
