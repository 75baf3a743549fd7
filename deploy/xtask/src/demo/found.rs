//! What is stored and served, asked of ClickHouse and the API.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::clickhouse::{get, number, rows};
use super::folder::Input;
use super::ports::Ports;

/// Per tenant what the API serves: rows of event type, count, average sentiment.
pub(super) type Tenants = BTreeMap<String, Vec<Value>>;

/// What was found stored.
pub(super) struct Found {
    pub(super) tenants: Tenants,
    /// Dead letters by code.
    pub(super) rejected: BTreeMap<String, u64>,
    /// Distinct events.
    pub(super) events: u64,
    /// Rows in the ledger, and distinct origins in it.
    pub(super) ledger: (u64, u64),
}

/// Asks the API for these tenants and every one that ClickHouse knows, and ClickHouse for the rest.
pub(super) fn find<'a>(
    ports: &Ports,
    input: &Input,
    expected: impl Iterator<Item = &'a String>,
) -> Result<Found> {
    let ask = |sql: &str| rows(ports.clickhouse, &input.stream, sql);
    let stored = ask("SELECT DISTINCT tenant_id FROM voc_events")?;
    let mut names: BTreeSet<String> =
        stored.iter().filter_map(|row| row[0].as_str().map(str::to_owned)).collect();
    names.extend(expected.cloned());

    let url = format!("http://127.0.0.1:{}/metrics/summary", ports.api);
    let mut tenants = Tenants::new();
    for name in names {
        let body = get(&url, &[("tenant_id", &name), ("days", "3650")])?;
        let mut answer: Value = serde_json::from_str(&body).with_context(|| format!("not JSON: {body}"))?;
        let Value::Array(rows) = answer["rows"].take() else {
            bail!("the API answered without rows: {body}")
        };
        tenants.insert(name, rows);
    }

    let codes = ask("SELECT code, count() FROM voc_dead_letters FINAL GROUP BY code")?;
    let events = ask("SELECT count() FROM voc_events FINAL")?;
    let ledger = ask("SELECT sum(rows), bitmapCardinality(groupBitmapMergeState(offsets)) FROM voc_origins")?;
    let first = |rows: &[Value], column: usize| rows.first().map_or(0, |row| number(&row[column]));
    Ok(Found {
        tenants,
        rejected: codes
            .iter()
            .map(|row| (row[0].as_str().unwrap_or_default().to_owned(), number(&row[1])))
            .collect(),
        events: first(&events, 0),
        ledger: (first(&ledger, 0), first(&ledger, 1)),
    })
}
