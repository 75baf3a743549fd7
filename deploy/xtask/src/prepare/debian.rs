//! Debian's `rustc-web`: a current compiler with its standard library's source, where rustup cannot
//! download. Used as installed, or unpacked into the cache, which needs no root.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::say;
use crate::cache;
use crate::workspace::{is_file, on_path, output_of, run};

const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// The oldest release that can build the workspace (`rust-version` in the root manifest).
const OLDEST: (u32, u32) = (1, 95);

/// A compiler from Debian, below some folder.
pub(crate) struct DebianRust {
    /// `/`, or the folder the packages were unpacked into.
    root: PathBuf,
}

impl DebianRust {
    /// Cargo with this compiler, able to build the standard library from source.
    pub(crate) fn cargo(&self) -> Result<Command> {
        let mut command = self.program("cargo");
        command
            .env("RUSTC", self.binary("rustc"))
            .env("RUSTDOC", self.binary("rustdoc"))
            // Lets a stable compiler take -Zbuild-std.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("PATH", path_with(&linker_folder()?)?)
            // What cargo and rustup set for this command would name the other toolchain.
            .env_remove("CARGO")
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("RUSTC_WRAPPER");
        Ok(command)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.binary(name));
        match self.root.to_str() {
            Some("/") => command.env_remove("LD_LIBRARY_PATH"),
            _ => command.env("LD_LIBRARY_PATH", self.root.join("usr/lib/x86_64-linux-gnu")),
        };
        command
    }

    fn binary(&self, name: &str) -> PathBuf {
        self.root.join("usr/bin").join(name)
    }

    /// Whether all of it is there, and new enough: Debian 12's own `rustc` lies at the same place.
    fn is_usable(&self) -> bool {
        let sources = self.root.join("usr/lib/rustlib/src/rust/library");
        if !is_file(&sources.join("std/Cargo.toml")) || !sources.join("vendor").is_dir() {
            return false;
        }
        ["rustc", "cargo"].iter().all(|name| {
            output_of(self.program(name).arg("--version"))
                .and_then(|version| release(&version))
                .is_some_and(|release| release >= OLDEST)
        })
    }
}

/// The compiler, if it is installed or was fetched before.
pub(crate) fn find() -> Result<Option<DebianRust>> {
    let places = [PathBuf::from("/"), cache::folder()?.join(ENTRY)];
    Ok(places.into_iter().map(|root| DebianRust { root }).find(DebianRust::is_usable))
}

/// The compiler, fetched from Debian's archive if need be.
pub(crate) fn find_or_fetch() -> Result<DebianRust> {
    if let Some(found) = find()? {
        return Ok(found);
    }
    let fetched = DebianRust { root: cache::entry(ENTRY, fetch)? };
    if !fetched.is_usable() {
        bail!("Debian's packages {} do not run here", PACKAGES.join(" "));
    }
    Ok(fetched)
}

const ENTRY: &str = "debian-rust-web";

fn fetch(folder: &Path) -> Result<()> {
    if on_path("apt-get").is_none() || on_path("dpkg-deb").is_none() {
        bail!("this is not a Debian system");
    }
    say(&format!(
        "SmartModule: apt-get download {} (140 MB) into {}",
        PACKAGES.join(" "),
        cache::folder()?.display()
    ));
    // Lists and archives of our own: the system's may be older, and belong to root.
    let apt = Apt { folder: folder.join("apt") };
    fs::create_dir_all(apt.folder.join("lists/partial"))?;
    fs::create_dir_all(apt.folder.join("cache/archives/partial"))?;
    fs::create_dir_all(apt.folder.join("packages"))?;
    // One source that does not answer fails the update as a whole, and need not matter.
    let updated = run(apt.command(&["update"]).stdout(std::io::stderr()), "apt-get update");

    let mut install = apt.command(&["install", "--simulate", "--no-install-recommends"]);
    let plan = output_of(install.args(PACKAGES));
    let plan = match (plan, updated) {
        (Some(plan), _) => plan,
        (None, Err(error)) => return Err(error),
        (None, Ok(())) => bail!("Debian's archive offers no {}", PACKAGES.join(" ")),
    };
    let missing: Vec<&str> =
        plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next()).collect();
    let mut download = apt.command(&["download"]);
    download.args(&missing).current_dir(apt.folder.join("packages")).stdout(std::io::stderr());
    run(&mut download, "apt-get download")?;

    for package in fs::read_dir(apt.folder.join("packages"))? {
        let mut unpack = Command::new("dpkg-deb");
        run(unpack.arg("-x").arg(package?.path()).arg(folder), "dpkg-deb")?;
    }
    fs::remove_dir_all(&apt.folder)?;
    Ok(())
}

struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn command(&self, args: &[&str]) -> Command {
        let option = |key: &str, folder: &str| format!("{key}={}", self.folder.join(folder).display());
        let mut command = Command::new("apt-get");
        command
            .args(["-q", "-o", "APT::Sandbox::User="])
            .args(["-o", &option("Dir::State::lists", "lists"), "-o", &option("Dir::Cache", "cache")])
            .args(args)
            .env("LC_ALL", "C");
        command
    }
}

/// The folder of `rust-lld`, which Debian's compiler calls and does not bring. rustup's toolchain does.
fn linker_folder() -> Result<PathBuf> {
    let rustc = output_of(Command::new("rustc").args(["--print", "sysroot"]));
    let host = output_of(Command::new("rustc").args(["--print", "host-tuple"]));
    if let (Some(sysroot), Some(host)) = (rustc, host) {
        let folder = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin");
        if is_file(&folder.join("rust-lld")) {
            return Ok(folder);
        }
    }
    on_path("rust-lld")
        .and_then(|path| path.parent().map(Path::to_owned))
        .context("rust-lld is missing: it comes with every Rust toolchain of rustup")
}

fn path_with(folder: &Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).context("the PATH cannot be extended")
}

/// `(1, 96)` of `rustc 1.96.0 (…)`.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_release() {
        assert_eq!(
            release("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"),
            Some((1, 96))
        );
        assert_eq!(release("rustc 1.63.0"), Some((1, 63)));
        assert_eq!(release("rustc"), None);
    }
}
