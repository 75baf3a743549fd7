//! The repair: what the audit misses is read from the stream again and stored, as long as the stream has it;
//! and the ledger is made to count what is stored once.

use std::collections::BTreeSet;

use super::classify::Pages;
use super::report::{Partition, Report};
use super::{Error, run};
use crate::config::Config;
use crate::sink::Sink;

/// What a repair did.
#[derive(Debug)]
pub struct Repaired {
    /// What was found before.
    pub before: Report,
    /// What is found now.
    pub after: Report,
    /// Rows that were stored again.
    pub stored: u64,
    /// Partitions whose stream could not be read to its end, and why.
    pub unreadable: Vec<String>,
}

/// Audits, repairs, and audits again. May run while a connector writes, for it touches only what lies below the
/// checkpoints; but not beside another repair.
///
/// # Errors
/// [`Error`]
pub async fn repair(config: &Config, sink: &Sink) -> Result<Repaired, Error> {
    let before = run(config, sink).await?;
    let (mut stored, mut unreadable) = (0, Vec::new());
    for partition in before.partitions.iter().filter(|partition| !partition.is_clean()) {
        let (count, trouble) = restore(config, sink, partition).await?;
        stored += count;
        unreadable.extend(trouble.map(|reason| format!("{}: {reason}", partition.standing.origin)));
        let wrong: Vec<u64> = [partition.doubled.as_slice(), &partition.unledgered].concat();
        if !wrong.is_empty() {
            sink.correct(&partition.standing.origin, &wrong).await?;
        }
    }
    let after = run(config, sink).await?;
    Ok(Repaired { before, after, stored, unreadable })
}

async fn restore(
    config: &Config,
    sink: &Sink,
    partition: &Partition,
) -> Result<(u64, Option<String>), Error> {
    if partition.missing.is_empty() {
        return Ok((0, None));
    }
    let missing: BTreeSet<u64> = partition.missing.iter().copied().collect();
    let mut pages = Pages::start(config, sink, &partition.standing, missing)?;
    let mut stored = 0;
    while let Some(batch) = pages.next().await? {
        stored += sink.store_again(batch).await?;
    }
    Ok((stored, pages.trouble().await))
}
