//! The test binaries: one build and one `cargo test` with every feature the machine can serve, so that
//! nothing is compiled twice.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::Tier;
use super::report::{Count, Report};
use crate::commands::tell_places;
use crate::prepare::{chdb, python, wasm};
use crate::workspace::{Workspace, run as run_command};

/// Runs the wanted tiers together. What a tier needs and cannot be had makes it not run.
pub(super) fn run(workspace: &Workspace, wanted: &[Tier], report: &mut Report) -> Result<()> {
    let needs = |tiers: &[Tier]| tiers.iter().any(|tier| wanted.contains(tier));
    let modules = needs(&[Tier::Wasm, Tier::Clickhouse]).then(|| wasm::prepare(workspace));
    let library = needs(&[Tier::Clickhouse, Tier::Python]).then(chdb::prepare);
    let interpreter = needs(&[Tier::Python]).then(python::prepare);

    let mut ran = Vec::new();
    let mut features: Vec<&str> = Vec::new();
    for tier in wanted {
        let missing = match tier {
            Tier::Wasm => reason(&[why_not(modules.as_ref())]),
            Tier::Clickhouse => reason(&[why_not(modules.as_ref()), why_not(library.as_ref())]),
            Tier::Python => reason(&[why_not(library.as_ref()), why_not(interpreter.as_ref())]),
            _ => None,
        };
        if let Some(missing) = missing {
            report.did_not_run(tier.name(), &missing, enable(*tier));
            continue;
        }
        features.extend(features_of(*tier));
        ran.push(*tier);
    }
    if ran.is_empty() {
        return Ok(());
    }

    let features = features.join(",");
    let configure = |command: &mut Command| {
        let modules = modules.as_ref().and_then(|modules| modules.as_ref().ok());
        let library = library.as_ref().and_then(|library| library.as_deref().ok());
        tell_places(command, workspace, modules, library);
        if let Some(Ok(interpreter)) = &interpreter {
            command.env(python::VARIABLE, interpreter);
        }
    };
    let names = ran.iter().map(|tier| tier.name()).collect::<Vec<_>>().join(", ");
    report.ran(&names, build_and_test(workspace, &packages(&ran), &features, configure)?);
    Ok(())
}

/// `stack` starts every binary, so they are built first, all with the features that the tests also see.
fn build_and_test(
    workspace: &Workspace,
    packages: &[&str],
    features: &str,
    configure: impl Fn(&mut Command),
) -> Result<Count> {
    println!("── cargo test --release {} --features \"{features}\"", packages.join(" "));
    let mut build =
        workspace.cargo(&["build", "--release", "--workspace", "--all-targets", "--features", features]);
    configure(&mut build);
    if let Err(error) = run_command(&mut build, "cargo build") {
        println!("{error:#}");
        return Ok(Count::of_check(false));
    }
    let mut test = workspace.cargo(&["test", "--release", "--no-fail-fast", "--features", features]);
    configure(test.args(packages).stdin(Stdio::null()).stdout(Stdio::piped()));
    let mut child = test.spawn().context("cargo test does not start")?;
    let output = child.stdout.take().context("the output of cargo test is piped")?;
    let mut count = Count::default();
    for line in BufReader::new(output).split(b'\n') {
        // Tests may print anything, so this is bytes until it is known to be text.
        let line = String::from_utf8_lossy(&line?).into_owned();
        println!("{line}");
        count.add(Count::of_result_line(&line).unwrap_or_default());
    }
    let status = child.wait()?;
    // A test binary that died has no result line.
    if !status.success() && count.failed == 0 {
        println!("cargo test failed ({status}), and no test did: a test binary died");
        count.add(Count::of_check(false));
    }
    Ok(count)
}

/// What cargo is asked to test.
fn packages(tiers: &[Tier]) -> Vec<&'static str> {
    if tiers.contains(&Tier::Unit) {
        return vec!["--workspace"];
    }
    let mut packages = Vec::new();
    if tiers.contains(&Tier::Wasm) || tiers.contains(&Tier::Clickhouse) {
        packages.push("--package=voc-tests");
    }
    if tiers.contains(&Tier::Clickhouse) || tiers.contains(&Tier::Python) {
        packages.push("--package=voc-clickhouse-local");
    }
    packages
}

/// The features that switch a tier's tests on.
fn features_of(tier: Tier) -> &'static [&'static str] {
    match tier {
        Tier::Wasm => &["voc-tests/wasm"],
        Tier::Clickhouse => &["voc-tests/stack", "voc-clickhouse-local/libchdb"],
        Tier::Python => &["voc-clickhouse-local/python"],
        _ => &[],
    }
}

fn enable(tier: Tier) -> &'static str {
    match tier {
        Tier::Wasm => "rustup target add wasm32-unknown-unknown",
        Tier::Clickhouse => "apt-get install npm, or VOC_LIBCHDB=/path/to/libchdb.so",
        _ => "apt-get install python3-venv, or VOC_PYTHON=/path/to/python with clickhouse-connect",
    }
}

/// Why a preparation gave nothing, if it was tried and failed.
fn why_not<T>(prepared: Option<&Result<T>>) -> Option<String> {
    match prepared {
        Some(Err(error)) => Some(format!("{error:#}")),
        _ => None,
    }
}

fn reason(failures: &[Option<String>]) -> Option<String> {
    let failures: Vec<&str> = failures.iter().flatten().map(String::as_str).collect();
    (!failures.is_empty()).then(|| failures.join("; "))
}
