//! Apache Kafka, from Maven.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::say;
use crate::cache;
use crate::workspace::{on_path, output_of, run};

/// Overrides the folder of jars.
pub(crate) const VARIABLE: &str = "VOC_KAFKA";

/// How to have it, for whoever has not.
pub(crate) const TO_GET: &str =
    "apt-get install default-jre-headless maven, or java and VOC_KAFKA=/path/to/folder/of/jars";

const ENTRY: &str = "kafka-4.1.1";
const POM: &str = include_str!("../../kafka-pom.xml");

/// The folder of Kafka's jars, fetched if it is missing.
pub(crate) fn prepare() -> Result<PathBuf> {
    let java = on_path("java").context("java is missing")?;
    let jars = match std::env::var_os(VARIABLE).map(PathBuf::from) {
        Some(folder) if !folder.is_dir() => {
            bail!("{VARIABLE} names {}, which is not a folder", folder.display())
        }
        // The tests run in another folder than this command.
        Some(folder) => std::path::absolute(folder)?,
        None => cache::entry(ENTRY, fetch)?,
    };
    let mut version = Command::new(java);
    version.arg("-cp").arg(jars.join("*")).args(["kafka.Kafka", "--version"]);
    if output_of(&mut version).is_none() {
        bail!("the Kafka in {} does not run: it needs Java 17 or later", jars.display());
    }
    Ok(jars)
}

fn fetch(folder: &Path) -> Result<()> {
    let maven = on_path("mvn").context("mvn is missing, it fetches Kafka")?;
    say(&format!("Kafka: mvn dependency:copy-dependencies (43 MB) into {}", cache::folder()?.display()));
    fs::write(folder.join("pom.xml"), POM)?;
    let mut copy = Command::new(maven);
    copy.args(["-q", "-B", "-Dstyle.color=never", "dependency:copy-dependencies"]);
    copy.arg(format!("-DoutputDirectory={}", folder.display()));
    run(copy.current_dir(folder).stdout(std::io::stderr()), "mvn dependency:copy-dependencies")
}
