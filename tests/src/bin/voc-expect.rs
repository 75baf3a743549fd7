//! `voc-expect`: what a file of events must yield, as JSON, computed from the file alone.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::Context as _;
use chrono::{DateTime, FixedOffset};
use clap::Parser;

/// Prints what a file of events must yield: counts, dead letters by code, and each tenant's summary
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// NDJSON
    #[arg(long)]
    events: PathBuf,
    /// When the file was read, RFC 3339; now by default
    #[arg(long)]
    read_at: Option<DateTime<FixedOffset>>,
    /// Leave out a last line without newline, as a followed file does
    #[arg(long)]
    complete_lines: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let path = arguments.events.display();
    let file = File::open(&arguments.events).with_context(|| format!("cannot read {path}"))?;
    let read_at =
        arguments.read_at.map_or_else(|| chrono::Utc::now().timestamp_millis(), |at| at.timestamp_millis());
    let expected = voc_tests::expect::expect(BufReader::new(file), read_at, arguments.complete_lines)
        .with_context(|| format!("cannot read {path}"))?;
    println!("{}", serde_json::to_string(&expected)?);
    Ok(())
}
