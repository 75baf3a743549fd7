//! The ClickHouse engine, embedded, behind ClickHouse's own HTTP interface on loopback
//!
//! A development default, not a database product. Clients cannot tell it from a server, but for this:
//! one user; no TLS, roles or quotas; no external data, `INTO OUTFILE` or `input()`; of compressions
//! gzip, deflate and LZ4; KILL QUERY sees the requests of this server and always ends an insert whole
//! or not at all; the setting `log_comment` carries the query id; `queryID()` is the engine's own.

mod answer;
mod body;
mod compression;
mod engine;
mod exception;
mod kill;
mod lanes;
mod library;
mod registry;
mod repair;
mod request;
mod run;
mod serve;
mod server;
mod session;
mod shared;
mod sql;
mod statement;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// The ClickHouse engine (libchdb) behind ClickHouse's HTTP interface.
///
/// The password is taken from CLICKHOUSE_PASSWORD; without one, the server listens on loopback only.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// libchdb.so
    #[arg(long, env = "VOC_LIBCHDB")]
    library: OsString,
    /// The folder that holds the data; made if it is not there
    #[arg(long)]
    path: PathBuf,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// The port to listen on; 0 takes any that is free
    #[arg(long, default_value_t = 8123)]
    port: u16,
    /// The name of the one user
    #[arg(long, default_value = "default")]
    user: String,
    /// How many statements run at a time; others wait
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(2..=256))]
    connections: u16,
}

fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::builder().with_default_directive(tracing::Level::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(std::io::stdout().is_terminal()).init();
    let args = Args::parse();
    let password = std::env::var("CLICKHOUSE_PASSWORD").unwrap_or_default();
    Ok(serve::serve(&args, password)?)
}
