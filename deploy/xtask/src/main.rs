//! The project's commands: `cargo xtask demo`, `test`, `annotate`, `bench` and what they need.
//!
//! It depends on no other member of the workspace: it builds their binaries and starts them.

mod cache;
mod commands;
mod demo;
mod prepare;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use workspace::Workspace;

/// Commands of the VOC project.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch and build what the other commands need, cached outside `target/`
    Prepare,
    /// Stream events through every part on this machine and show each tenant's analytics
    Demo(demo::Options),
    /// Run every test this machine can run, and list what it could not
    Test(test::Options),
    /// Annotate NDJSON from standard input through the compiled SmartModule
    Annotate {
        /// Passed on to `voc-connector annotate`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Generate sample events
    Generate {
        /// Passed on to `voc-generate`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Measure events per second, from the engine's floor to the whole pipeline
    Bench {
        /// Passed on to `voc-bench`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Kill, cut and stall what runs, under load, and see that no event is lost, doubled or altered
    Chaos {
        /// Passed on to `voc-chaos`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Train the sentiment model on labelled rows, and report how good it is on rows it has not seen
    Train {
        /// Passed on to `voc-train`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Write `api/openapi.json` anew from the code of the API
    Openapi,
    /// Feed the transform random and mutated events for a while
    Fuzz {
        /// How long, in minutes
        #[arg(long, default_value_t = 10)]
        minutes: u64,
    },
    /// Become PROGRAM, in such a way that it ends when the demo that started it ends
    #[command(hide = true)]
    Become {
        /// Process id of the demo
        #[arg(long)]
        parent: i32,
        /// Program and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        line: Vec<std::ffi::OsString>,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Become { parent, line } => demo::process::become_program(parent, &line),
        command => Workspace::find().and_then(|workspace| run(command, &workspace)),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(command: Command, workspace: &Workspace) -> anyhow::Result<ExitCode> {
    match command {
        Command::Prepare => commands::prepare_everything(workspace),
        Command::Demo(options) => demo::run(workspace, &options),
        Command::Test(options) => test::run(workspace, &options),
        Command::Annotate { args } => commands::annotate(workspace, &args),
        Command::Generate { args } => commands::generate(workspace, &args),
        Command::Bench { args } => commands::bench(workspace, &args),
        Command::Chaos { args } => commands::chaos(workspace, &args),
        Command::Train { args } => commands::train(workspace, &args),
        Command::Openapi => commands::openapi(workspace),
        Command::Fuzz { minutes } => commands::fuzz(workspace, minutes),
        Command::Become { .. } => unreachable!("handled before a workspace is looked for"),
    }
}
