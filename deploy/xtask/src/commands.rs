//! The short commands: each prepares, builds, and becomes one of the project's programs.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, anyhow};

use crate::prepare::{chdb, cluster, compilers, kafka, python, wasm};
use crate::workspace::{Workspace, run};

/// `cargo xtask prepare`
pub(crate) fn prepare_everything(workspace: &Workspace) -> Result<ExitCode> {
    compilers()?;
    let modules = wasm::prepare(workspace)?;
    println!("SmartModule        {}", modules.voc.display());
    println!("ClickHouse engine  {}", chdb::prepare()?.display());
    for (name, part) in
        [("Python tools", python::prepare()), ("Kafka", kafka::prepare()), ("Fluvio", cluster::find())]
    {
        match part {
            Ok(path) => println!("{name:18} {}", path.display()),
            Err(error) => println!("{name:18} none, only tests and benchmarks would use it: {error:#}"),
        }
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

/// `cargo xtask train`
pub(crate) fn train(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    compilers()?;
    workspace.build()?;
    become_it(Command::new(workspace.binary("voc-train")).args(args))
}

/// `cargo xtask bench`
pub(crate) fn bench(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    let is_of_cluster = args.iter().any(|argument| argument == "cluster");
    become_stack(workspace, "voc-bench", args, is_of_cluster)
}

/// `cargo xtask chaos`
pub(crate) fn chaos(workspace: &Workspace, args: &[String]) -> Result<ExitCode> {
    // A file has no holes to be noticed, so leaving contiguity out means a cluster.
    let is_of_cluster = |argument: &String| argument.ends_with("cluster") || argument.ends_with("contiguity");
    become_stack(workspace, "voc-chaos", args, args.iter().any(is_of_cluster))
}

/// Becomes a program of `tests/` that starts everything else.
fn become_stack(
    workspace: &Workspace,
    program: &str,
    args: &[String],
    is_of_cluster: bool,
) -> Result<ExitCode> {
    compilers()?;
    let places = Places {
        modules: Some(wasm::prepare(workspace)?),
        library: Some(chdb::prepare()?),
        kafka: is_of_cluster.then(|| needed(kafka::prepare(), kafka::TO_GET)).transpose()?,
        fluvio: is_of_cluster.then(|| needed(cluster::find(), cluster::TO_GET)).transpose()?,
        ..Places::default()
    };
    workspace.build()?;
    let mut command = Command::new(workspace.binary(program));
    places.tell(&mut command, workspace);
    become_it(command.args(args))
}

/// Says how to have a part that is not there.
fn needed<T>(part: Result<T>, how: &str) -> Result<T> {
    part.map_err(|error| anyhow!("{error:#}\n  to enable it: {how}"))
}

/// `cargo xtask fuzz`
pub(crate) fn fuzz(workspace: &Workspace, minutes: u64) -> Result<ExitCode> {
    let mut test = workspace.cargo(&["test", "--release", "--package", "voc-smartmodule", "--test", "fuzz"]);
    test.args(["--", "--nocapture"]).env("VOC_FUZZ_SECONDS", (minutes * 60).to_string());
    run(&mut test, "the fuzz test")?;
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask openapi`
pub(crate) fn openapi(workspace: &Workspace) -> Result<ExitCode> {
    let mut test = workspace.cargo(&["test", "--release", "--package", "voc-api", "--lib"]);
    test.args(["openapi::tests::the_document_in_the_repository"]).env("VOC_WRITE_OPENAPI", "1");
    run(test.stdout(std::io::stderr()), "the test that writes the document")?;
    println!("{}", workspace.root.join("api/openapi.json").display());
    Ok(ExitCode::SUCCESS)
}

/// Where the parts lie that were built, fetched or found.
#[derive(Default)]
pub(crate) struct Places {
    pub(crate) modules: Option<wasm::SmartModules>,
    pub(crate) library: Option<PathBuf>,
    pub(crate) interpreter: Option<PathBuf>,
    pub(crate) kafka: Option<PathBuf>,
    pub(crate) fluvio: Option<PathBuf>,
}

impl Places {
    /// Tells a program of `tests/`.
    pub(crate) fn tell(&self, command: &mut Command, workspace: &Workspace) {
        command.env("VOC_BIN", workspace.binaries());
        if let Some(modules) = &self.modules {
            command.env("VOC_SMARTMODULE", &modules.voc).env("VOC_ECHO", &modules.echo);
        }
        for (variable, path) in [
            (chdb::VARIABLE, &self.library),
            (python::VARIABLE, &self.interpreter),
            (kafka::VARIABLE, &self.kafka),
            (cluster::VARIABLE, &self.fluvio),
        ] {
            if let Some(path) = path {
                command.env(variable, path);
            }
        }
    }
}

/// Replaces this process, so that input, output, signals and the exit code are the program's own.
fn become_it(command: &mut Command) -> Result<ExitCode> {
    let error = command.exec();
    Err(error).with_context(|| format!("{} does not start", command.get_program().display()))
}
