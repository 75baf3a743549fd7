//! The ClickHouse engine as a shared library, from npm.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::say;
use crate::cache;
use crate::workspace::{is_file, on_path, run};

/// Overrides the library.
pub(crate) const VARIABLE: &str = "VOC_LIBCHDB";

const PACKAGE: &str = "@chdb/lib-linux-x64-gnu@26.7.3-stable.1";
const ENTRY: &str = "libchdb-26.7.3";
const FILE: &str = "libchdb.so";
const SIZE: u64 = 566_330_096;
const SHA256: &str = "36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5";

/// The path of the library, fetched if it is missing.
pub(crate) fn prepare() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        if !is_file(&path) {
            bail!("{VARIABLE} names {}, which is not a file", path.display());
        }
        return Ok(path);
    }
    if (std::env::consts::OS, std::env::consts::ARCH) != ("linux", "x86_64") {
        bail!(
            "the ClickHouse library is fetched for Linux on x86_64 only: set {VARIABLE} to your libchdb.so"
        );
    }
    let library = cache::entry(ENTRY, fetch)?.join(FILE);
    let size = library.metadata().map(|metadata| metadata.len()).unwrap_or_default();
    if size != SIZE {
        bail!("{} has {size} bytes instead of {SIZE}: remove its folder and try again", library.display());
    }
    Ok(library)
}

fn fetch(folder: &Path) -> Result<()> {
    let npm = on_path("npm").context("npm is missing, it fetches the ClickHouse library: install Node.js")?;
    say(&format!("ClickHouse engine: npm pack {PACKAGE} (178 MB) into {}", cache::folder()?.display()));
    // A folder of its own, so that no package.json or .npmrc of the caller's folder has a say.
    let mut pack = Command::new(npm);
    pack.args(["pack", PACKAGE, "--silent"]).current_dir(folder).stdout(std::io::stderr());
    run(&mut pack, "npm pack")?;

    let archive = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .context("npm pack left no archive")?;
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(&archive).args(["--strip-components=1", "package/libchdb.so"]).current_dir(folder);
    run(&mut unpack, "tar")?;
    fs::remove_file(&archive)?;

    let found = sha256(&folder.join(FILE))?;
    if found != SHA256 {
        bail!("{PACKAGE} brought another {FILE} than expected: SHA-256 {found} instead of {SHA256}");
    }
    Ok(())
}

fn sha256(path: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    std::io::copy(&mut file, &mut hasher)?;
    Ok(format!("{:x}", hasher.finalize()))
}
