//! The short commands: each prepares, builds, and becomes one of the project's programs.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::prepare::{chdb, compilers, python, wasm};
use crate::workspace::{Workspace, run};

/// `cargo xtask prepare`
pub(crate) fn prepare_everything(workspace: &Workspace) -> Result<ExitCode> {
    compilers()?;
    let modules = wasm::prepare(workspace)?;
    println!("SmartModule        {}", modules.voc.display());
    println!("ClickHouse engine  {}", chdb::prepare()?.display());
    match python::prepare() {
        Ok(interpreter) => println!("Python client      {}", interpreter.display()),
        Err(error) => println!("Python client      none, only `cargo xtask test` would use it: {error:#}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask annotate`
pub(crate) fn annotate(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    compilers()?;
    let modules = wasm::prepare(workspace)?;
    workspace.build()?;
    let mut command = Command::new(workspace.binary("voc-connector"));
    become_it(command.arg("annotate").arg("--smartmodule").arg(modules.voc).args(args))
}

/// `cargo xtask generate`
pub(crate) fn generate(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    compilers()?;
    workspace.build()?;
    become_it(Command::new(workspace.binary("voc-generate")).args(args))
}

/// `cargo xtask bench`
pub(crate) fn bench(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    compilers()?;
    let modules = wasm::prepare(workspace)?;
    let library = chdb::prepare()?;
    workspace.build()?;
    let mut command = Command::new(workspace.binary("voc-bench"));
    tell_places(&mut command, workspace, Some(&modules), Some(&library));
    become_it(command.args(args))
}

/// `cargo xtask fuzz`
pub(crate) fn fuzz(workspace: &Workspace, minutes: u64) -> Result<ExitCode> {
    let mut test = workspace.cargo(&["test", "--release", "--package", "voc-smartmodule", "--test", "fuzz"]);
    test.args(["--", "--nocapture"]).env("VOC_FUZZ_SECONDS", (minutes * 60).to_string());
    run(&mut test, "the fuzz test")?;
    Ok(ExitCode::SUCCESS)
}

/// Tells a program of `tests/` where the built and fetched parts lie.
pub(crate) fn tell_places(
    command: &mut Command,
    workspace: &Workspace,
    modules: Option<&wasm::SmartModules>,
    library: Option<&Path>,
) {
    command.env("VOC_BIN", workspace.binaries());
    if let Some(modules) = modules {
        command.env("VOC_SMARTMODULE", &modules.voc).env("VOC_ECHO", &modules.echo);
    }
    if let Some(library) = library {
        command.env(chdb::VARIABLE, library);
    }
}

/// Replaces this process, so that input, output, signals and the exit code are the program's own.
fn become_it(command: &mut Command) -> Result<ExitCode> {
    let error = command.exec();
    Err(error).with_context(|| format!("{} does not start", command.get_program().display()))
}
