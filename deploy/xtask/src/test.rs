//! `cargo xtask test`: everything this machine can check, in the profile the demo runs in, and then a
//! list of what ran and what did not.

mod checks;
mod report;
mod suite;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::workspace::Workspace;
use report::{Count, Report};

/// Options of `cargo xtask test`.
#[derive(Args)]
pub(crate) struct Options {
    /// Run this tier alone
    #[arg(long, value_name = "TIER")]
    only: Option<Tier>,
}

/// What is checked, in the order of the list at the end.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tier {
    /// rustfmt
    Format,
    /// clippy, warnings are errors
    Lint,
    /// Licences, sources and bans of the dependencies
    Deny,
    /// Everything that needs nothing but cargo
    Unit,
    /// The compiled SmartModule in Fluvio's engine
    Wasm,
    /// The real binaries against the real ClickHouse engine
    Clickhouse,
    /// The embedded engine against ClickHouse's own Python client, exports in pandas, the API against schemathesis
    Python,
    /// Also with a real Kafka
    Kafka,
    /// Also with a real Fluvio cluster
    Cluster,
    /// The fault harness on one machine, a few cycles of another seed each time
    Chaos,
}

impl Tier {
    const SUITE: [Self; 7] =
        [Self::Unit, Self::Wasm, Self::Clickhouse, Self::Python, Self::Kafka, Self::Cluster, Self::Chaos];

    fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Lint => "lint",
            Self::Deny => "deny",
            Self::Unit => "unit",
            Self::Wasm => "wasm",
            Self::Clickhouse => "clickhouse",
            Self::Python => "python",
            Self::Kafka => "kafka",
            Self::Cluster => "cluster",
            Self::Chaos => "chaos",
        }
    }
}

/// Runs the tiers; the exit code tells whether all that ran passed.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let wanted = |tier: Tier| options.only.is_none_or(|only| only == tier);
    let mut report = Report::default();

    for (tier, check) in [
        (Tier::Format, checks::format as fn(&Workspace) -> checks::Outcome),
        (Tier::Lint, checks::lint),
        (Tier::Deny, checks::deny),
    ] {
        if !wanted(tier) {
            continue;
        }
        match check(workspace) {
            checks::Outcome::Ran { passed } => report.ran(tier.name(), Count::of_check(passed)),
            checks::Outcome::Absent { enable } => report.did_not_run(tier.name(), "not installed", enable),
        }
    }

    let suite = Tier::SUITE.into_iter().filter(|tier| wanted(*tier)).collect::<Vec<_>>();
    if !suite.is_empty() {
        suite::run(workspace, &suite, &mut report)?;
    }
    report.print();
    // A tier that was asked for by name and could not run is no success.
    Ok(if report.failed() == 0 && report.ran_anything() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
