//! Compiles the SmartModules to WebAssembly.
//!
//! With the wasm32 target where the toolchain has it or rustup can add it; otherwise with the compiler
//! that Debian builds for browsers, which comes with its standard library's source.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::debian::{self, DebianRust};
use super::say;
use crate::workspace::{Workspace, on_path, output_of, run};

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "release-lto";

/// rustup fails at once where there is no network, and may hang where there is half of one.
const RUSTUP_PATIENCE: Duration = Duration::from_secs(60);

/// `rustup` or `debian`: use this way and no other.
const WAY_VARIABLE: &str = "VOC_WASM_TOOLCHAIN";

/// The compiled modules.
pub(crate) struct SmartModules {
    /// Validates and annotates.
    pub(crate) voc: PathBuf,
    /// Only echoes: the engine's floor, for the benchmark.
    pub(crate) echo: PathBuf,
}

enum Toolchain {
    /// The project's own, with the target installed.
    Own,
    Debian(DebianRust),
}

/// Builds both modules, or does nothing where cargo finds them fresh.
pub(crate) fn prepare(workspace: &Workspace) -> Result<SmartModules> {
    let toolchain = choose(workspace)?;
    // A folder of its own: cargo would otherwise build for two compilers in one.
    let target_folder = workspace.target.join("wasm");
    let arguments = [
        "build",
        "--profile",
        PROFILE,
        "--target",
        TARGET,
        "--package",
        "voc-smartmodule",
        "--lib",
        "--example",
        "echo",
    ];
    let mut build = match &toolchain {
        Toolchain::Own => workspace.cargo(&arguments),
        Toolchain::Debian(debian) => {
            say("SmartModule: building with Debian's compiler and the standard library's source");
            let mut build = debian.cargo()?;
            build.args(arguments).arg("-Zbuild-std=std,panic_abort").current_dir(&workspace.root);
            build
        }
    };
    build.env("CARGO_TARGET_DIR", &target_folder).env_remove("RUSTFLAGS").stdout(std::io::stderr());
    run(&mut build, "building the SmartModule")?;

    let built = target_folder.join(TARGET).join(PROFILE);
    let place = workspace.smartmodules();
    fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
    Ok(SmartModules {
        voc: put(&built.join("voc_smartmodule.wasm"), &place)?,
        echo: put(&built.join("examples/echo.wasm"), &place)?,
    })
}

/// Copies by rename, because a running connector may be reading the older one.
fn put(built: &Path, place: &Path) -> Result<PathBuf> {
    let name = built.file_name().context("a built module has a name")?;
    let (unfinished, path) =
        (place.join(format!("{}.{}", name.display(), std::process::id())), place.join(name));
    fs::copy(built, &unfinished).with_context(|| format!("cannot copy {}", built.display()))?;
    fs::rename(&unfinished, &path).with_context(|| format!("cannot create {}", path.display()))?;
    Ok(path)
}

fn choose(workspace: &Workspace) -> Result<Toolchain> {
    let wanted = std::env::var(WAY_VARIABLE).unwrap_or_default();
    match wanted.as_str() {
        "rustup" if has_target(workspace) => Ok(Toolchain::Own),
        "rustup" => add_target(workspace).map(|()| Toolchain::Own),
        "debian" => debian::find_or_fetch().map(Toolchain::Debian),
        "" if has_target(workspace) => Ok(Toolchain::Own),
        "" => match debian::find()? {
            Some(debian) => Ok(Toolchain::Debian(debian)),
            None => add_target(workspace).map(|()| Toolchain::Own).or_else(|error| {
                say(&format!("{error:#}: falling back to Debian's compiler"));
                debian::find_or_fetch()
                    .map(Toolchain::Debian)
                    .context("no compiler for WebAssembly: rustup target add wasm32-unknown-unknown")
            }),
        },
        other => bail!("{WAY_VARIABLE} is {other:?}: it may be rustup or debian"),
    }
}

/// Whether the project's toolchain, from rustup or not, has the target.
fn has_target(workspace: &Workspace) -> bool {
    sysroot(workspace).is_some_and(|sysroot| sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir())
}

/// The folder of the project's toolchain.
fn sysroot(workspace: &Workspace) -> Option<PathBuf> {
    output_of(workspace.rustc().args(["--print", "sysroot"])).map(PathBuf::from)
}

fn add_target(workspace: &Workspace) -> Result<()> {
    let rustup = on_path("rustup").context("rustup is missing")?;
    say(&format!("SmartModule: rustup target add {TARGET}"));
    let mut child = Command::new(rustup)
        .args(["target", "add", TARGET])
        .current_dir(&workspace.root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("rustup does not start")?;
    let deadline = Instant::now() + RUSTUP_PATIENCE;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(_) => bail!("rustup cannot fetch {TARGET}"),
            None if Instant::now() >= deadline => {
                child.kill()?;
                child.wait()?;
                bail!("rustup did not fetch {TARGET} within {} s", RUSTUP_PATIENCE.as_secs());
            }
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}
