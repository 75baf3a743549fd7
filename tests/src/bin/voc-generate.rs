//! `voc-generate`: writes events as NDJSON to standard output, the same bytes for the same options.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use anyhow::Context;
use chrono::{DateTime, FixedOffset};
use clap::Parser;
use voc_tests::generate::{Expected, Generator, Options, plain::Plain};

/// Writes events as NDJSON to standard output: good ones of all types, bad ones of every kind, some twice
#[derive(Parser)]
#[command(version)]
struct Args {
    /// How many lines
    #[arg(long, default_value_t = 2400)]
    events: u64,
    /// Over how many tenants
    #[arg(long, default_value_t = 8)]
    tenants: usize,
    /// Another seed gives other events
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Latest time of a good event, RFC 3339
    #[arg(long)]
    until: DateTime<FixedOffset>,
    /// Good events begin this many days before
    #[arg(long, default_value_t = 30)]
    days: u32,
    /// Share of bad lines
    #[arg(long, default_value_t = 0.08)]
    bad_share: f64,
    /// Share of lines that send an earlier event again
    #[arg(long, default_value_t = 0.02)]
    resent_share: f64,
    /// How many lines of more than 1 MiB
    #[arg(long, default_value_t = 1)]
    max_too_large: u64,
    /// Writes what must become of each line: `accepted` or the rejection's code
    #[arg(long)]
    expected: Option<PathBuf>,
    /// Only good call events of exactly 463 bytes, for the benchmark
    #[arg(long, conflicts_with_all = ["days", "bad_share", "resent_share", "max_too_large"])]
    plain: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    eprintln!("seed {}", args.seed);
    match write(&args) {
        // Whoever reads has enough, as `head` does.
        Err(error) if error.downcast_ref().is_some_and(is_broken_pipe) => Ok(()),
        result => result,
    }
}

fn is_broken_pipe(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}

fn write(args: &Args) -> anyhow::Result<()> {
    let mut write_next = write_next(args)?;
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    let mut expected = match &args.expected {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Some(BufWriter::new(file))
        }
        None => None,
    };
    let mut line = Vec::with_capacity(1024);
    while let Some(expectation) = write_next(&mut line) {
        line.push(b'\n');
        out.write_all(&line)?;
        line.clear();
        if let Some(expected) = &mut expected {
            writeln!(expected, "{}", expectation.as_str())?;
        }
    }
    out.flush()?;
    if let Some(mut expected) = expected {
        expected.flush()?;
    }
    Ok(())
}

/// Appends the next line and says what must become of it; none after the last.
type WriteNext = Box<dyn FnMut(&mut Vec<u8>) -> Option<Expected>>;

fn write_next(args: &Args) -> anyhow::Result<WriteNext> {
    let until_ms = args.until.timestamp_millis();
    if args.plain {
        let mut plain = Plain::new(args.seed, args.tenants, until_ms);
        let mut left = args.events;
        return Ok(Box::new(move |line| {
            left = left.checked_sub(1)?;
            plain.write_next(line);
            Some(Expected::Accepted)
        }));
    }
    let mut generator = Generator::new(Options {
        events: args.events,
        tenants: args.tenants,
        seed: args.seed,
        until_ms,
        days: args.days,
        bad_share: args.bad_share,
        resent_share: args.resent_share,
        too_large: args.max_too_large,
    })?;
    Ok(Box::new(move |line| generator.write_next(line)))
}
