//! `voc-api --config PATH [--secrets PATH]`: the analytics of one tenant at a time, over HTTP.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use tracing_subscriber::EnvFilter;
use voc_api::config::{Config, Environment};
use voc_api::{router, server};

/// Serves a tenant's voice-of-customer analytics over HTTP
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The Connector.yaml that the connector also reads; its sections `clickhouse` and `api` matter here
    #[arg(long)]
    config: PathBuf,
    /// File of NAME=value lines for `${{ secrets.NAME }}`; without it they come from the environment
    #[arg(long)]
    secrets: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::INFO.into()).from_env()?;
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(std::io::stdout().is_terminal()).init();

    let secrets = args.secrets.as_deref().map(read).transpose()?;
    let environment = Environment::of_process(secrets.as_deref()).context("in the secrets file")?;
    let config = Config::parse(&read(&args.config)?, &environment)
        .with_context(|| format!("in {}", args.config.display()))?;

    let router = router::new(&config)?;
    server::run(&config.api, router).await?;
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
