//! A Python with ClickHouse's own client, for the tests that hold the embedded engine against it, with pandas, for those
//! that open exports, and with schemathesis, which holds the API against its document.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::say;
use crate::cache;
use crate::workspace::{is_file, on_path, run};

/// Overrides the interpreter.
pub(crate) const VARIABLE: &str = "VOC_PYTHON";

const PACKAGES: [&str; 4] =
    ["clickhouse-connect==1.12.0", "pandas==3.1.1", "pyarrow==26.0.1", "schemathesis==4.32.5"];

/// With another number for other packages: what was made before stays as it is.
const ENTRY: &str = "python-3";

/// The path of the interpreter, made if it is missing.
pub(crate) fn prepare() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        if !is_file(&path) {
            bail!("{VARIABLE} names {}, which is not a file", path.display());
        }
        return Ok(path);
    }
    Ok(cache::entry(ENTRY, make)?.join("bin/python"))
}

/// A virtual environment finds its packages from where it lies, so it may be renamed as long as its
/// scripts, which name their interpreter by path, are not used.
fn make(folder: &Path) -> Result<()> {
    let python = on_path("python3").context("python3 is missing")?;
    let packages = PACKAGES.join(" ");
    say(&format!("Python tools: pip install {packages} into {}", cache::folder()?.display()));
    let mut venv = Command::new(python);
    venv.args(["-m", "venv"]).arg(folder).stdout(std::io::stderr());
    run(&mut venv, "python3 -m venv")?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PACKAGES);
    run(pip.stdout(std::io::stderr()), "pip install")
}
