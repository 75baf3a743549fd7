//! The test binaries: one build and one `cargo test` with every feature the machine can serve, so that
//! nothing is compiled twice.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::Tier;
use super::report::{Count, Report};
use crate::commands::Places;
use crate::prepare::{chdb, cluster, kafka, python, wasm};
use crate::workspace::{Workspace, run as run_command};

/// Cycles of the fault harness: a minute at most.
const CHAOS_CYCLES: &str = "25";

/// Runs the wanted tiers together. What a tier needs and cannot be had makes it not run.
pub(super) fn run(workspace: &Workspace, wanted: &[Tier], report: &mut Report) -> Result<()> {
    let mut parts = Parts::default();
    let mut ran = Vec::new();
    for tier in wanted {
        let missing: Vec<String> =
            needs_of(*tier).iter().filter_map(|part| parts.why_not(*part, workspace)).collect();
        if missing.is_empty() {
            ran.push(*tier);
        } else {
            report.did_not_run(tier.name(), &missing.join("; "), &enable(*tier));
        }
    }
    let is_chaos = ran.contains(&Tier::Chaos);
    ran.retain(|tier| *tier != Tier::Chaos);
    if !ran.is_empty() {
        run_tests(workspace, &ran, &parts.places, report)?;
    } else if is_chaos {
        workspace.build()?;
    }
    if is_chaos {
        report.ran(Tier::Chaos.name(), Count::of_check(chaos(workspace, &parts.places)));
    }
    Ok(())
}

/// The tiers that are test binaries.
fn run_tests(workspace: &Workspace, ran: &[Tier], places: &Places, report: &mut Report) -> Result<()> {
    let features = ran.iter().flat_map(|tier| features_of(*tier)).copied().collect::<Vec<_>>().join(",");
    let names = ran.iter().map(|tier| tier.name()).collect::<Vec<_>>().join(", ");
    let configure = |command: &mut Command| places.tell(command, workspace);
    report.ran(&names, build_and_test(workspace, &packages(ran), &features, configure)?);
    Ok(())
}

/// A campaign counts as one test. It prints its seed.
fn chaos(workspace: &Workspace, places: &Places) -> bool {
    println!("── voc-chaos --cycles {CHAOS_CYCLES}");
    let mut command = Command::new(workspace.binary("voc-chaos"));
    places.tell(command.args(["--cycles", CHAOS_CYCLES]), workspace);
    let result = run_command(&mut command, "voc-chaos");
    if let Err(error) = &result {
        println!("{error:#}");
    }
    result.is_ok()
}

/// What a tier may need.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Modules,
    Library,
    Interpreter,
    Kafka,
    Fluvio,
}

/// What was tried to be had so far.
#[derive(Default)]
struct Parts {
    places: Places,
    tried: Vec<(Part, Option<String>)>,
}

impl Parts {
    /// Why a part cannot be had; it is prepared at the first question.
    fn why_not(&mut self, part: Part, workspace: &Workspace) -> Option<String> {
        if let Some((_, outcome)) = self.tried.iter().find(|(tried, _)| *tried == part) {
            return outcome.clone();
        }
        let places = &mut self.places;
        let prepared = match part {
            Part::Modules => wasm::prepare(workspace).map(|modules| places.modules = Some(modules)),
            Part::Library => chdb::prepare().map(|path| places.library = Some(path)),
            Part::Interpreter => python::prepare().map(|path| places.interpreter = Some(path)),
            Part::Kafka => kafka::prepare().map(|path| places.kafka = Some(path)),
            Part::Fluvio => cluster::find().map(|path| places.fluvio = Some(path)),
        };
        let outcome = prepared.err().map(|error| format!("{error:#}"));
        self.tried.push((part, outcome.clone()));
        outcome
    }
}

fn needs_of(tier: Tier) -> &'static [Part] {
    match tier {
        Tier::Wasm => &[Part::Modules],
        Tier::Clickhouse | Tier::Chaos => &[Part::Modules, Part::Library],
        Tier::Python => &[Part::Modules, Part::Library, Part::Interpreter],
        Tier::Kafka => &[Part::Modules, Part::Library, Part::Kafka],
        Tier::Cluster => &[Part::Modules, Part::Library, Part::Kafka, Part::Fluvio],
        _ => &[],
    }
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
    let has = |some: &[Tier]| some.iter().any(|tier| tiers.contains(tier));
    let mut packages = Vec::new();
    if has(&[Tier::Wasm, Tier::Clickhouse, Tier::Python, Tier::Kafka, Tier::Cluster]) {
        packages.push("--package=voc-tests");
    }
    if has(&[Tier::Clickhouse, Tier::Python]) {
        packages.push("--package=voc-clickhouse-local");
    }
    packages
}

/// The features that switch a tier's tests on.
fn features_of(tier: Tier) -> &'static [&'static str] {
    match tier {
        Tier::Wasm => &["voc-tests/wasm"],
        Tier::Clickhouse => &["voc-tests/stack", "voc-clickhouse-local/libchdb"],
        Tier::Python => &["voc-tests/python", "voc-clickhouse-local/python"],
        Tier::Kafka => &["voc-tests/kafka"],
        Tier::Cluster => &["voc-tests/cluster"],
        _ => &[],
    }
}

fn enable(tier: Tier) -> String {
    let how = match tier {
        Tier::Wasm => "rustup target add wasm32-unknown-unknown",
        Tier::Clickhouse | Tier::Chaos => "apt-get install npm, or VOC_LIBCHDB=/path/to/libchdb.so",
        Tier::Kafka => kafka::TO_GET,
        Tier::Cluster => return format!("what kafka needs, and Fluvio: {}", cluster::TO_GET),
        _ => {
            "apt-get install python3-venv, or VOC_PYTHON=/path/to/python with clickhouse-connect, pandas, pyarrow and \
             schemathesis"
        }
    };
    how.to_owned()
}
