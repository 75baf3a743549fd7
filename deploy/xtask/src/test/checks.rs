//! The checks that are no test binaries: each counts as one.

use crate::workspace::{Workspace, output_of, run};

/// How a check ended.
pub(super) enum Outcome {
    /// It ran.
    Ran {
        /// Whether it found nothing.
        passed: bool,
    },
    /// Its tool is missing.
    Absent {
        /// The command that brings it.
        enable: &'static str,
    },
}

/// rustfmt over all members.
pub(super) fn format(workspace: &Workspace) -> Outcome {
    if !has(workspace, "fmt") {
        return Outcome::Absent { enable: "rustup component add rustfmt" };
    }
    check(workspace, &["fmt", "--all", "--check"])
}

/// clippy over all members and targets, in the profile and with the features that the tests use, so that
/// nothing is compiled for its sake alone.
pub(super) fn lint(workspace: &Workspace) -> Outcome {
    if !has(workspace, "clippy") {
        return Outcome::Absent { enable: "rustup component add clippy" };
    }
    check(
        workspace,
        &[
            "clippy",
            "--release",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "--deny",
            "warnings",
        ],
    )
}

/// cargo-deny without the advisories, which need a network that a test must not.
pub(super) fn deny(workspace: &Workspace) -> Outcome {
    if !has(workspace, "deny") {
        return Outcome::Absent { enable: "cargo install --locked cargo-deny" };
    }
    check(
        workspace,
        &["deny", "--config", ".cargo/deny.toml", "--offline", "check", "licenses", "bans", "sources"],
    )
}

/// Whether cargo knows that subcommand here.
fn has(workspace: &Workspace, subcommand: &str) -> bool {
    output_of(&mut workspace.cargo(&[subcommand, "--version"])).is_some()
}

fn check(workspace: &Workspace, line: &[&str]) -> Outcome {
    let command = format!("cargo {}", line.join(" "));
    println!("── {command}");
    let result = run(&mut workspace.cargo(line), &command);
    if let Err(error) = &result {
        println!("{error:#}");
    }
    Outcome::Ran { passed: result.is_ok() }
}
