//! Where the project lies, and how its packages are built.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The workspace that the command was called in.
pub(crate) struct Workspace {
    /// Folder of the root manifest.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, wherever the user's configuration puts it.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Asks cargo, so that `CARGO_TARGET_DIR` and the like are obeyed.
    pub(crate) fn find() -> Result<Self> {
        let output = Command::new(cargo())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .stderr(Stdio::inherit())
            .output()
            .context("cargo does not start")?;
        if !output.status.success() {
            bail!("cargo metadata failed: call cargo xtask inside the project");
        }
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let path = |key: &str| {
            metadata[key]
                .as_str()
                .map(PathBuf::from)
                .with_context(|| format!("cargo metadata gives no {key}"))
        };
        Ok(Self { root: path("workspace_root")?, target: path("target_directory")? })
    }

    /// The folder of the built binaries.
    pub(crate) fn binaries(&self) -> PathBuf {
        self.target.join("release")
    }

    /// A binary of the project. It has to be built before.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.binaries().join(name)
    }

    /// Where the compiled SmartModules are put.
    pub(crate) fn smartmodules(&self) -> PathBuf {
        self.target.join("smartmodule")
    }

    /// A cargo command at the root. Its own output goes to standard error.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = Command::new(cargo());
        command.args(args).current_dir(&self.root);
        command
    }

    /// The compiler that cargo uses here.
    pub(crate) fn rustc(&self) -> Command {
        let mut command = Command::new("rustc");
        command.current_dir(&self.root);
        command
    }

    /// Builds all binaries but this one, as the tests use them: in the same profile and, because an example
    /// is built too, with the same features of every dependency. So what runs is what is tested, and nothing
    /// is compiled twice. (The example is empty here, it is a SmartModule.)
    pub(crate) fn build(&self) -> Result<()> {
        let line = ["build", "--release", "--workspace", "--exclude", "xtask", "--bins", "--example", "echo"];
        run(self.cargo(&line).stdout(std::io::stderr()), "cargo build")
    }
}

/// The cargo that runs this command.
fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// Runs a command to its end; anything but success is an error that names `what`.
pub(crate) fn run(command: &mut Command, what: &str) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("{what} does not start"))?;
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// What a command prints, trimmed; `None` where it does not start or fails.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The first program of that name on the PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| is_file(file))
}

/// Whether a file is there, links followed.
pub(crate) fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file())
}
