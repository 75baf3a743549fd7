//! Holds what the API serves and ClickHouse stores against what the input file alone says.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::clickhouse::number;
use super::folder::Input;
use super::found::{self, Found, Tenants};
use super::ports::Ports;
use super::progress::stored;
use super::stack::Stack;
use super::summary;
use crate::workspace::Workspace;

/// For what was appended while the comparison began.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often a file that grows under the comparison is tried again.
const ATTEMPTS: u32 = 3;
/// Averages are summed in another order by ClickHouse.
const TOLERANCE: f64 = 1e-9;
const SHOWN_DIFFERENCES: usize = 20;

/// What the file says, by the program that reads nothing else.
struct Expected {
    lines: u64,
    events: u64,
    rejected: BTreeMap<String, u64>,
    tenants: Tenants,
}

/// Waits until all of what the file says is stored, prints the summary, and returns whether it is the same.
pub(super) fn after_streaming(
    workspace: &Workspace,
    stack: &mut Stack,
    input: &Input,
    ports: &Ports,
    once: bool,
) -> Result<bool> {
    let mut attempt = 1;
    loop {
        let size = input.path.metadata()?.len();
        let expected = expect(workspace, input, once)?;
        if !once {
            stack.until(PATIENCE, "the file's new lines to be stored", |_| {
                Ok((stored(ports, input) >= Some(expected.lines)).then_some(()))
            })?;
        }
        let found =
            stack.retry("the API's summaries", || found::find(ports, input, expected.tenants.keys()))?;
        if input.path.metadata()?.len() != size && !once && attempt < ATTEMPTS {
            attempt += 1;
            println!("{} grew meanwhile, comparing again", input.path.display());
            continue;
        }
        summary::print(&found);
        return Ok(report(&differences(&expected, &found), &expected));
    }
}

fn expect(workspace: &Workspace, input: &Input, once: bool) -> Result<Expected> {
    let mut command = Command::new(workspace.binary("voc-expect"));
    command.arg("--events").arg(&input.path).args(["--read-at", &input.read_at]);
    if !once {
        // Someone may be writing the last line.
        command.arg("--complete-lines");
    }
    let output = command.stderr(Stdio::inherit()).output().context("voc-expect does not start")?;
    if !output.status.success() {
        bail!("voc-expect failed ({})", output.status);
    }
    parse(&serde_json::from_slice(&output.stdout).context("voc-expect did not print JSON")?)
}

fn parse(said: &Value) -> Result<Expected> {
    let rejected = said["rejected"].as_object().context("voc-expect says no rejected")?;
    let tenants = said["tenants"].as_object().context("voc-expect says no tenants")?;
    Ok(Expected {
        lines: said["lines"].as_u64().context("voc-expect says no lines")?,
        events: said["events"].as_u64().context("voc-expect says no events")?,
        rejected: rejected.iter().map(|(code, count)| (code.clone(), number(count))).collect(),
        tenants: tenants
            .iter()
            .map(|(tenant, rows)| (tenant.clone(), rows.as_array().cloned().unwrap_or_default()))
            .collect(),
    })
}

/// Every difference in a sentence.
fn differences(expected: &Expected, found: &Found) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |what: &str, expected: u64, found: u64| {
        if expected != found {
            differences.push(format!("{what}: {expected} expected, {found} found"));
        }
    };
    compare("origins in the ledger", expected.lines, found.ledger.1);
    compare("rows in the ledger (more than origins means stored twice)", found.ledger.1, found.ledger.0);
    compare("distinct events", expected.events, found.events);
    for code in expected.rejected.keys().chain(found.rejected.keys()).collect::<BTreeSet<_>>() {
        let of = |counts: &BTreeMap<String, u64>| counts.get(code).copied().unwrap_or(0);
        compare(&format!("dead letters {code}"), of(&expected.rejected), of(&found.rejected));
    }
    for tenant in expected.tenants.keys().chain(found.tenants.keys()).collect::<BTreeSet<_>>() {
        let of = |tenants: &Tenants| tenants.get(tenant).cloned().unwrap_or_default();
        let (expected, found) = (of(&expected.tenants), of(&found.tenants));
        let equal =
            expected.len() == found.len() && expected.iter().zip(&found).all(|pair| same_row(pair.0, pair.1));
        if !equal {
            let show = |rows: Vec<Value>| Value::Array(rows).to_string();
            differences.push(format!(
                "tenant {tenant:?}: {} expected, {} served",
                show(expected),
                show(found)
            ));
        }
    }
    differences
}

/// Event type and count exactly, the average closely, no average only where there is none.
fn same_row(expected: &Value, found: &Value) -> bool {
    let average = match (expected[2].as_f64(), found[2].as_f64()) {
        (Some(expected), Some(found)) => (expected - found).abs() <= TOLERANCE,
        (None, None) => expected[2].is_null() && found[2].is_null(),
        _ => false,
    };
    average && expected[0] == found[0] && expected[1].is_u64() && expected[1] == found[1]
}

fn report(differences: &[String], expected: &Expected) -> bool {
    if differences.is_empty() {
        println!(
            "\nequal to what the input file alone says: {} lines, each stored once; {} distinct events of {} tenants",
            expected.lines,
            expected.events,
            expected.tenants.len()
        );
        return true;
    }
    println!("\nDIFFERENT from what the input file alone says, in {} points:", differences.len());
    for difference in differences.iter().take(SHOWN_DIFFERENCES) {
        println!("  {difference}");
    }
    if differences.len() > SHOWN_DIFFERENCES {
        println!("  … and {} more", differences.len() - SHOWN_DIFFERENCES);
    }
    false
}

#[cfg(test)]
mod tests;
