//! Makes what the commands need and a clone does not bring: each step says in one line what it does and
//! where from, and nothing when there is nothing to do.

pub(crate) mod chdb;
pub(crate) mod cluster;
pub(crate) mod debian;
pub(crate) mod kafka;
pub(crate) mod python;
pub(crate) mod wasm;

use std::process::Command;

use anyhow::{Result, bail};

use crate::workspace::{on_path, output_of};

/// What librdkafka is built with. Its build script would say late, and badly, what is missing.
pub(crate) fn compilers() -> Result<()> {
    let mut missing: Vec<&str> =
        ["cc", "c++", "make"].into_iter().filter(|tool| on_path(tool).is_none()).collect();
    let has_openssl = std::env::var_os("OPENSSL_DIR").is_some()
        || output_of(Command::new("pkg-config").args(["--exists", "openssl"])).is_some();
    if !has_openssl {
        missing.push("OpenSSL for pkg-config");
    }
    if !missing.is_empty() {
        bail!(
            "{} missing, librdkafka is built with it: apt-get install build-essential libssl-dev pkg-config",
            missing.join(" and ")
        );
    }
    Ok(())
}

/// Says what a step does. Standard error, because standard output belongs to the commands.
fn say(step: &str) {
    eprintln!("prepare: {step}");
}
