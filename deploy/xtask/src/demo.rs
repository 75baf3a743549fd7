//! `cargo xtask demo`: the sample events, or any NDJSON file, through every real part on this machine.
//!
//! Three processes: the embedded ClickHouse, the connector, the API. Then each tenant's analytics as the
//! API serves them, held against what the input file alone says.

mod clickhouse;
mod compare;
mod folder;
mod found;
mod ports;
pub(crate) mod process;
mod progress;
mod stack;
mod summary;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::prepare::{chdb, compilers, wasm};
use crate::workspace::Workspace;
use folder::Folder;
use progress::Progress;
use stack::{Interrupted, Stack};

/// No file takes longer; a connector that hangs is noticed in the end.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Options of `cargo xtask demo`.
#[derive(Args)]
pub(crate) struct Options {
    /// End after the summary; exit code 0 only if the API serves what the input file says
    #[arg(long)]
    once: bool,
    /// NDJSON file to stream; without it, generated sample events
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Keep the data here, and go on with it next time
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Port of the API, 0 for any
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    http_port: u16,
    /// Port of the embedded ClickHouse, 0 for any
    #[arg(long, value_name = "PORT", default_value_t = 8123)]
    clickhouse_port: u16,
    /// Port of the connector's health and metrics, 0 for any
    #[arg(long, value_name = "PORT", default_value_t = 8001)]
    monitoring_port: u16,
}

/// Prepares, builds, streams, compares, and without `--once` serves until it is interrupted.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    // First what can be refused at once.
    ports::choose(options)?;
    let folder = Folder::open(options)?;
    compilers()?;
    let modules = wasm::prepare(workspace)?;
    let library = chdb::prepare()?;
    workspace.build()?;

    let input = folder.input(workspace)?;
    // Chosen again, because building takes minutes.
    let ports = ports::choose(options)?;
    let config = folder.write_config(&input, &modules.voc, &ports, !options.once)?;
    let mut stack = Stack::start(workspace, &folder, &library, &config, &ports, options.once)?;
    let outcome = stream(workspace, &mut stack, &input, &ports, options.once);
    stack.stop();
    match outcome {
        Err(error) if error.is::<Interrupted>() => {
            eprintln!("demo: interrupted");
            Ok(ExitCode::from(130))
        }
        Err(error) => Err(error),
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
    }
}

/// Whether what the API serves is what the input file says.
fn stream(
    workspace: &Workspace,
    stack: &mut Stack,
    input: &folder::Input,
    ports: &ports::Ports,
    once: bool,
) -> Result<bool> {
    println!("streaming {} through the SmartModule into ClickHouse", input.path.display());
    let lines = input.lines(once)?;
    let mut progress = Progress::begin(lines, ports, input);
    stack.start_connector()?;
    stack.until(PATIENCE, "the file to be stored", |stack| {
        let stored = progress.show(ports, input);
        let finished = if once { stack.connector_is_done() } else { stored >= lines };
        Ok(finished.then_some(()))
    })?;
    progress.finish(ports, input);
    stack.until_ready(ports)?;
    let equal = compare::after_streaming(workspace, stack, input, ports, once)?;
    if once {
        return Ok(equal);
    }
    println!("\nserving until Ctrl-C:");
    println!("  API         http://127.0.0.1:{}/metrics/summary?tenant_id=…&days=30", ports.api);
    println!(
        "  ClickHouse  http://127.0.0.1:{}  (any ClickHouse client, user default, no password)",
        ports.clickhouse
    );
    println!("  connector   http://127.0.0.1:{}/metrics", ports.monitoring);
    println!("  input       {}  (append to it, and it is streamed)", input.path.display());
    stack.serve()?;
    Ok(equal)
}
